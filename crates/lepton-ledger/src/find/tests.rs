use super::*;
use crate::{
    AllocateFloatingIp, AllocateForInstance, AssociateFloatingIp, CreateFloatingPool, NetworkSpec, Refusal,
    TargetRequest,
    example::{allocation, deallocation, decided, empty, instance, made, network, requested},
};

fn within(range: &str) -> FindInstances {
    let wanted = WantedAddresses::In(range.parse().unwrap());
    FindInstances { project: None, wanted, after: None, limit: 100, scope: Scope::Everything }
}

fn written(text: AddressText, family: Option<AddressFamily>) -> FindInstances {
    let wanted = WantedAddresses::Written { text, family };
    FindInstances { project: None, wanted, after: None, limit: 100, scope: Scope::Everything }
}

fn pattern(text: &str) -> AddressText {
    AddressText::Pattern(text.parse().unwrap())
}

fn matching(text: &str) -> FindInstances {
    written(pattern(text), None)
}

/// What was found, as numbers of instances and addresses.
fn shown(page: &FoundInstances) -> Vec<String> {
    let number = |found: &FoundInstance| found.instance.as_uuid().as_u128();
    page.found.iter().map(|found| format!("{} {}", number(found), found.address)).collect()
}

fn allocated(ledger: &mut View, number: u128, project: &str) {
    let project = project.parse().unwrap();
    decided(ledger, &AllocateForInstance { project, ..allocation(number, vec![]) }).unwrap();
}

/// Three instances on two networks each: 1 and 2 of `p1`, 3 of `p2`.
fn three() -> View {
    let mut ledger = empty();
    made(&mut ledger, network("all", &["10.1.0.0/24", "fd00:1::/64"]));
    for (project, cidr) in [("p1", "10.9.0.0/24"), ("p2", "10.8.0.0/24")] {
        let project = project.parse().ok();
        made(&mut ledger, NetworkSpec { project, priority: -1, ..network("own", &[cidr]) });
    }
    for (number, project) in [(2, "p1"), (1, "p1"), (3, "p2")] {
        allocated(&mut ledger, number, project);
    }
    ledger
}

#[test]
fn a_range_is_answered_in_the_order_of_addresses() {
    let mut ledger = three();
    let found = decided(&mut ledger, &within("10.0.0.0/8")).unwrap();
    let expected = ["2 10.1.0.2", "1 10.1.0.3", "3 10.1.0.4", "3 10.8.0.2", "2 10.9.0.2", "1 10.9.0.3"];
    assert_eq!((shown(&found), found.next), (expected.map(str::to_owned).to_vec(), None));
    let one = decided(&mut ledger, &within("10.1.0.3/32")).unwrap();
    assert_eq!(shown(&one), ["1 10.1.0.3"]);
    assert_eq!(decided(&mut ledger, &within("0.0.0.0/0")).unwrap().found.len(), 6, "IPv6 is no part of it");
    assert_eq!(decided(&mut ledger, &within("192.168.0.0/16")).unwrap(), FoundInstances::default());
}

#[test]
fn a_text_is_answered_in_the_order_of_allocation_and_of_vnics() {
    let mut ledger = three();
    let found = shown(&decided(&mut ledger, &matching("10|fd00")).unwrap());
    let of_v4: Vec<_> = found.iter().filter(|text| !text.contains("fd00")).collect();
    // All were allocated at one moment, so their ids are their order.
    let expected = ["1 10.9.0.3", "1 10.1.0.3", "2 10.9.0.2", "2 10.1.0.2", "3 10.8.0.2", "3 10.1.0.4"];
    assert_eq!(of_v4, expected.iter().collect::<Vec<_>>());
    assert!(found[2].starts_with("1 fd00:1::"), "IPv4 before IPv6: {found:?}");
    let prefix = written(AddressText::Prefix("10.9.".parse().unwrap()), None);
    assert_eq!(shown(&decided(&mut ledger, &prefix).unwrap()), ["1 10.9.0.3", "2 10.9.0.2"]);
    for (family, count) in [(AddressFamily::V4, 6), (AddressFamily::V6, 3)] {
        let all = written(pattern("."), Some(family));
        assert_eq!(decided(&mut ledger, &all).unwrap().found.len(), count);
    }
}

#[test]
fn a_caller_finds_its_own_projects_instances_alone() {
    let mut ledger = three();
    let p2 = || "p2".parse().unwrap();
    for question in [within("10.0.0.0/8"), matching("10")] {
        let own = FindInstances { scope: Scope::Project(p2()), ..question.clone() };
        let asked = FindInstances { project: Some(p2()), ..question };
        for question in [&own, &asked] {
            let found = decided(&mut ledger, question).unwrap();
            assert_eq!(found.found.iter().map(|found| found.instance).collect::<Vec<_>>(), [instance(3); 2]);
        }
        let foreign = FindInstances { project: "p1".parse().ok(), ..own };
        assert_eq!(decided(&mut ledger, &foreign).unwrap(), FoundInstances::default());
    }
}

#[test]
fn pages_of_a_text_follow_each_other_and_split_no_instance() {
    let mut ledger = three();
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let question = FindInstances { after, limit: 3, ..matching("10") };
        let page = decided(&mut ledger, &question).unwrap();
        pages.push(page.found);
        let Some(place @ FoundPlace::Instance(_)) = page.next else { break };
        after = Some(place);
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(pages.concat(), decided(&mut ledger, &matching("10")).unwrap().found);
}

#[test]
fn pages_of_a_range_follow_each_other() {
    let mut ledger = three();
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let question = FindInstances { after, limit: 4, ..within("10.0.0.0/8") };
        let page = decided(&mut ledger, &question).unwrap();
        pages.push(page.found);
        let Some(place @ FoundPlace::Address(_)) = page.next else { break };
        after = Some(place);
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2]);
    assert_eq!(pages.concat(), decided(&mut ledger, &within("10.0.0.0/8")).unwrap().found);
}

#[test]
fn a_call_looks_at_so_many_rows_and_no_more_whether_they_match_or_not() {
    let mut ledger = empty();
    made(&mut ledger, network("all", &["10.1.0.0/16"]));
    for number in 0..u128::from(page::LOOKS) {
        allocated(&mut ledger, number, "p1");
    }
    allocated(&mut ledger, u128::from(page::LOOKS), "p2");
    let of_every_project = decided(&mut ledger, &within("10.0.0.0/8")).unwrap();
    assert_eq!((of_every_project.found.len(), of_every_project.next.is_some()), (100, true));
    let of_p2 = FindInstances { project: "p2".parse().ok(), ..within("10.0.0.0/8") };
    let found = decided(&mut ledger, &of_p2).unwrap();
    assert_eq!((found.found.len(), found.next), (1, None), "others' addresses are not looked at");

    let nothing = decided(&mut ledger, &matching("9")).unwrap();
    assert!(nothing.found.is_empty() && nothing.next.is_some(), "{nothing:?}");
    let of_p2 = FindInstances { project: "p2".parse().ok(), ..matching("10") };
    let found = decided(&mut ledger, &of_p2).unwrap();
    assert_eq!((found.found.len(), found.next), (1, None), "others' instances are not looked at");
}

/// As many networks as a call looks at have the same prefix, and somebody has the same address of each.
#[test]
fn an_address_that_very_many_networks_have_is_found_by_its_project_without_a_word_of_the_others() {
    let mut ledger = empty();
    let (last, limit) = (u128::from(page::LOOKS), 1);
    let nets = (0..=last)
        .map(|number| made(&mut ledger, network(&format!("n{number}"), &["10.1.0.0/24"])).network.id);
    let nets: Vec<_> = nets.collect();
    for (number, id) in (0..).zip(&nets) {
        let project = if number == last { "p2" } else { "p1" }.parse().unwrap();
        let on_it =
            AllocateForInstance { project, ..allocation(number, vec![requested(*id, &["10.1.0.9"])]) };
        decided(&mut ledger, &on_it).unwrap();
    }
    let of = |project: &str, after| FindInstances {
        project: project.parse().ok(),
        after,
        limit,
        ..within("10.1.0.9/32")
    };
    let found = decided(&mut ledger, &of("p2", None)).unwrap();
    assert_eq!((shown(&found), found.next), (vec![format!("{last} 10.1.0.9")], None));
    let (mut count, mut after) = (0, None);
    loop {
        let page = decided(&mut ledger, &of("p1", after)).unwrap();
        count += page.found.len();
        let Some(place @ FoundPlace::Instance(_)) = page.next else { break };
        after = Some(place);
    }
    assert_eq!(count, nets.len() - 1);
}

#[test]
fn what_was_released_is_not_found() -> Result<(), Refusal> {
    let mut ledger = empty();
    let id = made(&mut ledger, network("all", &["10.1.0.0/24"])).network.id;
    decided(&mut ledger, &allocation(1, vec![requested(id, &["10.1.0.9"])]))?;
    decided(&mut ledger, &deallocation(1))?;
    assert_eq!(decided(&mut ledger, &within("10.1.0.9/32"))?, FoundInstances::default());
    assert_eq!(decided(&mut ledger, &matching("10"))?, FoundInstances::default());
    Ok(())
}

fn led_to(floating: &str) -> FindInstances {
    FindInstances { wanted: WantedAddresses::LedToBy(floating.parse().unwrap()), ..within("::/0") }
}

/// A floating IP of p1.
fn floating_ip(ledger: &mut View) -> IpAddr {
    let ranges = vec!["172.24.4.0/24".parse().unwrap()];
    let pool = CreateFloatingPool { name: "nova".parse().unwrap(), ranges, interface: None };
    decided(ledger, &pool).unwrap();
    let wish = AllocateFloatingIp {
        project: "p1".parse().ok(),
        pool: "nova".parse().unwrap(),
        address: None,
        scope: Scope::Everything,
    };
    decided(ledger, &wish).unwrap().floating_ip.address
}

/// Lets a floating IP lead to an address of an instance; answers with it.
fn led(ledger: &mut View, floating: IpAddr, number: u128) -> IpAddr {
    let target = TargetRequest::Instance { instance: instance(number), fixed_ip: None, network: None };
    let (affects_auto_assigned, scope) = (false, Scope::Everything);
    let lead = AssociateFloatingIp { address: floating, target, affects_auto_assigned, scope };
    decided(ledger, &lead).unwrap().floating_ip.floating_ip.target.unwrap().address
}

/// As Nova's filter `ip` found an instance by the addresses that the world knows it by.
#[test]
fn a_text_finds_what_floating_ips_lead_to_in_the_place_of_the_address() {
    let mut ledger = three();
    let floating = floating_ip(&mut ledger);
    assert_eq!(decided(&mut ledger, &matching("172")).unwrap(), FoundInstances::default());
    let address = led(&mut ledger, floating, 2);
    let found = decided(&mut ledger, &matching(r"172\.24")).unwrap();
    assert_eq!(shown(&found), [format!("2 {address}")]);
    assert_eq!(found.found[0].floating, Some(floating));
    let all = decided(&mut ledger, &matching(".")).unwrap().found;
    assert!(all.len() == 9 && all.iter().all(|found| found.floating.is_none()), "once each: {all:?}");
    let prefix = AddressText::Prefix("172.24.4.".parse().unwrap());
    assert_eq!(decided(&mut ledger, &written(prefix.clone(), None)).unwrap(), found);
    let of_ipv6 = written(prefix, Some(AddressFamily::V6));
    assert_eq!(decided(&mut ledger, &of_ipv6).unwrap(), FoundInstances::default());
    let of_p2 = FindInstances { scope: Scope::Project("p2".parse().unwrap()), ..matching("172") };
    assert_eq!(decided(&mut ledger, &of_p2).unwrap(), FoundInstances::default());
    // Both are written so: the address itself is told.
    let both = decided(&mut ledger, &matching("1")).unwrap().found;
    assert!(both.iter().all(|found| found.floating.is_none()), "{both:?}");
}

#[test]
fn a_floating_ip_finds_the_fixed_ip_that_it_leads_to_while_it_does() {
    let mut ledger = three();
    let address = floating_ip(&mut ledger);
    assert_eq!(decided(&mut ledger, &led_to("172.24.4.1")).unwrap(), FoundInstances::default());
    let leads_to = led(&mut ledger, address, 1);

    let found = decided(&mut ledger, &led_to("172.24.4.1")).unwrap();
    assert_eq!(shown(&found), [format!("1 {leads_to}")]);
    assert_eq!((found.found[0].floating, found.next), (Some(address), None));
    for (project, scope, expected) in [
        ("p1", Scope::Everything, 1),
        ("p1", Scope::Project("p1".parse().unwrap()), 1),
        ("p2", Scope::Everything, 0),
        ("p2", Scope::Project("p1".parse().unwrap()), 0),
    ] {
        let question = FindInstances { project: project.parse().ok(), scope, ..led_to("172.24.4.1") };
        assert_eq!(decided(&mut ledger, &question).unwrap().found.len(), expected, "{question:?}");
    }
    let foreign = FindInstances { scope: Scope::Project("p2".parse().unwrap()), ..led_to("172.24.4.1") };
    let not_found = Refusal::FloatingIpNotFound { address, pool: None };
    assert_eq!(decided(&mut ledger, &foreign), Err(not_found));
    decided(&mut ledger, &deallocation(1)).unwrap();
    assert_eq!(decided(&mut ledger, &led_to("172.24.4.1")).unwrap(), FoundInstances::default());
}

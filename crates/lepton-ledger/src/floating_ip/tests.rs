//! Floating IPs, call by call.

mod model;

use super::*;
use crate::{
    Associate, AssociateNetwork, CreateFloatingPool, GetInstanceNwInfo, NetworkSpec,
    example::{
        allocation, changes, deallocation, decided, empty, host, instance, loaded, made, missing, network,
        requested, unloaded, with_network,
    },
};
use lepton_types::{Network, PortStatus};

/// A ledger with a network and a pool.
fn with_pool(ranges: &[&str]) -> View {
    let (mut ledger, _) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    pool(&mut ledger, "nova", ranges);
    ledger
}

fn pool(ledger: &mut View, name: &str, ranges: &[&str]) {
    let ranges = ranges.iter().map(|text| text.parse().unwrap()).collect();
    let create =
        CreateFloatingPool { name: name.parse().unwrap(), ranges, interface: Some("eth1".parse().unwrap()) };
    decided(ledger, &create).unwrap();
}

fn wish() -> AllocateFloatingIp {
    AllocateFloatingIp {
        project: Some(project("p1")),
        pool: "nova".parse().unwrap(),
        address: None,
        scope: Scope::Everything,
    }
}

fn project(name: &str) -> ProjectId {
    name.parse().unwrap()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn allocated(ledger: &mut View) -> IpAddr {
    decided(ledger, &wish()).unwrap().floating_ip.address
}

fn associate(floating: IpAddr, number: u128, fixed_ip: Option<&str>) -> AssociateFloatingIp {
    let target = TargetRequest::Instance {
        instance: instance(number),
        fixed_ip: fixed_ip.map(address),
        network: None,
    };
    AssociateFloatingIp { address: floating, target, affects_auto_assigned: false, scope: Scope::Everything }
}

fn disassociate(floating: IpAddr) -> DisassociateFloatingIp {
    DisassociateFloatingIp { address: floating, affects_auto_assigned: false, scope: Scope::Everything }
}

fn release(floating: IpAddr) -> ReleaseFloatingIp {
    ReleaseFloatingIp {
        address: floating,
        disassociates: false,
        affects_auto_assigned: false,
        scope: Scope::Everything,
    }
}

fn list() -> ListFloatingIps {
    ListFloatingIps {
        project: None,
        selection: FloatingSelection::All,
        shows_auto_assigned: false,
        after: None,
        limit: 100,
        scope: Scope::Everything,
    }
}

fn listed(ledger: &mut View, list: &ListFloatingIps) -> Vec<String> {
    let page = decided(ledger, list).unwrap();
    page.floating_ips.iter().map(|info| info.floating_ip.address.to_string()).collect()
}

fn told<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> String {
    let refusal = outcome.unwrap_err();
    format!("{}: {refusal}", refusal.reason())
}

/// Gives an instance a floating IP as an allocation does by itself.
fn auto_assigned(ledger: &mut View, number: u128) -> IpAddr {
    let attempt = ledger.attempt(0, |ledger| {
        let living = ledger.instance(instance(number))?.cloned().unwrap();
        let target = ledger.targets_of(&living)?[0];
        ledger.allocate_floating_ip(&"nova".parse().unwrap(), None, living.project, Some(target))
    });
    attempt.unwrap().address
}

#[test]
fn a_project_gets_the_lowest_free_address_and_no_more_than_there_are() {
    let mut ledger = with_pool(&["172.24.4.8-172.24.4.9", "172.24.4.0/30"]);
    let given: Vec<_> = (0..4).map(|_| allocated(&mut ledger).to_string()).collect();
    assert_eq!(given, ["172.24.4.1", "172.24.4.2", "172.24.4.8", "172.24.4.9"]);
    let before = ledger.changes().len();
    let dry = "NO_MORE_FLOATING_IPS: pool nova has no free floating IP; release some, or use another pool";
    assert_eq!(told(decided(&mut ledger, &wish())), dry);
    assert_eq!(changes(&ledger, before), [""; 0]);

    decided(&mut ledger, &release(address("172.24.4.2"))).unwrap();
    assert_eq!(changes(&ledger, before), ["~block", "~range", "-floating"]);
    assert_eq!(allocated(&mut ledger), address("172.24.4.2"));
}

#[test]
fn an_address_may_be_chosen() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    let choose = |text: &str| AllocateFloatingIp { address: Some(address(text)), ..wish() };
    let info = decided(&mut ledger, &choose("172.24.4.77")).unwrap();
    assert_eq!((info.floating_ip.address, info.pool_name.as_str()), (address("172.24.4.77"), "nova"));
    assert_eq!((info.interface, info.host), (Some("eth1".parse().unwrap()), None));
    let taken = Refusal::FloatingIpAlreadyInUse { address: address("172.24.4.77"), field: "address" };
    assert_eq!(decided(&mut ledger, &choose("172.24.4.77")).unwrap_err(), taken);
    for elsewhere in ["172.24.5.1", "172.24.4.0", "172.24.4.255"] {
        let refusal = told(decided(&mut ledger, &choose(elsewhere)));
        assert_eq!(
            refusal,
            format!("FLOATING_IP_NOT_FOUND: floating IP {elsewhere} is not found in pool nova")
        );
    }
}

#[test]
fn a_pool_that_is_not_there_is_told_by_its_name() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    let elsewhere = AllocateFloatingIp { pool: "blue".parse().unwrap(), ..wish() };
    assert_eq!(
        told(decided(&mut ledger, &elsewhere)),
        "FLOATING_POOL_NOT_FOUND: pool blue of floating IPs is not found"
    );
    // The network of guests has a name, too.
    let network = AllocateFloatingIp { pool: "private".parse().unwrap(), ..wish() };
    assert!(told(decided(&mut ledger, &network)).starts_with("FLOATING_POOL_NOT_FOUND"));
}

#[test]
fn a_floating_ip_leads_to_a_fixed_ip_and_network_info_tells_so() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let subnet = &info.vifs[0].network.subnets[0];
    let (first, second) = (allocated(&mut ledger), allocated(&mut ledger));
    let before = ledger.changes().len();
    let done = decided(&mut ledger, &associate(second, 1, Some("10.1.0.2"))).unwrap();
    assert_eq!(changes(&ledger, before), ["~floating"]);
    let expected = FloatingTarget {
        port: info.vifs[0].id,
        instance: instance(1),
        network: info.vifs[0].network.id,
        subnet: subnet.id,
        address: address("10.1.0.2"),
    };
    assert_eq!((done.floating_ip.floating_ip.target, done.previous_instance), (Some(expected), None));
    assert_eq!(done.floating_ip.host, Some(host()));
    decided(&mut ledger, &associate(first, 1, None)).unwrap();

    let told =
        decided(&mut ledger, &GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything }).unwrap();
    let subnets = &told.vifs[0].network.subnets;
    let links: Vec<_> = subnets[0].floating_ips.iter().map(|link| (link.floating, link.fixed)).collect();
    assert_eq!(links, [(first, address("10.1.0.2")), (second, address("10.1.0.2"))]);
    assert_eq!(subnets[1].floating_ips, []);
}

#[test]
fn b52_associating_again_changes_nothing_and_elsewhere_moves_it_in_one_step() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    for number in [1, 2] {
        decided(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    let floating = allocated(&mut ledger);
    decided(&mut ledger, &associate(floating, 1, None)).unwrap();
    let before = ledger.changes().len();
    let again = decided(&mut ledger, &associate(floating, 1, Some("10.1.0.2"))).unwrap();
    assert_eq!((changes(&ledger, before), again.previous_instance), (vec![], None));
    let moved = decided(&mut ledger, &associate(floating, 2, None)).unwrap();
    assert_eq!(changes(&ledger, before), ["~floating"], "there is no moment in which it leads nowhere");
    assert_eq!(moved.previous_instance, Some(instance(1)));
    assert_eq!(moved.floating_ip.floating_ip.target.unwrap().instance, instance(2));
}

#[test]
fn associating_again_changes_nothing_also_when_the_network_is_another_projects_now() {
    let mut ledger = empty();
    let own = NetworkSpec { project: Some(project("p1")), ..network("own", &["10.1.0.0/24"]) };
    let id = made(&mut ledger, own).network.id;
    pool(&mut ledger, "nova", &["172.24.4.0/30"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let floating = allocated(&mut ledger);
    let mut again = associate(floating, 1, None);
    decided(&mut ledger, &again).unwrap();
    decided(&mut ledger, &crate::DisassociateNetwork { network: id, project: true, host: false }).unwrap();
    let with = Associate::Project(project("p2"));
    decided(&mut ledger, &AssociateNetwork { network: id, with }).unwrap();
    again.target = TargetRequest::Anywhere { fixed_ip: address("10.1.0.2") };
    let before = ledger.changes().len();
    for scope in [Scope::Everything, Scope::Project(project("p1"))] {
        let again = AssociateFloatingIp { scope, ..again.clone() };
        assert_eq!(decided(&mut ledger, &again).unwrap().previous_instance, None);
    }
    assert_eq!(ledger.changes().len(), before);
}

#[test]
fn b50_a_floating_ip_leads_to_nothing_that_no_live_port_has() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let v6 = info.vifs[0].network.subnets[1].fixed_ips[0].to_string();
    decided(&mut ledger, &allocation(2, vec![])).unwrap();
    decided(&mut ledger, &deallocation(2)).unwrap();
    let floating = allocated(&mut ledger);
    let before = ledger.changes().len();
    let network = info.vifs[0].network.id;
    // Nobody's, the gateway's, a released port's, of the other family, of no subnet.
    for fixed_ip in ["10.1.0.9", "10.1.0.1", "10.1.0.3", &v6, "10.9.0.1"] {
        let fixed_ip = address(fixed_ip);
        for target in [TargetRequest::Anywhere { fixed_ip }, TargetRequest::Network { network, fixed_ip }] {
            let refusal =
                decided(&mut ledger, &AssociateFloatingIp { target, ..associate(floating, 1, None) });
            assert_eq!(refusal.unwrap_err().reason(), "FIXED_IP_NOT_FOUND", "{fixed_ip}");
        }
    }
    let refusal = told(decided(&mut ledger, &associate(floating, 1, Some("10.1.0.9"))));
    let expected =
        format!("FIXED_IP_NOT_FOUND: no live port of instance {} has the IPv4 address 10.1.0.9", instance(1));
    assert_eq!(refusal, expected);
    let anywhere = TargetRequest::Anywhere { fixed_ip: address("10.1.0.9") };
    let refusal =
        told(decided(&mut ledger, &AssociateFloatingIp { target: anywhere, ..associate(floating, 1, None) }));
    assert_eq!(
        refusal,
        "FIXED_IP_NOT_FOUND: no live port on a network that project p1 may use has the IPv4 address 10.1.0.9"
    );
    assert!(told(decided(&mut ledger, &associate(floating, 2, None))).starts_with("INSTANCE_NOT_FOUND"));
    assert_eq!(changes(&ledger, before), [""; 0]);
}

#[test]
fn another_projects_fixed_ip_is_not_led_to() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    let other = crate::AllocateForInstance { project: project("p2"), ..allocation(1, vec![]) };
    let network = decided(&mut ledger, &other).unwrap().vifs[0].network.id;
    let floating = allocated(&mut ledger);
    let fixed_ip = address("10.1.0.2");
    let own = Scope::Project(project("p1"));
    let targets = [
        TargetRequest::Instance { instance: instance(1), fixed_ip: None, network: None },
        TargetRequest::Network { network, fixed_ip },
        TargetRequest::Anywhere { fixed_ip },
    ];
    for target in targets {
        for scope in [Scope::Everything, own.clone()] {
            let command =
                AssociateFloatingIp { target: target.clone(), scope, ..associate(floating, 1, None) };
            let told = told(decided(&mut ledger, &command));
            match command.scope {
                Scope::Project(_) => {
                    let (reason, _) = told.split_once(':').unwrap();
                    assert!(["FIXED_IP_NOT_FOUND", "INSTANCE_NOT_FOUND"].contains(&reason), "{told}");
                }
                Scope::Everything => assert_eq!(
                    told,
                    format!(
                        "FLOATING_IP_OF_OTHER_PROJECT: floating IP 172.24.4.1 is project p1's, and 10.1.0.2 of instance {} is \
                         project p2's; use a floating IP of p2's",
                        instance(1)
                    )
                ),
            }
        }
    }
}

#[test]
fn an_address_that_only_other_projects_have_is_no_choice_and_the_own_one_comes_before_theirs() {
    let mut ledger = empty();
    pool(&mut ledger, "nova", &["172.24.4.0/24"]);
    let networks =
        ["one", "two", "own"].map(|label| made(&mut ledger, network(label, &["10.1.0.0/24"])).network.id);
    let floating = allocated(&mut ledger);
    let target = TargetRequest::Anywhere { fixed_ip: address("10.1.0.7") };
    let command = AssociateFloatingIp { target, ..associate(floating, 1, None) };
    let take = |ledger: &mut View, number: u128, of: &str, at| {
        let on_it = allocation(number, vec![requested(at, &["10.1.0.7"])]);
        decided(ledger, &crate::AllocateForInstance { project: project(of), ..on_it }).unwrap();
    };
    take(&mut ledger, 2, "p2", networks[0]);
    take(&mut ledger, 3, "p3", networks[1]);
    assert_eq!(decided(&mut ledger, &command).unwrap_err().reason(), "FLOATING_IP_OF_OTHER_PROJECT");
    take(&mut ledger, 1, "p1", networks[2]);
    let led = decided(&mut ledger, &command).unwrap().floating_ip.floating_ip;
    assert_eq!(led.target.unwrap().instance, instance(1));
}

#[test]
fn an_address_on_two_networks_needs_its_instance_or_network() {
    let mut ledger = empty();
    pool(&mut ledger, "nova", &["172.24.4.0/24"]);
    let [one, two] = ["one", "two"].map(|label| {
        let spec = NetworkSpec { project: Some(project("p1")), ..network(label, &["10.1.0.0/24"]) };
        made(&mut ledger, spec).network.id
    });
    decided(&mut ledger, &allocation(1, vec![requested(one, &["10.1.0.7"])])).unwrap();
    decided(&mut ledger, &allocation(2, vec![requested(two, &["10.1.0.7"])])).unwrap();
    let floating = allocated(&mut ledger);
    let fixed_ip = address("10.1.0.7");
    let mut command = associate(floating, 1, None);
    command.target = TargetRequest::Anywhere { fixed_ip };
    assert_eq!(
        told(decided(&mut ledger, &command)),
        "FIXED_IP_AMBIGUOUS: 10.1.0.7 is on several of the project's networks; name the instance or the network"
    );
    command.target = TargetRequest::Network { network: two, fixed_ip };
    let target = decided(&mut ledger, &command).unwrap().floating_ip.floating_ip.target.unwrap();
    assert_eq!((target.instance, target.network), (instance(2), two));
    decided(&mut ledger, &associate(floating, 1, Some("10.1.0.7"))).unwrap();
}

#[test]
fn what_leads_nowhere_is_not_disassociated_and_what_leads_somewhere_not_released() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let floating = allocated(&mut ledger);
    assert_eq!(
        told(decided(&mut ledger, &disassociate(floating))),
        "FLOATING_IP_NOT_ASSOCIATED: floating IP 172.24.4.1 leads to no fixed IP"
    );
    decided(&mut ledger, &associate(floating, 1, None)).unwrap();
    assert_eq!(
        told(decided(&mut ledger, &release(floating))),
        "FLOATING_IP_ASSOCIATED: floating IP 172.24.4.1 leads to 10.1.0.2; disassociate it first"
    );
    let done = decided(&mut ledger, &disassociate(floating)).unwrap();
    assert_eq!((done.previous_instance, done.floating_ip.floating_ip.target), (Some(instance(1)), None));
    decided(&mut ledger, &associate(floating, 1, None)).unwrap();
    decided(&mut ledger, &ReleaseFloatingIp { disassociates: true, ..release(floating) }).unwrap();
    assert_eq!(
        told(decided(&mut ledger, &release(floating))),
        "FLOATING_IP_NOT_FOUND: floating IP 172.24.4.1 is not found"
    );
}

#[test]
fn b49_what_was_assigned_by_itself_is_touched_only_when_that_is_meant() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    for number in [1, 2] {
        decided(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    let floating = auto_assigned(&mut ledger, 1);
    let before = ledger.changes().len();
    let refusals = [
        told(decided(&mut ledger, &associate(floating, 2, None))),
        told(decided(&mut ledger, &disassociate(floating))),
        told(decided(&mut ledger, &release(floating))),
    ];
    for refusal in refusals {
        assert!(
            refusal.starts_with("FLOATING_IP_AUTO_ASSIGNED: floating IP 172.24.4.1 was assigned"),
            "{refusal}"
        );
    }
    assert_eq!(changes(&ledger, before), [""; 0]);
    let there = decided(&mut ledger, &associate(floating, 1, None)).unwrap();
    assert!(there.floating_ip.floating_ip.is_auto_assigned, "it leads there already");
    assert_eq!(changes(&ledger, before), [""; 0]);
    let mut kept = ledger.clone();
    let keep = AssociateFloatingIp { affects_auto_assigned: true, ..associate(floating, 1, None) };
    let own = decided(&mut kept, &keep).unwrap();
    assert_eq!((own.previous_instance, own.floating_ip.floating_ip.is_auto_assigned), (None, false));
    assert_eq!(own.floating_ip.floating_ip.since, there.floating_ip.floating_ip.since);
    decided(&mut kept, &deallocation(1)).unwrap();
    assert_eq!(listed(&mut kept, &list()), ["172.24.4.1"], "the instance ends, and it stays");

    let moved = AssociateFloatingIp { affects_auto_assigned: true, ..associate(floating, 2, None) };
    assert_eq!(decided(&mut ledger, &moved).unwrap().previous_instance, Some(instance(1)));
    assert_eq!(listed(&mut ledger, &list()), ["172.24.4.1"], "from then on it is one that was chosen");
    decided(&mut ledger, &disassociate(floating)).unwrap();
    decided(&mut ledger, &release(floating)).unwrap();
    assert_eq!(auto_assigned(&mut ledger, 1), floating);
    let freed = DisassociateFloatingIp { affects_auto_assigned: true, ..disassociate(floating) };
    decided(&mut ledger, &freed).unwrap();
    decided(&mut ledger, &deallocation(1)).unwrap();
    decided(&mut ledger, &release(floating)).unwrap();
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    auto_assigned(&mut ledger, 1);
    let meant = ReleaseFloatingIp { affects_auto_assigned: true, ..release(floating) };
    assert!(told(decided(&mut ledger, &meant)).starts_with("FLOATING_IP_ASSOCIATED"));
    decided(&mut ledger, &ReleaseFloatingIp { disassociates: true, ..meant }).unwrap();
}

#[test]
fn b20_a_deallocation_takes_its_floating_ips_off_and_gives_the_auto_assigned_back() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let chosen = allocated(&mut ledger);
    decided(&mut ledger, &associate(chosen, 1, None)).unwrap();
    let assigned = auto_assigned(&mut ledger, 1);
    decided(&mut ledger, &deallocation(1)).unwrap();
    let left: Vec<_> = ledger.rows::<FloatingIp>().map(|row| (row.address, row.target)).collect();
    assert_eq!(left, [(chosen, None)], "{assigned} is in its pool again");
    assert_eq!(ledger.rows::<FloatingRange>().next().unwrap().allocated, 1);
    assert_eq!(allocated(&mut ledger), assigned);
}

/// Nova asked whose the floating IP is when an instance of another project's was deleted by an admin, and leaked its fixed IP.
#[test]
fn b21_whoever_deallocates_takes_the_floating_ips_off() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let floating = allocated(&mut ledger);
    decided(&mut ledger, &associate(floating, 1, None)).unwrap();
    // A deallocation does not ask whose the instance or the floating IP is: its caller is a service.
    decided(&mut ledger, &deallocation(1)).unwrap();
    assert_eq!(ledger.row::<FloatingIp>(&floating).unwrap().target, None);
    assert_eq!(ledger.row::<FloatingIp>(&floating).unwrap().project, project("p1"));
}

#[test]
fn an_address_that_leaves_its_port_takes_its_own_floating_ips_off() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let floating = allocated(&mut ledger);
    decided(&mut ledger, &associate(floating, 1, None)).unwrap();
    let network = ledger.row::<FloatingIp>(&floating).unwrap().target.unwrap().network;
    let second = crate::AddFixedIp {
        instance: instance(1),
        wanted: crate::WantedAddress::Lowest(crate::Place::Network(network)),
        only_on: None,
        scope: Scope::Everything,
        domain: None,
    };
    decided(&mut ledger, &second).unwrap();
    let other = allocated(&mut ledger);
    decided(&mut ledger, &associate(other, 1, Some("10.1.0.3"))).unwrap();
    let before = ledger.changes().len();
    let removal = crate::RemoveFixedIp {
        instance: instance(1),
        address: address("10.1.0.2"),
        network: None,
        only_on: None,
        scope: Scope::Everything,
        domain: None,
    };
    let info = decided(&mut ledger, &removal).unwrap();
    assert_eq!(changes(&ledger, before)[0], "~floating");
    let subnets = info.vifs[0].network.subnets.iter();
    let left: Vec<_> = subnets.flat_map(|subnet| &subnet.floating_ips).map(|link| link.floating).collect();
    assert_eq!(left, [other], "what leads to its other address stays");
    assert_eq!(ledger.row::<FloatingIp>(&floating).unwrap().target, None);
    let refusal = decided(&mut ledger, &associate(floating, 1, Some("10.1.0.2"))).unwrap_err();
    assert_eq!(refusal.reason(), "FIXED_IP_NOT_FOUND", "it is on its way to its pool");
}

/// In Nova a tenant's own elevated question for a global network failed, and only admins could move such a floating IP.
#[test]
fn b48_a_tenant_moves_its_floating_ip_on_a_global_network() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    for number in [1, 2] {
        decided(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    let scope = Scope::Project(project("p1"));
    let own = AllocateFloatingIp { project: None, scope: scope.clone(), ..wish() };
    let floating = decided(&mut ledger, &own).unwrap().floating_ip.address;
    for number in [1, 2] {
        decided(
            &mut ledger,
            &AssociateFloatingIp { scope: scope.clone(), ..associate(floating, number, None) },
        )
        .unwrap();
    }
    decided(&mut ledger, &DisassociateFloatingIp { scope: scope.clone(), ..disassociate(floating) }).unwrap();
    decided(&mut ledger, &ReleaseFloatingIp { scope, ..release(floating) }).unwrap();
}

#[test]
fn another_projects_floating_ip_is_as_one_that_nobody_has() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let floating = allocated(&mut ledger);
    let scope = || Scope::Project(project("p2"));
    let before = ledger.changes().len();
    let refusals = [
        told(decided(&mut ledger, &GetFloatingIp { address: floating, scope: scope() })),
        told(decided(&mut ledger, &ReleaseFloatingIp { scope: scope(), ..release(floating) })),
        told(decided(&mut ledger, &DisassociateFloatingIp { scope: scope(), ..disassociate(floating) })),
    ];
    assert!(
        refusals.iter().all(|told| told == "FLOATING_IP_NOT_FOUND: floating IP 172.24.4.1 is not found"),
        "{refusals:?}"
    );
    assert_eq!(listed(&mut ledger, &ListFloatingIps { scope: scope(), ..list() }), [""; 0]);
    let asked = ListFloatingIps { scope: scope(), project: Some(project("p1")), ..list() };
    assert_eq!(listed(&mut ledger, &asked), [""; 0]);
    let for_others = AllocateFloatingIp { scope: scope(), ..wish() };
    assert!(told(decided(&mut ledger, &for_others)).starts_with("PROJECT_NOT_ALLOWED"));
    assert_eq!(changes(&ledger, before), [""; 0]);
}

#[test]
fn the_network_s_host_carries_it_else_the_port_s() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let floating = allocated(&mut ledger);
    assert_eq!(decided(&mut ledger, &associate(floating, 1, None)).unwrap().floating_ip.host, Some(host()));
    let router: HostId = "router-1".parse().unwrap();
    let with = Associate::Host(crate::NamedHost { id: router.clone(), must_be_known: false });
    let network = info.vifs[0].network.id;
    decided(&mut ledger, &AssociateNetwork { network, with }).unwrap();
    let told = decided(&mut ledger, &GetFloatingIp { address: floating, scope: Scope::Everything }).unwrap();
    assert_eq!(told.host, Some(router.clone()));
    let on = |host| ListFloatingIps { selection: FloatingSelection::Host(host), ..list() };
    assert_eq!(listed(&mut ledger, &on(router)), ["172.24.4.1"]);
    assert_eq!(listed(&mut ledger, &on(host())), [""; 0]);
}

#[test]
fn lists_leave_out_what_was_assigned_by_itself_unless_they_ask_what_leads_somewhere() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    pool(&mut ledger, "blue", &["172.24.5.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let chosen = allocated(&mut ledger);
    let assigned = auto_assigned(&mut ledger, 1).to_string();
    decided(
        &mut ledger,
        &AllocateFloatingIp { pool: "blue".parse().unwrap(), project: Some(project("p2")), ..wish() },
    )
    .unwrap();
    decided(&mut ledger, &associate(chosen, 1, None)).unwrap();
    let chosen = chosen.to_string();
    let of = |selection| ListFloatingIps { selection, ..list() };
    let nova = || of(FloatingSelection::Pool("nova".parse().unwrap()));
    assert_eq!(listed(&mut ledger, &list()), [chosen.as_str(), "172.24.5.1"]);
    assert_eq!(listed(&mut ledger, &nova()), [chosen.as_str()]);
    assert_eq!(
        listed(&mut ledger, &ListFloatingIps { shows_auto_assigned: true, ..nova() }),
        [chosen.as_str(), &assigned]
    );
    assert_eq!(
        listed(&mut ledger, &ListFloatingIps { project: Some(project("p2")), ..list() }),
        ["172.24.5.1"]
    );
    for selection in [
        FloatingSelection::FixedIp(address("10.1.0.2")),
        FloatingSelection::Instance(instance(1)),
        FloatingSelection::Host(host()),
    ] {
        assert_eq!(listed(&mut ledger, &of(selection)), [chosen.as_str(), &assigned]);
    }
    assert!(
        told(decided(&mut ledger, &of(FloatingSelection::Pool("red".parse().unwrap()))))
            .starts_with("FLOATING_POOL_NOT_FOUND")
    );
}

#[test]
fn a_list_comes_in_pages() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    let all: Vec<_> = (0..5).map(|_| allocated(&mut ledger).to_string()).collect();
    let mut pages = Vec::new();
    let mut page = ListFloatingIps { limit: 2, ..list() };
    loop {
        let shown = decided(&mut ledger, &page).unwrap();
        pages.push(shown.floating_ips.len());
        page.after = shown.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!((pages, listed(&mut ledger, &list())), (vec![2, 2, 1], all));
}

/// The rounds that the store's statements follow.
#[test]
fn an_association_by_instance_is_decided_in_two_rounds() {
    let mut ledger = unloaded();
    let command = associate(address("172.24.4.1"), 1, None);
    let keys = missing(&mut ledger, &command);
    assert_eq!(keys, [Key::Instance(instance(1)), Key::FloatingIp(address("172.24.4.1"))]);
    loaded(&mut ledger, keys);
    assert!(told(decided(&mut ledger, &command)).starts_with("INSTANCE_NOT_FOUND"));
}

/// A plug's state is no matter of floating IPs.
#[test]
fn a_port_need_not_be_plugged_yet() {
    let mut ledger = with_pool(&["172.24.4.0/24"]);
    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();
    assert_eq!(info.vifs[0].status, PortStatus::Pending);
    let floating = allocated(&mut ledger);
    decided(&mut ledger, &associate(floating, 1, None)).unwrap();
    assert_eq!(ledger.rows::<Network>().filter(|network| network.is_external).count(), 1);
}

//! Two managers change one network or subnet at once. Networks and subnets are not locked as they are loaded: their version,
//! a block's row or a foreign key tells the second manager that it decided on what is no longer so.

use futures_util::future::join;
use lepton_ledger::{
    AddFixedIp, AddRoute, Command, DeleteDnsDomain, DeleteNetwork, DeleteSubnet, FixedIp, GetNetwork,
    GetSubnet, Holder, ModifyNetwork, NetworkSpec, RemoveFixedIp, RemoveRoute, Scope, Sought, WantedAddress,
};
use lepton_types::Route;

use super::{
    dns::domain,
    harness::{Kind, Subject, allocation, fixed_ips, instance, network, reason, requested, submit, subnet},
    locks::until_somebody_waits,
    modified::{carving, untouched},
    sound::assert_sound,
    subnets::{addition, moved_to},
};
use crate::{Store, SubmitError};

const BOTH: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];

async fn two_managers(kind: Kind) -> (Subject, Store) {
    let subject = Subject::open(kind, |_| {}).await;
    let other = subject.another().await.unwrap();
    (subject, other)
}

/// While one manager decides, another one's change is committed.
#[tokio::test]
async fn a_change_that_was_decided_on_an_old_version_is_decided_again() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let made = subject.network("private", &["10.1.0.0/24"]).await;
    let engine = subject.engine();
    for (other, of) in [
        ("update networks set label = 'theirs', version = version + 1", "network"),
        ("update subnets set dns = '[\"9.9.9.9\"]', version = version + 1", "subnet"),
    ] {
        let mut theirs = engine.write().await.unwrap();
        theirs.execute(other, Vec::new()).await.unwrap();
        let ours = async {
            if of == "network" {
                subject
                    .submit(ModifyNetwork { priority: Some(7), ..untouched(made.network.id) })
                    .await
                    .unwrap();
            } else {
                subject.submit(moved_to(made.subnets[0].id, "10.1.0.9")).await.unwrap();
            }
        };
        let commit = async {
            until_somebody_waits(engine).await;
            theirs.commit().await.unwrap();
        };
        join(ours, commit).await;
    }
    let now =
        subject.store().ask(GetNetwork { network: made.network.id, scope: Scope::Everything }).await.unwrap();
    assert_eq!((now.network.label.as_str(), now.network.priority), ("theirs", 7));
    let dns = now.subnets[0].dns.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (dns, now.subnets[0].gateway),
        (vec!["9.9.9.9".to_owned()], Some("10.1.0.9".parse().unwrap()))
    );
}

/// Whether an address that is given back is free then, or a route's next hop, is what the subnet says behind the lock of its block.
#[tokio::test]
async fn an_address_is_given_back_as_the_routes_are_by_then() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let made = subject.network("private", &["10.1.0.0/24"]).await;
    let subnet = made.subnets[0].id;
    let route = Route { destination: "10.9.0.0/16".parse().unwrap(), gateway: "10.1.0.2".parse().unwrap() };
    let with_route = r#"update subnets set routes = '[{"destination":"10.9.0.0/16","gateway":"10.1.0.2"}]', version = version + 1"#;
    let without_route = "update subnets set routes = '[]', version = version + 1";
    for (number, theirs) in [(1, with_route), (2, without_route)] {
        assert_eq!(
            fixed_ips(&subject.allocate_at(number, made.network.id, "10.1.0.2").await.unwrap()),
            ["10.1.0.2"]
        );
        let released = subject.deallocate(number).await.ports;
        let mut tx = subject.engine().write().await.unwrap();
        tx.fetch("select first from blocks for update", Vec::new()).await.unwrap();
        tx.execute(theirs, Vec::new()).await.unwrap();
        let commit = async {
            until_somebody_waits(subject.engine()).await;
            tx.commit().await.unwrap();
        };
        join(subject.unplug(released), commit).await;
        assert_sound(&subject.dump().await);
        let now = subject.store().ask(GetSubnet { subnet, scope: Scope::Everything }).await.unwrap();
        assert_eq!(now.routes.contains(&route), number == 1);
    }
    assert_eq!(fixed_ips(&subject.allocate(3).await.unwrap()), ["10.1.0.2"], "it is free");
}

/// The other way round: an address is read behind the lock of its block, so a route that goes meanwhile finds it as it was left. Read
/// before, it would seem a guest's, and nobody would have it in the end.
#[tokio::test]
async fn a_route_goes_as_its_next_hop_was_left_by_then() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let subnet = subject.network("private", &["10.1.0.0/24"]).await.subnets[0].id;
    let next_hop = "10.1.0.9".parse().unwrap();
    let route = Route { destination: "10.9.0.0/16".parse().unwrap(), gateway: next_hop };
    let (instance, scope) = (instance(1), || Scope::Everything);
    subject.allocate(1).await.unwrap();
    let wanted = WantedAddress::Chosen(next_hop, Sought::Around(next_hop));
    let add = AddFixedIp { instance, wanted, only_on: None, scope: scope(), domain: None };
    subject.submit(add).await.unwrap();
    subject.submit(AddRoute { subnet, route, scope: scope() }).await.unwrap();
    let (address, network) = (next_hop, None);
    let remove = RemoveFixedIp { instance, address, network, only_on: None, scope: scope(), domain: None };
    subject.submit(remove).await.unwrap();

    // What the host's word does, which the address waits for.
    let mut theirs = subject.engine().write().await.unwrap();
    theirs.fetch("select first from blocks for update", Vec::new()).await.unwrap();
    let commit = async {
        until_somebody_waits(subject.engine()).await;
        for sql in [
            "delete from fixed_ips where leaving_at is not null",
            "update quotas set fixed_ips_used = fixed_ips_used - 1",
        ] {
            theirs.execute(sql, Vec::new()).await.unwrap();
        }
        theirs.commit().await.unwrap();
    };
    let gone = RemoveRoute { subnet, destination: route.destination, scope: scope() };
    let (gone, ()) = join(subject.submit(gone), commit).await;
    assert_eq!(gone.unwrap().routes, []);
    let dump = subject.dump().await;
    assert_sound(&dump);
    let rests = |row: &FixedIp| row.address == next_hop && matches!(row.holder, Holder::Quarantine(_));
    assert!(dump.fixed_ips.iter().any(rests), "{:?}", dump.fixed_ips);
}

/// A tenant deletes its network while an operator gives it to another project.
#[tokio::test]
async fn an_end_that_was_decided_on_an_old_version_is_decided_again() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let spec = network("private", vec![subnet("10.1.0.0/24")]);
    let made = subject.create(NetworkSpec { project: Some("p1".parse().unwrap()), ..spec }).await;
    subject.submit(domain("example.org")).await.unwrap();
    let scope = || Scope::Project("p1".parse().unwrap());

    let end = DeleteSubnet { subnet: made.subnets[0].id, scope: scope() };
    let theirs = "update subnets set quarantine_secs = 7, version = version + 1";
    ended_behind(&subject, theirs, end).await.unwrap();
    let history = subject.dump().await.history;
    let ended: Vec<_> = history.subnets.iter().map(|(subnet, _)| subnet.quarantine.as_secs()).collect();
    assert_eq!(ended, [7], "it is remembered as it was in the end");

    let end = DeleteDnsDomain { name: "example.org".parse().unwrap() };
    let theirs = "update dns_domains set name = 'example.com', version = version + 1";
    assert_eq!(reason(ended_behind(&subject, theirs, end).await), "DNS_DOMAIN_NOT_FOUND");

    let end = DeleteNetwork { network: made.network.id, scope: scope() };
    let theirs = "update networks set project_id = 'p2', version = version + 1";
    assert_eq!(reason(ended_behind(&subject, theirs, end).await), "NETWORK_NOT_FOUND", "it is p2's");
}

/// What ending something comes to that waits for what others write to it meanwhile.
async fn ended_behind<C: Command>(
    subject: &Subject,
    theirs: &'static str,
    end: C,
) -> Result<C::Answer, SubmitError> {
    let mut tx = subject.engine().write().await.unwrap();
    tx.execute(theirs, Vec::new()).await.unwrap();
    let commit = async {
        until_somebody_waits(subject.engine()).await;
        tx.commit().await.unwrap();
    };
    join(subject.submit(end), commit).await.0
}

/// What a project has of networks is what it is counted to have, whoever gives it one and whoever takes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_count_a_network_that_one_gives_away_while_the_other_ends_it() {
    for kind in BOTH {
        let (subject, other) = two_managers(kind).await;
        let project = |name: &str| Some(name.parse().unwrap());
        for round in 0..20 {
            let spec = network(&format!("n{round}"), vec![]);
            let id = subject.create(NetworkSpec { project: project("p1"), ..spec }).await.network.id;
            let give = ModifyNetwork { project: Some(project("p2")), ..untouched(id) };
            let end = DeleteNetwork { network: id, scope: Scope::Project("p1".parse().unwrap()) };
            let (given, ended) = join(submit(subject.store(), give), submit(&other, end)).await;
            let loser = if given.is_ok() { ended } else { given.map(drop) };
            assert_eq!(reason(loser), "NETWORK_NOT_FOUND", "{kind:?}: one of the two came second");
        }
        assert_sound(&subject.dump().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_lose_no_change_of_a_network() {
    for kind in BOTH {
        let (subject, other) = two_managers(kind).await;
        let id = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        for round in 1..=20 {
            let label = Some(format!("n{round}").parse().unwrap());
            let (one, two) = join(
                submit(subject.store(), ModifyNetwork { label, ..untouched(id) }),
                submit(&other, ModifyNetwork { priority: Some(round), ..untouched(id) }),
            )
            .await;
            one.unwrap();
            two.unwrap();
            let now = subject
                .store()
                .ask(GetNetwork { network: id, scope: Scope::Everything })
                .await
                .unwrap()
                .network;
            assert_eq!((now.label.as_str(), now.priority), (&*format!("n{round}"), round), "{kind:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_overlapping_subnets_one_is_refused() {
    for kind in BOTH {
        let (subject, other) = two_managers(kind).await;
        let id = subject.network("private", &[]).await.network.id;
        for round in 0..20 {
            let [wide, narrow] = [24, 25].map(|length| addition(id, &format!("10.{round}.0.0/{length}")));
            let (one, two) = join(submit(subject.store(), wide), submit(&other, narrow)).await;
            let loser = if one.is_ok() { two } else { one };
            assert_eq!(reason(loser), "INVALID_FIELD", "{kind:?}");
        }
        assert_sound(&subject.dump().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_carve_no_block_twice() {
    for kind in BOTH {
        let (subject, other) = two_managers(kind).await;
        for _ in 0..10 {
            let carve = || carving(3, "10.0.0.0/16", 24);
            let (one, two) = join(submit(subject.store(), carve()), submit(&other, carve())).await;
            one.unwrap();
            two.unwrap();
        }
        let mut cidrs: Vec<_> = subject.dump().await.subnets.iter().map(|subnet| subnet.cidr).collect();
        cidrs.sort_unstable();
        cidrs.dedup();
        assert_eq!(cidrs.len(), 60, "{kind:?}");
    }
}

/// A guest asks for the very address that the gateway moves to, in a pool or not: one of the two gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_never_has_the_address_of_a_guest() {
    for kind in BOTH {
        for prefix in ["10.1.0.0/24", "fd00:1::/64"] {
            let (subject, other) = two_managers(kind).await;
            let made = subject.network("private", &[prefix]).await;
            let id = made.subnets[0].id;
            for round in 0..20_u128 {
                let address =
                    prefix.replace("0/24", &(10 + round).to_string()).replace("/64", &format!("1{round}"));
                let wish = allocation(round, vec![requested(made.network.id, &[&address])]);
                let (moved, given) =
                    join(submit(&other, moved_to(id, &address)), submit(subject.store(), wish)).await;
                match (moved, given) {
                    (Ok(_), Err(refused)) => {
                        let told = reason::<()>(Err(refused));
                        assert!(["FIXED_IP_INVALID", "FIXED_IP_ALREADY_IN_USE"].contains(&told), "{told}");
                    }
                    (moved @ Err(_), Ok(_)) => assert_eq!(reason(moved), "FIXED_IP_ALREADY_IN_USE"),
                    both => panic!("{kind:?}, {address}: {both:?}"),
                }
            }
            assert_sound(&subject.dump().await);
        }
    }
}

/// The address is in no pool, so no block stands between the two; it may look as if it followed from a MAC.
#[tokio::test]
async fn an_address_that_becomes_the_gateway_while_it_is_given_is_not_given() {
    for (sql, address) in [
        ("update subnets set gateway = 'fd00:1::99', version = version + 1", "fd00:1::99"),
        (
            "update subnets set gateway = 'fd00:1::f816:3eff:fe00:99', version = version + 1",
            "fd00:1::f816:3eff:fe00:99",
        ),
    ] {
        let subject = Subject::open(Kind::Postgres, |_| {}).await;
        let made = subject.network("private", &["fd00:1::/64"]).await;
        let engine = subject.engine();
        let mut theirs = engine.write().await.unwrap();
        theirs.execute(sql, Vec::new()).await.unwrap();
        let commit = async {
            until_somebody_waits(engine).await;
            theirs.commit().await.unwrap();
        };
        let (given, ()) = join(subject.allocate_at(1, made.network.id, address), commit).await;
        assert_eq!(reason(given), "FIXED_IP_INVALID", "{address}");
    }
}

/// Everybody can know which MAC of a range is next, and which address follows from it.
#[tokio::test]
async fn an_address_that_follows_from_a_ranges_mac_and_becomes_the_gateway_is_not_given() {
    const SQL: &str = "update subnets set gateway = 'fd00:1::16:3eff:fe00:0', version = version + 1";
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["fd00:1::/64"]).await;
    subject.submit(super::mac_ranges::range("02:16:3e:00:00:00/40")).await.unwrap();
    let engine = subject.engine();
    let mut theirs = engine.write().await.unwrap();
    theirs.execute(SQL, Vec::new()).await.unwrap();
    let commit = async {
        until_somebody_waits(engine).await;
        theirs.commit().await.unwrap();
    };
    let (given, ()) = join(subject.allocate(1), commit).await;
    assert_eq!(given.unwrap().vifs[0].mac.to_string(), "02:16:3e:00:00:01");
}

/// Who chooses while the gateway moves chooses neither its old address before it is free nor its new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_moves_to_and_fro_beside_allocations_leaves_a_sound_ledger() {
    for kind in BOTH {
        let (subject, other) = two_managers(kind).await;
        let id = subject.network("private", &["10.1.0.0/24"]).await.subnets[0].id;
        let moving = async {
            for round in 0..20 {
                let last = if round % 2 == 0 { 200 } else { 100 };
                submit(&other, moved_to(id, &format!("10.1.0.{last}"))).await.unwrap();
            }
        };
        let allocating = async {
            for number in 0..60 {
                subject.allocate(number).await.unwrap();
            }
        };
        join(moving, allocating).await;
        assert_sound(&subject.dump().await);
    }
}

/// A subnet is not deleted under an address that another manager has just given out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subnet_ends_or_gives_an_address_but_not_both() {
    for kind in BOTH {
        let (subject, other) = two_managers(kind).await;
        let network = subject.network("private", &[]).await.network.id;
        for round in 0..20_u128 {
            let added = subject.submit(addition(network, "10.1.0.0/24")).await.unwrap();
            let (given, deleted) = join(
                submit(subject.store(), allocation(round, vec![])),
                submit(&other, DeleteSubnet { subnet: added.id, scope: Scope::Everything }),
            )
            .await;
            let given = given.unwrap();
            assert_sound(&subject.dump().await);
            match deleted {
                Ok(()) => assert_eq!(fixed_ips(&given), Vec::<String>::new(), "{kind:?}"),
                Err(refused) => {
                    assert_eq!(reason::<()>(Err(refused)), "SUBNET_IN_USE");
                    assert_eq!(fixed_ips(&given), ["10.1.0.2"], "{kind:?}");
                    subject.end(round).await;
                    subject
                        .submit(DeleteSubnet { subnet: added.id, scope: Scope::Everything })
                        .await
                        .unwrap();
                }
            }
            let asked = subject.store().ask(GetSubnet { subnet: added.id, scope: Scope::Everything }).await;
            assert_eq!(reason(asked), "SUBNET_NOT_FOUND");
            let left = subject.dump().await.fixed_ips;
            assert_eq!(left, [], "of {:?}", instance(round));
        }
    }
}

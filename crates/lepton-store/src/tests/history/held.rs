//! What instances and ports held, on every store.

use std::{collections::BTreeSet, net::IpAddr};

use lepton_ledger::{
    AddFixedIp, End, Held, Holdable, Holding, ListHolders, NetworkSpec, Place, RemoveFixedIp, ReportHost,
    Scope, Shelf, WantedAddress, When,
};
use lepton_types::{HostReport, InstanceId, PortId, PortReport, PortStatus, Timestamp};

use super::{
    super::{
        each_store,
        floating_ips::{self, associate, disassociate},
        harness::{Subject, host, instance, network, subnet},
        migrations::{finish, start},
        sound::Dump,
    },
    MINUTE, allocate, ask, forget, of,
};

/// All pages of an answer.
async fn all_of(subject: &Subject, question: ListHolders) -> Vec<Holding> {
    let (mut after, mut all) = (question.after, Vec::new());
    loop {
        let page = ask(subject, ListHolders { after, ..question.clone() }).await;
        assert!(page.holdings.len() <= question.limit.into());
        all.extend(page.holdings);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// A holding as what it was, whose port's, on which host, since when and until when.
type Told = (String, PortId, String, Timestamp, End);

fn told(holdings: &[Holding]) -> Vec<Told> {
    let told = |holding: &Holding| {
        let port = holding.port.as_ref().unwrap();
        let what = match holding.what {
            Holdable::FixedIp { address, .. } | Holdable::FloatingIp { address, .. } => address.to_string(),
            Holdable::Mac(mac) => {
                assert_eq!(mac, port.mac);
                "MAC".to_owned()
            }
        };
        (what, port.id, port.host.to_string(), holding.since, holding.until)
    };
    holdings.iter().map(told).collect()
}

/// Says what an agent says that has unplugged ports.
async fn unplugged(subject: &Subject, host: &str, ports: &[PortId]) {
    let report = HostReport { unplugged: ports.to_vec(), revision: u64::MAX.into(), ..HostReport::default() };
    subject.submit(ReportHost { host: host.parse().unwrap(), report }).await.unwrap();
}

/// Says what an agent says that filters a port by what it was told at last.
async fn filtered(subject: &Subject, id: PortId) {
    let revision = subject.feed().await.revision;
    let port = PortReport { id, status: PortStatus::Active, filtered_at: Some(revision) };
    let report = HostReport { ports: vec![port], revision, ..HostReport::default() };
    subject.submit(ReportHost { host: host(), report }).await.unwrap();
}

#[tokio::test]
async fn what_happened_to_an_instance_is_told_by_what_its_ports_held() {
    each_store(async |subject| {
        let id = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        subject.submit(floating_ips::pool("nova", &["172.24.4.1"])).await.unwrap();
        let floating_ip = subject.submit(floating_ips::wish()).await.unwrap().floating_ip.address;
        let mut moments = vec![subject.now()];
        let mut next = |subject: &Subject| {
            subject.advance(MINUTE);
            moments.push(subject.now());
        };

        let first = allocate(subject, 1, "p1").await;
        allocate(subject, 2, "p1").await;
        next(subject);
        let scope = || Scope::Everything;
        let address: IpAddr = "10.1.0.9".parse().unwrap();
        let wanted = WantedAddress::Chosen(address, lepton_ledger::Sought::At(Place::Network(id)));
        let (only_on, domain) = (None, None);
        let add = AddFixedIp { instance: instance(1), wanted, only_on, scope: scope(), domain };
        subject.submit(add).await.unwrap();
        next(subject);
        subject.submit(associate(floating_ip, 1)).await.unwrap();
        next(subject);
        subject.submit(associate(floating_ip, 2)).await.unwrap();
        let (network, only_on, domain) = (Some(id), None, None);
        let removal =
            RemoveFixedIp { instance: instance(1), address, network, only_on, scope: scope(), domain };
        subject.submit(removal).await.unwrap();
        next(subject);
        filtered(subject, first).await;
        next(subject);
        subject.submit(start(1, "host-1", "host-2")).await.unwrap();
        subject.submit(finish(1, "host-1", "host-2")).await.unwrap();
        unplugged(subject, "host-1", &[first]).await;
        next(subject);
        let released = subject.deallocate(1).await.ports;
        assert_eq!(released, [first]);
        next(subject);
        unplugged(subject, "host-2", &[first]).await;
        next(subject);
        let second = allocate(subject, 1, "p1").await;
        next(subject);
        subject.submit(associate(floating_ip, 1)).await.unwrap();

        let row = |what: &str, port, host: &str, since: usize, until: Option<usize>| -> Told {
            let until = until.map_or(End::NotYet, |until| End::At(moments[until]));
            (what.to_owned(), port, host.to_owned(), moments[since], until)
        };
        let expected = [
            row("172.24.4.1", first, "host-2", 2, Some(3)),
            row("10.1.0.9", first, "host-2", 1, Some(4)),
            row("10.1.0.2", first, "host-2", 0, Some(7)),
            row("MAC", first, "host-2", 0, Some(7)),
            row("10.1.0.2", second, "host-1", 8, None),
            row("172.24.4.1", second, "host-1", 9, None),
            row("MAC", second, "host-1", 8, None),
        ];
        let of_instance = of(Held::Instance(instance(1)));
        let all = all_of(subject, of_instance.clone()).await;
        assert_eq!(told(&all), expected);
        let lives: Vec<_> = all.iter().map(|holding| holding.port.as_ref().unwrap()).collect();
        assert!(lives[..4].iter().all(|port| port.incarnation == 1 && port.has_moved));
        assert!(lives[4..].iter().all(|port| port.incarnation == 2 && !port.has_moved));
        assert!(lives.iter().all(|port| port.instance == instance(1)));
        for (port, expected) in [(first, &expected[..4]), (second, &expected[4..])] {
            assert_eq!(told(&all_of(subject, of(Held::Port(port))).await), expected);
        }
        let at = |moment: usize| When::At(moments[moment]);
        let span = |since: usize, until: usize| When::Within {
            since: Some(moments[since]),
            until: Some(moments[until]),
        };
        for (when, expected) in [
            (at(0), &expected[2..4]),
            (at(2), &expected[..4]),
            (at(3), &expected[1..4]),
            (at(8), &[expected[4].clone(), expected[6].clone()]),
            (span(3, 8), &expected[1..4]),
            (span(7, 9), &[expected[4].clone(), expected[6].clone()]),
        ] {
            let question = ListHolders { when, ..of_instance.clone() };
            assert_eq!(told(&all_of(subject, question).await), expected, "{when:?}");
        }
        for (scope, project) in [("p2", None), ("p1", "p2".parse().ok())] {
            let scope = Scope::Project(scope.parse().unwrap());
            for of_it in [Held::Instance(instance(1)), Held::Port(first), Held::Port(second)] {
                let question = ListHolders { scope: scope.clone(), project: project.clone(), ..of(of_it) };
                assert_eq!(all_of(subject, question).await, [], "another project's");
            }
        }
        for nobody in [Held::Instance(instance(77)), Held::Port(uuid::Uuid::from_u128(77).into())] {
            assert_eq!(all_of(subject, of(nobody)).await, []);
        }
        assert_told_alike(subject, [1, 2, 77].map(instance)).await;
    })
    .await;
}

/// An instance with a port on each of three networks of one range, and floating IPs, which ends at one moment, and once more, and
/// then lives.
async fn many(subject: &Subject) -> Vec<PortId> {
    for label in ["a", "b", "c"] {
        let networks = network(label, vec![subnet("10.1.0.0/29"), subnet("fd00:1::/64")]);
        subject.create(NetworkSpec { project: "p1".parse().ok(), ..networks }).await;
    }
    subject.submit(floating_ips::pool("nova", &["172.24.4.0/29"])).await.unwrap();
    let mut addresses = Vec::new();
    for _ in 0..3 {
        addresses.push(subject.submit(floating_ips::wish()).await.unwrap().floating_ip.address);
    }
    let mut ports = Vec::new();
    for round in 0..3 {
        let vifs = subject.allocate(1).await.unwrap().vifs;
        ports.extend(vifs.iter().map(|vif| vif.id));
        for address in &addresses[..2] {
            subject.submit(associate(*address, 1)).await.unwrap();
        }
        subject.advance(MINUTE);
        if round < 2 {
            for address in &addresses[..2] {
                subject.submit(disassociate(*address)).await.unwrap();
            }
            subject.end(1).await;
        }
    }
    ports
}

#[tokio::test]
async fn pages_of_what_was_held_go_through_all_whatever_their_size() {
    each_store(async |subject| {
        let ports = many(subject).await;
        let of_instance = Held::Instance(instance(1));
        let all = all_of(subject, of(of_instance)).await;
        // In each life three ports with two addresses and a MAC each, and two floating IPs.
        assert_eq!(all.len(), 3 * (3 * 3 + 2));
        assert!(all.is_sorted_by_key(|holding| holding.place()));
        for limit in 1..=34 {
            let question = ListHolders { limit, ..of(of_instance) };
            assert_eq!(all_of(subject, question).await, all, "{limit} a page");
        }
        assert_eq!(ports.len(), 9);
        for port in ports {
            let own: Vec<_> = all
                .iter()
                .filter(|holding| holding.port.as_ref().is_some_and(|own| own.id == port))
                .cloned()
                .collect();
            for limit in [1, 2, 100] {
                let question = ListHolders { limit, ..of(Held::Port(port)) };
                assert_eq!(all_of(subject, question).await, own, "{limit} a page");
            }
        }
        assert_told_alike(subject, [instance(1)]).await;
    })
    .await;
}

#[tokio::test]
async fn what_an_instance_held_is_forgotten_with_the_rest() {
    each_store(async |subject| {
        let ports = many(subject).await;
        let question = of(Held::Instance(instance(1)));
        // The first life ended three minutes ago, the second one two.
        subject.advance(MINUTE);
        forget(subject, 2 * MINUTE).await;
        let page = ask(subject, question.clone()).await;
        assert_eq!((page.holdings.len(), page.remembered_since.is_some()), (22, true));
        assert_eq!(all_of(subject, of(Held::Port(ports[0]))).await, [], "nor is it known whose it was");
        forget(subject, MINUTE / 2).await;
        let left = all_of(subject, question).await;
        assert_eq!(left.len(), 11);
        assert!(left.iter().all(|holding| holding.until == End::NotYet));
        assert_told_alike(subject, [instance(1)]).await;
    })
    .await;
}

/// What is told of instances is what is told of each of their ports, and of each address and MAC on the other way.
pub(in super::super) async fn assert_told_alike(
    subject: &Subject,
    instances: impl IntoIterator<Item = InstanceId>,
) {
    let mut of_all = Vec::new();
    let mut things = BTreeSet::new();
    for instance in instances {
        let all = all_of(subject, ListHolders { limit: 3, ..of(Held::Instance(instance)) }).await;
        assert!(all.is_sorted_by_key(|holding| holding.place()), "{all:#?}");
        let port_of = |holding: &Holding| holding.port.as_ref().unwrap().id;
        for port in all.iter().map(port_of).collect::<BTreeSet<_>>() {
            let own: Vec<_> = all.iter().filter(|holding| port_of(holding) == port).cloned().collect();
            assert_eq!(all_of(subject, ListHolders { limit: 2, ..of(Held::Port(port)) }).await, own);
        }
        things.extend(all.iter().map(|holding| match holding.place().shelf {
            Shelf::FixedIp(_, address) | Shelf::FloatingIp(address) => Held::Address(address),
            Shelf::Mac(mac) => Held::Mac(mac),
        }));
        of_all.extend(all.into_iter().map(|holding| (instance, holding)));
    }
    let mut of_things = Vec::new();
    for thing in things {
        for holding in all_of(subject, of(thing)).await {
            // A floating IP that led nowhere is nobody's.
            let instance = holding.port.as_ref().map(|port| port.instance);
            of_things.extend(instance.map(|instance| (instance, holding)));
        }
    }
    let in_order = |mut holdings: Vec<(InstanceId, Holding)>| {
        holdings.sort_by_key(|(_, holding)| holding.place());
        holdings
    };
    let asked: BTreeSet<InstanceId> = of_all.iter().map(|(instance, _)| *instance).collect();
    of_things.retain(|(instance, _)| asked.contains(instance));
    assert_eq!(in_order(of_all), in_order(of_things));
}

/// The instances that a ledger tells of, live or not. One that is in memory tells of those that live.
pub(in super::super) fn instances_in(dump: &Dump) -> BTreeSet<InstanceId> {
    let live = dump.instances.iter().map(|row| row.id).chain(dump.ports.iter().map(|row| row.instance));
    live.chain(dump.history.ports.iter().map(|(row, _)| row.instance)).collect()
}

//! What a batch costs in statements: the same for one command and for 256, whatever the ledger holds, and each of them
//! finds its rows by an index.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use lepton_ipam::{Block, SubnetSpec};
use lepton_ledger::{
    AllocateForInstance, Command, DeleteDnsDomain, DeleteFloatingPool, DeleteMacRange, DeleteNetwork,
    DnsPlace, End, Envelope, EventFilter, EventStart, FenceHost, FindInstances, FixedIp, FixedIpsBy,
    FloatingSelection, Frontier, GetFloatingIp, GetInstanceNwInfo, GetPort, Held, Holder, HoldingPlace,
    HostFeed, ListDnsDomains, ListFixedIps, ListFloatingIps, ListFloatingPools, ListHolders, ListMacRanges,
    ListNetworks, ListPorts, ListQuotas, MeasureHosts, NamedHost, NetworkSpec, Place, PortRef, PortSelection,
    PortsBy, ReadEvents, ReportHost, Scope, Shelf, SweepQuarantine, dhcp::GetDhcpGuests,
};
use lepton_types::{
    FixedIpState, HostReport, MacAddr, NetworkId, Port, PortBinding, PortId, PortReport, PortStatus,
    Revision, SubnetId, Timestamp,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::floating_ips::{associate, disassociate, list, pool, release, wish};
use super::{
    dns, find, fixed_ips,
    harness::{Kind, Subject, allocation, deallocation, host, instance, network, reason, requested, subnet},
    history, mac_ranges,
    migrations::{finish, setup, start},
    plans::{assert_no_scans, scans_of_postgres, steps_of_postgres, steps_of_sqlite},
    ports,
};
use crate::{
    batch::{Job, Submitted, write_batch},
    dry::Scarce,
    engine::Sent,
    table,
    together::Together,
};

/// As many commands as a batch has at most.
const MANY: u128 = 256;

/// Blocks of which every address is taken: 50,176 addresses.
const FULL_BLOCKS: u8 = 196;

/// How often each statement was sent, rows left out.
type Cost = BTreeMap<&'static str, usize>;

/// Carries the commands out as one batch, all of which must work; answers with what it costs.
pub(super) async fn cost<C: Command>(
    subject: &Subject,
    commands: impl IntoIterator<Item = C>,
) -> (Cost, Vec<C::Answer>) {
    let (sent, answers) = sent(subject, commands).await;
    let mut cost = Cost::new();
    for sql in sent.into_iter().flat_map(|sent| sent.literals) {
        *cost.entry(sql).or_default() += 1;
    }
    (cost, answers)
}

/// The same with the statements that it sends, in their order.
pub(super) async fn sent<C: Command>(
    subject: &Subject,
    commands: impl IntoIterator<Item = C>,
) -> (Vec<Sent>, Vec<C::Answer>) {
    /// Each batch draws ids of its own.
    static BATCHES: AtomicU8 = AtomicU8::new(0);
    let (mut jobs, mut callers): (Vec<Box<dyn Job>>, Vec<_>) = (Vec::new(), Vec::new());
    for command in commands {
        let (caller, answer) = oneshot::channel();
        jobs.push(Box::new(Submitted::new(command, Envelope::anonymous(), false, caller)));
        callers.push(answer);
    }
    let seed = [BATCHES.fetch_add(1, Ordering::Relaxed); 32];
    subject.engine().take_sent();
    let now = subject.now();
    write_batch(subject.engine(), &mut jobs, &Scarce::default(), &move || now, seed).await.unwrap();
    let sent = subject.engine().take_sent();
    jobs.into_iter().for_each(|job| job.settle(Ok(())));
    let answers = callers.into_iter().map(|mut caller| caller.try_recv().unwrap().unwrap().answer);
    (sent, answers.collect())
}

fn plugged(ports: impl IntoIterator<Item = PortId>) -> ReportHost {
    let ports = ports
        .into_iter()
        .map(|id| PortReport { id, status: PortStatus::Active, filtered_at: None })
        .collect();
    ReportHost { host: host(), report: HostReport { ports, ..HostReport::default() } }
}

/// The batch sends nothing that batches of one do not, and each statement once, but for the rows that are too many for
/// one of SQLite's: each instance has two addresses, and two places where its ports may stand.
#[track_caller]
fn assert_no_dearer(kind: Kind, many: &Cost, of_one: &[&Cost]) {
    for (sql, count) in many {
        assert!(of_one.iter().any(|cost| cost.contains_key(sql)), "{kind:?}, only of many: {sql}");
        let is_double = sql.contains("fixed_ip") || sql.contains("alive_since");
        let most = if kind == Kind::Sqlite && is_double { 2 } else { 1 };
        assert!(*count <= most, "{kind:?}, {count} times: {sql}");
    }
}

#[tokio::test]
async fn a_batch_of_256_costs_no_more_statements_than_one_of_1() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
        // The first opens a block, the second finds it open.
        let (first, _) = cost(&subject, [allocation(1, vec![])]).await;
        assert!(first.keys().all(|sql| !sql.contains("dns_")), "{kind:?}: names are off, and cost nothing");
        let (second, info) = cost(&subject, [allocation(2, vec![])]).await;
        let (many, infos) = cost(&subject, (10..10 + MANY).map(|number| allocation(number, vec![]))).await;
        assert_no_dearer(kind, &many, &[&first, &second]);

        let (one, _) = cost(&subject, [plugged(info.iter().map(|info| info.vifs[0].id))]).await;
        let (many, _) = cost(&subject, [plugged(infos.iter().map(|info| info.vifs[0].id))]).await;
        assert_no_dearer(kind, &many, &[&one]);

        // Each of them leads to another instance.
        subject.submit(pool("nova", &["172.24.0.0/16"])).await.unwrap();
        let (first, wished) = cost(&subject, [wish()]).await;
        let (second, _) = cost(&subject, [wish()]).await;
        let (many, all_wished) = cost(&subject, (0..MANY).map(|_| wish())).await;
        assert_no_dearer(kind, &many, &[&first, &second]);
        let (one, _) = cost(&subject, [associate(wished[0].floating_ip.address, 2)]).await;
        let wished = all_wished.iter().map(|info| info.floating_ip.address);
        let led = (10..10 + MANY).zip(wished).map(|(number, address)| associate(address, number));
        let (many, _) = cost(&subject, led).await;
        assert_no_dearer(kind, &many, &[&one]);

        let (one, _) = cost(&subject, [deallocation(2)]).await;
        assert!(
            one.keys().all(|sql| !sql.contains("dns_")),
            "{kind:?}: whoever has no names is asked for none"
        );
        let (many, released) = cost(&subject, (10..10 + MANY).map(deallocation)).await;
        assert_no_dearer(kind, &many, &[&one]);

        let unplugged = |ports| ReportHost {
            host: host(),
            report: HostReport { unplugged: ports, ..HostReport::default() },
        };
        // Ports that never moved are asked about no other host.
        let (one, _) = cost(&subject, [unplugged(vec![info[0].vifs[0].id])]).await;
        assert!(one.keys().all(|sql| !sql.contains("pending_unplugs")), "{kind:?}: {one:?}");
        let ports = released.into_iter().flat_map(|released| released.ports).collect();
        let (many, _) = cost(&subject, [unplugged(ports)]).await;
        assert_no_dearer(kind, &many, &[&one]);
    }
}

#[tokio::test]
async fn a_batch_of_256_moves_costs_no_more_statements_than_one_of_1() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        subject.network("private", &["10.1.0.0/16"]).await;
        let allocated = (1..10 + MANY).map(|number| allocation(number, vec![]));
        cost(&subject, allocated).await;
        let many = || 10..10 + MANY;
        for (from, to) in [("host-1", "host-2"), ("host-2", "host-1")] {
            // The first one meets a host for the first time.
            let (first, _) = cost(&subject, [start(1, from, to)]).await;
            let (second, _) = cost(&subject, [start(2, from, to)]).await;
            let (all, _) = cost(&subject, many().map(|number| start(number, from, to))).await;
            assert_no_dearer(kind, &all, &[&first, &second]);
            let (one, _) = cost(&subject, [finish(1, from, to)]).await;
            cost(&subject, [finish(2, from, to)]).await;
            let (all, _) = cost(&subject, many().map(|number| finish(number, from, to))).await;
            assert_no_dearer(kind, &all, &[&one]);
        }
        let (one, _) = cost(&subject, [deallocation(1)]).await;
        let (all, released) = cost(&subject, many().map(deallocation)).await;
        assert_no_dearer(kind, &all, &[&one]);
        let ports: Vec<PortId> = released.into_iter().flat_map(|released| released.ports).collect();
        for host in ["host-1", "host-2"] {
            let report =
                HostReport { unplugged: ports.clone(), revision: u64::MAX.into(), ..HostReport::default() };
            let (all, _) = cost(&subject, [ReportHost { host: host.parse().unwrap(), report }]).await;
            let most = if kind == Kind::Sqlite { 2 } else { 1 };
            assert!(all.values().all(|count| *count <= most), "{kind:?}: {all:?}");
        }
        assert!(subject.dump().await.ports.iter().all(|port| !ports.contains(&port.id)));
    }
}

#[tokio::test]
async fn an_allocation_costs_the_same_statements_with_50_000_addresses_taken() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let [empty, full] = [Subject::open(kind, |_| {}).await, Subject::open(kind, |_| {}).await];
        empty.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
        let made = full.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
        take_50_000(&full, made.network.id, made.subnets[0].id).await;
        // Neither begins with what a batch has left.
        empty.engine().write().await.unwrap().commit().await.unwrap();
        for batch in [1..2, 2..3, 10..10 + MANY] {
            let allocate = |number| allocation(number, vec![]);
            let (on_empty, _) = cost(&empty, batch.clone().map(allocate)).await;
            let (on_full, infos) = cost(&full, batch.map(allocate)).await;
            assert_eq!(on_full, on_empty, "{kind:?}");
            let address = infos[0].vifs[0].network.subnets[0].fixed_ips[0];
            assert!(address >= IpAddr::from([10, 1, FULL_BLOCKS, 0]), "{address}");
        }
    }
}

/// Fills the first blocks of 10.1.0.0/16: a port for each address. A few blocks a statement, since a busy PostgreSQL takes longer for
/// all of them at once than a statement may.
async fn take_50_000(subject: &Subject, network: NetworkId, subnet: SubnetId) {
    const AT_ONCE: usize = 8;
    let mut tx = subject.engine().write().await.unwrap();
    for some in (0..FULL_BLOCKS).collect::<Vec<u8>>().chunks(AT_ONCE) {
        let mut together = Together::default();
        let blocks =
            some.iter().map(|third| Block::from_bytes(subnet, [10, 1, *third, 0].into(), [0xff; 32]));
        let addresses =
            some.iter().flat_map(|third| (0..=255).map(|last| Ipv4Addr::new(10, 1, *third, last)));
        let (ports, fixed_ips): (Vec<Port>, Vec<FixedIp>) =
            addresses.map(|address| port_with(address, network, subnet)).unzip();
        table::insert(&mut together, &ports.iter().collect::<Vec<_>>());
        table::insert(&mut together, &fixed_ips.iter().collect::<Vec<_>>());
        table::insert(&mut together, &blocks.collect::<Vec<_>>().iter().collect::<Vec<_>>());
        together.carry_out(&mut tx).await.unwrap();
    }
    let mut together = Together::default();
    let frontier = Frontier { subnet, next: Some([10, 1, FULL_BLOCKS, 0].into()) };
    table::update(&mut together, &[(&frontier, &frontier)]);
    together.carry_out(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// A port of its own for an address, which has it.
fn port_with(address: Ipv4Addr, network: NetworkId, subnet: SubnetId) -> (Port, FixedIp) {
    let number = address.to_bits();
    // The name of its device is made of the first bytes.
    let id = PortId::from(Uuid::from_u128(u128::from(number) << 96));
    let [_, second, third, last] = address.octets();
    let port = Port {
        id,
        instance: Uuid::from_u128(u128::from(number)).into(),
        incarnation: 1,
        network,
        project: "p2".parse().unwrap(),
        host: "full".parse().unwrap(),
        position: 0,
        mac: MacAddr::from([0x02, 0, 0, second, third, last]),
        binding: PortBinding::Tap,
        status: PortStatus::Active,
        is_released: false,
        revision: Revision::from(1),
        created_at: Timestamp::default(),
        mac_range: None,
        has_moved: false,
        target: None,
    };
    let fixed_ip = FixedIp {
        subnet,
        address: address.into(),
        holder: Holder::Port(id),
        since: Timestamp::default(),
        lease: None,
        is_asked_for: false,
    };
    (port, fixed_ip)
}

/// Uses the ledger in every way that there is.
async fn use_everything(subject: &Subject) {
    const REST: Duration = Duration::from_secs(60);
    let resting = SubnetSpec { quarantine: REST, ..subnet("10.2.0.0/29") };
    let resting = subject.create(network("resting", vec![resting])).await.network.id;
    let id = subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await.network.id;
    use_instances(subject, id).await;
    // The address rests, is swept, and in a dry pool taken again.
    subject.end(2).await;
    subject.advance(REST);
    subject.submit(SweepQuarantine).await.unwrap();
    subject.end(3).await;
    subject.advance(REST);
    for number in 6..9 {
        let _ = subject.allocate(number).await;
    }
    use_ranges_of_macs(subject, id).await;
    use_names(subject).await;
    use_floating_ips(subject, id).await;
    use_ports(subject, id).await;
    use_history(subject).await;
    use_fixed_ips(subject, id).await;
    subject.deallocate(4).await;
    use_moves(subject).await;
    subject.store().ask(MeasureHosts { after: None }).await.unwrap();
    assert_eq!(
        reason(subject.submit(DeleteNetwork { network: resting, scope: Scope::Everything }).await),
        "NETWORK_IN_USE"
    );
    let unused = subject.network("unused", &["10.3.0.0/24"]).await.network.id;
    subject.submit(DeleteNetwork { network: unused, scope: Scope::Everything }).await.unwrap();
    while subject.store().drop_ended_subnets().await.unwrap() > 0 {}
    let read = ReadEvents { start: EventStart::After(0), limit: 100, filter: EventFilter::default() };
    subject.store().ask(read).await.unwrap();
    subject.store().forget_events(Duration::ZERO).await.unwrap();
    subject.store().forget_requests(Duration::ZERO).await.unwrap();
    subject.store().forget_history(Duration::ZERO).await.unwrap();
}

/// Allocates instances 1 to 5, one twice and one with an address of its choice, asks for them in every way that there is, and has
/// their host follow.
async fn use_instances(subject: &Subject, network: NetworkId) {
    for _ in 0..2 {
        subject.submit_as("nova", "boot-1", allocation(1, vec![])).await.unwrap();
    }
    for number in 2..5 {
        subject.allocate(number).await.unwrap();
    }
    subject.allocate_at(5, network, "10.1.0.77").await.unwrap();
    let scope = || Scope::Everything;
    subject.store().ask(GetInstanceNwInfo { instance: instance(1), scope: scope() }).await.unwrap();
    for project in [None, "p1".parse().ok()] {
        let networks = ListNetworks { project: project.clone(), after: 0, limit: 100, scope: scope() };
        subject.store().ask(networks).await.unwrap();
        for question in [find::within("10.1.0.0/24"), find::matching("10")] {
            subject.store().ask(FindInstances { project: project.clone(), ..question }).await.unwrap();
        }
    }
    let feed = subject.feed().await;
    subject.store().ask(HostFeed { host: host(), after: Some(feed.revision) }).await.unwrap();
    subject.submit(plugged(feed.ports.iter().map(|port| port.id))).await.unwrap();
}

/// Moves instances off a host that is fenced before and meanwhile: 6 arrives and ends on its way back, 7 is called off.
async fn use_moves(subject: &Subject) {
    subject.submit(FenceHost { host: host() }).await.unwrap();
    for move_on in [start(6, "host-1", "host-2"), start(7, "host-1", "host-2")] {
        subject.submit(move_on).await.unwrap();
    }
    subject.submit(finish(6, "host-1", "host-2")).await.unwrap();
    subject.submit(FenceHost { host: host() }).await.unwrap();
    subject.submit(setup(7, "host-2", true)).await.unwrap();
    subject.submit(start(6, "host-2", "host-1")).await.unwrap();
    subject.end(6).await;
    subject.feed().await;
}

/// Asks who held what, of each kind, and goes on behind what ended and behind what lasts.
async fn use_history(subject: &Subject) {
    let any = ports::list(PortSelection::By(PortsBy::Any));
    let ports = subject.store().ask(any).await.unwrap().ports;
    let addresses = ["10.1.0.2", "172.24.4.1"].map(|text| Held::Address(text.parse().unwrap()));
    let port = &ports[0].port;
    let of_holders = [Held::Mac(port.mac), Held::Instance(port.instance), Held::Port(port.id)];
    for of in addresses.into_iter().chain(of_holders) {
        let shelf = match of {
            Held::Address(address) => Shelf::FloatingIp(address),
            Held::Mac(mac) => Shelf::Mac(mac),
            Held::Instance(_) | Held::Port(_) => Shelf::FixedIp(Uuid::nil().into(), [0, 0, 0, 0].into()),
        };
        let place = |until| Some(HoldingPlace { until, shelf });
        for after in [None, place(End::At(subject.now())), place(End::NotYet)] {
            subject.store().ask(ListHolders { after, ..history::of(of) }).await.unwrap();
        }
    }
}

/// Looks at ports in every way that there is.
async fn use_ports(subject: &Subject, network: NetworkId) {
    let by = PortSelection::By;
    for selection in [
        by(PortsBy::Any),
        by(PortsBy::Network(network)),
        by(PortsBy::Instance(instance(90))),
        PortSelection::OnHost(host()),
    ] {
        for project in [None, "p1".parse().ok()] {
            let question = ListPorts { project, ..ports::list(selection.clone()) };
            assert!(!subject.store().ask(question).await.unwrap().ports.is_empty());
        }
    }
    let ports = subject.store().ask(ports::list(by(PortsBy::Any))).await.unwrap().ports;
    let mac = PortRef::Mac(ports[0].port.mac);
    subject.store().ask(GetPort { port: mac, scope: Scope::Everything }).await.unwrap();
}

/// Of a base that has few MACs left, what may be looked at is looked at together: pages of them, not one after the other.
#[tokio::test]
async fn a_mac_base_that_is_nearly_used_up_costs_few_rounds() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let id = subject.network("private", &[]).await.network.id;
        let with_ports = |number, count| AllocateForInstance {
            mac_base: "fa:16:3e:00:01".parse().unwrap(),
            allow_duplicate_networks: true,
            ..allocation(number, vec![requested(id, &[]); count])
        };
        for number in 1..=4 {
            subject.submit(with_ports(number, 48)).await.unwrap();
        }
        let (cost, infos) = cost(&subject, [with_ports(5, 63)]).await;
        assert_eq!(infos[0].vifs.len(), 63);
        let by_mac: usize = cost.iter().filter(|(sql, _)| sql.contains("mac")).map(|(_, count)| count).sum();
        assert!(by_mac <= 10, "{kind:?}: {cost:#?}");
        assert_eq!(subject.submit(with_ports(6, 1)).await.unwrap().vifs.len(), 1, "the last one of 256");
        assert!(subject.submit(with_ports(7, 1)).await.is_err());
    }
}

/// Uses fixed IPs in every way that there is, also with a release of what rests.
async fn use_fixed_ips(subject: &Subject, network: NetworkId) {
    subject.submit(fixed_ips::reserve(network, "10.1.0.200")).await.unwrap();
    subject.store().ask(fixed_ips::get(network, "10.1.0.200")).await.unwrap();
    let place = || FixedIpsBy::Place(Place::Network(network));
    for by in [place(), FixedIpsBy::Instance(instance(90)), FixedIpsBy::Host(host())] {
        for project in [None, Some("p1".parse().unwrap())] {
            let question = ListFixedIps { project, ..fixed_ips::list_by(by.clone()) };
            assert!(!subject.store().ask(question).await.unwrap().fixed_ips.is_empty());
        }
    }
    for state in [FixedIpState::Reserved, FixedIpState::Leased, FixedIpState::Resting] {
        let question = ListFixedIps { state: Some(state), ..fixed_ips::list_by(place()) };
        subject.store().ask(question).await.unwrap();
    }
    subject.submit(fixed_ips::unreserve(network, "10.1.0.200")).await.unwrap();
    let on_it = allocation(92, vec![requested(network, &["10.1.0.92"])]);
    let mac = subject.submit(on_it).await.unwrap().vifs[0].mac;
    subject.submit(fixed_ips::lease("10.1.0.92", mac)).await.unwrap();
    subject.end(92).await;
    assert!(subject.submit(fixed_ips::release("10.1.0.92", mac)).await.unwrap().fixed_ip.is_some());
}

/// Uses ranges of MACs in every way that there is.
async fn use_ranges_of_macs(subject: &Subject, network: NetworkId) {
    let made = subject.submit(mac_ranges::range("02:16:3e:00:00:00/47")).await.unwrap();
    // The second one has the first one's MAC.
    for number in 80..82 {
        subject.submit(allocation(number, vec![requested(network, &[])])).await.unwrap();
        subject.end(number).await;
    }
    subject.store().ask(ListMacRanges).await.unwrap();
    subject.submit(DeleteMacRange { range: made.id }).await.unwrap();
}

/// Uses DNS in every way that there is; instance 1 has 10.1.0.2.
async fn use_names(subject: &Subject) {
    let place = |name: Option<&str>, address: Option<&str>| DnsPlace::Domain {
        domain: "example.org".parse().unwrap(),
        name: name.map(|name| name.parse().unwrap()),
        address: address.map(|address| address.parse().unwrap()),
    };
    subject.submit(dns::domain("example.org")).await.unwrap();
    subject.submit(dns::private("example.org")).await.unwrap();
    subject.submit(dns::bound("web", "10.1.0.2", 1)).await.unwrap();
    subject.submit(dns::modification("web", "10.1.0.9")).await.unwrap();
    subject.submit(dns::bound("web1", "10.1.0.2", 1)).await.unwrap();
    for project in [None, Some("p1".parse().unwrap())] {
        let scope = project.map_or(Scope::Everything, Scope::Project);
        subject.store().ask(ListDnsDomains { scope, after: None, limit: 9 }).await.unwrap();
    }
    let address = "10.1.0.9";
    for place in [place(Some("web"), None), place(None, None), place(None, Some(address))] {
        assert!(!subject.store().ask(dns::list(place)).await.unwrap().entries.is_empty());
    }
    let everywhere = DnsPlace::Address(address.parse().unwrap());
    assert_eq!(subject.store().ask(dns::list(everywhere)).await.unwrap().entries.len(), 1);
    subject.submit(dns::deletion("web")).await.unwrap();
    subject.deallocate(1).await;
    subject.submit(DeleteDnsDomain { name: "example.org".parse().unwrap() }).await.unwrap();
}

/// Uses floating IPs in every way that there is.
async fn use_floating_ips(subject: &Subject, network: NetworkId) {
    for (number, address) in [(90, "10.1.0.90"), (91, "10.1.0.91")] {
        subject.allocate_at(number, network, address).await.unwrap();
    }
    subject.submit(pool("nova", &["172.24.4.0/30", "172.24.5.0/29"])).await.unwrap();
    let scope = || Scope::Everything;
    let mut addresses = Vec::new();
    for _ in 0..3 {
        addresses.push(subject.submit(wish()).await.unwrap().floating_ip.address);
    }
    subject.submit(associate(addresses[0], 90)).await.unwrap();
    subject.submit(associate(addresses[1], 91)).await.unwrap();
    let selections = [
        FloatingSelection::All,
        FloatingSelection::Pool("nova".parse().unwrap()),
        FloatingSelection::FixedIp("10.1.0.2".parse().unwrap()),
        FloatingSelection::Instance(instance(90)),
        FloatingSelection::Host(host()),
    ];
    for selection in selections {
        for project in [None, Some("p1".parse().unwrap())] {
            subject.store().ask(ListFloatingIps { project, ..list(selection.clone()) }).await.unwrap();
        }
    }
    subject.store().ask(GetFloatingIp { address: addresses[0], scope: scope() }).await.unwrap();
    let led_to = subject.store().ask(find::led_to(addresses[0])).await.unwrap();
    assert_eq!(led_to.found[0].instance, instance(90));
    subject.store().ask(ListQuotas { after: None, limit: 9 }).await.unwrap();
    subject.store().ask(ListFloatingPools { after: 0, limit: 9, scope: scope() }).await.unwrap();
    subject.submit(disassociate(addresses[0])).await.unwrap();
    subject.submit(release(addresses[0])).await.unwrap();
    let nova = DeleteFloatingPool { name: "nova".parse().unwrap() };
    assert_eq!(reason(subject.submit(nova).await), "FLOATING_POOL_IN_USE");
    subject.submit(pool("blue", &["10.9.0.1"])).await.unwrap();
    subject.submit(DeleteFloatingPool { name: "blue".parse().unwrap() }).await.unwrap();
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        use_everything(&subject).await;
        let sent = assert_no_scans(&subject).await;
        assert!(sent > 50, "{kind:?}: {sent}");
    }
}

/// What a DHCP server is told of a network starts from the network's ports, and is not looked for among all addresses.
#[tokio::test]
async fn b33_a_networks_guests_are_found_by_indexes() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let network = subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await.network.id;
        subject.allocate(1).await.unwrap();
        subject.engine().take_sent();
        let told = subject.store().ask(GetDhcpGuests { network }).await.unwrap();
        assert_eq!((told.guests.len(), assert_no_scans(&subject).await > 3), (1, true), "{kind:?}");
    }
}

/// Whoever pages through what a host has pays for what is on the page, however much it has: each table is read in the order of
/// an index. Only what has changed at one revision, which hardly ever is more than one port, is sorted by the ids.
#[tokio::test]
async fn what_a_host_has_is_read_in_its_order_and_not_sorted() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let own = Some(NamedHost { id: host(), must_be_known: false });
        subject.create(NetworkSpec { host: own, ..network("routed", vec![subnet("10.2.0.0/24")]) }).await;
        let id = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        subject.allocate_at(1, id, "10.1.0.9").await.unwrap();
        subject.engine().take_sent();
        for project in [None, "p1".parse().ok()] {
            let on_it = ports::list(PortSelection::OnHost(host()));
            subject.store().ask(ListPorts { project: project.clone(), ..on_it }).await.unwrap();
            let carried = list(FloatingSelection::Host(host()));
            subject.store().ask(ListFloatingIps { project, ..carried }).await.unwrap();
        }
        let sent: BTreeSet<Arc<str>> =
            subject.engine().take_sent().into_iter().map(|sent| sent.text).collect();
        for wanted in [
            "from ports where host_id",
            "from ports where project_id",
            "from networks where host_id",
            "from floating_ips where network_id",
        ] {
            let page = sent.iter().find(|text| text.contains(wanted)).unwrap_or_else(|| panic!("{wanted}"));
            let mut tx = subject.engine().write().await.unwrap();
            let steps = match kind {
                Kind::Memory | Kind::Sqlite => steps_of_sqlite(&mut tx, page).await,
                Kind::Postgres => {
                    // A page of one row is sorted as fast as it is not.
                    tx.execute("set local enable_sort = off", vec![]).await.unwrap();
                    tx.execute("discard plans", vec![]).await.unwrap();
                    // Nor does it walk in that order through what other hosts have.
                    assert_eq!(scans_of_postgres(&mut tx, page).await, Vec::<String>::new(), "{page}");
                    steps_of_postgres(&mut tx, page).await
                }
            };
            tx.rollback().await.unwrap();
            let is_sort = |step: &&String| {
                let is_of_sqlite = step.contains("TEMP B-TREE") && !step.contains("LAST TERM");
                is_of_sqlite
                    || step.contains("Sort")
                        && !step.contains("Incremental Sort")
                        && !step.contains("Sort Key")
            };
            assert_eq!(steps.iter().find(is_sort), None, "{kind:?}: {steps:#?}");
        }
    }
}

#[tokio::test]
async fn what_was_prepared_once_serves_every_batch_after_it() {
    const PREPARED: &str = "select count(*) from pg_prepared_statements";
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
    let mut counts = Vec::new();
    for batch in [0..1, 1..3, 10..10 + MANY, 1000..1000 + MANY, 2000..2077, 3000..3001] {
        cost(&subject, batch.map(|number| allocation(number, vec![]))).await;
        let mut tx = subject.engine().write().await.unwrap();
        counts.push(tx.fetch(PREPARED, vec![]).await.unwrap()[0].columns().get::<i64>().unwrap());
        tx.rollback().await.unwrap();
    }
    // The first three make the host and open a block; find both; and find a block and open the next one.
    assert!(counts[2..].iter().all(|count| *count == counts[2]), "{counts:?}");
}

#[tokio::test]
async fn an_allocation_on_postgresql_goes_there_and_back_fourteen_times_at_most() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    for network in ["left", "right"] {
        subject.network(network, &["10.1.0.0/16", "fd00:1::/64"]).await;
    }
    for number in [1, 2] {
        subject.submit_as("nova", &format!("boot-{number}"), allocation(number, vec![])).await.unwrap();
    }
    subject.engine().take_sent();
    subject.submit_as("nova", "boot-3", allocation(3, vec![])).await.unwrap();
    let ways = subject.engine().take_sent();
    assert!(ways.iter().any(|sent| sent.literals.len() > 1), "nothing was sent together: {ways:#?}");
    assert!(ways.len() <= 14, "{}: {ways:#?}", ways.len());
}

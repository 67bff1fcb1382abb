//! Quotas, decided over views in memory.

use super::*;
use crate::{
    AddFixedIp, AllocateFloatingIp, AllocateForInstance, Associate, AssociateNetwork, CreateFloatingPool,
    DeleteNetwork, HostFeed, Place, ReleaseFloatingIp, RemoveFixedIp, ReportHost, WantedAddress,
    example::{allocation, deallocation, decided, empty, host, instance, made, network, with_network},
};
use lepton_types::{HostReport, NetworkId, PortReport, PortStatus};

fn project() -> ProjectId {
    "p1".parse().unwrap()
}

fn limited(ledger: &mut View, limit: impl FnOnce(&mut Amounts<Option<Option<Limit>>>)) {
    let mut limits = Amounts::default();
    limit(&mut limits);
    decided(ledger, &SetQuota { project: project(), limits }).unwrap();
}

fn used(ledger: &mut View) -> Amounts<u64> {
    let question = GetQuota { project: Some(project()), scope: Scope::Everything };
    decided(ledger, &question).unwrap().quota.used
}

fn exceeded(resource: Resource, limit: u32, used: u64, wanted: u64) -> Refusal {
    Refusal::QuotaExceeded { project: project(), resource, limit: Limit::AtMost(limit), used, wanted }
}

#[test]
fn a_port_and_its_addresses_count_until_its_host_has_unplugged_it() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let both = Amounts { ports: 1, fixed_ips: 2, ..Amounts::default() };
    assert_eq!(used(&mut ledger), both);
    let ports = decided(&mut ledger, &deallocation(1)).unwrap().ports;
    assert_eq!(used(&mut ledger), both, "the host has not unplugged it");
    let revision = decided(&mut ledger, &HostFeed { host: host(), after: None }).unwrap().revision;
    let report = HostReport { revision, unplugged: ports, ..HostReport::default() };
    decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
    assert_eq!(used(&mut ledger), Amounts::default());
}

#[test]
fn b55_what_a_quota_does_not_allow_takes_nothing() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    limited(&mut ledger, |limits| limits.ports = Some(Some(Limit::AtMost(1))));
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let before = ledger.changes().len();
    let refused = decided(&mut ledger, &allocation(2, vec![])).unwrap_err();
    assert_eq!(refused, exceeded(Resource::Ports, 1, 1, 1));
    limited(&mut ledger, |limits| {
        limits.ports = Some(Some(Limit::Unlimited));
        limits.fixed_ips = Some(Some(Limit::AtMost(3)));
    });
    let refused = decided(&mut ledger, &allocation(2, vec![])).unwrap_err();
    assert_eq!(refused, exceeded(Resource::FixedIps, 3, 2, 2));
    assert_eq!(ledger.changes().len(), before + 1, "only the limits");
    let wish = crate::ValidateNetworks {
        project: project(),
        networks: vec![],
        allow_duplicate_networks: false,
        mac_base: lepton_ipam::MacBase::default(),
        scope: Scope::Everything,
    };
    assert_eq!(decided(&mut ledger, &wish).unwrap_err(), exceeded(Resource::FixedIps, 3, 2, 2));
    limited(&mut ledger, |limits| limits.ports = Some(Some(Limit::AtMost(1))));
    assert_eq!(decided(&mut ledger, &wish).unwrap_err(), exceeded(Resource::Ports, 1, 1, 1));
    let other = AllocateForInstance { project: "p2".parse().unwrap(), ..allocation(2, vec![]) };
    decided(&mut ledger, &other).unwrap();
}

#[test]
fn an_address_of_a_live_port_counts_until_its_host_filters_the_port_without_it() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let port = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].id;
    limited(&mut ledger, |limits| limits.fixed_ips = Some(Some(Limit::AtMost(2))));
    let add = AddFixedIp {
        instance: instance(1),
        wanted: WantedAddress::Lowest(Place::Network(made.network.id)),
        only_on: None,
        scope: Scope::Everything,
        domain: None,
    };
    decided(&mut ledger, &add).unwrap();
    let refused = decided(&mut ledger, &add).unwrap_err();
    assert_eq!(refused, exceeded(Resource::FixedIps, 2, 2, 1));
    let address = "10.1.0.3".parse().unwrap();
    let removal = RemoveFixedIp {
        instance: instance(1),
        address,
        network: None,
        only_on: None,
        scope: Scope::Everything,
        domain: None,
    };
    decided(&mut ledger, &removal).unwrap();
    assert_eq!(used(&mut ledger).fixed_ips, 2, "the host may still filter by it");
    let revision = decided(&mut ledger, &HostFeed { host: host(), after: None }).unwrap().ports[0].revision;
    let filtered = PortReport { id: port, status: PortStatus::Active, filtered_at: Some(revision) };
    let report = HostReport { ports: vec![filtered], ..HostReport::default() };
    decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
    assert_eq!(used(&mut ledger), Amounts { ports: 1, fixed_ips: 1, ..Amounts::default() });
}

#[test]
fn a_floating_ip_counts_until_it_is_released() {
    let mut ledger = empty();
    let pool = CreateFloatingPool {
        name: "nova".parse().unwrap(),
        ranges: vec!["172.24.4.0/28".parse().unwrap()],
        interface: None,
    };
    decided(&mut ledger, &pool).unwrap();
    limited(&mut ledger, |limits| limits.floating_ips = Some(Some(Limit::AtMost(1))));
    let wish = AllocateFloatingIp {
        project: Some(project()),
        pool: "nova".parse().unwrap(),
        address: None,
        scope: Scope::Everything,
    };
    let address = decided(&mut ledger, &wish).unwrap().floating_ip.address;
    assert_eq!(decided(&mut ledger, &wish).unwrap_err(), exceeded(Resource::FloatingIps, 1, 1, 1));
    let release = ReleaseFloatingIp {
        address,
        disassociates: false,
        affects_auto_assigned: false,
        scope: Scope::Everything,
    };
    decided(&mut ledger, &release).unwrap();
    assert_eq!(used(&mut ledger), Amounts::default());
    decided(&mut ledger, &wish).unwrap();
}

#[test]
fn several_networks_that_are_too_many_are_told_as_such() {
    let mut ledger = empty();
    limited(&mut ledger, |limits| limits.networks = Some(Some(Limit::AtMost(2))));
    let own = |label: &str| crate::NetworkSpec { project: Some(project()), ..network(label, &[]) };
    let networks = vec![own("a"), network("global", &[]), own("b"), own("c")];
    let three = crate::CreateNetworks { networks, scope: Scope::Everything };
    assert_eq!(decided(&mut ledger, &three), Err(exceeded(Resource::Networks, 2, 0, 3)));
    let range = "10.0.0.0/16".parse().unwrap();
    let ipv4 = crate::Carving { range, prefix_len: 24, like: lepton_ipam::SubnetSpec::new(range) };
    let carve = crate::CarveNetworks { count: 4, like: own("d"), ipv4: Some(ipv4), ipv6: None };
    assert_eq!(decided(&mut ledger, &carve), Err(exceeded(Resource::Networks, 2, 0, 4)));
    assert_eq!(used(&mut ledger).networks, 0);
}

#[test]
fn a_network_counts_for_its_owner_and_a_global_one_for_nobody() {
    let mut ledger = empty();
    let own = |ledger: &mut View, label| {
        made(ledger, crate::NetworkSpec { project: Some(project()), ..network(label, &[]) }).network.id
    };
    let global = made(&mut ledger, network("global", &[])).network.id;
    let first = own(&mut ledger, "first");
    assert_eq!(used(&mut ledger).networks, 1);
    limited(&mut ledger, |limits| limits.networks = Some(Some(Limit::AtMost(1))));
    let associate = |id: NetworkId| AssociateNetwork { network: id, with: Associate::Project(project()) };
    let refused = decided(&mut ledger, &associate(global)).unwrap_err();
    assert_eq!(refused, exceeded(Resource::Networks, 1, 1, 1));
    decided(&mut ledger, &DeleteNetwork { network: first, scope: Scope::Everything }).unwrap();
    decided(&mut ledger, &associate(global)).unwrap();
    assert_eq!(used(&mut ledger).networks, 1);
    let away = crate::DisassociateNetwork { network: global, project: true, host: false };
    decided(&mut ledger, &away).unwrap();
    assert_eq!(used(&mut ledger).networks, 0);
}

#[test]
fn a_limit_below_what_is_used_only_stops_further_ones() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    for number in 1..=3 {
        decided(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    limited(&mut ledger, |limits| limits.ports = Some(Some(Limit::AtMost(2))));
    assert_eq!(used(&mut ledger).ports, 3);
    let refused = decided(&mut ledger, &allocation(4, vec![])).unwrap_err();
    assert_eq!(refused, exceeded(Resource::Ports, 2, 3, 1));
    limited(&mut ledger, |limits| limits.ports = Some(None));
    decided(&mut ledger, &allocation(4, vec![])).unwrap();
}

#[test]
fn what_nobody_has_set_is_the_default() {
    let mut ledger = empty().with_default_limits(Amounts { ports: Limit::AtMost(0), ..Amounts::DEFAULT });
    let question = GetQuota { project: Some(project()), scope: Scope::Everything };
    let limits = decided(&mut ledger, &question).unwrap().limits;
    assert_eq!((limits.ports, limits.floating_ips), (Limit::AtMost(0), Limit::AtMost(10)));
    let spent = ledger.attempt(0, |ledger| ledger.spend(&project(), Resource::FloatingIps, 11));
    let refused = exceeded(Resource::FloatingIps, 10, 0, 11);
    assert_eq!(spent, Err(Stop::Refused(refused)));
    assert_eq!(ledger.attempt(0, |ledger| ledger.spend(&project(), Resource::FloatingIps, 10)), Ok(()));
}

#[test]
fn a_tenant_reads_its_own_quota_and_no_other() {
    let mut ledger = empty();
    let scope = Scope::Project(project());
    let own = GetQuota { project: None, scope: scope.clone() };
    assert_eq!(decided(&mut ledger, &own).unwrap().quota.project, project());
    let other = GetQuota { project: "p2".parse().ok(), scope };
    assert!(matches!(decided(&mut ledger, &other), Err(Refusal::ProjectNotAllowed { .. })));
}

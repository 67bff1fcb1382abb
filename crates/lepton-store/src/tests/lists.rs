//! Each list follows an index that is in its order and begins with what the list is of, so that a page costs what it holds,
//! however much is not on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
};

use lepton_ledger::{
    Command, DnsPlace, FindInstances, FixedIpsBy, FloatingSelection, Held, ListDnsDomains, ListFixedIps,
    ListFloatingIps, ListFloatingPools, ListNetworks, ListPorts, ListQuotas, Place, PortSelection, PortsBy,
    Scope,
};
use lepton_types::{FixedIpState, ProjectId};

use super::{
    dns, find, fixed_ips,
    floating_ips::{associate, list, pool, wish},
    harness::{Kind, Subject, host, instance},
    history,
    plans::{is_of_one_instance, scans_of_postgres, sorts_of_sqlite, steps_of_postgres, steps_of_sqlite},
    ports,
};

/// Both stores, each with a network, an instance that has 10.1.0.9 and a floating IP, and names.
async fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let network = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        subject.allocate_at(1, network, "10.1.0.9").await.unwrap();
        subject.submit(pool("nova", &["172.24.4.0/30"])).await.unwrap();
        let floating_ip = subject.submit(wish()).await.unwrap().floating_ip;
        subject.submit(associate(floating_ip.address, 1)).await.unwrap();
        subject.submit(dns::domain("example.org")).await.unwrap();
        subject.submit(dns::bound("web", "10.1.0.9", 1)).await.unwrap();
        subjects.push(subject);
    }
    subjects
}

fn own() -> Option<ProjectId> {
    "p1".parse().ok()
}

/// The question's pages are read by these indexes, as SQLite tells them, and are not sorted. A name alone is that of an index that
/// only PostgreSQL needs.
async fn assert_follows<C: Command + Debug>(subject: &Subject, question: C, expected: &[&str]) {
    let asked = format!("{question:?} on {:?}", subject.kind);
    subject.engine().take_sent();
    subject.store().ask(question).await.unwrap();
    let sent: BTreeSet<Arc<str>> = subject.engine().take_sent().into_iter().map(|sent| sent.text).collect();
    let mut tx = subject.engine().write().await.unwrap();
    let mut followed = BTreeSet::new();
    for text in sent.iter().filter(|text| text.contains(" limit ")) {
        let may_sort = is_of_one_instance(text);
        match subject.kind {
            Kind::Memory | Kind::Sqlite => {
                let steps = steps_of_sqlite(&mut tx, text).await;
                let sorts = sorts_of_sqlite(&steps);
                assert!(may_sort || sorts.is_empty(), "{asked}: {steps:#?}");
                let searched = steps.iter().filter_map(|step| step.strip_prefix("SEARCH "));
                followed.extend(searched.map(str::to_owned));
            }
            Kind::Postgres => {
                // A page of one row is sorted as fast as it is not.
                let off = ["set local enable_sort = off", "set local enable_bitmapscan = off"];
                let settings = if may_sort { &[][..] } else { &off[..] };
                for setting in settings.iter().copied().chain(["discard plans"]) {
                    tx.execute(setting, vec![]).await.unwrap();
                }
                assert_eq!(scans_of_postgres(&mut tx, text).await, Vec::<String>::new(), "{asked}");
                let steps = steps_of_postgres(&mut tx, text).await;
                assert!(
                    may_sort || !steps.iter().any(|step| step.contains("  Sort  ")),
                    "{asked}: {steps:#?}"
                );
                followed.extend(steps.iter().filter_map(|step| index_of_postgres(step)));
            }
        }
    }
    tx.rollback().await.unwrap();
    let expected: BTreeSet<String> = match subject.kind {
        Kind::Memory | Kind::Sqlite => {
            expected.iter().filter(|step| step.contains(' ')).map(|&step| step.to_owned()).collect()
        }
        Kind::Postgres => expected.iter().map(|step| name_on_postgres(step)).collect(),
    };
    assert_eq!(followed, expected, "{asked}");
}

/// The index by which PostgreSQL carries a step out.
fn index_of_postgres(step: &str) -> Option<String> {
    let (_, behind) = step.split_once(" using ").or_else(|| step.split_once("Bitmap Index Scan on "))?;
    behind.split(' ').next().map(str::to_owned)
}

/// What PostgreSQL calls the index of a step of SQLite's.
fn name_on_postgres(step: &str) -> String {
    let unnamed = BTreeMap::from([
        ("sqlite_autoindex_dns_domains_2", "dns_domains_name_key"),
        ("sqlite_autoindex_instances_1", "instances_pkey"),
        ("sqlite_autoindex_quotas_1", "quotas_pkey"),
        ("sqlite_autoindex_subnets_1", "subnets_id_is_there_key"),
    ]);
    let mut words = step.split(' ');
    let table = words.next().unwrap();
    match words.skip_while(|word| *word != "INDEX").nth(1) {
        None if table == step => step.to_owned(),
        None => format!("{table}_pkey"),
        Some(name) => (*unnamed.get(name).unwrap_or(&name)).to_owned(),
    }
}

#[tokio::test]
async fn a_list_of_ports_follows_an_index() {
    const OF_ALL: &str = "ports USING INDEX ports_by_network ((network_id,id)>(?,?))";
    const OF_PROJECT: &str = "ports USING INDEX ports_by_project (project_id=? AND (network_id,id)>(?,?))";
    const ON_NETWORK: &str = "ports USING INDEX ports_by_network (network_id=? AND id>?)";
    const OF_PROJECT_ON_NETWORK: &str =
        "ports USING INDEX ports_by_project (project_id=? AND network_id=? AND id>?)";
    const OF_INSTANCE: [&str; 2] = [
        "ports USING INDEX ports_by_instance (alive_since=? AND instance_id=?)",
        "instances USING INDEX sqlite_autoindex_instances_1 (id=?)",
    ];
    // The page of a host's ports shows how little is left to be sorted.
    const ON_HOST: &str = "ports USING INDEX ports_by_revision (host_id=? AND revision>?)";
    for subject in subjects().await {
        let network = subject.dump().await.ports[0].network;
        let by = PortSelection::By;
        let on_network = by(PortsBy::Network(network));
        let of_instance = by(PortsBy::Instance(instance(1)));
        for (selection, project, expected) in [
            (by(PortsBy::Any), None, &[OF_ALL][..]),
            (by(PortsBy::Any), own(), &[OF_PROJECT]),
            (on_network.clone(), None, &[ON_NETWORK]),
            (on_network, own(), &[OF_PROJECT_ON_NETWORK]),
            (of_instance.clone(), None, &OF_INSTANCE),
            (of_instance, own(), &OF_INSTANCE),
            (PortSelection::OnHost(host()), None, &[ON_HOST]),
            (PortSelection::OnHost(host()), own(), &[OF_PROJECT]),
        ] {
            let question = ListPorts { project, ..ports::list(selection) };
            assert_follows(&subject, question, expected).await;
        }
        for (by, project, expected) in [
            (FixedIpsBy::Place(Place::Network(network)), own(), &[OF_PROJECT_ON_NETWORK][..]),
            (FixedIpsBy::Instance(instance(1)), None, &OF_INSTANCE),
            (FixedIpsBy::Host(host()), None, &[ON_HOST]),
            (FixedIpsBy::Host(host()), own(), &[OF_PROJECT]),
        ] {
            let question = ListFixedIps { project, ..fixed_ips::list_by(by) };
            assert_follows(&subject, question, expected).await;
        }
    }
}

#[tokio::test]
async fn a_list_of_floating_ips_follows_an_index() {
    const OF_ALL: &str = "floating_ips USING PRIMARY KEY (address>?)";
    const CHOSEN: &str = "floating_ips USING INDEX floating_ips_chosen (address>?)";
    const OF_PROJECT: &str = "floating_ips USING INDEX floating_ips_by_project (project_id=? AND is_auto_assigned=? AND address>?)";
    const OF_POOL: &str =
        "floating_ips USING INDEX floating_ips_by_pool (pool_id=? AND is_auto_assigned=? AND address>?)";
    const OF_PROJECT_IN_POOL: &str = "floating_ips USING INDEX floating_ips_by_project_in_pool (project_id=? AND pool_id=? AND is_auto_assigned=? AND address>?)";
    const TO_ADDRESS: &str =
        "floating_ips USING INDEX floating_ips_by_fixed_address (fixed_address=? AND address>?)";
    const OF_PROJECT_TO_ADDRESS: &str = "floating_ips USING INDEX floating_ips_by_project_to_address (fixed_address=? AND project_id=? AND address>?)";
    const TO_INSTANCE: [&str; 3] = [
        "floating_ips USING INDEX floating_ips_by_port (port_id=? AND address>?)",
        "instances USING INDEX sqlite_autoindex_instances_1 (id=?)",
        "ports USING INDEX ports_by_instance (alive_since=? AND instance_id=?)",
    ];
    for subject in subjects().await {
        let in_pool = FloatingSelection::Pool("nova".parse().unwrap());
        let to_address = FloatingSelection::FixedIp("10.1.0.9".parse().unwrap());
        let to_instance = FloatingSelection::Instance(instance(1));
        for (selection, project, expected) in [
            (FloatingSelection::All, own(), &[OF_PROJECT][..]),
            (in_pool.clone(), None, &[OF_POOL]),
            (in_pool, own(), &[OF_PROJECT_IN_POOL]),
            (to_address.clone(), None, &[TO_ADDRESS]),
            (to_address, own(), &[OF_PROJECT_TO_ADDRESS]),
            (to_instance.clone(), None, &TO_INSTANCE),
            (to_instance, own(), &TO_INSTANCE),
        ] {
            for shows_auto_assigned in [false, true] {
                let question = ListFloatingIps {
                    project: project.clone(),
                    shows_auto_assigned,
                    ..list(selection.clone())
                };
                assert_follows(&subject, question, expected).await;
            }
        }
        for (shows_auto_assigned, expected) in [(false, CHOSEN), (true, OF_ALL)] {
            let question = ListFloatingIps { shows_auto_assigned, ..list(FloatingSelection::All) };
            assert_follows(&subject, question, &[expected]).await;
        }
    }
}

#[tokio::test]
async fn a_list_of_addresses_follows_an_index() {
    for subject in subjects().await {
        let network = subject.dump().await.ports[0].network;
        for (state, expected) in [
            (None, "fixed_ips USING PRIMARY KEY (subnet_id=? AND address>?)"),
            (
                Some(FixedIpState::Reserved),
                "fixed_ips USING INDEX fixed_ips_reserved (subnet_id=? AND address>?)",
            ),
            (
                Some(FixedIpState::Leased),
                "fixed_ips USING INDEX fixed_ips_leased (subnet_id=? AND address>?)",
            ),
            (
                Some(FixedIpState::Resting),
                "fixed_ips USING INDEX fixed_ips_resting_in_order (subnet_id=? AND address>?)",
            ),
        ] {
            let by = FixedIpsBy::Place(Place::Network(network));
            let question = ListFixedIps { state, ..fixed_ips::list_by(by) };
            assert_follows(&subject, question, &[expected]).await;
        }
        let in_range = [
            "fixed_ips USING INDEX fixed_ips_by_address ((address,subnet_id)>(?,?) AND address<?)",
            "subnets USING INDEX sqlite_autoindex_subnets_1 (id=?)",
        ];
        assert_follows(&subject, find::within("10.1.0.0/24"), &in_range).await;
        for (project, expected) in [
            (None, "instances USING INDEX instances_by_project ((project_id,created_at,id)>(?,?,?))"),
            (own(), "instances USING INDEX instances_by_project (project_id=? AND (created_at,id)>(?,?))"),
        ] {
            let question = FindInstances { project, ..find::matching("10") };
            assert_follows(&subject, question, &[expected]).await;
        }
    }
}

#[tokio::test]
async fn a_list_of_names_follows_an_index() {
    const OF_DOMAIN: &str = "dns_entries USING PRIMARY KEY (domain_id=? AND (name,type)>(?,?))";
    const IN_DOMAIN: &str =
        "dns_entries USING INDEX dns_entries_by_address (address=? AND domain_id=? AND name>?)";
    const ANYWHERE: &str =
        "dns_entries USING INDEX dns_entries_by_address (address=? AND (domain_id,name)>(?,?))";
    for subject in subjects().await {
        let of_domain =
            |address| DnsPlace::Domain { domain: "example.org".parse().unwrap(), name: None, address };
        let address = "10.1.0.9".parse().unwrap();
        for (place, expected) in [
            (of_domain(None), OF_DOMAIN),
            (of_domain(Some(address)), IN_DOMAIN),
            (DnsPlace::Address(address), ANYWHERE),
        ] {
            assert_follows(&subject, dns::list(place), &[expected]).await;
        }
        let visible = [
            "dns_domains USING INDEX dns_domains_by_project (project_id=? AND name>?)",
            "dns_domains_of_nobody",
        ];
        for (scope, expected) in [
            (Scope::Everything, &["dns_domains USING INDEX sqlite_autoindex_dns_domains_2 (name>?)"][..]),
            (Scope::Project("p1".parse().unwrap()), &visible),
        ] {
            assert_follows(&subject, ListDnsDomains { scope, after: None, limit: 9 }, expected).await;
        }
    }
}

#[tokio::test]
async fn a_list_of_networks_quotas_or_holders_follows_an_index() {
    for subject in subjects().await {
        let scope = || Scope::Everything;
        let visible =
            ["networks USING INDEX networks_by_project (project_id=? AND sequence>?)", "networks_of_nobody"];
        for (project, expected) in
            [(None, &["networks USING INDEX networks_to_plug_into (sequence>?)"][..]), (own(), &visible)]
        {
            let question = ListNetworks { project, after: 0, limit: 9, scope: scope() };
            assert_follows(&subject, question, expected).await;
        }
        let pools = ListFloatingPools { after: 0, limit: 9, scope: scope() };
        assert_follows(&subject, pools, &["networks USING INDEX networks_of_pools (sequence>?)"]).await;
        let quotas = ListQuotas { after: None, limit: 9 };
        let by_project = ["quotas USING INDEX sqlite_autoindex_quotas_1 (project_id>?)"];
        assert_follows(&subject, quotas, &by_project).await;
        let of_address = [
            "fixed_ip_history USING INDEX fixed_ip_history_by_address (address=? AND ended_at>?)",
            "fixed_ips USING INDEX fixed_ips_by_address (address=? AND subnet_id>?)",
            "floating_ip_history USING INDEX floating_ip_history_by_address (address=? AND ended_at>?)",
            "floating_ips USING PRIMARY KEY (address=?)",
        ];
        let address = Held::Address("10.1.0.9".parse().unwrap());
        assert_follows(&subject, history::of(address), &of_address).await;
        let mac = Held::Mac(subject.dump().await.ports[0].mac);
        let of_mac = [
            "port_history USING INDEX port_history_by_mac (mac=? AND ended_at>?)",
            "ports USING INDEX ports_by_mac (mac=?)",
        ];
        assert_follows(&subject, history::of(mac), &of_mac).await;
        let of_instance = [
            "fixed_ip_history USING INDEX fixed_ip_history_by_instance (instance_id=? AND ended_at>?)",
            "floating_ip_history USING INDEX floating_ip_history_by_instance (instance_id=? AND ended_at>?)",
            "port_history USING INDEX port_history_by_instance (instance_id=? AND ended_at>?)",
        ];
        let port = subject.dump().await.ports[0].id;
        for of in [Held::Instance(instance(1)), Held::Port(port)] {
            assert_follows(&subject, history::of(of), &of_instance).await;
        }
    }
}

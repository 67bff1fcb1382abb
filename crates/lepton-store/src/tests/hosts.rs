//! Hosts hear what they must have, and say what they have; of those that are gone an operator says so.

use std::time::Duration;

use futures_util::future::join_all;
use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AllocateForInstance, DeleteNetwork, FenceHost, GetInstanceNwInfo, Holder, HostFeed, HostFigures,
    MeasureHosts, RegisterHost, ReportHost, Scope,
};
use lepton_types::{HostChanges, HostId, HostReport, PortBinding, PortReport, PortStatus, Revision};

use super::{
    each_store,
    harness::{Subject, allocation, fixed_ips, host, instance, network, subnet},
    migrations::{finish, start},
};

async fn changes(subject: &Subject, host: HostId, after: Option<Revision>) -> HostChanges {
    subject.store().ask(HostFeed { host, after }).await.unwrap()
}

async fn report(subject: &Subject, report: HostReport) {
    subject.submit(ReportHost { host: host(), report }).await.unwrap();
}

/// In Nova the guest's IPv6 address was no part of what its port might send from.
#[tokio::test]
async fn b13_a_port_may_send_from_its_addresses_of_both_families() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        let info = subject.allocate(1).await.unwrap();
        let mut told: Vec<_> = subject.feed().await.ports[0].addresses.clone();
        told.sort_unstable();
        assert_eq!(told.iter().map(ToString::to_string).collect::<Vec<_>>(), fixed_ips(&info));
    })
    .await;
}

#[tokio::test]
async fn a_host_hears_everything_or_what_changed_after_its_revision() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        assert_eq!(
            changes(subject, host(), None).await,
            HostChanges { is_complete: true, ..HostChanges::default() }
        );

        let first = subject.allocate(1).await.unwrap();
        let after_first = changes(subject, host(), None).await;
        assert_eq!((after_first.is_complete, after_first.ports.len()), (true, 1));
        let (port, vif) = (&after_first.ports[0], &first.vifs[0]);
        assert_eq!((port.id, port.mac, &port.device), (vif.id, vif.mac, &vif.device));
        assert_eq!(
            (port.network, &port.bridge, port.mtu),
            (vif.network.id, &vif.network.bridge, vif.network.mtu)
        );
        assert_eq!(port.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().len(), 2);
        assert_eq!(port.binding, PortBinding::Tap);
        let mut addresses: Vec<_> = port.addresses.iter().map(ToString::to_string).collect();
        addresses.sort_by_key(|address| address.contains(':'));
        assert_eq!(addresses, fixed_ips(&first));

        let second = subject.allocate(2).await.unwrap();
        let news = changes(subject, host(), Some(after_first.revision)).await;
        assert_eq!(news.ports.iter().map(|port| port.id).collect::<Vec<_>>(), [second.vifs[0].id]);
        assert!(!news.is_complete && news.revision > after_first.revision);

        subject.deallocate(1).await;
        let last = changes(subject, host(), Some(news.revision)).await;
        assert_eq!((last.ports.len(), &last.released[..]), (0, &[first.vifs[0].id][..]));
        assert_eq!(
            changes(subject, host(), Some(last.revision)).await,
            HostChanges { revision: last.revision, ..HostChanges::default() }
        );
        let ahead = changes(subject, host(), Some(last.revision.next())).await;
        assert_eq!((ahead.is_complete, ahead.ports.len(), ahead.released.len()), (true, 1, 1));
        let other = changes(subject, "host-2".parse().unwrap(), None).await;
        assert_eq!((other.ports.len(), other.released.len()), (0, 0));

        let questions = [None, Some(after_first.revision), Some(news.revision), Some(last.revision)];
        let together = join_all(questions.map(|after| changes(subject, host(), after))).await;
        let counts: Vec<_> = together.iter().map(|news| (news.ports.len(), news.released.len())).collect();
        assert_eq!(counts, [(1, 1), (1, 1), (0, 1), (0, 0)], "questions of one batch do not mix");
    })
    .await;
}

#[tokio::test]
async fn a_ports_status_is_what_its_host_says() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let id = subject.allocate(1).await.unwrap().vifs[0].id;
        let status = async || {
            let asked = GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything };
            subject.store().ask(asked).await.unwrap().vifs.remove(0).status
        };
        assert_eq!(status().await, PortStatus::Pending);
        let said = |status| HostReport {
            ports: vec![PortReport { id, status, filtered_at: None }],
            ..HostReport::default()
        };
        for wanted in [PortStatus::Active, PortStatus::Error("no such device".into()), PortStatus::Active] {
            report(subject, said(wanted.clone())).await;
            assert_eq!(status().await, wanted);
        }
        let before = subject.dump().await;
        subject.take_told();
        report(subject, said(PortStatus::Active)).await;
        assert_eq!((subject.dump().await, subject.take_told()), (before, vec![]), "nothing new is no change");

        let stranger = ReportHost { host: "host-2".parse().unwrap(), report: said(PortStatus::Pending) };
        subject.submit(stranger).await.unwrap();
        assert_eq!(status().await, PortStatus::Active, "another host's word is nothing");
        let unknown = PortReport {
            id: uuid::Uuid::from_u128(404).into(),
            status: PortStatus::Active,
            filtered_at: None,
        };
        report(subject, HostReport { ports: vec![unknown], ..HostReport::default() }).await;
        subject.deallocate(1).await;
        report(subject, said(PortStatus::Pending)).await;
        assert_eq!(subject.dump().await.ports[0].status, PortStatus::Active, "a released port is past that");
    })
    .await;
}

#[tokio::test]
async fn only_the_ports_own_host_proves_that_it_is_unplugged() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let ids = vec![subject.allocate(1).await.unwrap().vifs[0].id];
        subject.unplug(ids.clone()).await;
        assert_eq!(
            subject.dump().await.held().len(),
            1,
            "a port that nobody released is lost, not unplugged"
        );
        subject.deallocate(1).await;
        let unplugged = HostReport { unplugged: ids.clone(), ..HostReport::default() };
        let stranger = ReportHost { host: "host-2".parse().unwrap(), report: unplugged };
        subject.submit(stranger).await.unwrap();
        assert_eq!(subject.dump().await.held().len(), 1, "another host's absence proves nothing");
        subject.unplug([ids.clone(), ids.clone()].concat()).await;
        assert_eq!((subject.dump().await.ports.len(), subject.dump().await.fixed_ips.len()), (0, 0));

        subject.allocate(2).await.unwrap();
        subject.take_told();
        subject.unplug(ids).await;
        assert_eq!(subject.take_told(), [], "what is said twice happens once");
        assert_eq!(subject.dump().await.held().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_report_without_news_writes_nothing() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let before = subject.dump().await;
        subject.take_told();
        report(subject, HostReport { revision: 3.into(), ..HostReport::default() }).await;
        assert_eq!(subject.dump().await, before);
        assert_eq!(subject.take_told(), []);
    })
    .await;
}

#[tokio::test]
async fn each_host_has_revisions_of_its_own() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let on = |host: &str, number| AllocateForInstance {
            host: host.parse().ok(),
            ..allocation(number, vec![])
        };
        for (host, number) in [("host-1", 1), ("host-2", 2), ("host-2", 3)] {
            subject.submit(on(host, number)).await.unwrap();
        }
        let hosts = subject.dump().await.hosts;
        let revisions = hosts.iter().map(|host| host.revision.number()).filter(|number| *number > 0);
        assert_eq!(revisions.collect::<Vec<_>>(), [1, 2]);
    })
    .await;
}

/// A slip in a host's name, say: there is nobody to wait for.
#[tokio::test]
async fn what_no_agent_was_told_of_ends_at_once_and_is_in_the_history() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        let nod7: HostId = "nod7".parse().unwrap();
        let on_nod7 = |number| AllocateForInstance { host: Some(nod7.clone()), ..allocation(number, vec![]) };
        let first = subject.submit(on_nod7(1)).await.unwrap();
        let both = [allocation(2, vec![]), on_nod7(3)].map(|command| subject.submit(command));
        join_all(both).await;
        let ended = [1, 2, 3].map(|number| subject.deallocate(number));
        assert_eq!(join_all(ended).await[0].ports, [first.vifs[0].id]);
        let dump = subject.dump().await;
        assert_eq!(dump.ports.iter().map(|port| &port.host).collect::<Vec<_>>(), [&host()]);
        assert_eq!((dump.fixed_ips.len(), dump.pending_unplugs.len()), (2, 0));
        if subject.kind.is_durable() {
            assert_eq!(dump.history.ports.len(), 2);
        }
        assert_eq!(fixed_ips(&subject.allocate(4).await.unwrap())[0], fixed_ips(&first)[0]);

        subject.submit(on_nod7(5)).await.unwrap();
        subject.submit(RegisterHost { host: nod7.clone() }).await.unwrap();
        let released = subject.deallocate(5).await.ports;
        assert_eq!(changes(subject, nod7.clone(), None).await.released, released, "its agent may have it");
    })
    .await;
}

/// Either the agent never hears of the port, or the port waits for its word.
#[tokio::test]
async fn an_agent_that_comes_to_one_manager_while_another_one_deallocates_has_nothing_that_is_free() {
    let subject = &mut Subject::open(super::harness::Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    let other = subject.another().await.unwrap();
    for number in 0..40 {
        let host: HostId = format!("node{number}").parse().unwrap();
        let on_it = AllocateForInstance { host: Some(host.clone()), ..allocation(number, vec![]) };
        subject.submit(on_it).await.unwrap();
        let comes = async {
            let by_itself = lepton_ledger::Envelope::anonymous();
            other.submit(RegisterHost { host: host.clone() }, by_itself).await.unwrap();
            other.ask(HostFeed { host: host.clone(), after: None }).await.unwrap()
        };
        let (told, _) = tokio::join!(comes, subject.deallocate(number));
        let is_kept = subject.dump().await.ports.iter().any(|port| port.host == host);
        assert_eq!(is_kept, !(told.ports.is_empty() && told.released.is_empty()), "{told:?}");
    }
    other.close().await;
}

#[tokio::test]
async fn what_a_fenced_host_had_to_unplug_is_free_and_in_the_history() {
    each_store(async |subject| {
        let quarantine = Duration::from_secs(60);
        let rests = SubnetSpec { quarantine, ..subnet("fd00:1::/64") };
        let made = subject.create(network("private", vec![subnet("10.1.0.0/24"), rests])).await;
        let info = subject.allocate(1).await.unwrap();
        let port = subject.dump().await.ports.remove(0);
        subject.deallocate(1).await;
        let before = subject.dump().await;

        let fence = FenceHost { host: host() };
        subject.store().ask(fence.clone()).await.unwrap();
        assert_eq!(subject.dump().await, before, "a rehearsal changes nothing");
        let fenced = subject.submit(fence.clone()).await.unwrap();
        assert_eq!((fenced.ended, fenced.live), (vec![port.id], vec![]));
        let dump = subject.dump().await;
        assert_eq!((dump.ports.len(), dump.pending_unplugs.len()), (0, 1));
        let until = Holder::Quarantine(subject.now().after(quarantine));
        assert_eq!(dump.fixed_ips.iter().map(|row| row.holder.clone()).collect::<Vec<_>>(), [until]);
        if subject.kind.is_durable() {
            let ports: Vec<_> = dump.history.ports.iter().map(|(row, at)| (row.id, *at)).collect();
            assert_eq!(ports, [(port.id, subject.now())]);
            let ended = dump.history.fixed_ips.iter();
            let mut held: Vec<_> = ended.map(|(row, _)| row.address.to_string()).collect();
            held.sort_by_key(|address| address.contains(':'));
            assert_eq!(held, fixed_ips(&info));
        }
        assert_eq!(subject.submit(fence).await.unwrap().ended, [], "once");

        let heir = subject.allocate_at(2, made.network.id, &fixed_ips(&info)[0]).await.unwrap();
        assert_eq!(fixed_ips(&heir)[0], fixed_ips(&info)[0]);
        subject.end(2).await;
        subject.submit(DeleteNetwork { network: made.network.id, scope: Scope::Everything }).await.unwrap();
        subject.reopen().await;
        let after = subject.dump().await.pending_unplugs;
        assert_eq!(
            after.len(),
            usize::from(subject.kind.is_durable()),
            "it waits for the host, and for nothing else"
        );
    })
    .await;
}

#[tokio::test]
async fn a_fenced_host_that_comes_back_hears_what_it_must_unplug_until_it_has() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        let kept = subject.allocate(2).await.unwrap().vifs[0].id;
        let held = subject.feed().await.revision;
        let ghosts = subject.deallocate(1).await.ports;
        subject.submit(FenceHost { host: host() }).await.unwrap();

        let unplugged = HostReport { unplugged: ghosts.clone(), ..HostReport::default() };
        let stranger = ReportHost { host: "host-2".parse().unwrap(), report: unplugged };
        subject.submit(stranger).await.unwrap();
        let news = changes(subject, host(), Some(held)).await;
        assert_eq!((news.is_complete, news.ports.len(), &news.released), (false, 0, &ghosts));
        let all = subject.feed().await;
        assert_eq!((all.ports.iter().map(|port| port.id).collect(), &all.released), (vec![kept], &ghosts));
        assert_eq!(changes(subject, host(), Some(all.revision)).await.released, []);

        subject.unplug(ghosts.clone()).await;
        assert_eq!((subject.feed().await.released, subject.dump().await.pending_unplugs), (vec![], vec![]));
        subject.take_told();
        subject.unplug(ghosts).await;
        assert_eq!(subject.take_told(), [], "what is said twice happens once");
    })
    .await;
}

#[tokio::test]
async fn very_many_ports_are_fenced_in_parts() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/16"]).await;
        let infos = join_all((0..600).map(|number| subject.allocate(number))).await;
        assert!(infos.iter().all(Result::is_ok));
        join_all((0..520).map(|number| subject.deallocate(number))).await;
        // Two calls in one batch, then one by itself.
        let fence = || subject.submit(FenceHost { host: host() });
        let (first, second) = tokio::join!(fence(), fence());
        let mut ended: usize = 0;
        for fenced in [first.unwrap(), second.unwrap()] {
            assert!(fenced.has_more && fenced.ended.len() <= 256, "{fenced:?}");
            ended += fenced.ended.len();
        }
        while ended < 520 {
            let fenced = fence().await.unwrap();
            ended += fenced.ended.len();
            assert_eq!(fenced.has_more, ended < 520);
        }
        let last = fence().await.unwrap();
        assert_eq!((last.ended.len(), last.live.len(), last.has_more), (0, 80, false));
        assert_eq!(subject.dump().await.held().len(), 80);
    })
    .await;
}

/// What all hosts have.
async fn measured(subject: &Subject) -> Vec<HostFigures> {
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let step = subject.store().ask(MeasureHosts { after }).await.unwrap();
        all.extend(step.hosts);
        after = step.next;
        if after.is_none() {
            return all;
        }
    }
}

/// What these hosts have, and the others nothing.
fn with(all: &[HostFigures], some: &[HostFigures]) -> Vec<HostFigures> {
    let of = |host: &HostId| some.iter().find(|figures| figures.host == *host).cloned();
    all.iter().map(|it| of(&it.host).unwrap_or_else(|| HostFigures::of(it.host.clone()))).collect()
}

#[tokio::test]
async fn how_far_a_host_is_behind_is_counted_by_what_it_has_said() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let (mut ports, mut moments) = (Vec::new(), Vec::new());
        for number in 1..=5 {
            moments.push(subject.now());
            ports.push(subject.allocate(number).await.unwrap().vifs[0].id);
            subject.advance(Duration::from_secs(60));
        }
        let elsewhere = AllocateForInstance { host: "nobodys".parse().ok(), ..allocation(6, vec![]) };
        subject.submit(elsewhere).await.unwrap();
        let says = |id, status| PortReport { id, status, filtered_at: None };
        let failed = PortStatus::Error("no room".to_owned());
        let plugged = vec![says(ports[0], PortStatus::Active), says(ports[1], failed)];
        report(subject, HostReport { ports: plugged, ..HostReport::default() }).await;
        subject.deallocate(4).await;
        subject.submit(start(1, "host-1", "host-2")).await.unwrap();

        let all = measured(subject).await;
        assert!(all.is_sorted_by_key(|figures| figures.host.clone()));
        assert_eq!(all.len(), 7, "a host whose agent was never there has nothing to follow");
        let of = |name: &str| HostFigures::of(name.parse().unwrap());
        let own = |active, to_unplug| HostFigures {
            active,
            pending: 2,
            failed: 1,
            to_unplug,
            pending_since: Some(moments[2]),
            ..of("host-1")
        };
        // Of what moves nobody knows how long it waits.
        let other = HostFigures { pending: 1, ..of("host-2") };
        assert_eq!(all, with(&all, &[own(1, 1), other.clone()]));
        subject.submit(finish(1, "host-1", "host-2")).await.unwrap();
        assert_eq!(measured(subject).await, with(&all, &[own(0, 2), other.clone()]));
        subject.unplug(vec![ports[0], ports[3]]).await;
        assert_eq!(measured(subject).await, with(&all, &[own(0, 0), other]));
        // A fenced host is not waited for.
        subject.deallocate(5).await;
        subject.submit(FenceHost { host: host() }).await.unwrap();
        let left = measured(subject).await;
        assert_eq!(left.iter().map(|figures| figures.to_unplug).sum::<u64>(), 0);
    })
    .await;
}

#[tokio::test]
async fn very_many_hosts_are_measured_in_steps() {
    each_store(async |subject| {
        let names: Vec<HostId> = (10..50).map(|number| format!("n{number}").parse().unwrap()).collect();
        for host in &names {
            subject.submit(RegisterHost { host: host.clone() }).await.unwrap();
        }
        let all = measured(subject).await;
        let of_these = all.iter().map(|figures| &figures.host).filter(|host| names.contains(host));
        assert_eq!((of_these.count(), all.len()), (40, 47));
    })
    .await;
}

//! Instances move between hosts.

use futures_util::future::join_all;
use lepton_ledger::{
    AllocateForInstance, BindingRequest, Envelope, FenceHost, FollowInstance, GetInstanceNwInfo, HostFeed,
    MigrateInstanceFinish, MigrateInstanceStart, Move, ReportHost, Scope, SetupNetworksOnHost,
};
use lepton_types::{HostChanges, HostId, HostReport, PortId, PortReport, PortStatus};

use super::{
    each_store,
    harness::{Kind, Subject, allocation, deallocation, fixed_ips, instance, reason},
    sound::assert_sound,
};

fn named(name: &str) -> HostId {
    name.parse().unwrap()
}

pub(super) fn start(number: u128, source: &str, destination: &str) -> MigrateInstanceStart {
    MigrateInstanceStart {
        instance: instance(number),
        incarnation: None,
        source: named(source),
        destination: named(destination),
        binding: None,
        only_known_hosts: false,
        only_on: None,
    }
}

pub(super) fn finish(number: u128, source: &str, destination: &str) -> MigrateInstanceFinish {
    MigrateInstanceFinish {
        instance: instance(number),
        incarnation: None,
        source: named(source),
        destination: named(destination),
        only_on: None,
    }
}

pub(super) fn setup(number: u128, host: &str, is_teardown: bool) -> SetupNetworksOnHost {
    SetupNetworksOnHost {
        instance: instance(number),
        incarnation: None,
        host: named(host),
        is_teardown,
        binding: None,
        only_known_hosts: false,
        only_on: None,
    }
}

async fn feed(subject: &Subject, host: &str) -> HostChanges {
    subject.store().ask(HostFeed { host: named(host), after: None }).await.unwrap()
}

/// What an agent says that has followed everything.
fn said(host: &str, plugged: &[PortId], unplugged: &[PortId]) -> ReportHost {
    let ports = plugged
        .iter()
        .map(|id| PortReport { id: *id, status: PortStatus::Active, filtered_at: None })
        .collect();
    let report = HostReport { revision: u64::MAX.into(), ports, unplugged: unplugged.to_vec() };
    ReportHost { host: named(host), report }
}

#[tokio::test]
async fn an_instance_moves_with_all_its_ports_or_stays() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        subject.network("storage", &["10.2.0.0/29"]).await;
        let settled = subject.allocate(1).await.unwrap();
        let ports: Vec<PortId> = settled.vifs.iter().map(|vif| vif.id).collect();
        let source = feed(subject, "host-1").await;

        let netns = "/run/netns/there".parse().unwrap();
        let veth = BindingRequest::Veth { netns, guest_device: "eth%d".parse().unwrap() };
        let begin = MigrateInstanceStart { binding: Some(veth), ..start(1, "host-1", "host-2") };
        let begun = subject.submit(begin).await.unwrap();
        subject.reopen().await;
        if !subject.kind.is_durable() {
            return;
        }
        let info = async |subject: &Subject| {
            subject
                .store()
                .ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything })
                .await
                .unwrap()
        };
        assert_eq!(info(subject).await, begun.info);
        assert_sound(&subject.dump().await);
        assert_eq!(feed(subject, "host-1").await, source);
        let told = feed(subject, "host-2").await;
        assert_eq!(told.ports.iter().map(|port| port.id).collect::<Vec<_>>(), ports);
        assert!(told.ports.iter().all(|port| matches!(port.binding, lepton_types::PortBinding::Veth { .. })));

        subject.submit(said("host-2", &ports[1..], &[])).await.unwrap();
        let mut destinations =
            info(subject).await.vifs.into_iter().map(|vif| vif.destination.unwrap().status);
        assert!(
            destinations.next() == Some(PortStatus::Pending)
                && destinations.next() == Some(PortStatus::Active)
        );

        subject.submit(setup(1, "host-2", true)).await.unwrap();
        assert_eq!(info(subject).await, settled);
        assert_eq!(feed(subject, "host-2").await.released, ports);
        assert_sound(&subject.dump().await);

        subject.submit(start(1, "host-1", "host-2")).await.unwrap();
        let arrived = subject.submit(finish(1, "host-1", "host-2")).await.unwrap();
        assert_eq!((arrived.host.as_str(), fixed_ips(&arrived)), ("host-2", fixed_ips(&settled)));
        assert_eq!(
            (feed(subject, "host-1").await.released, feed(subject, "host-2").await.ports.len()),
            (ports, 2)
        );
    })
    .await;
}

#[tokio::test]
async fn an_address_is_free_when_every_host_has_unplugged_it() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let addresses = fixed_ips(&subject.allocate(1).await.unwrap());
        subject.submit(start(1, "host-1", "host-2")).await.unwrap();
        subject.submit(finish(1, "host-1", "host-2")).await.unwrap();
        subject.submit(start(1, "host-2", "host-3")).await.unwrap();
        let ports = subject.deallocate(1).await.ports;
        assert_sound(&subject.dump().await);
        // The host that it lived on is not the last one.
        subject.submit(said("host-2", &[], &ports)).await.unwrap();
        assert_eq!(subject.dump().await.held().len(), 1);
        assert_sound(&subject.dump().await);
        let fenced = subject.submit(FenceHost { host: named("host-1") }).await.unwrap();
        assert_eq!((fenced.ended.len(), fenced.departed.len()), (0, 1));
        assert_sound(&subject.dump().await);
        assert_eq!(subject.dump().await.held().len(), 1);
        subject.submit(said("host-3", &[], &ports)).await.unwrap();
        let dump = subject.dump().await;
        assert_eq!((dump.ports.len(), dump.fixed_ips.len(), dump.pending_unplugs.len()), (0, 0, 1));
        if subject.kind.is_durable() {
            let (port, _) = &dump.history.ports[0];
            assert!(port.has_moved && port.target.is_none());
            assert_eq!(dump.history.instances[0].0.migration, None);
        }
        assert_eq!(fixed_ips(&subject.allocate(2).await.unwrap()), addresses);
        subject.submit(said("host-1", &[], &ports)).await.unwrap();
        assert_eq!(subject.dump().await.pending_unplugs, []);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_moves_once() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        let (there, back) = (start(1, "host-1", "host-2"), start(1, "host-2", "host-1"));
        let begun = subject.submit_as("nova", "there", there.clone()).await.unwrap();
        let arrive = finish(1, "host-1", "host-2");
        let arrived = subject.submit_as("nova", "arrive", arrive.clone()).await.unwrap();
        subject.submit_as("nova", "back", back.clone()).await.unwrap();
        let before = subject.dump().await;
        assert_eq!(subject.submit_as("nova", "there", there.clone()).await.unwrap(), begun);
        assert_eq!(subject.submit_as("nova", "arrive", arrive).await.unwrap(), arrived);
        assert_eq!(subject.dump().await, before);
        assert_eq!(reason(subject.submit_as("nova", "back", there).await), "REQUEST_ID_REUSED");
    })
    .await;
}

#[tokio::test]
async fn more_ports_than_one_call_may_have_left_a_fenced_host() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/16"]).await;
        let infos = join_all((0..300).map(|number| subject.allocate(number))).await;
        assert!(infos.iter().all(Result::is_ok));
        for moved in join_all((0..300).map(|number| subject.submit(start(number, "host-1", "host-2")))).await
        {
            moved.unwrap();
        }
        for moved in join_all((0..300).map(|number| subject.submit(finish(number, "host-1", "host-2")))).await
        {
            moved.unwrap();
        }
        let mut counts = Vec::new();
        for _ in 0..3 {
            let fenced = subject.submit(FenceHost { host: named("host-1") }).await.unwrap();
            counts.push((fenced.departed.len(), fenced.has_more));
        }
        assert_eq!(counts, [(256, true), (44, false), (0, false)]);
        let released = join_all((0..300).map(|number| subject.deallocate(number))).await;
        let ports: Vec<PortId> = released.into_iter().flat_map(|released| released.ports).collect();
        subject.submit(said("host-2", &[], &ports)).await.unwrap();
        assert_eq!(subject.dump().await.held().len(), 0, "nobody waits for the fenced host");
    })
    .await;
}

/// Instances that are moved, deallocated and told of by both managers at once, until nothing is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_move_instances_under_load_and_leave_a_sound_ledger() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 4).await;
        subject.network("private", &["10.1.0.0/25"]).await;
        let other = subject.another().await.unwrap();
        let stores = [subject.store(), &other];
        let hosts = ["host-1", "host-2", "host-3"];
        let tasks = (0..16_usize).map(|task| async move {
            let number = task as u128;
            for life in 0..3_usize {
                let at = |step: usize| stores[(task + life + step) % 2];
                let host = |step: usize| hosts[(task + step) % 3];
                let command =
                    AllocateForInstance { host: Some(named(host(0))), ..allocation(number, vec![]) };
                let info = at(0).submit(command, Envelope::anonymous()).await.unwrap().answer;
                let ports: Vec<PortId> = info.vifs.iter().map(|vif| vif.id).collect();
                for step in 0..3 {
                    let (source, destination) = (host(step), host(step + 1));
                    let begin = start(number, source, destination);
                    let (moved, told) = tokio::join!(
                        at(step).submit(begin, Envelope::anonymous()),
                        at(step + 1).submit(said(source, &ports, &ports), Envelope::anonymous())
                    );
                    moved.unwrap();
                    told.unwrap();
                    let (arrived, told) = tokio::join!(
                        at(step + 1).submit(finish(number, source, destination), Envelope::anonymous()),
                        at(step).submit(said(destination, &ports, &[]), Envelope::anonymous())
                    );
                    arrived.unwrap();
                    told.unwrap();
                }
                at(0).submit(start(number, host(3), host(4)), Envelope::anonymous()).await.unwrap();
                let end = deallocation(number);
                at(1).submit(end, Envelope::anonymous()).await.unwrap();
                let reports = hosts
                    .iter()
                    .enumerate()
                    .map(|(step, host)| at(step).submit(said(host, &[], &ports), Envelope::anonymous()));
                for told in join_all(reports).await {
                    told.unwrap();
                }
            }
        });
        join_all(tasks).await;
        let dump = subject.dump().await;
        assert_sound(&dump);
        assert_eq!((dump.instances.len(), dump.ports.len(), dump.fixed_ips.len()), (0, 0, 0), "{kind:?}");
        assert_eq!((dump.pending_unplugs.len(), dump.history.ports.len()), (0, 48));
    }
}

#[tokio::test]
async fn a_finished_move_is_known_as_such_after_the_way_back() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        let is_finished = async |begun: &Move| {
            let followed = subject.store().ask(FollowInstance { since: begun.info.clone() }).await.unwrap();
            followed.is_finished
        };
        let begun = subject.submit(start(1, "host-1", "host-2")).await.unwrap();
        assert!(!is_finished(&begun).await);
        subject.submit(finish(1, "host-1", "host-2")).await.unwrap();
        let back = subject.submit(start(1, "host-2", "host-1")).await.unwrap();
        subject.submit(finish(1, "host-2", "host-1")).await.unwrap();
        assert!(is_finished(&begun).await && is_finished(&back).await);
    })
    .await;
}

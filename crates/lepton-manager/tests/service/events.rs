//! What those are told who follow the ledger, over a socket.

use std::time::Duration;

use lepton_proto::v1::{self, events_client::EventsClient};
use lepton_types::PortStatus;
use tonic::{Code, Status, Streaming, transport::Channel};

use crate::{
    problem::Problem,
    server::{PROJECT, Server, allocation, instance, network, port_ids},
};

type Client = EventsClient<Channel>;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn behind(revision: u64) -> v1::WatchEventsRequest {
    v1::WatchEventsRequest { after_revision: Some(revision), ..Default::default() }
}

async fn client(server: &Server) -> Client {
    Client::new(server.channel().await)
}

/// A stream, and what of its last message was not taken yet.
struct Followed {
    stream: Streaming<v1::WatchEventsResponse>,
    events: Vec<v1::Event>,
    /// What the last message said.
    revision: u64,
}

impl Followed {
    async fn start(client: &mut Client, request: v1::WatchEventsRequest) -> Result<Self, Status> {
        let stream = client.watch_events(request).await?.into_inner();
        let mut followed = Self { stream, events: Vec::new(), revision: 0 };
        followed.message().await?;
        Ok(followed)
    }

    /// Takes a message; answers false when the stream ended well.
    async fn message(&mut self) -> Result<bool, Status> {
        let message = tokio::time::timeout(PATIENCE, self.stream.message()).await.expect("a message comes");
        let Some(message) = message? else { return Ok(false) };
        self.revision = message.revision;
        self.events.extend(message.events);
        Ok(true)
    }

    /// The next events' kinds.
    async fn kinds(&mut self, count: usize) -> Vec<String> {
        self.take(count).await.into_iter().map(|event| event.kind).collect()
    }

    async fn take(&mut self, count: usize) -> Vec<v1::Event> {
        while self.events.len() < count {
            assert!(self.message().await.unwrap(), "the stream goes on");
        }
        self.events.drain(..count).collect()
    }
}

#[tokio::test]
async fn a_follower_hears_what_happens_and_who_did_it() {
    let server = Server::start().await;
    let made = server.network("early", &["10.1.0.0/24"]).await;
    let mut followed = Followed::start(&mut client(&server).await, Default::default()).await.unwrap();
    assert_eq!((followed.revision, followed.events.len()), (2, 0), "from now on");

    let request = v1::AllocateForInstanceRequest { request_id: "boot-1".into(), ..allocation(1) };
    let info = server.allocate(request).await;
    let [allocated, created]: [v1::Event; 2] = followed.take(2).await.try_into().unwrap();
    assert_eq!((&*allocated.kind, allocated.revision), ("instance.allocated", 3));
    assert_eq!((&*created.kind, created.revision, &*created.project_id), ("port.created", 4, PROJECT));
    assert_eq!((&*created.call, &*created.request_id), ("AllocateForInstance", "boot-1"));
    assert!(created.actor.starts_with("unix:"), "{}", created.actor);
    assert!(created.occurred_at.unwrap().seconds > 1_700_000_000);
    let port = &port_ids(&info)[0];
    for (name, value) in [
        ("port_id", &**port),
        ("instance_id", &instance(1)),
        ("network_id", &made.id),
        ("host", "host-1"),
        ("fixed_ips", "10.1.0.2"),
    ] {
        assert_eq!(created.attributes[name], value, "{name}");
    }
    server.report(&[port.parse().unwrap()], &PortStatus::Active).await;
    let active = followed.take(1).await.remove(0);
    assert_eq!((&*active.kind, &*active.actor, &*active.request_id), ("port.active", "host:host-1", ""));
    assert_eq!((&*active.call, followed.revision), ("ReportHost", 5));
}

#[tokio::test]
async fn who_resumes_behind_what_it_holds_misses_nothing_and_hears_nothing_twice() {
    let server = Server::start().await;
    server.network("private", &["10.1.0.0/16"]).await;
    let mut client = client(&server).await;
    for number in 1..=10 {
        server.allocate(allocation(number)).await;
    }
    let whole = Followed::start(&mut client, behind(0)).await.unwrap().take(22).await;
    assert!(whole.iter().map(|event| event.revision).eq(1..=22));
    for revision in [1, 7, 8, 21] {
        let rest = Followed::start(&mut client, behind(revision)).await.unwrap();
        assert_eq!(rest.events, whole[usize::try_from(revision).unwrap()..], "behind {revision}");
    }
    // Another process over the same ledger goes on where the one before it stopped.
    let server = server.restart().await;
    let mut followed = Followed::start(&mut self::client(&server).await, behind(21)).await.unwrap();
    assert_eq!(followed.take(1).await, whole[21..]);
    server.deallocate(3).await;
    assert_eq!(followed.kinds(2).await, ["instance.deallocated", "port.released"]);
}

#[tokio::test]
async fn a_refused_call_a_dry_run_and_a_repetition_are_not_told() {
    let server = Server::start().await;
    server.network("private", &["10.1.0.0/24"]).await;
    let mut followed = Followed::start(&mut client(&server).await, Default::default()).await.unwrap();
    let request = v1::AllocateForInstanceRequest { request_id: "boot-1".into(), ..allocation(1) };
    server.allocate(v1::AllocateForInstanceRequest { validate_only: true, ..request.clone() }).await;
    server.allocate(request.clone()).await;
    server.allocate(request).await;
    server.refuses(async |client| client.allocate_for_instance(allocation(1)).await).await;
    server.deallocate(1).await;
    let told = followed.take(4).await;
    assert!(told.iter().map(|event| event.revision).eq(3..=6));
    let calls: Vec<_> = told.iter().map(|event| &*event.call).collect();
    assert_eq!(calls[1..3], ["AllocateForInstance", "DeallocateForInstance"]);
}

#[tokio::test]
async fn a_filter_lets_kinds_and_a_project_pass_and_tells_how_far_it_is() {
    let server = Server::start().await;
    server.create(v1::NetworkSpec { project_id: "green".into(), ..network("green", &["10.1.0.0/24"]) }).await;
    server.network("everybody's", &["10.2.0.0/24"]).await;
    server.allocate(allocation(1)).await;
    let mut client = client(&server).await;
    let mut kinds = async |request: v1::WatchEventsRequest| -> Vec<String> {
        let followed = Followed::start(&mut client, request).await.unwrap();
        assert_eq!(followed.revision, 6);
        followed.events.into_iter().map(|event| event.kind).collect()
    };
    let of_kinds = |kinds: &[&str]| v1::WatchEventsRequest {
        kinds: kinds.iter().map(|&kind| kind.into()).collect(),
        ..behind(0)
    };
    assert_eq!(kinds(of_kinds(&["port."])).await, ["port.created"]);
    assert_eq!(
        kinds(of_kinds(&["network.c", "instance"])).await,
        ["network.created", "network.created", "instance.allocated"]
    );
    assert_eq!(kinds(of_kinds(&["floating_ip"])).await, [""; 0]);
    let of_project = |project: &str| v1::WatchEventsRequest { project_id: project.into(), ..behind(0) };
    assert_eq!(kinds(of_project("green")).await, ["network.created", "subnet.created"]);
    assert_eq!(kinds(of_project(PROJECT)).await, ["instance.allocated", "port.created"]);
}

#[tokio::test]
async fn a_member_hears_of_its_own_things_and_of_everybodys_networks() {
    let mut server = Server::start().await;
    let mut member = Client::new(server.member_of(PROJECT).await);
    server.create(v1::NetworkSpec { project_id: "green".into(), ..network("green", &["10.1.0.0/24"]) }).await;
    server.network("everybody's", &["10.2.0.0/24"]).await;
    server.allocate(v1::AllocateForInstanceRequest { project_id: "green".into(), ..allocation(1) }).await;
    server.allocate(allocation(2)).await;

    let followed = Followed::start(&mut member, behind(0)).await.unwrap();
    let told: Vec<_> = followed.events.iter().map(|event| (event.revision, &*event.project_id)).collect();
    assert_eq!(told, [(3, ""), (4, ""), (8, PROJECT), (9, PROJECT)]);
    let of_others = v1::WatchEventsRequest { project_id: "green".into(), ..behind(0) };
    assert_eq!(Followed::start(&mut member, of_others).await.unwrap().events, []);
    let list = v1::ListEventsRequest { after_revision: Some(0), ..Default::default() };
    let page = member.list_events(list).await.unwrap().into_inner();
    assert_eq!((page.events, page.revision), (followed.events, 9));
}

#[tokio::test]
async fn a_revision_that_cannot_be_followed_is_refused_with_the_oldest_that_can() {
    let server = Server::start().await;
    server.network("private", &["10.1.0.0/24"]).await;
    server.forget_events().await;
    server.allocate(allocation(1)).await;
    let mut client = client(&server).await;
    let refused = Problem::read(&Followed::start(&mut client, behind(1)).await.err().unwrap());
    let metadata = [("after_revision", "1"), ("oldest_revision", "3")];
    refused.assert(Code::OutOfRange, "EVENTS_FORGOTTEN", &metadata, &["revision 2 on", "events.keep"]);
    let refused = Problem::read(&Followed::start(&mut client, behind(5)).await.err().unwrap());
    let metadata = [("after_revision", "5"), ("newest_revision", "4")];
    refused.assert(Code::OutOfRange, "REVISION_AHEAD", &metadata, &["restored", "revision 4 on"]);
    let list = |revision| v1::ListEventsRequest { after_revision: Some(revision), ..Default::default() };
    for (revision, reason) in [(1, "EVENTS_FORGOTTEN"), (5, "REVISION_AHEAD")] {
        assert_eq!(Problem::of(client.list_events(list(revision)).await).reason, reason);
    }
    assert_eq!(Followed::start(&mut client, behind(2)).await.unwrap().kinds(1).await, ["instance.allocated"]);
}

#[tokio::test]
async fn wrong_filters_are_told_all_at_once() {
    let server = Server::start().await;
    let mut client = client(&server).await;
    let kinds = vec!["port.".into(), String::new(), "Port".into()];
    let request = v1::WatchEventsRequest { project_id: "a\nb".into(), kinds, ..Default::default() };
    let problem = Problem::read(&client.watch_events(request).await.unwrap_err());
    problem.assert_fields(&[
        ("project_id", "is no"),
        ("kinds[1]", "no kind of event"),
        ("kinds[2]", "no kind of event"),
    ]);
    let many =
        v1::ListEventsRequest { kinds: vec!["port.".into(); 17], page_size: 1001, ..Default::default() };
    let problem = Problem::of(client.list_events(many).await);
    problem.assert_fields(&[("kinds", "at most 16"), ("page_size", "expected 0 to 1000")]);
    let token = |after_revision, page_token: &str| v1::ListEventsRequest {
        after_revision,
        page_token: page_token.into(),
        ..Default::default()
    };
    let problem = Problem::of(client.list_events(token(None, "soon")).await);
    problem.assert_fields(&[("page_token", "not a next_page_token")]);
    let problem = Problem::of(client.list_events(token(Some(1), "7")).await);
    problem.assert_fields(&[("page_token", "leave after_revision out")]);
}

#[tokio::test]
async fn pages_go_through_what_happened_and_do_not_wait() {
    let server = Server::start().await;
    server.network("private", &["10.1.0.0/16"]).await;
    for number in 1..=20 {
        server.allocate(allocation(number)).await;
    }
    let mut client = client(&server).await;
    let mut request = v1::ListEventsRequest {
        after_revision: Some(0),
        page_size: 5,
        kinds: vec!["port".into()],
        ..Default::default()
    };
    let mut revisions = Vec::new();
    loop {
        let page = client.list_events(request.clone()).await.unwrap().into_inner();
        assert!(page.events.len() <= 5);
        revisions.extend(page.events.iter().map(|event| event.revision));
        if page.next_page_token.is_empty() {
            assert_eq!(page.revision, 42);
            break;
        }
        request = v1::ListEventsRequest { after_revision: None, page_token: page.next_page_token, ..request };
    }
    assert!(revisions.iter().copied().eq((4..=42).step_by(2)), "{revisions:?}");
    let newest = v1::ListEventsRequest { page_size: 3, ..Default::default() };
    let page = client.list_events(newest).await.unwrap().into_inner();
    assert!(page.events.iter().map(|event| event.revision).eq(40..=42));
}

#[tokio::test]
async fn a_stop_ends_the_stream_and_says_so() {
    let server = Server::start().await;
    let mut followed = Followed::start(&mut client(&server).await, Default::default()).await.unwrap();
    server.manager.end_watching();
    let ended = Problem::read(&followed.message().await.unwrap_err());
    assert_eq!((ended.code, &*ended.reason), (Code::Unavailable, "SHUTTING_DOWN"));
    server.network("private", &["10.1.0.0/24"]).await; // Other calls go on.
}

/// Where nobody reads, nothing is read for him: what the stream holds is bounded, whatever happens meanwhile.
#[tokio::test]
async fn a_reader_that_is_slow_or_gone_keeps_nobody_from_writing() {
    let server = Server::start().await;
    server.network("private", &["10.1.0.0/16"]).await;
    let mut slow = Followed::start(&mut client(&server).await, behind(0)).await.unwrap();
    let gone = Followed::start(&mut client(&server).await, behind(0)).await.unwrap();
    drop(gone);
    for number in 1..=100 {
        server.allocate(allocation(number)).await;
    }
    let told = slow.take(202).await;
    assert!(told.iter().map(|event| event.revision).eq(1..=202));
}

//! `lepton event`, and lists with `--watch`.

use std::collections::{BTreeMap, HashMap};

use insta::assert_snapshot;
use lepton_proto::v1 as pb;
use prost_types::Timestamp;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    fixtures::NETWORK,
    server::{Server, Turn},
    terminal::{Terminal, in_every_format, with_requests},
};

fn event(revision: u64, kind: &str, attributes: &[(&str, &str)]) -> pb::Event {
    let attributes: BTreeMap<_, _> =
        attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    pb::Event {
        revision,
        kind: kind.into(),
        occurred_at: Some(Timestamp { seconds: 1_767_323_045, nanos: 0 }), // 2026-01-02T03:04:05Z
        project_id: "p1".into(),
        attributes,
        actor: "spiffe://cloud.example/lepton/admin".into(),
        request_id: "r1".into(),
        call: "CreateNetworks".into(),
    }
}

fn created(revision: u64) -> pb::Event {
    event(revision, "network.created", &[("label", "private"), ("network_id", NETWORK)])
}

/// What nobody asked for under an id, to a thing that is everybody's.
fn of_nobody(revision: u64) -> pb::Event {
    pb::Event {
        project_id: String::new(),
        request_id: String::new(),
        actor: "housekeeping".into(),
        call: "SweepQuarantine".into(),
        ..event(revision, "fixed_ip.freed", &[("fixed_ip", "10.1.0.2")])
    }
}

fn message(events: Vec<pb::Event>, revision: u64) -> Result<pb::WatchEventsResponse, Status> {
    Ok(pb::WatchEventsResponse { events, revision })
}

/// The refusal that ends a test's watch: the history does not reach back so far.
fn forgotten() -> Turn {
    let metadata = [("after_revision", "9"), ("oldest_revision", "70")];
    let metadata: HashMap<_, _> = metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let details = ErrorDetails::with_error_info("EVENTS_FORGOTTEN", "lepton", metadata);
    let text = "events behind revision 9 are not kept any more; the oldest one that is has revision 70";
    Turn::Refuse(Status::with_error_details(Code::OutOfRange, text, details))
}

#[tokio::test]
async fn list_shows_events_of_all_pages() {
    let page = |events, next: &str, revision| {
        Turn::from(pb::ListEventsResponse { events, next_page_token: next.into(), revision })
    };
    #[rustfmt::skip]
    let arguments = [
        "event", "list", "--after", "6", "--project", "p1", "--kind", "network.", "--kind", "fixed_ip.freed",
    ];
    let pages = [page(vec![created(7)], "8", 8), page(vec![of_nobody(9)], "", 9)];
    let mut text = with_requests(&arguments, pages).await;
    text += &in_every_format(&["event", "list", "--limit", "1"], || page(vec![of_nobody(9)], "9", 9)).await;
    text += &with_requests(&["event", "list"], [page(vec![], "", 9)]).await;
    text += &with_requests(&["event", "list", "--after", "9"], [forgotten()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn watch_resumes_behind_what_it_heard_of_and_says_when_that_is_forgotten() {
    let mut text = String::new();
    for format in ["table", "json", "yaml"] {
        let arguments = ["event", "watch", "--after", "6", "--kind", "network.", "-o", format];
        let turns = [
            Turn::Stream(vec![
                message(vec![created(7)], 7),
                message(vec![], 8),
                Err(Status::unavailable("leptond stops")),
            ]),
            // A stream may end before it has told anything.
            Turn::Stream(vec![]),
            Turn::Stream(vec![message(vec![of_nobody(9)], 9)]),
            forgotten(),
        ];
        let server = Server::playing(turns);
        let run = Terminal::at(&server).run(&arguments).await;
        if text.is_empty() {
            text = server.requests().join("\n") + "\n\n";
        }
        text += &run.transcript(&arguments);
    }
    assert_snapshot!(text);
}

/// The pauses between them alone take longer.
#[tokio::test]
async fn a_watch_lasts_longer_than_each_of_its_looks_may_take() {
    let mut turns: Vec<_> =
        (1..=5).map(|number| Turn::Stream(vec![message(vec![created(number)], number)])).collect();
    turns.push(forgotten());
    let run = Terminal::at(&Server::playing(turns)).run(&["event", "watch", "--timeout", "500ms"]).await;
    assert_eq!(run.exit_code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("error: events behind"), "{}", run.stderr);
    assert_eq!(run.stdout.matches("network.created").count(), 5, "{}", run.stdout);
}

/// As a server says in whose queue there is no room.
#[tokio::test]
async fn a_watch_goes_on_when_the_server_had_too_much_to_do() {
    let full = || {
        let details = ErrorDetails::with_retry_info(Some(std::time::Duration::from_millis(1)));
        Status::with_error_details(Code::ResourceExhausted, "the queue is full", details)
    };
    let mut turns = vec![Turn::Stream(vec![message(vec![created(7)], 7), Err(full())])];
    // More often than one call is tried.
    turns.extend((0..6).map(|_| Turn::Refuse(full())));
    turns.extend([Turn::Stream(vec![message(vec![of_nobody(9)], 9)]), forgotten()]);
    let server = Server::playing(turns);
    let run = Terminal::at(&server).run(&["event", "watch", "--after", "6"]).await;
    assert!(run.stdout.contains("fixed_ip.freed"), "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("too much to do"), "{}", run.stderr);
}

/// Else what happened in between would be missed: nobody has said from where on to tell.
#[tokio::test]
async fn a_watch_that_is_lost_before_its_first_message_has_not_begun() {
    let mut text = String::new();
    let lost = || Turn::Stream(vec![Err(Status::unavailable("leptond stops"))]);
    let begun = || Turn::Stream(vec![message(vec![], 6), Err(Status::unavailable("leptond stops"))]);
    for turns in [vec![lost()], vec![Turn::Stream(vec![]), begun(), forgotten()]] {
        let server = Server::playing(turns);
        let run = Terminal::at(&server).run(&["event", "watch"]).await;
        text += &(server.requests().join("\n") + "\n\n" + &run.transcript(&["event", "watch"]));
    }
    assert_snapshot!(text);
}

#[tokio::test]
async fn a_list_without_a_limit_has_one_and_says_how_to_go_on() {
    let page = |first: u64, next: &str| {
        let events = (first..first + 1000).map(created).collect();
        Turn::from(pb::ListEventsResponse { events, next_page_token: next.into(), revision: 20_000 })
    };
    let server = Server::playing((0..10).map(|number| page(number * 1000 + 1, "more")));
    let run = Terminal::at(&server).run(&["event", "list", "--after", "0"]).await;
    assert_eq!((server.requests().len(), run.exit_code), (10, Some(0)));
    assert_eq!(run.stderr, "There are more; go on with `--after 10000`, or raise `--limit`.\n");
}

#[tokio::test]
async fn a_list_with_watch_is_shown_again_with_every_change() {
    let page = |labels: &[&str]| {
        let network =
            |label: &&str| pb::Network { id: NETWORK.into(), label: (*label).into(), ..Default::default() };
        Turn::from(pb::ListNetworksResponse {
            networks: labels.iter().map(network).collect(),
            ..Default::default()
        })
    };
    let mut text = String::new();
    for format in ["table", "json", "yaml"] {
        let arguments = ["network", "list", "--watch", "-o", format];
        let turns = [
            // That nothing happened for a while shows nothing.
            Turn::Stream(vec![message(vec![], 6), message(vec![], 6), message(vec![created(7)], 7)]),
            page(&["private"]),
            page(&["private", "storage"]),
            forgotten(),
        ];
        let server = Server::playing(turns);
        let run = Terminal::at(&server).run(&arguments).await;
        if text.is_empty() {
            text = server.requests().join("\n") + "\n\n";
        }
        text += &run.transcript(&arguments);
    }
    assert_snapshot!(text);
}

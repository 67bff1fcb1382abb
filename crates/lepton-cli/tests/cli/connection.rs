//! Servers that are not there, come back, break off or never answer; readers that go away.

use std::{collections::HashMap, io, iter, process::Stdio};

use insta::assert_snapshot;
use lepton_proto::v1 as pb;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    task::JoinSet,
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    fixtures::{INSTANCE, NETWORK, SUBNET, storage},
    server::{Server, Turn},
    terminal::Terminal,
};

/// The transcript of `network list` where nobody answers.
async fn unreachable(endpoint: &str) -> String {
    let mut text = String::new();
    for format in ["table", "json", "yaml"] {
        let arguments = ["network", "list", "-o", format];
        text +=
            &Terminal::new().with("LEPTON_ENDPOINT", endpoint).run(&arguments).await.transcript(&arguments);
    }
    text
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    assert_snapshot!(unreachable("unix:/nonexistent/lepton.sock").await);
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lepton.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert_snapshot!(unreachable(&format!("unix:{}", path.display())).await);
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_named() {
    // Port 1, tcpmux, is reserved and served by nothing of this century.
    assert_snapshot!(unreachable("http://127.0.0.1:1").await);
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = Server::playing([Turn::Hang]);
    let arguments = ["network", "list", "--timeout", "1s"];
    assert_snapshot!(Terminal::at(&server).run(&arguments).await.transcript(&arguments));
}

/// Each of its pages comes at once.
#[tokio::test]
async fn a_list_that_does_not_end_is_given_up() {
    let page = |number: usize| pb::ListNetworksResponse {
        networks: Vec::new(),
        next_page_token: number.to_string(),
    };
    let server = Server::playing((0..100_000).map(|number| page(number).into()));
    let run = Terminal::at(&server).run(&["network", "list", "--timeout", "1s"]).await;
    assert_eq!(run.exit_code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("within 1s"), "{}", run.stderr);
    assert!(server.requests().len() > 1);
}

#[tokio::test]
async fn a_change_without_answer_can_be_repeated_under_its_id() {
    let server = Server::playing([Turn::Hang]);
    let arguments = ["network", "delete", NETWORK, "--timeout", "1s", "--request-id", "r1"];
    assert_snapshot!(Terminal::at(&server).run(&arguments).await.transcript(&arguments));
}

#[tokio::test]
async fn a_dry_run_without_answer_has_changed_nothing() {
    let server = Server::playing([Turn::Hang]);
    let arguments = ["network", "delete", NETWORK, "--dry-run", "--timeout", "1s", "--request-id", "r1"];
    assert_snapshot!(Terminal::at(&server).run(&arguments).await.transcript(&arguments));
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_a_change_repeatable() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lepton.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut task = JoinSet::new();
    task.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            hang_up_at_a_request(stream).await.unwrap();
        }
    });

    let terminal = Terminal::new().with("LEPTON_ENDPOINT", &format!("unix:{}", path.display()));
    let run = terminal.run(&["network", "delete", NETWORK, "--request-id", "r1"]).await;
    assert_eq!(run.exit_code, Some(3));
    assert!(
        run.stderr.starts_with("error: cannot reach leptond at unix:SERVER/lepton.sock: "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("`--request-id r1`"), "{}", run.stderr);
}

/// Speaks HTTP/2 (RFC 9113 §3.4, §4.1) until a request begins.
async fn hang_up_at_a_request(mut stream: UnixStream) -> io::Result<()> {
    const PREFACE: usize = 24; // bytes that open a client's connection
    const HEADERS: u8 = 1; // the type of the frame that opens a request
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await?; // our SETTINGS: none
    stream.read_exact(&mut [0; PREFACE]).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [high, middle, low, kind, ..] = head;
        if kind == HEADERS {
            return Ok(());
        }
        stream.read_exact(&mut vec![0; u32::from_be_bytes([0, high, middle, low]) as usize]).await?;
    }
}

#[tokio::test]
async fn every_change_is_retried_under_the_same_fresh_id() {
    let network: Turn = pb::CreateNetworksResponse { networks: vec![storage()] }.into();
    let info: Turn = pb::NetworkInfo::default().into();
    for (arguments, answer) in [
        (&["network", "create", "storage"][..], network),
        (&["network", "delete", NETWORK], pb::DeleteNetworkResponse {}.into()),
        (&["network", "modify", NETWORK, "--priority", "1"], storage().into()),
        (&["subnet", "delete", SUBNET], pb::DeleteSubnetResponse {}.into()),
        (&["instance", "allocate", INSTANCE, "--project", "p1"], info),
        (&["instance", "deallocate", INSTANCE], pb::DeallocateForInstanceResponse::default().into()),
    ] {
        let server = Server::playing([Turn::Refuse(Status::unavailable("restarting")), answer]);
        let run = Terminal::at(&server).run(arguments).await;
        assert_eq!(run.exit_code, Some(0), "{}", run.stderr);

        let requests = server.requests();
        assert_eq!(requests.len(), 2, "{requests:?}");
        assert_eq!(requests[0], requests[1]);
        assert!(uuid_of(&requests[0]).parse::<uuid::Uuid>().is_ok(), "{}", requests[0]);
    }
}

#[tokio::test]
async fn two_runs_never_share_an_id() {
    let deleted = || Turn::from(pb::DeleteNetworkResponse {});
    let server = Server::playing([deleted(), deleted()]);
    for _ in 0..2 {
        Terminal::at(&server).run(&["network", "delete", NETWORK]).await;
    }
    let requests = server.requests();
    assert_ne!(uuid_of(&requests[0]), uuid_of(&requests[1]));
}

/// The request id in a request's debug form.
fn uuid_of(request: &str) -> &str {
    let (_, rest) = request.split_once("request_id: \"").unwrap();
    rest.split('"').next().unwrap()
}

#[tokio::test]
async fn a_server_that_stays_unavailable_is_not_reached() {
    let server =
        Server::playing((0..5).map(|_| Turn::Refuse(Status::new(Code::Unavailable, "still starting"))));
    let arguments = ["network", "list"];
    assert_snapshot!(Terminal::at(&server).run(&arguments).await.transcript(&arguments));
    assert_eq!(server.requests().len(), 5);
}

/// A server's answer that leaves open whether the change happened, as often as it is asked.
fn lost(code: Code, reason: &'static str) -> Server {
    let refusal = move || {
        let details = ErrorDetails::with_error_info(reason, "lepton", HashMap::new());
        Turn::Refuse(Status::with_error_details(code, format!("message of {reason}"), details))
    };
    Server::playing((0..5).map(move |_| refusal()))
}

#[tokio::test]
async fn a_change_that_a_failing_server_may_have_made_can_be_repeated_under_its_id() {
    let mut text = String::new();
    for (code, reason) in [
        (Code::Unavailable, "LEDGER_UNAVAILABLE"),
        (Code::Unavailable, "SHUTTING_DOWN"),
        (Code::Internal, "INTERNAL"),
    ] {
        let server = lost(code, reason);
        let arguments = ["network", "delete", NETWORK, "--request-id", "r1"];
        text += &Terminal::at(&server).run(&arguments).await.transcript(&arguments);
    }
    assert_snapshot!(text);
}

#[tokio::test]
async fn the_id_that_was_made_for_a_change_is_not_lost_with_its_answer() {
    let server = lost(Code::Unavailable, "LEDGER_UNAVAILABLE");
    let run = Terminal::at(&server).run(&["network", "create", "private"]).await;
    let sent = uuid_of(&server.requests()[0]).to_owned();
    assert_eq!(run.exit_code, Some(3));
    assert!(run.stderr.contains(&format!("`--request-id {sent}`")), "{}", run.stderr);
}

/// The hosts are looked up, and so the hint names them: after the move they are others.
#[tokio::test]
async fn a_move_whose_answer_is_lost_is_repeated_with_the_hosts_that_were_looked_up() {
    let there = || pb::NetworkInfo {
        instance_id: INSTANCE.into(),
        host: "node-1".into(),
        destination: "node-2".into(),
        ..pb::NetworkInfo::default()
    };
    for (options, hosts) in [
        (&["--to", "node-2"][..], "--from node-1"),
        (&["--finish"], "--from node-1 --to node-2"),
        (&["--abort"], "--to node-2"),
    ] {
        let refusal = || {
            let details = ErrorDetails::with_error_info("LEDGER_UNAVAILABLE", "lepton", HashMap::new());
            Turn::Refuse(Status::with_error_details(Code::Unavailable, "gone", details))
        };
        let server = Server::playing(iter::once(there().into()).chain((0..5).map(|_| refusal())));
        let migrate = [&["instance", "migrate", INSTANCE], options].concat();
        let run = Terminal::at(&server).run(&migrate).await;
        let sent = uuid_of(&server.requests()[1]).to_owned();
        let again = format!("`{hosts} --request-id {sent}`");
        assert!(run.stderr.contains(&again), "{}", run.stderr);
        // Just what the hint says is the same request.
        let named = hosts.split(' ').chain(["--request-id", &sent]);
        let again = Server::playing([there().into()]);
        Terminal::at(&again).run(&migrate.iter().copied().chain(named).collect::<Vec<_>>()).await;
        assert_eq!(again.requests(), [server.requests()[1].clone()], "{options:?}");
    }
}

#[tokio::test]
async fn a_dry_run_and_a_question_of_a_failing_server_have_changed_nothing() {
    let mut text = String::new();
    for arguments in [&["network", "delete", NETWORK, "--dry-run"][..], &["network", "list"]] {
        let server = lost(Code::Unavailable, "LEDGER_UNAVAILABLE");
        text += &Terminal::at(&server).run(arguments).await.transcript(arguments);
    }
    assert_snapshot!(text);
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let networks = vec![storage(); 1000];
    let server =
        Server::playing([pb::ListNetworksResponse { networks, next_page_token: String::new() }.into()]);
    let mut command = Terminal::at(&server).command(&["network", "list", "-o", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The server runs on this thread and cannot have answered yet, so the pipe is closed before anything is written.
    drop(child.stdout.take());

    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child = Terminal::new().command(&["version"]).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().await.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr, "error: cannot write the answer: No space left on device (os error 28)\n");
}

//! Following what happens from the command line, against the real server.

use std::process::Stdio;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    commands::json,
    daemon::{PATIENCE, Place},
    programs::programs,
};

/// A command that goes on until it is interrupted; killed when it is dropped.
pub(crate) struct Following {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    pub(crate) fn start(endpoint: &str, line: &str) -> Self {
        let mut process = Command::new(&programs().lepton)
            .env_clear()
            .args(["--endpoint", endpoint, "-o", "json"])
            .args(line.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The document of the next line.
    pub(crate) async fn next(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a line comes").unwrap();
        serde_json::from_str(&line.expect("the command goes on")).unwrap()
    }

    /// Presses Ctrl-C; answers with the exit code, what was still printed and what was complained of.
    pub(crate) async fn interrupt(mut self) -> (Option<i32>, Option<String>, String) {
        kill(Pid::from_raw(self.process.id().unwrap().cast_signed()), Signal::SIGINT).unwrap();
        let rest = timeout(PATIENCE, self.lines.next_line()).await.expect("it ends").unwrap();
        let output = timeout(PATIENCE, self.process.wait_with_output()).await.expect("it ends").unwrap();
        (output.status.code(), rest, String::from_utf8(output.stderr).unwrap())
    }
}

#[tokio::test]
async fn an_operator_follows_what_happens_across_a_restart_until_ctrl_c() {
    let place = Place::with_fake_host();
    let daemon = place.start().await;
    let at = &place.endpoint();
    let mut following = Following::start(at, "event watch --after 0 --kind network.");
    let told = async |following: &mut Following| {
        let event = following.next().await;
        assert_eq!(event["kind"], "network.created");
        (event["revision"].as_u64().unwrap(), event["attributes"]["label"].as_str().unwrap().to_owned())
    };
    json(at, "network create blue").await;
    let (first, label) = told(&mut following).await;
    assert_eq!(label, "blue");

    daemon.kill().await;
    let daemon = place.start().await;
    json(at, "network create green").await;
    json(at, "network create red").await;
    let (second, green) = told(&mut following).await;
    let (third, red) = told(&mut following).await;
    assert_eq!((&*green, &*red), ("green", "red"), "nothing is missed and nothing told twice");
    assert!(first < second && second < third);
    let listed = json(at, &format!("event list --after {first} --kind network.")).await;
    let revisions: Vec<_> =
        listed["events"].as_array().unwrap().iter().map(|event| &event["revision"]).collect();
    assert_eq!(revisions, [second, third]);

    assert_eq!(following.interrupt().await, (Some(0), None, String::new()));
    daemon.stop().await;
}

#[tokio::test]
async fn a_watched_list_shows_a_change_when_it_happens() {
    let place = Place::with_fake_host();
    let daemon = place.start().await;
    let at = &place.endpoint();
    let mut following = Following::start(at, "network list --watch");
    let labels = |list: &Value| -> Vec<String> {
        let networks = list["networks"].as_array().unwrap().iter();
        networks.map(|network| network["label"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(labels(&following.next().await), [""; 0]);
    for expected in [&["blue"][..], &["blue", "green"]] {
        json(at, &format!("network create {}", expected.last().unwrap())).await;
        assert_eq!(labels(&following.next().await), expected);
    }
    assert_eq!(following.interrupt().await, (Some(0), None, String::new()));
    daemon.stop().await;
}

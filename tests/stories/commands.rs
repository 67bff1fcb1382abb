//! An operator at the command line, against the real server.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use crate::{
    daemon::{HOST, Place, eventually},
    programs::programs,
    words::{PROJECT, instance_id},
};

/// Runs `lepton` with nothing of this process's environment; answers with its exit code and what it printed.
pub(crate) async fn lepton(endpoint: &str, line: &str) -> (i32, String, String) {
    let mut command = Command::new(&programs().lepton);
    command.env_clear().args(["--endpoint", endpoint]).args(line.split_whitespace());
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What `lepton -o json` answers; it must succeed.
pub(crate) async fn json(endpoint: &str, line: &str) -> Value {
    let (code, stdout, stderr) = lepton(endpoint, &format!("-o json {line}")).await;
    assert_eq!((code, &*stderr), (0, ""), "{line}");
    serde_json::from_str(&stdout).unwrap()
}

/// The error of `lepton -o json`, which must end with this exit code.
pub(crate) async fn error(endpoint: &str, line: &str, expected: i32) -> Value {
    let (code, stdout, stderr) = lepton(endpoint, &format!("-o json {line}")).await;
    assert_eq!((code, &*stdout), (expected, ""), "{line}: {stderr}");
    let mut error: Value = serde_json::from_str(&stderr).unwrap();
    error["error"].take()
}

#[tokio::test]
async fn an_operator_makes_a_network_and_gives_an_instance_its_vnic() {
    let place = Place::with_fake_host();
    let daemon = place.start().await;
    let at = &place.endpoint();
    let make = "network create blue --cidr 10.1.0.0/24 --cidr fd00:1::/80 --dns 9.9.9.9";
    let would = json(at, &format!("{make} --dry-run")).await;
    assert_eq!(would["answer"]["label"], "blue");
    assert_eq!(
        json(at, "network list").await["networks"],
        Value::Array(Vec::new()),
        "a dry run makes nothing"
    );

    let network = json(at, &format!("{make} --request-id make-blue")).await;
    assert_eq!(json(at, &format!("{make} --request-id make-blue")).await, network);
    assert_eq!(json(at, "network list").await["networks"], Value::Array(vec![network.clone()]));
    let id = network["id"].as_str().unwrap();
    assert_eq!(json(at, &format!("network show {id}")).await, network);

    let instance = instance_id(7);
    let allocate =
        format!("instance allocate {instance} --project {PROJECT} --network {id},ip=10.1.0.77 --wait");
    let would = json(at, &format!("{allocate} --dry-run")).await;
    assert_eq!(error(at, &format!("instance show {instance}"), 1).await["reason"], "INSTANCE_NOT_FOUND");
    let hash = would["plan"]["hash"].as_str().unwrap();
    let info = json(at, &format!("{allocate} --plan-hash {hash}")).await;
    let vif = &info["vifs"][0];
    assert_eq!(
        (&vif["id"], &vif["mac_address"]),
        (&would["answer"]["vifs"][0]["id"], &would["answer"]["vifs"][0]["mac_address"])
    );
    let changed = error(at, &format!("instance deallocate {instance} --plan-hash {hash}"), 1).await;
    assert_eq!(changed["reason"], "REQUEST_ID_REUSED", "it was the plan of another request");
    assert_eq!((&vif["status"], &vif["network"]["label"]), (&"ACTIVE".into(), &"blue".into()));
    assert_eq!(vif["network"]["subnets"][0]["fixed_ips"][0], "10.1.0.77");
    assert_eq!(vif["network"]["subnets"][1]["fixed_ips"][0], "fd00:1::2");
    assert_eq!(json(at, &format!("instance show {instance}")).await, info);

    let validate = format!("instance validate --project {PROJECT} --network {id},ip=10.1.0.77");
    assert_eq!(error(at, &validate, 1).await["reason"], "FIXED_IP_ALREADY_IN_USE");
    assert_eq!(error(at, &format!("network delete {id}"), 1).await["reason"], "NETWORK_IN_USE");

    let deallocate = format!("instance deallocate {instance}");
    let released = json(at, &deallocate).await;
    assert_eq!(released["released_port_ids"], Value::Array(vec![vif["id"].clone()]));
    assert_eq!(json(at, &deallocate).await["released_port_ids"], Value::Array(Vec::new()));
    eventually("the port is unplugged", async || place.ledger().ports().await == 0).await;
    json(at, &format!("network delete {id}")).await;
    assert_eq!(json(at, "network list").await["networks"], Value::Array(Vec::new()));
    daemon.stop().await;
}

#[tokio::test]
async fn an_exit_code_tells_whose_fault_it_was() {
    let place = Place::with_fake_host();
    let daemon = place.start().await;
    let at = &place.endpoint();
    let (code, stdout, stderr) = lepton(at, "network create blue --cidr 10.1.0.0/24").await;
    assert_eq!((code, &*stderr), (0, ""), "{stdout}");
    assert!(stdout.contains("10.1.0.0/24") && stdout.contains("blue"), "{stdout}");

    let show = format!("network show {}", instance_id(404));
    let (code, _, stderr) = lepton(at, &show).await;
    assert_eq!(code, 1);
    assert!(
        stderr.contains("error:") && stderr.contains("NETWORK_NOT_FOUND") && stderr.contains("hint:"),
        "{stderr}"
    );

    let (code, _, stderr) = lepton(at, "network create wrong --cidr 10.1.0.9/24").await;
    assert_ne!(code, 0);
    assert!(stderr.contains("10.1.0.0/24"), "{stderr}");
    assert_eq!(lepton(at, "network frobnicate").await.0, 2);

    daemon.stop().await;
    let told = error(at, "--timeout 1s network list", 3).await;
    assert_eq!(told["kind"], "unreachable", "{told}");
}

#[tokio::test]
async fn a_mistyped_host_is_refused_where_hosts_must_be_known_and_never_fenced() {
    let place = Place::new(&[("agent.backend", "fake"), ("hosts.accept", "known")]);
    let daemon = place.start().await;
    let at = &place.endpoint();
    json(at, "network create blue --cidr 10.1.0.0/24").await;
    let allocate = |host: &str| {
        format!("instance allocate {} --project {PROJECT} --host {host} --request-id boot", instance_id(7))
    };
    let refused = error(at, &allocate("nod7"), 1).await;
    assert_eq!(
        (&refused["reason"], &refused["code"]),
        (&"HOST_NOT_FOUND".into(), &"FAILED_PRECONDITION".into())
    );
    assert!(refused["hint"].as_str().unwrap().contains("a slip in the name"), "{refused}");
    let refused = error(at, "host fence nod7", 1).await;
    assert_eq!((&refused["reason"], &refused["code"]), (&"HOST_NOT_FOUND".into(), &"NOT_FOUND".into()));

    // Its own host a daemon knows as soon as it serves.
    assert_eq!(json(at, &allocate(HOST)).await["host"], HOST);
    json(at, &format!("host fence {HOST} --dry-run")).await;
    daemon.stop().await;
}

#[tokio::test]
async fn an_operator_asks_who_had_an_address_and_is_told_at_any_moment() {
    let place = Place::with_fake_host();
    let daemon = place.start().await;
    let at = &place.endpoint();
    json(at, "network create blue --cidr 10.1.0.0/30").await;
    let mut ports = Vec::new();
    for number in [1, 2] {
        let instance = instance_id(number);
        let info = json(at, &format!("instance allocate {instance} --project {PROJECT} --wait")).await;
        ports.push(info["vifs"][0]["id"].clone());
        if number == 1 {
            json(at, &format!("instance deallocate {instance}")).await;
            eventually("the port is unplugged", async || place.ledger().ports().await == 0).await;
        }
    }
    // What has ended outlives the daemon that has seen it end.
    daemon.kill().await;
    let daemon = place.start().await;
    let holdings = json(at, "history 10.1.0.2").await["holdings"].take();
    let [first, second] = &holdings.as_array().unwrap()[..] else { panic!("{holdings}") };
    assert_eq!((&first["port_id"], &second["port_id"]), (&ports[0], &ports[1]));
    assert_eq!((&first["host_id"], &second["until"]), (&HOST.into(), &Value::Null));
    let moment = |holding: &Value, name: &str| holding[name].as_str().unwrap().to_owned();
    for (moment, expected) in [
        (moment(first, "since"), vec![first]),
        (moment(first, "until"), vec![]),
        (moment(second, "since"), vec![second]),
    ] {
        let told = json(at, &format!("history 10.1.0.2 --at {moment}")).await;
        assert_eq!(told["holdings"].as_array().unwrap().iter().collect::<Vec<_>>(), expected, "{moment}");
    }
    let mac = first["mac"].as_str().unwrap();
    assert_eq!(json(at, &format!("history {mac}")).await["holdings"][0]["port_id"], ports[0]);
    daemon.stop().await;
}

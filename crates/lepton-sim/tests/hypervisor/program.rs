//! The program, as an operator runs it.

use std::{
    fs::File,
    io,
    process::{Output, Stdio},
};

use lepton_sim::instance_id;
use serde_json::Value;
use tokio::process::Command;

use crate::fake::Fake;

fn command(fake: &Fake, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lepton-sim"));
    command.args(["--endpoint", &fake.endpoint()]).args(arguments.split_whitespace());
    command
}

async fn sim(fake: &Fake, arguments: &str) -> Output {
    command(fake, arguments).output().await.unwrap()
}

async fn json(fake: &Fake, arguments: &str) -> Value {
    let output = sim(fake, &format!("--output json {arguments}")).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn what_was_booted_under_a_seed_is_killed_under_it() {
    let fake = Fake::start().await;
    let booted = json(&fake, "boot --count 30 --project demo --seed 5 --hosts 3").await;
    assert_eq!(booted["instances"].as_array().unwrap().len(), 30);
    assert_eq!(booted["instances"][0]["instance_id"], instance_id(5, 0).to_string());
    assert_eq!(booted["instances"][4]["host"], "sim-00001");

    let killed = json(&fake, "kill --count 30 --project demo --seed 5").await;
    assert_eq!((&killed["answered"], fake.alive()), (&30.into(), 0));
}

#[tokio::test]
async fn a_churn_tells_what_it_did() {
    let fake = Fake::start().await;
    let churned = json(&fake, "churn --operations 100 --project demo --hosts 2").await;
    assert_eq!(churned["operations"]["alive"], fake.alive());

    let output = sim(&fake, "churn --operations 10 --project demo --hosts 2").await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(" boots, ") && text.contains("AllocateForInstance"), "{text}");
}

#[tokio::test]
async fn output_that_nobody_takes_is_no_panic() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let closed = || io::pipe().unwrap().1;
    let fake = Fake::start().await;
    let mut seed = 0;
    for (code, output) in [(1, Stdio::from(full())), (0, Stdio::from(closed()))] {
        seed += 1;
        let arguments = format!("boot --project demo --seed {seed}");
        let status = command(&fake, &arguments).stdout(output).stderr(full()).status().await.unwrap();
        assert_eq!(status.code(), Some(code));
    }
}

#[tokio::test]
async fn a_refusal_is_told_and_ends_in_failure() {
    let fake = Fake::start().await;
    json(&fake, "boot --project demo").await;
    let output = sim(&fake, "boot --project demo").await;
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("it lives"), "{errors}");
}

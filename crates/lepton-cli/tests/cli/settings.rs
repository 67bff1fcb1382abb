//! Where the settings come from.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;

use crate::{server::Server, terminal::Terminal};

/// A server that answers one list of networks.
fn server() -> Server {
    Server::playing([pb::ListNetworksResponse::default().into()])
}

const LIST: [&str; 2] = ["network", "list"];

#[tokio::test]
async fn the_flag_beats_the_environment_which_beats_the_file() {
    let [by_flag, by_environment, by_file] = [server(), server(), server()];
    let terminal = Terminal::new();
    terminal.write(".config/lepton/cli.toml", &format!("endpoint = '{}'", by_file.endpoint()));
    let asked = || [&by_flag, &by_environment, &by_file].map(|server| server.requests().len());

    assert_eq!(terminal.run(&LIST).await.exit_code, Some(0));
    assert_eq!(asked(), [0, 0, 1]);
    let terminal = terminal.with("LEPTON_ENDPOINT", &by_environment.endpoint());
    assert_eq!(terminal.run(&LIST).await.exit_code, Some(0));
    assert_eq!(asked(), [0, 1, 1]);
    assert_eq!(
        terminal.run(&["network", "list", "--endpoint", &by_flag.endpoint()]).await.exit_code,
        Some(0)
    );
    assert_eq!(asked(), [1, 1, 1]);
}

#[tokio::test]
async fn a_variable_without_a_value_is_not_set() {
    let server = server();
    let terminal = Terminal::new();
    terminal.write(".config/lepton/cli.toml", &format!("endpoint = '{}'", server.endpoint()));
    let variables =
        ["LEPTON_ENDPOINT", "LEPTON_CLI_CONFIG", "LEPTON_CA", "LEPTON_CERT", "LEPTON_KEY", "LEPTON_TIMEOUT"];
    let run = variables.into_iter().fold(terminal, |terminal, name| terminal.with(name, "")).run(&LIST).await;
    assert_eq!((run.exit_code, server.requests().len()), (Some(0), 1), "{}", run.stderr);
}

#[tokio::test]
async fn a_password_in_an_endpoint_is_refused_and_not_shown() {
    let given = "http://user:secret@127.0.0.1:9797";
    let by_flag = Terminal::new().run(&["network", "list", "--endpoint", given]).await;
    let by_variable = Terminal::new().with("LEPTON_ENDPOINT", given).run(&LIST).await;
    for (run, blamed) in [(by_flag, "--endpoint <ENDPOINT>"), (by_variable, "LEPTON_ENDPOINT")] {
        assert_eq!(run.exit_code, Some(2));
        let told = ["an endpoint names no user", "'http://***@127.0.0.1:9797'", blamed, "try '--help'"];
        assert!(told.iter().all(|words| run.stderr.contains(words)), "{}", run.stderr);
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    }
}

#[tokio::test]
async fn a_file_that_is_named_replaces_the_users() {
    let [named, users] = [server(), server()];
    let terminal = Terminal::new();
    terminal.write(".config/lepton/cli.toml", &format!("endpoint = '{}'", users.endpoint()));
    let path = terminal.write("other.toml", &format!("endpoint = '{}'", named.endpoint()));

    assert_eq!(terminal.run(&["--config", &path, "network", "list"]).await.exit_code, Some(0));
    assert_eq!([named.requests().len(), users.requests().len()], [1, 0]);
}

#[tokio::test]
async fn the_config_home_may_be_elsewhere() {
    let server = server();
    let terminal = Terminal::new();
    let path = terminal.write("elsewhere/lepton/cli.toml", &format!("endpoint = '{}'", server.endpoint()));
    let config_home = path.strip_suffix("/lepton/cli.toml").unwrap();

    assert_eq!(terminal.with("XDG_CONFIG_HOME", config_home).run(&LIST).await.exit_code, Some(0));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn wrong_settings_are_reported_before_anything_is_asked() {
    let terminal = Terminal::new();
    let typo = terminal.write("typo.toml", "timeout = '5s'\nendpont = 'unix:/run/lepton.sock'\n");
    let span = terminal.write("span.toml", "timeout = 5\n");
    let mut text = String::new();
    for arguments in [
        &["network", "list", "--config", &typo][..],
        &["network", "list", "--config", &typo, "-o", "json"],
        &["network", "list", "--config", &span],
        &["network", "list", "--config", "/nonexistent.toml"],
        &["network", "list", "--config", "/"],
        &["network", "list", "--endpoint", "localhost:9797"],
        &["network", "list", "--timeout", "5"],
        &["network", "list", "--endpoint", "https://localhost:9797"],
        &["network", "list", "--endpoint", "https://localhost:9797", "--ca", "/nonexistent.pem"],
        &[
            "network",
            "list",
            "--endpoint",
            "https://localhost:9797",
            "--ca",
            "/ca.pem",
            "--cert",
            "/cert.pem",
        ],
    ] {
        text += &terminal
            .run(arguments)
            .await
            .transcript(arguments)
            .replace(&typo, "typo.toml")
            .replace(&span, "span.toml");
    }
    assert_snapshot!(text);
}

#[tokio::test]
async fn a_wrong_value_is_blamed_on_the_variable_where_it_came_from() {
    let list = ["network", "list"];
    for (variable, flag) in [("LEPTON_ENDPOINT", "--endpoint"), ("LEPTON_TIMEOUT", "--timeout")] {
        let by_variable = Terminal::new().with(variable, "zz").run(&list).await;
        assert_eq!(by_variable.exit_code, Some(2));
        assert!(
            by_variable.stderr.contains(&format!("invalid value 'zz' for '{variable}': ")),
            "{}",
            by_variable.stderr
        );

        let given = format!("{flag}=yy");
        let flags = [&list[..], &[&*given]].concat();
        let by_flag = Terminal::new().with(variable, "zz").run(&flags).await.stderr;
        assert!(by_flag.contains(&format!("invalid value 'yy' for '{flag} ")), "{by_flag}");
    }
}

//! What needs no server: version, completion, reference, help and mistakes on the command line.

use insta::assert_snapshot;

use crate::terminal::Terminal;

/// The transcripts of several commands.
async fn transcripts(commands: &[&[&str]]) -> String {
    let mut text = String::new();
    for arguments in commands {
        text += &Terminal::new().run(arguments).await.transcript(arguments);
    }
    text
}

#[tokio::test]
async fn version_tells_what_this_program_is() {
    assert_snapshot!(
        transcripts(&[&["version"], &["version", "-o", "json"], &["version", "-o", "yaml"], &["--version"]])
            .await
            .replace(env!("CARGO_PKG_VERSION"), "VERSION")
    );
}

#[tokio::test]
async fn there_is_a_completion_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = Terminal::new().run(&["completion", shell]).await;
        assert_eq!(run.exit_code, Some(0), "{}", run.stderr);
        assert_snapshot!(format!("completion_{shell}"), run.stdout);
    }
}

#[tokio::test]
async fn the_reference_describes_every_command() {
    assert_snapshot!(Terminal::new().run(&["reference"]).await.stdout);
}

#[tokio::test]
async fn help_explains_a_command() {
    assert_snapshot!(
        transcripts(&[&["--help"], &["network", "create", "-h"], &["instance", "allocate", "-h"]]).await
    );
}

#[tokio::test]
async fn mistakes_on_the_command_line_are_explained() {
    assert_snapshot!(
        transcripts(&[
            &[],
            &["network", "-o", "json"],
            &["netwrok", "list"],
            &["network", "list", "--limt", "3"],
            &["network", "associate", "n"],
            &["network", "disassociate", "n"],
            &["network", "modify", "n", "--host", "h", "--no-host"],
            &["subnet", "modify", "s", "--dns", "9.9.9.9", "--no-dns"],
            &["network", "modify", "n", "--project", ""],
            &["subnet", "modify", "s", "--gateway="],
            &["network", "create", "n", "--project", ""],
            &["network", "carve", "n"],
            &["network", "list", "--limit", "0"],
            &["network", "list", "-o", "xml"],
            &["-o", "json", "network", "show"],
            &["network", "show", "--output=yaml"],
            &["network", "create", "n", "--mtu", "0"],
            &["network", "create", "n", "--mtu=big", "-ojson"],
            &["network", "create", "n", "--mtu", "-5"],
            &["network", "create", "n", "--mtu=5000000000"],
            &["network", "create", "n", "--priority=3000000000"],
            &["network", "list", "--limit", "-5"],
            &["network", "list", "--timeout", "-5s"],
            &["network", "list", "--timeout", "0s"],
            &["network", "list", "--timeout", "-5"],
            &["network", "create", "n", "--quarantine", "-5s"],
            &["instance", "allocate", "i", "--project", "p", "--wait=-5s"],
            &["quota", "list", "--limit", "-5"],
            &["quota", "set", "p", "--ports", "-5"],
            &["fixed", "list", "--limit", "-5"],
            &["network", "carve", "n", "--range", "10.0.0.0/8", "--count", "-5"],
            &["network", "carve", "n", "--range", "10.0.0.0/8", "--size", "-5"],
            &["network", "carve", "n", "--range", "fd00::/48", "--prefix-length-v6", "-5"],
            &["network", "carve", "n", "--range", "10.0.0.0/8", "--count", "0"],
            &["network", "carve", "n", "--range", "10.0.0.0/8", "--size=0"],
            &["network", "carve", "n", "--range", "fd00::/48", "--prefix-length-v6", "0"],
            &["network", "delete", "n", "--request-id", ""],
            &["instance", "find", "--prefix", "10.", "--ip-version", "-5"],
            &["instance", "deallocate", "i", "--incarnation", "-5"],
            &["network", "create", "n", "--gateway", "10.0.0.1"],
            &["network", "create", "n", "--gateway", "10.0.0.1", "-ojson"],
            &["network", "create", "n", "--cidr", "10.0.0.0/24", "--pool", "10.0.0.1"],
            &["instance", "allocate", "i", "--project", "p", "--network", "n,10.0.0.1"],
            &["instance", "allocate", "i", "--project", "p", "--guest-device", "eth0"],
            &["instance", "allocate", "i", "--project", "p", "--wait=soon"],
        ])
        .await
    );
}

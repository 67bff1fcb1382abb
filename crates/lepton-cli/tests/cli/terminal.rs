//! Running the binary and writing down what a user at a terminal would see.

use std::{
    fmt::Write as _,
    process::{Output, Stdio},
};

use tempfile::TempDir;
use tokio::process::Command;

use crate::server::{Server, Turn};

/// The binary with arguments and nothing of this machine: an empty environment and an empty home.
pub(crate) struct Terminal {
    home: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// What a run of the binary left behind.
pub(crate) struct Run {
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Terminal {
    /// With an empty home.
    pub(crate) fn new() -> Self {
        Self { home: TempDir::new().unwrap(), environment: Vec::new() }
    }

    /// With the server's endpoint in the environment.
    pub(crate) fn at(server: &Server) -> Self {
        Self::new().with("LEPTON_ENDPOINT", &server.endpoint())
    }

    /// With one variable more.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Writes a file below the home; returns its path.
    pub(crate) fn write(&self, path: &str, text: &str) -> String {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The binary, ready to start.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lepton"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary to its end. Temporary folders show as `HOME` and `SERVER`.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        let Output { status, stdout, stderr } = self.command(arguments).output().await.unwrap();
        let stable = |bytes| {
            let text =
                String::from_utf8(bytes).unwrap().replace(&self.home.path().display().to_string(), "HOME");
            self.environment
                .iter()
                .filter_map(|(_, value)| value.strip_prefix("unix:"))
                .fold(text, |text, socket| text.replace(socket, "SERVER/lepton.sock"))
        };
        Run { exit_code: status.code(), stdout: stable(stdout), stderr: stable(stderr) }
    }
}

impl Run {
    /// What a user saw.
    pub(crate) fn transcript(&self, arguments: &[&str]) -> String {
        let mut text = format!("$ lepton {}\n", arguments.join(" "));
        for (name, content) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !content.is_empty() {
                write!(text, "--- {name}\n{content}").unwrap();
            }
        }
        let exit_code = self.exit_code.map_or("none".to_owned(), |code| code.to_string());
        text + &format!("--- exit code {exit_code}\n\n")
    }
}

/// The transcripts of a command that gets the answer, in each format, and the request that it makes.
pub(crate) async fn in_every_format(arguments: &[&str], answer: impl Fn() -> Turn) -> String {
    let mut text = String::new();
    for format in ["table", "json", "yaml"] {
        let mut arguments = arguments.to_vec();
        if format != "table" {
            arguments.extend(["-o", format]);
        }
        let server = Server::playing([answer()]);
        let run = Terminal::at(&server).run(&arguments).await;
        if text.is_empty() {
            writeln!(text, "{}\n", server.requests().join("\n")).unwrap();
        }
        text += &run.transcript(&arguments);
    }
    text
}

/// The transcript of a command for people, before it the requests that it makes.
pub(crate) async fn with_requests(arguments: &[&str], turns: impl IntoIterator<Item = Turn>) -> String {
    let server = Server::playing(turns);
    let run = Terminal::at(&server).run(arguments).await;
    format!("{}\n\n{}", server.requests().join("\n"), run.transcript(arguments))
}

/// The transcript of a command for people.
pub(crate) async fn shown(arguments: &[&str], turns: impl IntoIterator<Item = Turn>) -> String {
    Terminal::at(&Server::playing(turns)).run(arguments).await.transcript(arguments)
}

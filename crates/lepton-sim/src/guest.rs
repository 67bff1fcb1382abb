//! [`Guest`]: an instance in the kernel, as its hypervisor holds it.
//!
//! ```text
//!   Guest ── commands, one JSON line each ──▶ `lepton-sim guest`, in a network namespace of its own
//!         ◀─ one JSON line for each of them ─
//! ```
//!
//! The process ends when its standard input does, so nothing outlives the hypervisor.

mod inside;
mod interface;
mod links;
mod ping;
mod protocol;

use std::{io, net::IpAddr, path::Path, process::Stdio, time::Duration};

use lepton_proto::v1;
use lepton_types::{IfName, MacAddr};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    time,
};

pub use inside::run_guest;
pub use interface::{Address, Interface, InterfaceError, Route, interfaces};
pub use protocol::{Command, Forgery, Reply};

/// Longest that a guest may take for one command; the slowest, a ping without an answer, takes one second.
const REPLY_TIMEOUT: Duration = Duration::from_secs(20);

/// A process in a network namespace of its own, which stands in for a virtual machine.
#[derive(Debug)]
pub struct Guest {
    process: Child,
    pid: u32,
    commands: ChildStdin,
    replies: Lines<BufReader<ChildStdout>>,
}

/// Why a guest could not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The process could not be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The process is gone, or too slow.
    #[error("the guest (process {pid}) does not answer")]
    Lost {
        /// Its process id.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// The guest tried and failed.
    #[error("the guest (process {pid}) failed: {message}")]
    Failed {
        /// Its process id.
        pid: u32,
        /// In the guest's words, which are the kernel's where it had a say.
        message: String,
    },
    /// The NetworkInfo cannot be applied.
    #[error("the NetworkInfo cannot be applied")]
    Interface(#[from] InterfaceError),
}

impl Guest {
    /// Starts `program guest`, which moves into a network namespace of its own, and waits until it is there.
    pub async fn start(program: &Path) -> Result<Self, GuestError> {
        let start = |source| GuestError::Start { program: program.display().to_string(), source };
        let mut process = tokio::process::Command::new(program)
            .arg("guest")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A terminal's Ctrl-C is for the hypervisor, which ends its guests in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(start)?;
        let pid = process.id().expect("a process that was not waited for has an id");
        let commands = process.stdin.take().expect("standard input is a pipe");
        let replies = BufReader::new(process.stdout.take().expect("standard output is a pipe")).lines();
        let mut guest = Self { process, pid, commands, replies };
        guest.expect_done().await?;
        Ok(guest)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The file of its network namespace.
    pub fn netns_path(&self) -> String {
        format!("/proc/{}/ns/net", self.pid)
    }

    /// Gives its interfaces exactly what `info` says.
    pub async fn configure(&mut self, info: &v1::NetworkInfo) -> Result<(), GuestError> {
        let command = Command::Configure { interfaces: interfaces(info)? };
        self.send(&command).await?;
        self.expect_done().await
    }

    /// Sends one echo request from `source` to `target`; answers with how long the reply took, none without a reply.
    pub async fn ping(&mut self, source: IpAddr, target: IpAddr) -> Result<Option<Duration>, GuestError> {
        self.send(&Command::Ping { source, target }).await?;
        self.expect_echo().await
    }

    /// Sends one echo request under a false name; answers as [`Guest::ping`] does.
    ///
    /// `target_mac` is told to the guest's neighbour table, so that the forged packet itself goes out and not only
    /// the question for the target's address.
    pub async fn spoof(
        &mut self,
        device: &IfName,
        forgery: Forgery,
        target: IpAddr,
        target_mac: MacAddr,
    ) -> Result<Option<Duration>, GuestError> {
        self.send(&Command::Spoof { device: device.clone(), forgery, target, target_mac }).await?;
        self.expect_echo().await
    }

    /// Ends it, and waits until it and its namespace are gone.
    pub async fn quit(self) -> Result<(), GuestError> {
        let Self { mut process, pid, commands, replies } = self;
        drop((commands, replies));
        let ended = time::timeout(REPLY_TIMEOUT, process.wait()).await.map_err(io::Error::from).flatten();
        ended.map(drop).map_err(|source| GuestError::Lost { pid, source })
    }

    async fn send(&mut self, command: &Command) -> Result<(), GuestError> {
        let mut line = serde_json::to_vec(command).expect("a command has a JSON form");
        line.push(b'\n');
        let pid = self.pid;
        self.commands.write_all(&line).await.map_err(|source| GuestError::Lost { pid, source })
    }

    async fn expect_done(&mut self) -> Result<(), GuestError> {
        match self.reply().await? {
            Reply::Done => Ok(()),
            reply @ (Reply::Echo { .. } | Reply::Failed { .. }) => Err(self.unexpected(reply)),
        }
    }

    async fn expect_echo(&mut self) -> Result<Option<Duration>, GuestError> {
        match self.reply().await? {
            Reply::Echo { micros } => Ok(micros.map(Duration::from_micros)),
            reply @ (Reply::Done | Reply::Failed { .. }) => Err(self.unexpected(reply)),
        }
    }

    async fn reply(&mut self) -> Result<Reply, GuestError> {
        let line =
            time::timeout(REPLY_TIMEOUT, self.replies.next_line()).await.map_err(io::Error::from).flatten();
        let reply = match line {
            Ok(Some(line)) => serde_json::from_str(&line).map_err(io::Error::from),
            Ok(None) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => Err(error),
        };
        reply.map_err(|source| GuestError::Lost { pid: self.pid, source })
    }

    fn unexpected(&self, reply: Reply) -> GuestError {
        let message = match reply {
            Reply::Failed { message } => message,
            Reply::Done | Reply::Echo { .. } => "it answered another question".to_owned(),
        };
        GuestError::Failed { pid: self.pid, message }
    }
}

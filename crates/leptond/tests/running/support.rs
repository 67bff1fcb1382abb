//! Where the tests run a daemon, and how long it may take.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test, as in the tests themselves")]

use std::{fs, path::PathBuf, time::Duration};

use leptond::{
    RunError,
    config::{Config, ConfigFile, Sources},
    run,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

/// How long a run may take before the test fails; those that end by themselves take milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run comes to.
pub(crate) async fn in_time<T>(run: impl Future<Output = T>) -> T {
    timeout(PATIENCE, run).await.unwrap()
}

/// A folder for a daemon's state and socket.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// A file in the state directory.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.folder.path().join("state").join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("lepton.sock")
    }

    /// Runs a daemon that nobody stops, to its end.
    pub(crate) async fn run(&self) -> Result<(), RunError> {
        in_time(run(self.config(&[]), CancellationToken::new())).await
    }

    /// Connects to the daemon, as soon as it serves.
    pub(crate) async fn connect(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("unix:{}", self.socket().display())).unwrap();
        loop {
            let connected = endpoint.connect().await;
            let Ok(channel) = connected else {
                tokio::task::yield_now().await;
                continue;
            };
            return channel;
        }
    }

    /// What the daemon tells of itself at `/metrics`, the answer's head included.
    pub(crate) async fn metrics(&self) -> String {
        let addresses = fs::read(self.state("listen.json")).unwrap();
        let addresses: serde_json::Value = serde_json::from_slice(&addresses).unwrap();
        let mut connection = TcpStream::connect(addresses["metrics"].as_str().unwrap()).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        connection.write_all(request).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// The configuration of a daemon that plugs nothing for real, with these settings more.
    pub(crate) fn config(&self, more: &[(&str, &str)]) -> Config {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        let flags = [
            ("host", "node1".to_owned()),
            ("state_dir", path(self.state(""))),
            ("listen.unix", path(self.socket())),
            ("listen.tcp", String::new()),
            ("agent.backend", "fake".to_owned()),
        ];
        let more = more.iter().map(|(key, text)| (*key, (*text).to_owned()));
        let flags = flags.into_iter();
        let sources = Sources {
            file: ConfigFile::Default(PathBuf::from("/nonexistent")),
            variables: Vec::new(),
            flags: flags.chain(more).map(|(key, text)| (key.to_owned(), text)).collect(),
            hostname: "node1".to_owned(),
            uid: nix::unistd::geteuid().as_raw(),
        };
        Config::load(&sources).unwrap()
    }
}

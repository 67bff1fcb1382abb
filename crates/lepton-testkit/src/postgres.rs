//! [`PrivatePostgres`]: a PostgreSQL server that belongs to one test process.
//!
//! ```text
//!  test process ──pipe──▶ watchdog (sh) ──▶ postgres ──▶ DIRECTORY/data
//!      │                     removes DIRECTORY            ▲
//!      └─────────────────────────── socket in DIRECTORY ──┘
//! ```
//!
//! The pipe is the leash: it ends with the test process, by whatever death, and then the watchdog stops the server and
//! removes the directory. That also serves servers in a `static`, which Rust never drops.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use account::Account;
pub use lossy::LossyPostgres;
use programs::Programs;
use watchdog::Watchdog;

mod account;
mod cluster;
mod lossy;
mod programs;
mod watchdog;

/// How long a server may take to accept connections; a hundred times what it takes on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Names the server's socket file; nothing listens on a TCP port.
const PORT: u16 = 5432;
/// The cluster's superuser, whatever the account is called that the server runs as.
const SUPERUSER: &str = "postgres";

/// A PostgreSQL server that listens on a unix socket of its own and ends, with all its files, when this is dropped or
/// the process dies.
#[derive(Debug)]
pub struct PrivatePostgres {
    site: Site,
    watchdog: Watchdog,
    is_running: bool,
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every commit is on the disk when it is acknowledged, as in production: for benchmarks.
    On,
    /// What is committed survives the server's crash, but not the machine's: for tests.
    Off,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No server program on this machine.
    #[error(
        "no PostgreSQL server is installed (looked for initdb and postgres on PATH and in /usr/lib/postgresql/*/bin): \
         install Debian's package postgresql, or set {variable} to the directory that has them",
        variable = programs::VARIABLE
    )]
    NotInstalled,
    /// The directory that was named has no server program.
    #[error("{variable} names {directory:?}, which has no initdb and postgres", variable = programs::VARIABLE)]
    NotThere {
        /// The directory.
        directory: PathBuf,
    },
    /// We are root, whom PostgreSQL refuses to run for, and there is nobody else to be.
    #[error("PostgreSQL does not run as root, and /etc/passwd has neither the account postgres nor nobody")]
    NoAccount,
    /// The operating system refused something.
    #[error("cannot {step}")]
    Io {
        /// What was being done.
        step: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A program of PostgreSQL's failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What it printed.
        output: String,
    },
    /// The server ended, or did not accept connections in time.
    #[error("PostgreSQL {what}; its log:\n{log}")]
    NotReady {
        /// What it did instead.
        what: &'static str,
        /// What it logged.
        log: String,
    },
    /// A name that would need quotes.
    #[error("{0:?} is not a database name (expected 1 to 63 lower case letters, digits and underscores)")]
    DatabaseName(String),
}

/// Where a server lives and what it is run by.
#[derive(Debug)]
struct Site {
    directory: PathBuf,
    programs: Programs,
    account: Option<Account>,
}

impl PrivatePostgres {
    /// Starts a server on an empty cluster and waits until it accepts connections.
    pub fn start(durability: Durability) -> Result<Self, PostgresError> {
        let directory = tempfile::Builder::new().prefix("lepton-postgres-").tempdir();
        let directory = directory.map_err(|source| io_error("make a temporary directory", source))?;
        let (programs, account) = (Programs::find()?, Account::unprivileged()?);
        let site = Site { directory: directory.path().to_owned(), programs, account };
        site.hand_over(&site.directory)?;
        cluster::create(&site)?;

        let watchdog = Watchdog::start(&site, &server_command(&site, durability))?;
        // From here the watchdog removes it, which it can do even when this process is killed.
        let _ = directory.keep();
        let mut postgres = Self { site, watchdog, is_running: false };
        postgres.start_again()?;
        Ok(postgres)
    }

    /// The server without durability that all tests of this process share.
    pub fn shared() -> Result<&'static Self, &'static PostgresError> {
        static SHARED: OnceLock<Result<PrivatePostgres, PostgresError>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Durability::Off)).as_ref()
    }

    /// Where the server is, for libpq and sqlx: its maintenance database, as superuser.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Makes an empty database and tells its URL.
    pub fn create_database(&self, name: &str) -> Result<String, PostgresError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=63).contains(&name.len()) || !name.bytes().all(is_plain) {
            return Err(PostgresError::DatabaseName(name.to_owned()));
        }
        let mut createdb = self.site.command(&self.site.programs.createdb());
        createdb.arg("--host").arg(&self.site.directory).args(["--port", &PORT.to_string()]);
        run(createdb.args(["--username", SUPERUSER, "--", name]), "createdb")?;
        Ok(self.url_of(name))
    }

    /// Stops the server in order: it disconnects its clients and writes down everything. Its data stays.
    pub fn stop(&mut self) -> Result<(), PostgresError> {
        self.is_running = false;
        self.watchdog.tell("stop")
    }

    /// `kill -9` to all the server's processes. When it starts again, it recovers what was committed.
    pub fn crash(&mut self) -> Result<(), PostgresError> {
        self.is_running = false;
        self.watchdog.tell("crash")
    }

    /// Starts a stopped server again on the same data; leaves a running one alone.
    pub fn start_again(&mut self) -> Result<(), PostgresError> {
        if self.is_running {
            return Ok(());
        }
        self.watchdog.tell("start")?;
        self.is_running = true;
        await_ready(&follow(self.site.directory.join("log")))
    }

    /// Freezes the server: its connections stay, but nothing answers until [`Self::resume`].
    pub fn pause(&mut self) -> Result<(), PostgresError> {
        self.watchdog.tell("pause")
    }

    /// Lets a paused server go on.
    pub fn resume(&mut self) -> Result<(), PostgresError> {
        self.watchdog.tell("resume")
    }

    /// The server's directory, with its socket and its `data`.
    pub fn directory(&self) -> &Path {
        &self.site.directory
    }

    fn url_of(&self, database: &str) -> String {
        let host = percent_encoded(&self.site.directory.to_string_lossy());
        format!("postgres://{SUPERUSER}@{host}:{PORT}/{database}")
    }
}

impl Site {
    /// A program that runs as the server's account, in its directory, and hears nothing of the caller's settings.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").stdin(Stdio::null()).current_dir(&self.directory);
        // The watchdog's own programs must be there whatever PATH says, or it could not clean up.
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(":/usr/bin:/bin");
        command.env("PATH", path);
        if let Some(account) = self.account {
            account.apply(&mut command);
        }
        command
    }

    /// Makes the server's account own `path`.
    fn hand_over(&self, path: &Path) -> Result<(), PostgresError> {
        let Some(account) = self.account else { return Ok(()) };
        account.own(path).map_err(|source| io_error(format!("give {path:?} to PostgreSQL's account"), source))
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }
}

fn server_command(site: &Site, durability: Durability) -> Command {
    let mut server = Command::new(site.programs.postgres());
    server.arg("-D").arg(site.data()).arg("-k").arg(&site.directory).args(["-p", &PORT.to_string()]);
    let mut settings =
        vec!["listen_addresses=", "max_connections=300", "log_destination=stderr", "lc_messages=C"];
    match durability {
        Durability::On => settings.extend(["fsync=on", "synchronous_commit=on"]),
        Durability::Off => settings.extend(["fsync=off", "full_page_writes=off", "shared_buffers=32MB"]),
    }
    server.args(settings.iter().flat_map(|setting| ["-c", setting]));
    server
}

/// The lines of the server's log. They are read to the end even when nobody listens, lest the server wait for us.
fn follow(log: PathBuf) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let Ok(log) = File::open(log) else { return };
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

/// Waits until the server logs that it accepts connections.
fn await_ready(lines: &mpsc::Receiver<String>) -> Result<(), PostgresError> {
    let deadline = Instant::now() + START_LIMIT;
    let mut log = Vec::new();
    loop {
        let what = match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line.ends_with("database system is ready to accept connections") => return Ok(()),
            Ok(line) => {
                log.push(line);
                continue;
            }
            Err(mpsc::RecvTimeoutError::Timeout) => "did not accept connections in time",
            Err(mpsc::RecvTimeoutError::Disconnected) => "ended before it accepted connections",
        };
        return Err(PostgresError::NotReady { what, log: log.join("\n") });
    }
}

/// Runs a short program to its end.
fn run(command: &mut Command, program: &'static str) -> Result<(), PostgresError> {
    let output = command.output().map_err(|source| io_error(format!("run {program}"), source))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
    Err(PostgresError::Program { program, output })
}

fn io_error(step: impl Into<String>, source: io::Error) -> PostgresError {
    PostgresError::Io { step: step.into(), source }
}

/// The text as a URL's host may have it.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

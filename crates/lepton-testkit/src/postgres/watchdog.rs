//! [`Watchdog`]: the process that runs the server and cleans up after it when we are gone.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::{PostgresError, Site, io_error};

/// A shell that runs `watchdog.sh`.
#[derive(Debug)]
pub(super) struct Watchdog {
    shell: Child,
    /// None once it is closed, which is what the watchdog waits for.
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Watchdog {
    /// Starts a watchdog that will run `server` when told to, and removes the site's directory in the end.
    pub(super) fn start(site: &Site, server: &Command) -> Result<Self, PostgresError> {
        let mut command = site.command(Path::new("/bin/sh"));
        command.arg("-c").arg(include_str!("watchdog.sh")).arg("watchdog").arg(&site.directory);
        command.arg(server.get_program()).args(server.get_args());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // In a group of its own it survives what kills the test's whole group: Ctrl-C, a test runner's time limit.
        command.process_group(0);
        let mut shell = command.spawn().map_err(|source| io_error("run /bin/sh", source))?;
        let words = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("its output was asked to be a pipe"));
        Ok(Self { shell, words, answers })
    }

    /// Has the watchdog do something and waits until it has.
    pub(super) fn tell(&mut self, word: &'static str) -> Result<(), PostgresError> {
        self.exchange(word).map_err(|source| io_error(format!("have PostgreSQL's watchdog {word}"), source))
    }

    fn exchange(&mut self, word: &str) -> io::Result<()> {
        let words = self.words.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(words, "{word}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        if answer.trim_end() == word { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl Drop for Watchdog {
    /// Ends the server and waits until nothing is left of it.
    fn drop(&mut self) {
        self.words = None;
        let _ = self.shell.wait();
    }
}

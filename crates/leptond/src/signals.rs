//! [`Signals`]: SIGTERM, SIGINT and SIGHUP, all of which mean: stop; and SIGXFSZ, which means nothing.

use std::{fs, io};

use nix::sys::signal::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that stop a daemon.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
}

impl Signals {
    /// From now on these signals are heard, and do not end the process by themselves.
    ///
    /// Nor does SIGXFSZ, from now on: where a limit on the size of files (`ulimit -f`) is met, the write fails, and the ledger is
    /// as one on a full disk. It is caught, not ignored, so that the programs that this one runs do not inherit it.
    ///
    /// SIGHUP, the end of the terminal, stays ignored where it was: whoever started the daemon under nohup(1) meant it.
    pub fn listen() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hang_up = if ignores(&status, SignalKind::hangup()) { None } else { Some(SignalKind::hangup()) };
        // Nobody waits for it; it stays caught all the same.
        drop(signal(SignalKind::from_raw(Number::SIGXFSZ as i32))?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: hang_up.map(signal).transpose()?,
        })
    }

    /// Waits for any of them.
    pub async fn told_to_stop(&mut self) {
        match self.hang_up.take() {
            None => self.told_by_somebody().await,
            Some(mut hang_up) => {
                tokio::select! {
                    () = self.told_by_somebody() => {}
                    _ = hang_up.recv() => {}
                }
                self.hang_up = Some(hang_up);
            }
        }
    }

    /// Waits for SIGTERM or SIGINT: a terminal that ends may send its SIGHUP twice, once by the kernel and once by the
    /// shell, without anybody's being impatient.
    pub async fn told_by_somebody(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Whether a process ignores a signal, as its `/proc/PID/status` says.
fn ignores(status: &str, signal: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal.as_raw_value() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use nix::{sys::signal::kill, unistd::Pid};

    use super::*;

    #[tokio::test]
    async fn a_file_that_may_not_grow_does_not_end_the_process() {
        let _signals = Signals::listen().unwrap();
        kill(Pid::this(), Number::SIGXFSZ).unwrap();
    }

    #[test]
    fn what_is_ignored_is_read_from_the_mask() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert!(ignores(status, SignalKind::hangup()) && ignores(status, SignalKind::pipe()));
        assert!(!ignores(status, SignalKind::interrupt()) && !ignores("", SignalKind::hangup()));
    }
}

//! [`Nft`]: the `nft` program, text in, JSON out. A transaction of ten elements takes it about 3 ms.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// Longest that a run may take; then it is killed. Loading a thousand ports takes it 10 ms.
const LONGEST: Duration = Duration::from_secs(10);

/// The `nft` program (Debian package `nftables`).
pub(super) struct Nft {
    program: PathBuf,
}

/// Why nft did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NftError {
    /// It ended and said why, on one line: the kernel wants it otherwise.
    #[error("{0}")]
    Refused(String),
    /// It could not be started or did not end: nobody knows what the kernel would have said.
    #[error("{0}")]
    NotRun(String),
}

impl Nft {
    /// Looks for the program in `PATH`, then where Debian has it, which is not in every user's `PATH`.
    pub(super) fn find() -> io::Result<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
        let program = folders.map(|folder| folder.join("nft")).find(|program| Path::is_file(program));
        let missing =
            || io::Error::new(io::ErrorKind::NotFound, "nft is not installed (Debian package nftables)");
        Ok(Self { program: program.ok_or_else(missing)? })
    }

    /// Applies a text as one transaction (`nft -f -`); answers with the id of the process that did. Errors: what nft
    /// says, on one line.
    pub(super) async fn load(&self, text: &str) -> Result<u32, NftError> {
        self.run(&["-f", "-"], text).await.map(|(process, _)| process)
    }

    /// The filter table as JSON (`nft -j list table bridge lepton`); none where there is no such table. Errors: as above.
    pub(super) async fn list(&self) -> Result<Option<Vec<u8>>, NftError> {
        let complaint = match self.run(&["-j", "list", "table", "bridge", "lepton"], "").await {
            Ok((_, output)) => return Ok(Some(output.stdout)),
            Err(complaint) => complaint,
        };
        // A table that is missing is an error to nft, like any other. Asked for all tables it has an answer, or none again.
        let (_, tables) = self.run(&["list", "tables", "bridge"], "").await.map_err(|_| complaint.clone())?;
        let tables = String::from_utf8_lossy(&tables.stdout);
        if tables.lines().any(|table| table.trim() == "table bridge lepton") {
            Err(complaint)
        } else {
            Ok(None)
        }
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<(u32, Output), NftError> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("LC_ALL", "C").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = self.program.display();
        let late = |_| NftError::NotRun(format!("{program} has not ended after {} s", LONGEST.as_secs()));
        let exchanged = timeout(LONGEST, exchange(command, input)).await.map_err(late)?;
        let (process, output) = exchanged.map_err(|error| NftError::NotRun(format!("{program}: {error}")))?;
        match output.status.code() {
            Some(0) => Ok((process, output)),
            Some(_) => Err(NftError::Refused(complaint(&output))),
            // Somebody has killed it.
            None => Err(NftError::NotRun(complaint(&output))),
        }
    }
}

/// Writes while reading, so that neither side waits for the other with a full pipe.
async fn exchange(mut command: Command, input: &str) -> io::Result<(u32, Output)> {
    let mut child = command.spawn()?;
    let process = child.id().expect("nobody has waited for it yet");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let write = async move {
        let written = stdin.write_all(input.as_bytes()).await;
        drop(stdin); // nft reads to the end
        match written {
            // It has stopped reading, and says why on stderr.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    };
    let ((), output) = tokio::try_join!(write, child.wait_with_output())?;
    Ok((process, output))
}

/// What nft says: `/dev/stdin:3:1-9: Error: Could not process rule: No such file or directory`, then a drawing.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let first = text.lines().find(|line| !line.trim().is_empty());
    first.map_or_else(|| format!("nft ended with {}", output.status), |line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_stuck_fails() {
        let nft = Nft { program: "sleep".into() };
        let late = NftError::NotRun("sleep has not ended after 10 s".to_owned());
        assert_eq!(nft.run(&["600"], "").await.unwrap_err(), late);
    }

    #[tokio::test]
    async fn a_listing_that_fails_is_no_missing_table() {
        let nft = Nft { program: "false".into() };
        let refused = NftError::Refused("nft ended with exit status: 1".to_owned());
        assert_eq!(nft.list().await.unwrap_err(), refused);
    }

    #[tokio::test]
    async fn a_run_that_is_not_there_or_is_killed_has_refused_nothing() {
        let missing = Nft { program: "/nonexistent/nft".into() };
        let killed = Nft { program: "sh".into() };
        for outcome in [missing.run(&[], "").await, killed.run(&["-c", "kill -9 $$"], "").await] {
            assert!(matches!(outcome, Err(NftError::NotRun(_))), "{outcome:?}");
        }
    }
}

//! One echo request, with iputils' `ping`.

use std::{io, net::IpAddr, process::Stdio};

use tokio::process::Command;

/// Why no echo request could be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PingError {
    /// The program is missing.
    #[error("cannot run ping (Debian: iputils-ping)")]
    Start(#[from] io::Error),
    /// The program failed.
    #[error("ping from {from} to {to} failed: {message}")]
    Failed { from: IpAddr, to: IpAddr, message: String },
}

/// Exit code of `ping` when the request went out and no reply came.
const NO_REPLY: i32 = 1;

/// `ping -c 1 -W 1 -I SOURCE TARGET`: how long the reply took, in microseconds; none without a reply within 1 s.
pub(crate) async fn ping(source: IpAddr, target: IpAddr) -> Result<Option<u64>, PingError> {
    let output = Command::new("ping")
        .args(["-n", "-c", "1", "-W", "1", "-I", &source.to_string(), &target.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => Ok(Some(micros(&text).unwrap_or_default())),
        Some(NO_REPLY) if output.stderr.is_empty() => Ok(None),
        _ => {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(PingError::Failed { from: source, to: target, message })
        }
    }
}

/// The number in `time=0.051 ms`, in microseconds.
fn micros(output: &str) -> Option<u64> {
    let (_, rest) = output.split_once("time=")?;
    let (number, _) = rest.split_once(" ms")?;
    let (whole, thousandths) = number.split_once('.').unwrap_or((number, ""));
    Some(whole.parse::<u64>().ok()? * 1_000 + format!("{thousandths:0<3.3}").parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_reply_is_read_in_microseconds() {
        let line = |time: &str| {
            format!("64 bytes from 10.1.0.3: icmp_seq=1 ttl=64 time={time} ms\n\n--- statistics")
        };
        assert_eq!(micros(&line("0.051")), Some(51));
        assert_eq!(micros(&line("1.5")), Some(1_500));
        assert_eq!(micros(&line("12")), Some(12_000));
        assert_eq!(micros("1 packets transmitted, 0 received"), None);
    }
}

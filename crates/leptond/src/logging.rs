//! Logging: lines on standard error, for people or as JSON, which systemd's journal and every collector take as they are.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat};

/// Starts logging for the whole process.
///
/// Errors: it was started before.
pub fn start(log: &Log) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    let colour = io::stderr().is_terminal();
    tracing::subscriber::set_global_default(subscriber(log, colour, io::stderr))
}

fn subscriber<W>(log: &Log, colour: bool, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // What cannot be written is lost, on a full disk or without a reader: to complain of it, as is the default, is to
    // write where nothing can be written, which panics.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(log.level.to_filter())
        .log_internal_errors(false)
        .with_writer(writer);
    match log.format {
        LogFormat::Human => Box::new(builder.with_ansi(colour).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).finish()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A writer whose text the test can read.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: &str, level: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = Log { format: format.parse().unwrap(), level: level.parse().unwrap() };
        tracing::subscriber::with_default(subscriber(&log, false, move || writer.clone()), || {
            tracing::info!(port = 7, "plugged");
            tracing::debug!("detail");
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn people_get_a_line_without_colour_codes() {
        let text = logged("human", "info");
        assert!(text.ends_with("plugged port=7\n") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn programs_get_an_object_a_line() {
        let line: serde_json::Value = serde_json::from_str(&logged("json", "info")).unwrap();
        assert_eq!((line["message"].as_str(), line["port"].as_u64()), (Some("plugged"), Some(7)));
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_level_says_what_is_written() {
        assert_eq!(logged("human", "warn"), "");
        assert_eq!(logged("human", "debug").lines().count(), 2);
    }
}

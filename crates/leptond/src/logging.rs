//! Logging: lines on standard error, for people or as JSON, which systemd's journal and every collector take as they are.

use std::io::{self, IsTerminal};

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    filter::{self, FilterExt},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

use crate::{
    config::{Log, LogFormat},
    traces::{TARGET, Traces},
};

/// Starts logging for the whole process, and telling traces if they are wanted.
///
/// Errors: it was started before.
pub fn start(log: &Log, traces: Option<&Traces>) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    let colour = io::stderr().is_terminal();
    tracing::subscriber::set_global_default(subscriber(log, traces, colour, io::stderr))
}

/// What takes what is logged and what is traced.
///
/// Each of its layers has a filter that knows its highest level: without, whatever anybody says at any level is made before it is thrown
/// away.
fn subscriber<W>(log: &Log, traces: Option<&Traces>, colour: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let traced = traces.map(|traces| {
        let of_traces =
            filter::filter_fn(|about| about.target() == TARGET).with_max_level_hint(LevelFilter::INFO);
        let layer = tracing_opentelemetry::layer().with_location(false).with_threads(false);
        layer.with_tracer(traces.tracer()).with_filter(of_traces).boxed()
    });
    let layers: Vec<_> = [lines(log, colour, writer)].into_iter().chain(traced).collect();
    Registry::default().with(layers)
}

/// What writes lines. What is only traced is in none.
fn lines<W>(log: &Log, colour: bool, writer: W) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // What cannot be written is lost, on a full disk or without a reader: to complain of it, as is the default, is to
    // write where nothing can be written, which panics.
    let layer = fmt::layer().log_internal_errors(false).with_writer(writer);
    let untraced =
        filter::filter_fn(|about| about.target() != TARGET).with_max_level_hint(LevelFilter::TRACE);
    let filter = log.level.to_filter().and(untraced);
    match log.format {
        LogFormat::Human => layer.with_ansi(colour).with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
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
        tracing::subscriber::with_default(subscriber(&log, None, false, move || writer.clone()), || {
            let _traced = tracing::error_span!(target: TARGET, "call", caller = "nova").entered();
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

    /// Else each call would make spans for nobody, and each of its libraries' remarks.
    #[test]
    fn what_is_neither_logged_nor_traced_is_not_made() {
        for (level, most) in [("info", LevelFilter::INFO), ("off", LevelFilter::OFF)] {
            let log = Log { format: "json".parse().unwrap(), level: level.parse().unwrap() };
            let subscriber = subscriber(&log, None, false, io::sink);
            assert_eq!(subscriber.max_level_hint(), Some(most));
            tracing::subscriber::with_default(subscriber, || {
                assert!(tracing::info_span!(target: "trace", "call").is_disabled());
                assert!(tracing::trace_span!("h2").is_disabled());
                assert_eq!(tracing::enabled!(tracing::Level::ERROR), level == "info");
            });
        }
    }

    #[test]
    fn the_level_says_what_is_written() {
        assert_eq!(logged("human", "warn"), "");
        assert_eq!(logged("human", "debug").lines().count(), 2);
    }
}

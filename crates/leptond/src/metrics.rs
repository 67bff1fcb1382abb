//! Serves the metrics by HTTP, for Prometheus on this machine.

use std::io;

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use lepton_manager::{METRICS_MEDIA_TYPE, Manager};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Answers `GET /metrics` until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    manager: Manager,
    stop: CancellationToken,
) -> io::Result<()> {
    let read = async move || ([(CONTENT_TYPE, METRICS_MEDIA_TYPE)], manager.metrics().text());
    let app = Router::new().route("/metrics", get(read));
    tokio::select! {
        served = axum::serve(listener, app).into_future() => served,
        // Who reads at this moment reads again.
        () = stop.cancelled() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// The end of a name that a histogram's series have beside the name of the metric.
    const SERIES: [&str; 3] = ["_bucket", "_count", "_sum"];

    /// `docs/metrics.md` has all that is measured, which is read back from a running leptond elsewhere.
    #[test]
    fn what_the_alerts_and_the_dashboard_read_is_measured() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
        let manual = read("docs/metrics.md");
        let rules = read("deploy/prometheus/lepton.rules.yml");
        let recorded: Vec<&str> =
            rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
        for (file, text) in [("rules", &rules), ("dashboard", &read("deploy/grafana/lepton.json"))] {
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
            let (mut measured, mut of_rules) = (0, 0);
            for word in words {
                if word.starts_with("lepton_") {
                    let name = SERIES.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
                    assert!(
                        manual.contains(&format!("| `{name}` | ")),
                        "nobody measures {word} of the {file}"
                    );
                    measured += 1;
                } else if word.starts_with("lepton:") {
                    assert!(recorded.contains(&word), "no rule records {word} of the {file}");
                    of_rules += 1;
                }
            }
            assert!(measured > 5 && of_rules > 3, "{file}: {measured} metrics and {of_rules} recorded ones");
        }
    }
}

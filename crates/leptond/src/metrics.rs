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

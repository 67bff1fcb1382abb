//! Connections to the API.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

/// How long one connection may take to come up; a local server answers within a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An endpoint that cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {endpoint:?}")]
pub struct ConnectError {
    endpoint: String,
    source: tonic::transport::Error,
}

/// Opens an HTTP/2 connection to `endpoint`: `unix:/path/of/socket` or `http://address:port`.
pub async fn connect(endpoint: &str) -> Result<Channel, ConnectError> {
    let error = |source| ConnectError { endpoint: endpoint.to_owned(), source };
    let parsed = Endpoint::from_shared(endpoint.to_owned()).map_err(error)?;
    parsed.connect_timeout(CONNECT_TIMEOUT).connect().await.map_err(error)
}

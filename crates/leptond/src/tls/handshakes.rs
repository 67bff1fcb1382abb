//! [`handshakes`]: from TCP connections to TLS connections.

use std::{future, io, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt};
use tokio::{net::TcpStream, sync::watch, time};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};

/// How long a client may take for its handshake; far above what a slow link takes, so only the idle are cut.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Most handshakes at once. Whoever opens connections and says nothing holds this many for [`HANDSHAKE_TIMEOUT`], and no
/// more descriptors and memory than that.
pub(crate) const MOST_HANDSHAKES: usize = 4096;

/// The connections whose handshake succeeded, each with what was current when it began.
///
/// Errors: of `incoming` only; a client that fails is none of the server's.
pub(crate) fn handshakes(
    incoming: impl Stream<Item = io::Result<TcpStream>>,
    current: watch::Receiver<Arc<ServerConfig>>,
) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> {
    let shake = move |accepted: io::Result<TcpStream>| {
        let config = Arc::clone(&current.borrow());
        async move {
            match accepted {
                Ok(tcp) => handshake(tcp, config).await.map(Ok),
                Err(error) => Some(Err(error)),
            }
        }
    };
    incoming.map(shake).buffer_unordered(MOST_HANDSHAKES).filter_map(future::ready)
}

async fn handshake(tcp: TcpStream, config: Arc<ServerConfig>) -> Option<TlsStream<TcpStream>> {
    let shaken = time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(tcp)).await;
    let shaken = shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    shaken.inspect_err(|error| tracing::debug!(%error, "a TLS handshake failed")).ok()
}

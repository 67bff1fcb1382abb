//! [`Handshakes`]: from TCP connections to TLS connections.

use std::{io, sync::Arc, time::Duration};

use tokio::{net::TcpStream, sync::watch, time};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};

/// How long a client may take for its handshake; far above what a slow link takes, so only the idle are cut.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes TLS connections, each with what is current when it begins.
#[derive(Debug)]
pub(crate) struct Handshakes {
    current: watch::Receiver<Arc<ServerConfig>>,
}

impl Handshakes {
    /// Most at once. Whoever opens connections and says nothing holds this many for [`HANDSHAKE_TIMEOUT`], and no more descriptors
    /// and memory than that.
    pub(crate) const MOST: usize = 4096;

    pub(crate) fn new(current: watch::Receiver<Arc<ServerConfig>>) -> Self {
        Self { current }
    }

    /// The connection when its handshake has succeeded; a client that fails is no error of the server's.
    pub(crate) fn begin(&self, tcp: TcpStream) -> impl Future<Output = Option<TlsStream<TcpStream>>> + use<> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.current.borrow()));
        async move {
            let shaken = time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(tcp)).await;
            let shaken = shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            shaken.inspect_err(|error| tracing::debug!(%error, "a TLS handshake failed")).ok()
        }
    }
}

//! The listeners: a unix socket and a TCP address, in front of the same services.
//!
//! ```text
//! UnixSocket ──────────┐
//!                      ├─► Admission, TLS? ─► HTTP/2 ─► Calls ─► Count ─► Authorise ─► Arrival ─► routes
//! TcpListener ─────────┘   (of each)
//! ```
//!
//! They accept until the shutdown, then let the calls under way finish. Who calls is [`lepton_manager::Authorise`]'s business.

use std::{
    fs,
    io::{self, ErrorKind},
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{Stream, StreamExt, future};
use lepton_manager::{Arrival, Authorise, Count};
use serde::Serialize;
use tokio::{net::TcpListener, time};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tower::layer::util::{Identity, Stack};

use crate::{
    config::{Listen, Mistakes, TcpListen, TlsListen},
    tls::{Handshakes, Keeper},
    traces::Calls,
};

mod connection;
mod unix;

pub use unix::{UnixSocketError, check_group};

use connection::{Admission, Introduce};
use unix::UnixSocket;

/// How often an idle connection is asked whether its peer is still there, and how long the answer may take. A host that
/// vanished is noticed within their sum, before an operator would ask.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Most calls at once on one connection; further ones wait in their client. A call may hold a request of 2 MiB here until it has
/// arrived, for which it has [`Arrival`]'s time: that is the bound on what a connection can make the server hold.
const MAX_CONCURRENT_STREAMS: u32 = 256;

/// How long to wait after an accept that failed, which is mostly for want of file descriptors: without a pause the loop
/// would spin until somebody gives one back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Name of the file in the state directory that tells where the process listens.
const ADDRESSES_FILE: &str = "listen.json";

/// The sockets, bound: from here on a client can connect, and is answered once [`Listeners::serve`] runs.
#[derive(Debug)]
pub struct Listeners {
    unix: Option<UnixSocket>,
    tcp: Option<TcpSocket>,
    metrics: Option<TcpListener>,
    /// Of each of the first two.
    max_connections: NonZeroUsize,
    addresses: Addresses,
}

/// What every request passes on its way to the routes, the last of it first.
type Layers = Stack<Arrival, Stack<Authorise, Stack<Introduce, Stack<Count, Stack<Calls, Identity>>>>>;

/// A bound TCP address, plain or with TLS.
#[derive(Debug)]
struct TcpSocket {
    listener: TcpListener,
    tls: Option<Tls>,
}

/// What TLS takes.
#[derive(Debug)]
struct Tls {
    keeper: Keeper,
    max_connection_age: Duration,
}

/// Where the process listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// The unix socket's path.
    pub unix: Option<PathBuf>,
    /// The TCP address with the port that it really has.
    pub tcp: Option<SocketAddr>,
    /// Whether TCP needs TLS and a client certificate.
    pub tls: bool,
    /// Where metrics are read, with the port that it really has.
    pub metrics: Option<SocketAddr>,
}

/// Why the process cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The unix socket cannot be made.
    #[error("cannot listen on {}", path.display())]
    Unix {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: UnixSocketError,
    },
    /// The TCP address cannot be had.
    #[error("cannot listen on {address}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The files for TLS are of no use.
    #[error(transparent)]
    Tls(#[from] Mistakes),
}

impl Listeners {
    /// Binds every configured address; must be called within a tokio runtime.
    pub async fn bind(listen: &Listen) -> Result<Self, ListenError> {
        let tcp = match &listen.tcp {
            None => None,
            Some(TcpListen::Loopback(loopback)) => {
                Some(TcpSocket { listener: bind_tcp(loopback.address()).await?, tls: None })
            }
            Some(TcpListen::Tls(TlsListen { address, files, max_connection_age })) => {
                let keeper = Keeper::load(files.clone())?;
                let tls = Some(Tls { keeper, max_connection_age: *max_connection_age });
                Some(TcpSocket { listener: bind_tcp(*address).await?, tls })
            }
        };
        let unix = match &listen.unix {
            None => None,
            Some(unix) => {
                let error = |source| ListenError::Unix { path: unix.path.as_path().to_owned(), source };
                Some(UnixSocket::bind(unix).await.map_err(error)?)
            }
        };
        let metrics = match listen.metrics {
            None => None,
            Some(loopback) => Some(bind_tcp(loopback.address()).await?),
        };
        let addresses = Addresses {
            metrics: metrics.as_ref().and_then(|listener| listener.local_addr().ok()),
            unix: listen.unix.as_ref().map(|unix| unix.path.as_path().to_owned()),
            tcp: tcp.as_ref().and_then(|tcp| tcp.listener.local_addr().ok()),
            tls: tcp.as_ref().is_some_and(|tcp| tcp.tls.is_some()),
        };
        Ok(Self { unix, tcp, metrics, max_connections: listen.max_connections, addresses })
    }

    /// Where the process listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Where metrics are read, for whoever serves them.
    pub fn take_metrics(&mut self) -> Option<TcpListener> {
        self.metrics.take()
    }

    /// Serves until `shutdown`, then for at most `drain` until the calls under way are answered.
    ///
    /// The unix socket's file is gone, and the port free, as soon as the shutdown begins.
    pub async fn serve(
        self,
        routes: Routes,
        authorise: Authorise,
        count: Count,
        drain: Duration,
        shutdown: CancellationToken,
    ) -> Result<(), tonic::transport::Error> {
        let (server, most) = (server(authorise, count), self.max_connections.get());
        // Boxed, for they are large: 30 KiB, which every future around them would move about on the stack.
        let over_unix = Box::pin(serve_unix(self.unix, most, server.clone(), routes.clone(), &shutdown));
        let over_tcp = Box::pin(serve_tcp(self.tcp, most, server.clone(), routes.clone(), &shutdown));
        let serving = future::try_join(over_unix, over_tcp);
        let patience = async {
            shutdown.cancelled().await;
            time::sleep(drain).await;
        };
        tokio::select! {
            served = serving => served.map(|((), ())| ()),
            () = patience => {
                tracing::warn!(?drain, "calls were still under way when the time for draining ran out");
                Ok(())
            }
        }
    }
}

impl Addresses {
    /// Writes the addresses into the state directory, for whoever must find a process that took a free port.
    pub fn record(&self, state_dir: &Path) -> io::Result<()> {
        let (file, draft) = (state_dir.join(ADDRESSES_FILE), state_dir.join(format!("{ADDRESSES_FILE}.new")));
        fs::write(&draft, serde_json::to_vec(self)?)?;
        // Renamed, so that a reader sees the whole file or none.
        fs::rename(&draft, &file)
    }

    /// Removes what [`Addresses::record`] wrote, if nobody else has.
    pub fn forget(state_dir: &Path) -> io::Result<()> {
        match fs::remove_file(state_dir.join(ADDRESSES_FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

async fn bind_tcp(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError::Tcp { address, source })
}

/// What all listeners have in common.
fn server(authorise: Authorise, count: Count) -> Server<Layers> {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .layer(Calls)
        .layer(count)
        .layer(Introduce)
        .layer(authorise)
        .layer(Arrival)
}

async fn serve_unix(
    socket: Option<UnixSocket>,
    most: usize,
    mut server: Server<Layers>,
    routes: Routes,
    shutdown: &CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let Some(UnixSocket { listener, file }) = socket else { return Ok(()) };
    let admission = Admission::new("listen.unix", most, None);
    let incoming = admission.admit(patient(UnixListenerStream::new(listener)), 1, accepted);
    let stop = async {
        shutdown.cancelled().await;
        drop(file);
    };
    server.add_routes(routes).serve_with_incoming_shutdown(incoming, stop).await
}

async fn serve_tcp(
    socket: Option<TcpSocket>,
    most: usize,
    mut server: Server<Layers>,
    routes: Routes,
    shutdown: &CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let Some(TcpSocket { listener, tls }) = socket else { return Ok(()) };
    // Small answers must not wait for a full packet.
    let incoming = patient(TcpIncoming::from(listener).with_nodelay(Some(true)));
    let Some(Tls { keeper, max_connection_age }) = tls else {
        let incoming = Admission::new("listen.tcp", most, None).admit(incoming, 1, accepted);
        return server.add_routes(routes).serve_with_incoming_shutdown(incoming, shutdown.cancelled()).await;
    };
    let admission = Admission::new("listen.tcp", most, Some(max_connection_age));
    let handshakes = Handshakes::new(keeper.current());
    let incoming = admission.admit(incoming, Handshakes::MOST, move |tcp| handshakes.begin(tcp));
    // No grace: where one is set, tonic 0.14 does not tell the client to go, and cuts the connection when it is over.
    let serving = server
        .max_connection_age(max_connection_age)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, shutdown.cancelled());
    tokio::select! {
        served = serving => served,
        never = keeper.keep() => match never {},
    }
}

/// A connection that needs no handshake.
async fn accepted<C>(stream: C) -> Option<C> {
    Some(stream)
}

/// The connections, with a pause after each that could not be accepted.
fn patient<C>(incoming: impl Stream<Item = io::Result<C>>) -> impl Stream<Item = io::Result<C>> {
    incoming.then(async |accepted| {
        if let Err(error) = &accepted {
            tracing::warn!(%error, "cannot accept a connection");
            time::sleep(ACCEPT_PAUSE).await;
        }
        accepted
    })
}

//! [`Connection`]: one of the connections that a listener serves at once; and [`Admission`], which sees to it that there are not
//! more.
//!
//! ```text
//! a place is free? ─► accepted ─► handshake, with TLS ─► takes the place ─► Connection ─► HTTP/2
//!   └ waits until one is            └ has its time         └ or the next      └ ends: says nothing at first; is far too old
//! ```

use std::{
    future::{self, Future},
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use lepton_manager::ConnectionEnd;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{self, Instant, Sleep},
};
use tonic::{
    codegen::http,
    transport::server::{Connected, TcpConnectInfo, TlsConnectInfo, UdsConnectInfo},
};
use tower::{Layer, Service};

/// With how many bytes a client says that it speaks HTTP/2 (RFC 9113 §3.4).
const PREFACE: usize = 24;

/// How long it may take for them; far above what a slow link takes, so only the idle are cut.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long after its client was told to connect anew a connection's watches end: late enough that the client has heard it.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long after that a connection is cut. Every call of ours has ended by then, one that waits for a plug included
/// (`wait_for_active` is 10 minutes at most); what has not is a watch of the health or a caller that reads no answer.
const LONGEST_CALL: Duration = Duration::from_mins(11);

/// Lets a listener's connections in, as many at once as it may have.
#[derive(Debug)]
pub(super) struct Admission {
    listener: &'static str,
    most: usize,
    places: Arc<Semaphore>,
    /// Whether there is no place, as the log was told.
    is_full: AtomicBool,
    max_age: Option<Duration>,
}

impl Admission {
    /// For a listener with this setting's name, whose connections may last so long.
    pub(super) fn new(listener: &'static str, most: usize, max_age: Option<Duration>) -> Self {
        let places = Arc::new(Semaphore::new(most));
        Self { listener, most, places, is_full: AtomicBool::new(false), max_age }
    }

    /// The connections, each when there is a place for it and its handshake has succeeded. While there is no place nothing more is
    /// accepted: who connects then waits in the listener's backlog, as behind every server that is full.
    ///
    /// A handshake takes no place, so that who cannot prove who he is keeps nobody out. At most `at_once` go on beside each other,
    /// and go on when there is no place any more; who has come through then waits for the next one.
    pub(super) fn admit<A, C, H: Future<Output = Option<C>>>(
        self,
        incoming: impl Stream<Item = io::Result<A>>,
        at_once: usize,
        handshake: impl Fn(A) -> H,
    ) -> impl Stream<Item = io::Result<Connection<C>>> {
        let admission = Arc::new(self);
        let shake = {
            let admission = Arc::clone(&admission);
            move |accepted: io::Result<A>| {
                let (admission, handshake) = (Arc::clone(&admission), accepted.map(&handshake));
                async move {
                    match handshake {
                        Ok(handshake) => Some(Ok(admission.connection(handshake.await?).await)),
                        Err(error) => Some(Err(error)),
                    }
                }
            }
        };
        // All in one buffer, which polls everything in it: a stage that waits for a place by itself would let handshakes stand
        // still until their time is over.
        admission.accept(incoming).map(shake).buffer_unordered(at_once).filter_map(future::ready)
    }

    /// What comes in, the next of it when a place is free.
    fn accept<A>(
        self: Arc<Self>,
        incoming: impl Stream<Item = io::Result<A>>,
    ) -> impl Stream<Item = io::Result<A>> {
        stream::unfold((self, Box::pin(incoming)), |(admission, mut incoming)| async move {
            drop(admission.place().await);
            let accepted = incoming.next().await?;
            Some((accepted, (admission, incoming)))
        })
    }

    async fn connection<C>(&self, stream: C) -> Connection<C> {
        Connection::new(stream, self.place().await, self.max_age)
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            if self.is_full.swap(false, Ordering::Relaxed) {
                tracing::info!(listener = self.listener, "there is room for connections again");
            }
            return place;
        }
        if !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                listener = self.listener,
                limit = self.most,
                "as many connections as listen.max_connections allows: others wait until one closes"
            );
        }
        Arc::clone(&self.places).acquire_owned().await.expect("the places are never closed")
    }
}

/// A connection that has a place, which it gives back when it is dropped.
#[derive(Debug)]
pub(super) struct Connection<C> {
    stream: C,
    /// How much of the preface is still to come.
    preface: usize,
    /// When it is cut, if nothing comes until then.
    cut: Option<Pin<Box<Sleep>>>,
    ends: Option<Instant>,
    _place: OwnedSemaphorePermit,
}

impl<C> Connection<C> {
    fn new(stream: C, place: OwnedSemaphorePermit, max_age: Option<Duration>) -> Self {
        let now = Instant::now();
        let cut = Some(Box::pin(time::sleep_until(now + PREFACE_TIMEOUT)));
        let ends = max_age.map(|age| now + age + GOODBYE);
        Self { stream, preface: PREFACE, cut, ends, _place: place }
    }

    /// Notes how much has come; who speaks HTTP/2 has until the connection's end.
    fn heard(&mut self, bytes: usize) {
        if self.preface == 0 {
            return;
        }
        self.preface = self.preface.saturating_sub(bytes);
        if self.preface == 0 {
            self.cut = self.ends.map(|ends| Box::pin(time::sleep_until(ends + LONGEST_CALL)));
        }
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Connection<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            self.heard(buffer.filled().len() - filled);
            return Poll::Ready(read);
        }
        let Some(cut) = &mut self.cut else { return Poll::Pending };
        ready!(cut.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Connection<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// What a connection tells of itself.
#[derive(Clone, Debug)]
pub(super) struct Known<I> {
    peer: I,
    ends: Option<Instant>,
}

impl<C: Connected> Connected for Connection<C> {
    type ConnectInfo = Known<C::ConnectInfo>;

    fn connect_info(&self) -> Self::ConnectInfo {
        Known { peer: self.stream.connect_info(), ends: self.ends }
    }
}

/// The tower layer that puts what is known of a connection where others look for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Introduce;

/// A service behind [`Introduce`].
#[derive(Clone, Debug)]
pub(super) struct Introduced<S> {
    inner: S,
}

impl<S> Layer<S> for Introduce {
    type Service = Introduced<S>;

    fn layer(&self, inner: S) -> Introduced<S> {
        Introduced { inner }
    }
}

impl<S: Service<http::Request<B>>, B> Service<http::Request<B>> for Introduced<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<B>) -> S::Future {
        let extensions = request.extensions_mut();
        introduce::<UdsConnectInfo>(extensions);
        introduce::<TcpConnectInfo>(extensions);
        introduce::<TlsConnectInfo<TcpConnectInfo>>(extensions);
        self.inner.call(request)
    }
}

fn introduce<I: Clone + Send + Sync + 'static>(extensions: &mut http::Extensions) {
    let Some(Known { peer, ends }) = extensions.remove::<Known<I>>() else { return };
    extensions.insert(peer);
    if let Some(ends) = ends {
        extensions.insert(ConnectionEnd(ends));
    }
}

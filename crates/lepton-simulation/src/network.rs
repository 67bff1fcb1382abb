//! [`Network`]: carries questions to managers, and answers back; late, twice, or not at all.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use tokio::{sync::oneshot, time};
use tonic::{body::Body, codegen::http, transport::server::TcpConnectInfo};
use tower::{Service, ServiceExt};

use crate::{
    chance::Chance,
    faults::Faults,
    manager::{Managers, Serving},
    mishap::Mishap,
};

/// How long callers wait for an answer: longer than any call that waits for ports.
const PATIENCE: Duration = Duration::from_secs(40);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Nobody listens there.
    Refused,
    /// Who was asked died.
    Broken,
    /// None came in time.
    Late,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::Broken => "connection reset by peer",
            Self::Late => "no answer in time",
        })
    }
}

impl std::error::Error for Lost {}

/// Carries messages to the managers. Clones are the same network.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    faults: Faults,
    managers: Managers,
}

/// Whether somebody is cut off from all managers. Clones are the same cable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cable(Arc<AtomicBool>);

impl Cable {
    /// Cuts it, or mends it.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.0.store(is_cut, Ordering::Relaxed);
    }

    fn is_cut(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Network {
    pub(crate) fn new(faults: Faults, managers: Managers) -> Self {
        Self { faults, managers }
    }

    /// The managers that it leads to.
    pub(crate) fn managers(&self) -> &Managers {
        &self.managers
    }

    /// Asks a manager, by number, and waits for the answer, for ever when there is none. A question may arrive twice, and whoever
    /// asked hears of the first time only. What was sent arrives whether who has sent it is still there or not.
    ///
    /// # Errors
    ///
    /// [`Lost`], at once where a connection would break.
    pub(crate) async fn ask<T, Q>(&self, cable: &Cable, number: usize, question: Q) -> Result<T, Lost>
    where
        T: Send + 'static,
        Q: Fn(Serving) -> BoxFuture<'static, T> + Send + Sync + 'static,
    {
        // Both are drawn by now: in which order those are woken who wait for one thing, tokio draws by itself.
        let (mut there, mut back) = (self.faults.journey(), self.faults.journey());
        let mishap = self.faults.mishap(format_args!("a question to manager {number}"));
        match mishap {
            Some(Mishap::FailsBefore) => there.takes = None,
            Some(Mishap::FailsAfter) => back.takes = None,
            Some(Mishap::Twice) => there.doubled = there.takes.map(|takes| 2 * takes),
            Some(Mishap::DiesBefore | Mishap::DiesAfter) | None => {}
        }
        let question = Arc::new(question);
        if let Some(after) = there.doubled {
            let (managers, question, cable) = (self.managers.clone(), Arc::clone(&question), cable.clone());
            self.managers.spawn(async move {
                if arrives(Some(after), &cable).await {
                    let _ = managers.serve(number, &*question).await;
                }
            });
        }
        let (asker, answer) = oneshot::channel();
        let (managers, cable) = (self.managers.clone(), cable.clone());
        self.managers.spawn(async move {
            if !arrives(there.takes, &cable).await {
                return;
            }
            if mishap == Some(Mishap::DiesBefore) {
                managers.kill_for_a_while(number);
            }
            let mut answer = managers.serve(number, &*question).await;
            if mishap == Some(Mishap::DiesAfter) {
                managers.kill_for_a_while(number);
                answer = Err(Lost::Broken);
            }
            // A connection that breaks does so at once.
            if answer.is_err() || arrives(back.takes, &cable).await {
                // Who asked may have given up.
                let _ = asker.send(answer);
            }
        });
        match answer.await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await, // lost on its way, there or back
        }
    }
}

/// Takes that long; answers whether it gets there, which nothing does over a cable that is cut then.
async fn arrives(takes: Option<Duration>, cable: &Cable) -> bool {
    let Some(takes) = takes else { return false };
    time::sleep(takes).await;
    !cable.is_cut()
}

/// A caller's way to some manager, each time another one; what tonic's clients speak over.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    network: Network,
    cable: Cable,
    chance: Chance,
}

impl Wire {
    pub(crate) fn new(network: Network, cable: Cable, chance: Chance) -> Self {
        Self { network, cable, chance }
    }
}

impl Service<http::Request<Body>> for Wire {
    type Response = http::Response<Body>;
    type Error = Lost;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Lost>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self { network, cable, chance } = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| Lost::Broken)?.to_bytes();
            let (method, uri, headers) = (parts.method, parts.uri, parts.headers);
            let question = move |serving: Serving| -> BoxFuture<'static, Result<_, Lost>> {
                let mut request = http::Request::new(Body::new(Full::new(body.clone())));
                *request.method_mut() = method.clone();
                *request.uri_mut() = uri.clone();
                *request.headers_mut() = headers.clone();
                request.extensions_mut().insert(loopback());
                Box::pin(served(serving, request))
            };
            let number = chance.number(0..network.managers().count());
            let asked = time::timeout(PATIENCE, network.ask(&cable, number, question)).await;
            asked.map_err(|_| Lost::Late)??
        })
    }
}

/// The whole answer, as it leaves a manager.
async fn served(serving: Serving, request: http::Request<Body>) -> Result<http::Response<Body>, Lost> {
    let answered = serving.routes.oneshot(request).await.expect("a service answers");
    let (parts, body) = answered.into_parts();
    let body = body.collect().await.map_err(|_| Lost::Broken)?;
    Ok(http::Response::from_parts(parts, Body::new(body.map_err(|never| match never {}))))
}

/// What the transport would say of a connection from this machine.
fn loopback() -> TcpConnectInfo {
    TcpConnectInfo { local_addr: None, remote_addr: Some(([127, 0, 0, 1], 9).into()) }
}

//! [`Metrics`]: what is measured of a manager, as text for Prometheus; and [`Count`], which measures the calls.
//!
//! A call is counted when its answer begins, by its method and its code; one that the caller gives up is `CANCELLED`. What calls
//! nobody knows are one method, `other`, so that no caller makes the text grow.

mod audits;

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use lepton_proto::code_name;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tonic::{Code, codegen::http};
use tower::{Layer, Service};

use self::audits::Audits;
use crate::{auditor::Audit, authorise::methods};

/// The media type of [`Metrics::text`].
pub const METRICS_MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that is measured of a manager and its store.
pub struct Metrics {
    registry: Registry,
    count: Count,
    audits: Audits,
}

impl Metrics {
    /// Starts to measure; `of_store` enters what is measured of the store.
    pub(crate) fn new(of_store: impl FnOnce(&mut Registry)) -> Self {
        let (mut registry, count) = (Registry::with_prefix("lepton"), Count::default());
        count.register(&mut registry);
        of_store(registry.sub_registry_with_prefix("ledger"));
        let audits = Audits::default();
        audits.register(&mut registry);
        Self { registry, count, audits }
    }

    /// An audit of the whole ledger has come to its end, and took so long.
    pub(crate) fn audited(&self, audit: &Audit, took: Duration) {
        self.audits.measure(audit, took);
    }

    /// What was measured until now, in OpenMetrics' text format.
    pub fn text(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("a string takes whatever is written");
        out
    }

    /// The layer that measures calls.
    pub fn count(&self) -> Count {
        self.count.clone()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The tower layer that measures calls. Clones share what they measure.
#[derive(Clone, Debug)]
pub struct Count {
    answered: Family<Answered, Counter>,
    seconds: Family<Method, Histogram>,
    /// The methods by their paths.
    methods: Arc<HashMap<&'static str, Method>>,
}

/// A method, as labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    service: &'static str,
    method: &'static str,
}

/// A method and how its calls ended, as labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    service: &'static str,
    method: &'static str,
    code: &'static str,
}

/// Whatever no service has.
const OTHER: Method = Method { service: "other", method: "other" };

impl Default for Count {
    /// Has measured nothing yet.
    fn default() -> Self {
        // Half a millisecond to 16 seconds; who waits for ports may wait longer.
        let seconds = || Histogram::new(exponential_buckets(0.0005, 2.0, 16));
        let split = |path: &'static str| {
            let (service, method) = path.trim_start_matches('/').split_once('/')?;
            let service = service.rsplit_once('.').map_or(service, |(_, name)| name);
            Some((path, Method { service, method }))
        };
        Self {
            answered: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            methods: Arc::new(methods().filter_map(split).collect()),
        }
    }
}

impl Count {
    fn register(&self, registry: &mut Registry) {
        registry.register("calls", "Calls that were answered, by their codes", self.answered.clone());
        let help = "How long a call took until its answer began, waiting for ports included";
        registry.register("call_seconds", help, self.seconds.clone());
    }

    fn begun(&self, path: &str) -> Call {
        let method = self.methods.get(path).copied().unwrap_or(OTHER);
        Call { count: self.clone(), method, since: Instant::now(), code: Code::Cancelled }
    }
}

/// A call under way, which counts when it is dropped.
struct Call {
    count: Count,
    method: Method,
    since: Instant,
    code: Code,
}

impl Call {
    fn ends_with(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Method { service, method } = self.method;
        let answered = Answered { service, method, code: code_name(self.code) };
        self.count.answered.get_or_create(&answered).inc();
        self.count.seconds.get_or_create(&self.method).observe(self.since.elapsed().as_secs_f64());
    }
}

/// A service behind [`Count`].
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    count: Count,
}

impl<S> Layer<S> for Count {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, count: self.clone() }
    }
}

impl<S, B, R> Service<http::Request<B>> for Counted<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let mut call = self.count.begun(request.uri().path());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            call.ends_with(answer.as_ref().map_or(Code::Unknown, |answer| code(answer.headers())));
            answer
        })
    }
}

/// How an answer ends that begins with these headers. A refusal comes as headers alone; what goes on after them is no refusal, or
/// a stream, of which only the beginning counts.
fn code(headers: &http::HeaderMap) -> Code {
    headers.get("grpc-status").map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future};

    use super::*;

    /// How a call is counted whose answer this is; or nobody waits for it.
    async fn counted(
        answer: impl Future<Output = http::Response<()>> + Send + Clone + 'static,
        is_waited_for: bool,
    ) -> String {
        let metrics = Metrics::new(|_| {});
        let service = tower::service_fn(move |_: http::Request<()>| {
            let answer = answer.clone();
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let request = http::Request::builder().uri("/lepton.v1.Ports/GetPort").body(()).unwrap();
        let call = metrics.count().layer(service).call(request);
        if is_waited_for {
            call.await.unwrap();
        } else {
            drop(call);
        }
        let text = metrics.text();
        text.lines().find(|line| line.starts_with("lepton_calls_total")).unwrap_or_default().to_owned()
    }

    fn line(code: &str) -> String {
        format!("lepton_calls_total{{service=\"Ports\",method=\"GetPort\",code=\"{code}\"}} 1")
    }

    #[tokio::test]
    async fn a_call_is_counted_by_the_code_that_its_answer_begins_with() {
        for (status, code) in
            [(None, "OK"), (Some("0"), "OK"), (Some("5"), "NOT_FOUND"), (Some("x"), "UNKNOWN")]
        {
            let mut answer = http::Response::new(());
            if let Some(status) = status {
                answer.headers_mut().insert("grpc-status", http::HeaderValue::from_static(status));
            }
            assert_eq!(counted(future::ready(answer), true).await, line(code));
        }
    }

    #[tokio::test]
    async fn a_call_that_its_caller_gives_up_is_counted_as_cancelled() {
        assert_eq!(counted(future::pending(), false).await, line("CANCELLED"));
    }
}

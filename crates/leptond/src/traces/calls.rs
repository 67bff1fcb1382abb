//! [`Calls`]: the layer that makes a span of each call.

use std::task::{Context, Poll};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Either},
};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::{Code, Status, body::Body, codegen::http};
use tower::{Layer, Service};
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The tower layer that makes a span of each call: its method, its caller and how its answer begins. It goes on with the trace that the
/// caller sends along (W3C Trace Context, `traceparent`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls;

/// Most characters of a method that are told; ours have half of that.
const LONGEST_METHOD: usize = 128;

/// A service behind [`Calls`].
#[derive(Clone, Debug)]
pub(crate) struct Traced<S> {
    inner: S,
}

impl<S> Layer<S> for Calls {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced { inner }
    }
}

impl<S, B> Service<http::Request<B>> for Traced<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let span = span_of(&request);
        if span.is_disabled() {
            return Either::Left(self.inner.call(request));
        }
        let answer = span.in_scope(|| self.inner.call(request));
        let noted = span.clone();
        Either::Right(
            answer.inspect(move |answer| note(&noted, answer.as_ref().ok())).instrument(span).boxed(),
        )
    }
}

fn span_of<B>(request: &http::Request<B>) -> Span {
    // Whoever calls a method that there is not chose its name.
    let path: String = request.uri().path().trim_start_matches('/').chars().take(LONGEST_METHOD).collect();
    let (service, method) = path.split_once('/').unwrap_or((&path, ""));
    let span = tracing::info_span!(
        target: "trace",
        "call",
        otel.name = path,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = field::Empty,
        otel.status_code = field::Empty,
        caller = field::Empty,
    );
    if !span.is_disabled() {
        let sent = TraceContextPropagator::new().extract(&Headers(request.headers()));
        // It fails only for a span that has begun.
        let _ = span.set_parent(sent);
    }
    span
}

/// Notes how the answer begins; an error behind its beginning is not seen here.
fn note(span: &Span, answer: Option<&http::Response<Body>>) {
    let code = answer
        .map(|answer| Status::from_header_map(answer.headers()).map_or(Code::Ok, |status| status.code()));
    let code = code.unwrap_or(Code::Unknown);
    span.record("rpc.grpc.status_code", i32::from(code));
    // What a server is to blame for (OpenTelemetry's semantic conventions for gRPC).
    let faults = [
        Code::Unknown,
        Code::DeadlineExceeded,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
    ];
    if faults.contains(&code) {
        span.record("otel.status_code", "ERROR");
    }
}

struct Headers<'h>(&'h http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

//! [`Explained`]: what gRPC itself refuses before a handler sees it, said as every other error is.
//!
//! A body that is too large or no message of its method is refused with a code and a text only. Every error of ours has
//! a `google.rpc.ErrorInfo`; so what has none was refused on the way in, and its code tells why.

use std::task::{Context, Poll};

use futures_util::{TryFutureExt, future::MapOk};
use tonic::{Code, Status, body::Body, codegen::http, server::NamedService};
use tonic_types::StatusExt;
use tower::Service;

use crate::status::status_with;

/// A gRPC service whose every error says its reason, and whose requests have at most so many bytes.
#[derive(Clone, Debug)]
pub struct Explained<S, const LIMIT: usize> {
    inner: S,
}

impl<S, const LIMIT: usize> Explained<S, LIMIT> {
    /// The same service, explained.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S: NamedService, const LIMIT: usize> NamedService for Explained<S, LIMIT> {
    const NAME: &'static str = S::NAME;
}

impl<S, B, const LIMIT: usize> Service<http::Request<B>> for Explained<S, LIMIT>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = MapOk<S::Future, fn(S::Response) -> S::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        self.inner.call(request).map_ok(explained::<LIMIT>)
    }
}

/// The answer, or one that explains itself. A refusal comes as headers alone.
fn explained<const LIMIT: usize>(answer: http::Response<Body>) -> http::Response<Body> {
    match Status::from_header_map(answer.headers()) {
        Some(refused) if refused.code() != Code::Ok && refused.get_details_error_info().is_none() => {
            explain(&refused, LIMIT).into_http()
        }
        Some(_) | None => answer,
    }
}

fn explain(refused: &Status, most: usize) -> Status {
    let code = refused.code();
    // gRPC's own metadata stay: they tell which compression there is.
    let of_grpc = refused.metadata().clone();
    if code == Code::OutOfRange {
        let message = format!("a request of this service has at most {most} bytes; ask for less at once");
        let limit = [("limit", most.to_string())];
        return status_with(Code::ResourceExhausted, "REQUEST_TOO_LARGE", message, limit, of_grpc);
    }
    if code == Code::Unimplemented {
        let message = "this server takes requests as they are; send them without compression";
        return status_with(code, "COMPRESSED_REQUEST", message, [], of_grpc);
    }
    let message = format!("the request is no message of the method that it calls: {}", refused.message());
    status_with(Code::InvalidArgument, "MALFORMED_REQUEST", message, [], of_grpc)
}

//! [`Arrival`]: how long the body of a request may take to arrive.
//!
//! What has come of a message is held until the rest is there. A caller that began requests and did not end them would make the
//! server hold as much as it likes, for as long as it likes.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{self, Instant, Sleep};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Bytes, StdError, http},
};
use tower::{Layer, Service};

use crate::status::status;

/// How long all of a body may take: the largest request takes 17 seconds on a link of 1 Mbit/s.
///
/// The reflection service, whose requests are a stream, is bound by it as well; its clients begin another stream when one has
/// ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tower layer that ends the requests whose bodies do not arrive.
#[derive(Clone, Copy, Debug)]
pub struct Arrival;

/// A service behind [`Arrival`].
#[derive(Clone, Debug)]
pub struct Arriving<S> {
    inner: S,
}

impl<S> Layer<S> for Arrival {
    type Service = Arriving<S>;

    fn layer(&self, inner: S) -> Arriving<S> {
        Arriving { inner }
    }
}

impl<S, B> Service<http::Request<B>> for Arriving<S>
where
    S: Service<http::Request<Body>>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> S::Future {
        self.inner.call(request.map(|body| Body::new(Limited::new(Body::new(body)))))
    }
}

/// A body that fails when it has not arrived in time.
struct Limited {
    body: Body,
    deadline: Instant,
    /// None until there is something to wait for, as there is not for most bodies.
    late: Option<Pin<Box<Sleep>>>,
}

impl Limited {
    fn new(body: Body) -> Self {
        Self { body, deadline: Instant::now() + PATIENCE, late: None }
    }
}

impl HttpBody for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let deadline = self.deadline;
        let late = self.late.get_or_insert_with(|| Box::pin(time::sleep_until(deadline)));
        ready!(late.as_mut().poll(context));
        // It has ended, whatever may still come.
        self.body = Body::empty();
        Poll::Ready(Some(Err(incomplete())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn incomplete() -> Status {
    let secs = PATIENCE.as_secs();
    let message = format!(
        "the request was not there in full within {secs} seconds, and nothing of it was done; send it at once, or less"
    );
    status(Code::DeadlineExceeded, "REQUEST_INCOMPLETE", message, [("limit_secs", secs.to_string())])
}

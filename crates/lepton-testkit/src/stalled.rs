//! [`Stalled`]: the body of a request that never arrives whole.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};

/// A body of which this much comes, and then nothing more, nor its end.
#[derive(Debug)]
pub struct Stalled(Option<&'static str>);

impl Stalled {
    /// The body that stalls behind these bytes.
    pub fn behind(text: &'static str) -> Self {
        Self(Some(text))
    }
}

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |text| Poll::Ready(Some(Ok(Frame::data(text.into())))))
    }
}

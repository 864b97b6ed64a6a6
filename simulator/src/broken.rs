//! A reply that breaks off.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::reply::Reply;

/// A body that ends after a part of what was announced.
pub(crate) struct Broken {
    sent: Option<Bytes>,
    announced: usize,
    flushed: bool,
}

impl Broken {
    pub(crate) fn new(reply: &Reply, percent: u8) -> Self {
        let announced = reply.body.len();
        let sent = reply.body.slice(..announced * usize::from(percent).min(100) / 100);
        Self {
            sent: Some(sent),
            announced,
            flushed: false,
        }
    }

    /// What is sent, once.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        self.sent.take()
    }
}

impl Body for Broken {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(sent) = self.take() {
            return Poll::Ready(Some(Ok(Frame::data(sent))));
        }
        if std::mem::replace(&mut self.flushed, true) {
            return Poll::Ready(None);
        }
        // A pause, in which what was sent goes out before the connection ends.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.announced).unwrap_or(u64::MAX))
    }
}

//! A request's body that comes too slowly ends: who sends a byte now and then would hold a place of
//! `max_in_flight` for as long as it likes.

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Sleep, sleep};

/// The least that is here after each [`WINDOW`] of waiting: some 1 KiB a second, a tenth of what
/// the slowest of mobile networks carries.
const LEAST: usize = 32 * 1024;
const WINDOW: Duration = Duration::from_secs(30);

/// The body did not keep the least pace.
#[derive(Debug, thiserror::Error)]
#[error("the request's body came too slowly")]
struct TooSlow;

/// A body held to the least pace.
pub(crate) struct MinRateBody {
    body: Body,
    /// Runs from the first time that had to be waited.
    window: Option<Pin<Box<Sleep>>>,
    got: usize,
}

impl MinRateBody {
    pub(crate) fn new(body: Body) -> Self {
        Self {
            body,
            window: None,
            got: 0,
        }
    }
}

impl HttpBody for MinRateBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.got += frame.data_ref().map_or(0, Bytes::len);
                if this.got >= LEAST {
                    (this.window, this.got) = (None, 0);
                }
            }
            Poll::Pending => {
                let window = this.window.get_or_insert_with(|| Box::pin(sleep(WINDOW)));
                if window.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Some(Err(axum::Error::new(TooSlow))));
                }
            }
            Poll::Ready(_) => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! How fast media leaves this process: `limits.egress`, in all, to one viewer and of one film. Bodies are passed
//! on in pieces that wait for their turn; nothing of them is in memory meanwhile that was not before.

mod queue;

use std::{
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, HttpBody},
    response::Response,
};
use bytes::Bytes;
use http::Extensions;
use http_body::{Frame, SizeHint};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use virga_core::{Code, Failure, Reloadable, VideoId, counts::EGRESS_WAITS};
use virga_http::viewer::ClientIp;

use queue::Queue;

/// How often changed limits are noticed at the latest.
const LOOK: Duration = Duration::from_secs(1);
/// Bytes that leave in one turn.
const CHUNK: usize = 64 * 1024;
/// Who would wait longer than this for the next bytes is refused.
const LONGEST_WAIT: u64 = 10;
/// And told to come again after so many seconds.
const AGAIN_IN: u64 = 5;

/// Bytes a second; 0: without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EgressLimits {
    /// Of this process.
    pub total: u64,
    /// To one address (an IPv6 host counts as its /64).
    pub per_viewer: u64,
    /// Of one video.
    pub per_film: u64,
}

impl EgressLimits {
    fn is_off(self) -> bool {
        self == Self::default()
    }
}

/// Whose bytes they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    viewer: IpAddr,
    video: VideoId,
    /// Nobody watches them as they come.
    download: bool,
}

impl Lane {
    /// Of a request with these extensions.
    pub(crate) fn of(extensions: &Extensions, video: VideoId, download: bool) -> Self {
        let viewer = extensions.get().copied();
        let viewer = viewer.unwrap_or(ClientIp(Ipv4Addr::UNSPECIFIED.into()));
        Self {
            viewer: viewer.bucket(),
            video,
            download,
        }
    }
}

/// The limiter of one process.
#[derive(Clone, Debug)]
pub(crate) struct Egress(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Reloadable<EgressLimits>,
    queue: Mutex<Queue>,
    pushed: Notify,
    /// Nobody gives turns any more.
    ended: AtomicBool,
}

impl Egress {
    pub(crate) fn new(limits: Reloadable<EgressLimits>) -> Self {
        Self(Arc::new(Inner {
            limits,
            queue: Mutex::new(Queue::new(Instant::now())),
            pushed: Notify::new(),
            ended: AtomicBool::new(false),
        }))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_off(&self) -> bool {
        self.0.limits.get().is_off() || self.0.ended.load(Ordering::SeqCst)
    }

    /// Gives turns until `stop`; then everything goes, so that the process can end.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        let turns = async {
            loop {
                let pushed = self.0.pushed.notified();
                let now = Instant::now();
                let again = self.queue().advance(&self.0.limits.get(), now);
                match again {
                    // The limits may change meanwhile.
                    Some(at) => tokio::select! {
                        () = pushed => {}
                        () = tokio::time::sleep_until(at.min(now + LOOK).into()) => {}
                    },
                    None => pushed.await,
                }
            }
        };
        stop.run_until_cancelled(turns).await;
        self.0.ended.store(true, Ordering::SeqCst);
        self.queue().release();
    }

    /// Refuses who would wait too long: 429 where others do not, 503 where everybody does.
    pub(crate) fn admit(&self, lane: Lane) -> Result<(), Failure> {
        let limits = *self.0.limits.get();
        if limits.is_off() {
            return Ok(());
        }
        let (viewers, own) = {
            let queue = self.queue();
            (queue.viewers() as u64, queue.waiters(lane.viewer) as u64)
        };
        let is_too_long = |chunks: u64, rate: u64| {
            rate > 0 && chunks.saturating_mul(CHUNK as u64) / rate > LONGEST_WAIT
        };
        if is_too_long(viewers, limits.total) {
            let detail = "The site sends as much as it may. Try again in a moment.";
            return Err(Failure::new(Code::Busy, detail).after(AGAIN_IN));
        }
        if is_too_long(own * viewers.max(1), limits.total) || is_too_long(own, limits.per_viewer) {
            let detail = "Too much is on its way to this address. Try again in a moment.";
            return Err(Failure::new(Code::RateMedia, detail).after(AGAIN_IN));
        }
        Ok(())
    }

    /// The answer at the pace that is allowed.
    pub(crate) fn pace(&self, lane: Lane, answer: Response) -> Response {
        if self.is_off() {
            return answer;
        }
        let egress = self.clone();
        answer.map(|body| {
            Body::new(PacedBody {
                body,
                egress,
                lane,
                held: Bytes::new(),
                turn: None,
            })
        })
    }

    /// Told when so many bytes may leave; `None`: now.
    fn ask(&self, lane: Lane, bytes: usize) -> Option<oneshot::Receiver<()>> {
        if self.is_off() {
            return None;
        }
        EGRESS_WAITS.add();
        let told = self.queue().push(lane, bytes as u64);
        self.0.pushed.notify_one();
        if self.0.ended.load(Ordering::SeqCst) {
            self.queue().release();
        }
        Some(told)
    }
}

/// A body that waits for its turn with each piece.
struct PacedBody {
    body: Body,
    egress: Egress,
    lane: Lane,
    held: Bytes,
    turn: Option<oneshot::Receiver<()>>,
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        while this.held.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)).map(|it| it.map(Frame::into_data))
            {
                Some(Ok(Ok(bytes))) => this.held = bytes,
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = this.held.len().min(CHUNK);
        if this.turn.is_none() {
            this.turn = this.egress.ask(this.lane, length);
        }
        if let Some(turn) = &mut this.turn {
            // Where nobody gives turns any more, everything goes.
            let _ = ready!(Pin::new(turn).poll(cx));
            this.turn = None;
        }
        Poll::Ready(Some(Ok(Frame::data(this.held.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (left, held) = (self.body.size_hint(), self.held.len() as u64);
        let mut all = SizeHint::new();
        if let Some(upper) = left.upper() {
            all.set_upper(upper + held);
        }
        all.set_lower(left.lower() + held);
        all
    }
}

//! Places of requests: bodies on their way, requests in flight, and liveness and readiness. Each is
//! shared fairly among viewers' addresses (`fair`).

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{Method, header};
use std::net::IpAddr;
use std::sync::Arc;
use virga_core::{
    Clock, Code, Failure,
    keys::{KeyRing, VOUCHER_HEADER, Voucher},
    paths::UP,
};

use crate::{
    Error,
    extract::in_time,
    fair::{FairPool, Permit},
    viewer::ClientIp,
};

/// A body of at most this many bytes is read before the request takes a place in flight. No page and
/// no operation of the API takes a larger one; files under `/up/` are read by their handler.
const BUFFERED: u64 = 256 * 1024;
/// Liveness and readiness checks at once.
const PROBES: usize = 64;

/// Whether the path is one of the health checks, which have places of their own.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz")
}

/// The refusal where no place is free.
pub(crate) fn busy() -> Response {
    let detail = "The site is busy. Try again in a moment.";
    Error(Failure::new(Code::Busy, detail).after(1)).into_response()
}

/// By what another role's voucher is checked.
#[derive(Clone, Debug)]
pub struct Vouching {
    /// The site's keys.
    pub keys: KeyRing,
    /// A voucher ends.
    pub clock: Arc<dyn Clock>,
}

impl Vouching {
    /// What another role says of a request's viewer.
    pub(crate) fn open(&self, request: &Request) -> Option<Voucher> {
        let text = request.headers().get(VOUCHER_HEADER)?.to_str().ok()?;
        Voucher::open(&self.keys, text, self.clock.now()).ok()
    }
}

/// The places of one listener.
#[derive(Debug)]
pub(crate) struct Places {
    in_flight: FairPool,
    bodies: FairPool,
    probes: FairPool,
    vouching: Option<Vouching>,
}

impl Places {
    /// `most` requests in flight, and a quarter of that many bodies on their way.
    pub(crate) fn new(most: usize, vouching: Option<Vouching>) -> Self {
        Self {
            in_flight: FairPool::new(most),
            bodies: FairPool::new(most / 4),
            probes: FairPool::new(PROBES),
            vouching,
        }
    }

    /// Whose place it is: the viewer's, whom another role may name.
    fn holder(&self, request: &Request) -> IpAddr {
        let named = self.vouching.as_ref().and_then(|by| by.open(request));
        named
            .map_or_else(|| ClientIp::of(request), |it| ClientIp(it.address))
            .bucket()
    }
}

/// Answers a request when it has its place, and 503 when there is none or it was given up.
pub(crate) async fn limit<F>(
    places: &Places,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let holder = places.holder(&request);
    if is_probe(request.uri().path()) {
        let answer = run(places.probes.take(holder), answer(request)).await;
        return answer.unwrap_or_else(busy);
    }
    let request = if is_buffered(&request) {
        match run(places.bodies.take(holder), read(request)).await {
            Some(Ok(request)) => request,
            Some(Err(refused)) => return refused.into_response(),
            None => return busy(),
        }
    } else {
        request
    };
    let answer = run(places.in_flight.take(holder), answer(request)).await;
    answer.unwrap_or_else(busy)
}

/// Does the work as long as it holds the place; `None`: it was refused or given up.
async fn run<T>(permit: Option<Permit>, work: impl Future<Output = T>) -> Option<T> {
    let permit = permit?;
    tokio::select! {
        done = work => Some(done),
        () = permit.revoked() => None,
    }
}

fn is_buffered(request: &Request) -> bool {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    (1..=BUFFERED).contains(&length.unwrap_or(0)) && (safe || !request.uri().path().starts_with(UP))
}

async fn read(request: Request) -> Result<Request, Error> {
    let (parts, body) = request.into_parts();
    let reading = async {
        let limit = usize::try_from(BUFFERED).unwrap_or(usize::MAX);
        axum::body::to_bytes(body, limit).await.map_err(|_| {
            let detail = "The request's body ended before its announced length.";
            Error(Failure::new(Code::BodyMalformed, detail))
        })
    };
    let bytes = in_time(reading).await?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

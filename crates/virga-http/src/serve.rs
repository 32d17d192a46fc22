//! A listener: HTTP/1.1 (a balancer in front speaks the rest) with limits on connections, on slow
//! or large heads, idle connections and readers that stall, and a graceful stop.

use axum::Router;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use std::{io, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use crate::{strict::Strict, viewer::Peer};

/// How long running requests may go on after the stop was asked for.
pub const DRAIN: Duration = Duration::from_secs(30);

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 10_000;
/// A request's head is here within this, a connection's first byte too.
const HEAD: Duration = Duration::from_secs(10);
/// A connection waits this long for its next request: longer than a balancer in front does, so that
/// a request never meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(75);
/// A peer that takes none of what was sent for this long is gone.
const STALLED: Duration = Duration::from_secs(60);

/// Serves until `stop`, then lets running requests end within [`DRAIN`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut closing = pin!(stop.cancelled());
    loop {
        let place = tokio::select! {
            () = &mut closing => break,
            place = Arc::clone(&places).acquire_owned() => place.map_err(io::Error::other)?,
        };
        let (socket, peer) = tokio::select! {
            () = &mut closing => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        tasks.spawn(connection(
            socket,
            Peer(peer),
            router.clone(),
            graceful.watcher(),
            place,
        ));
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "requests still running after {} s were cut",
            DRAIN.as_secs()
        );
    }
    Ok(())
}

async fn connection(
    socket: TcpStream,
    peer: Peer,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
    _place: OwnedSemaphorePermit,
) {
    let _ = socket.set_nodelay(true);
    let stalled = u32::try_from(STALLED.as_millis()).unwrap_or(u32::MAX);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&socket, stalled);
    let service = router.map_request(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.map(axum::body::Body::new)
    });
    let io = TokioIo::new(Strict::new(socket, HEAD));
    // Not the builder that detects the version: a preface of HTTP/2 must never be understood here.
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(64 * 1024)
        .serve_connection(io, TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(serving).await {
        tracing::debug!(%error, peer = %peer.0, "connection ended");
    }
}

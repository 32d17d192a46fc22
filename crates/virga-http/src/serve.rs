//! A listener: HTTP/1.1 (a balancer in front speaks the rest), plain or in TLS, with limits on connections,
//! on slow or large heads, idle connections and readers that stall, and a graceful stop.

use axum::Router;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use ipnet::IpNet;
use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{ServiceExt, service_fn};

use crate::{
    fair::{FairPool, Permit},
    flight::{busy, is_probe},
    head_guard::GuardedIo,
    layers::ListenerConfig,
    sendfile::{FileQueue, FileSocket},
    viewer::{ClientIp, PeerAddress},
};

/// How long running requests may go on after the stop was asked for.
pub const DRAIN: Duration = Duration::from_secs(30);

/// Connections beyond the limit that may only ask for liveness and readiness.
const PROBES: usize = 64;
/// A request's head is here within this, a connection's first byte and its TLS handshake too.
const HEAD: Duration = Duration::from_secs(10);
/// A connection waits this long for its next request: longer than a balancer in front does, so that
/// a request never meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(75);
/// A peer that takes none of what was sent for this long is gone.
const STALLED: Duration = Duration::from_secs(60);

/// The places of connections.
#[derive(Debug)]
struct Places {
    connections: FairPool,
    probes: FairPool,
    trusted: Vec<IpNet>,
}

/// What a connection may do.
#[derive(Debug)]
enum Place {
    /// A trusted proxy's: its viewers' requests are counted one by one.
    Exempt,
    /// Anything.
    Open(Arc<Permit>),
    /// Ask once whether the process is alive or ready.
    Probe(Arc<Permit>),
}

impl Places {
    fn take(&self, peer: SocketAddr) -> Option<Place> {
        let address = peer.ip().to_canonical();
        if self.trusted.iter().any(|net| net.contains(&address)) {
            return Some(Place::Exempt);
        }
        let holder = ClientIp(address).bucket();
        let open = || Some(Place::Open(Arc::new(self.connections.take(holder)?)));
        let probe = || Some(Place::Probe(Arc::new(self.probes.take(holder)?)));
        open().or_else(probe)
    }
}

impl Place {
    fn permit(&self) -> Option<&Arc<Permit>> {
        match self {
            Self::Exempt => None,
            Self::Open(permit) | Self::Probe(permit) => Some(permit),
        }
    }
}

/// What all connections of a listener share.
struct Server {
    router: Router,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
}

/// Serves until `stop`, then lets running requests end within [`DRAIN`]. With TLS settings, connections speak
/// nothing else.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    config: &ListenerConfig,
    stop: CancellationToken,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let tasks = TaskTracker::new();
    let places = Places {
        connections: FairPool::new(config.max_connections),
        probes: FairPool::new(PROBES),
        trusted: config.trusted_proxies.clone(),
    };
    let server = Arc::new(Server {
        router,
        tls: tls.map(TlsAcceptor::from),
        stop: stop.clone(),
    });
    let mut closing = pin!(stop.cancelled());
    loop {
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
        // Without a place the socket is closed at once.
        if let Some(place) = places.take(peer) {
            let connection = Connection {
                server: Arc::clone(&server),
                peer: PeerAddress(peer),
                watcher: graceful.watcher(),
                place,
            };
            tasks.spawn(connection.run(socket));
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "requests still running after {} s were aborted",
            DRAIN.as_secs()
        );
    }
    Ok(())
}

/// The first byte of a TLS connection: a record of the handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;
/// What someone reads who comes by plain HTTP.
const HTTPS_ONLY: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\
    Content-Length: 59\r\n\r\nThis port speaks https. Write https:// before the address.\n";

async fn shake_hands(
    mut socket: TcpStream,
    tls: &TlsAcceptor,
) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    let mut first = [HANDSHAKE];
    socket.peek(&mut first).await?;
    if first != [HANDSHAKE] {
        socket.write_all(HTTPS_ONLY).await?;
        // What it sent has to be read, or the answer is lost with the reset.
        let _ = socket.shutdown().await;
        let _ = socket.read(&mut [0; 4096]).await;
        return Err(io::Error::other("it speaks no TLS"));
    }
    tls.accept(socket).await
}

/// One connection, from its first byte.
struct Connection {
    server: Arc<Server>,
    peer: PeerAddress,
    watcher: Watcher,
    place: Place,
}

impl Connection {
    async fn run(self, socket: TcpStream) {
        let _ = socket.set_nodelay(true);
        let stalled = u32::try_from(STALLED.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(&socket, stalled);
        let (peer, permit) = (self.peer.0, self.place.permit().cloned());
        let given_up = async {
            match permit {
                Some(permit) => permit.revoked().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.begin(socket) => {}
            () = given_up => tracing::debug!(%peer, "connection gave its place to another"),
        }
    }

    /// Over TLS nothing is sent by the kernel: bytes are encrypted on the way.
    async fn begin(self, socket: TcpStream) {
        let Some(tls) = self.server.tls.clone() else {
            let (socket, files) = FileSocket::new(socket);
            return self.speak(socket, Some(files)).await;
        };
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(HEAD, shake_hands(socket, &tls)) => shaken,
            () = self.server.stop.cancelled() => return,
        };
        match shaken.map_err(io::Error::from).flatten() {
            Ok(stream) => self.speak(stream, None).await,
            Err(error) => tracing::debug!(%error, peer = %self.peer.0, "no TLS"),
        }
    }

    async fn speak<S>(self, socket: S, files: Option<FileQueue>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self {
            server,
            peer,
            watcher,
            place,
        } = self;
        let probes_only = matches!(place, Place::Probe(_));
        let service = service_fn(move |mut request: http::Request<Incoming>| {
            let (router, files) = (server.router.clone(), files.clone());
            async move {
                if probes_only && !is_probe(request.uri().path()) {
                    return Ok(busy());
                }
                request.extensions_mut().insert(peer);
                if let Some(files) = files {
                    request.extensions_mut().insert(files);
                }
                router.oneshot(request.map(axum::body::Body::new)).await
            }
        });
        let io = TokioIo::new(GuardedIo::new(socket, HEAD, place.permit().cloned()));
        // Not the builder that detects the version: a preface of HTTP/2 must never be understood here.
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .keep_alive(!probes_only)
            .max_buf_size(64 * 1024)
            .serve_connection(io, TowerToHyperService::new(service));
        if let Err(error) = watcher.watch(serving).await {
            tracing::debug!(%error, peer = %peer.0, "connection ended");
        }
    }
}

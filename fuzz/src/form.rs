//! A file that comes by a form, through the data plane as a browser sends it.

use std::{convert::Infallible, sync::Arc, sync::OnceLock, time::Duration};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use virga_client::ApiClient;
use virga_core::{
    FakeClock, OsEntropy, Reloadable, SharedClock, UserId, VideoId,
    keys::KeyRing,
    paths::{FormTicket, Ticket},
};
use virga_delivery::Delivery;
use virga_objects::{DiskOptions, DiskStore};
use virga_stream::{MediaCors, MediaOrigins, StreamConfig, StreamParts, StreamState, router};

/// A data plane whose API is away: no file ever gets its name.
struct Plane {
    runtime: Runtime,
    router: Router,
    address: String,
    _folder: TempDir,
}

fn plane() -> &'static Plane {
    static PLANE: OnceLock<Plane> = OnceLock::new();
    PLANE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let store = DiskStore::open(folder.path(), DiskOptions::default());
        let store = Arc::new(runtime.block_on(store).expect("a store"));
        let keys = Arc::new(KeyRing::generate(&OsEntropy));
        let clock: SharedClock = Arc::new(FakeClock::new());
        let ticket = FormTicket {
            video: VideoId::random(&OsEntropy),
            user: UserId::random(&OsEntropy),
            max: 1000,
            expires: clock.now().plus(Duration::from_secs(3600)),
        };
        let address = ticket.to_path(&keys);
        let away = service_fn(|_| async {
            let empty = Empty::new().map_err(|never| match never {});
            let mut answer = Response::new(empty.boxed_unsync());
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            Ok::<_, Infallible>(answer)
        });
        let parts = StreamParts {
            egress: Reloadable::default(),
            keep_free: Reloadable::new(0),
            store: Arc::clone(&store) as _,
            sessions: store,
            keys,
            delivery: Delivery::proxied(Arc::clone(&clock)),
            clock,
            origins: MediaOrigins::new(MediaCors::Any, "*"),
            api: ApiClient::in_process(BoxCloneSyncService::new(away)),
        };
        Plane {
            runtime,
            router: router(StreamState::new(&StreamConfig::default(), parts)),
            address,
            _folder: folder,
        }
    })
}

/// How many bytes come at once, the content type in a line of its own, and the body.
pub(crate) fn form(input: &[u8]) {
    let Some((at_once, rest)) = input.split_first() else {
        return;
    };
    let end = rest.iter().position(|byte| *byte == b'\n');
    let Some((kind, body)) = end.and_then(|end| rest.split_at_checked(end)) else {
        return;
    };
    let body = body.get(1..).unwrap_or_default();
    let whole = answer(kind, body, body.len().max(1));
    let pieces = answer(kind, body, usize::from(*at_once).max(1));
    assert_eq!(whole, pieces, "it matters how the body is cut into pieces");
}

/// The status and the problem's code.
fn answer(kind: &[u8], body: &[u8], at_once: usize) -> Option<(StatusCode, String)> {
    let plane = plane();
    let pieces: Vec<_> = body
        .chunks(at_once)
        .map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
        .collect();
    let request = Request::post(&plane.address)
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from_stream(stream::iter(pieces)))
        .ok()?;
    plane.runtime.block_on(async {
        let answer = plane.router.clone().oneshot(request).await;
        let (head, body) = answer.expect("it answers").into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("a problem");
        let code = problem["code"].as_str().expect("a code").to_owned();
        let refused = head.status.is_client_error();
        // The API is away: so ends what was right.
        assert!(
            refused || code == "upload.api-away",
            "{} {code}",
            head.status
        );
        Some((head.status, code))
    })
}

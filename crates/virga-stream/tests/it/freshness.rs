//! How soon a change is seen, with the feed and without.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::State, routing::get};
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{ServiceExt, util::BoxCloneSyncService};
use virga_client::{ApiClient, TransportError};
use virga_core::{
    MediaKey,
    video::Visibility::{Private, Public},
    wire::{Changes, Effect, VideoChange},
};
use virga_objects::MediaStore;

use crate::site::Site;

async fn shown(site: &Site) -> (StatusCode, String) {
    let answer = site.get(&site.path("poster.jpg")).await;
    (answer.status, answer.text().to_owned())
}

async fn shows(site: &Site, version: i64) -> bool {
    shown(site).await == (StatusCode::OK, format!("version {version}"))
}

#[tokio::test]
async fn a_restriction_holds_before_the_object_is_written() {
    let site = Site::new().await;
    site.publish_poster(1, Public).await;
    assert!(shows(&site, 1).await);
    site.hear(Effect::Restrict, 2);
    assert_eq!(shown(&site).await.0, StatusCode::NOT_FOUND);
    site.publish_poster(2, Private).await;
    assert_eq!(shown(&site).await.0, StatusCode::NOT_FOUND);
    // A publisher that lost its lease writes late.
    site.publish_poster(1, Public).await;
    assert_eq!(shown(&site).await.0, StatusCode::NOT_FOUND);
    site.hear(Effect::Restrict, 3);
    assert_eq!(shown(&site).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_addition_is_awaited_with_what_is_held() {
    let site = Site::new().await;
    site.publish_poster(1, Public).await;
    assert!(shows(&site, 1).await);
    site.hear(Effect::Add, 2);
    assert!(shows(&site, 1).await);
    site.publish_poster(2, Public).await;
    assert!(shows(&site, 2).await);
}

#[tokio::test]
async fn without_the_feed_thirty_seconds_pass_at_most() {
    let site = Site::new().await;
    site.publish_poster(1, Public).await;
    assert!(shows(&site, 1).await);
    site.publish_poster(2, Public).await;
    site.clock.advance(Duration::from_secs(29));
    assert!(shows(&site, 1).await, "held");
    site.clock.advance(Duration::from_secs(1));
    assert!(shows(&site, 2).await);
}

#[tokio::test]
async fn after_a_resync_each_is_read_anew_and_the_purged_are_gone() {
    let site = Site::new().await;
    site.publish_poster(1, Public).await;
    assert!(shows(&site, 1).await);
    site.publish_poster(2, Public).await;
    site.resync();
    assert!(shows(&site, 2).await);
    std::fs::remove_dir_all(site.folder.path().join("v")).unwrap();
    site.resync();
    assert_eq!(shown(&site).await.0, StatusCode::NOT_FOUND, "purged");
}

#[tokio::test]
async fn what_a_resync_tells_again_is_known_at_once() {
    let site = Site::new().await;
    site.publish_poster(1, Public).await;
    site.hear(Effect::Restrict, 2);
    // The line was told, the document is not written yet.
    let line = VideoChange {
        video: site.video,
        version: 2,
        effect: Effect::Restrict,
    };
    site.presentations.apply(&Changes {
        cursor: "2".to_owned(),
        resync: true,
        changes: vec![line],
        uploads: Vec::new(),
    });
    assert_eq!(shown(&site).await.0, StatusCode::NOT_FOUND);
    site.publish_poster(2, Public).await;
    assert!(shows(&site, 2).await);
}

#[tokio::test]
async fn an_unreadable_object_does_not_stop_what_plays_but_a_restriction_does() {
    let site = Site::new().await;
    site.publish_poster(1, Public).await;
    assert!(shows(&site, 1).await);
    let key = MediaKey::presentation(site.video);
    for text in [b"{".to_vec(), vec![b' '; 2 << 20]] {
        site.store.put(&key, text.into()).await.unwrap();
        site.resync();
        assert!(shows(&site, 1).await);
    }
    site.hear(Effect::Restrict, 2);
    assert_eq!(shown(&site).await.0, StatusCode::NOT_FOUND);
}

type Feed = Arc<AsyncMutex<mpsc::Receiver<Option<Changes>>>>;

#[derive(Clone)]
struct Api {
    feed: Feed,
    asked: Arc<Mutex<Vec<String>>>,
}

/// An API that answers what the test sends; `None` is a fault.
async fn changes(State(api): State<Api>, uri: http::Uri) -> Result<Json<Changes>, StatusCode> {
    api.asked
        .lock()
        .unwrap()
        .push(uri.query().unwrap_or_default().to_owned());
    let next = api.feed.lock().await.recv().await;
    next.flatten()
        .map(Json)
        .ok_or(StatusCode::SERVICE_UNAVAILABLE)
}

#[tokio::test]
async fn following_the_feed_applies_what_it_brings_and_survives_its_faults() {
    let site = Site::new().await;
    site.publish_poster(1, Public).await;
    assert!(shows(&site, 1).await);
    let (sender, receiver) = mpsc::channel(1);
    let api = Api {
        feed: Arc::new(AsyncMutex::new(receiver)),
        asked: Arc::default(),
    };
    let router = Router::new()
        .route("/internal/v1/changes", get(changes))
        .with_state(api.clone())
        .map_request(|request: http::Request<virga_client::Body>| {
            request.map(axum::body::Body::new)
        })
        .map_response(|response: axum::response::Response| {
            response.map(|body| body.map_err(TransportError::new).boxed_unsync())
        })
        .map_err(|never: Infallible| never);
    let client = ApiClient::in_process(BoxCloneSyncService::new(router));
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    tracker.spawn(site.presentations.clone().follow(client, stop.clone()));

    let next = |cursor: &str, effect, version| {
        Some(Changes {
            cursor: cursor.to_owned(),
            resync: false,
            changes: vec![VideoChange {
                video: site.video,
                version,
                effect,
            }],
            uploads: Vec::new(),
        })
    };
    let nothing = |cursor: &str| {
        Some(Changes {
            cursor: cursor.to_owned(),
            resync: false,
            changes: Vec::new(),
            uploads: Vec::new(),
        })
    };
    sender.send(None).await.unwrap();
    sender.send(next("a.1", Effect::Add, 2)).await.unwrap();
    sender.send(nothing("a.2")).await.unwrap();
    // The channel holds one: the third was taken up only after the second was applied.
    sender.send(nothing("a.3")).await.unwrap();
    assert!(site.presentations.is_fed());
    site.publish_poster(2, Public).await;
    assert!(shows(&site, 2).await);
    // With the feed nothing is read again by age.
    site.publish_poster(3, Public).await;
    site.clock.advance(Duration::from_secs(3600));
    assert!(shows(&site, 2).await);
    sender.send(next("a.4", Effect::Restrict, 9)).await.unwrap();
    sender.send(nothing("a.5")).await.unwrap();
    sender.send(nothing("a.6")).await.unwrap();
    assert_eq!(shown(&site).await.0, StatusCode::NOT_FOUND);
    stop.cancel();
    tracker.close();
    tracker.wait().await;
    let asked = api.asked.lock().unwrap().clone();
    assert_eq!(asked[..4], ["after=", "after=", "after=a.1", "after=a.2"]);
}

//! A data plane over a folder of its own, and how to ask it.

use std::{convert::Infallible, sync::Arc};

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use tempfile::TempDir;
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use virga_client::ApiClient;
use virga_core::{
    Clock, FakeClock, MediaKey, OsEntropy, Reloadable, SharedClock, UploadId, VideoId,
    keys::{self, KeyRing},
    presentation::Presentation,
    video::Visibility,
    wire::{Changes, Effect, VideoChange},
};
use virga_delivery::Delivery;
use virga_objects::{DiskOptions, DiskStore, MediaStore, SharedStore};
use virga_stream::{
    MediaCors, MediaOrigins, Presentations, StreamConfig, StreamParts, StreamState, router,
};

/// An API that is not there: only forms ask it, and they are tested on the whole site.
fn nobody() -> ApiClient {
    ApiClient::in_process(BoxCloneSyncService::new(service_fn(|_| async {
        Ok::<_, Infallible>(Response::new(
            Empty::new().map_err(|never| match never {}).boxed_unsync(),
        ))
    })))
}

pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) store: Arc<DiskStore>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) video: VideoId,
    pub(crate) upload: UploadId,
    pub(crate) presentations: Presentations,
    router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(StreamConfig::default(), 0).await
    }

    pub(crate) async fn with(config: StreamConfig, keep_free: u64) -> Self {
        Self::over(config, keep_free, |disk| disk).await
    }

    /// Over a store that reads what is put into `store`.
    pub(crate) async fn over(
        config: StreamConfig,
        keep_free: u64,
        read_by: impl FnOnce(Arc<DiskStore>) -> SharedStore,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = DiskStore::open(folder.path(), DiskOptions::default()).await;
        let store = Arc::new(store.unwrap());
        let keys = Arc::new(KeyRing::generate(&OsEntropy));
        let clock = Arc::new(FakeClock::new());
        let parts = StreamParts {
            egress: Reloadable::default(),
            keep_free: Reloadable::new(keep_free),
            store: read_by(Arc::clone(&store)),
            sessions: Arc::clone(&store) as _,
            keys: Arc::clone(&keys),
            clock: Arc::clone(&clock) as SharedClock,
            delivery: Delivery::proxied(Arc::clone(&clock) as SharedClock),
            origins: MediaOrigins::new(MediaCors::Any, "*"),
            api: nobody(),
        };
        let state = StreamState::new(&config, parts);
        Self {
            folder,
            store,
            keys,
            clock,
            video: VideoId::random(&OsEntropy),
            upload: UploadId::random(&OsEntropy),
            presentations: state.presentations().clone(),
            router: router(state),
        }
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// An answer whose body is still to be taken.
    pub(crate) async fn answer(&self, path: &str) -> axum::response::Response {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::get(path);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    /// `/media/{video}/` and the rest.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/media/{}/{rest}", self.video)
    }

    /// The same under a grant for this epoch.
    pub(crate) fn granted(&self, epoch: i64, rest: &str) -> String {
        let expires = keys::grant_expiry(self.clock.now(), std::time::Duration::ZERO);
        let grant = keys::grant(&self.keys, self.video, epoch, expires);
        format!("/media/g/{grant}/{}/{rest}", self.video)
    }

    /// The feed tells of this version.
    pub(crate) fn hear(&self, effect: Effect, version: i64) {
        let video = self.video;
        self.take(
            false,
            vec![VideoChange {
                video,
                version,
                effect,
            }],
        );
    }

    /// The feed has lost its place.
    pub(crate) fn resync(&self) {
        self.take(true, Vec::new());
    }

    fn take(&self, resync: bool, changes: Vec<VideoChange>) {
        self.presentations.apply(&Changes {
            cursor: String::new(),
            resync,
            changes,
            uploads: Vec::new(),
        });
    }

    /// A presentation in which only the poster stands, which shows the version.
    pub(crate) async fn publish_poster(&self, version: i64, visibility: Visibility) {
        let poster = MediaKey::poster(self.video, version, 1);
        let picture = format!("version {version}");
        self.put_poster(version, visibility, &poster, picture).await;
    }

    /// The same with this object as the poster.
    pub(crate) async fn put_poster(
        &self,
        version: i64,
        visibility: Visibility,
        poster: &MediaKey,
        picture: String,
    ) {
        self.store.put(poster, picture.into()).await.unwrap();
        self.publish(&Presentation {
            format: virga_core::presentation::FORMAT,
            version,
            video: self.video,
            epoch: 1,
            visibility,
            withdrawn: false,
            videos: Vec::new(),
            audio: None,
            poster: Some(poster.clone()),
            storyboard: None,
            texts: None,
            sounds: None,
            fallback: None,
        })
        .await;
    }

    pub(crate) async fn publish(&self, presentation: &Presentation) {
        let text = serde_json::to_vec(presentation).unwrap();
        let key = MediaKey::presentation(self.video);
        self.store.put(&key, text.into()).await.unwrap();
    }
}

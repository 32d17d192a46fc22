//! A database, a store and dispatchers in a folder that goes with them.

use std::{
    ffi::OsString,
    fmt::Display,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use virga_app::{App, Notifiers, Policy};
use virga_core::{
    Failure, FakeClock, MediaKey, OsEntropy, Reloadable, UploadId, UserId, VideoId,
    job::{Job, JobState},
    presentation::TrackBody,
    video::{VideoState, Visibility},
};
use virga_db::{
    ConnectionTrait, Db, JobRow, TrackRow, TrackRowKind, VideoRow, jobs, tracks,
    videos::{self, NewVideoRow},
};
use virga_dispatcher::{Dispatcher, DispatcherConfig, EncoderMemory, Launcher};
use virga_media::TrackTable;
use virga_objects::{DiskOptions, DiskStore};

/// The longest that a test waits for something to come true.
const PATIENCE: Duration = Duration::from_secs(200);

pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) app: App,
    pub(crate) clock: Arc<FakeClock>,
    /// Bytes a second that dispatchers started from now on check.
    pub(crate) scrub: u64,
    /// What its encoders take together.
    pub(crate) memory: EncoderMemory,
    running: Vec<(CancellationToken, TaskTracker)>,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&folder.path().join("virga.db"))
            .await
            .unwrap();
        db.migrate().await.unwrap();
        let store = DiskStore::open(&folder.path().join("objects"), DiskOptions::default())
            .await
            .unwrap();
        let clock = Arc::new(FakeClock::new());
        let app = App {
            db,
            store: Arc::new(store.clone()),
            sessions: Arc::new(store),
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(OsEntropy),
            policy: Reloadable::new(Policy::default()),
            wake: Arc::new(Notifiers::default()),
            outbox: None,
            tasks: TaskTracker::new(),
        };
        Self {
            folder,
            app,
            clock,
            scrub: 0,
            memory: EncoderMemory::of_machine(),
            running: Vec::new(),
        }
    }

    /// A site at work with the usual configuration.
    pub(crate) async fn at_work() -> Self {
        let mut site = Self::new().await;
        site.start(DispatcherConfig::default());
        site
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// Starts one more dispatcher.
    pub(crate) fn start(&mut self, config: DispatcherConfig) {
        self.start_with(config, Vec::new());
    }

    /// The same with switches of the launcher.
    pub(crate) fn start_with(&mut self, mut config: DispatcherConfig, arguments: Vec<OsString>) {
        // This clock stands still.
        config.head_start_ms = 0;
        let dispatcher = Dispatcher {
            app: self.app.clone(),
            config: Arc::new(config),
            scratch: self.scratch(),
            launcher: Launcher {
                program: launcher(),
                arguments,
            },
            memory: self.memory.clone(),
            scrub: self.scrub,
            worker: format!("test-{}", self.running.len()),
        };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(virga_dispatcher::run(dispatcher, stop.clone()));
        tasks.close();
        self.running.push((stop, tasks));
    }

    /// Stops all dispatchers and waits until they are gone.
    pub(crate) async fn stop(&mut self) {
        for (stop, tasks) in self.running.drain(..) {
            stop.cancel();
            timeout(PATIENCE, tasks.wait()).await.unwrap();
        }
    }

    /// Makes a clip; the last word names it.
    pub(crate) fn clip(&self, words: &str) -> PathBuf {
        let words: Vec<&str> = words.split_whitespace().collect();
        ffmpeg(self.folder.path(), &words);
        self.folder.path().join(words.last().unwrap())
    }

    /// A video whose source is this file, as after a completed upload.
    pub(crate) async fn add(&self, file: &Path) -> VideoId {
        self.add_for(UserId::random(&OsEntropy), file).await
    }

    /// The same for this account.
    pub(crate) async fn add_for(&self, owner: UserId, file: &Path) -> VideoId {
        let id = VideoId::random(&OsEntropy);
        let key = MediaKey::source(id, UploadId::random(&OsEntropy));
        let size = file.metadata().unwrap().len();
        self.app.store.put_file(&key, file).await.unwrap();
        let new = NewVideoRow {
            id,
            owner,
            title: "A clip".to_owned(),
            description: String::new(),
            visibility: Visibility::Public,
            publish_as: None,
        };
        let (new, key) = (&new, &key);
        let added: Result<(), Failure> = self
            .app
            .change(id, |change| async move {
                videos::insert(&change.tx, new, change.now).await?;
                videos::set_source(&change.tx, id, key, size).await?;
                change.enqueue(&Job::Probe, change.now).await?;
                Ok(change.store(()).await?)
            })
            .await;
        added.unwrap();
        id
    }

    /// Waits until `holds`.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, holds: impl Fn() -> F) {
        let wait = async {
            loop {
                let woken = self.app.wake.changes.notified();
                if holds().await {
                    return;
                }
                let _ = timeout(Duration::from_millis(50), woken).await;
            }
        };
        let true_in_time = timeout(PATIENCE, wait).await.is_ok();
        assert!(
            true_in_time,
            "it did not come true; the jobs: {:#?}",
            self.all_jobs().await
        );
    }

    /// Every job as its row says, for the message of a test that waits in vain.
    async fn all_jobs(&self) -> Vec<String> {
        let db = self.app.db.read();
        let rows = db.query_all_raw(sea_orm::Statement::from_string(
            db.get_database_backend(),
            "SELECT kind || ' ' || state || ', ' || attempts || ' tries, due at ' || run_at || ': ' \
             || COALESCE(error, 'no error') AS job FROM jobs ORDER BY id",
        ));
        let rows = rows.await.unwrap();
        let job = |row: &sea_orm::QueryResult| row.try_get("", "job").unwrap();
        rows.iter().map(job).collect()
    }

    pub(crate) async fn row(&self, video: VideoId) -> VideoRow {
        videos::find(self.app.db.read(), video)
            .await
            .unwrap()
            .unwrap()
    }

    /// The row once no work is open.
    pub(crate) async fn settled(&self, video: VideoId) -> VideoRow {
        self.until(async || {
            let state = self.row(video).await.state;
            matches!(state, VideoState::Ready | VideoState::Failed)
        })
        .await;
        let failed: Vec<JobRow> = self.failed(video).await;
        let row = self.row(video).await;
        assert!(
            row.state == VideoState::Failed || failed.is_empty(),
            "{failed:?}"
        );
        row
    }

    /// The row of a video that must come to play.
    pub(crate) async fn ready(&self, video: VideoId) -> VideoRow {
        let row = self.settled(video).await;
        let failed = self.failed(video).await;
        assert_eq!(row.state, VideoState::Ready, "{failed:?}");
        // Its last job has ended, and its worker publishes what came of it just after that.
        self.until(async || {
            let row = self.row(video).await;
            row.published_version == row.presentation_version
        })
        .await;
        self.row(video).await
    }

    pub(crate) async fn jobs(&self, video: VideoId) -> Vec<JobRow> {
        jobs::of_video(self.app.db.read(), video).await.unwrap()
    }

    pub(crate) async fn failed(&self, video: VideoId) -> Vec<JobRow> {
        let mut rows = self.jobs(video).await;
        rows.retain(|job| job.state == JobState::Failed);
        rows
    }

    pub(crate) async fn tracks(&self, video: VideoId) -> Vec<TrackRow> {
        tracks::of_video(self.app.db.read(), video).await.unwrap()
    }

    /// The encoded video tracks, lowest first.
    pub(crate) async fn rungs(&self, video: VideoId) -> Vec<TrackRow> {
        let mut tracks = self.tracks(video).await;
        tracks.retain(|track| track.kind == TrackRowKind::Video && track.rung.is_some());
        tracks
    }

    pub(crate) async fn table(&self, key: &MediaKey) -> TrackTable {
        TrackTable::from_json(&self.object(key).await).unwrap()
    }

    pub(crate) async fn object(&self, key: &MediaKey) -> Bytes {
        self.app.store.read_all(key, 1 << 30).await.unwrap()
    }

    /// Where an object lies on disk.
    pub(crate) fn path(&self, key: impl Display) -> PathBuf {
        let objects = self.folder.path().join("objects");
        objects.join(key.to_string())
    }

    /// The file of a track's object.
    pub(crate) fn track_path(&self, track: &TrackRow) -> PathBuf {
        match &track.body {
            TrackBody::Object { object } => self.path(object),
            _ => panic!("{} is not packaged", track.name),
        }
    }

    /// Names of the attempts' folders of a video, sorted.
    pub(crate) fn attempts(&self, video: VideoId) -> Vec<String> {
        let folder = self.path(format!("v/{video}"));
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with('a') && name.contains('-') && name.len() < 11)
            .collect();
        names.sort();
        names
    }
}

/// The example beside this test.
pub(crate) fn launcher() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    profile.join("examples").join("launcher")
}

#[expect(
    clippy::disallowed_methods,
    reason = "clips are made and looked at here"
)]
pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str]) -> (String, String) {
    let out = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (answer, complaints) = (text(out.stdout), text(out.stderr));
    assert!(
        out.status.success(),
        "{program} {arguments:?}: {complaints}"
    );
    (answer, complaints)
}

/// Runs ffmpeg; answers what it said.
pub(crate) fn ffmpeg(folder: &Path, words: &[&str]) -> String {
    let mut arguments = vec!["-nostdin", "-hide_banner", "-y"];
    arguments.extend(words);
    run(folder, "ffmpeg", &arguments).1
}

/// Decodes a file; an error of the decoder fails the test.
pub(crate) fn decodes(path: &Path) {
    let path = path.to_str().unwrap();
    let mut arguments = vec!["-v", "error", "-i", path, "-fps_mode", "passthrough"];
    arguments.extend(["-enc_time_base", "1:90000", "-f", "null", "-"]);
    let (_, complaints) = run(Path::new("/"), "ffmpeg", &arguments);
    assert_eq!(complaints, "", "{path}");
}

/// What ffprobe says of a file's streams.
pub(crate) fn streams(path: &Path) -> Vec<serde_json::Value> {
    let words = [
        "-v",
        "error",
        "-of",
        "json",
        "-show_streams",
        path.to_str().unwrap(),
    ];
    let (answer, _) = run(Path::new("/"), "ffprobe", &words);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    answer["streams"].as_array().unwrap().clone()
}

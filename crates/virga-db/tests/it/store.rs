//! A database with one account, and short forms of what tests do with it.

use virga_core::{
    Clock, FakeClock, MediaKey, OsEntropy, Timestamp, UploadId, UserId, VideoId,
    job::{Job, JobKind, LEASE},
    permission::Role,
    upload::UploadState,
    video::{VideoState, Visibility},
    wire::Effect,
};
use virga_db::{
    Db, UploadRow,
    accounts::{self, UserRow},
    jobs::{self, Claim, Queue},
    videos::{self, NewVideoRow},
};

pub(crate) struct Store {
    pub(crate) db: Db,
    pub(crate) clock: FakeClock,
    pub(crate) owner: UserId,
}

impl Store {
    /// A store on a database that is migrated.
    pub(crate) async fn on(db: Db) -> Self {
        db.migrate().await.unwrap();
        assert_eq!(db.pending_migrations().await.unwrap(), 0);
        let clock = FakeClock::new();
        let owner = UserId::random(&OsEntropy);
        let user = account(owner, "Ann", clock.now());
        accounts::insert(db.write(), &user).await.unwrap();
        Self { db, clock, owner }
    }

    /// A new version of a video, and a line in the feed.
    pub(crate) async fn bump(&self, video: VideoId) {
        let tx = self.db.begin().await.unwrap();
        let now = self.clock.now();
        videos::raise_version(&tx, video, Effect::Add, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn another_account(&self, name: &str) -> UserId {
        let id = UserId::random(&OsEntropy);
        let user = account(id, name, self.clock.now());
        accounts::insert(self.db.write(), &user).await.unwrap();
        id
    }

    pub(crate) async fn video(&self, title: &str) -> VideoId {
        self.video_of(self.owner, title).await
    }

    pub(crate) async fn video_of(&self, owner: UserId, title: &str) -> VideoId {
        let new = NewVideoRow {
            id: VideoId::random(&OsEntropy),
            owner,
            title: title.to_owned(),
            description: String::new(),
            visibility: Visibility::Public,
            publish_as: None,
        };
        videos::insert(self.db.write(), &new, self.clock.now())
            .await
            .unwrap();
        new.id
    }

    pub(crate) async fn state(&self, id: VideoId) -> VideoState {
        let tx = self.db.begin().await.unwrap();
        videos::recompute_state(&tx, id, self.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        videos::find(self.db.read(), id)
            .await
            .unwrap()
            .unwrap()
            .state
    }

    pub(crate) async fn enqueue(&self, kind: JobKind, video: VideoId) {
        let now = self.clock.now();
        let job = Job::read(kind.as_str(), "{}").unwrap();
        jobs::enqueue(self.db.write(), &job, video, now, now)
            .await
            .unwrap();
    }

    pub(crate) async fn claim(&self) -> Option<virga_db::JobRow> {
        let claim = Claim {
            worker: "w",
            kinds: JobKind::ALL,
            now: self.clock.now(),
        };
        jobs::claim(&self.db, &Queue::default(), claim)
            .await
            .unwrap()
    }

    pub(crate) fn upload(&self, video: VideoId) -> UploadRow {
        UploadRow {
            id: UploadId::random(&OsEntropy),
            video,
            user: self.owner,
            file_name: "a.mp4".to_owned(),
            size: 10,
            fingerprint: "a".to_owned(),
            state: UploadState::Created,
            part_size: 10,
            object_key: key(video),
            expires_at: self.clock.now().plus(LEASE),
            lease_until: Timestamp(0),
        }
    }
}

/// A key of an object that need not exist.
pub(crate) fn key(video: VideoId) -> MediaKey {
    MediaKey::fallback(video, 1, 1)
}

pub(crate) fn account(id: UserId, name: &str, now: Timestamp) -> UserRow {
    UserRow {
        id,
        name: name.to_owned(),
        password_hash: "x".to_owned(),
        role: Role::User,
        created_at: now,
        blocked_at: None,
    }
}

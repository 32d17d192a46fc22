//! The upload ledger: `created → uploading → completing → stored | failed | expired`. Rows say who
//! may; the store's own session says what is there.

use std::time::Duration;
use virga_core::{
    Code, Failure, MediaKey, Result, UploadId, UserId, VideoId,
    digest::Digest,
    job::Job,
    permission::{Action, Viewer, sign_in},
    text,
    upload::{UploadState, part_size_near},
    wire::Effect,
};
use virga_db::{
    DbError, Tx, UploadRow, VideoRow, accounts,
    digests::{self, DigestRow},
    tracks, uploads, usage, videos,
};
use virga_objects::{ObjectError, UploadPlan};

use crate::{App, Change, UPLOAD_LIFE, access, fail, found};

const COMPLETION_LEASE: Duration = fail::patience(20);
const COMPLETION_HEARTBEAT: Duration = Duration::from_secs(5);
/// Uploads of one account that are open at once.
const MOST_OPEN: u64 = 100;
const FINGERPRINT_MAX: usize = 128;
/// The largest part that S3 takes: nobody can wish for a larger one.
const PART_MAX: u64 = 5 << 30;

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct NewUploadRequest {
    /// The draft to fill.
    pub video: VideoId,
    /// As the client calls it.
    pub file_name: String,
    /// Bytes.
    pub size: u64,
    /// As the client says.
    pub content_type: String,
    /// How the client knows the file again.
    pub fingerprint: String,
    /// The part size that it would like.
    pub part_size: Option<u64>,
}

/// Whether an upload was there already.
#[derive(Clone, Debug)]
pub enum Opened {
    /// The same file, still open.
    Existing(UploadRow),
    /// A new one.
    New(UploadRow),
}

impl App {
    /// Reserves room and opens an upload, or finds the open one of the same file.
    pub async fn open_upload(&self, viewer: &Viewer, ask: NewUploadRequest) -> Result<Opened> {
        let user = viewer.user_id().ok_or_else(sign_in)?;
        let video = access::require(self, viewer, ask.video, Action::Edit).await?;
        validate(&ask, self.policy.get().upload_max)?;
        if let Some(open) = uploads::open_of_video(self.db.read(), video.id).await? {
            return same_file(open, &ask);
        }
        check_empty(&video)?;
        self.check_room(ask.size).await?;
        let now = self.clock.now();
        let id = UploadId::random(&*self.entropy);
        let key = MediaKey::source(video.id, id);
        let row = UploadRow {
            id,
            video: video.id,
            user,
            file_name: text::file_name(&ask.file_name),
            size: ask.size,
            fingerprint: ask.fingerprint.clone(),
            state: UploadState::Created,
            part_size: part_size_near(ask.size, ask.part_size, self.sessions.least_part()),
            object_key: key,
            expires_at: now.plus(UPLOAD_LIFE),
            lease_until: virga_core::Timestamp(0),
        };
        let content_type: String = ask.content_type.chars().take(200).collect();
        if !self.reserve(&row, &content_type).await? {
            let open = uploads::open_of_video(self.db.read(), video.id).await?;
            return same_file(open.ok_or_else(|| Failure::not_found("upload"))?, &ask);
        }
        self.sessions.create(id, &plan(&row)).await?;
        Ok(Opened::New(row))
    }

    /// Writes a new upload's row, within its owner's quota. `false`: the video has one open.
    pub(crate) async fn reserve(&self, row: &UploadRow, content_type: &str) -> Result<bool> {
        self.change(row.video, |change| async move {
            let tx = &change.tx;
            // Of two files for one video, the second sees that the first is there.
            check_empty(change.row()?)?;
            if uploads::open_of_video(tx, row.video).await?.is_some() {
                return Ok(change.leave(false));
            }
            // And of two uploads of one account at once, the second's quota counts the first.
            accounts::lock(tx, &[row.user]).await?;
            self.check_quota(tx, row.user, row.size).await?;
            uploads::insert(tx, row, content_type, change.now).await?;
            Ok(change.store(true).await?)
        })
        .await
    }

    /// Refuses what would not leave free the room that is kept free.
    async fn check_room(&self, size: u64) -> Result<()> {
        let Some(room) = self.store.free_space().await? else {
            return Ok(());
        };
        if room.available.saturating_sub(self.policy.get().keep_free) < size {
            return Err(Failure::from(ObjectError::NoRoom));
        }
        Ok(())
    }

    async fn check_quota(&self, tx: &Tx, user: UserId, size: u64) -> Result<()> {
        let (reserved, open) = uploads::reserved(tx, user).await?;
        if open >= MOST_OPEN {
            let detail = format!("{open} uploads are open already. Finish or cancel one first.");
            return Err(Failure::new(Code::UploadTooMany, detail));
        }
        let used = usage::stored_bytes(tx, user).await? + reserved;
        if used.saturating_add(size) > self.policy.get().quota_per_user {
            let left = self.policy.get().quota_per_user.saturating_sub(used);
            let detail = format!("This file has {size} bytes and you have {left} left.");
            return Err(Failure::new(Code::UploadQuota, detail));
        }
        Ok(())
    }

    /// Bytes that an account's videos and open uploads take.
    pub async fn used_bytes(&self, user: UserId) -> Result<u64> {
        let db = self.db.read();
        Ok(usage::stored_bytes(db, user).await? + uploads::reserved(db, user).await?.0)
    }

    /// The viewer's own upload.
    pub async fn find_upload(&self, viewer: &Viewer, id: UploadId) -> Result<UploadRow> {
        let user = viewer.user_id().ok_or_else(sign_in)?;
        let row = uploads::find(self.db.read(), id).await?;
        row.filter(|row| row.user == user || viewer.is_admin())
            .ok_or_else(|| Failure::not_found("upload"))
    }

    /// The beginning and the end of an upload are here: looks whether it can be watched while the rest comes.
    /// Idempotent.
    pub async fn look_early(&self, id: UploadId) -> Result<()> {
        let row = self.upload_row(id).await?;
        self.change(row.video, |change| async move {
            let open = uploads::open_of_video(&change.tx, row.video).await?;
            let comes = open.is_some_and(|it| it.id == id && it.state == UploadState::Uploading);
            let deleted = change.row()?.deleted_at.is_some();
            if !comes || deleted || tracks::any(&change.tx, row.video).await? {
                return Ok(change.leave(()));
            }
            change.enqueue(&Job::Arriving, change.now).await?;
            Ok(change.store(()).await?)
        })
        .await
    }

    /// Parts were asked for: moves it to `uploading` and its end away.
    pub async fn touch_upload(&self, row: &UploadRow) -> Result<()> {
        if row.state == UploadState::Created {
            // The process that opened it may have died between the row and the session.
            self.sessions.create(row.id, &plan(row)).await?;
        }
        let expires = self.clock.now().plus(UPLOAD_LIFE);
        if uploads::extend_expiry(self.db.write(), row.id, expires).await? {
            Ok(())
        } else {
            Err(closed())
        }
    }

    /// Makes the parts the video's source and enqueues the probe. Idempotent: client, and sweeper
    /// after a crash, call the same.
    pub async fn complete_upload(&self, id: UploadId) -> Result<UploadRow> {
        let row = self.upload_row(id).await?;
        if row.state == UploadState::Stored {
            return Ok(row);
        }
        // What was begun while its account was in good standing is brought to its end.
        if row.state != UploadState::Completing {
            self.check_not_blocked(row.user).await?;
        }
        if !self.lease_completion(&row).await? {
            let row = self.upload_row(id).await?;
            return match row.state {
                UploadState::Stored => Ok(row),
                UploadState::Completing => Err(Failure::from(ObjectError::Busy)),
                _ => Err(closed()),
            };
        }
        fail::point("complete.leased");
        match self.assemble(&row).await {
            Ok(()) => self.store_source(&row).await,
            Err(error) => {
                let to = match error {
                    ObjectError::LostParts => UploadState::Failed,
                    _ => UploadState::Uploading,
                };
                self.leave_completing(&row, to, &error.to_string()).await?;
                Err(Failure::from(error))
            }
        }
    }

    /// Refuses what an account may not do that was blocked after it got the address for it.
    pub(crate) async fn check_not_blocked(&self, user: UserId) -> Result<()> {
        if !self.is_blocked(user).await? {
            return Ok(());
        }
        let detail = "This account is blocked. Ask an administrator of this site.";
        Err(Failure::new(Code::AccountBlocked, detail))
    }

    pub(crate) async fn is_blocked(&self, user: UserId) -> Result<bool> {
        let row = accounts::by_id(self.db.read(), user).await?;
        Ok(row.is_some_and(|row| row.blocked_at.is_some()))
    }

    /// A bucket's service reports that this object exists. The report is only a hint: the object is
    /// checked, and then the upload is completed as its client would.
    pub async fn object_reported(&self, key: &MediaKey) -> Result<UploadRow> {
        let missing = || Failure::not_found("upload");
        let row = self.upload_row(key.upload().ok_or_else(missing)?).await?;
        if row.object_key != *key {
            return Err(missing());
        }
        if row.state.is_open() && !self.exists_whole(&row).await? {
            let detail = "The bucket has no such object of the declared size.";
            return Err(Failure::new(Code::UploadPartMissing, detail));
        }
        self.complete_upload(row.id).await
    }

    /// Takes the right to complete; whether it was free.
    async fn lease_completion(&self, row: &UploadRow) -> Result<bool> {
        self.change(row.video, |change| async move {
            let (now, until) = (change.now, change.now.plus(COMPLETION_LEASE));
            let taken = uploads::lease_completion(&change.tx, row.id, now, until).await?;
            Ok(change.store(taken).await?)
        })
        .await
    }

    /// Lets the store assemble the parts; holds the lease as long as that takes.
    async fn assemble(&self, row: &UploadRow) -> Result<(), ObjectError> {
        let held = self.sessions.list_parts(row.id).await.ok();
        let digest = held.and_then(|held| Self::digest_of_parts(row, &held));
        let completing = async {
            match self.sessions.complete(row.id, &plan(row)).await {
                // A form brought it whole, past the session.
                Err(ObjectError::PartsMissing(_)) if self.exists_whole(row).await? => {
                    self.sessions.abort(row.id).await
                }
                done => done,
            }
        };
        let holding = async {
            loop {
                tokio::time::sleep(COMPLETION_HEARTBEAT).await;
                let lease = self.clock.now().plus(COMPLETION_LEASE);
                if let Err(error) = uploads::hold_completion(self.db.write(), row.id, lease).await {
                    tracing::warn!(%error, upload.id = %row.id, "holding a completion failed");
                }
            }
        };
        tokio::select! {
            done = completing => done?,
            never = holding => never,
        }
        if let Some(digest) = digest {
            self.note_source_digest(row, digest).await;
        }
        Ok(())
    }

    /// Without it the file's first reader takes it.
    async fn note_source_digest(&self, row: &UploadRow, digest: Digest) {
        let noted = DigestRow {
            key: row.object_key.clone(),
            video: row.video,
            digest,
            verified: true,
            checked_at: self.clock.now(),
            damage: None,
        };
        if let Err(error) = digests::put(self.db.write(), &noted).await {
            tracing::warn!(%error, upload.id = %row.id, "noting a file's digest failed");
        }
    }

    /// Whether the whole file is an object already.
    async fn exists_whole(&self, row: &UploadRow) -> Result<bool, ObjectError> {
        let stat = found(self.store.stat(&row.object_key).await)?;
        Ok(stat.is_some_and(|stat| stat.size == row.size))
    }

    /// Whether the store has every byte, however they were sent.
    pub(crate) async fn is_whole(&self, row: &UploadRow, held: u64) -> Result<bool> {
        Ok(held == row.size || self.exists_whole(row).await?)
    }

    /// Makes the object the video's source, unless the upload was ended in the meantime.
    pub(crate) async fn store_source(&self, row: &UploadRow) -> Result<UploadRow> {
        fail::point("complete.before-rows");
        self.change(row.video, |change| async move {
            let (from, to) = (UploadState::Completing, UploadState::Stored);
            if uploads::advance(&change.tx, row.id, from, to, None).await? {
                videos::set_source(&change.tx, row.video, &row.object_key, row.size).await?;
                if tracks::arrived(&change.tx, row.video).await? {
                    videos::raise_version(&change.tx, row.video, Effect::Add, change.now).await?;
                }
                change.enqueue(&Job::Probe, change.now).await?;
            }
            Ok(change.store(()).await?)
        })
        .await?;
        fail::point("complete.after-rows");
        let row = self.upload_row(row.id).await?;
        if row.state == UploadState::Stored {
            Ok(row)
        } else {
            Err(closed())
        }
    }

    async fn leave_completing(&self, row: &UploadRow, to: UploadState, why: &str) -> Result<()> {
        self.change(row.video, |change| async move {
            let from = UploadState::Completing;
            let moved = uploads::advance(&change.tx, row.id, from, to, Some(why)).await?;
            if moved && to == UploadState::Failed {
                stop_watching(&change).await?;
            }
            Ok(change.store(()).await?)
        })
        .await
    }

    /// Cancels an upload and drops its parts. Fine if it is over already.
    pub async fn cancel_upload(&self, row: &UploadRow) -> Result<()> {
        if self.expire_upload(row).await? {
            return Ok(());
        }
        match self.upload_row(row.id).await?.state {
            UploadState::Expired | UploadState::Failed => Ok(()),
            UploadState::Completing => Err(Failure::from(ObjectError::Busy)),
            _ => Err(closed()),
        }
    }

    /// Moves it to `expired`, then drops its parts; whether this call moved it.
    pub(crate) async fn expire_upload(&self, row: &UploadRow) -> Result<bool> {
        let moved = self.change(row.video, |change| async move {
            let mut moved = false;
            for from in [UploadState::Created, UploadState::Uploading] {
                let tx = &change.tx;
                moved |= uploads::advance(tx, row.id, from, UploadState::Expired, None).await?;
            }
            if moved {
                stop_watching(&change).await?;
            }
            Ok(change.store(moved).await?)
        });
        let moved = moved.await?;
        if moved {
            self.sessions.abort(row.id).await?;
        }
        Ok(moved)
    }

    pub(crate) async fn upload_row(&self, id: UploadId) -> Result<UploadRow> {
        uploads::find(self.db.read(), id)
            .await?
            .ok_or_else(|| Failure::not_found("upload"))
    }
}

/// What was served of an upload that ended without a file is served no more.
async fn stop_watching(change: &Change) -> Result<(), DbError> {
    if tracks::remove_arriving(&change.tx, change.video).await? {
        videos::raise_version(&change.tx, change.video, Effect::Restrict, change.now).await?;
    }
    Ok(())
}

fn plan(row: &UploadRow) -> UploadPlan {
    UploadPlan::new(&row.object_key, row.size, row.part_size)
}

fn validate(ask: &NewUploadRequest, max: u64) -> Result<()> {
    if ask.size == 0 {
        let detail = "This file is empty.";
        return Err(Failure::field("size", Code::UploadEmpty, detail));
    }
    if ask.size > max {
        let size = ask.size;
        let detail = format!("This file has {size} bytes; at most {max} are taken here.");
        return Err(Failure::new(Code::UploadTooLarge, detail));
    }
    let allowed = |size| (1..=PART_MAX).contains(&size);
    if ask.part_size.is_some_and(|size| !allowed(size)) {
        let detail = "A part has 1 byte to 5 GiB.";
        return Err(Failure::field("part_size", Code::FieldRange, detail));
    }
    let length = ask.fingerprint.chars().count();
    if length == 0 || length > FINGERPRINT_MAX {
        let detail = "A fingerprint has 1 to 128 characters.";
        return Err(Failure::field("fingerprint", Code::FieldLength, detail));
    }
    Ok(())
}

fn same_file(open: UploadRow, ask: &NewUploadRequest) -> Result<Opened> {
    if open.fingerprint == ask.fingerprint && open.size == ask.size {
        return Ok(Opened::Existing(open));
    }
    Err(other_file())
}

/// A video takes one file.
pub(crate) fn check_empty(video: &VideoRow) -> Result<()> {
    if video.source_key.is_none() {
        return Ok(());
    }
    let detail = "This video has its file already. Make a new video for another file.";
    Err(Failure::new(Code::VideoHasSource, detail))
}

/// And one at a time.
pub(crate) fn other_file() -> Failure {
    let detail = "Another file is being uploaded to this video. Cancel that upload first.";
    Failure::new(Code::UploadOtherFile, detail)
}

fn closed() -> Failure {
    let detail = "This upload is over: it was completed, cancelled, or left alone too long.";
    Failure::new(Code::UploadClosed, detail)
}

//! Whether objects still are what was stored: each is read and compared with its digest. An object
//! without one, because its bytes did not pass us, gets it by the first look.

use futures_util::TryStreamExt;
use virga_core::{
    Code, Failure, MediaKey, ObjectClass, Result, VideoId,
    digest::{Digest, DigestPart, Hasher},
    job::Job,
    wire::Effect,
};
use virga_db::{
    UploadRow, VideoRow,
    digests::{self, DigestRow},
    growing, jobs, tracks, videos,
};
use virga_objects::{HeldParts, ObjectError};

use crate::{App, Change, Changed, found, fsck::lasting};

/// What a look at an object found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Its bytes are those that were stored.
    Sound(u64),
    /// It had no digest; now it has one.
    Noted(u64),
    /// Its bytes differ, in words.
    Damaged(String),
    /// There is no such object.
    Gone,
}

impl Look {
    /// Bytes that were read.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Sound(bytes) | Self::Noted(bytes) => *bytes,
            Self::Damaged(_) | Self::Gone => 0,
        }
    }
}

impl App {
    /// Reads an object whole and compares it. `pace` waits as long as so many bytes should take.
    pub async fn look_at<F: Future<Output = ()>>(
        &self,
        key: &MediaKey,
        mut pace: impl FnMut(usize) -> F,
    ) -> Result<Look> {
        let Some(stat) = found(self.store.stat(key).await)? else {
            digests::remove(self.db.write(), key).await?;
            return Ok(Look::Gone);
        };
        let size = stat.size;
        let known = digests::find(self.db.read(), key).await?;
        let mut hasher = Hasher::default();
        let mut checker = known.as_ref().map(|row| row.digest.checker());
        if size > 0 {
            let mut bytes = self.store.stream(key, 0..size).await?;
            while let Some(piece) = bytes.try_next().await? {
                match &mut checker {
                    Some(checker) => checker.update(&piece),
                    None => hasher.update(&piece),
                }
                pace(piece.len()).await;
            }
        }
        let now = self.clock.now();
        if let Some(checker) = checker {
            let damage = checker.finish();
            digests::note_check(self.db.write(), key, now, damage.as_deref()).await?;
            return Ok(damage.map_or(Look::Sound(size), Look::Damaged));
        }
        let row = DigestRow {
            key: key.clone(),
            video: key.video().map_err(ObjectError::from)?,
            digest: hasher.finish(),
            verified: false,
            checked_at: now,
            damage: None,
        };
        digests::put(self.db.write(), &row).await?;
        Ok(Look::Noted(size))
    }

    /// The objects of a video whose bytes never change, by its rows.
    pub async fn lasting_objects(&self, row: &VideoRow) -> Result<Vec<MediaKey>> {
        let tracks = tracks::of_video(self.db.read(), row.id).await?;
        let mut keys: Vec<MediaKey> = lasting(row, &tracks).into_iter().collect();
        keys.retain(|key| key.class() != ObjectClass::Presentation);
        keys.sort_unstable();
        Ok(keys)
    }

    /// Rebuilds everything that is derived from a video's source.
    ///
    /// # Errors
    /// Where the video has no file or a damaged one, or is being worked on.
    pub async fn remake_video(&self, id: VideoId) -> Result<()> {
        self.require_source(id).await?;
        self.change(id, |change| self.remake_in(change)).await
    }

    /// Refuses where the file is gone or known to be damaged: what plays now would be lost.
    async fn require_source(&self, id: VideoId) -> Result<()> {
        let row = crate::find_video(self, id).await?;
        let Some(key) = row.source_key else {
            return Ok(());
        };
        let known = digests::find(self.db.read(), &key).await?;
        let whole = |size| known.is_none_or(|it| it.damage.is_none() && it.digest.size() == size);
        let stat = found(self.store.stat(&key).await)?;
        if stat.is_some_and(|stat| whole(stat.size)) {
            return Ok(());
        }
        let detail =
            "The file of this video is missing or damaged, so nothing can be made from it.";
        Err(Failure::new(Code::VideoSourceDamaged, detail))
    }

    async fn remake_in(&self, change: Change) -> Result<Changed<()>> {
        let (tx, id, row) = (&change.tx, change.video, change.row()?);
        if row.source_key.is_none() || row.deleted_at.is_some() {
            let detail = "This video has no file to rebuild from.";
            return Err(Failure::new(Code::VideoNoSource, detail));
        }
        if jobs::any_open(tx, id).await? {
            let detail = "This video is already being processed.";
            return Err(Failure::new(Code::VideoBusy, detail));
        }
        tracks::remove(tx, id).await?;
        growing::remove_all(tx, id).await?;
        videos::set_failure(tx, id, None).await?;
        change.enqueue(&Job::Probe, change.now).await?;
        videos::raise_version(tx, id, Effect::Add, change.now).await?;
        Ok(change.store(()).await?)
    }

    /// The digest of an upload's file, where every part's is known.
    pub(crate) fn digest_of_parts(row: &UploadRow, held: &HeldParts) -> Option<Digest> {
        if held.bytes() != row.size {
            return None;
        }
        let part =
            |part: &virga_core::wire::HeldPart| Some(DigestPart(part.size, part.sha256.clone()?));
        let parts = held.parts.iter().map(part).collect::<Option<Vec<_>>>()?;
        Some(Digest { parts })
    }
}

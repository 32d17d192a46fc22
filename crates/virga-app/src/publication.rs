//! Writing the presentation object: derived from rows only, under a lease per video, again until
//! the object carries the version that the row has.

use std::time::Duration;
use virga_core::{
    Code, Failure, MediaKey, Result, VideoId,
    presentation::{FORMAT, Presentation, Presented, PresentedTrack, TrackBody},
};
use virga_db::{GrowingRow, TrackRow, TrackRowKind, VideoRow, growing, tracks, videos};

use crate::{App, found};

const LEASE: Duration = Duration::from_secs(10);
/// A presentation has some tracks; this is a hundred times more.
const LIMIT: u64 = 1024 * 1024;
const PAUSE: Duration = Duration::from_millis(50);

impl App {
    /// Makes the published object match the rows. Runs in the process that made the change, right
    /// after its commit; the sweeper finishes what a crash left.
    pub async fn publish(&self, id: VideoId) -> Result<()> {
        let deadline = self.clock.now().plus(LEASE * 2);
        loop {
            let Some(row) = videos::find(self.db.read(), id).await? else {
                return Ok(());
            };
            if row.published_version >= row.presentation_version {
                return Ok(());
            }
            // Whoever asked may go away in the middle; the lease must end with the work.
            let app = self.clone();
            let attempt = async move { app.write_under_lease(id).await };
            let written = self.tasks.spawn(attempt).await.map_err(Failure::internal)?;
            if written? {
                continue;
            }
            if self.clock.now() > deadline {
                let detail = "This video is being published. Try again in a moment.";
                return Err(Failure::new(Code::Publishing, detail).after(1));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The document that a video's rows say; `None` where there is no video. Tracks of a later release
    /// stay as that release published them.
    pub async fn presentation(&self, id: VideoId) -> Result<Option<Presentation>> {
        let Some(row) = videos::find(self.db.read(), id).await? else {
            return Ok(None);
        };
        let tracks = tracks::all_of_video(self.db.read(), id).await?;
        let growing = growing::of_video(self.db.read(), id).await?;
        let mut document = present(&row, tracks.known);
        add_growing(&mut document, growing)?;
        if !tracks.unknown.is_empty()
            && let Some(published) = self.published(&MediaKey::presentation(id)).await?
        {
            keep_unknown(&mut document, published, &tracks.unknown);
        }
        Ok(Some(document))
    }

    /// The published document, where there is one that can be read.
    pub(crate) async fn published(&self, key: &MediaKey) -> Result<Option<Presentation>> {
        let bytes = found(self.store.read_all(key, LIMIT).await)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Writes the object once; `false`: somebody else is writing it.
    async fn write_under_lease(&self, id: VideoId) -> Result<bool> {
        let now = self.clock.now();
        if !videos::lease_publish(self.db.write(), id, now, now.plus(LEASE)).await? {
            return Ok(false);
        }
        let written = self.write_presentation(id).await;
        if written.is_err() {
            videos::release_publish(self.db.write(), id).await?;
        }
        written.map(|()| true)
    }

    async fn write_presentation(&self, id: VideoId) -> Result<()> {
        while let Some(document) = self.presentation(id).await? {
            let bytes = serde_json::to_vec(&document).map_err(Failure::internal)?;
            self.store
                .put(&MediaKey::presentation(id), bytes.into())
                .await?;
            crate::fail::point("publish.after-write");
            if videos::note_published(self.db.write(), id, document.version).await? {
                self.wake.changes.notify();
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The document that a video's rows say.
fn present(row: &VideoRow, tracks: Vec<TrackRow>) -> Presentation {
    let (videos, audio): (Vec<_>, Vec<_>) = tracks
        .into_iter()
        .partition(|track| track.kind == TrackRowKind::Video);
    Presentation {
        format: FORMAT,
        version: row.presentation_version,
        video: row.id,
        epoch: row.epoch,
        visibility: row.visibility,
        withdrawn: row.deleted_at.is_some(),
        videos: videos.into_iter().map(presented).collect(),
        audio: audio.into_iter().map(presented).next(),
        poster: row.poster_key.clone(),
        fallback: row.fallback_key.clone(),
        storyboard: row.storyboard_key.clone(),
        texts: row.texts.clone(),
        sounds: row.sounds.clone(),
    }
}

/// Adds the tracks that play while they are made. What stands whole comes first: it starts sooner.
fn add_growing(document: &mut Presentation, rows: Vec<GrowingRow>) -> Result<()> {
    for row in rows.into_iter().filter(GrowingRow::is_presented) {
        let track = Presented::Known(PresentedTrack {
            table: MediaKey::growing_table(&row.prefix(), 0).map_err(Failure::internal)?,
            body: TrackBody::Growing { job: row.job },
            name: row.name,
        });
        if row.kind == TrackRowKind::Video {
            document.videos.push(track);
        } else if document.audio.is_none() {
            document.audio = Some(track);
        }
    }
    Ok(())
}

/// Carries the tracks of these names over.
fn keep_unknown(document: &mut Presentation, published: Presentation, names: &[String]) {
    let kept = |track: &Presented| {
        let name = match track {
            Presented::Known(track) => Some(track.name.as_str()),
            Presented::Later(track) => track["name"].as_str(),
        };
        names.iter().any(|it| Some(it.as_str()) == name)
    };
    document
        .videos
        .extend(published.videos.into_iter().filter(kept));
    if document.audio.is_none() {
        document.audio = published.audio.filter(kept);
    }
    document.format = document.format.max(published.format);
}

fn presented(track: TrackRow) -> Presented {
    Presented::Known(PresentedTrack {
        name: track.name,
        table: track.table_key,
        body: track.body,
    })
}

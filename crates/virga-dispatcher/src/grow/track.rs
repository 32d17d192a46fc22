//! One track that grows: what the encoder wrote is cut into segments, segments become pieces, and each piece
//! is there once its row is.

use bytes::Bytes;
use virga_core::{
    Failure, MediaKey,
    presentation::{GrowingTable, PieceRef},
};
use virga_db::{GrowingRow, PieceRow, growing};
use virga_media::{GrowingTrack, GrownSegment, Sample, TrackKind, TrackTable};
use virga_objects::ObjectWriter;

use crate::{
    job_result::JobError,
    media::Media,
    pack::{check_room, pieces},
    work::Work,
};

/// A piece ends with the first segment that makes it this long a share of what stands …
const SHARE: i64 = 8;
/// … or this long, microseconds. The first pieces are of one segment each.
const LONGEST: i64 = 16_000_000;

/// Bytes of the store that a piece may need.
const PIECE_ROOM: u64 = 64 << 20;

/// A track while it grows.
#[derive(Debug)]
pub(super) struct TrackGrowth {
    row: GrowingRow,
    track: GrowingTrack,
    media: Media,
    /// What stands: pieces whose rows are written.
    standing: GrowingTable,
    /// Segments that an earlier try wrote, which are made once more and passed over.
    passed: usize,
    cut: usize,
    /// Bytes up to the end of the first frame of each segment that was cut.
    first_frames: Vec<Option<u32>>,
    /// Microseconds that earlier tries made.
    found: i64,
    open: Option<OpenPiece>,
}

/// A piece that is being written.
#[derive(Debug)]
struct OpenPiece {
    key: MediaKey,
    writer: Box<dyn ObjectWriter>,
    segments: Vec<(u32, u32)>,
}

impl TrackGrowth {
    /// Resumes where earlier attempts stopped. `None`: they wrote a different init segment, so this attempt
    /// cannot continue their track.
    pub(super) async fn begin(
        work: &Work<'_>,
        track: GrowingTrack,
        row: GrowingRow,
        media: Media,
    ) -> Result<Option<Self>, JobError> {
        let (db, now) = (&work.app().db, work.app().clock.now());
        let rows = growing::of_video(db.read(), row.video).await?;
        if let Some(known) = rows.iter().find(|known| known.name == row.name)
            && known.head != row.head
        {
            return Ok(None);
        }
        let new = &row;
        let begun = work.app().transaction(|tx| async move {
            let mine = growing::begin(&tx, work.job, new, now).await?;
            tx.store(mine).await
        });
        if !begun.await? {
            return Err(JobError::Interrupted);
        }
        let mut standing = GrowingTable {
            table: track.head().clone(),
            pieces: Vec::new(),
        };
        for piece in growing::pieces(db.read(), row.video, &row.name).await? {
            add(&mut standing, &piece);
        }
        let passed = standing.table.segments();
        let mut grown = Self {
            row,
            track,
            media,
            found: standing.table.duration_micros(),
            standing,
            passed,
            cut: 0,
            first_frames: Vec::new(),
            open: None,
        };
        // The try before may have died between a row and its table.
        grown.put_table(work).await?;
        Ok(Some(grown))
    }

    /// Microseconds of it that stand.
    pub(super) fn made(&self) -> i64 {
        self.standing.table.duration_micros()
    }

    /// Microseconds of it that stood before this try.
    pub(super) fn found(&self) -> i64 {
        self.found
    }

    /// When what the encoder has made of it ends, microseconds.
    pub(super) fn ends(&self) -> i64 {
        self.track.ends()
    }

    /// Adds samples that the encoder wrote.
    pub(super) async fn push(
        &mut self,
        work: &Work<'_>,
        samples: Vec<Sample>,
    ) -> Result<(), JobError> {
        for sample in samples {
            self.track.push(sample)?;
        }
        self.write(work).await
    }

    /// Adds packets of silence, whose bytes lie at `offset` of the file, until `until` microseconds.
    pub(super) fn push_silence(
        &mut self,
        bytes: &[u8],
        duration: u32,
        offset: u64,
        until: i64,
    ) -> Result<(), JobError> {
        let size = u32::try_from(bytes.len()).map_err(Failure::internal)?;
        while self.track.ends() < until {
            let dts = self.track.next_time();
            self.track.push(Sample {
                dts,
                duration,
                cts: 0,
                size,
                offset,
                sync: true,
            })?;
        }
        Ok(())
    }

    /// When the first frame is shown on the file's timeline, microseconds.
    pub(super) fn first_shown(&self) -> Option<i64> {
        self.track.first_shown()
    }

    /// The encoder has written all of it: its last segments, and a picture held until `until`.
    pub(super) async fn end(&mut self, work: &Work<'_>, until: i64) -> Result<(), JobError> {
        self.track.end(until)?;
        self.write(work).await?;
        self.close(work).await
    }

    async fn write(&mut self, work: &Work<'_>) -> Result<(), JobError> {
        while let Some(segment) = self.track.pop() {
            work.check()?;
            self.cut += 1;
            self.first_frames.push(segment.first_frame);
            if self.cut > self.passed {
                self.add(work, segment).await?;
            }
        }
        Ok(())
    }

    /// Writes a segment, and the end of its piece if that is long enough.
    async fn add(&mut self, work: &Work<'_>, segment: GrownSegment) -> Result<(), JobError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open_piece(work).await?,
        };
        let layout = segment.layout;
        let length = layout.head.len() as u64 + layout.body_len();
        open.writer.write(layout.head.into()).await?;
        self.media.copy(layout.body, &mut *open.writer).await?;
        let length = u32::try_from(length).map_err(Failure::internal)?;
        open.segments.push((segment.duration, length));
        let ticks = open.segments.iter().map(|(ticks, _)| i64::from(*ticks));
        let micros = ticks.sum::<i64>() * 1_000_000 / i64::from(self.standing.table.timescale);
        self.open = Some(open);
        if micros >= LONGEST.min(self.made() / SHARE) {
            self.close(work).await?;
        }
        Ok(())
    }

    async fn open_piece(&mut self, work: &Work<'_>) -> Result<OpenPiece, JobError> {
        check_room(work, PIECE_ROOM).await?;
        let n = u32::try_from(self.standing.pieces.len()).map_err(Failure::internal)?;
        let key = MediaKey::piece(&self.row.prefix(), n, work.job.fence)?;
        // Without a digest: nobody looks after what the whole track replaces.
        let writer = work.app().store.writer(&key).await?;
        Ok(OpenPiece {
            key,
            writer,
            segments: Vec::new(),
        })
    }

    /// The piece is whole: object, row, table.
    async fn close(&mut self, work: &Work<'_>) -> Result<(), JobError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        open.writer.commit().await?;
        virga_app::fail::point("grow.object");
        let piece = PieceRow {
            n: u32::try_from(self.standing.pieces.len()).map_err(Failure::internal)?,
            fence: work.job.fence,
            object: open.key,
            segments: open.segments,
        };
        let (new, name, now) = (&piece, &self.row.name, work.app().clock.now());
        let added = work.app().transaction(|tx| async move {
            let mine = growing::add_piece(&tx, work.job, name, new, now).await?;
            tx.store(mine).await
        });
        if !added.await? {
            return Err(JobError::Interrupted);
        }
        virga_app::fail::point("grow.row");
        add(&mut self.standing, &piece);
        self.put_table(work).await
    }

    /// The table of what stands. Its number is that of the last piece, and rows of pieces never change, so
    /// a worker that writes it late writes what is there.
    async fn put_table(&mut self, work: &Work<'_>) -> Result<(), JobError> {
        let Some(last) = self.standing.pieces.len().checked_sub(1) else {
            return Ok(());
        };
        let n = u32::try_from(last).map_err(Failure::internal)?;
        let key = MediaKey::growing_table(&self.row.prefix(), n)?;
        let json = serde_json::to_vec(&self.standing).map_err(Failure::internal)?;
        work.app().store.put(&key, Bytes::from(json)).await?;
        Ok(())
    }

    /// Writes the whole track as one object, the bytes of the pieces one after another. Answers its key and
    /// its table.
    pub(super) async fn join(
        &mut self,
        work: &Work<'_>,
    ) -> Result<(MediaKey, TrackTable), JobError> {
        let mut table = self.standing.table.clone().measured();
        table.frame_rate = self.track.frame_rate();
        if table.kind == TrackKind::Video {
            let frames: Option<Vec<u32>> = self.first_frames.iter().copied().collect();
            table.first_frames = frames.filter(|frames| frames.len() == table.lengths.len());
        }
        check_room(work, table.object_len()).await?;
        let key = work.track_key(&self.row.name)?;
        let mut writer = work.writer(&key).await?;
        writer.write(Bytes::copy_from_slice(&table.init)).await?;
        for piece in &self.standing.pieces {
            work.check()?;
            let media = Media::stored(&work.app().store, &piece.object).await?;
            let whole = pieces(0, media.len);
            media.copy(whole, &mut *writer).await?;
        }
        let (written, want) = (writer.commit().await?, table.object_len());
        if written != want {
            let why = format!("the joined track has {written} bytes and not {want}");
            return Err(JobError::Retry(why));
        }
        Ok((key, table))
    }
}

/// Adds a piece whose row is written.
fn add(standing: &mut GrowingTable, piece: &PieceRow) {
    for (duration, length) in &piece.segments {
        standing.table.durations.push(*duration);
        standing.table.lengths.push(*length);
    }
    standing.pieces.push(PieceRef {
        object: piece.object.clone(),
        segments: u32::try_from(piece.segments.len()).unwrap_or(u32::MAX),
    });
}

//! Writing tracks into the store: tables, sample blocks, CMAF objects. The object of a source track
//! and of a rung come from the same packager as segments packaged per request.

use bytes::Bytes;
use virga_core::{
    Code, MediaKey,
    presentation::{TrackBody, TrackRole},
};
use virga_db::{TrackRow, TrackRowKind, UploadRow};
use virga_media::{PlannedTrack, TrackTable, segment};
use virga_objects::{ObjectWriter, Piece};

use crate::{job_result::JobError, media::Media, work::Work};

/// The order of a video track for players: by rising size, and before the source of the same size if it
/// was encoded.
pub(crate) fn position(height: u32, encoded: bool) -> i32 {
    let twice = i32::try_from(height).unwrap_or(i32::MAX).saturating_mul(2);
    twice.saturating_add(i32::from(!encoded))
}

/// A planned track that is served from the source: its table and sample blocks are written.
pub(crate) async fn put_jit(
    work: &Work<'_>,
    source: &MediaKey,
    name: String,
    planned: PlannedTrack,
) -> Result<TrackRow, JobError> {
    let (table_key, samples_key) = (work.table_key(&name)?, work.samples_key(&name)?);
    let body = TrackBody::Source {
        source: source.clone(),
        samples: samples_key.clone(),
    };
    let row = row(work, name, None, &planned.table, &table_key, body);
    let table = Bytes::from(planned.table.to_json());
    tokio::try_join!(
        work.put(&samples_key, planned.samples.into()),
        work.put(&table_key, table),
    )?;
    Ok(row)
}

/// The same of a source whose upload still arrives; its table knows the `source_ends`.
pub(crate) async fn put_arriving(
    work: &Work<'_>,
    upload: &UploadRow,
    name: String,
    planned: PlannedTrack,
) -> Result<TrackRow, JobError> {
    let mut row = put_jit(work, &upload.object_key, name, planned).await?;
    if let TrackBody::Source { source, samples } = row.body {
        row.body = TrackBody::Arriving {
            upload: upload.id,
            source,
            samples,
        };
    }
    Ok(row)
}

/// Where a track's sample blocks are.
#[derive(Clone, Debug)]
pub(crate) enum Blocks {
    /// Just planned.
    LeasedJob(Bytes),
    /// In an object.
    Stored(MediaKey),
}

impl Blocks {
    async fn read(&self, work: &Work<'_>, offset: u64, len: u64) -> Result<Bytes, JobError> {
        match self {
            Self::Stored(key) => Ok(work.app().store.read(key, offset..offset + len).await?),
            Self::LeasedJob(bytes) => {
                let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
                let range = at(offset)..at(offset + len);
                if range.start <= range.end && range.end <= bytes.len() {
                    Ok(bytes.slice(range))
                } else {
                    Err(JobError::fail(
                        Code::Internal,
                        "a block is outside its plan",
                    ))
                }
            }
        }
    }
}

/// The table of a track that stands.
pub(crate) async fn table_of(work: &Work<'_>, track: &TrackRow) -> Result<TrackTable, JobError> {
    /// Tables are small: some bytes a segment.
    const MOST: u64 = 16 << 20;
    let table = work.app().store.read_all(&track.table_key, MOST).await?;
    Ok(TrackTable::from_json(&table)?)
}

/// A track to be made an object of.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) name: String,
    /// Which rung of the ladder it is, if it is one.
    pub(crate) rung: Option<String>,
    pub(crate) table: TrackTable,
    pub(crate) blocks: Blocks,
}

impl Packed {
    /// An encoded track.
    pub(crate) fn encoded(name: String, rung: Option<String>, planned: PlannedTrack) -> Self {
        Self {
            name,
            rung,
            table: planned.table,
            blocks: Blocks::LeasedJob(planned.samples.into()),
        }
    }

    /// Writes the CMAF object out of `media` and then the table that says where its segments are.
    pub(crate) async fn put(self, work: &Work<'_>, media: &Media) -> Result<TrackRow, JobError> {
        check_room(work, self.table.object_len()).await?;
        let object_key = work.track_key(&self.name)?;
        let mut writer = work.writer(&object_key).await?;
        self.write(work, media, &mut *writer).await?;
        let written = writer.commit().await?;
        if written != self.table.object_len() {
            let want = self.table.object_len();
            let why = format!("the track object has {written} bytes and not {want}");
            return Err(JobError::Retry(why));
        }
        let table_key = work.table_key(&self.name)?;
        let body = TrackBody::Object { object: object_key };
        let row = row(work, self.name, self.rung, &self.table, &table_key, body);
        work.put(&table_key, self.table.stored().to_json().into())
            .await?;
        Ok(row)
    }

    async fn write(
        &self,
        work: &Work<'_>,
        media: &Media,
        to: &mut dyn ObjectWriter,
    ) -> Result<(), JobError> {
        let table = &self.table;
        to.write(Bytes::copy_from_slice(&table.init)).await?;
        for n in 0..table.segments() {
            work.check()?;
            let (offset, len) = table
                .sample_block_range(n)
                .ok_or_else(|| JobError::fail(Code::Internal, "the track's plan has no blocks"))?;
            let block = self.blocks.read(work, offset, len).await?;
            let layout = segment(table, n, &block)?;
            to.write(layout.head.into()).await?;
            media.copy(layout.body, to).await?;
            if n == 0 && matches!(self.blocks, Blocks::Stored(_)) {
                virga_app::fail::point("package.mid");
            }
        }
        Ok(())
    }
}

/// Whether the store has room for so many bytes and half of `storage.keep_free`; if not, the job waits.
pub(crate) async fn check_room(work: &Work<'_>, need: u64) -> Result<(), JobError> {
    let Some(room) = work.app().store.free_space().await? else {
        return Ok(());
    };
    // Uploads leave twice as much; what people write may use a quarter of this.
    let reserve = work.app().policy.get().keep_free / 2;
    if room.available >= need.saturating_add(reserve) {
        return Ok(());
    }
    let (need, free) = (need.div_ceil(1 << 20), room.available >> 20);
    Err(JobError::NoRoom(format!(
        "the store has {free} MiB left and a track needs {need} MiB"
    )))
}

/// The row of a track.
pub(crate) fn row(
    work: &Work<'_>,
    name: String,
    rung: Option<String>,
    table: &TrackTable,
    table_key: &MediaKey,
    body: TrackBody,
) -> TrackRow {
    let height = table.width.min(table.height);
    let (kind, position) = match table.kind {
        virga_media::TrackKind::Video => (TrackRowKind::Video, position(height, rung.is_some())),
        _ => (TrackRowKind::Audio, 0),
    };
    TrackRow {
        video: work.video(),
        name,
        kind,
        role: TrackRole::Main,
        rung,
        language: table.language.clone(),
        position,
        height,
        table_key: table_key.clone(),
        body,
    }
}

/// A range of a file as pieces of what one piece can say.
pub(crate) fn pieces(offset: u64, len: u64) -> Vec<Piece> {
    const MOST: u32 = 1 << 30;
    let mut pieces = Vec::new();
    let mut at = offset;
    while at < offset + len {
        let piece = u32::try_from(offset + len - at).unwrap_or(MOST).min(MOST);
        pieces.push((at, piece));
        at += u64::from(piece);
    }
    pieces
}

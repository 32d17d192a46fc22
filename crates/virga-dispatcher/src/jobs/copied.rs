//! Whether a source's picture may be copied, and the copy once it stands.

use virga_core::presentation::TrackBody;
use virga_db::{TrackRow, TrackRowKind};
use virga_media::{Container, SourceShape, TrackTable};

use crate::{
    ffmpeg::{Copyable, Probed},
    job_result::JobError,
    pack::table_of,
    work::Work,
};

/// What may be copied of a source, by what ffprobe says of it.
pub(super) fn copyable(container: Container, probed: &Probed) -> Option<Copyable> {
    let known = probed.shape.duration_micros > 0;
    probed.copyable.filter(|_| reads(container) && known)
}

/// Whether pictures are copied out of such files at all. AVI does not say when its frames are shown, and FLV
/// may change its coding where no frame tells it.
pub(super) fn reads(container: Container) -> bool {
    container == Container::MpegTs
}

/// The shape of a source whose picture is copied: it stays the best one.
pub(super) fn as_copied(probed: &Probed, table: &TrackTable) -> SourceShape {
    SourceShape {
        instant_bitrate: Some(table.bandwidth_average),
        ..probed.shape.clone()
    }
}

/// The shape that the ladder is based on, if the source's own picture has been copied.
pub(super) async fn shape(
    work: &Work<'_>,
    (container, probed): (Container, &Probed),
    tracks: &[TrackRow],
) -> Result<Option<SourceShape>, JobError> {
    let may = copyable(container, probed);
    let Some(track) = copied(tracks).filter(|_| may.is_some()) else {
        return Ok(None);
    };
    let table = table_of(work, track).await?;
    Ok(Some(as_copied(probed, &table)))
}

/// The source's own picture as an object.
pub(super) fn copied(tracks: &[TrackRow]) -> Option<&TrackRow> {
    tracks.iter().find(|track| {
        let object = matches!(track.body, TrackBody::Object { .. });
        object && track.kind == TrackRowKind::Video && track.rung.is_none()
    })
}

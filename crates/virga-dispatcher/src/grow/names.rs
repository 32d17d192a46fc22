//! The rows of growing tracks before anything of them stands: their names and their places.

use virga_core::presentation::own_picture;
use virga_db::{GrowingRow, TrackRowKind};

use super::Shown;
use crate::{pack::position, work::Work};

pub(super) fn picture_row(work: &Work<'_>, of: Shown<'_>) -> GrowingRow {
    let job = work.job.id;
    let (name, rung, height) = match of {
        Shown::Rung(rung) => {
            let name = format!("{}-{job}g", rung.name);
            (name, Some(rung.name.clone()), rung.width.min(rung.height))
        }
        Shown::Copied { height, .. } => (format!("{}g", own_picture(job)), None, height),
    };
    GrowingRow {
        name,
        kind: TrackRowKind::Video,
        position: position(height, rung.is_some()),
        rung,
        height,
        ..sound_row(work)
    }
}

/// Names end in `g`: a release that does not let tracks grow, and takes the job over, uses them without.
pub(super) fn sound_row(work: &Work<'_>) -> GrowingRow {
    GrowingRow {
        video: work.video(),
        name: format!("audio-{}g", work.job.id),
        job: work.job.id,
        kind: TrackRowKind::Audio,
        rung: None,
        position: 0,
        height: 0,
        head: String::new(),
        expected_at: None,
        published_at: None,
        ended_at: None,
    }
}

//! The objects that the rows of a video point at.

use std::collections::HashSet;

use virga_core::{KeyPrefix, MediaKey, Result, presentation::TrackBody};
use virga_db::{TrackRow, VideoRow, growing};

use crate::App;

/// What of a video's objects is needed.
#[derive(Debug)]
pub(crate) struct Referenced {
    /// Objects that must be there.
    pub(crate) keys: HashSet<MediaKey>,
    /// Where tracks that grow, or grew until lately, have objects that come and go.
    growing: Vec<KeyPrefix>,
}

impl Referenced {
    /// Whether an object is needed.
    pub(crate) fn has(&self, key: &MediaKey) -> bool {
        self.keys.contains(key) || self.growing.iter().any(|prefix| prefix.has(key))
    }
}

impl App {
    /// What the rows of a video point at, pieces of growing tracks included.
    pub(crate) async fn referenced(
        &self,
        row: &VideoRow,
        tracks: &[TrackRow],
    ) -> Result<Referenced> {
        let mut found = Referenced {
            keys: lasting(row, tracks),
            growing: Vec::new(),
        };
        for track in growing::of_video(self.db.read(), row.id).await? {
            found.growing.push(track.prefix());
            // Once the whole stands, its pieces may go.
            if track.ended_at.is_none() {
                let pieces = growing::pieces(self.db.read(), row.id, &track.name).await?;
                found
                    .keys
                    .extend(pieces.into_iter().map(|piece| piece.object));
            }
        }
        Ok(found)
    }
}

/// Keys of what stays as long as the video does.
pub(crate) fn lasting(row: &VideoRow, tracks: &[TrackRow]) -> HashSet<MediaKey> {
    let made = [&row.poster_key, &row.fallback_key, &row.storyboard_key];
    let mut keys: HashSet<MediaKey> = std::iter::once(&row.source_key)
        .chain(made)
        .flatten()
        .cloned()
        .collect();
    keys.extend(row.texts.iter().map(|texts| texts.object.clone()));
    if row.presentation_version > 0 {
        keys.insert(MediaKey::presentation(row.id));
    }
    let sounds = row.sounds.iter().flat_map(|sounds| &sounds.more);
    let sounds = sounds.map(|sound| (&sound.track.table, &sound.track.body));
    let tracks = tracks.iter().map(|track| (&track.table_key, &track.body));
    for (table, body) in tracks.chain(sounds) {
        keys.insert(table.clone());
        match body {
            TrackBody::Object { object } => keys.extend([object.clone()]),
            TrackBody::Source { source, samples } => {
                keys.extend([source.clone(), samples.clone()]);
            }
            // Its source is no object yet.
            TrackBody::Arriving { samples, .. } => keys.extend([samples.clone()]),
            TrackBody::Growing { .. } => {}
        }
    }
    keys
}

//! Track tables in memory: immutable objects, so kept as long as there is room.

use std::{ops::Deref, sync::Arc};

use moka::future::Cache;
use virga_core::{
    MediaKey, VideoId,
    presentation::{GrowingTable, Presentation, PresentedTrack, TrackBody},
};
use virga_media::TrackTable;
use virga_objects::SharedStore;

use crate::{
    arrivals::Arrivals,
    error::StreamError,
    growing::{AHEAD, Growing},
};

/// A table of a day of film has 22,000 segments and 0.5 MiB of JSON.
const LIMIT: u64 = 16 * 1024 * 1024;

/// The table of a track.
#[derive(Clone, Debug)]
pub(crate) enum Table {
    /// Of a track that is whole.
    Whole(Arc<TrackTable>),
    /// Of one that grows, as far as it was when it was asked for.
    Growing(Arc<GrowingTable>),
    /// Of one whose source still arrives, and how many of its segments can be made of what is here.
    Arriving(Arc<TrackTable>, usize),
}

impl Table {
    /// Whether all of the track stands.
    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Growing(_) => false,
            Self::Arriving(table, standing) => *standing == table.segments(),
        }
    }

    /// How many segments stand.
    pub(crate) fn standing(&self) -> usize {
        match self {
            Self::Arriving(_, standing) => *standing,
            Self::Whole(_) | Self::Growing(_) => self.segments(),
        }
    }
}

impl Deref for Table {
    type Target = TrackTable;

    fn deref(&self) -> &TrackTable {
        match self {
            Self::Whole(table) | Self::Arriving(table, _) => table,
            Self::Growing(growing) => &growing.table,
        }
    }
}

/// Tables by key.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    store: SharedStore,
    growing: Growing,
    arrivals: Arrivals,
    held: Cache<MediaKey, Arc<TrackTable>>,
}

impl Tables {
    pub(crate) fn new(store: SharedStore, growing: Growing, arrivals: Arrivals, room: u64) -> Self {
        let weight = |_: &MediaKey, table: &Arc<TrackTable>| {
            let bytes = 512 + table.init.len() + table.lengths.len() * 16;
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self {
            store,
            growing,
            arrivals,
            held: Cache::builder().max_capacity(room).weigher(weight).build(),
        }
    }

    /// The table of a track of this video.
    pub(crate) async fn get(
        &self,
        video: VideoId,
        track: &PresentedTrack,
    ) -> Result<Table, StreamError> {
        match track.body {
            TrackBody::Growing { job } => {
                let prefix = MediaKey::growing(video, job, &track.name);
                Ok(Table::Growing(self.growing.get(&prefix).await?))
            }
            TrackBody::Arriving { upload, .. } => {
                let table = self.whole(&track.table).await?;
                let standing = table.segments_within(self.arrivals.held(upload).await?);
                Ok(Table::Arriving(table, standing))
            }
            _ => Ok(Table::Whole(self.whole(&track.table).await?)),
        }
    }

    /// The same for who asks for segment `n`.
    pub(crate) async fn with_segment(
        &self,
        video: VideoId,
        track: &PresentedTrack,
        n: usize,
    ) -> Result<Table, StreamError> {
        match track.body {
            TrackBody::Growing { job } => {
                let prefix = MediaKey::growing(video, job, &track.name);
                let table = self.growing.with_segment(&prefix, n).await?;
                Ok(Table::Growing(table))
            }
            TrackBody::Arriving { upload, .. } => {
                let found = self.get(video, track).await?;
                let known = found.standing();
                if n < known || n >= known + AHEAD {
                    return Ok(found);
                }
                let table = self.whole(&track.table).await?;
                let standing = table.segments_within(self.arrivals.held_now(upload).await?);
                Ok(Table::Arriving(table, standing))
            }
            _ => Ok(Table::Whole(self.whole(&track.table).await?)),
        }
    }

    async fn whole(&self, key: &MediaKey) -> Result<Arc<TrackTable>, StreamError> {
        let read = async {
            let json = self.store.read_all(key, LIMIT).await?;
            Ok::<_, StreamError>(Arc::new(TrackTable::from_json(&json)?))
        };
        let found = self.held.try_get_with(key.clone(), read).await;
        found.map_err(|fault| StreamError::shared(&fault))
    }
}

/// The track of this name.
pub(crate) fn find<'a>(presentation: &'a Presentation, name: &str) -> Option<&'a PresentedTrack> {
    presentation.known().find(|track| track.name == name)
}

//! The feed of changes in this process: one tail of the table, a ring of the latest lines, and
//! readers that wait. A cursor is `instance.position` in this ring; another process's cursor or a
//! too old one is answered with `resync`.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use virga_app::App;
use virga_core::{
    Result,
    keys::hex,
    wire::{Change, Changes, UploadChange},
};
use virga_db::changes::{self, ChangeRow, Line};

use crate::sessions::Ends;

const POLL: Duration = Duration::from_millis(250);
const BATCH: u64 = 500;
const KEPT: usize = 10_000;

/// What readers of the feed get.
#[derive(Clone, Debug)]
enum Entry {
    Video(Change),
    Upload(UploadChange),
}

#[derive(Debug, Default)]
struct Ring {
    /// Position of the first line kept.
    base: u64,
    lines: VecDeque<Entry>,
}

impl Ring {
    fn end(&self) -> u64 {
        self.base + self.lines.len() as u64
    }
}

/// The ring and who waits for it.
#[derive(Debug)]
pub(crate) struct Feed {
    instance: String,
    ring: Mutex<Ring>,
    head: i64,
    /// Sessions that ended.
    pub(crate) ends: Ends,
    grown: watch::Sender<u64>,
}

impl Feed {
    pub(crate) async fn open(app: &App) -> Result<Self> {
        let head = changes::head(app.db.read()).await?;
        Ok(Self {
            instance: hex(&app.entropy.bytes::<6>()),
            ring: Mutex::default(),
            head,
            ends: Ends::after(head),
            grown: watch::Sender::new(0),
        })
    }

    /// Follows the table until `stop`. Sequence order is commit order on every database
    /// (`changes::append`), so nothing appears behind what was read.
    pub(crate) async fn tail(self: Arc<Self>, app: App, stop: CancellationToken) {
        let mut seen = self.head;
        loop {
            let woken = app.wake.changes.rung();
            let asked = Instant::now();
            match changes::after(app.db.read(), seen, BATCH).await {
                Ok(rows) => {
                    seen = rows.last().map_or(seen, |row| row.seq);
                    let any = !rows.is_empty();
                    self.take(rows, seen, asked);
                    if any {
                        continue;
                    }
                }
                Err(error) => tracing::warn!(%error, "reading the feed failed"),
            }
            let wait = async {
                let _ = tokio::time::timeout(POLL, woken).await;
            };
            if stop.run_until_cancelled(wait).await.is_none() {
                return;
            }
        }
    }

    /// Takes in what was read up to a place of the table.
    fn take(&self, rows: Vec<ChangeRow>, seen: i64, asked: Instant) {
        let whole = (rows.len() as u64) < BATCH;
        let (mut entries, mut ends) = (Vec::new(), Vec::new());
        for row in rows {
            match row.line {
                Line::Video(change) => entries.push(Entry::Video(change)),
                Line::Upload(change) => entries.push(Entry::Upload(change)),
                Line::Ended(end) => ends.push((row.seq, end)),
                Line::Unknown => {}
            }
        }
        self.ends
            .note(ends.into_iter(), seen, whole.then_some(asked));
        if !entries.is_empty() {
            self.push(entries.into_iter());
        }
    }

    fn push(&self, lines: impl Iterator<Item = Entry>) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.lines.extend(lines);
        while ring.lines.len() > KEPT {
            ring.lines.pop_front();
            ring.base += 1;
        }
        self.grown.send_replace(ring.end());
    }

    /// The present end.
    pub(crate) fn end(&self) -> u64 {
        *self.grown.borrow()
    }

    /// Videos that changed from a position on, and the new end; `None`: that position is no longer
    /// kept.
    pub(crate) fn from(&self, position: u64) -> Option<(Vec<Change>, u64)> {
        let (entries, end) = self.entries_from(position)?;
        let videos = entries.into_iter().filter_map(|entry| match entry {
            Entry::Video(change) => Some(change),
            Entry::Upload(_) => None,
        });
        Some((videos.collect(), end))
    }

    fn entries_from(&self, position: u64) -> Option<(Vec<Entry>, u64)> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if position < ring.base || position > ring.end() {
            return None;
        }
        let skip = usize::try_from(position - ring.base).unwrap_or(usize::MAX);
        Some((ring.lines.iter().skip(skip).cloned().collect(), ring.end()))
    }

    /// Waits until the feed has grown past a position.
    pub(crate) async fn grown_past(&self, position: u64) {
        let mut grown = self.grown.subscribe();
        let _ = grown.wait_for(|end| *end > position).await;
    }

    /// Answers a reader's long poll.
    pub(crate) async fn poll(&self, cursor: Option<&str>, patience: Duration) -> Changes {
        let position = cursor
            .and_then(|cursor| cursor.split_once('.'))
            .filter(|(instance, _)| *instance == self.instance)
            .and_then(|(_, position)| position.parse().ok());
        let Some(position) = position else {
            return self.resync();
        };
        let _ = tokio::time::timeout(patience, self.grown_past(position)).await;
        let Some((entries, end)) = self.entries_from(position) else {
            return self.resync();
        };
        let mut answer = Changes {
            cursor: self.cursor(end),
            resync: false,
            changes: Vec::new(),
            uploads: Vec::new(),
        };
        for entry in entries {
            match entry {
                Entry::Video(change) => answer.changes.push(change),
                Entry::Upload(change) => answer.uploads.push(change),
            }
        }
        answer
    }

    fn resync(&self) -> Changes {
        Changes {
            cursor: self.cursor(self.end()),
            resync: true,
            changes: Vec::new(),
            uploads: Vec::new(),
        }
    }

    fn cursor(&self, position: u64) -> String {
        format!("{}.{position}", self.instance)
    }
}

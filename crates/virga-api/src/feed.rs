//! The feed of changes in this process: one tail of the table, a ring of the latest lines, and
//! readers that wait. A cursor is a place in the table, so that any process answers any cursor: from
//! its ring, else from the table. One that the table cannot answer is answered with `resync`.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use virga_app::App;
use virga_core::{
    Result,
    wire::{Changes, UploadChange, VideoChange},
};
use virga_db::changes::{self, ChangeRow, Line};

use crate::session_ends::Ends;

const POLL: Duration = Duration::from_millis(250);
const BATCH: u64 = 500;
const KEPT: usize = 10_000;
/// A `resync` tells the lines of this time again. A reader that forgot a line must not take the
/// document from before it for the newest; the document is written some moments after its line.
const TOLD_AGAIN: Duration = Duration::from_secs(600);

/// What readers of the feed get.
#[derive(Clone, Debug)]
enum Entry {
    Video(VideoChange),
    Upload(UploadChange),
}

#[derive(Debug)]
struct Ring {
    /// Every line after this place is kept.
    from: i64,
    /// The table was read up to this place.
    seen: i64,
    /// Lines with their places; one of the table may be several here.
    lines: VecDeque<(i64, Entry)>,
}

impl Ring {
    fn after(head: i64) -> Self {
        Self {
            from: head,
            seen: head,
            lines: VecDeque::new(),
        }
    }

    /// The latest of these lines are kept; one of the table goes as a whole.
    fn keep(&mut self, most: usize) {
        while self.lines.len() > most {
            let Some((gone, _)) = self.lines.pop_front() else {
                return;
            };
            self.from = gone;
            while self.lines.front().is_some_and(|(seq, _)| *seq == gone) {
                self.lines.pop_front();
            }
        }
    }

    /// Lines after a place, and up to where they tell all; `None`: some are no longer kept.
    fn read(&self, place: i64) -> Option<(Vec<Entry>, i64)> {
        if place < self.from {
            return None;
        }
        let first = self.lines.partition_point(|(seq, _)| *seq <= place);
        let lines = self.lines.iter().skip(first);
        let lines = lines.map(|(_, entry)| entry.clone()).collect();
        Some((lines, self.seen.max(place)))
    }
}

/// The ring and who waits for it.
#[derive(Debug)]
pub(crate) struct Feed {
    ring: Mutex<Ring>,
    head: i64,
    /// Sessions that ended.
    pub(crate) ends: Ends,
    /// Place of the latest line for readers.
    grown: watch::Sender<i64>,
}

/// The lines for readers that one row of the table becomes.
fn entries(line: Line) -> Vec<Entry> {
    match line {
        Line::Video(change) => vec![Entry::Video(change)],
        Line::Upload(change) => vec![Entry::Upload(change)],
        Line::Ended(_) | Line::Unknown => Vec::new(),
    }
}

fn answer(entries: impl IntoIterator<Item = Entry>, cursor: i64, resync: bool) -> Changes {
    let mut answer = Changes {
        cursor: cursor.to_string(),
        resync,
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

impl Feed {
    pub(crate) async fn open(app: &App) -> Result<Self> {
        let head = changes::head(app.db.read()).await?;
        Ok(Self {
            ring: Mutex::new(Ring::after(head)),
            head,
            ends: Ends::after(head),
            grown: watch::Sender::new(head),
        })
    }

    /// Follows the table until `stop`. Sequence order is commit order on every database
    /// (`changes::append`), so nothing appears behind what was read.
    pub(crate) async fn tail(self: Arc<Self>, app: App, stop: CancellationToken) {
        let mut seen = self.head;
        loop {
            let woken = app.wake.changes.notified();
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
        let (mut lines, mut ends) = (Vec::new(), Vec::new());
        for ChangeRow { seq, line } in rows {
            match line {
                Line::Ended(end) => ends.push((seq, end)),
                line => lines.extend(entries(line).into_iter().map(|it| (seq, it))),
            }
        }
        self.ends
            .note(ends.into_iter(), seen, whole.then_some(asked));
        let newest = lines.last().map(|(seq, _)| *seq);
        let mut ring = self.ring();
        ring.lines.extend(lines);
        ring.seen = seen;
        ring.keep(KEPT);
        if let Some(newest) = newest {
            self.grown.send_replace(newest);
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place up to which this process has read.
    pub(crate) fn end(&self) -> i64 {
        self.ring().seen
    }

    /// Videos that changed after a place, and the new one; `None`: that place is no longer kept.
    pub(crate) fn from(&self, place: i64) -> Option<(Vec<VideoChange>, i64)> {
        let (entries, end) = self.ring().read(place)?;
        let videos = entries.into_iter().filter_map(|entry| match entry {
            Entry::Video(change) => Some(change),
            Entry::Upload(_) => None,
        });
        Some((videos.collect(), end))
    }

    /// Waits until the feed has grown past a place.
    pub(crate) async fn grown_past(&self, place: i64) {
        let mut grown = self.grown.subscribe();
        let _ = grown.wait_for(|end| *end > place).await;
    }

    /// Answers a reader's long poll.
    pub(crate) async fn poll(
        &self,
        app: &App,
        cursor: Option<&str>,
        patience: Duration,
    ) -> Result<Changes> {
        // Another release's cursor is no number.
        let Some(place) = cursor.and_then(|cursor| cursor.parse().ok()) else {
            return self.resync(app).await;
        };
        let (from, seen) = {
            let ring = self.ring();
            (ring.from, ring.seen)
        };
        if place < from {
            return self.read_table(app, place).await;
        }
        // Another process may have read further than this one; nobody further than the table goes.
        if place > seen && changes::head(app.db.read()).await? < place {
            return self.resync(app).await;
        }
        let _ = tokio::time::timeout(patience, self.grown_past(place)).await;
        let read = self.ring().read(place);
        match read {
            Some((entries, end)) => Ok(answer(entries, end, false)),
            None => self.read_table(app, place).await,
        }
    }

    /// What the table has after a place that the ring no longer holds.
    async fn read_table(&self, app: &App, place: i64) -> Result<Changes> {
        let rows = changes::after(app.db.read(), place, BATCH).await?;
        // Read after the rows: if the sweeper removed some in between, this shows it.
        let oldest = changes::oldest(app.db.read()).await?;
        let all = oldest.is_some_and(|oldest| oldest <= place.saturating_add(1));
        match rows.last().map(|row| row.seq) {
            Some(last) if all => Ok(answer(told(rows), last, false)),
            _ => self.resync(app).await,
        }
    }

    /// Has a reader forget what it knows, and tells it the lines of late again.
    async fn resync(&self, app: &App) -> Result<Changes> {
        let since = app.clock.now().minus(TOLD_AGAIN);
        // Before the rows are read, which then are all up to there.
        let seen = self.end();
        let first = changes::first_since(app.db.read(), since).await?;
        let place = first.map_or(seen, |first| first - 1);
        let rows = changes::after(app.db.read(), place, BATCH).await?;
        let last = rows.last().map_or(place, |row| row.seq);
        let more = rows.len() as u64 >= BATCH;
        let cursor = if more { last } else { last.max(seen) };
        Ok(answer(told(rows), cursor, true))
    }
}

fn told(rows: Vec<ChangeRow>) -> impl Iterator<Item = Entry> {
    rows.into_iter().flat_map(|row| entries(row.line))
}

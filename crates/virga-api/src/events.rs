//! `GET /events`: server-sent events for up to 50 videos. On connect the present state of each,
//! then the hub's events; viewers who may change a video also receive its progress.

use axum::{
    extract::State,
    response::sse::{Event as Line, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{broadcast, mpsc};
use virga_core::{
    Code, Failure, Result, VideoId,
    counts::EVENT_STREAMS,
    permission::{Action, Viewer, authorize},
    video::VideoState,
    wire::{Effect, Event},
};
use virga_db::{VideoRow, accounts, videos};
use virga_http::Query;

use crate::{
    ApiState,
    caller::Caller,
    hub::{Progress, Subscription, Updates},
};

const MOST: usize = 50;
/// A browser whose stream broke comes again after so many milliseconds, each after its own time, and
/// not all who listened to one process at once.
const AGAIN: std::ops::Range<u64> = 2000..8000;
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `?videos=id,id…`
#[derive(Debug, Deserialize)]
pub(crate) struct EventsQuery {
    #[serde(default)]
    videos: String,
}

impl EventsQuery {
    fn ids(&self) -> Result<Vec<VideoId>> {
        let ids: Vec<VideoId> = self
            .videos
            .split(',')
            .filter(|text| !text.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| Failure::not_found("video"))?;
        if ids.is_empty() || ids.len() > MOST {
            let detail = format!("Name 1 to {MOST} videos.");
            return Err(Failure::new(Code::EventsCount, detail));
        }
        Ok(ids)
    }
}

/// Server-sent `state`, `progress` and `presentation` events of the named videos.
#[utoipa::path(get, path = "/events", tag = "events",
    params(("videos" = String, Query, description = "Up to 50 ids, joined by commas",
        pattern = "^[0-9A-Za-z]{11}(,[0-9A-Za-z]{11}){0,49}$")),
    security((), ("token" = [])),
    responses((status = 200, content_type = "text/event-stream", body = Event),
        (status = 404)))]
pub(crate) async fn events(
    State(state): State<ApiState>,
    caller: Caller,
    Query(wanted): Query<EventsQuery>,
) -> virga_http::Result<Sse<impl Stream<Item = Result<Line, Infallible>>>> {
    let ids = wanted.ids()?;
    let place = state.event_places().take(caller.network()).ok_or_else(|| {
        let detail = "Too many event streams are open. Close one first.";
        Failure::new(Code::EventsTooMany, detail).after(15)
    })?;
    // Subscribe before reading the rows, so that no change in between is missed.
    let videos = ids.iter().map(|id| state.hub.follow_video(*id)).collect();
    let updates = state.hub.updates();
    let from = state.feed.end();
    let rows = videos::find_many(state.app.db.read(), &ids).await?;
    for id in &ids {
        let row = rows.iter().find(|row| row.id == *id);
        let row = row.ok_or_else(|| Failure::not_found("video"))?;
        authorize(&caller.viewer, row.facts(), Action::View)?;
    }
    let (sender, receiver) = mpsc::channel(64);
    let stop = state.stop.clone();
    let again = again(&state);
    let session = caller.token_hash.as_deref();
    let listener = Listener {
        _session: session.map(|hash| state.hub.follow_session(hash)),
        _videos: videos,
        state,
        viewer: caller.viewer,
        token_hash: caller.token_hash,
        sender,
        seen: HashMap::new(),
    };
    // Ends by itself when the browser goes: its receiver is dropped and the next send fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "bound to the connection and to `stop`"
    )]
    tokio::spawn(async move {
        let _open = EVENT_STREAMS.hold();
        tokio::select! {
            _ = stop.run_until_cancelled(listener.run(rows, updates, from)) => {}
            () = place.revoked() => {}
        }
    });
    let lines = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let event: Event = receiver.recv().await?;
        let line = Line::default().event(event.name()).json_data(&event).ok()?;
        Some((Ok(line), receiver))
    });
    let first = futures_util::stream::once(async move { Ok(Line::default().retry(again)) });
    Ok(Sse::new(first.chain(lines)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("")))
}

fn again(state: &ApiState) -> Duration {
    let dice = u64::from_le_bytes(state.app.entropy.bytes::<8>());
    Duration::from_millis(AGAIN.start + dice % (AGAIN.end - AGAIN.start))
}

struct Watched {
    state: VideoState,
    version: i64,
    progress: f64,
    /// Held while there is work, of which the viewer may know.
    work: Option<Subscription<VideoId>>,
}

struct Listener {
    state: ApiState,
    viewer: Viewer,
    /// The session that the viewer came with.
    token_hash: Option<String>,
    sender: mpsc::Sender<Event>,
    seen: HashMap<VideoId, Watched>,
    _videos: Vec<Subscription<VideoId>>,
    _session: Option<Subscription<String>>,
}

/// The browser went away, its session ended, or it fell behind.
struct Closed;

type UpdateReceiver = broadcast::Receiver<Arc<Updates>>;

impl Listener {
    async fn run(mut self, rows: Vec<VideoRow>, updates: UpdateReceiver, from: i64) {
        let _ = self.listen(rows, updates, from).await;
    }

    async fn listen(
        &mut self,
        rows: Vec<VideoRow>,
        mut updates: UpdateReceiver,
        from: i64,
    ) -> Result<(), Closed> {
        let hub = Arc::clone(&self.state.hub);
        let (mut progress, mut ended_sessions) = (hub.progress(), hub.ended_sessions());
        let mut ended = self.state.feed.ends.watch();
        for row in rows {
            self.send_snapshot(&row).await?;
        }
        // An end that was reported while the request was on its way.
        self.check_named().await?;
        loop {
            tokio::select! {
                // First whether the viewer may hear anything.
                biased;
                () = self.sender.closed() => return Err(Closed),
                Ok(()) = ended.changed() => self.check_named().await?,
                Ok(()) = ended_sessions.changed() => {
                    let now = Arc::clone(&ended_sessions.borrow_and_update());
                    self.check_not_ended(&now)?;
                }
                batch = updates.recv() => {
                    // Who falls behind is sent away and comes back fresh.
                    let batch = batch.map_err(|_| Closed)?;
                    if batch.until > from {
                        self.take(&batch).await?;
                    }
                }
                Ok(()) = progress.changed() => {
                    let now = Arc::clone(&progress.borrow_and_update());
                    self.progress(&now).await?;
                }
            }
        }
    }

    async fn take(&mut self, updates: &Updates) -> Result<(), Closed> {
        if updates.is_all_lost() {
            return Err(Closed);
        }
        for (change, row) in &updates.changes {
            if self.seen.contains_key(&change.video) {
                self.changed(change.video, change.effect, row.as_ref())
                    .await?;
            }
        }
        Ok(())
    }

    fn check_not_ended(&self, ended: &HashSet<String>) -> Result<(), Closed> {
        match &self.token_hash {
            Some(hash) if ended.contains(hash) => Err(Closed),
            _ => Ok(()),
        }
    }

    /// Ends the stream if the viewer signed out, here or everywhere, or was blocked.
    async fn check_session(&self) -> Result<(), Closed> {
        let Some(hash) = &self.token_hash else {
            return Ok(());
        };
        let app = &self.state.app;
        match accounts::session(app.db.read(), hash, app.clock.now()).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(_) => Err(Closed),
        }
    }

    /// The same at once, if the feed reported the end of this session or account.
    async fn check_named(&self) -> Result<(), Closed> {
        match (&self.token_hash, self.viewer.user_id()) {
            (Some(hash), Some(user)) if self.state.feed.ends.name(hash, user) => {
                self.check_session().await
            }
            _ => Ok(()),
        }
    }

    async fn send(&self, event: Event) -> Result<(), Closed> {
        self.sender.send(event).await.map_err(|_| Closed)
    }

    async fn send_state(&self, row: &VideoRow) -> Result<(), Closed> {
        let may_edit = authorize(&self.viewer, row.facts(), Action::Edit).is_ok();
        self.send(Event::State {
            id: row.id,
            state: row.state,
            failure: row.failure.clone().filter(|_| may_edit),
            failure_code: row.failure_code.clone().filter(|_| may_edit),
        })
        .await
    }

    async fn send_snapshot(&mut self, row: &VideoRow) -> Result<(), Closed> {
        let seen = Watched {
            state: row.state,
            version: row.presentation_version,
            progress: -1.0,
            work: self.work(row),
        };
        self.seen.insert(row.id, seen);
        self.send_state(row).await?;
        if row.state.plays() {
            let version = row.presentation_version;
            self.send(Event::Presentation {
                id: row.id,
                version,
            })
            .await?;
        }
        Ok(())
    }

    /// Has the work of a video looked at, where there is some and the viewer may know.
    fn work(&self, row: &VideoRow) -> Option<Subscription<VideoId>> {
        let working = matches!(row.state, VideoState::Processing | VideoState::Playable);
        let may_edit = working && authorize(&self.viewer, row.facts(), Action::Edit).is_ok();
        may_edit.then(|| self.state.hub.follow_work(row.id))
    }

    async fn changed(
        &mut self,
        id: VideoId,
        effect: Effect,
        row: Option<&VideoRow>,
    ) -> Result<(), Closed> {
        let allowed = row.filter(|row| authorize(&self.viewer, row.facts(), Action::View).is_ok());
        let Some(row) = allowed else {
            self.seen.remove(&id);
            return self
                .send(Event::State {
                    id,
                    state: VideoState::Deleted,
                    failure: None,
                    failure_code: None,
                })
                .await;
        };
        let work = self.work(row);
        let Some(seen) = self.seen.get_mut(&id) else {
            return Ok(());
        };
        seen.work = work;
        let moved = std::mem::replace(&mut seen.state, row.state) != row.state;
        let newer = std::mem::replace(&mut seen.version, row.presentation_version)
            < row.presentation_version;
        if moved || effect == Effect::Restrict {
            self.send_state(row).await?;
        }
        if newer && row.state.plays() {
            let version = row.presentation_version;
            self.send(Event::Presentation { id, version }).await?;
        }
        Ok(())
    }

    async fn progress(&mut self, now: &HashMap<VideoId, Progress>) -> Result<(), Closed> {
        let mut moved = Vec::new();
        for (id, seen) in &mut self.seen {
            let Some(progress) = seen.work.as_ref().and_then(|_| now.get(id)) else {
                continue;
            };
            // While someone waits for it, the time that is left moves.
            if (progress.share - seen.progress).abs() >= 0.005 || progress.plays_in.is_some() {
                seen.progress = progress.share;
                moved.push((*id, *progress));
            }
        }
        for (id, Progress { share, plays_in }) in moved {
            self.send(Event::Progress {
                id,
                progress: share,
                plays_in,
            })
            .await?;
        }
        Ok(())
    }
}

//! `GET /events`: server-sent events for up to 50 videos. On connect the present state of each,
//! then what the feed brings; progress is read from job rows once a second while someone listens.

use axum::{
    extract::State,
    response::sse::{Event as Line, KeepAlive, Sse},
};
use futures_util::Stream;
use serde::Deserialize;
use std::{collections::HashMap, convert::Infallible, time::Duration};
use tokio::sync::mpsc;
use virga_core::{
    Failure, Kind, Result, VideoId,
    counts::EVENT_STREAMS,
    permission::{Action, Viewer, authorize},
    video::VideoState,
    wire::{Effect, Event},
};
use virga_db::{VideoRow, accounts, jobs, videos};
use virga_http::Query;

use crate::{ApiState, caller::Caller, present};

const MOST: usize = 50;
/// Streams at once; viewers' addresses share them fairly.
pub(crate) const MOST_OF_ALL: usize = 2000;
const PROGRESS: Duration = Duration::from_secs(1);
/// How often a stream looks whether its session still lives.
const SESSION_CHECK: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `?videos=id,id…`
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    videos: String,
}

impl Wanted {
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
            return Err(Failure::new(Kind::Malformed, "events.count", detail));
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
    Query(wanted): Query<Wanted>,
) -> virga_http::Result<Sse<impl Stream<Item = Result<Line, Infallible>>>> {
    let ids = wanted.ids()?;
    let place = state.streams.take(caller.network()).ok_or_else(|| {
        let detail = "Too many event streams are open. Close one first.";
        Failure::new(Kind::TooMany, "events.too-many", detail).after(15)
    })?;
    let from = state.feed.end();
    let rows = videos::find_many(state.app.db.read(), &ids)
        .await
        .map_err(Failure::from)?;
    for id in &ids {
        let row = rows.iter().find(|row| row.id == *id);
        let row = row.ok_or_else(|| Failure::not_found("video"))?;
        authorize(&caller.viewer, row.facts(), Action::View)?;
    }
    let (sender, receiver) = mpsc::channel(64);
    let stop = state.stop.clone();
    let listener = Listener {
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
            _ = stop.run_until_cancelled(listener.run(rows, from)) => {}
            () = place.revoked() => {}
        }
    });
    let lines = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let event: Event = receiver.recv().await?;
        let line = Line::default().event(event.name()).json_data(&event).ok()?;
        Some((Ok(line), receiver))
    });
    Ok(Sse::new(lines).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("")))
}

struct Seen {
    state: VideoState,
    version: i64,
    progress: f64,
}

struct Listener {
    state: ApiState,
    viewer: Viewer,
    /// The session that the viewer came with.
    token_hash: Option<String>,
    sender: mpsc::Sender<Event>,
    seen: HashMap<VideoId, Seen>,
}

/// The browser went away, its session ended, or rows cannot be read.
struct Over;

impl Listener {
    async fn run(mut self, rows: Vec<VideoRow>, from: i64) {
        let _ = self.listen(rows, from).await;
    }

    async fn listen(&mut self, rows: Vec<VideoRow>, mut position: i64) -> Result<(), Over> {
        for row in rows {
            self.greet(&row).await?;
        }
        let mut tick = tokio::time::interval(PROGRESS);
        let mut session = tokio::time::interval(SESSION_CHECK);
        let mut ended = self.state.feed.ends.watch();
        loop {
            tokio::select! {
                () = self.state.feed.grown_past(position) => {
                    // A reader that fell out of the ring is sent away and comes back fresh.
                    let (changes, end) = self.state.feed.from(position).ok_or(Over)?;
                    position = end;
                    for change in changes {
                        if self.seen.contains_key(&change.video) {
                            self.changed(change.video, change.effect).await?;
                        }
                    }
                }
                _ = tick.tick() => self.progress().await?,
                _ = session.tick() => self.check_session().await?,
                Ok(()) = ended.changed() => self.check_named().await?,
                () = self.sender.closed() => return Err(Over),
            }
        }
    }

    /// Whoever signed out, here or everywhere, or was blocked, hears nothing more.
    async fn check_session(&self) -> Result<(), Over> {
        let Some(hash) = &self.token_hash else {
            return Ok(());
        };
        let app = &self.state.app;
        match accounts::session(app.db.read(), hash, app.clock.now()).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(_) => Err(Over),
        }
    }

    /// The same at once, when the feed told of this session or account.
    async fn check_named(&self) -> Result<(), Over> {
        match (&self.token_hash, self.viewer.user_id()) {
            (Some(hash), Some(user)) if self.state.feed.ends.name(hash, user) => {
                self.check_session().await
            }
            _ => Ok(()),
        }
    }

    async fn send(&self, event: Event) -> Result<(), Over> {
        self.sender.send(event).await.map_err(|_| Over)
    }

    async fn send_state(&self, row: &VideoRow) -> Result<(), Over> {
        let told = authorize(&self.viewer, row.facts(), Action::Edit).is_ok();
        self.send(Event::State {
            id: row.id,
            state: row.state,
            failure: row.failure.clone().filter(|_| told),
            failure_code: row.failure_code.clone().filter(|_| told),
        })
        .await
    }

    async fn greet(&mut self, row: &VideoRow) -> Result<(), Over> {
        let seen = Seen {
            state: row.state,
            version: row.presentation_version,
            progress: -1.0,
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

    async fn changed(&mut self, id: VideoId, effect: Effect) -> Result<(), Over> {
        let row = videos::find(self.state.app.db.read(), id)
            .await
            .map_err(|_| Over)?;
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
        let Some(seen) = self.seen.get_mut(&id) else {
            return Ok(());
        };
        let moved = std::mem::replace(&mut seen.state, row.state) != row.state;
        let newer = std::mem::replace(&mut seen.version, row.presentation_version)
            < row.presentation_version;
        if moved || effect == Effect::Restrict {
            self.send_state(&row).await?;
        }
        if newer && row.state.plays() {
            let version = row.presentation_version;
            self.send(Event::Presentation { id, version }).await?;
        }
        Ok(())
    }

    async fn progress(&mut self) -> Result<(), Over> {
        let unfinished: Vec<VideoId> = self
            .seen
            .iter()
            .filter(|(_, seen)| matches!(seen.state, VideoState::Processing | VideoState::Playable))
            .map(|(id, _)| *id)
            .collect();
        if unfinished.is_empty() {
            return Ok(());
        }
        let mut jobs = jobs::of_videos(self.state.app.db.read(), &unfinished)
            .await
            .map_err(|_| Over)?;
        for id in unfinished {
            let jobs = jobs.remove(&id).unwrap_or_default();
            let Some(progress) = present::progress(&jobs) else {
                continue;
            };
            let Some(seen) = self.seen.get_mut(&id) else {
                continue;
            };
            if (progress - seen.progress).abs() >= 0.005 {
                seen.progress = progress;
                self.send(Event::Progress { id, progress }).await?;
            }
        }
        Ok(())
    }
}

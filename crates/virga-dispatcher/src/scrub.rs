//! Reads every object slowly, again and again, and compares it with its digest, so that a disk that
//! loses bytes is noticed while there is still a good copy somewhere.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use virga_app::{App, Look};
use virga_core::{Failure, MediaKey};
use virga_db::{VideoRow, digests, settings, usage, videos};

use crate::Dispatcher;

/// An object that was read this short a time ago is passed over.
const AGAIN: Duration = Duration::from_secs(7 * 24 * 3600);
/// Whose turn it is, of several dispatchers: `until-micros worker`.
const TURN: &str = "scrub.turn";
/// How long a turn lasts without a sign of life.
const TURN_LASTS: Duration = Duration::from_secs(600);
/// The video after which it continues.
const CURSOR: &str = "scrub.cursor";
/// Between two looks at whether there is something to do.
const PAUSE: Duration = Duration::from_secs(60);
const PAGE: u64 = 20;
/// Shorter pauses are added up.
const SHORTEST: Duration = Duration::from_millis(20);

/// Runs until `stop`.
pub(crate) async fn run(dispatcher: Dispatcher, stop: CancellationToken) {
    if dispatcher.scrub > 0 {
        stop.run_until_cancelled(rounds(&dispatcher)).await;
    }
}

async fn rounds(dispatcher: &Dispatcher) {
    loop {
        match page(dispatcher).await {
            Ok(true) => {}
            Ok(false) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(%error, "checking objects failed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Reads the next few videos; `false`: there is nothing to do now.
async fn page(dispatcher: &Dispatcher) -> Result<bool, Failure> {
    let app = &dispatcher.app;
    if !take_turn(dispatcher).await? {
        return Ok(false);
    }
    let after = settings::get(app.db.read(), CURSOR).await?;
    let rows = videos::ids_after(app.db.read(), &after.unwrap_or_default(), PAGE).await?;
    let next = rows.last().map(|row| row.id.to_string());
    for row in &rows {
        check(dispatcher, row).await?;
    }
    settings::set(app.db.write(), CURSOR, next.as_deref().unwrap_or("")).await?;
    Ok(next.is_some())
}

/// One dispatcher reads at a time. One that loses its turn while it reads a video finishes that one, which
/// does no harm.
async fn take_turn(dispatcher: &Dispatcher) -> Result<bool, Failure> {
    let Dispatcher { app, worker, .. } = dispatcher;
    app.lead(TURN, worker, TURN_LASTS).await
}

async fn check(dispatcher: &Dispatcher, row: &VideoRow) -> Result<(), Failure> {
    let app = &dispatcher.app;
    if row.deleted_at.is_some() {
        return Ok(());
    }
    for key in app.lasting_objects(row).await? {
        let known = digests::find(app.db.read(), &key).await?;
        let due = app.clock.now().minus(AGAIN);
        if known.is_some_and(|row| row.checked_at > due) {
            continue;
        }
        take_turn(dispatcher).await?;
        match read(app, &key, dispatcher.scrub).await? {
            Look::Damaged(detail) => tracing::error!(
                object = %key,
                detail,
                "an object is damaged; `virga fsck --deep --repair` rebuilds it if its source is intact"
            ),
            Look::Noted(_) => usage::count_made(app.db.write(), row.id).await?,
            Look::Sound(_) | Look::Gone => {}
        }
    }
    Ok(())
}

/// Reads an object at so many bytes a second.
async fn read(app: &App, key: &MediaKey, rate: u64) -> Result<Look, Failure> {
    let mut owed = 0_u64;
    app.look_at(key, move |bytes| {
        owed += bytes as u64;
        let pause = Duration::from_micros(owed.saturating_mul(1_000_000) / rate.max(1));
        let long = pause > SHORTEST;
        if long {
            owed = 0;
        }
        async move {
            if long {
                tokio::time::sleep(pause).await;
            }
        }
    })
    .await
}

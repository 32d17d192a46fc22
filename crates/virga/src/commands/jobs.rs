//! `jobs list`, `retry`, `rebuild`, `stop`: straight on the database; running workers notice.

use std::{collections::HashMap, process::ExitCode};

use virga_core::{VideoId, job::JobState};
use virga_db::{Db, JobRow, admin, videos};

use super::say;
use crate::{
    cli::Jobs,
    config::Config,
    parts::{self, RoleParts},
};

/// Rows that are read at a time.
const PAGE: u64 = 500;

pub(crate) async fn run(config: &Config, command: Jobs) -> anyhow::Result<ExitCode> {
    let db = parts::existing_database(config).await?;
    if let Jobs::List { failed } = command {
        if failed {
            list_failed(&db).await?;
        } else {
            list_open(&db).await?;
        }
        db.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    let app = RoleParts::open(config.clone()).await?.app(db);
    match command {
        Jobs::List { .. } => {}
        Jobs::Retry { video } => {
            app.retry_video(video).await?;
            say(format!("What failed of {video} is tried again."));
        }
        Jobs::Rebuild { video } => {
            app.remake_video(video).await?;
            say(format!("{video} is made again from its file."));
        }
        Jobs::Stop { video } => {
            app.cancel_video(video).await?;
            say(format!(
                "The work on {video} is stopped; `virga jobs retry {video}` starts it again."
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list_open(db: &Db) -> anyhow::Result<()> {
    let mut last = None;
    loop {
        let rows = admin::open_jobs(db.read(), last, PAGE).await?;
        let titles = titles(db, &rows).await?;
        for row in &rows {
            say(line(row, &titles, &standing(row)));
        }
        let Some(row) = rows.last() else { break };
        last = Some(row.id);
    }
    if last.is_none() {
        say("No job waits or runs.");
    }
    Ok(())
}

async fn list_failed(db: &Db) -> anyhow::Result<()> {
    let mut last = None;
    loop {
        let rows = admin::failed_jobs(db.read(), last, PAGE).await?;
        let titles = titles(db, &rows).await?;
        for row in &rows {
            let why = row.error.as_deref().unwrap_or("no reason is known");
            say(line(row, &titles, &format!("{}: {why}", row.updated_at)));
            for said in row.encoder_log.iter().flat_map(|log| log.lines()) {
                say(format!("    | {said}"));
            }
        }
        let Some(row) = rows.last() else { break };
        last = Some(row.id);
    }
    if last.is_none() {
        say("No job has failed.");
    }
    Ok(())
}

async fn titles(db: &Db, rows: &[JobRow]) -> anyhow::Result<HashMap<VideoId, String>> {
    let ids: Vec<VideoId> = rows.iter().map(|row| row.video).collect();
    let found = videos::find_many(db.read(), &ids).await?;
    Ok(found.into_iter().map(|row| (row.id, row.title)).collect())
}

/// The job and its film, and how it stands on a line of its own.
fn line(row: &JobRow, titles: &HashMap<VideoId, String>, standing: &str) -> String {
    let title = titles.get(&row.video).map_or("", String::as_str);
    format!(
        "{}  {:<10}  {title}\n    {standing}",
        row.video,
        row.kind().as_str()
    )
}

fn standing(row: &JobRow) -> String {
    match row.state {
        JobState::Leased => format!("running, {} % on {}", row.progress / 10, row.worker),
        JobState::Waiting => "waiting for its parts".to_owned(),
        JobState::Queued | JobState::Done | JobState::Failed => match &row.error {
            Some(why) => format!("waiting until {}: {why}", row.run_at),
            None => "waiting".to_owned(),
        },
    }
}

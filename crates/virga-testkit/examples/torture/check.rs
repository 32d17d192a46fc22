//! Whether the site kept what it acknowledged, did everything once, and left nothing behind.

use reqwest::Method;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};
use virga_testkit::{Person, sha256};

use crate::{
    clips::Kind,
    ledger::{Film, Ledger},
    people::{delete, look},
    stage::{Rows, Stage},
    viewers::watch_all,
};

/// Work stands still if for so long no job ends.
const STANDSTILL: Duration = Duration::from_secs(150);

const OPEN: &str = "state NOT IN ('done', 'failed')";

/// What a kind is made into when nothing goes wrong.
pub(crate) type Calm = BTreeMap<usize, Made>;

/// What was made of a video.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    tracks: Vec<String>,
    /// Each publication adds one.
    version: u64,
    /// Whether a track was published while it was made: one whose maker died is withdrawn and published
    /// again, and so are more versions.
    grew: bool,
}

/// Reads that of videos that were left alone.
pub(crate) async fn calm(ledger: &Ledger, rows: &Rows) -> anyhow::Result<Calm> {
    let mut calm = Calm::new();
    for (id, film) in ledger.films() {
        calm.insert(film.kind, made_of(rows, &id).await?);
    }
    Ok(calm)
}

async fn made_of(rows: &Rows, id: &str) -> anyhow::Result<Made> {
    let mut made = Made::default();
    let of = format!("FROM tracks WHERE video_id = '{id}'");
    for track in rows.ask(&["name", "kind", "height"], &of).await? {
        // The rest of a name is the number of the job that made it.
        let name = track["name"].as_str().unwrap_or_default();
        let (role, job) = name.split_once('-').unwrap_or((name, ""));
        made.grew |= job.ends_with('g');
        let track = format!("{role} {} {}", track["kind"], track["height"]);
        made.tracks.push(track);
    }
    made.tracks.sort();
    let of = format!("FROM videos WHERE id = '{id}'");
    made.version = rows.count("presentation_version", &of).await?;
    Ok(made)
}

/// Waits until every video is ready or failed; what is neither is said.
pub(crate) async fn settle(ledger: &Ledger, rows: &Rows) -> anyhow::Result<()> {
    let mut moved = Instant::now();
    let mut before = (0, String::new());
    loop {
        look(ledger).await;
        let films = ledger.films();
        let open: Vec<&(String, Film)> = films
            .iter()
            .filter(|(_, film)| film.digest.is_some() && !film.is_settled())
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let working = format!("FROM jobs WHERE {OPEN} AND kind <> 'purge'");
        let jobs = rows.ask(&["id", "state", "progress"], &working);
        let now = (open.len(), format!("{:?}", jobs.await?));
        if now != before {
            (before, moved) = (now, Instant::now());
        }
        if moved.elapsed() > STANDSTILL {
            for (id, film) in open {
                ledger.violation(format!("{id}: still {:?} while nothing moves", film.state));
            }
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What ran out of tries is tried again by its owner, now that nothing disturbs it; how many.
pub(crate) async fn retry(ledger: &Ledger, kinds: &[Kind]) -> BTreeMap<String, u64> {
    let mut reasons = BTreeMap::new();
    for (id, film) in ledger.films() {
        let lost = film.state == "failed" && (!kinds[film.kind].refused || film.code == "gave_up");
        if film.deleted || (!lost && film.warnings.is_empty()) {
            continue;
        }
        let reason = format!("{} {:?} {}", film.code, film.warnings, film.failure);
        *reasons.entry(reason).or_default() += 1;
        let path = format!("/api/v1/videos/{id}/retry");
        let ask = || film.owner.request(Method::POST, &path).json(&json!({}));
        let answer = ledger.insist("a retry", &film.owner, ask).await;
        match answer {
            Some(answer) if answer.status == 202 => {
                ledger.note(&id, |film| {
                    "processing".clone_into(&mut film.state);
                    film.retried = true;
                });
            }
            Some(answer) => ledger.violation(format!("{id}: no retry: {}", answer.text())),
            None => {}
        }
    }
    reasons
}

/// Each video against what was acknowledged.
pub(crate) async fn films(
    ledger: &Ledger,
    rows: &Rows,
    kinds: &[Kind],
    calm: &Calm,
) -> anyhow::Result<()> {
    for (id, film) in ledger.films() {
        let Some(digest) = &film.digest else { continue };
        if film.deleted {
            let path = format!("/api/v1/videos/{id}/playback");
            if let Some(answer) = ledger.get("playback", &film.owner, &path).await
                && answer.status.is_success()
            {
                ledger.violation(format!("{id}: it was deleted and plays"));
            }
            continue;
        }
        for wrong in wrong_with(ledger, &id, &film, digest, &kinds[film.kind]).await {
            ledger.violation(format!("{id} ({}): {wrong}", kinds[film.kind].name));
        }
        let made = made_of(rows, &id).await?;
        let Some(right) = calm.get(&film.kind) else {
            continue;
        };
        // One more or less is a rung that was published twice, or not at all.
        if made.tracks != right.tracks {
            ledger.violation(format!(
                "{id}: its tracks are {:?}, not {:?}",
                made.tracks, right.tracks
            ));
        }
        // Nor does it say how often what arrives was published: an upload may be quicker than the look at it.
        let alone = film.changes == 0 && !film.retried && !right.grew && !kinds[film.kind].arrives;
        if alone && made.version != right.version {
            ledger.violation(format!(
                "{id} ({}): published {} times, not {}",
                kinds[film.kind].name, made.version, right.version
            ));
        }
    }
    Ok(())
}

async fn wrong_with(
    ledger: &Ledger,
    id: &str,
    film: &Film,
    digest: &str,
    kind: &Kind,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let right = if kind.refused { "failed" } else { "ready" };
    if film.state != right {
        wrong.push(format!(
            "{}, not {right}: {} {}",
            film.state, film.code, film.failure
        ));
    }
    if film.state == "failed" && (film.code.is_empty() || film.failure.is_empty()) {
        wrong.push("it failed without a reason".to_owned());
    }
    let path = format!("/api/v1/videos/{id}");
    let shown = ledger.get("a video", &film.owner, &path).await;
    let shown = shown.map(|answer| answer.json()).unwrap_or_default();
    if let Some(visibility) = film.visibility
        && shown["visibility"] != visibility
    {
        wrong.push(format!("it is {}, not {visibility}", shown["visibility"]));
    }
    if shown["comments"] != film.comments {
        wrong.push(format!(
            "{} comments, not {}",
            shown["comments"], film.comments
        ));
    }
    let source = source(ledger, &film.owner, id).await;
    if source.is_none_or(|bytes| sha256(&bytes) != digest) {
        wrong.push("its source is lost or altered".to_owned());
    }
    if film.state == "ready" {
        match watch_all(ledger, id, film).await {
            Ok(segments) if segments.is_empty() => wrong.push("nothing plays".to_owned()),
            Ok(_) => {}
            Err(error) => wrong.push(error),
        }
    }
    wrong
}

async fn source(ledger: &Ledger, owner: &Person, id: &str) -> Option<Vec<u8>> {
    let path = format!("/api/v1/videos/{id}/source");
    let mut answer = ledger.get("a source", owner, &path).await?;
    for _ in 0..5 {
        if answer.status != 302 {
            break;
        }
        let next = answer.location().to_owned();
        answer = ledger.get("a source", owner, &next).await?;
    }
    (answer.status == 200).then_some(answer.body)
}

/// The rows of all videos together.
pub(crate) async fn rows(ledger: &Ledger, rows: &Rows) -> anyhow::Result<()> {
    let asked = [
        (
            "a job failed without a reason",
            "id",
            "FROM jobs WHERE state = 'failed' AND (error IS NULL OR error = '')".to_owned(),
        ),
        (
            "a closed job keeps its key",
            "id",
            "FROM jobs WHERE state IN ('done', 'failed') AND open_key IS NOT NULL".to_owned(),
        ),
        (
            "the presentation is behind its row",
            "id",
            // One whose purge has begun is published no more.
            "FROM videos WHERE published_version < presentation_version \
             AND (purge_at IS NULL OR purge_at <> 0)"
                .to_owned(),
        ),
        (
            "an open job",
            "kind",
            format!("FROM jobs WHERE {OPEN} AND kind <> 'purge'"),
        ),
        (
            "an open job twice",
            "open_key",
            "FROM jobs WHERE open_key IS NOT NULL GROUP BY open_key HAVING COUNT(*) > 1".to_owned(),
        ),
    ];
    for (wrong, column, rest) in asked {
        for row in rows.ask(&[column], &rest).await? {
            ledger.violation(format!("{wrong}: {}", row[column]));
        }
    }
    Ok(())
}

/// `fsck`, which reads all bytes.
pub(crate) fn fsck(ledger: &Ledger, stage: &Stage) -> String {
    let (code, report) = stage.machines[0].run(&["fsck", "--deep"]);
    if code != 0 {
        ledger.violation(format!("fsck: {report}"));
    }
    report.lines().last().unwrap_or_default().to_owned()
}

/// Deletes all videos, and waits until nothing of any is left: row, object, scratch.
pub(crate) async fn clear(ledger: &Ledger, rows: &Rows, stage: &Stage) -> anyhow::Result<()> {
    for (id, film) in ledger.films() {
        if !film.deleted {
            delete(ledger, &film.owner, &id).await;
        }
    }
    let until = Instant::now() + STANDSTILL;
    loop {
        let left = left(rows, stage).await?;
        if left.is_empty() {
            break;
        }
        if Instant::now() > until {
            for left in left {
                ledger.violation(format!("left behind: {left}"));
            }
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let said = fsck(ledger, stage);
    if !said.starts_with("0 videos, 0 objects") {
        ledger.violation(format!("after all is deleted, fsck says: {said}"));
    }
    Ok(())
}

async fn left(rows: &Rows, stage: &Stage) -> anyhow::Result<Vec<String>> {
    let mut left = Vec::new();
    let tables = [
        ("videos", "id", "1 = 1"),
        ("tracks", "video_id", "1 = 1"),
        ("uploads", "id", "1 = 1"),
        ("pieces", "object_key", "1 = 1"),
        ("growing_tracks", "video_id", "1 = 1"),
        ("comments", "id", "1 = 1"),
        ("digests", "video_id", "1 = 1"),
        ("positions", "video_id", "1 = 1"),
        ("jobs", "id", "kind <> 'purge' OR state <> 'done'"),
    ];
    for (table, column, which) in tables {
        let found = rows
            .ask(&[column], &format!("FROM {table} WHERE {which}"))
            .await?;
        left.extend(found.iter().map(|row| format!("{table} {}", row[column])));
    }
    let scratch = fs::read_dir(stage.data().join("scratch"))
        .into_iter()
        .flatten()
        .flatten();
    left.extend(scratch.map(|it| it.path().display().to_string()));
    if stage.objects().is_some() {
        let objects = stage.machines[0].objects();
        left.extend(objects.iter().map(|it| it.display().to_string()));
    }
    Ok(left)
}

//! Rows as the API shows them to one viewer.

use std::{collections::HashMap, time::Duration};
use virga_core::{
    Code, FilmText, MediaKey, Result, Timestamp, UserId,
    job::{JobKind, JobState},
    keys::{grant, grant_expiry},
    paths::{MediaFile, MediaPath},
    permission::{Role, Viewer},
    video::{VideoState, Visibility},
    wire,
};
use virga_db::{
    JobRow, VideoRow,
    accounts::{self, UserRow},
    comments::CommentRow,
    growing, jobs,
};

use crate::ApiState;

/// An account as its owner sees it.
pub(crate) async fn me(state: &ApiState, user: &UserRow) -> Result<wire::Me> {
    let defaults = accounts::upload_defaults(state.app.db.read(), user.id).await?;
    Ok(wire::Me {
        id: user.id,
        name: user.name.clone(),
        role: user.role,
        created_at: user.created_at,
        used_bytes: state.app.used_bytes(user.id).await?,
        quota_bytes: state.app.policy.get().quota_per_user,
        upload_visibility: defaults.visibility,
        publish_at_once: defaults.at_once,
    })
}

/// Videos for a viewer. `work`: look at open jobs too (an owner's list, a single video).
pub(crate) async fn videos(
    state: &ApiState,
    viewer: &Viewer,
    rows: Vec<VideoRow>,
    work: bool,
) -> Result<Vec<wire::Video>> {
    let db = state.app.db.read();
    let names = accounts::names(db, rows.iter().map(|row| row.owner)).await?;
    // Who may not change a finished video sees nothing of its jobs.
    let seen = |row: &VideoRow| is_editable(viewer, row) || row.state.is_unfinished();
    let worked_on = rows
        .iter()
        .filter(|row| work && row.source_key.is_some() && seen(row))
        .map(|row| row.id);
    let jobs = jobs::of_videos(db, &worked_on.collect::<Vec<_>>()).await?;
    let waiting = rows
        .iter()
        .filter(|row| row.state == VideoState::Processing);
    let waiting: Vec<_> = waiting.map(|row| row.id).collect();
    let expected = growing::expected(db, &waiting).await?;
    let show = |row: VideoRow| {
        let jobs = jobs.get(&row.id).map_or(&[][..], Vec::as_slice);
        let plays_at = expected.get(&row.id).copied();
        let shown = video(state, viewer, row, &names, jobs);
        wire::Video { plays_at, ..shown }
    };
    Ok(rows.into_iter().map(show).collect())
}

fn is_editable(viewer: &Viewer, row: &VideoRow) -> bool {
    viewer.is_admin() || viewer.user_id() == Some(row.owner)
}

/// One video for a viewer.
pub(crate) async fn one(state: &ApiState, viewer: &Viewer, row: VideoRow) -> Result<wire::Video> {
    let mut shown = videos(state, viewer, vec![row], true).await?;
    shown
        .pop()
        .ok_or_else(|| virga_core::Failure::not_found("video"))
}

fn video(
    state: &ApiState,
    viewer: &Viewer,
    row: VideoRow,
    names: &HashMap<UserId, String>,
    jobs: &[JobRow],
) -> wire::Video {
    let editable = is_editable(viewer, &row);
    let publish_as = row.planned().filter(|_| editable);
    let poster_widths = poster_widths(row.poster_key.as_ref());
    let poster = row.poster_key.as_ref();
    let path = |file| media_paths(state, &row).0(file);
    let poster = poster.map(|_| path(MediaFile::Poster(0)));
    let storyboard = row.storyboard_key.as_ref();
    let storyboard = storyboard.map(|_| path(MediaFile::Storyboard));
    let note = note(&row).filter(|_| editable);
    wire::Video {
        id: row.id,
        title: row.title,
        description: row.description,
        publish_as,
        visibility: row.visibility,
        state: row.state,
        failure: row.failure.filter(|_| editable),
        failure_code: row.failure_code.filter(|_| editable),
        warnings: if editable {
            warnings(jobs, row.state.plays())
        } else {
            Vec::new()
        },
        note,
        progress: progress(jobs).filter(|_| row.state.is_unfinished()),
        arriving: row.state.plays() && row.source_key.is_none(),
        plays_at: None,
        owner: names.get(&row.owner).cloned().unwrap_or_default(),
        editable,
        duration: seconds(row.duration),
        // Sound alone has none.
        width: row.width.filter(|it| *it > 0),
        height: row.height.filter(|it| *it > 0),
        poster,
        poster_widths,
        storyboard,
        views: row.views,
        comments: row.comments,
        created_at: row.created_at,
        published_at: row.published_at,
        purge_at: row.purge_at,
        presentation_version: row.presentation_version,
    }
}

/// Subtitles and chapters, and where they are.
pub(crate) fn texts(
    row: &VideoRow,
    path: &impl Fn(MediaFile) -> String,
) -> Vec<wire::PlaybackText> {
    let tracks = row.texts.as_ref().map(|texts| texts.tracks.as_slice());
    let text = |text: &FilmText| wire::PlaybackText {
        src: path(MediaFile::Text(text.n)),
        kind: text.kind.to_string(),
        language: text.language.clone(),
        label: text.label.clone(),
        default: text.default,
        forced: text.forced,
    };
    tracks.unwrap_or_default().iter().map(text).collect()
}

/// In English; the pages have it in the reader's language.
const ENDS_EARLY: &str =
    "The file ends early. If the video is not the whole film, upload the file again.";

const LEADING_DATA: &str = "There is other data in front of the film, which was skipped. \
     If something is missing, save the video as a file of its own and upload that.";

/// What the owner should know of the file.
fn note(row: &VideoRow) -> Option<wire::Note> {
    let code = row.note.clone()?;
    let text = match Code::parse(&code) {
        Some(Code::EndsEarly) => ENDS_EARLY,
        Some(Code::LeadingData) => LEADING_DATA,
        _ => "",
    };
    let announced = row.announced.filter(|it| *it > row.duration.unwrap_or(0));
    Some(wire::Note {
        code,
        text: text.to_owned(),
        announced: seconds(announced),
    })
}

/// Microseconds as the wire has them.
#[expect(clippy::cast_precision_loss, reason = "2^53 µs are 285 years")]
pub(crate) fn seconds(micros: Option<i64>) -> Option<f64> {
    micros.map(|micros| micros as f64 / 1e6)
}

fn poster_widths(key: Option<&MediaKey>) -> Vec<u32> {
    let parts = key.map(MediaKey::poster_parts).unwrap_or_default();
    parts.iter().skip(1).map(|part| part.width).collect()
}

/// Jobs that are on hold, with the reason, and, for a video that plays, jobs that failed.
fn warnings(jobs: &[JobRow], plays: bool) -> Vec<wire::Warning> {
    let on_hold = |job: &JobRow| job.state == JobState::Queued && job.error_code.is_some();
    let why = |job: &'_ JobRow| match job.state {
        JobState::Failed if plays => Some(job.clone()),
        JobState::Waiting => {
            let mut children = jobs.iter().filter(|child| child.parent == Some(job.id));
            children.find(|child| on_hold(child)).cloned()
        }
        _ => Some(job.clone()).filter(on_hold),
    };
    let last_of = |kind: JobKind| {
        let mut own = jobs.iter().rev().filter(|job| job.parent.is_none());
        own.find(|job| job.kind() == kind)
    };
    JobKind::ALL
        .iter()
        .filter(|kind| kind.shapes_the_video())
        .filter_map(|kind| last_of(*kind))
        .filter_map(|job| {
            let why = why(job)?;
            Some(wire::Warning {
                job: job.kind().to_string(),
                code: why.error_code.unwrap_or_default(),
                text: why.error.unwrap_or_default(),
            })
        })
        .collect()
}

/// Share of a video's work that is done, long jobs counting more.
pub(crate) fn progress(jobs: &[JobRow]) -> Option<f64> {
    let weight = |job: &JobRow| match job.kind() {
        JobKind::Ladder => 12.0,
        JobKind::FirstRung => 4.0,
        // Takes a moment, and nobody knows of it before the spans are done.
        JobKind::Join => 0.0,
        _ => 1.0,
    };
    let own = || {
        let shaping = jobs.iter().filter(|job| job.kind().shapes_the_video());
        shaping.filter(|job| job.parent.is_none())
    };
    let total: f64 = own().map(weight).sum();
    let done: f64 = own().map(|job| weight(job) * share_done(job, jobs)).sum();
    (total > 0.0).then(|| (done / total).clamp(0.0, 1.0))
}

/// Share of a job that is done; of one that others of `jobs` do for it, the mean of theirs.
pub(crate) fn share_done(job: &JobRow, jobs: &[JobRow]) -> f64 {
    match job.state {
        JobState::Done | JobState::Failed => 1.0,
        JobState::Waiting => {
            let children = || jobs.iter().filter(|child| child.parent == Some(job.id));
            let shares: f64 = children().map(|child| share_done(child, jobs)).sum();
            let count = u32::try_from(children().count()).unwrap_or(u32::MAX);
            shares / f64::from(count.max(1))
        }
        _ => f64::from(job.progress) / 1000.0,
    }
}

/// The addresses of a video's media for viewers who may watch it, and when they expire.
pub(crate) fn media_paths(
    state: &ApiState,
    row: &VideoRow,
) -> (impl Fn(MediaFile) -> String, Option<Timestamp>) {
    let (video, micros) = (row.id, u64::try_from(row.duration.unwrap_or(0)));
    let duration = Duration::from_micros(micros.unwrap_or(0));
    let expires = (row.visibility != Visibility::Public)
        .then(|| grant_expiry(state.app.clock.now(), duration));
    let grant = expires.map(|expires| grant(&state.keys, video, row.epoch, expires));
    let path = move |file| {
        let grant = grant.clone();
        MediaPath { grant, video, file }.to_string()
    };
    (path, expires)
}

/// A comment for a viewer.
pub(crate) fn comment(
    viewer: &Viewer,
    video_owner: UserId,
    row: CommentRow,
    authors: &HashMap<UserId, (String, Role)>,
) -> wire::Comment {
    let (author, role) = authors
        .get(&row.author)
        .cloned()
        .unwrap_or((String::new(), Role::User));
    let own = viewer.user_id() == Some(row.author);
    wire::Comment {
        id: row.id,
        author,
        by_admin: role == Role::Admin,
        text: row.text,
        created_at: row.created_at,
        edited_at: row.edited_at,
        editable: own,
        deletable: own || viewer.is_admin() || viewer.user_id() == Some(video_owner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use virga_core::job::{Job, Span};

    fn row(id: i64, job: Job, state: JobState, progress: i32) -> JobRow {
        let parent = matches!(job, Job::Span(_)).then_some(2);
        JobRow {
            id,
            job,
            video: "abcdefghijk".parse().unwrap(),
            parent,
            state,
            attempts: 1,
            fence: 1,
            run_at: Timestamp(0),
            lease_until: Timestamp(0),
            progress,
            error: None,
            error_code: None,
            encoder_log: None,
            worker: String::new(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn a_job_in_parts_is_as_far_as_they_are() {
        let span = |number| {
            Job::Span(Span {
                number,
                from: 0,
                until: None,
                rungs: Vec::new(),
            })
        };
        let mut jobs = vec![
            row(1, Job::FirstRung, JobState::Done, 1000),
            row(2, Job::Ladder { whole: false }, JobState::Queued, 0),
        ];
        let share = |jobs: &[JobRow]| progress(jobs).unwrap();
        assert!((share(&jobs) - 4.0 / 16.0).abs() < 1e-9);
        jobs[1].state = JobState::Waiting;
        jobs.push(row(3, span(0), JobState::Done, 1000));
        jobs.push(row(4, span(1), JobState::Leased, 500));
        jobs.push(row(5, span(2), JobState::Queued, 0));
        assert!((share(&jobs) - (4.0 + 6.0) / 16.0).abs() < 1e-9);
        assert_eq!(warnings(&jobs, true), []);
        jobs[4].error_code = Some("quota_used".to_owned());
        let held: Vec<String> = warnings(&jobs, true).into_iter().map(|it| it.job).collect();
        assert_eq!(held, ["ladder"]);
        for job in &mut jobs {
            job.state = JobState::Done;
        }
        // What follows does not set it back.
        jobs.push(row(
            6,
            Job::Join {
                ladder: 2,
                rungs: Vec::new(),
            },
            JobState::Queued,
            0,
        ));
        assert!((share(&jobs) - 1.0).abs() < 1e-9);
    }
}

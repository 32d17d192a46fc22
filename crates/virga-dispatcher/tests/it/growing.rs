//! Films that play while they are encoded: published segments never change, even if another worker takes over.

use std::path::Path;

use virga_core::{
    Clock, Code, VideoId,
    job::{JobKind, JobState},
    presentation::{Presentation, TrackBody},
    video::VideoState,
};
use virga_db::{GrowingRow, TrackRow, TrackRowKind, growing};
use virga_dispatcher::DispatcherConfig;

use crate::{
    site::{Site, decodes, run},
    stalling::start_paced,
};

const SOUND: &str = "-f lavfi -i sine=frequency=440:beep_factor=2:sample_rate=48000";

/// What must be encoded.
fn film(seconds: u32, name: &str) -> String {
    let picture = "-f lavfi -i testsrc2=size=320x180:rate=25";
    format!("{picture} {SOUND} -t {seconds} -c:v mpeg4 -c:a aac {name}")
}

/// A film that plays while it is encoded.
async fn playing() -> (Site, VideoId) {
    let mut site = Site::new().await;
    start_paced(&mut site, "rung0.mp4", "2");
    let clip = site.clip(&film(24, "film.avi"));
    let video = site.add(&clip).await;
    site.until(async || site.row(video).await.state == VideoState::Playable)
        .await;
    (site, video)
}

async fn rows(site: &Site, video: VideoId) -> Vec<GrowingRow> {
    growing::of_video(site.app.db.read(), video).await.unwrap()
}

/// The segments' bytes of a growing track that stand, with the init segment before them.
async fn standing(site: &Site, row: &GrowingRow) -> Vec<u8> {
    let pieces = growing::pieces(site.app.db.read(), row.video, &row.name)
        .await
        .unwrap();
    let head: serde_json::Value = serde_json::from_str(&row.head).unwrap();
    let mut bytes = base64(head["init"].as_str().unwrap());
    for piece in pieces {
        bytes.extend_from_slice(&site.object(&piece.object).await);
    }
    bytes
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

async fn pieces(site: &Site, video: VideoId, kind: TrackRowKind) -> usize {
    for row in rows(site, video).await {
        if row.kind == kind {
            return growing::pieces(site.app.db.read(), video, &row.name)
                .await
                .unwrap()
                .len();
        }
    }
    0
}

async fn published(site: &Site, video: VideoId) -> Presentation {
    site.app.presentation(video).await.unwrap().unwrap()
}

/// When each frame of the picture is shown, by ffmpeg.
fn times(path: &Path) -> Vec<f64> {
    let entries = ["-show_entries", "frame=pts_time", "-of", "csv=p=0"];
    let words = [
        &["-v", "error", "-select_streams", "v"],
        &entries[..],
        &[path.to_str().unwrap()],
    ];
    let (out, _) = run(path.parent().unwrap(), "ffprobe", &words.concat());
    let numbers = out
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok());
    numbers.collect()
}

fn of_kind(tracks: &[TrackRow], kind: TrackRowKind) -> &TrackRow {
    tracks.iter().find(|track| track.kind == kind).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_plays_while_it_is_encoded_and_another_worker_goes_on() {
    let (mut site, video) = playing().await;
    site.until(async || pieces(&site, video, TrackRowKind::Video).await >= 4)
        .await;
    let shown = published(&site, video).await;
    assert!(
        shown
            .known()
            .all(|track| matches!(track.body, TrackBody::Growing { .. }))
    );
    assert_eq!(
        (shown.known_videos().count(), shown.known_audio().is_some()),
        (1, true)
    );
    let version = site.row(video).await.presentation_version;
    let report = site.app.fsck(false, false, |_| {}).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);

    // Its worker is stopped; what plays stays, and does not grow.
    site.stop().await;
    let before = rows(&site, video).await;
    let mut stood = Vec::new();
    for row in &before {
        stood.push(standing(&site, row).await);
    }
    let here = site.row(video).await;
    assert_eq!(here.state, VideoState::Playable);
    assert!(
        here.presentation_version <= version + 1,
        "growth bumps no version"
    );

    start_paced(&mut site, "rung0.mp4", "8");
    site.until(async || {
        let job = site.jobs(video).await;
        let rung = job.iter().find(|job| job.kind() == JobKind::FirstRung);
        rung.is_some_and(|job| job.state == JobState::Done)
    })
    .await;
    let tracks = site.tracks(video).await;
    for (row, stood) in before.iter().zip(&stood) {
        let track = tracks.iter().find(|track| track.name == row.name).unwrap();
        let whole = std::fs::read(site.track_path(track)).unwrap();
        assert!(
            whole.starts_with(stood),
            "{}: other bytes at old addresses",
            row.name
        );
        assert!(whole.len() > stood.len());
        let pieces = growing::pieces(site.app.db.read(), video, &row.name)
            .await
            .unwrap();
        let fences: Vec<i64> = pieces.iter().map(|piece| piece.fence).collect();
        assert!(
            fences.is_sorted() && fences.first() < fences.last(),
            "{fences:?}"
        );
    }
    let picture = site.track_path(of_kind(&tracks, TrackRowKind::Video));
    decodes(&picture);
    decodes(&site.track_path(of_kind(&tracks, TrackRowKind::Audio)));
    let times = times(&picture);
    assert_eq!(times.len(), 600, "every frame once");
    // The first one is shown longer by ffmpeg's reading of negative offsets.
    let steady = |pair: &[f64]| (pair[1] - pair[0] - 0.04).abs() < 1e-6;
    assert!(times[1..].windows(2).all(steady), "{times:?}");
    let row = site.ready(video).await;
    assert!(
        (row.duration.unwrap() - 24_000_000).abs() < 60_000,
        "{:?}",
        row.duration
    );
    let shown = published(&site, video).await;
    assert!(
        shown
            .known()
            .all(|track| matches!(track.body, TrackBody::Object { .. }))
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pieces_go_a_day_after_the_whole_stands() {
    let mut site = Site::at_work().await;
    let clip = site.clip(&film(9, "short.avi"));
    let video = site.add(&clip).await;
    site.ready(video).await;
    let grown = rows(&site, video).await;
    assert_eq!(grown.len(), 2);
    assert!(grown.iter().all(|row| row.ended_at.is_some()));
    let folder = site.path(grown[0].prefix());
    assert!(folder.exists());
    site.app.sweep().await.unwrap();
    assert!(folder.exists());
    site.clock
        .advance(std::time::Duration::from_secs(25 * 3600));
    site.app.sweep().await.unwrap();
    assert!(!folder.exists() || std::fs::read_dir(&folder).unwrap().next().is_none());
    assert!(rows(&site, video).await.is_empty());
    let report = site.app.fsck(false, false, |_| {}).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_ends_early_goes_on_in_silence() {
    let mut site = Site::at_work().await;
    let clip = site.clip(
        "-f lavfi -i testsrc2=size=320x180:rate=25:duration=12 \
         -f lavfi -i sine=frequency=440:sample_rate=48000:duration=5 -c:v mpeg4 -c:a aac early.avi",
    );
    let video = site.add(&clip).await;
    let row = site.ready(video).await;
    assert!(
        (row.duration.unwrap() - 12_000_000).abs() < 60_000,
        "{:?}",
        row.duration
    );
    let tracks = site.tracks(video).await;
    let sound = of_kind(&tracks, TrackRowKind::Audio);
    let table = site.table(&sound.table_key).await;
    assert!((table.duration_micros() - 12_000_000).abs() < 60_000);
    let path = site.track_path(sound);
    decodes(&path);
    let loudest = |from: &str| {
        let words = [
            "-nostdin",
            "-ss",
            from,
            "-i",
            path.to_str().unwrap(),
            "-t",
            "2",
            "-af",
            "volumedetect",
            "-f",
            "null",
            "-",
        ];
        let (_, said) = run(path.parent().unwrap(), "ffmpeg", &words);
        let at = said.find("max_volume: ").unwrap() + 12;
        said[at..]
            .split_whitespace()
            .next()
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    assert!(loudest("2") > -30.0);
    assert!(loudest("8") < -80.0, "{}", loudest("8"));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_whose_encoding_fails_does_not_play_on() {
    let (mut site, video) = playing().await;
    site.stop().await;
    // No further attempt finds the source.
    let source = site.row(video).await.source_key.unwrap();
    site.app.store.delete(&source).await.unwrap();
    site.start(DispatcherConfig::default());
    let row = site.settled(video).await;
    assert_eq!(
        (row.state, row.failure_code.as_deref()),
        (VideoState::Failed, Some("source_gone"))
    );
    assert!(rows(&site, video).await.is_empty());
    assert_eq!(published(&site, video).await.known().count(), 0);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_whose_encoding_is_stopped_does_not_play_on_and_can_be_started_again() {
    let (mut site, video) = playing().await;
    let row = site.app.cancel_video(video).await.unwrap();
    assert_eq!(
        (row.state, row.failure_code.as_deref()),
        (VideoState::Failed, Some("cancelled"))
    );
    assert!(rows(&site, video).await.is_empty());
    assert_eq!(published(&site, video).await.known().count(), 0);
    let again = site.app.cancel_video(video).await.unwrap_err();
    assert_eq!(again.code, Code::VideoNotProcessing);
    // The worker notices, and leaves nothing of what it made.
    site.until(async || std::fs::read_dir(site.scratch()).unwrap().count() == 0)
        .await;
    let jobs = site.jobs(video).await;
    let rung = jobs.iter().find(|job| job.kind() == JobKind::FirstRung);
    let prefix = format!("a{}-", rung.unwrap().id);
    let made = || site.attempts(video).into_iter();
    site.until(async || !made().any(|name| name.starts_with(&prefix)))
        .await;
    site.stop().await;
    site.start(DispatcherConfig::default());
    site.app.retry_video(video).await.unwrap();
    site.until(async || site.row(video).await.state == VideoState::Ready)
        .await;
    site.stop().await;
}

/// The encoder is held to four fifths of the film's pace.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as the film: make test-full"]
async fn a_slow_film_is_shown_when_it_will_be_in_time_and_says_so() {
    let mut site = Site::new().await;
    start_paced(&mut site, "rung0.mp4", "0.8");
    let clip = site.clip(&film(75, "slow.avi"));
    let video = site.add(&clip).await;
    let made = async || {
        let mut least = i64::MAX;
        for row in rows(&site, video).await {
            let pieces = growing::pieces(site.app.db.read(), video, &row.name)
                .await
                .unwrap();
            let ticks = pieces
                .iter()
                .flat_map(|it| &it.segments)
                .map(|it| i64::from(it.0));
            let head: serde_json::Value = serde_json::from_str(&row.head).unwrap();
            least = least.min(ticks.sum::<i64>() * 1000 / head["timescale"].as_i64().unwrap());
        }
        if least == i64::MAX { 0 } else { least }
    };
    let expected = async || {
        rows(&site, video)
            .await
            .iter()
            .find_map(|row| row.expected_at)
    };
    site.until(async || made().await >= 10_000).await;
    let said = expected().await.unwrap().since(site.clock.now());
    let at = std::time::Instant::now();
    site.until(async || site.row(video).await.state == VideoState::Playable)
        .await;
    let began = std::time::Instant::now();
    let (said, waited) = (said.as_secs_f64(), (began - at).as_secs_f64());
    assert!(
        (said / waited - 1.0).abs() < 0.2,
        "said {said} s, took {waited} s"
    );
    // A player that starts now is never ahead of what stands.
    while site.tracks(video).await.is_empty() {
        let played = i64::try_from(began.elapsed().as_millis()).unwrap();
        assert!(
            played < made().await,
            "at {played} ms of {} ms",
            made().await
        );
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    site.ready(video).await;
    site.stop().await;
}

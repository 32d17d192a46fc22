//! Long films are encoded in spans, by any number of workers, and come out as from one pass.

use std::{fs::File, path::Path, time::UNIX_EPOCH};

use virga_core::{
    VideoId,
    job::{Job, JobKind, JobState},
};
use virga_db::{JobRow, TrackRow};
use virga_dispatcher::DispatcherConfig;

use crate::{
    fragmented::frames,
    site::{Site, decodes, ffmpeg},
    stalling::{open_sandbox, script},
};

/// Large enough for a rung above the lowest.
const PICTURE: &str = "-f lavfi -i testsrc2=size=608x456";
const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000";

fn in_spans(seconds: u32) -> DispatcherConfig {
    DispatcherConfig {
        span_seconds: seconds,
        ..DispatcherConfig::default()
    }
}

/// The upper rung, and the jobs that made it.
async fn upper(site: &Site, video: VideoId) -> (TrackRow, Vec<JobRow>) {
    site.ready(video).await;
    let rung = site.rungs(video).await.pop().unwrap();
    assert_eq!(rung.rung.as_deref(), Some("480p"));
    (rung, site.jobs(video).await)
}

/// The job of a span, by its place.
async fn span(site: &Site, video: VideoId, number: u32) -> Option<JobRow> {
    let jobs = site.jobs(video).await;
    jobs.into_iter().find(|job| match &job.job {
        Job::Span(span) => span.number == number,
        _ => false,
    })
}

fn count(jobs: &[JobRow], kind: JobKind) -> usize {
    jobs.iter().filter(|job| job.kind() == kind).count()
}

/// How like its source each frame is, 0 to 1.
fn likeness(folder: &Path, track: &Path, source: &Path, prepare: &str) -> Vec<f64> {
    let graph = format!(
        "[1:v]{prepare}scale=608:456,setpts=PTS-STARTPTS,settb=1/90000[s];\
         [0:v]setpts=PTS-STARTPTS,settb=1/90000[t];[t][s]ssim=stats_file=ssim.log"
    );
    let (track, source) = (track.to_str().unwrap(), source.to_str().unwrap());
    let words = [
        "-i", track, "-i", source, "-lavfi", &graph, "-f", "null", "-",
    ];
    ffmpeg(folder, &words);
    let log = std::fs::read_to_string(folder.join("ssim.log")).unwrap();
    let all = |line: &str| {
        let value = line.split("All:").nth(1)?.split(' ').next()?;
        value.parse().ok()
    };
    log.lines().filter_map(all).collect()
}

/// Frames and how they are coded, the file, and what a decoder does to its frames first.
const SOURCES: [[&str; 4]; 4] = [
    [
        ":rate=30000/1001",
        "-c:v libx264 -preset veryfast -profile:v high10 -pix_fmt yuv420p10le -g 77",
        "ten.mkv",
        "",
    ],
    [
        ":rate=25",
        "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=60:open-gop=1",
        "open.mp4",
        "",
    ],
    [
        ":rate=25,select='gt(mod(n\\,7)\\,2)'",
        "-fps_mode vfr -c:v libx264 -preset veryfast -profile:v high10 -pix_fmt yuv420p10le",
        "uneven.mp4",
        "",
    ],
    [
        ":rate=50,tinterlace=interleave_top,setfield=tff",
        "-c:v libx264 -preset veryfast -flags +ildct+ilme -x264-params tff=1 -g 30",
        "fields.mp4",
        "bwdif=deint=interlaced,",
    ],
];

#[tokio::test(flavor = "multi_thread")]
async fn spans_have_the_frames_of_one_pass_and_look_like_it() {
    for source in &SOURCES[..2] {
        compare(*source).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "encodes four more films: make test-full"]
async fn spans_of_odder_films_have_them_too() {
    for source in &SOURCES[2..] {
        compare(*source).await;
    }
}

/// Encodes a film in one pass and in spans.
async fn compare([rate, coding, name, prepare]: [&str; 4]) {
    let mut whole = Site::new().await;
    let clip = whole.clip(&format!(
        "{PICTURE}{rate} {SOUND} -t 9.6 {coding} -c:a aac {name}"
    ));
    // The store takes the file itself.
    let again = whole.folder.path().join(format!("again-{name}"));
    let source = whole.folder.path().join(format!("source-{name}"));
    for copy in [&again, &source] {
        std::fs::copy(&clip, copy).unwrap();
    }
    whole.start(in_spans(0));
    let (expected, jobs) = upper(&whole, whole.add(&clip).await).await;
    assert_eq!(count(&jobs, JobKind::Span), 0, "{name}");
    let mut site = Site::new().await;
    site.start(in_spans(4));
    site.start(in_spans(4));
    let video = site.add(&again).await;
    let (rung, jobs) = upper(&site, video).await;
    assert!(count(&jobs, JobKind::Span) >= 2, "{name}: {jobs:?}");
    assert_eq!(count(&jobs, JobKind::Ladder), 1, "{name}: it fell back");

    let (one, many) = (whole.track_path(&expected), site.track_path(&rung));
    decodes(&many);
    let times = |path: &Path| -> Vec<i64> { frames(path).iter().map(|it| it.0).collect() };
    assert_eq!(times(&many), times(&one), "{name}");
    let (table, want) = (
        site.table(&rung.table_key).await,
        whole.table(&expected.table_key).await,
    );
    let starts = |table: &virga_media::TrackTable| -> Vec<i64> {
        (0..table.segments())
            .map(|n| table.start_micros(n))
            .collect()
    };
    if name != "uneven.mp4" {
        // The encoder counts two seconds from the first frame that it gets, which may come later.
        assert_eq!(starts(&table), starts(&want), "{name}");
    }
    looks_alike(site.folder.path(), name, [&many, &one, &source], prepare);
    nothing_is_left(&site, video, &jobs);
    site.stop().await;
    whole.stop().await;
}

/// No second of a film in spans looks worse than from one pass.
fn looks_alike(folder: &Path, name: &str, [many, one, source]: [&Path; 3], prepare: &str) {
    let (got, best) = (
        likeness(folder, many, source, prepare),
        likeness(folder, one, source, prepare),
    );
    assert_eq!(got.len(), best.len(), "{name}");
    for (n, window) in got.windows(25).enumerate() {
        let mean = |of: &[f64]| of.iter().sum::<f64>() / 25.0;
        let (got, best) = (mean(window), mean(&best[n..n + 25]));
        assert!(
            got >= best - 0.01,
            "{name}: {got} and not {best} from frame {n}"
        );
    }
}

/// Of the spans themselves nothing is left.
fn nothing_is_left(site: &Site, video: VideoId, jobs: &[JobRow]) {
    let ladder = jobs
        .iter()
        .find(|job| job.kind() == JobKind::Ladder)
        .unwrap();
    let spans = jobs.iter().filter(|job| job.parent == Some(ladder.id));
    let folders = site.attempts(video);
    for span in spans {
        let own = format!("a{}-", span.id);
        assert!(
            !folders.iter().any(|it| it.starts_with(&own)),
            "{folders:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_costs_no_span_that_is_done() {
    let mut site = Site::new().await;
    let clip = site.clip(&format!("{PICTURE}:rate=25 -t 13 -c:v mpeg4 film.mp4"));
    let config = DispatcherConfig {
        // The second span is caught at it.
        ffmpeg: script(
            &site,
            "#!/bin/sh\ncase \"$*\" in *\"-ss 4.000\"*rung0.mp4*) exec ffmpeg -readrate 0.2 \"$@\";; esac\n\
             exec ffmpeg \"$@\"\n",
        ),
        ..in_spans(4)
    };
    site.start_with(config, open_sandbox());
    let video = site.add(&clip).await;
    site.until(async || {
        span(&site, video, 1)
            .await
            .is_some_and(|job| job.state == JobState::Leased)
    })
    .await;
    let first = span(&site, video, 0).await.unwrap();
    assert_eq!((first.state, first.fence), (JobState::Done, 1));
    site.stop().await;
    assert_eq!(span(&site, video, 1).await.unwrap().state, JobState::Queued);
    site.start(in_spans(4));
    let (rung, jobs) = upper(&site, video).await;
    assert_eq!(count(&jobs, JobKind::Ladder), 1, "{jobs:?}");
    let fences = jobs
        .iter()
        .filter(|job| job.kind() == JobKind::Span)
        .map(|job| job.fence);
    assert_eq!(fences.collect::<Vec<_>>(), [1, 2, 1]);
    assert_eq!(frames(&site.track_path(&rung)).len(), 325);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_that_is_lost_or_does_not_fit_makes_it_one_pass() {
    let mut site = Site::new().await;
    let clip = site.clip(&format!("{PICTURE}:rate=25 -t 9 -c:v mpeg4 film.mp4"));
    // Spans are made and not joined.
    site.start(DispatcherConfig {
        light_jobs: 0,
        ..in_spans(4)
    });
    let video = site.add(&clip).await;
    let done = async || {
        let jobs = site.jobs(video).await;
        let spans = jobs.iter().filter(|job| job.kind() == JobKind::Span);
        spans.clone().count() > 0 && spans.clone().all(|job| job.state == JobState::Done)
    };
    site.until(done).await;
    site.stop().await;
    let jobs = site.jobs(video).await;
    let span = jobs.iter().find(|job| job.kind() == JobKind::Span).unwrap();
    let Job::Span(what) = &span.job else {
        panic!("{span:?}")
    };
    assert_eq!((what.number, what.from), (0, 0));
    let folder = site.path(format!("v/{video}/a{}-{}", span.id, span.fence));
    // However old it is, nobody takes it for left over.
    let file = File::options().write(true).open(folder.join("480p.span"));
    file.unwrap().set_modified(UNIX_EPOCH).unwrap();
    let report = site.app.fsck(true, false, |_| {}).await.unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    std::fs::remove_dir_all(folder).unwrap();
    site.start(in_spans(4));
    let (rung, jobs) = upper(&site, video).await;
    assert_eq!(count(&jobs, JobKind::Ladder), 2, "{jobs:?}");
    assert_eq!(frames(&site.track_path(&rung)).len(), 225);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_ends_long_before_its_sound_is_whole() {
    let mut site = Site::new().await;
    let clip = site.clip(&format!(
        "{PICTURE}:rate=25:duration=5 {SOUND}:duration=16 -c:v mpeg4 -c:a aac film.mkv"
    ));
    site.start(in_spans(4));
    let video = site.add(&clip).await;
    let (rung, jobs) = upper(&site, video).await;
    assert!(count(&jobs, JobKind::Span) > 2, "{jobs:?}");
    assert_eq!(count(&jobs, JobKind::Ladder), 2, "{jobs:?}");
    assert_eq!(frames(&site.track_path(&rung)).len(), 125);
    site.stop().await;
}

//! What is no video fails with a reason, at once, and nothing is lost.

use std::path::PathBuf;

use virga_core::{
    job::{JobKind, JobState},
    video::VideoState,
};

use crate::site::Site;

fn file(site: &Site, name: &str, bytes: &[u8]) -> PathBuf {
    let path = site.folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn random(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        })
        .collect()
}

/// The same file with an index whose chunks all begin at the first: less file, as much to show.
fn repeated(site: &Site, whole: &[u8]) -> PathBuf {
    let mut bytes = whole.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(4).position(|four| four == b"stco") {
        at += found + 4;
        let count = u32::from_be_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        let first = bytes[at + 8..at + 12].to_vec();
        for chunk in 0..count {
            bytes[at + 8 + chunk * 4..at + 12 + chunk * 4].copy_from_slice(&first);
        }
    }
    // What is left of the samples is room for the longest chunk.
    bytes.truncate(bytes.len() * 2 / 3);
    file(site, "repeated.mp4", &bytes)
}

/// Where the samples begin in a file whose index is in front.
fn index_end(file: &[u8]) -> usize {
    file.windows(4).position(|four| four == b"mdat").unwrap() + 4
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_video_is_refused_in_words_and_kept() {
    let mut site = Site::at_work().await;
    let safe = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a aac -movflags +faststart";
    let whole = site.clip(&format!(
        "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine -t 2 {safe} whole.mp4"
    ));
    let whole = std::fs::read(whole).unwrap();
    let repeated = repeated(&site, &whole);
    let mut hollow = b"\x1a\x45\xdf\xa3".to_vec();
    hollow.extend(random(50_000));
    let cases = [
        (
            file(&site, "random.mp4", &random(100_000)),
            "does not recognise this format",
        ),
        (
            file(&site, "list.mp4", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"),
            "playlist",
        ),
        (
            file(&site, "cut.mp4", &whole[..index_end(&whole)]),
            "incomplete",
        ),
        (repeated, "again and again"),
        (file(&site, "hollow.mkv", &hollow), "damaged"),
    ];
    for (path, word) in cases {
        let video = site.add(&path).await;
        let row = site.settled(video).await;
        assert_eq!(row.state, VideoState::Failed);
        let why = row.failure.unwrap();
        assert!(why.contains(word), "{word}: {why}");
        let source = row.source_key.unwrap();
        assert!(site.path(&source).exists(), "the source is kept");
        let jobs = site.jobs(video).await;
        assert_eq!(jobs.len(), 1);
        assert_eq!(
            (jobs[0].kind(), jobs[0].state),
            (JobKind::Probe, JobState::Failed)
        );
        assert_eq!(jobs[0].attempts, 1, "no second try for bad media");
        assert!(site.attempts(video).is_empty(), "nothing else was written");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_beyond_the_limits_is_refused() {
    let mut site = Site::new().await;
    let mut config = virga_dispatcher::DispatcherConfig::default();
    config.limits.max_duration_seconds = 1;
    site.start(config);
    let clip = site.clip("-f lavfi -i testsrc2=size=320x180:rate=25 -t 3 -c:v ffv1 long.mkv");
    let video = site.add(&clip).await;
    let why = site.settled(video).await.failure.unwrap();
    assert!(why.contains("minutes"), "{why}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_whose_file_is_gone_fails_at_once_and_says_so() {
    let mut site = Site::new().await;
    let clip = site.clip("-f lavfi -i testsrc2=size=320x180:rate=25 -t 1 -c:v mpeg4 gone.avi");
    let video = site.add(&clip).await;
    let source = site.row(video).await.source_key.unwrap();
    std::fs::remove_file(site.path(&source)).unwrap();
    site.start(virga_dispatcher::DispatcherConfig::default());
    let row = site.settled(video).await;
    assert_eq!(row.state, VideoState::Failed);
    assert_eq!(row.failure_code.as_deref(), Some("source_gone"));
    let why = row.failure.unwrap();
    assert!(
        why.contains("Upload it again") && !why.contains("v/"),
        "{why}"
    );
    let jobs = site.jobs(video).await;
    assert_eq!((jobs.len(), jobs[0].attempts), (1, 1));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_takes_nothing_from_what_plays() {
    let mut site = Site::new().await;
    let clip = site.clip(
        "-f lavfi -i testsrc2=size=640x360:rate=25 -t 2 -c:v libx264 -preset ultrafast \
         -profile:v baseline -pix_fmt yuv420p -movflags faststart plays.mp4",
    );
    let video = site.add(&clip).await;
    let quick = virga_dispatcher::DispatcherConfig {
        light_jobs: 0,
        heavy_jobs: 0,
        ..Default::default()
    };
    site.start(quick);
    site.until(async || site.row(video).await.published_version > 0)
        .await;
    site.stop().await;
    let before = site.tracks(video).await;
    let source = site.row(video).await.source_key.unwrap();
    std::fs::remove_file(site.path(&source)).unwrap();
    site.start(virga_dispatcher::DispatcherConfig::default());
    site.until(async || {
        site.jobs(video)
            .await
            .iter()
            .all(|job| matches!(job.state, JobState::Done | JobState::Failed))
    })
    .await;
    for job in site.failed(video).await {
        assert_eq!(job.error_code.as_deref(), Some("source_gone"), "{job:?}");
        assert_eq!(job.attempts, 1);
    }
    assert!(!site.failed(video).await.is_empty());
    assert_eq!(site.tracks(video).await, before);
    site.stop().await;
}

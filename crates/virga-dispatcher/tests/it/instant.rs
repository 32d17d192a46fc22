//! What browsers play as it is.

use virga_core::{
    MediaKey,
    job::{JobKind, JobState},
    presentation::{Presentation, TrackBody},
};
use virga_db::{JobRow, TrackRow, TrackRowKind};
use virga_media::{SegmentLayout, segment};

use crate::site::{Site, decodes, streams};

const PICTURE: &str = "-f lavfi -i testsrc2=size=640x360:rate=25";
const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000";
const SAFE: &str = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 25 -c:a aac";

async fn presentation(site: &Site, video: virga_core::VideoId) -> Presentation {
    let key = MediaKey::presentation(video);
    serde_json::from_slice(&site.object(&key).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_safe_file_is_published_before_anything_is_encoded() {
    let site = Site::new().await;
    let clip = site.clip(&format!("{PICTURE} {SOUND} -t 3 {SAFE} safe.mp4"));
    let video = site.add(&clip).await;
    let mut site = site;
    // No room for anything but what is quick.
    let config = virga_dispatcher::DispatcherConfig {
        light_jobs: 0,
        heavy_jobs: 0,
        ..Default::default()
    };
    site.start(config);
    site.until(async || site.row(video).await.published_version > 0)
        .await;
    let row = site.row(video).await;
    assert!(row.state.plays());
    assert_eq!((row.width, row.height), (Some(640), Some(360)));
    assert_eq!(row.duration, Some(3_000_000));
    let shown = presentation(&site, video).await;
    assert_eq!(shown.videos.len(), 1);
    let own = shown.known_videos().next().unwrap();
    assert!(matches!(own.body, TrackBody::Source { .. }));
    assert!(shown.known_audio().unwrap().name.starts_with("audio-"));
    let jobs = site.jobs(video).await;
    let open: Vec<JobKind> = jobs
        .iter()
        .filter(|job| job.state == JobState::Queued)
        .map(JobRow::kind)
        .collect();
    // 360p at this rate is played as it is, so no rung is made.
    let wanted = [
        JobKind::Poster,
        JobKind::Package,
        JobKind::Fallback,
        JobKind::Texts,
    ];
    assert_eq!(open, wanted);
    site.stop().await;
}

/// Segment `n` as it is made per request out of the source.
async fn just_in_time(site: &Site, track: &TrackRow, n: usize) -> Vec<u8> {
    let TrackBody::Source { source, samples } = &track.body else {
        panic!("packaged already");
    };
    let table = site.table(&track.table_key).await;
    let (offset, len) = table.sample_block_range(n).unwrap();
    let at = |position: u64| usize::try_from(position).unwrap();
    let samples = site.object(samples).await;
    let block = &samples[at(offset)..at(offset + len)];
    let SegmentLayout { head, body } = segment(&table, n, block).unwrap();
    let source = site.object(source).await;
    let mut bytes = head;
    for (offset, len) in body {
        bytes.extend_from_slice(&source[at(offset)..at(offset + u64::from(len))]);
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn packaged_segments_are_the_bytes_that_were_made_per_request() {
    let mut site = Site::new().await;
    let clip = site.clip(&format!("{PICTURE} {SOUND} -t 6 {SAFE} -bf 3 safe.mov"));
    let video = site.add(&clip).await;
    let quick = virga_dispatcher::DispatcherConfig {
        light_jobs: 0,
        heavy_jobs: 0,
        ..Default::default()
    };
    site.start(quick);
    site.until(async || site.row(video).await.published_version > 0)
        .await;
    let before = site.tracks(video).await;
    site.stop().await;
    site.start(virga_dispatcher::DispatcherConfig::default());
    let row = site.ready(video).await;
    let after = site.tracks(video).await;
    assert_eq!(before.len(), 2);
    for (jit, packaged) in before.iter().zip(&after) {
        assert_eq!(jit.name, packaged.name);
        let (old, new) = (
            site.table(&jit.table_key).await,
            site.table(&packaged.table_key).await,
        );
        assert_eq!(old.clone().stored(), new);
        let path = site.track_path(packaged);
        let object = std::fs::read(&path).unwrap();
        assert_eq!(object.len() as u64, new.object_len());
        assert!(object.starts_with(&old.init));
        assert!(new.segments() > 2);
        for n in 0..new.segments() {
            let (offset, len) = new.byte_range(n).unwrap();
            let at = |position: u64| usize::try_from(position).unwrap();
            let stored = &object[at(offset)..at(offset + len)];
            let made = just_in_time(&site, jit, n).await;
            assert!(stored == made, "{} segment {n} differs", jit.name);
        }
        decodes(&path);
    }
    let shown = presentation(&site, video).await;
    let best = shown.known_videos().next().unwrap();
    assert!(matches!(best.body, TrackBody::Object { .. }));
    let fallback = site.path(row.fallback_key.unwrap());
    decodes(&fallback);
    assert_eq!(streams(&fallback).len(), 2);
    let poster = &streams(&site.path(row.poster_key.unwrap()))[0];
    assert_eq!(
        (&poster["width"], &poster["height"]),
        (&640.into(), &360.into())
    );
    assert!(after.iter().any(|track| track.kind == TrackRowKind::Audio));
    site.stop().await;
    assert_eq!(std::fs::read_dir(site.scratch()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_above_the_lowest_rung_keeps_its_sound_for_all() {
    let mut site = Site::at_work().await;
    let picture = "-f lavfi -i testsrc2=size=1280x720:rate=30";
    let clip = site.clip(&format!("{picture} {SOUND} -t 3 {SAFE} safe.mp4"));
    let video = site.add(&clip).await;
    let row = site.ready(video).await;
    let tracks = site.tracks(video).await;
    let sounds = tracks
        .iter()
        .filter(|track| track.kind == TrackRowKind::Audio);
    assert_eq!(sounds.count(), 1);
    let heights: Vec<u32> = tracks
        .iter()
        .filter(|track| track.kind == TrackRowKind::Video)
        .map(|track| track.height)
        .collect();
    assert_eq!(heights, [360, 480, 720]);
    assert!(tracks.last().unwrap().name.starts_with("src-"));
    let fallback = streams(&site.path(row.fallback_key.unwrap()));
    assert_eq!(fallback[0]["height"], 360);
    assert_eq!(fallback[1]["codec_name"], "aac");
    for track in &tracks {
        decodes(&site.track_path(track));
    }
    site.stop().await;
}

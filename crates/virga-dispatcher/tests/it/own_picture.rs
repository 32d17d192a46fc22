//! A picture that browsers play is not encoded because of its sound: it is published from the source, and
//! the sound next to it while it is encoded.

use virga_core::{
    job::{JobKind, JobState},
    presentation::TrackBody,
    video::VideoState,
};
use virga_db::{JobRow, TrackRowKind, growing};
use virga_dispatcher::DispatcherConfig;

use crate::{
    fragmented::frames,
    site::{Site, decodes, streams},
    stalling::start_paced,
};

const PICTURE: &str = "-f lavfi -i testsrc2=size=320x180:rate=25";
const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000";
const H264: &str = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 25 -bf 2";

/// Files of five seconds whose picture is that of `plain.mp4`, and whose sound does not play as it is.
fn files(site: &Site) -> Vec<&'static str> {
    site.clip(&format!("{PICTURE} -t 5 {H264} plain.mp4"));
    let mut names = Vec::new();
    for (options, name) in [
        ("-c:a pcm_s16le", "camera.mov"),
        ("-c:a ac3", "film.mkv"),
        ("-c:a pcm_s16le", "screen.mkv"),
        ("-c:a libmp3lame -movflags +frag_keyframe", "fragments.mp4"),
        ("-af adelay=600,asetpts=PTS+0.6/TB -c:a aac", "late.mp4"),
        ("-af atrim=end=2.5 -c:a aac", "early-end.mkv"),
    ] {
        let inputs = format!("-i plain.mp4 {SOUND}");
        site.clip(&format!(
            "{inputs} -map 0:v -map 1:a -t 5 -c:v copy {options} {name}"
        ));
        names.push(name);
    }
    names
}

fn kinds(jobs: &[JobRow]) -> Vec<JobKind> {
    jobs.iter().map(JobRow::kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_plays_is_not_encoded_because_of_its_sound() {
    let mut site = Site::at_work().await;
    let mut videos = Vec::new();
    for name in files(&site) {
        let path = site.folder.path().join(name);
        videos.push((name, site.add(&path).await));
    }
    let plain = frames(&site.folder.path().join("plain.mp4"));
    for (name, video) in videos {
        let row = site.ready(video).await;
        let length = row.duration.unwrap();
        assert!((length - 5_000_000).abs() < 50_000, "{name}: {length}");
        let tracks = site.tracks(video).await;
        assert_eq!(tracks.len(), 2, "{name}: {tracks:?}");
        for track in &tracks {
            assert!(track.rung.is_none(), "{name}: {} is encoded", track.name);
            let path = site.track_path(track);
            if track.kind == TrackRowKind::Video {
                assert_eq!(frames(&path), plain, "{name}");
            } else {
                decodes(&path);
                let sound = site.table(&track.table_key).await;
                let ends = sound.duration_micros();
                assert!((ends - 5_000_000).abs() < 100_000, "{name}: {ends}");
                assert_eq!(sound.codec, "mp4a.40.2", "{name}");
            }
        }
        let jobs = kinds(&site.jobs(video).await);
        assert!(jobs.contains(&JobKind::Sound), "{name}: {jobs:?}");
        assert!(!jobs.contains(&JobKind::FirstRung), "{name}: {jobs:?}");
        let fallback = site.path(row.fallback_key.unwrap());
        decodes(&fallback);
        assert_eq!(streams(&fallback).len(), 2, "{name}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_plays_while_its_sound_is_encoded_and_another_worker_goes_on() {
    let mut site = Site::new().await;
    start_paced(&mut site, "sound.mp4", "2");
    let coding = format!("{H264} -c:a pcm_s16le");
    let clip = site.clip(&format!("{PICTURE} {SOUND} -t 24 {coding} film.mov"));
    let video = site.add(&clip).await;
    site.until(async || site.row(video).await.state == VideoState::Playable)
        .await;
    let shown = site.app.presentation(video).await.unwrap().unwrap();
    let picture = shown.known_videos().next().unwrap();
    let sound = shown.known_audio().unwrap();
    assert!(matches!(picture.body, TrackBody::Source { .. }));
    assert!(matches!(sound.body, TrackBody::Growing { .. }));
    let names = [picture.name.clone(), sound.name.clone()];
    let report = site.app.fsck(false, false, |_| {}).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);

    site.stop().await;
    // What is published stays, whoever made it.
    let TrackBody::Source { samples, .. } = &picture.body else {
        panic!("{picture:?}");
    };
    assert!(!site.object(samples).await.is_empty());
    assert!(!site.object(&picture.table).await.is_empty());
    let pieces = growing::pieces(site.app.db.read(), video, &names[1]);
    let stood = pieces.await.unwrap();
    assert!(!stood.is_empty());
    start_paced(&mut site, "sound.mp4", "50");
    let row = site.ready(video).await;
    let jobs = site.jobs(video).await;
    let sound = jobs
        .iter()
        .find(|job| job.kind() == JobKind::Sound)
        .unwrap();
    assert_eq!(sound.state, JobState::Done);
    let mut tracks = site.tracks(video).await;
    tracks.sort_by_key(|track| track.kind == TrackRowKind::Audio);
    let now: Vec<&str> = tracks.iter().map(|track| track.name.as_str()).collect();
    assert_eq!(now, names, "players go on under the same names");
    for track in &tracks {
        assert!(matches!(track.body, TrackBody::Object { .. }));
        decodes(&site.track_path(track));
    }
    let whole = std::fs::read(site.track_path(&tracks[1])).unwrap();
    let head = site.table(&tracks[1].table_key).await.init.len();
    let mut at = head;
    for piece in stood {
        let bytes = site.object(&piece.object).await;
        assert_eq!(
            whole[at..at + bytes.len()],
            bytes[..],
            "other bytes at old addresses"
        );
        at += bytes.len();
    }
    let length = row.duration.unwrap();
    assert!((length - 24_000_000).abs() < 60_000, "{length}");
    site.stop().await;
    let report = site.app.fsck(false, false, |_| {}).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_whose_sound_fails_does_not_play_on_in_silence() {
    let mut site = Site::new().await;
    start_paced(&mut site, "sound.mp4", "2");
    let coding = format!("{H264} -c:a pcm_s16le");
    let clip = site.clip(&format!("{PICTURE} {SOUND} -t 24 {coding} film.mov"));
    let video = site.add(&clip).await;
    site.until(async || site.row(video).await.state == VideoState::Playable)
        .await;
    site.stop().await;
    // No further attempt finds the source.
    let source = site.row(video).await.source_key.unwrap();
    site.app.store.delete(&source).await.unwrap();
    site.start(DispatcherConfig::default());
    let row = site.settled(video).await;
    assert_eq!(row.state, VideoState::Failed);
    assert_eq!(row.failure_code.as_deref(), Some("source_gone"));
    let shown = site.app.presentation(video).await.unwrap().unwrap();
    assert_eq!(shown.known().count(), 0);
    site.stop().await;
}

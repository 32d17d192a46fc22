//! Fragmented files that browsers decode are published as they are: every frame and every packet of
//! sound, whatever the arrangement of their fragments, and no encoder at work.

use std::path::Path;

use virga_core::{VideoId, job::JobKind, presentation::TrackBody};
use virga_db::{JobRow, TrackRowKind};
use virga_dispatcher::DispatcherConfig;

use crate::site::{Site, decodes, run, streams};

const PICTURE: &str = "-f lavfi -i testsrc2=size=320x180:rate=25";
const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000";
const SAFE: &str = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 25 -bf 2 -c:a aac";

/// A film of five seconds, copied into another arrangement.
fn arranged(site: &Site, options: &str) -> Vec<u8> {
    if !site.folder.path().join("plain.mp4").exists() {
        site.clip(&format!("{PICTURE} {SOUND} -t 5 {SAFE} plain.mp4"));
    }
    std::fs::read(site.clip(&format!("-i plain.mp4 -c copy {options}"))).unwrap()
}

/// A film of one frame in each fragment, none of which says how long it lasts: as a browser's recorder
/// writes a frame whose successor it does not know yet. ffmpeg 5.1 gives every other fragment of such a
/// file the time of the next one; that is put right.
fn recorded(mut file: Vec<u8>) -> Vec<u8> {
    const TICKS: [u64; 2] = [512, 1024];
    let mut decoded = [0; 2];
    let names = file.windows(4).enumerate();
    let found = names.filter(|(_, name)| *name == b"tfhd" || *name == b"trex");
    let places: Vec<(usize, bool)> = found.map(|(at, name)| (at, name == b"tfhd")).collect();
    for (at, of_fragment) in places {
        if !of_fragment {
            file[at + 16..at + 20].fill(0);
            continue;
        }
        assert_eq!(file[at + 4..at + 8], [0, 2, 0, 0x38]);
        file[at + 12..at + 16].fill(0);
        let track = usize::from(file[at + 11]) - 1;
        let time = file[at..]
            .windows(4)
            .position(|name| name == b"tfdt")
            .unwrap();
        let time = at + time + 8;
        file[time..time + 8].copy_from_slice(&u64::to_be_bytes(decoded[track]));
        decoded[track] += TICKS[track];
    }
    file
}

/// Time since the first and digest of each frame or packet.
fn digests(path: &Path, words: &str) -> Vec<(i64, String)> {
    let mut arguments = vec!["-v", "error", "-noautorotate"];
    let (before, after) = words.split_once('/').unwrap();
    arguments.extend(before.split_whitespace());
    arguments.extend(["-i", path.to_str().unwrap()]);
    arguments.extend(after.split_whitespace());
    arguments.extend(["-f", "framemd5", "-"]);
    let (listing, _) = run(Path::new("/"), "ffmpeg", &arguments);
    let rows = listing.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        (cells[2].parse::<i64>().unwrap(), cells[5].to_owned())
    };
    let rows: Vec<(i64, String)> = rows.map(row).collect();
    let first = rows[0].0;
    rows.into_iter()
        .map(|(at, digest)| (at - first, digest))
        .collect()
}

pub(crate) fn frames(path: &Path) -> Vec<(i64, String)> {
    digests(
        path,
        "/-map 0:v:0 -vsync passthrough -enc_time_base 1:90000",
    )
}

pub(crate) fn packets(path: &Path) -> Vec<String> {
    let packets = digests(path, "-ignore_editlist 1/-map 0:a:0 -c copy");
    packets.into_iter().map(|(_, digest)| digest).collect()
}

/// All that players get is the source's own.
async fn assert_own_tracks(site: &Site, video: VideoId, name: &str) {
    let row = site.ready(video).await;
    assert!(
        (row.duration.unwrap() - 5_000_000).abs() < 50_000,
        "{name}: {:?}",
        row.duration
    );
    let plain = site.folder.path().join("plain.mp4");
    let tracks = site.tracks(video).await;
    assert_eq!(tracks.len(), 2, "{name}");
    for track in &tracks {
        assert!(track.rung.is_none(), "{name}: {} is encoded", track.name);
        let path = site.track_path(track);
        if track.kind == TrackRowKind::Video {
            assert_eq!(frames(&path), frames(&plain), "{name}");
        } else {
            assert_eq!(packets(&path), packets(&plain), "{name}");
        }
    }
    let jobs: Vec<JobKind> = site.jobs(video).await.iter().map(JobRow::kind).collect();
    let encoders = [JobKind::FirstRung, JobKind::Ladder];
    assert!(
        !jobs.iter().any(|job| encoders.contains(job)),
        "{name}: {jobs:?}"
    );
    let fallback = site.path(row.fallback_key.unwrap());
    decodes(&fallback);
    assert_eq!(streams(&fallback).len(), 2, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_of_every_arrangement_play_as_they_are() {
    let mut site = Site::new().await;
    let mut videos = Vec::new();
    for options in [
        "-movflags +frag_keyframe hybrid.mp4",
        "-movflags +frag_keyframe+empty_moov based.mp4",
        "-movflags +frag_keyframe+empty_moov+default_base_moof moof.mp4",
        "-movflags +dash+global_sidx+frag_keyframe dash.mp4",
        "-movflags +frag_keyframe+empty_moov+separate_moof apart.mp4",
        "-movflags +empty_moov+delay_moov -frag_duration 200000 short.mp4",
        "-movflags +frag_keyframe+empty_moov camera.mov",
        "-movflags +frag_keyframe+empty_moov+default_base_moof+skip_trailer open.mp4",
    ] {
        arranged(&site, options);
        let name = options.rsplit(' ').next().unwrap();
        let path = site.folder.path().join(name);
        videos.push((name, site.add(&path).await));
    }
    let recorder =
        "-movflags +frag_every_frame+empty_moov+default_base_moof+skip_trailer every.mp4";
    let path = site.folder.path().join("recorder.mp4");
    std::fs::write(&path, recorded(arranged(&site, recorder))).unwrap();
    videos.push(("recorder.mp4", site.add(&path).await));
    // No room for anything but what is quick.
    site.start(DispatcherConfig {
        light_jobs: 0,
        heavy_jobs: 0,
        ..Default::default()
    });
    for (name, video) in &videos {
        site.until(async || site.row(*video).await.published_version > 0)
            .await;
        for track in site.tracks(*video).await {
            assert!(matches!(track.body, TrackBody::Source { .. }), "{name}");
        }
    }
    site.stop().await;
    site.start(DispatcherConfig::default());
    for (name, video) in videos {
        assert_own_tracks(&site, video, name).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_was_killed_plays_as_far_as_its_fragments_go() {
    let mut site = Site::at_work().await;
    let options = "-movflags +frag_keyframe+empty_moov+default_base_moof whole.mp4";
    let mut file = arranged(&site, options);
    // Within the samples of the fourth of five fragments.
    let fourth = file
        .windows(4)
        .enumerate()
        .filter(|(_, name)| *name == b"moof");
    let fourth = fourth.map(|(at, _)| at).nth(3).unwrap();
    file.truncate(fourth + 4000);
    let path = site.folder.path().join("killed.mp4");
    std::fs::write(&path, &file).unwrap();
    let video = site.add(&path).await;
    let row = site.ready(video).await;
    assert!(
        (row.duration.unwrap() - 3_000_000).abs() < 50_000,
        "{:?}",
        row.duration
    );
    let tracks = site.tracks(video).await;
    assert!(tracks.iter().all(|track| track.rung.is_none()));
    let picture = tracks.iter().find(|it| it.kind == TrackRowKind::Video);
    let shown = frames(&site.track_path(picture.unwrap()));
    assert_eq!(shown, frames(&site.folder.path().join("plain.mp4"))[..75]);
    site.stop().await;
}

//! Files of sound alone are films with a cover: their own, or the waveform of the sound.

use std::{io::Write as _, path::Path, process::Stdio};

use virga_core::{MediaKey, VideoId, job::JobKind, presentation::TrackBody, video::VideoState};
use virga_db::{JobRow, TrackRowKind, VideoRow, growing};

use crate::{
    site::{Site, decodes, streams},
    stalling::start_paced,
};

/// Five seconds, of which the third is silent.
const SOUND: &str = "-f lavfi -i aevalsrc=0.7*sin(2764*t)*(1-between(t\\,2\\,3)):s=44100:d=5";
const RED: &str = "-f lavfi -i color=c=red:s=600x600 -frames:v 1";

/// Makes a file of the sound, and of this picture as its cover if there is one.
fn clip(site: &Site, cover: Option<&str>, words: &str) -> std::path::PathBuf {
    match cover {
        None => site.clip(&format!("{SOUND} {words}")),
        Some(cover) => site.clip(&format!(
            "{SOUND} -i {cover} -map 0 -map 1 -c:v copy -disposition:v attached_pic {words}"
        )),
    }
}

/// What every such film has once its work is done; answers its only track's codec.
async fn check(site: &Site, name: &str, video: VideoId) -> (VideoRow, String) {
    let row = site.ready(video).await;
    let length = row.duration.unwrap();
    assert!((length - 5_000_000).abs() < 100_000, "{name}: {length}");
    assert_eq!((row.width, row.height), (Some(0), Some(0)), "{name}");
    assert_eq!(row.failure, None, "{name}");
    let tracks = site.tracks(video).await;
    assert_eq!(tracks.len(), 1, "{name}: {tracks:?}");
    assert_eq!(tracks[0].kind, TrackRowKind::Audio, "{name}");
    let path = site.track_path(&tracks[0]);
    decodes(&path);
    let table = site.table(&tracks[0].table_key).await;
    assert!((table.duration_micros() - length).abs() < 1000, "{name}");
    let fallback = site.path(row.fallback_key.as_ref().unwrap());
    decodes(&fallback);
    let held = streams(&fallback);
    assert_eq!(held.len(), 1, "{name}");
    assert_eq!(held[0]["codec_type"], "audio", "{name}");
    let widths = row.poster_key.as_ref().unwrap().poster_parts();
    let widths: Vec<u32> = widths.iter().map(|part| part.width).collect();
    assert_eq!(widths, [0, 320, 640], "{name}");
    assert_eq!(row.storyboard_key, None, "{name}");
    let kinds = kinds(&site.jobs(video).await);
    for picture in [JobKind::FirstRung, JobKind::Ladder, JobKind::Storyboard] {
        assert!(!kinds.contains(&picture), "{name}: {kinds:?}");
    }
    let report = site.app.fsck(false, false, |_| {}).await.unwrap();
    assert!(report.is_clean(), "{name}: {:?}", report.findings);
    (row, table.codec)
}

fn kinds(jobs: &[JobRow]) -> Vec<JobKind> {
    jobs.iter().map(JobRow::kind).collect()
}

/// The average red, green and blue of a part of the poster.
async fn colour(site: &Site, poster: &MediaKey, crop: &str) -> [u8; 3] {
    let jpeg = poster.poster_parts()[0];
    let bytes = site.object(poster).await;
    let bytes = bytes.slice(..usize::try_from(jpeg.len).unwrap());
    let filter = format!("crop={crop},scale=1:1:flags=area,format=rgb24");
    decode_picture(&bytes, &filter).try_into().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "pictures are looked at here")]
fn decode_picture(bytes: &[u8], filter: &str) -> Vec<u8> {
    let mut child = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "image2pipe", "-i", "-", "-vf", filter])
        .args(["-f", "rawvideo", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap().stdout
}

fn is_red([red, green, blue]: [u8; 3]) -> bool {
    red > 200 && green < 60 && blue < 60
}

fn is_wave([red, green, blue]: [u8; 3]) -> bool {
    blue > 150 && green > 120 && red < 90
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_browsers_play_is_published_as_it_is() {
    let mut site = Site::at_work().await;
    let mut videos = Vec::new();
    for words in [
        "-c:a aac index-last.m4a",
        "-c:a aac -movflags +faststart index-first.m4a",
        "-c:a aac -movflags +frag_keyframe+empty_moov -frag_duration 500000 fragments.m4a",
        "-c:a libopus -ar 48000 opus.mp4",
        "-c:a libopus -ar 48000 recorded.webm",
        "-c:a aac recorded.mkv",
    ] {
        let path = clip(&site, None, words);
        videos.push((words, site.add(&path).await));
    }
    for (words, video) in videos {
        let (row, codec) = check(&site, words, video).await;
        let want = if words.contains("opus") {
            "opus"
        } else {
            "mp4a.40.2"
        };
        assert_eq!(codec.to_lowercase(), want, "{words}");
        let kinds = kinds(&site.jobs(video).await);
        assert!(!kinds.contains(&JobKind::Sound), "{words}: {kinds:?}");
        // The waveform, and none where nothing is heard.
        let poster = row.poster_key.unwrap();
        let wave = colour(&site, &poster, "60:40:300:340").await;
        assert!(is_wave(wave), "{words}: {wave:?}");
        let silence = colour(&site, &poster, "60:40:610:300").await;
        assert!(silence.iter().all(|it| *it < 50), "{words}: {silence:?}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_other_sound_is_encoded() {
    let mut site = Site::at_work().await;
    let mut videos = Vec::new();
    for words in [
        "-c:a libmp3lame lecture.mp3",
        "-c:a libmp3lame -write_xing 0 -id3v2_version 0 plain.mp3",
        "-c:a mp2 radio.mp2",
        "-c:a aac stream.aac",
        "-c:a flac album.flac",
        "-c:a pcm_s16le studio.wav",
        "-c:a pcm_s24be studio.aiff",
        "-c:a wavpack studio.wv",
        "-c:a alac studio.caf",
        "-c:a libvorbis talk.ogg",
        "-c:a libopus -ar 48000 talk.opus",
        "-c:a alac studio.m4a",
        "-c:a libvorbis talk.webm",
        "-c:a flac talk.mka",
        "-c:a wmav2 talk.wma",
        "-c:a aac radio.ts",
    ] {
        let path = clip(&site, None, words);
        videos.push((words, site.add(&path).await));
    }
    for (words, video) in videos {
        let (_, codec) = check(&site, words, video).await;
        assert_eq!(codec, "mp4a.40.2", "{words}");
        let kinds = kinds(&site.jobs(video).await);
        assert!(kinds.contains(&JobKind::Sound), "{words}: {kinds:?}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cover_of_its_own_is_its_poster_and_a_damaged_one_is_replaced() {
    let mut site = Site::at_work().await;
    site.clip(&format!("{RED} cover.jpg"));
    site.clip(&format!("{RED} cover.png"));
    // Longer than the bytes by which a file is known.
    site.clip("-f lavfi -i color=c=red:s=600x600,noise=alls=60 -frames:v 1 -q:v 1 large.jpg");
    let large = site.folder.path().join("large.jpg");
    assert!(large.metadata().unwrap().len() > 64 << 10);
    let mut videos = Vec::new();
    for (cover, words, encoded) in [
        ("cover.jpg", "-c:a libmp3lame album.mp3", true),
        ("large.jpg", "-c:a libmp3lame large.mp3", true),
        ("cover.png", "-c:a flac album.flac", true),
        ("cover.jpg", "-c:a aac album.m4a", false),
    ] {
        let path = clip(&site, Some(cover), words);
        videos.push((words, encoded, site.add(&path).await));
    }
    for (words, encoded, video) in videos {
        let (row, _) = check(&site, words, video).await;
        let kinds = kinds(&site.jobs(video).await);
        assert_eq!(kinds.contains(&JobKind::Sound), encoded, "{words}");
        let poster = row.poster_key.unwrap();
        let cover = colour(&site, &poster, "500:500:390:110").await;
        let far = cover[0] > 150 && cover[1] < 110 && cover[2] < 110;
        assert!(is_red(cover) || far, "{words}: {cover:?}");
        let around = colour(&site, &poster, "100:700:10:10").await;
        assert!(
            around[0] + 60 < cover[0],
            "{words}: darker around it, {around:?}"
        );
    }

    let path = clip(&site, Some("cover.jpg"), "-c:a libmp3lame broken.mp3");
    let whole = std::fs::read(&path).unwrap();
    let at = find(&whole, &[0xff, 0xd8, 0xff]).unwrap();
    let mut bytes = whole.clone();
    bytes[at + 3..at + 400].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let video = site.add(&path).await;
    let (row, _) = check(&site, "a damaged cover", video).await;
    let wave = colour(&site, &row.poster_key.unwrap(), "60:40:300:340").await;
    assert!(is_wave(wave), "{wave:?}");
    site.stop().await;
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_plays_while_it_is_encoded_and_another_worker_goes_on() {
    let mut site = Site::new().await;
    start_paced(&mut site, "sound.mp4", "4");
    let clip = site.clip("-f lavfi -i sine -t 90 -c:a libmp3lame lecture.mp3");
    let video = site.add(&clip).await;
    site.until(async || site.row(video).await.state == VideoState::Playable)
        .await;
    let shown = site.app.presentation(video).await.unwrap().unwrap();
    assert!(shown.is_sound_only(), "{shown:?}");
    let sound = shown.known_audio().unwrap();
    assert!(matches!(sound.body, TrackBody::Growing { .. }), "{shown:?}");
    assert_eq!(site.row(video).await.failure, None);
    site.stop().await;
    let pieces = growing::pieces(site.app.db.read(), video, &sound.name);
    assert!(!pieces.await.unwrap().is_empty());
    start_paced(&mut site, "sound.mp4", "50");
    let row = site.ready(video).await;
    assert!((row.duration.unwrap() - 90_000_000).abs() < 100_000);
    let tracks = site.tracks(video).await;
    assert_eq!((tracks.len(), &tracks[0].name), (1, &sound.name));
    decodes(&site.track_path(&tracks[0]));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_picture_nor_sound_is_refused() {
    let mut site = Site::at_work().await;
    let words = "1\n00:00:00,000 --> 00:00:02,000\nOnly words\n";
    std::fs::write(site.folder.path().join("words.srt"), words).unwrap();
    for (coding, name) in [("mov_text", "words.mp4"), ("srt", "words.mkv")] {
        let path = site.clip(&format!("-i words.srt -c:s {coding} {name}"));
        refused(&site, &path).await;
    }
    site.stop().await;
}

async fn refused(site: &Site, path: &Path) {
    let video = site.add(path).await;
    let row = site.settled(video).await;
    assert_eq!(row.state, VideoState::Failed);
    let path = path.display();
    assert_eq!(row.failure_code.as_deref(), Some("no_video"), "{path}");
    let why = row.failure.unwrap();
    assert!(why.contains("nothing to play"), "{path}: {why}");
}

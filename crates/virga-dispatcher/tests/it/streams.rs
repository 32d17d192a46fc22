//! Files with more streams than a film needs: those that are not used never decide.

use virga_core::job::{JobKind, JobState};
use virga_db::TrackRowKind;

use crate::site::{Site, decodes, run};

const PICTURE: &str = "-f lavfi -i testsrc2=s=320x180:r=25:d=1";
const SOUND: &str = "-f lavfi -i sine=440:d=1:r=48000";
const X264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_not_used_never_decide() {
    let mut site = Site::at_work().await;
    let subtitles = site.folder.path().join("s.srt");
    std::fs::write(&subtitles, "1\n00:00:00,100 --> 00:00:00,900\nHello\n").unwrap();
    let nine = "-map 1 ".repeat(9);
    let cases = [
        format!(
            "{PICTURE} {SOUND} -i s.srt -map 0 -map 1 -map 2 -c:v mpeg4 -c:a aac -c:s srt srt.mkv"
        ),
        format!(
            "{PICTURE} {SOUND} -i s.srt -map 0 -map 1 -map 2 -c:v mpeg4 -c:a aac -c:s mov_text text.mp4"
        ),
        format!(
            "{PICTURE} {SOUND} -i s.srt -map 0 -map 1 -map 2 {X264} -c:a aac -c:s mov_text safe.mp4"
        ),
        format!("{PICTURE} {SOUND} -map 0 -map 1 -map 1 -c:v mpeg4 -c:a:0 aac -c:a:1 tta tta.mkv"),
        format!("{PICTURE} {SOUND} -map 0 {nine}-c:v mpeg4 -c:a aac nine.mkv"),
        format!("{PICTURE} {SOUND} -map 0 {nine}{X264} -c:a aac nine.mp4"),
        format!(
            "{PICTURE} {SOUND} -f lavfi -i color=red:s=64x64:d=1:r=1 -map 2 -map 0 -map 1 -c:v:0 mjpeg -disposition:v:0 attached_pic -c:v:1 mpeg4 -c:a aac cover.mp4"
        ),
    ];
    let mut videos = Vec::new();
    for case in &cases {
        let clip = site.clip(case);
        videos.push((case.rsplit_once(' ').unwrap().1, site.add(&clip).await));
    }
    for (name, video) in videos {
        let row = site.ready(video).await;
        assert!(row.poster_key.is_some(), "{name}");
        decodes(&site.path(row.fallback_key.unwrap()));
        assert_eq!((row.width, row.height), (Some(320), Some(180)), "{name}");
        let tracks = site.tracks(video).await;
        let sounds = tracks
            .iter()
            .filter(|track| track.kind == TrackRowKind::Audio);
        assert_eq!(sounds.count(), 1, "{name}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_tracks_of_one_microphone_each_are_all_heard() {
    let mut site = Site::at_work().await;
    // A high tone is on the third of four tracks.
    let silence = "-f lavfi -i anullsrc=r=48000:cl=mono -t 1";
    let clip = site.clip(&format!(
        "{PICTURE} {silence} {silence} -f lavfi -i sine=3000:d=1:r=48000 {silence} -map 0 -map 1 \
         -map 2 -map 3 -map 4 -c:v mpeg2video -b:v 2M -c:a pcm_s16le four.mov"
    ));
    let video = site.add(&clip).await;
    site.ready(video).await;
    let tracks = site.tracks(video).await;
    let sound = tracks
        .iter()
        .find(|track| track.kind == TrackRowKind::Audio);
    let path = site.track_path(sound.unwrap());
    let words = [
        "-i",
        path.to_str().unwrap(),
        "-af",
        "volumedetect",
        "-f",
        "null",
        "-",
    ];
    let (_, said) = run(std::path::Path::new("/"), "ffmpeg", &words);
    let (_, volume) = said.split_once("max_volume: ").unwrap();
    let volume: f64 = volume.split(' ').next().unwrap().parse().unwrap();
    assert!(volume > -30.0, "{volume} dB");
    site.stop().await;
}

/// Files of more bytes are looked at whole only after they were published.
const LARGE: u64 = 80 << 20;

/// A clip of H.264 that browsers would play, damaged by `damage`; and the same in a large file.
async fn set_aside(damage: impl Fn(&mut Vec<u8>)) {
    let mut site = Site::new().await;
    let clip = site.clip(
        "-f lavfi -i testsrc2=s=640x360:r=25:d=4 -f lavfi -i sine=440:d=4:r=48000 -c:v libx264 \
         -preset veryfast -bf 0 -g 50 -pix_fmt yuv420p -c:a aac -movflags +faststart whole.mp4",
    );
    let mut bytes = std::fs::read(clip).unwrap();
    damage(&mut bytes);
    let clip = site.folder.path().join("damaged.mp4");
    std::fs::write(&clip, &bytes).unwrap();
    site.start(virga_dispatcher::DispatcherConfig::default());
    let large = enlarged(&clip);
    let (small, large) = (site.add(&clip).await, site.add(&large).await);
    for video in [small, large] {
        let row = site.ready(video).await;
        let tracks = site.tracks(video).await;
        assert!(tracks.iter().all(|track| !track.name.starts_with("src-")));
        let sounds = tracks
            .iter()
            .filter(|track| track.kind == TrackRowKind::Audio);
        assert_eq!(sounds.count(), 1);
        for track in &tracks {
            decodes(&site.track_path(track));
        }
        decodes(&site.path(row.fallback_key.unwrap()));
    }
    site.stop().await;
}

/// Some wrong bytes within the samples.
fn damage(bytes: &mut [u8]) {
    let middle = bytes.len() / 3;
    for (index, byte) in bytes[middle..middle + 4000].iter_mut().enumerate() {
        *byte = (index * 7919).to_le_bytes()[0];
    }
}

/// An MP4 with a box after its end that nobody reads, so that it is large.
fn enlarged(clip: &std::path::Path) -> std::path::PathBuf {
    let mut bytes = std::fs::read(clip).unwrap();
    let size = LARGE - bytes.len() as u64;
    bytes.extend(u32::try_from(size).unwrap().to_be_bytes());
    bytes.extend(b"free");
    let path = clip.with_extension("large.mp4");
    std::fs::write(&path, bytes).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(LARGE).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_source_is_encoded_and_not_served_as_it_is() {
    set_aside(|bytes| damage(bytes)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_frames_that_are_none_are_not_believed() {
    set_aside(|bytes| {
        // Without this table every sample counts as a key frame.
        let at = bytes.windows(4).position(|four| four == b"stss").unwrap();
        bytes[at..at + 4].copy_from_slice(b"free");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_an_earlier_release_published_unseen_is_looked_at_before_it_is_packaged() {
    let mut site = Site::new().await;
    let clip = site.clip(
        "-f lavfi -i testsrc2=s=640x480:r=25:d=2 -f lavfi -i sine=440:d=2:r=48000 -c:v libx264 \
         -preset veryfast -bf 0 -g 50 -pix_fmt yuv420p -c:a aac -movflags +faststart whole.mp4",
    );
    let video = site.add(&clip).await;
    // All but `package` is done while nobody sees the damage, as if nobody had looked.
    site.start(virga_dispatcher::DispatcherConfig {
        light_jobs: 0,
        ..Default::default()
    });
    site.until(async || {
        let done = |job: &virga_db::JobRow| job.state == JobState::Done;
        let jobs = site.jobs(video).await;
        jobs.iter()
            .any(|job| job.kind() == JobKind::FirstRung && done(job))
    })
    .await;
    site.stop().await;
    let source = site.path(site.row(video).await.source_key.unwrap());
    let mut bytes = std::fs::read(&source).unwrap();
    damage(&mut bytes);
    std::fs::write(&source, bytes).unwrap();

    site.start(virga_dispatcher::DispatcherConfig::default());
    let row = site.ready(video).await;
    let tracks = site.tracks(video).await;
    assert!(tracks.iter().all(|track| !track.name.starts_with("src-")));
    let sounds = tracks
        .iter()
        .filter(|track| track.kind == TrackRowKind::Audio);
    assert_eq!(sounds.count(), 1, "its sound was the source's own");
    for track in &tracks {
        decodes(&site.track_path(track));
    }
    decodes(&site.path(row.fallback_key.unwrap()));
    site.stop().await;
}

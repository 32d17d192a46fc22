//! Sound that browsers play is not re-encoded when only the picture has to be: it is published from the source while
//! the picture grows, and then copied into an object.

use std::path::Path;

use virga_core::{presentation::TrackBody, video::VideoState};
use virga_db::{TrackRow, TrackRowKind};
use virga_dispatcher::DispatcherConfig;

use crate::{
    site::{Site, decodes, run},
    stalling::start_paced,
    sync::{BEEP, FLASH, flash_and_beep},
};

const PICTURE: &str = "-f lavfi -i testsrc2=size=320x180:rate=25";
const SOUND: &str = "-f lavfi -i sine=frequency=440:beep_factor=2:sample_rate=48000";

/// The digests of its packets.
fn packets(path: &Path) -> Vec<String> {
    let words = ["-v", "error", "-i", path.to_str().unwrap(), "-map", "0:a"];
    let words = [&words[..], &["-c", "copy", "-f", "framemd5", "-"]].concat();
    let (out, _) = run(path.parent().unwrap(), "ffmpeg", &words);
    let rows = out.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|row| Some(row.split(',').nth(5)?.trim().to_owned()))
        .collect()
}

fn sound(tracks: &[TrackRow]) -> &TrackRow {
    let mut heard = tracks.iter().filter(|it| it.kind == TrackRowKind::Audio);
    let first = heard.next().unwrap();
    assert!(heard.next().is_none());
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_that_plays_is_copied_next_to_a_picture_that_does_not() {
    let mut site = Site::at_work().await;
    for (coding, kept) in [
        ("-c:v mpeg4 -bf 2 -c:a aac b-frames.mp4", true),
        (
            "-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le -c:a libopus 10-bits.mp4",
            true,
        ),
        (
            "-c:v mpeg4 -c:a aac -ac 6 -movflags +frag_keyframe 5.1-pieces.mp4",
            true,
        ),
        ("-c:v mpeg4 -c:a libmp3lame mp3.mp4", false),
        ("-c:v mpeg4 -af atrim=end=1.5 -c:a aac early-end.mp4", false),
        (
            "-c:v mpeg4 -af adelay=500,asetpts=PTS+0.5/TB -c:a aac late.mp4",
            false,
        ),
    ] {
        let clip = site.clip(&format!("{PICTURE} {SOUND} -t 3 {coding}"));
        let came = packets(&clip);
        let video = site.add(&clip).await;
        let row = site.ready(video).await;
        let length = row.duration.unwrap();
        assert!((length - 3_000_000).abs() < 60_000, "{coding}: {length}");
        let tracks = site.tracks(video).await;
        let sound = sound(&tracks);
        assert!(matches!(sound.body, TrackBody::Object { .. }), "{coding}");
        let same = came == packets(&site.track_path(sound));
        assert_eq!(same, kept, "{coding}");
        let fallback = packets(&site.path(row.fallback_key.unwrap()));
        assert_eq!(came == fallback, kept, "{coding}: plain file");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copied_sound_is_in_sync() {
    for end in [
        "-c:v mpeg4 -q:v 4 -bf 2 -c:a aac kept.mp4",
        "-c:v libx264 -preset ultrafast -pix_fmt yuv422p -bf 2 -c:a aac kept.mov",
    ] {
        flash_and_beep(&format!("{FLASH} {BEEP} -t 3 {end}")).await;
    }
}

/// The sound plays from the source until the picture is whole, even if another worker takes over.
#[tokio::test(flavor = "multi_thread")]
async fn it_plays_while_the_picture_is_encoded_and_another_worker_goes_on() {
    let mut site = Site::new().await;
    start_paced(&mut site, "rung0.mp4", "2");
    let clip = site.clip(&format!(
        "{PICTURE} {SOUND} -t 24 -c:v mpeg4 -c:a aac film.mp4"
    ));
    let came = packets(&clip);
    let video = site.add(&clip).await;
    site.until(async || site.row(video).await.state == VideoState::Playable)
        .await;
    let shown = site.app.presentation(video).await.unwrap().unwrap();
    let grows = |body: &TrackBody| matches!(body, TrackBody::Growing { .. });
    assert!(shown.known_videos().all(|track| grows(&track.body)));
    let heard = shown.known_audio().unwrap();
    assert!(matches!(heard.body, TrackBody::Source { .. }));
    let before = sound(&site.tracks(video).await).clone();
    site.stop().await;
    site.start(DispatcherConfig::default());
    site.ready(video).await;
    let tracks = site.tracks(video).await;
    let after = sound(&tracks);
    assert_eq!(after.name, before.name, "under the same addresses");
    assert_eq!(came, packets(&site.track_path(after)));
    decodes(&site.track_path(after));
    site.stop().await;
}

//! Pictures that not every browser decodes: they play as they are where they can, and a rung for all others is
//! played while it is encoded.

use virga_core::{
    VideoId,
    presentation::{Presentation, PresentedTrack, TrackBody},
    video::VideoState,
};
use virga_db::TrackRowKind;
use virga_dispatcher::DispatcherConfig;

use crate::{
    fragmented::frames,
    site::{Site, decodes, streams},
    stalling::start_paced,
};

const PICTURE: &str = "-f lavfi -i testsrc2=size=320x180:rate=25";
const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000";
const HEVC: &str =
    "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=50 -pix_fmt yuv420p";
const MAIN10: &str =
    "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=50 -pix_fmt yuv420p10le";
const VP9: &str = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 50";
const AV1: &str = "-c:v libsvtav1 -preset 10 -g 50";

async fn published(site: &Site, video: VideoId) -> Presentation {
    site.app.presentation(video).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_some_browsers_decode_plays_for_them_at_once_and_for_the_others_a_rung_grows() {
    let mut site = Site::new().await;
    let mut videos = Vec::new();
    for (coding, name, codec) in [
        (
            format!("{HEVC} -tag:v hvc1 -c:a aac"),
            "phone.mp4",
            "hvc1.1.",
        ),
        (format!("{MAIN10} -c:a aac"), "film.mkv", "hvc1.2."),
        (format!("{HEVC} -c:a libopus"), "named-hev1.mp4", "hvc1.1."),
        (format!("{VP9} -c:a libopus"), "browser.webm", "vp09.00."),
        (format!("{AV1} -c:a libopus"), "small.mp4", "av01.0."),
        (format!("{AV1} -c:a libopus"), "small.webm", "av01.0."),
    ] {
        let path = site.clip(&format!("{PICTURE} {SOUND} -t 4 {coding} {name}"));
        let frames = frames(&path);
        videos.push((name, codec, frames, site.add(&path).await));
    }
    // No room for anything but what is quick.
    site.start(DispatcherConfig {
        light_jobs: 0,
        heavy_jobs: 0,
        ..DispatcherConfig::default()
    });
    for (name, codec, _, video) in &videos {
        site.until(async || site.row(*video).await.published_version > 0)
            .await;
        let shown = published(&site, *video).await;
        let tracks: Vec<_> = shown.known().collect();
        assert_eq!(tracks.len(), 2, "{name}");
        for track in tracks {
            assert!(matches!(track.body, TrackBody::Source { .. }), "{name}");
        }
        let picture = shown.known_videos().next().unwrap();
        let table = site.table(&picture.table).await;
        assert!(table.codec.starts_with(codec), "{name}: {}", table.codec);
    }
    site.stop().await;
    site.start(DispatcherConfig::default());
    for (name, _, source, video) in videos {
        let row = site.ready(video).await;
        let length = row.duration.unwrap();
        assert!((length - 4_000_000).abs() < 60_000, "{name}: {length}");
        let tracks = site.tracks(video).await;
        let pictures = tracks.iter().filter(|it| it.kind == TrackRowKind::Video);
        let (own, rungs): (Vec<_>, Vec<_>) = pictures.partition(|it| it.rung.is_none());
        assert_eq!((own.len(), rungs.len()), (1, 1), "{name}: {tracks:?}");
        assert!(rungs[0].position < own[0].position, "{name}");
        assert_eq!(frames(&site.track_path(own[0])), source, "{name}");
        let rung = site.table(&rungs[0].table_key).await;
        assert!(rung.codec.starts_with("avc1."), "{name}");
        let off = rung.duration_micros() - site.table(&own[0].table_key).await.duration_micros();
        assert!(off.abs() < 60_000, "{name}: {off}");
        let fallback = site.path(row.fallback_key.unwrap());
        decodes(&fallback);
        let codings: Vec<_> = streams(&fallback);
        assert_eq!(codings.len(), 2, "{name}");
        assert_eq!(codings[0]["codec_name"], "h264", "{name}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rung_for_the_other_browsers_plays_while_it_is_encoded() {
    for (sound, name, grow) in [
        ("-c:a aac", "film.mp4", false),
        ("-c:a ac3", "film.mkv", true),
    ] {
        let mut site = Site::new().await;
        start_paced(&mut site, "rung0.mp4", "2");
        let clip = site.clip(&format!("{PICTURE} {SOUND} -t 14 {HEVC} {sound} {name}"));
        let video = site.add(&clip).await;
        let growing = async || {
            let shown = published(&site, video).await;
            shown.known_videos().any(PresentedTrack::grows)
        };
        site.until(growing).await;
        let shown = published(&site, video).await;
        assert_eq!(shown.known_videos().count(), 2, "{name}");
        assert_eq!(shown.known_audio().unwrap().grows(), grow, "{name}");
        let row = site.row(video).await;
        assert_eq!(row.state, VideoState::Playable, "{name}");
        let report = site.app.fsck(false, false, |_| {}).await.unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        // Another worker takes over, and the published tracks keep their names.
        let names: Vec<String> = shown.known().map(|track| track.name.clone()).collect();
        site.stop().await;
        start_paced(&mut site, "rung0.mp4", "50");
        let row = site.ready(video).await;
        assert_eq!(row.failure, None);
        let tracks = site.tracks(video).await;
        for name in names {
            let track = tracks.iter().find(|track| track.name == name);
            let track = track.unwrap_or_else(|| panic!("{name} of {tracks:?}"));
            assert!(matches!(track.body, TrackBody::Object { .. }), "{name}");
            decodes(&site.track_path(track));
        }
        assert_eq!(tracks.len(), 3, "{tracks:?}");
        site.stop().await;
    }
}

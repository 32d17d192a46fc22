//! A picture that browsers play is copied, and not encoded, out of a container that they do not play.

use std::path::Path;

use virga_core::{
    job::{JobKind, JobState},
    presentation::TrackBody,
    video::VideoState,
};
use virga_db::{TrackRow, TrackRowKind, growing};

use crate::{
    fragmented::{frames, packets},
    site::{Site, decodes},
    stalling::start_paced,
    sync::flash_and_beep,
};

const PICTURE: &str = "-f lavfi -i testsrc2=size=320x180:rate=25";
const SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000";
const H264: &str = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 50 -bf 2";
/// Shortly before a transport stream's clock wraps.
const WRAPS: &str = "-output_ts_offset 95438";

fn of(tracks: &[TrackRow], kind: TrackRowKind) -> &TrackRow {
    tracks.iter().find(|track| track.kind == kind).unwrap()
}

/// The source's own picture, if it stands.
fn own(tracks: &[TrackRow]) -> Option<&TrackRow> {
    let mut pictures = tracks.iter().filter(|it| it.kind == TrackRowKind::Video);
    pictures.find(|track| track.rung.is_none())
}

/// Publishes a file and compares its picture with the source's, frame by frame.
async fn is_copied(site: &Site, path: &Path) -> Vec<TrackRow> {
    let (name, source) = (path.display(), frames(path));
    let video = site.add(path).await;
    let row = site.ready(video).await;
    let tracks = site.tracks(video).await;
    let picture = own(&tracks).unwrap_or_else(|| panic!("{name} is encoded: {tracks:?}"));
    let copy = site.track_path(picture);
    decodes(&copy);
    assert_eq!(frames(&copy), source, "{name}");
    let jobs = site.jobs(video).await;
    assert!(jobs.iter().any(|job| job.kind() == JobKind::Copy), "{name}");
    let length = row.duration.unwrap();
    assert!((length - 10_000_000).abs() < 100_000, "{name}: {length}");
    decodes(&site.path(row.fallback_key.unwrap()));
    tracks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_in_a_container_that_does_not_play_is_copied() {
    let mut site = Site::at_work().await;
    let clip = |site: &Site, end: &str| site.clip(&format!("{PICTURE} {SOUND} -t 10 {H264} {end}"));
    for end in [
        "-c:a aac plain.ts".to_owned(),
        format!("-c:a aac {WRAPS} wraps.ts"),
        "-c:a aac -mpegts_m2ts_mode 1 camera.m2ts".to_owned(),
    ] {
        let path = clip(&site, &end);
        let source = site.clip(&format!(
            "-i {} -map 0:a -c copy source.m4a",
            path.display()
        ));
        let tracks = is_copied(&site, &path).await;
        let sound = site.track_path(of(&tracks, TrackRowKind::Audio));
        decodes(&sound);
        assert_eq!(packets(&sound), packets(&source), "{end}");
    }
    for end in [
        "-c:a ac3 other.ts",
        "-c:a aac -ar 22050 -profile:a aac_low low.ts",
        "-an mute.ts",
    ] {
        let path = clip(&site, end);
        let tracks = is_copied(&site, &path).await;
        assert_eq!(
            tracks.len(),
            if end.starts_with("-an") { 1 } else { 2 },
            "{end}"
        );
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_copied_is_in_sync() {
    for (clip, end) in [
        ("-c:a aac", "plain.ts"),
        ("-af atrim=start=0.8 -c:a aac", "late.ts"),
        ("-output_ts_offset 95441.5 -c:a aac", "wraps.ts"),
        ("-c:a mp2", "other.ts"),
    ] {
        let coding = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 3 -g 25";
        flash_and_beep(&format!(
            "{} {} -t 3 {coding} {clip} {end}",
            crate::sync::FLASH,
            crate::sync::BEEP
        ))
        .await;
    }
}

/// It is encoded instead, and nothing of a copy is left.
async fn falls_back(site: &Site, path: &Path) {
    let name = path.display();
    let video = site.add(path).await;
    site.ready(video).await;
    let tracks = site.tracks(video).await;
    assert!(own(&tracks).is_none(), "{name} is copied: {tracks:?}");
    assert!(tracks.iter().any(|track| track.rung.is_some()), "{name}");
    let rows = growing::of_video(site.app.db.read(), video).await.unwrap();
    assert!(
        rows.iter().all(|row| !row.name.starts_with("src-")),
        "{rows:?}"
    );
    for track in &tracks {
        decodes(&site.track_path(track));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_browsers_would_stumble_over_is_encoded() {
    let mut site = Site::at_work().await;
    let film = |site: &Site, length: u32, end: &str| {
        site.clip(&format!("{PICTURE} {SOUND} -t {length} -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac {end}"))
    };
    let open = film(&site, 14, "-g 25 -bf 2 -x264-params open-gop=1 open.ts");
    let fields = film(
        &site,
        3,
        "-g 25 -flags +ildct+ilme -x264-params interlaced=1 fields.ts",
    );
    let plain = std::fs::read(film(&site, 6, "-g 25 plain.ts")).unwrap();
    let mut lost = plain.clone();
    let middle = plain.len() / 188 / 2 * 188;
    lost.drain(middle..middle + 3 * 188);
    let damaged = site.folder.path().join("damaged.ts");
    std::fs::write(&damaged, lost).unwrap();
    let mut both = plain;
    both.extend(
        std::fs::read(film(
            &site,
            3,
            "-vf scale=480:270 -g 25 -output_ts_offset 6 larger.ts",
        ))
        .unwrap(),
    );
    let grown = site.folder.path().join("grown.ts");
    std::fs::write(&grown, both).unwrap();
    for path in [open, fields, damaged, grown] {
        falls_back(&site, &path).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_cannot_go_on_is_withdrawn_and_encoded() {
    let mut site = Site::new().await;
    start_paced(&mut site, "copy.mp4", "4");
    // After 12 s, 15 s without a key frame.
    let keys = "expr:lt(t,14)*gte(t,n_forced*2)+gte(t,27)*eq(n_forced,7)";
    let coding = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 1000 -sc_threshold 0";
    let clip = site.clip(&format!(
        "{PICTURE} {SOUND} -t 29 {coding} -force_key_frames {keys} -c:a aac sparse.ts"
    ));
    let video = site.add(&clip).await;
    let shown = async || site.app.presentation(video).await.unwrap();
    let plays = async || shown().await.is_some_and(|shown| shown.known().count() > 0);
    site.until(plays).await;
    let tracks = growing::of_video(site.app.db.read(), video).await.unwrap();
    assert!(
        tracks.iter().any(|row| row.name.starts_with("src-")),
        "{tracks:?}"
    );
    site.until(async || !plays().await).await;
    let row = site.ready(video).await;
    assert!((row.duration.unwrap() - 29_000_000).abs() < 100_000);
    assert!(own(&site.tracks(video).await).is_none());
    let rows = growing::of_video(site.app.db.read(), video).await.unwrap();
    assert!(
        rows.iter().all(|row| !row.name.starts_with("src-")),
        "{rows:?}"
    );
    site.stop().await;
    let report = site.app.fsck(false, false, |_| {}).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_was_cut_off_is_copied_up_to_there() {
    let mut site = Site::at_work().await;
    let whole =
        std::fs::read(site.clip(&format!("{PICTURE} {SOUND} -t 10 {H264} -c:a aac whole.ts")));
    let whole = whole.unwrap();
    let cut = site.folder.path().join("cut.ts");
    std::fs::write(&cut, &whole[..whole.len() / 188 * 188 * 9 / 10 + 50]).unwrap();
    let video = site.add(&cut).await;
    let length = site.ready(video).await.duration.unwrap();
    assert!((7_500_000..9_900_000).contains(&length), "{length}");
    let tracks = site.tracks(video).await;
    decodes(&site.track_path(own(&tracks).unwrap()));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_plays_while_it_is_copied_and_another_worker_goes_on() {
    let mut site = Site::new().await;
    start_paced(&mut site, "copy.mp4", "4");
    let clip = site.clip(&format!("{PICTURE} {SOUND} -t 24 {H264} -c:a aac film.ts"));
    let source = frames(&clip);
    let video = site.add(&clip).await;
    site.until(async || site.row(video).await.state == VideoState::Playable)
        .await;
    site.stop().await;
    let db = site.app.db.read();
    let mut stood = Vec::new();
    for row in growing::of_video(db, video).await.unwrap() {
        let pieces = growing::pieces(db, video, &row.name).await.unwrap();
        assert!(!pieces.is_empty());
        stood.push((row.name, pieces));
    }
    assert_eq!(stood.len(), 2);
    start_paced(&mut site, "copy.mp4", "50");
    let row = site.ready(video).await;
    let jobs = site.jobs(video).await;
    let copy = jobs.iter().find(|job| job.kind() == JobKind::Copy).unwrap();
    assert_eq!(copy.state, JobState::Done);
    let tracks = site.tracks(video).await;
    for (name, pieces) in stood {
        let track = tracks.iter().find(|track| track.name == name).unwrap();
        assert!(matches!(track.body, TrackBody::Object { .. }));
        let whole = std::fs::read(site.track_path(track)).unwrap();
        let mut at = site.table(&track.table_key).await.init.len();
        for piece in pieces {
            let bytes = site.object(&piece.object).await;
            assert_eq!(whole[at..at + bytes.len()], bytes[..], "{name}");
            at += bytes.len();
        }
        assert!(whole.len() > at, "{name}");
    }
    let picture = own(&tracks).unwrap();
    assert_eq!(frames(&site.track_path(picture)), source);
    assert!((row.duration.unwrap() - 24_000_000).abs() < 100_000);
    site.stop().await;
    let report = site.app.fsck(false, false, |_| {}).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

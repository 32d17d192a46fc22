//! A fragmented MP4, as recorders and browsers write it, is played as it is.

use std::path::Path;

use virga_testkit::{Clip, Site};

use crate::VIRGA;

/// The digest of each decoded frame.
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at their clips with ffmpeg"
)]
fn frames(path: &Path) -> Vec<String> {
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(path);
    ffmpeg.args([
        "-map",
        "0:v:0",
        "-vsync",
        "passthrough",
        "-f",
        "framemd5",
        "-",
    ]);
    let listing = String::from_utf8(ffmpeg.output().unwrap().stdout).unwrap();
    let rows = listing.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| row.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

#[tokio::test]
async fn what_viewers_get_of_a_fragmented_file_are_its_own_frames() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let fragments = ["-movflags", "+frag_keyframe+empty_moov+default_base_moof"];
    let clip = Clip::default()
        .seconds(6.0)
        .file("fragments.mp4", &fragments);
    let folder = tempfile::tempdir().unwrap();
    let source = clip.make(folder.path());
    let video = ann
        .upload("Recorded", "public", &std::fs::read(&source).unwrap())
        .await;
    ann.wait_for(&video, &["playable", "ready"]).await;

    let stranger = site.stranger();
    let playback = stranger.playback(&video).await;
    let hls = playback["hls"].as_str().unwrap();
    let playlist = stranger.get(hls).await.expect(200).text();
    let variants: Vec<&str> = playlist
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert_eq!(variants.len(), 1, "{playlist}");
    let (base, _) = hls.rsplit_once('/').unwrap();
    let own = if variants[0].starts_with('/') {
        variants[0].to_owned()
    } else {
        format!("{base}/{}", variants[0])
    };
    let mut picture = Vec::new();
    for url in stranger.media_urls(&own).await {
        if !url.contains(".m3u8") {
            picture.extend(stranger.get(&url).await.expect(200).body);
        }
    }
    let played = folder.path().join("played.mp4");
    std::fs::write(&played, &picture).unwrap();
    let wanted = frames(&source);
    assert_eq!(wanted.len(), 150);
    assert!(frames(&played) == wanted);
}

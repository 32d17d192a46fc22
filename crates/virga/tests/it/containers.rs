//! Films in containers that browsers do not take, of codings that they do.

use std::{path::Path, process::Command};

use virga_testkit::{BucketServer, Clip, Person, Site};

use crate::{VIRGA, buckets::over};

/// What ffmpeg says.
fn ffmpeg(folder: &Path, words: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "ffmpeg is what decodes here")]
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-y"]);
    let output = ffmpeg.current_dir(folder).args(words.split(' ')).output();
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The digest of every picture or packet, and when the last one ends, in seconds.
fn digests(folder: &Path, words: &str) -> (Vec<String>, f64) {
    let listed = ffmpeg(folder, &format!("{words} -f framemd5 -"));
    let base = listed.lines().find_map(|line| line.strip_prefix("#tb 0: "));
    let (over, under) = base.unwrap().split_once('/').unwrap();
    let tick: f64 = over.parse::<f64>().unwrap() / under.parse::<f64>().unwrap();
    let rows = listed.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<Vec<&str>> = rows
        .map(|row| row.split(',').map(str::trim).collect())
        .collect();
    let ends = |row: &Vec<&str>| {
        let ticks: f64 = row[2].parse::<f64>().unwrap() + row[3].parse::<f64>().unwrap();
        ticks * tick
    };
    let end = rows.iter().map(ends).fold(0.0, f64::max);
    (rows.iter().map(|row| row[5].to_owned()).collect(), end)
}

/// What a player gets of each track, as one file each: init and all segments.
async fn tracks(viewer: &Person, hls: &str) -> Vec<Vec<u8>> {
    let mut tracks = vec![];
    let urls = viewer.media_urls(hls).await;
    let whole = |url: &&String| url.contains(".m3u8") && !url.contains("iframes");
    for list in urls.iter().skip(1).filter(whole) {
        let mut bytes = vec![];
        for url in viewer.media_urls(list).await.iter().skip(1) {
            bytes.extend_from_slice(&viewer.get(url).await.expect(200).body);
        }
        tracks.push(bytes);
    }
    tracks
}

/// Uploads H.264 with AAC, a minute of six seconds again and again, and with Opus, to a site that makes
/// no rungs.
async fn plays_as_it_came(site: Site) {
    let (ann, guest) = (site.register("ann").await, site.stranger());
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let _ = Clip::default().seconds(6.0).size("640x360").make(at);
    ffmpeg(at, "-stream_loop 9 -i clip.mp4 -map 0 -c copy aac.mkv");
    ffmpeg(at, "-i clip.mp4 -c:v copy -c:a libopus opus.mkv");
    // Where one round ends and the next begins, a packet of sound comes for a moment that has one.
    for (name, seams) in [("aac.mkv", 9), ("opus.mkv", 0)] {
        let bytes = std::fs::read(at.join(name)).unwrap();
        let video = ann.upload(name, "public", &bytes).await;
        let shown = ann.wait_for(&video, &["playable", "ready"]).await;
        assert_eq!(shown["warnings"], serde_json::Value::Null, "{shown}");
        let playback = guest.playback(&video).await;
        let tracks = tracks(&guest, playback["hls"].as_str().unwrap()).await;
        assert_eq!(tracks.len(), 2, "{name}: a picture and its sound");
        let mut found = vec![];
        for bytes in &tracks {
            std::fs::write(at.join("track.mp4"), bytes).unwrap();
            let sound = bytes.windows(4).take(2000).any(|name| name == b"soun");
            let (map, copy) = if sound { ("a", " -c copy") } else { ("v", "") };
            let digests = |file: &str| {
                let words = format!("-i {file} -map 0:{map} -vsync passthrough{copy}");
                digests(at, &words)
            };
            let (source, whole) = digests(name);
            let (served, end) = digests("track.mp4");
            let missing = source.len() - served.len();
            assert!(
                missing <= if sound { seams } else { 0 },
                "{name}: {map} {missing}"
            );
            let mut rest = source.iter();
            let in_order = served.iter().all(|one| rest.any(|other| other == one));
            assert!(in_order, "{name}: {map} is what was sent");
            assert!(
                (whole - end).abs() < 0.1,
                "{name}: {map} {whole} s, {end} s"
            );
            found.push(map);
        }
        found.sort_unstable();
        assert_eq!(found, ["a", "v"]);
        let length = shown["duration"].as_f64().unwrap();
        let (_, source) = digests(at, &format!("-i {name} -map 0:a -c copy"));
        assert!(
            (length - source).abs() < 0.1,
            "{name}: {length} s, {source} s"
        );
    }
}

#[tokio::test]
async fn h264_in_matroska_plays_without_an_encoder() {
    let site = Site::of(VIRGA);
    plays_as_it_came(site.set("VIRGA_DISPATCHER__HEAVY_JOBS", "0").start()).await;
}

#[tokio::test]
async fn h264_in_matroska_in_a_bucket_does_too() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let site = over(&server, "site");
    plays_as_it_came(site.set("VIRGA_DISPATCHER__HEAVY_JOBS", "0").start()).await;
}

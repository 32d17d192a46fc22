//! Truncated files play up to where they end, with a note for the owner.

use std::path::PathBuf;

use crate::site::Site;

const SIX_SECONDS: &str =
    "-f lavfi -i testsrc2=s=320x180:r=25:d=6 -f lavfi -i sine=440:d=6:r=48000";

fn half(file: PathBuf) -> PathBuf {
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_of_a_file_plays_with_a_note() {
    let mut site = Site::at_work().await;
    let safe = "-c:v libx264 -preset veryfast -g 25 -pix_fmt yuv420p -c:a aac";
    // With what they say that their length is.
    let cases = [
        (format!("{safe} -movflags +faststart cut.mp4"), Some(6)),
        (
            "-c:v mpeg4 -c:a aac -movflags +faststart cut-mpeg4.mp4".to_owned(),
            Some(6),
        ),
        (
            format!("{safe} -movflags +frag_keyframe+empty_moov cut-pieces.mp4"),
            None,
        ),
        (format!("{safe} cut.mkv"), Some(6)),
        ("-c:v mpeg4 -c:a libmp3lame cut.avi".to_owned(), None),
    ];
    for (coding, says) in cases {
        let file = half(site.clip(&format!("{SIX_SECONDS} {coding}")));
        let video = site.add(&file).await;
        let row = site.ready(video).await;
        let seconds = |micros: i64| (micros + 500_000) / 1_000_000;
        assert_eq!(row.note.as_deref(), Some("ends_early"), "{coding}");
        assert_eq!(row.announced.map(seconds), says, "{coding}");
        let plays = row.duration.unwrap();
        assert!((2_000_000..3_300_000).contains(&plays), "{coding}: {plays}");
    }
    let whole = site.clip(&format!("{SIX_SECONDS} {safe} whole.mp4"));
    let video = site.add(&whole).await;
    let row = site.ready(video).await;
    assert_eq!((row.note, row.announced), (None, None));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_without_a_container_play() {
    let mut site = Site::at_work().await;
    let picture = "-f lavfi -i testsrc2=s=320x180:r=25:d=3";
    let cases = [
        "-c:v libx264 -preset veryfast -bf 3 -pix_fmt yuv420p raw.h264",
        "-c:v libx265 -preset ultrafast -x265-params log-level=error raw.hevc",
        "-pix_fmt yuv420p pipe.y4m",
        "-f apng -plays 0 moving.png",
    ];
    for coding in cases {
        let video = site.add(&site.clip(&format!("{picture} {coding}"))).await;
        let row = site.ready(video).await;
        let micros = row.duration.unwrap();
        assert!((micros - 3_000_000).abs() < 50_000, "{coding}: {micros}");
        assert_eq!((row.width, row.height), (Some(320), Some(180)), "{coding}");
        assert_eq!(row.note, None, "{coding}");
    }
    site.stop().await;
}

//! How long a film is: each frame lasts until the next one shown, and the film as long as the
//! longer of its picture and sound.

use virga_core::VideoId;
use virga_db::TrackRowKind;

use crate::site::Site;

const X264: &str = "-c:v libx264 -preset veryfast -g 50 -pix_fmt yuv420p";

/// Checks the length of the row and of every track, to 0.1 s.
async fn lasts(site: &Site, video: VideoId, name: &str, seconds: i64) {
    let row = site.ready(video).await;
    let wanted = |micros: i64| (micros - seconds * 1_000_000).abs() < 100_000;
    assert!(wanted(row.duration.unwrap()), "{name}: {:?}", row.duration);
    for track in site.tracks(video).await {
        let table = site.table(&track.table_key).await;
        let micros = table.duration_micros();
        assert!(wanted(micros), "{name}, {}: {micros}", track.name);
        if track.kind == TrackRowKind::Video {
            let end = shown_end(site, &track).await;
            assert!(wanted(end), "{name}, {}: shown until {end}", track.name);
        }
    }
}

/// The latest moment at which a frame of a packaged track ends by its own boxes, microseconds.
async fn shown_end(site: &Site, track: &virga_db::TrackRow) -> i64 {
    let bytes = std::fs::read(site.track_path(track)).unwrap();
    let table = site.table(&track.table_key).await;
    let words = |at: usize, of: usize| {
        u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap()) >> (64 - of)
    };
    let (mut end, mut at) = (0, 0);
    // Every `trun` with the `tfdt` and `tfhd` before it.
    while let Some(found) = bytes[at..].windows(4).position(|four| four == b"tfdt") {
        let (tfdt, trun) = (at + found, at + found + 16);
        let mut dts = words(tfdt + 8, 64).cast_signed();
        assert_eq!(&bytes[trun + 4..trun + 8], b"trun");
        let tfhd = bytes[..tfdt]
            .windows(4)
            .rposition(|four| four == b"tfhd")
            .unwrap();
        let default = words(tfhd + 12, 32).cast_signed();
        let flags = words(trun + 8, 32) & 0xff_ffff;
        let mut field = trun + 20 + if flags & 4 == 0 { 0 } else { 4 };
        let mut next = |bit: u64| {
            let here = (flags & bit != 0).then(|| words(field, 32));
            field += if here.is_some() { 4 } else { 0 };
            here
        };
        for _ in 0..words(trun + 12, 32) {
            let duration = next(0x100).map_or(default, u64::cast_signed);
            let (_, _) = (next(0x200), next(0x400));
            let cts = next(0x800).map_or(0, |cts| {
                i64::from(u32::try_from(cts).unwrap().cast_signed())
            });
            end = end.max(dts + cts + duration);
            dts += duration;
        }
        at = trun;
    }
    end * 1_000_000 / i64::from(table.timescale)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_as_long_as_what_is_seen_and_heard() {
    let mut site = Site::at_work().await;
    let picture =
        |select: &str| format!("-f lavfi -i testsrc2=s=320x180:r=25:d=8,select='{select}'");
    let sound = "-f lavfi -i sine=440:d=8:r=48000";
    let pause = picture("lt(t,2)+gt(t,7)");
    let short = picture("lt(t,2)");
    let cases = [
        format!("{pause} {sound} -fps_mode vfr {X264} -bf 2 -c:a aac pause_b.mp4"),
        format!(
            "{pause} {sound} -fps_mode vfr -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -f webm -live 1 pause.webm"
        ),
        format!("{short} {sound} -fps_mode vfr {X264} -c:a aac static.mp4"),
        format!(
            "{short} {sound} -fps_mode vfr -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -f webm -live 1 static.webm"
        ),
        format!("{short} {sound} {X264} -c:a aac longer.mkv"),
    ];
    let mut videos = Vec::new();
    for case in &cases {
        let clip = site.clip(case);
        videos.push((case.rsplit_once(' ').unwrap().1, site.add(&clip).await));
    }
    for (name, video) in videos {
        lasts(&site, video, name, 8).await;
    }
    site.stop().await;
}

/// So few frames that they all fit into the encoder's delay.
#[tokio::test(flavor = "multi_thread")]
async fn a_film_of_few_frames_keeps_its_length_and_its_sound() {
    let mut site = Site::at_work().await;
    let clip = site.clip(
        "-f lavfi -i testsrc2=s=320x180:r=5:d=3 -f lavfi -i sine=440:d=3:r=48000 \
         -c:v mpeg4 -c:a flac few.mkv",
    );
    let video = site.add(&clip).await;
    lasts(&site, video, "few", 3).await;
    let tracks = site.tracks(video).await;
    assert!(tracks.iter().any(|it| it.kind == TrackRowKind::Audio));
    site.stop().await;
}

//! Flash and beep fall together, whatever the file did to their clocks.

use std::path::Path;

use virga_db::{TrackRow, TrackRowKind};

use crate::site::{Site, ffmpeg};

/// A flash and a beep at 1.5 s, of a second each.
pub(crate) const FLASH: &str = "-f lavfi -i color=black:size=320x180:rate=25,\
    drawbox=c=white:t=fill:enable=between(t\\,1.5\\,2.48)";
pub(crate) const BEEP: &str = "-f lavfi -i aevalsrc=sin(880*2*PI*t)*between(t\\,1.5\\,2.5):s=48000";

/// When the black ends and when the silence ends in a file, seconds.
fn onsets(path: &Path) -> (f64, f64) {
    let path = path.to_str().unwrap();
    let said = ffmpeg(
        Path::new("/"),
        &[
            "-i",
            path,
            "-vf",
            "blackdetect=d=0.1",
            "-af",
            "silencedetect=d=0.1:n=-40dB",
            "-f",
            "null",
            "-",
        ],
    );
    let after = |word: &str| {
        let rest = said
            .split(word)
            .nth(1)
            .unwrap_or_else(|| panic!("{word} in {said}"));
        let number: String = rest
            .trim_start()
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        number.parse::<f64>().unwrap()
    };
    (after("black_end:"), after("silence_end: "))
}

pub(crate) async fn flash_and_beep(clip: &str) {
    let mut site = Site::at_work().await;
    let clip = site.clip(clip);
    let video = site.add(&clip).await;
    let row = site.ready(video).await;
    let (flash, beep) = onsets(&site.path(row.fallback_key.unwrap()));
    assert!((flash - beep).abs() < 0.04, "flash {flash}, beep {beep}");
    // What players get has a file for each of the two.
    let mut seen = [0.0; 2];
    for track in site.tracks(video).await {
        let path = site.track_path(&track);
        let (place, filter) = match track.kind {
            TrackRowKind::Video => (0, "blackdetect=d=0.1"),
            TrackRowKind::Audio => (1, "silencedetect=d=0.1:n=-40dB"),
        };
        let map = if place == 0 { "-vf" } else { "-af" };
        let path = path.to_str().unwrap();
        let said = ffmpeg(
            Path::new("/"),
            &["-i", path, map, filter, "-f", "null", "-"],
        );
        seen[place] = *moments(&said, ["black_end:", "silence_end: "][place])
            .first()
            .unwrap();
    }
    assert!((seen[0] - seen[1]).abs() < 0.045, "{seen:?}");
    site.stop().await;
}

/// The picture is the source's own, and the sound alone is encoded.
#[tokio::test(flavor = "multi_thread")]
async fn sound_that_is_encoded_next_to_the_sources_picture_is_in_sync() {
    let coding = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 3 -g 25";
    for end in [
        "-c:a pcm_s16le camera.mov",
        "-c:a ac3 film.mkv",
        "-af atrim=start=0.8 -c:a ac3 late.mkv",
        "-af atrim=start=0.8 -c:a pcm_s16le late.mov",
        "-output_ts_offset 3 -c:a ac3 later.mkv",
        "-movflags +frag_keyframe -c:a libmp3lame fragments.mp4",
    ] {
        flash_and_beep(&format!("{FLASH} {BEEP} -t 3 {coding} {end}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_file_is_in_sync() {
    let coding = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 3 -g 25 -c:a aac";
    flash_and_beep(&format!("{FLASH} {BEEP} -t 3 {coding} plain.mp4")).await;
}

/// AVI does not say when a frame is shown, and frames come in another order than they are shown in.
#[tokio::test(flavor = "multi_thread")]
async fn reordered_frames_without_times_are_in_sync() {
    for coding in [
        "-c:v mpeg4 -bf 2 -c:a pcm_s16le mpeg4.avi",
        "-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 3 -c:a pcm_s16le h264.avi",
    ] {
        flash_and_beep(&format!("{FLASH} {BEEP} -t 3 -q:v 4 {coding}")).await;
    }
}

/// ffmpeg restarts its filters there; they must not add the silence of the beginning again.
#[tokio::test(flavor = "multi_thread")]
async fn sound_whose_channels_change_stays_in_sync() {
    let mut site = Site::at_work().await;
    let coding = "-c:v libx264 -preset ultrafast -g 50 -pix_fmt yuv420p -c:a aac";
    let part = |late: &str, rest: &str| {
        let beep = format!("{late} {BEEP}");
        site.clip(&format!("{FLASH} {beep} -t 3 {coding} {rest}"));
    };
    for late in ["", "-itsoffset 1"] {
        part(late, "-ac 1 one.ts");
        part("", "-ac 2 -output_ts_offset 60 two.ts");
        let clip = site.clip("-copyts -i concat:one.ts|two.ts -map 0 -c copy both.ts");
        let video = site.add(&clip).await;
        site.ready(video).await;
        let tracks = site.tracks(video).await;
        // Sound that begins late is encoded, beside a picture that is copied: with silence where none belongs, the
        // film would have been encoded whole. Sound that is copied along cannot change its channels.
        let is_video = |track: &&TrackRow| track.kind == TrackRowKind::Video;
        let copied = tracks.iter().filter(is_video).any(|it| it.rung.is_none());
        assert_eq!(copied, !late.is_empty(), "{late}: {tracks:?}");
        let sound = tracks.iter().find(|it| it.kind == TrackRowKind::Audio);
        let path = site.track_path(sound.unwrap());
        let words = [
            "-i",
            path.to_str().unwrap(),
            "-af",
            "silencedetect=d=0.1:n=-40dB",
            "-f",
            "null",
            "-",
        ];
        let beeps = moments(&ffmpeg(Path::new("/"), &words), "silence_end: ");
        let begins = if late.is_empty() { 1.5 } else { 2.5 };
        for beep in [begins, 4.5] {
            let near = beeps.iter().any(|heard| (heard - beep).abs() <= 0.03);
            assert!(near, "{late}: {beeps:?}");
        }
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_sound_is_padded() {
    // The sound's first 0.8 s are cut off, so that the file says it begins late.
    let coding = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 25 -c:a aac";
    flash_and_beep(&format!(
        "{FLASH} {BEEP} -t 3 -af atrim=start=0.8 {coding} late-sound.mp4"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_before_a_late_picture_is_trimmed() {
    let coding = "-c:v mpeg2video -q:v 4 -g 5 -c:a mp2";
    flash_and_beep(&format!(
        "{FLASH} {BEEP} -t 3 -vf trim=start=0.72 {coding} late-picture.ts"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_cut_before_its_first_key_frame_is_in_sync() {
    let site = Site::new().await;
    site.clip(&format!(
        "{FLASH} {BEEP} -t 3 -c:v libx264 -preset veryfast -pix_fmt yuv420p -g 20 -bf 2 \
         -sc_threshold 0 -c:a mp2 whole.ts"
    ));
    let whole = std::fs::read(site.folder.path().join("whole.ts")).unwrap();
    // From within the first group of pictures: its packets still announce times that no decoder
    // can show.
    let at = whole.len() / 8 / 188 * 188;
    let cut = site.folder.path().join("cut.ts");
    std::fs::write(&cut, &whole[at..]).unwrap();
    let mut site = site;
    site.start(virga_dispatcher::DispatcherConfig::default());
    let video = site.add(&cut).await;
    let row = site.ready(video).await;
    let (flash, beep) = onsets(&site.path(row.fallback_key.unwrap()));
    assert!((flash - beep).abs() < 0.04, "flash {flash}, beep {beep}");
    site.stop().await;
}

/// The moments at which a word is followed by a number in what ffmpeg said, seconds.
fn moments(said: &str, word: &str) -> Vec<f64> {
    let numbers = said.split(word).skip(1).map(|rest| {
        let end = rest
            .trim_start()
            .find(|c: char| !c.is_ascii_digit() && c != '.');
        rest.trim_start()[..end.unwrap()].parse().unwrap()
    });
    numbers.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_packets_of_sound_move_no_beep() {
    let mut site = Site::at_work().await;
    // A flash and a beep in each second; packets are lost in the silence between them.
    let flash = "-f lavfi -i color=black:size=320x180:rate=50,\
        drawbox=c=white:t=fill:enable=gte(mod(t\\,1)\\,0.5)";
    let beep = "-f lavfi -i aevalsrc=sin(880*2*PI*t)*gte(mod(t\\,1)\\,0.5):s=48000";
    site.clip(&format!(
        "{flash} {beep} -t 6 -c:v mpeg4 -q:v 4 -c:a aac whole.mkv"
    ));
    // One packet of 21 ms, then 3, 1 and 4.
    let lost =
        "noise=drop='between(n,56,56)+between(n,102,104)+between(n,150,150)+between(n,195,198)'";
    let clip = site.clip(&format!(
        "-i whole.mkv -map 0 -c copy -bsf:a {lost} lost.mkv"
    ));
    let video = site.add(&clip).await;
    let row = site.ready(video).await;
    let path = site.path(row.fallback_key.unwrap());
    let words = [
        "-i",
        path.to_str().unwrap(),
        "-vf",
        "blackdetect=d=0.1",
        "-af",
    ];
    let words = [
        &words[..],
        &["silencedetect=d=0.1:n=-40dB", "-f", "null", "-"],
    ]
    .concat();
    let said = ffmpeg(Path::new("/"), &words);
    let (flashes, beeps) = (
        moments(&said, "black_end:"),
        moments(&said, "silence_end: "),
    );
    assert!(flashes.len() >= 5, "{said}");
    for flash in flashes {
        let near = beeps.iter().any(|beep| (beep - flash).abs() <= 0.02);
        assert!(near, "flash {flash}, beeps {beeps:?}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_adds_no_silence() {
    let mut site = Site::at_work().await;
    let part = |offset: u32| {
        format!(
            "{FLASH} {BEEP} -t 3 -c:v libx264 -preset ultrafast -g 50 -pix_fmt yuv420p -c:a aac \
             -output_ts_offset {offset} part{offset}.ts"
        )
    };
    let mut bytes = std::fs::read(site.clip(&part(0))).unwrap();
    bytes.extend(std::fs::read(site.clip(&part(60))).unwrap());
    let joined = site.folder.path().join("joined.ts");
    std::fs::write(&joined, bytes).unwrap();
    let video = site.add(&joined).await;
    let row = site.ready(video).await;
    let duration = row.duration.unwrap();
    assert!((duration - 6_000_000).abs() < 150_000, "{duration}");
    for track in site.tracks(video).await {
        let length = site.table(&track.table_key).await.duration_micros();
        assert!(
            (length - 6_000_000).abs() < 150_000,
            "{}: {length}",
            track.name
        );
    }
    let (flash, beep) = onsets(&site.path(row.fallback_key.unwrap()));
    assert!((flash - beep).abs() < 0.04, "flash {flash}, beep {beep}");
    site.stop().await;
}

//! Tracks of other codings than H.264 and AAC are packaged faithfully too, each under its true name and
//! without what else its file holds.

use virga_media::{TrackKind, plan_audio, plan_video};

use crate::clips::{Clip, PICTURE, SOUND, frames, packets, probe, track_object};

/// Packages a track; answers its `CODECS` string and the object's path.
fn packaged(clip: &Clip, kind: TrackKind) -> (String, std::path::PathBuf) {
    let movie = clip.movie();
    let track = movie
        .tracks
        .iter()
        .position(|track| track.kind == kind)
        .unwrap();
    let planned = if kind == TrackKind::Video {
        plan_video(&movie, track, 0).unwrap()
    } else {
        plan_audio(&movie, track, 0, &[]).unwrap()
    };
    let object = track_object(&planned, &clip.bytes);
    (planned.table.codec, clip.beside("packaged.mp4", &object))
}

fn picture(options: &str, name: &str) -> (String, String) {
    let clip = Clip::make(&format!("-f lavfi -i {PICTURE} -t 3 {options} {name}"));
    let (codec, path) = packaged(&clip, TrackKind::Video);
    assert_eq!(frames(&path), frames(&clip.path), "{name}");
    let tag = probe(
        &path,
        "-show_entries stream=codec_tag_string,color_transfer,sample_aspect_ratio",
    );
    assert!(
        std::fs::read(&path)
            .unwrap()
            .windows(4)
            .all(|box_name| box_name != b"btrt")
    );
    (codec, tag.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn pictures_in_hevc_av1_and_vp9_keep_frames_colours_and_shape() {
    let colour = "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc";
    let hevc = "-c:v libx265 -preset ultrafast -x265-params log-level=error:bframes=2 -g 25";
    let (codec, tag) = picture(
        &format!("{hevc} -pix_fmt yuv420p10le {colour} -vf setsar=4/3 -tag:v hev1"),
        "ten.mp4",
    );
    assert!(codec.starts_with("hvc1.2.4.L"), "{codec}");
    assert_eq!(
        tag, "hvc1 4:3 smpte2084",
        "renamed as Apple's players want it"
    );
    let (codec, tag) = picture(&format!("{hevc} -pix_fmt yuv420p -tag:v hvc1"), "eight.mp4");
    assert!(
        codec.starts_with("hvc1.1.6.L") && tag.starts_with("hvc1"),
        "{codec} {tag}"
    );
    let (codec, tag) = picture(
        &format!("-c:v libsvtav1 -preset 12 -g 25 {colour}"),
        "one.mp4",
    );
    assert!(
        codec.starts_with("av01.0.") && codec.ends_with("M.08"),
        "{codec}"
    );
    assert_eq!(tag, "av01 1:1 smpte2084");
    let vp9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p -g 25";
    let (codec, tag) = picture(vp9, "nine.mp4");
    assert!(
        codec.starts_with("vp09.00.") && codec.ends_with(".08"),
        "{codec}"
    );
    assert!(tag.starts_with("vp09"), "{tag}");
}

#[test]
fn sound_in_flac_mp3_and_dolby_keeps_every_packet() {
    for (options, name, wanted) in [
        (
            "-ac 2 -c:a flac -strict -2 -metadata title=secret-place",
            "flac.mp4",
            ("fLaC", 2, 44_100),
        ),
        (
            "-ar 96000 -c:a flac -strict -2",
            "fine.mp4",
            ("fLaC", 1, 96_000),
        ),
        ("-ac 2 -c:a libmp3lame", "mp3.mp4", ("mp4a.6B", 2, 44_100)),
        ("-ar 48000 -ac 6 -c:a ac3", "ac3.mp4", ("ac-3", 6, 48_000)),
        ("-ac 2 -c:a eac3", "eac3.mp4", ("ec-3", 2, 44_100)),
    ] {
        let clip = Clip::make(&format!("-f lavfi -i {SOUND} -t 6 {options} {name}"));
        let (codec, path) = packaged(&clip, TrackKind::Audio);
        let track = &clip.movie().tracks[0];
        assert_eq!(
            (codec.as_str(), track.channels, track.sample_rate),
            wanted,
            "{name}"
        );
        assert_eq!(packets(&path), packets(&clip.path), "{name}");
        let words = "-show_entries stream=codec_name,channels,sample_rate";
        assert_eq!(probe(&path, words), probe(&clip.path, words), "{name}");
        let init = std::fs::read(&path).unwrap();
        assert!(init.windows(12).all(|text| text != b"secret-place"));
    }
}

//! Matroska and `WebM`, frame for frame against ffprobe.

use std::collections::BTreeSet;
use std::path::PathBuf;

use virga_media::{Codec, InstantTracks, TranscodeReason, instant, plan};

use crate::clips::{Clip, PICTURE, SAFE, SOUND, digests, frames, packets, track_object};
use crate::remade::{CLUSTER, Lace, laced, put_together, take_apart};
use crate::walked::{assert_same, movie as read, ours, theirs};

/// Times are rounded to a millisecond twice over: the first one's, and each one's.
const ROUNDED: i64 = 2_100;

const OPUS: &str = "-c:a libopus -ar 48000";
const VP9: &str = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p -g 25";
const AV1: &str = "-c:v libsvtav1 -preset 12 -g 25 -pix_fmt yuv420p";
const HEVC: &str = "-c:v libx265 -preset ultrafast -x265-params log-level=error -g 25";

/// Makes a film and compares it.
fn same(options: &str, name: &str) -> virga_media::Movie {
    let clip = Clip::with_sound(3, options, name);
    assert_same(&clip.path, &clip.bytes, ROUNDED)
}

#[test]
fn every_usual_pair_of_codings_is_read_frame_for_frame() {
    for (options, name, picture, sound) in [
        (SAFE.to_owned(), "avc_aac.mkv", "avc1.64000c", "mp4a.40.2"),
        (
            format!("{SAFE} {OPUS}"),
            "avc_opus.mkv",
            "avc1.64000c",
            "opus",
        ),
        (
            format!("{VP9} {OPUS}"),
            "vp9_opus.webm",
            "vp09.00.11.08",
            "opus",
        ),
        (format!("{AV1} {OPUS}"), "av1_opus.webm", "av01.0.", "opus"),
        (
            format!("{HEVC} {OPUS}"),
            "hevc_opus.mkv",
            "hvc1.1.6.",
            "opus",
        ),
    ] {
        let movie = same(&options, name);
        let picked = [&movie.tracks[0], &movie.tracks[1]].map(|track| track.codec.rfc6381());
        assert!(picked[0].starts_with(picture), "{picked:?}");
        assert_eq!(picked[1], sound);
        let played = instant(&movie).err();
        let avc = matches!(movie.tracks[0].codec, Codec::Avc(_));
        assert_eq!(
            played,
            (!avc).then_some(TranscodeReason::VideoCodec),
            "{name}"
        );
    }
}

/// A second sound track, and one that has to be told apart from others.
const SECOND: &str = "-f lavfi -i sine=frequency=880:sample_rate=48000";

/// Films of all makes: what ffmpeg is told after the picture and the sound, and a name.
const MAKES: [(&str, &str); 30] = [
    ("-bf 0", "no_b.mkv"),
    ("-bf 3 -g 60", "b3.mkv"),
    ("-bf 8 -x264-params b-adapt=0:b-pyramid=normal", "b8.mkv"),
    (
        "-g 27 -x264-params open-gop=1:bframes=3:b-adapt=0:scenecut=0",
        "open.mkv",
    ),
    ("-cluster_size_limit 2000", "small_clusters.mkv"),
    ("-cluster_time_limit 40", "short_clusters.mkv"),
    (
        "-cluster_time_limit 60000 -cluster_size_limit 100000000",
        "one_cluster.mkv",
    ),
    ("-live 1", "live.mkv"),
    ("-cues_to_front 1", "cues_to_front.mkv"),
    ("-reserve_index_space 50000", "reserved.mkv"),
    ("-write_crc32 0", "no_crc.mkv"),
    ("-r 24000/1001", "film.mkv"),
    ("-r 30000/1001", "ntsc.mkv"),
    ("-r 60", "sixty.mkv"),
    ("-r 120", "fast.mkv"),
    ("-r 240", "faster.mkv"),
    ("-r 1 -g 1", "slow.mkv"),
    (
        "-vf select='not(mod(n,3))+lt(n,30)' -vsync vfr -bf 2",
        "vfr.mkv",
    ),
    ("-vf setsar=4/3", "wide_pixels.mkv"),
    ("-ac 6 -ar 48000", "surround.mkv"),
    ("-ar 22050", "low_rate.mkv"),
    ("-c:a libopus -ar 48000 -frame_duration 2.5", "opus2.mkv"),
    ("-c:a libopus -ar 48000 -frame_duration 10", "opus10.mkv"),
    ("-c:a libopus -ar 48000 -frame_duration 60", "opus60.mkv"),
    ("-c:a libopus -ar 48000 -frame_duration 120", "opus120.mkv"),
    ("-c:a libmp3lame", "mp3.mkv"),
    ("-c:a flac", "flac.mkv"),
    ("-c:a pcm_s16le", "pcm.mkv"),
    ("-frames:v 1", "one_frame.mkv"),
    ("-output_ts_offset 5", "late_clock.mkv"),
];

#[test]
#[ignore = "makes 35 films: make test-full"]
fn films_of_all_makes_are_read_frame_for_frame() {
    for (options, name) in MAKES {
        let movie = same(&format!("{SAFE} {options}"), name);
        assert_eq!(movie.video(), Some(0), "{name}");
        assert_eq!(movie.audio(), Some(1), "{name}");
        let length = if name == "one_frame.mkv" {
            0
        } else {
            3_000_000
        };
        let extent = movie.tracks[0].samples.extent();
        let own = (extent.end - extent.first) * 1_000_000 / i64::from(movie.tracks[0].timescale);
        assert!((own - length).abs() < 100_000, "{name}: {own}");
        let kept = movie.tracks[0].edit.leading_empty_micros;
        // A frame of AAC that is not heard comes first.
        assert!(kept < 47_000, "{name} begins with itself: {kept}");
    }
}

/// A film of H.264 and Opus, and the same written in another way, beside it.
fn remade(make: impl FnOnce(&Clip) -> Vec<u8>) -> (Clip, PathBuf, Vec<u8>) {
    let clip = Clip::with_sound(3, &format!("{SAFE} {OPUS} -bf 2"), "first.mkv");
    let bytes = make(&clip);
    let path = clip.beside("remade.mkv", &bytes);
    (clip, path, bytes)
}

#[test]
fn a_live_recording_that_knows_no_sizes_is_read_to_its_end() {
    let (clip, path, bytes) = remade(|clip| {
        let (head, mut segment) = take_apart(&clip.bytes);
        // A recorder writes neither where things lie nor how long it is.
        segment.retain(|part| matches!(part.id, 0x1549_a966 | 0x1654_ae6b | CLUSTER));
        put_together(&head, &segment, false)
    });
    let movie = assert_same(&path, &bytes, ROUNDED);
    assert_eq!(
        ours(&bytes, &movie, 0),
        ours(&clip.bytes, &read(&clip.bytes), 0)
    );
    assert!(instant(&movie).is_ok());
}

#[test]
fn several_frames_in_a_block_are_told_apart() {
    for (lace, in_block) in [
        (Lace::Xiph, 3),
        (Lace::Differences, 8),
        (Lace::Equal, 2),
        (Lace::Xiph, 49),
    ] {
        let (clip, path, bytes) =
            remade(|clip| laced(&clip.bytes, &read(&clip.bytes), lace, in_block));
        let movie = assert_same(&path, &bytes, 20_000);
        assert_ne!(bytes.len(), clip.bytes.len());
        for track in 0..2 {
            let (own, first) = (
                ours(&bytes, &movie, track),
                ours(&clip.bytes, &read(&clip.bytes), track),
            );
            assert_eq!(own.len(), first.len());
            let late = own
                .iter()
                .zip(&first)
                .map(|(own, first)| (own.micros - first.micros).abs());
            assert!(
                late.max().unwrap() < 1_100,
                "{lace:?}: each frame has its time"
            );
        }
    }
}

#[test]
fn a_file_that_is_cut_off_plays_as_far_as_whole_blocks_go() {
    let clip = Clip::with_sound(3, &format!("{SAFE} {OPUS} -bf 2"), "whole.mkv");
    let whole = ours(&clip.bytes, &read(&clip.bytes), 0);
    let mut before = 0;
    for tenth in 2..10 {
        let bytes = &clip.bytes[..clip.bytes.len() * tenth / 10];
        let path = clip.beside("cut.mkv", bytes);
        let movie = read(bytes);
        let own = ours(bytes, &movie, 0);
        let same = own
            .iter()
            .zip(&whole)
            .all(|(own, whole)| own.crc == whole.crc);
        assert!(same && own.len() >= before && own.len() < whole.len());
        // ffprobe gives out the piece of a frame too.
        let theirs = theirs(&path, 0);
        assert!(
            theirs.len() - own.len() <= 1,
            "{} {}",
            theirs.len(),
            own.len()
        );
        before = own.len();
    }
    assert!(before > 50);
}

/// Compares packaged tracks with the source: decoded frames, and packets of sound.
fn assert_packaged(clip: &Clip) {
    let movie = read(&clip.bytes);
    let tracks = instant(&movie).unwrap_or(InstantTracks {
        video: 0,
        audio: Some(1),
    });
    let plan = plan(&movie, &tracks).unwrap();
    let bare = |rows: Vec<(i64, String)>| rows.into_iter().map(|row| row.1).collect::<Vec<_>>();
    let video = clip.beside("video.mp4", &track_object(&plan.video, &clip.bytes));
    assert_eq!(bare(frames(&clip.path)), bare(frames(&video)));
    let audio = clip.beside(
        "audio.mp4",
        &track_object(&plan.audio.unwrap(), &clip.bytes),
    );
    let source = digests(&clip.path, "", "-map 0:a:0 -c copy");
    assert_eq!(bare(source), bare(packets(&audio)));
}

#[test]
fn packaged_tracks_decode_to_the_frames_of_the_source() {
    for (options, name) in [
        (format!("{SAFE} -bf 3"), "avc_aac.mkv"),
        (format!("{SAFE} {OPUS}"), "avc_opus.mkv"),
        (format!("{VP9} {OPUS}"), "vp9_opus.webm"),
        (
            format!("{VP9} -pix_fmt yuv420p10le -profile:v 2 {OPUS}"),
            "vp9_ten.webm",
        ),
        (format!("{AV1} {OPUS}"), "av1_opus.webm"),
        (format!("{HEVC} {OPUS}"), "hevc_opus.mkv"),
    ] {
        assert_packaged(&Clip::with_sound(4, &options, name));
    }
}

#[test]
fn a_constant_rate_is_kept_and_sound_has_no_jitter() {
    for (rate, ticks) in [
        ("25", 14_400),
        ("30000/1001", 12_012),
        ("24000/1001", 15_015),
    ] {
        let clip = Clip::make(&format!(
            "-f lavfi -i testsrc2=size=320x180:rate={rate} -f lavfi -i {SOUND} -t 3 {SAFE} -bf 3 even.mkv"
        ));
        let movie = read(&clip.bytes);
        let durations = |track: usize| {
            let samples = movie.tracks[track].samples.iter();
            samples
                .map(|sample| sample.duration)
                .collect::<BTreeSet<u32>>()
        };
        assert_eq!(durations(0), BTreeSet::from([ticks]), "{rate}");
        assert_eq!(durations(1), BTreeSet::from([1024]));
    }
}

#[test]
fn lost_sound_leaves_its_hole_and_what_follows_keeps_its_time() {
    let clip = Clip::with_sound(6, SAFE, "base.mp4");
    let drop = "-i base.mp4 -map 0 -c copy -bsf:a noise=drop='between(n,47,50)+between(n,94,97)' holes.mkv";
    let bytes = clip.ffmpeg(drop, "holes.mkv");
    let path = clip.beside("holes.mkv", &bytes);
    let movie = assert_same(&path, &bytes, ROUNDED);
    assert_eq!(instant(&movie), Err(TranscodeReason::Edited));
    let longest = movie.tracks[1].samples.extent().longest_sample;
    // Four lost of 1024 samples each, and the one before them.
    assert!(
        (5 * 1024 - 45..=5 * 1024 + 45).contains(&longest),
        "{longest}"
    );
}

#[test]
fn tracks_are_chosen_and_named_as_the_file_says() {
    let clip = Clip::make(&format!(
        "-f lavfi -i {PICTURE} -f lavfi -i {SOUND} {SECOND} -t 2 -map 0 -map 1 -map 2 {SAFE} \
         -metadata:s:a:0 language=fra -metadata:s:a:1 language=jpn \
         -disposition:a:0 0 -disposition:a:1 default two.mkv"
    ));
    let movie = assert_same(&clip.path, &clip.bytes, ROUNDED);
    let languages = [1, 2].map(|track| movie.tracks[track].language.as_deref());
    assert_eq!(languages, [Some("fra"), Some("jpn")]);
    assert_eq!(movie.audio(), Some(2), "the favourite, not the first");
    let wide = Clip::silent(1, &format!("{SAFE} -vf setsar=4/3"), "wide.mkv");
    let shape = virga_media::shape(&read(&wide.bytes)).unwrap();
    assert_eq!((shape.width, shape.height), (427, 180));
    let fields = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -flags +ilme+ildct -g 25";
    let fields = read(&Clip::silent(1, fields, "fields.mkv").bytes);
    assert_eq!(instant(&fields), Err(TranscodeReason::Interlaced));
}

#[test]
fn recordings_joined_to_one_keep_sound_and_picture_together() {
    let clip = Clip::with_sound(3, SAFE, "one.mp4");
    let words = "-nostdin -stream_loop 4 -i one.mp4 -map 0 -c copy joined.mkv";
    let bytes = clip.ffmpeg(words, "joined.mkv");
    let path = clip.beside("joined.mkv", &bytes);
    let movie = read(&bytes);
    assert!(instant(&movie).is_ok());
    let (own, theirs) = (ours(&bytes, &movie, 1), theirs(&path, 1));
    let seams = theirs.len() - own.len();
    assert!(seams <= 4, "{seams} frames are left out");
    let mut late = own.iter().map(|own| {
        let same = theirs.iter().filter(|their| their.crc == own.crc);
        same.map(|their| (their.micros - own.micros).abs())
            .min()
            .unwrap()
    });
    assert!(
        late.all(|late| late < 30_000),
        "sound is heard when the file says"
    );
    let durations: BTreeSet<u32> = movie.tracks[1]
        .samples
        .iter()
        .map(|one| one.duration)
        .collect();
    assert_eq!(durations, BTreeSet::from([1024]));
}

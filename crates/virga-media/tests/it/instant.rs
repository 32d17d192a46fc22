//! Which files may be played as they are, and the reason given for each that may not.

use virga_media::{
    Choices, MediaError, Refusal, TranscodeReason, choose, choose_sound, first_heard, first_shown,
    instant, plan_audio, sniff,
};

use crate::clips::{Clip, PICTURE, SAFE, SOUND, index};
use crate::fragment_walk::gathered;

fn reason(clip: &Clip) -> TranscodeReason {
    instant(&clip.movie()).expect_err("must be encoded first")
}

#[test]
fn picture_codings_beyond_browsers_are_named() {
    let x264 = "-c:v libx264 -preset ultrafast -g 25";
    let hevc = "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=error";
    let clip = Clip::silent(1, hevc, "hevc.mp4");
    assert_eq!(reason(&clip), TranscodeReason::VideoCodec);
    assert!(
        clip.movie().tracks[0]
            .codec
            .rfc6381()
            .starts_with("hvc1.1.6.")
    );
    for (format, name) in [("yuv420p10le", "ten.mp4"), ("yuv444p", "full.mp4")] {
        let clip = Clip::silent(1, &format!("{x264} -pix_fmt {format}"), name);
        assert_eq!(reason(&clip), TranscodeReason::VideoDepth);
    }
    let fields = format!("{x264} -pix_fmt yuv420p -flags +ilme+ildct");
    assert_eq!(
        reason(&Clip::silent(1, &fields, "fields.mp4")),
        TranscodeReason::Interlaced
    );
    assert_eq!(
        reason(&Clip::silent(1, "-c:v mpeg4", "mpeg4.mp4")),
        TranscodeReason::VideoCodec
    );
}

#[test]
fn sound_that_browsers_do_not_play_is_named() {
    let mp3 = Clip::with_sound(1, &format!("{SAFE} -c:a libmp3lame"), "mp3.mp4");
    assert_eq!(reason(&mp3), TranscodeReason::AudioCodec);
    let pcm = Clip::with_sound(1, &format!("{SAFE} -c:a pcm_s16le"), "pcm.mov");
    assert_eq!(reason(&pcm), TranscodeReason::AudioCodec);
}

#[test]
fn key_frames_too_far_apart_need_an_encode() {
    let options = format!("{SAFE} -g 400 -sc_threshold 0");
    assert_eq!(
        reason(&Clip::silent(13, &options, "long.mp4")),
        TranscodeReason::SparseKeyFrames
    );
}

#[test]
fn late_or_short_sound_needs_an_encode() {
    let late = Clip::make(&format!(
        "-f lavfi -i {PICTURE} -itsoffset 0.7 -f lavfi -i {SOUND} -t 3 {SAFE} late.mp4"
    ));
    assert_eq!(reason(&late), TranscodeReason::LateAudio);
    let short = Clip::make(&format!(
        "-f lavfi -t 4 -i {PICTURE} -f lavfi -t 1 -i {SOUND} {SAFE} short.mp4"
    ));
    assert_eq!(reason(&short), TranscodeReason::AudioGaps);
    let dark = Clip::make(&format!(
        "-itsoffset 0.7 -f lavfi -i {PICTURE} -f lavfi -i {SOUND} -t 3 {SAFE} -vsync vfr dark.mp4"
    ));
    assert_eq!(reason(&dark), TranscodeReason::LateVideo);
}

#[test]
fn a_fragmented_file_is_told_apart() {
    let options = format!("{SAFE} -movflags +frag_keyframe+empty_moov");
    let clip = Clip::with_sound(2, &options, "fragments.mp4");
    assert!(clip.movie().fragmented);
    assert_eq!(reason(&clip), TranscodeReason::Fragmented);
}

#[test]
fn a_file_of_sound_only_has_no_video() {
    let clip = Clip::make(&format!("-f lavfi -i {SOUND} -t 1 -c:a aac sound.m4a"));
    assert_eq!(reason(&clip), TranscodeReason::NoVideo);
    let movie = clip.movie();
    let sound = choose_sound(&movie).unwrap();
    assert_eq!((sound.track, sound.against), (0, None));
    // What primes the decoder comes before 0.
    assert_eq!(first_heard(&movie, 0), 0);
    assert!(first_shown(&movie, 0) < 0);
    let late = clip.ffmpeg(
        "-nostdin -itsoffset 3 -i sound.m4a -c copy -avoid_negative_ts disabled late.m4a",
        "late.m4a",
    );
    let late = index(&late).unwrap();
    assert!((2_900_000..3_100_000).contains(&first_heard(&late, 0)));
    let plan = plan_audio(&late, 0, first_heard(&late, 0), &[]).unwrap();
    assert!((950_000..1_100_000).contains(&plan.table.duration_micros()));
}

#[test]
fn a_film_of_still_pictures_is_a_film_and_one_of_them_is_a_cover() {
    let film = Clip::silent(1, "-c:v mjpeg", "film.mov");
    assert_eq!(reason(&film), TranscodeReason::VideoCodec);
    let cover = Clip::make(&format!(
        "-f lavfi -i {SOUND} -f lavfi -i {PICTURE} -t 1 -frames:v 1 -c:v mjpeg -c:a aac cover.mov"
    ));
    assert_eq!(reason(&cover), TranscodeReason::NoVideo);
}

#[test]
fn a_trim_by_edit_list_is_not_given_out() {
    // Copying from between key frames leaves hidden frames before the edit.
    let clip = Clip::silent(6, &format!("{SAFE} -g 75"), "source.mp4");
    let name = "-nostdin -ss 4 -i source.mp4 -c copy trimmed.mp4";
    let trimmed = clip.ffmpeg(name, "trimmed.mp4");
    let movie = index(&trimmed).unwrap();
    assert!(movie.tracks[0].edit.media_start > movie.tracks[0].samples.extent().first);
    assert_eq!(instant(&movie), Err(TranscodeReason::Trimmed));
}

#[test]
fn cut_off_files_are_called_cut_off() {
    let front = Clip::with_sound(3, &format!("{SAFE} -movflags +faststart"), "front.mp4");
    let half = &front.bytes[..front.bytes.len() / 2];
    let mut movie = index(half).unwrap();
    assert!(movie.truncated);
    assert_eq!(instant(&movie), Err(TranscodeReason::Truncated));
    // What is there plays, and no sample is named that is not.
    let whole = movie.clone();
    movie.cut_off(half.len() as u64).unwrap();
    assert!(instant(&movie).is_ok());
    let said = movie.cut_from.unwrap();
    assert!((2_900_000..=3_100_000).contains(&said), "{said}");
    for (track, whole) in movie.tracks.iter().zip(&whole.tracks) {
        let extent = track.samples.extent();
        assert!(extent.file_end <= half.len() as u64);
        assert!((1..whole.samples.len()).contains(&track.samples.len()));
        assert!(extent.end < whole.samples.extent().end);
    }
    let mut nothing = index(&front.bytes[..moov_end(&front.bytes) + 9]).unwrap();
    assert_eq!(nothing.cut_off(9), Err(MediaError::Truncated));
    let end = Clip::with_sound(3, SAFE, "end.mp4");
    assert_eq!(
        index(&end.bytes[..end.bytes.len() / 2]).unwrap_err(),
        MediaError::Truncated
    );
    let without_index = &end.bytes[..end.bytes.len() - moov_len(&end.bytes)];
    assert_eq!(index(without_index).unwrap_err(), MediaError::NoMoov);
    assert_eq!(index(&[]).unwrap_err(), MediaError::NoMoov);
    assert_eq!(sniff(&[]), Err(Refusal::Empty));
}

fn moov_end(file: &[u8]) -> usize {
    file.windows(4).position(|name| name == b"mdat").unwrap() - 4
}

fn moov_len(file: &[u8]) -> usize {
    let at = file.windows(4).rposition(|name| name == b"moov").unwrap() - 4;
    file.len() - at
}

#[test]
fn forged_counts_are_refused_before_they_cost_memory() {
    let clip = Clip::silent(1, SAFE, "forged.mp4");
    for (table, what) in [
        (b"stsz", 8),
        (b"stts", 4),
        (b"stsc", 4),
        (b"stco", 4),
        (b"stss", 4),
    ] {
        let mut file = clip.bytes.clone();
        let at = file.windows(4).rposition(|name| name == table).unwrap() + 4 + what;
        file[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        let error = index(&file).unwrap_err();
        assert!(
            matches!(
                error,
                MediaError::Malformed { .. } | MediaError::TooLarge { .. }
            ),
            "{error}"
        );
    }
    // One size for four thousand million samples costs no bytes at all.
    let mut file = clip.bytes.clone();
    let at = file.windows(4).rposition(|name| name == b"stsz").unwrap() + 8;
    file[at..at + 8].copy_from_slice(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(
        index(&file).unwrap_err(),
        MediaError::TooLarge { .. }
    ));
}

#[test]
fn an_index_behind_a_64_bit_mdat_or_a_box_to_the_end_is_found() {
    let clip = Clip::silent(1, SAFE, "plain.mp4");
    let moov = moov_len(&clip.bytes);
    let moov = &clip.bytes[clip.bytes.len() - moov..];
    let mut wide = vec![0, 0, 0, 1];
    wide.extend_from_slice(b"mdat");
    wide.extend_from_slice(&100_016_u64.to_be_bytes());
    wide.resize(100_016, 0);
    wide.extend_from_slice(moov);
    assert_eq!(index(&wide).unwrap().tracks.len(), 1);
    let mut open = vec![0, 0, 0, 0];
    open.extend_from_slice(b"mdat");
    open.resize(100_000, 0);
    assert_eq!(index(&open).unwrap_err(), MediaError::NoMoov);
}

#[test]
fn a_picture_is_not_judged_by_its_sound_nor_sound_by_its_picture() {
    let decided = |clip: &Clip| {
        let Choices { video, audio } = choose(&clip.movie()).unwrap();
        (video.against, audio.and_then(|audio| audio.against))
    };
    let mp3 = Clip::with_sound(1, &format!("{SAFE} -c:a libmp3lame"), "mp3.mp4");
    assert_eq!(decided(&mp3), (None, Some(TranscodeReason::AudioCodec)));
    let hevc = "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=error -c:a aac";
    let hevc = Clip::with_sound(1, hevc, "hevc.mp4");
    assert_eq!(decided(&hevc), (Some(TranscodeReason::VideoCodec), None));
    let late = Clip::make(&format!(
        "-f lavfi -i {PICTURE} -itsoffset 0.7 -f lavfi -i {SOUND} -t 3 {SAFE} late.mp4"
    ));
    assert_eq!(decided(&late), (None, Some(TranscodeReason::LateAudio)));
    let dark = Clip::make(&format!(
        "-itsoffset 0.7 -f lavfi -i {PICTURE} -f lavfi -i {SOUND} -t 3 {SAFE} -vsync vfr dark.mp4"
    ));
    assert_eq!(decided(&dark), (Some(TranscodeReason::LateVideo), None));
    let silent = Clip::silent(1, SAFE, "silent.mp4");
    assert_eq!(choose(&silent.movie()).unwrap().audio, None);
}

#[test]
fn sound_whose_clock_stands_still_needs_an_encode() {
    // ffmpeg 5.1 writes pairs of such samples where fragments of one frame have no edit list.
    let options = format!("{SAFE} -bf 2 -movflags +frag_every_frame+empty_moov+default_base_moof");
    let clip = Clip::with_sound(3, &options, "pairs.mp4");
    assert_eq!(
        instant(&gathered(&clip.bytes).unwrap()),
        Err(TranscodeReason::AudioGaps)
    );
}

/// The file with another edit list for its picture, and that boxes after it do not move.
fn with_edits(clip: &Clip, edits: &[(u32, u32)]) -> Clip {
    let mut file = clip.bytes.clone();
    let at = file.windows(4).position(|name| name == b"edts").unwrap() - 4;
    let old = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let rows = edits
        .iter()
        .flat_map(|(length, start)| [*length, *start, 0x1_0000]);
    let words: Vec<u8> = [0, u32::try_from(edits.len()).unwrap()]
        .into_iter()
        .chain(rows)
        .flat_map(u32::to_be_bytes)
        .collect();
    let boxed = |name: &[u8], body: &[u8]| {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes()[..], name, body].concat()
    };
    let new = boxed(b"edts", &boxed(b"elst", &words));
    let longer = u32::try_from(new.len() - old).unwrap();
    file.splice(at..at + old, new);
    for name in [b"moov", b"trak"] {
        let at = file.windows(4).rposition(|four| four == name).unwrap() - 4;
        let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
        file[at..at + 4].copy_from_slice(&(size + longer).to_be_bytes());
    }
    Clip::of(&file)
}

#[test]
fn edits_that_hide_nothing_between_them_are_one() {
    // Milliseconds, and ticks of 1/12800 s.
    let clip = Clip::silent(4, &format!("{SAFE} -bf 0"), "whole.mp4");
    let decided = |edits: &[(u32, u32)]| instant(&with_edits(&clip, edits).movie());
    assert!(decided(&[(4000, 0)]).is_ok());
    let split = with_edits(&clip, &[(1000, 0), (2000, 12_800), (1000, 38_400)]).movie();
    assert!(instant(&split).is_ok());
    let edit = split.tracks[0].edit;
    assert_eq!((edit.media_start, edit.length_micros), (0, Some(4_000_000)));
    // A second is left out; a second is shown twice; nothing is shown for a second.
    for edits in [
        [(1000, 0), (2000, 25_600)],
        [(2000, 0), (3000, 12_800)],
        [(1000, 0), (1000, u32::MAX)],
    ] {
        let last = (
            1000,
            if edits[1].1 == u32::MAX {
                12_800
            } else {
                38_400
            },
        );
        let edits = [&edits[..], &[last]].concat();
        assert_eq!(decided(&edits), Err(TranscodeReason::Edited), "{edits:?}");
    }
    // The end is left out by the last one.
    let short = decided(&[(1000, 0), (1000, 12_800)]);
    assert_eq!(short, Err(TranscodeReason::Trimmed));
}

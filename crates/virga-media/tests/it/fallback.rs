//! The fallback MP4 plays by itself with the source's frames and sound.

use virga_media::{FallbackInput, FallbackMp4, Movie, fallback_mp4, first_shown, instant};

use crate::clips::{Clip, SAFE, SOUND, frames, index, packets, probe, range};

fn assemble(layout: &FallbackMp4, inputs: &[&[u8]]) -> Vec<u8> {
    let mut file = layout.head.clone();
    for piece in &layout.pieces {
        file.extend_from_slice(range(inputs[piece.input], piece.offset, piece.len));
    }
    assert_eq!(file.len() as u64, layout.len);
    file
}

fn input(movie: &Movie, track: usize, origin_micros: i64) -> FallbackInput<'_> {
    FallbackInput {
        movie,
        track,
        origin_micros,
    }
}

#[test]
fn a_source_is_copied_with_its_index_first_and_without_its_metadata() {
    let options = format!("{SAFE} -bf 2 -metadata title=secret-place");
    let clip = Clip::with_sound(5, &options, "source.mp4");
    let movie = clip.movie();
    let tracks = instant(&movie).unwrap();
    let origin = first_shown(&movie, tracks.video);
    let audio = tracks.audio.unwrap();
    let inputs = [
        input(&movie, tracks.video, origin),
        input(&movie, audio, origin),
    ];
    let layout = fallback_mp4(&inputs).unwrap();
    let file = assemble(&layout, &[&clip.bytes, &clip.bytes]);
    assert!(file.windows(12).all(|text| text != b"secret-place"));
    let path = clip.beside("fallback.mp4", &file);
    assert_eq!(frames(&path), frames(&clip.path));
    assert_eq!(packets(&path), packets(&clip.path));
    for stream in ["v", "a"] {
        let words = format!("-select_streams {stream} -show_entries stream=start_time,duration_ts");
        assert_eq!(probe(&path, &words), probe(&clip.path, &words));
    }
    let copied = index(&file).unwrap();
    assert!(instant(&copied).is_ok(), "the copy is itself browser-safe");
    // Sound lies within half a second of its picture, so that a player need not jump about.
    assert!(layout.pieces.len() >= 16, "{} turns", layout.pieces.len());
}

#[test]
fn a_rung_and_a_sound_file_are_joined() {
    let rung = Clip::silent(3, &format!("{SAFE} -bf 0"), "rung.mp4");
    let sound = Clip::make(&format!("-f lavfi -i {SOUND} -t 3 -c:a aac sound.m4a"));
    let (picture_movie, sound_movie) = (rung.movie(), sound.movie());
    let origin = first_shown(&picture_movie, 0);
    let layout =
        fallback_mp4(&[input(&picture_movie, 0, origin), input(&sound_movie, 0, 0)]).unwrap();
    let path = rung.beside(
        "joined.mp4",
        &assemble(&layout, &[&rung.bytes, &sound.bytes]),
    );
    assert_eq!(frames(&path), frames(&rung.path));
    assert_eq!(packets(&path), packets(&sound.path));
    assert!(fallback_mp4(&[]).is_err());
}

#[test]
fn sound_of_a_later_start_keeps_its_place() {
    let clip = Clip::with_sound(2, SAFE, "source.mp4");
    let movie = clip.movie();
    let layout = fallback_mp4(&[input(&movie, 0, 0), input(&movie, 1, -300_000)]).unwrap();
    let path = clip.beside("late.mp4", &assemble(&layout, &[&clip.bytes, &clip.bytes]));
    let start = probe(&path, "-select_streams a -show_entries stream=start_time");
    let start: f64 = start.trim().parse().unwrap();
    assert!((start - 0.3).abs() < 0.03, "{start}");
}

#[test]
fn negative_offsets_are_lifted() {
    let options = format!("{SAFE} -bf 3 -movflags +negative_cts_offsets -use_editlist 0");
    let clip = Clip::silent(3, &options, "negative.mp4");
    let movie = clip.movie();
    let layout = fallback_mp4(&[input(&movie, 0, first_shown(&movie, 0))]).unwrap();
    let path = clip.beside("lifted.mp4", &assemble(&layout, &[&clip.bytes]));
    assert_eq!(frames(&path), frames(&clip.path));
}

#[test]
fn the_last_frame_is_held_while_there_is_sound() {
    for options in ["-bf 0", "-bf 2"] {
        let rung = Clip::silent(1, &format!("{SAFE} {options}"), "rung.mp4");
        let sound = Clip::make(&format!("-f lavfi -i {SOUND} -t 3 -c:a aac sound.m4a"));
        let (picture_movie, sound_movie) = (rung.movie(), sound.movie());
        let origin = first_shown(&picture_movie, 0);
        let inputs = [input(&picture_movie, 0, origin), input(&sound_movie, 0, 0)];
        let file = assemble(
            &fallback_mp4(&inputs).unwrap(),
            &[&rung.bytes, &sound.bytes],
        );
        let path = rung.beside("fallback.mp4", &file);
        assert_eq!(frames(&path), frames(&rung.path));
        for stream in ["v", "a"] {
            let words = format!("-select_streams {stream} -show_entries stream=duration");
            let said = probe(&path, &words);
            let seconds: f64 = said
                .trim()
                .rsplit(['=', ','])
                .next()
                .unwrap()
                .parse()
                .unwrap();
            assert!((seconds - 3.0).abs() < 0.03, "{options}, {stream}: {said}");
        }
    }
}

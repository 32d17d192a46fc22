//! Spans of a film as one track again, and the bytes that one needs.

use virga_media::{EncodedSpan, Movie, SpanFault, join_spans, key_times, stretch_bytes};

use crate::clips::{Clip, OPEN, PICTURE, SAFE, index};

const CODED: &str =
    "-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 2 -video_track_timescale 90000";

/// A part of the test picture, on a clock of its own; the rate, and what is coded how.
fn part((begins, ends): (u32, u32), trim: &str, options: &str) -> (Movie, u64) {
    let clip = Clip::make(&format!(
        "-f lavfi -i {PICTURE} -vf trim={begins}:{ends}{trim},setpts=PTS-{begins}/TB {options} part.mp4"
    ));
    (clip.movie(), clip.bytes.len() as u64)
}

fn joined(parts: &[(u32, &(Movie, u64))]) -> Result<Movie, SpanFault> {
    let mut offset = 0;
    let spans: Vec<EncodedSpan> = parts
        .iter()
        .map(|(starts, (movie, len))| {
            let movie = movie.clone();
            let span = EncodedSpan {
                movie,
                offset,
                starts: *starts,
            };
            offset += len;
            span
        })
        .collect();
    join_spans(&spans)
}

/// When frames are shown, from the first one on, in ticks of 1/90000 s.
fn shown(movie: &Movie) -> Vec<i64> {
    let samples = &movie.tracks[movie.video().unwrap()].samples;
    let first = samples.extent().first;
    let mut times: Vec<i64> = samples.iter().map(|one| one.pts() - first).collect();
    times.sort_unstable();
    times
}

#[test]
fn spans_are_joined_frame_by_frame() {
    let (first, second) = (part((0, 4), "", CODED), part((4, 6), "", CODED));
    let whole = joined(&[(0, &first), (4, &second)]).unwrap();
    let every: Vec<i64> = (0..150).map(|n| n * 3600).collect();
    assert_eq!(shown(&whole), every);
    assert_eq!(whole.duration_micros, 6_000_000);
    let track = &whole.tracks[0];
    let times: Vec<i64> = track.samples.iter().map(|one| one.dts).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    let own = second.0.tracks[0].samples.iter().next().unwrap();
    let there = track.samples.iter().nth(100).unwrap();
    assert_eq!((there.offset, there.size), (own.offset + first.1, own.size));
    assert!(there.sync);
    assert_eq!(key_times(&whole, 0).last(), Some(&4_000_000));
    assert_eq!(key_times(&whole, 7), Vec::<i64>::new());
}

#[test]
fn what_does_not_fit_is_not_joined() {
    let (first, second) = (part((0, 4), "", CODED), part((4, 6), "", CODED));
    let fault = |parts: &[(u32, &(Movie, u64))]| joined(parts).unwrap_err();
    assert_eq!(fault(&[]), SpanFault::Empty);
    assert_eq!(fault(&[(0, &first), (2, &second)]), SpanFault::Overlap);
    assert_eq!(fault(&[(0, &first), (6, &second)]), SpanFault::Hole);
    // Its seek ended at the key frame after: three frames are missing.
    let late = part((4, 6), ",select=gte(n\\,3)", CODED);
    assert_eq!(fault(&[(0, &first), (4, &late)]), SpanFault::Hole);
    let other = part((4, 6), ",scale=640:360", CODED);
    assert_eq!(fault(&[(0, &first), (4, &other)]), SpanFault::Coding);
    let sound = Clip::make("-f lavfi -i sine -t 1 -c:a aac sound.mp4");
    let sound = (sound.movie(), 0);
    assert_eq!(fault(&[(0, &sound)]), SpanFault::Empty);
}

#[test]
fn a_stretch_decodes_out_of_its_own_bytes() {
    for options in [SAFE, OPEN] {
        let clip = Clip::with_sound(20, options, "film.mp4");
        let movie = clip.movie();
        let track = movie.video().unwrap();
        let range = stretch_bytes(&movie, track, 8_000_000..12_000_000).unwrap();
        let all = clip.bytes.len() as u64;
        let length = range.end - range.start;
        assert!(length < all / 2, "{range:?} of {all}");
        // All other samples are lost.
        let samples = &movie.tracks[track].samples;
        let mut holed = clip.bytes.clone();
        for sample in samples {
            if !range.contains(&sample.offset) {
                let at = usize::try_from(sample.offset).unwrap();
                holed[at..at + sample.size as usize].fill(0);
            }
        }
        index(&holed).unwrap();
        clip.beside("holed.mp4", &holed);
        let decode = |name: &str| {
            let words = format!(
                "-noaccurate_seek -ss 8 -i {name} -map 0:v -vf trim=start=0:end=4 -f framemd5 -y out.md5"
            );
            String::from_utf8(clip.ffmpeg(&words, "out.md5")).unwrap()
        };
        let frames = decode("holed.mp4");
        assert_eq!(frames, decode("film.mp4"));
        assert_eq!(
            frames.lines().filter(|line| !line.starts_with('#')).count(),
            100
        );
        assert_eq!(
            stretch_bytes(&movie, track, 40_000_000..50_000_000).map(|it| it.end),
            Some(samples.extent().file_end)
        );
        assert_eq!(stretch_bytes(&movie, 9, 0..1), None);
    }
}

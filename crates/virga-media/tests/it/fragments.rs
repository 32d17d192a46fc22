//! Samples listed by fragments are the samples that a plain index of the same film lists.

use std::path::Path;

use virga_media::{FragmentIndex, Fragments, MediaError, Movie, Sample};

use crate::clips::{Clip, SAFE, index, probe, range};

/// The top-level boxes of a file: name, where it begins, and its bytes.
pub(crate) fn top_level(file: &[u8]) -> Vec<(&[u8], u64, &[u8])> {
    let mut at = 0;
    let mut found = Vec::new();
    while let Some(size) = file.get(at..at + 4) {
        let size = u32::from_be_bytes(size.try_into().unwrap()) as usize;
        found.push((&file[at + 4..at + 8], at as u64, &file[at..at + size]));
        at += size;
    }
    found
}

fn moofs(file: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let boxes = top_level(file).into_iter();
    boxes.filter_map(|(name, at, bytes)| (name == b"moof").then_some((at, bytes)))
}

/// The whole index of a fragmented file.
pub(crate) fn gathered(file: &[u8]) -> Result<Movie, MediaError> {
    let mut movie = index(file)?;
    let mut fragments = FragmentIndex::new(&movie)?;
    for (at, moof) in moofs(file) {
        fragments.add(moof, at)?;
    }
    fragments.finish(&mut movie, file.len() as u64)?;
    Ok(movie)
}

/// Each sample's bytes and whether it is a key frame.
fn contents(movie: &Movie, file: &[u8]) -> Vec<Vec<(Vec<u8>, bool)>> {
    let row = |sample: Sample| {
        let bytes = range(file, sample.offset, sample.size.into()).to_vec();
        (bytes, sample.sync)
    };
    let tracks = movie.tracks.iter();
    tracks
        .map(|track| track.samples.iter().map(row).collect())
        .collect()
}

/// When each sample of a track is shown, in milliseconds from the first of the picture.
fn times(movie: &Movie, track: usize) -> Vec<f64> {
    let origin = virga_media::first_shown(movie, 0);
    let track = &movie.tracks[track];
    let late = track.edit.leading_empty_micros - origin;
    let shown = |sample: Sample| {
        let ticks = sample.pts() - track.edit.media_start;
        let micros = ticks * 1_000_000 / i64::from(track.timescale) + late;
        f64::from(i32::try_from(micros).unwrap()) / 1000.0
    };
    track.samples.iter().map(shown).collect()
}

/// Shows every sample when ffmpeg does.
fn assert_timed_as_probed(movie: &Movie, path: &Path) {
    let [picture, sound] = ["v", "a"].map(|stream| {
        let words = format!("-select_streams {stream} -show_entries packet=pts_time");
        let times = probe(path, &words);
        let times = times.split_whitespace();
        let seconds: Vec<f64> = times.map(|time| time.parse().unwrap()).collect();
        seconds
    });
    let first = picture.iter().copied().fold(f64::MAX, f64::min);
    // A picture with negative offsets ffmpeg shows later by the lowest of them, and its sound not.
    let track = &movie.tracks[0];
    let lowest = track.samples.iter().map(|sample| sample.cts).min().unwrap();
    let moved = f64::from(lowest.min(0)) / f64::from(track.timescale);
    for (index, (probed, origin)) in [(picture, first), (sound, first + moved)]
        .iter()
        .enumerate()
    {
        let own = times(movie, index);
        assert_eq!(own.len(), probed.len(), "{}", path.display());
        for (at, (own, probed)) in own.iter().zip(probed).enumerate() {
            let probed = (probed - origin) * 1000.0;
            assert!(
                (own - probed).abs() < 2.0,
                "{} {index} {at}: {own} {probed}",
                path.display()
            );
        }
    }
}

/// The same film, copied by ffmpeg into another arrangement.
fn rearranged(plain: &Clip, options: &str, name: &str) -> Vec<u8> {
    plain.ffmpeg(
        &format!("-nostdin -i plain.mp4 -c copy {options} {name}"),
        name,
    )
}

fn plain() -> Clip {
    Clip::with_sound(
        5,
        &format!("{SAFE} -bf 2 -flags +global_header"),
        "plain.mp4",
    )
}

#[test]
fn every_arrangement_of_fragments_lists_the_same_samples() {
    let plain = plain();
    let wanted = contents(&plain.movie(), &plain.bytes);
    assert_eq!(wanted[0].len(), 125);
    for (flags, name) in [
        ("-movflags +frag_keyframe", "index-and-fragments.mp4"),
        ("-movflags +frag_keyframe+empty_moov", "based-on-file.mp4"),
        (
            "-movflags +frag_keyframe+empty_moov+default_base_moof",
            "based-on-moof.mp4",
        ),
        (
            "-movflags +frag_keyframe+empty_moov+omit_tfhd_offset",
            "based-on-nothing.mp4",
        ),
        (
            "-movflags +frag_keyframe+empty_moov+separate_moof",
            "separate.mp4",
        ),
        ("-movflags +frag_keyframe+delay_moov", "edited.mp4"),
        (
            "-movflags +frag_keyframe+delay_moov+negative_cts_offsets",
            "negative.mp4",
        ),
        ("-movflags +cmaf+delay_moov", "negative-cmaf.mp4"),
        ("-movflags +dash+global_sidx+frag_keyframe", "dash.mp4"),
        ("-movflags +empty_moov -frag_duration 200000", "short.mp4"),
        ("-movflags +frag_every_frame+empty_moov", "single.mp4"),
        ("-movflags +frag_keyframe+empty_moov", "camera.mov"),
        ("-movflags +frag_keyframe -f ismv", "smooth.ismv"),
    ] {
        let file = rearranged(&plain, flags, name);
        assert!(moofs(&file).count() > 3, "{name}");
        let movie = gathered(&file).unwrap();
        assert!(contents(&movie, &file) == wanted, "{name}");
        assert_timed_as_probed(&movie, &plain.folder.path().join(name));
    }
}

#[test]
fn a_recording_from_the_middle_of_a_stream_keeps_sound_and_picture_together() {
    let plain = plain();
    let flags = "-movflags +frag_keyframe+empty_moov+default_base_moof";
    let whole = rearranged(&plain, flags, "whole.mp4");
    let mut fragment = 0;
    let kept = top_level(&whole).into_iter().filter(|(name, ..)| {
        fragment += usize::from(*name == b"moof");
        !matches!(*name, b"moof" | b"mdat") || fragment > 2
    });
    let file: Vec<u8> = kept.flat_map(|(_, _, bytes)| bytes.to_vec()).collect();
    let movie = gathered(&file).unwrap();
    assert_eq!(movie.tracks[0].samples.len(), 75);
    assert_eq!(movie.tracks[0].samples.iter().next().unwrap().dts, 0);
    assert_timed_as_probed(&movie, &plain.beside("middle.mp4", &file));
}

#[test]
fn fragments_are_read_as_they_come() {
    let plain = plain();
    let file = rearranged(&plain, "-movflags +frag_keyframe+empty_moov", "growing.mp4");
    let movie = index(&file).unwrap();
    assert!(movie.tracks.iter().all(|track| track.samples.is_empty()));
    let mut fragments = Fragments::new(&movie);
    let mut frames = 0;
    for (at, moof) in moofs(&file) {
        assert!(fragments.read(&moof[..moof.len() - 1], at).is_err());
        let found = fragments.read(moof, at).unwrap();
        let picture = found.iter().find(|found| found.track == 0).unwrap();
        assert!(picture.samples[0].sync);
        assert_eq!(picture.samples[0].dts, frames * 512);
        assert!(picture.samples[0].offset >= at + moof.len() as u64);
        frames += i64::try_from(picture.samples.len()).unwrap();
    }
    assert_eq!(frames, 125);
}

fn boxed(name: &[u8], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes()[..], name, body].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A fragment of one track's parts, each a list of boxes.
fn moof(parts: &[Vec<(&[u8], Vec<u32>)>]) -> Vec<u8> {
    let part = |part: &Vec<(&[u8], Vec<u32>)>| {
        let inner: Vec<u8> = part
            .iter()
            .flat_map(|(name, body)| boxed(name, &words(body)))
            .collect();
        boxed(b"traf", &inner)
    };
    boxed(b"moof", &parts.iter().flat_map(part).collect::<Vec<u8>>())
}

/// The index of a fragmented film whose defaults are duration 512, size 0, and key frames only.
fn reader() -> Fragments {
    let clip = Clip::silent(
        1,
        &format!("{SAFE} -movflags +empty_moov+frag_keyframe"),
        "f.mp4",
    );
    Fragments::new(&clip.movie())
}

#[test]
fn what_a_fragment_leaves_out_comes_from_the_defaults_and_the_run_before() {
    let mut fragments = reader();
    let parts = [
        // Duration, size and flags by default; the first sample's own flags; then a run without a
        // position, which follows on.
        vec![
            (&b"tfhd"[..], vec![0x38, 1, 40, 7, 0x1_0000]),
            (b"tfdt", vec![0, 1000]),
            (b"trun", vec![0x5, 2, 100, 0]),
            (b"senc", vec![0, 0]),
            (b"trun", vec![0x800, 1, u32::MAX]),
        ],
        // Neither a base nor a time: it goes on after the part before.
        vec![(b"tfhd", vec![0x10, 1, 9]), (b"trun", vec![0x100, 1, 11])],
    ];
    let found = fragments.read(&moof(&parts), 5000).unwrap();
    let rows: Vec<_> = found
        .iter()
        .flat_map(|found| &found.samples)
        .map(|one| {
            (
                one.dts,
                one.duration,
                one.cts,
                one.offset,
                one.size,
                one.sync,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (1000, 40, 0, 5100, 7, true),
            (1040, 40, 0, 5107, 7, false),
            (1080, 40, -1, 5114, 7, false),
            (1120, 11, 0, 5121, 9, true),
        ]
    );
    let next = moof(&[vec![
        (b"tfhd", vec![0x2_0010, 1, 9]),
        (b"trun", vec![0x1, 1, 50]),
    ]]);
    let found = fragments.read(&next, 9000).unwrap();
    assert_eq!(
        (found[0].samples[0].dts, found[0].samples[0].offset),
        (1131, 9050)
    );
}

#[test]
fn forged_fragments_are_refused_and_leave_nothing_behind() {
    let mut fragments = reader();
    let header = || (&b"tfhd"[..], vec![0x10, 1, 9]);
    let forged = [
        // A run of more samples than a fragment can have, at no cost in bytes; two that together do.
        vec![vec![header(), (b"trun", vec![0, u32::MAX])]],
        vec![vec![
            header(),
            (b"trun", vec![0, 1 << 20]),
            (b"trun", vec![0, 1]),
        ]],
        vec![
            vec![header(), (b"trun", vec![0, 1 << 20])],
            vec![header(), (b"trun", vec![0, 1])],
        ],
        // Fewer bytes than samples.
        vec![vec![header(), (b"trun", vec![0x100, 2, 1])]],
        // Before the file, after any file, in no track, of no track.
        vec![vec![
            header(),
            (b"trun", vec![1, 1, (-101_i32).cast_unsigned()]),
        ]],
        vec![vec![
            (b"tfhd", vec![0x11, 1, u32::MAX, u32::MAX, 9]),
            (b"trun", vec![0, 1]),
        ]],
        vec![vec![(b"tfhd", vec![0, 9])]],
        vec![vec![(b"trun", vec![0, 1])]],
        // A time beyond all times.
        vec![vec![header(), (b"tfdt", vec![0x100_0000, u32::MAX, 0])]],
    ];
    for parts in &forged {
        let error = fragments.read(&moof(parts), 100).unwrap_err();
        assert!(
            matches!(
                error,
                MediaError::Malformed { .. } | MediaError::TooLarge { .. }
            ),
            "{error}"
        );
    }
    assert!(fragments.read(&boxed(b"moov", &[]), 0).is_err());
    assert!(fragments.read(&[], 0).is_err());
    assert_eq!(fragments.read(&boxed(b"moof", &[]), 0).unwrap(), []);
    let right = moof(&[vec![header(), (b"trun", vec![0, 1])]]);
    assert_eq!(fragments.read(&right, 100).unwrap()[0].samples[0].dts, 0);
}

//! All that is made of an index that was read.

use virga_media::{
    Announced, FallbackInput, GrowingTrack, Movie, PlannedTrack, Sample, Track, TrackTable, choose,
    fallback_mp4, first_shown, instant, plan, plan_audio, plan_video, segment, shape,
};

/// Enough to see how an index is used; a track may have millions.
const SAMPLES: usize = 20_000;

/// Bytes of the file, as far as there are any.
pub(super) fn range(file: &[u8], offset: u64, len: u64) -> &[u8] {
    let at = |place: u64| usize::try_from(place).map_or(file.len(), |it| it.min(file.len()));
    &file[at(offset)..at(offset.saturating_add(len))]
}

/// The first samples of a track.
pub(super) fn samples_of(track: &Track) -> impl Iterator<Item = Sample> {
    track.samples.iter().take(SAMPLES)
}

/// Plans, packages and plays whatever of the film can be.
pub(super) fn every_way(movie: &Movie) {
    let _ = (shape(movie), choose(movie));
    let counted = |track: &Track| track.samples.len();
    if movie.tracks.iter().map(counted).sum::<usize>() > SAMPLES {
        return;
    }
    if let Ok(tracks) = instant(movie)
        && let Ok(plan) = plan(movie, &tracks)
    {
        assert_layouts(&plan.video);
        plan.audio.iter().for_each(assert_layouts);
    }
    for (index, track) in movie.tracks.iter().enumerate() {
        let origin = first_shown(movie, index);
        for planned in [
            plan_video(movie, index, 0),
            plan_audio(movie, index, origin, &[1, 2_000_000]),
        ] {
            planned.iter().for_each(assert_layouts);
        }
        let _ = fallback_mp4(&[FallbackInput {
            movie,
            track: index,
            origin_micros: origin,
        }]);
        let _ = grown(movie, index, track);
        let _ = track.codec.rfc6381();
    }
}

/// Head and body of every segment are as long as the table says, and the table is one.
fn assert_layouts(planned: &PlannedTrack) {
    let table = &planned.table;
    for n in 0..table.segments() {
        let (offset, len) = table.sample_block_range(n).expect("a block for each");
        let block = range(&planned.samples, offset, len);
        let layout = segment(table, n, block).expect("what was planned is packaged");
        let length = layout.head.len() as u64 + layout.body_len();
        assert_eq!(length, u64::from(table.lengths[n]));
    }
    let read = TrackTable::from_json(&table.to_json());
    assert_eq!(read.as_ref(), Ok(table), "a table reads as it was written");
}

/// The same track as one that arrives.
fn grown(movie: &Movie, index: usize, track: &Track) -> Result<(), virga_media::MediaError> {
    const ANNOUNCED: Announced = Announced {
        bandwidth_peak: 1,
        bandwidth_average: 1,
        frame_rate: 25.0,
    };
    let mut growing = GrowingTrack::new(movie, index, None, ANNOUNCED)?;
    for sample in samples_of(track) {
        growing.push(sample)?;
        while growing.pop().is_some() {}
    }
    let _ = (growing.ends(), growing.next_time(), growing.frame_rate());
    growing.end(0)?;
    while growing.pop().is_some() {}
    Ok(())
}

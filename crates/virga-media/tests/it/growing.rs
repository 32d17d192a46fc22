//! A track that is cut while it arrives has the segments of one that was planned whole.

use virga_media::{
    Announced, GrowingTrack, GrownSegment, Movie, PlannedTrack, plan_video, segment,
};

use crate::clips::{Clip, OPEN, SAFE};

const ANNOUNCED: Announced = Announced {
    bandwidth_peak: 1,
    bandwidth_average: 1,
    frame_rate: 25.0,
};

/// Grows the picture; answers the segments, and how many stood before the end.
fn grown(movie: &Movie, track: usize, until: i64) -> (Vec<GrownSegment>, usize) {
    let mut growing = GrowingTrack::new(movie, track, None, ANNOUNCED).unwrap();
    let mut segments = Vec::new();
    for sample in &movie.tracks[track].samples {
        growing.push(sample).unwrap();
        segments.extend(std::iter::from_fn(|| growing.pop()));
    }
    let before = segments.len();
    growing.end(until).unwrap();
    segments.extend(std::iter::from_fn(|| growing.pop()));
    (segments, before)
}

fn planned_segments(planned: &PlannedTrack) -> Vec<GrownSegment> {
    let table = &planned.table;
    let cut = |n| {
        let (offset, length) = table.sample_block_range(n).unwrap();
        let range = usize::try_from(offset).unwrap()..usize::try_from(offset + length).unwrap();
        GrownSegment {
            duration: table.durations[n],
            layout: segment(table, n, &planned.samples[range]).unwrap(),
            first_frame: table.first_frames.as_ref().map(|frames| frames[n]),
        }
    };
    (0..table.segments()).map(cut).collect()
}

#[test]
fn it_grows_into_what_is_planned() {
    let clips = [
        ("end", Clip::silent(21, SAFE, "end.mp4")),
        ("open groups", Clip::silent(13, OPEN, "open.mp4")),
        (
            "sparse",
            Clip::silent(
                19,
                "-c:v libx264 -preset ultrafast -g 170 -keyint_min 80",
                "sparse.mp4",
            ),
        ),
        (
            "one frame",
            Clip::make("-f lavfi -i testsrc2=r=1:s=64x64 -frames:v 1 -c:v libx264 one.mp4"),
        ),
        (
            "a pause between frames",
            Clip::make(
                "-f lavfi -i testsrc2=s=160x90:r=25:d=20,select='lt(t,2)+gt(t,8)*lt(t,11)+gt(t,15)' \
                 -fps_mode vfr -c:v libx264 -preset veryfast -bf 2 -force_key_frames expr:gte(t,n_forced*2) pause.mp4",
            ),
        ),
    ];
    for (what, clip) in clips {
        let movie = clip.movie();
        let track = movie.video().unwrap();
        for until in [0, 60_000_000] {
            let planned = plan_video(&movie, track, until).unwrap();
            let (segments, before) = grown(&movie, track, until);
            assert_eq!(segments, planned_segments(&planned), "{what} until {until}");
            assert!(
                before + 2 >= segments.len(),
                "{what}: {before} of {}",
                segments.len()
            );
        }
    }
}

//! Which rungs a source gets.

use std::slice::from_ref;

use proptest::prelude::*;
use virga_media::{Rung, RungTrial, SourceShape, choose_rungs, ladder, shape, trial_starts};

use crate::clips::Clip;

fn source(width: u32, height: u32, instant_bitrate: Option<u64>) -> SourceShape {
    SourceShape {
        width,
        height,
        frame_rate: 25.0,
        duration_micros: 60_000_000,
        video_bitrate: 0,
        instant_bitrate,
        has_audio: true,
    }
}

fn sizes(shape: &SourceShape, max: u32) -> Vec<(u32, u32)> {
    ladder(shape, max)
        .iter()
        .map(|rung| (rung.width, rung.height))
        .collect()
}

#[test]
fn rungs_go_up_to_the_source_or_the_limit() {
    let full = [(640, 360), (852, 480), (1280, 720), (1920, 1080)];
    assert_eq!(sizes(&source(1920, 1080, None), 1080), full);
    assert_eq!(sizes(&source(3840, 2160, None), 1080), full);
    assert_eq!(
        sizes(&source(3840, 2160, None), 2160).last(),
        Some(&(3840, 2160))
    );
    assert_eq!(sizes(&source(1280, 720, None), 480), full[..2]);
}

#[test]
fn upright_and_odd_sources_keep_their_shape_in_even_sizes() {
    assert_eq!(
        sizes(&source(1080, 1920, None), 720),
        [(360, 640), (480, 852), (720, 1280)]
    );
    for (source_size, own) in [
        ((1920, 800), [(864, 360), (1152, 480), (1920, 800)].to_vec()),
        (
            (1600, 900),
            [(640, 360), (852, 480), (1280, 720), (1600, 900)].to_vec(),
        ),
        ((1024, 576), [(640, 360), (1024, 576)].to_vec()),
    ] {
        let source = source(source_size.0, source_size.1, None);
        assert_eq!(sizes(&source, 1080), own);
        assert!(sizes(&source, 480).iter().all(|size| size.1 <= 480));
    }
    assert_eq!(sizes(&source(641, 359, None), 1080), [(640, 358)]);
    assert_eq!(sizes(&source(321, 181, None), 1080), [(320, 180)]);
    assert_eq!(
        sizes(&source(1918, 1078, None), 1080).last(),
        Some(&(1918, 1078))
    );
}

#[test]
fn an_instant_source_is_its_own_top_rung_unless_it_is_costly() {
    let modest = source(1920, 1080, Some(5_000_000));
    assert_eq!(sizes(&modest, 1080).last(), Some(&(1280, 720)));
    // No rung has more bits than the source.
    assert!(ladder(&source(1920, 1080, Some(52_000)), 1080).is_empty());
    let thin = ladder(&source(1920, 1080, Some(1_000_000)), 1080);
    let caps: Vec<u32> = thin.iter().map(|rung| rung.maxrate).collect();
    assert_eq!(caps, [800_000, 1_000_000]);
    let costly = source(1920, 1080, Some(7_600_000));
    assert_eq!(sizes(&costly, 1080).last(), Some(&(1920, 1080)));
    assert!(ladder(&source(320, 180, Some(300_000)), 1080).is_empty());
    assert_eq!(
        sizes(&source(320, 180, Some(3_000_000)), 1080),
        [(320, 180)]
    );
}

#[test]
fn the_shape_of_a_clip_is_as_it_is_shown() {
    let shape = shape(&Clip::turned(2).movie()).unwrap();
    assert_eq!(
        (shape.width, shape.height, shape.has_audio),
        (180, 320, true)
    );
    assert_eq!(shape.duration_micros, 2_000_000);
    assert!((shape.frame_rate - 25.0).abs() < 0.01);
    assert_eq!(shape.instant_bitrate, Some(shape.video_bitrate));
    assert!(shape.video_bitrate > 10_000);
}

proptest! {
    #[test]
    fn rungs_are_even_rising_and_never_larger_than_the_source(
        width in 0_u32..9000, height in 0_u32..9000, max in 0_u32..5000, rate in 1.0_f64..240.0,
        instant in proptest::option::of(0_u64..100_000_000), video_bitrate in 0_u64..20_000_000,
    ) {
        let shape = SourceShape { frame_rate: rate, video_bitrate, ..source(width, height, instant) };
        let rungs = ladder(&shape, max);
        for rung in &rungs {
            prop_assert!(rung.width % 2 == 0 && rung.height % 2 == 0);
            prop_assert!(rung.width <= width && rung.height <= height);
            prop_assert!(rung.width >= 2 && rung.height >= 2);
        }
        prop_assert!(rungs.windows(2).all(|pair| pair[0].maxrate <= pair[1].maxrate));
        let most = instant.unwrap_or(if video_bitrate == 0 { u64::MAX } else { video_bitrate.max(150_000) });
        prop_assert!(rungs.iter().all(|rung| u64::from(rung.maxrate) <= most));
        if instant.is_none() && width.min(height) >= 2 {
            prop_assert!(!rungs.is_empty());
        }
    }
}

/// Trials of one frame: a mean likeness for each rate factor of a rung, and for each rung below it.
fn trial(fine: f64, coarse: f64, below: &[f64]) -> RungTrial {
    let tiles = |like: f64| vec![like; 64];
    RungTrial {
        fine: tiles(fine),
        coarse: tiles(coarse),
        below: below.iter().map(|like| tiles(*like)).collect(),
    }
}

/// The rungs of a 1080p source that trials leave, and their rate factors.
fn chosen(trials: &[[RungTrial; 3]]) -> Vec<(String, u8)> {
    let trials: Vec<Vec<RungTrial>> = trials.iter().map(|it| it.to_vec()).collect();
    let rungs = choose_rungs(ladder(&source(1920, 1080, None), 1080), &trials);
    rungs
        .into_iter()
        .map(|Rung { name, crf, .. }| (name, crf))
        .collect()
}

#[test]
fn without_samples_every_rung_is_made_as_usual() {
    let all = chosen(&[]);
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|(_, crf)| *crf == 23));
}

#[test]
fn a_rung_that_looks_like_the_one_below_is_left_out() {
    // 720p is hardly better than 480p; 1080p than 720p neither, but than 480p it is.
    let soft = [
        trial(0.990, 0.98, &[0.95]),
        trial(0.990, 0.98, &[0.95, 0.985]),
        trial(0.990, 0.98, &[0.94, 0.978, 0.985]),
    ];
    let names = |trials: &[[RungTrial; 3]]| -> Vec<String> {
        chosen(trials).into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(from_ref(&soft)), ["360p", "480p", "1080p"]);
    // One place in one of the trials that looks better is enough.
    let mut sharp = soft.clone();
    sharp[1].fine[63] = 0.996;
    assert_eq!(names(&[soft.clone(), sharp]), ["360p", "480p", "720p"]);
    // Where frames were taken for others nothing is said.
    let mut mistaken = soft;
    mistaken[1] = trial(0.6, 0.6, &[0.6, 0.6]);
    assert_eq!(names(&[mistaken]), ["360p", "480p", "720p"]);
}

#[test]
fn the_rate_factor_is_the_largest_that_the_worst_sample_allows() {
    let of = |fine, coarse| trial(fine, coarse, &[0.9, 0.9, 0.9]);
    let easy = [of(0.999, 0.99), of(0.981, 0.961), of(0.96, 0.95)];
    let factors = |trials: &[[RungTrial; 3]]| -> Vec<u8> {
        chosen(trials).into_iter().map(|(_, crf)| crf).collect()
    };
    assert_eq!(factors(from_ref(&easy)), [23, 27, 25, 23]);
    let hard = [of(0.981, 0.961), of(0.5, 0.4), of(0.97, 0.93)];
    assert_eq!(factors(&[easy, hard]), [23, 25, 23, 23]);
}

#[test]
fn samples_are_spread_over_the_film_and_cost_little_of_it() {
    let starts = |seconds: i64| trial_starts(seconds * 1_000_000);
    assert!(starts(19).is_empty());
    assert_eq!(starts(20), [10]);
    assert_eq!(starts(60), [15, 45]);
    assert_eq!(starts(600), [100, 300, 500]);
    assert_eq!(starts(12 * 3600), [7200, 21600, 36000]);
    assert!(starts(0).is_empty());
}

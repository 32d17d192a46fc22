//! Which rungs a source gets.

use proptest::prelude::*;
use virga_media::{SourceShape, ladder, shape};

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
        instant in proptest::option::of(0_u64..100_000_000),
    ) {
        let shape = SourceShape { frame_rate: rate, ..source(width, height, instant) };
        let rungs = ladder(&shape, max);
        for rung in &rungs {
            prop_assert!(rung.width % 2 == 0 && rung.height % 2 == 0);
            prop_assert!(rung.width <= width && rung.height <= height);
            prop_assert!(rung.width >= 2 && rung.height >= 2);
        }
        prop_assert!(rungs.windows(2).all(|pair| pair[0].maxrate < pair[1].maxrate));
        if instant.is_none() && width.min(height) >= 2 {
            prop_assert!(!rungs.is_empty());
        }
    }
}

//! Playlists as an independent parser reads them.

use m3u8_rs::{MasterPlaylist, MediaPlaylist};
use virga_media::{
    Addressing, AudioRendition, SegmentPlan, SoundLabel, TrackTable, VideoVariant,
    i_frame_playlist, instant, media_playlist, multivariant, plan,
};

use crate::clips::{Clip, OPEN, SAFE};

fn planned(options: &str) -> SegmentPlan {
    let clip = Clip::with_sound(10, options, "clip.mp4");
    let movie = clip.movie();
    plan(&movie, &instant(&movie).unwrap()).unwrap()
}

fn media(text: &str) -> MediaPlaylist {
    m3u8_rs::parse_media_playlist_res(text.as_bytes()).unwrap()
}

#[test]
fn virtual_segments_carry_exact_durations() {
    let plan = planned(SAFE);
    let table = &plan.video.table;
    let text = media_playlist(
        table,
        &Addressing::Each {
            init: "init.mp4",
            segment: &|n| format!("{n}.m4s"),
        },
    );
    let list = media(&text);
    assert!(list.end_list && list.independent_segments);
    assert_eq!(list.version, Some(7));
    assert_eq!(list.playlist_type, Some(m3u8_rs::MediaPlaylistType::Vod));
    assert_eq!(list.segments.len(), table.segments());
    assert_eq!(list.segments[0].map.as_ref().unwrap().uri, "init.mp4");
    assert_eq!(list.target_duration, 4);
    let mut micros = 0.0;
    for (n, segment) in list.segments.iter().enumerate() {
        assert_eq!(segment.uri, format!("{n}.m4s"));
        assert!(segment.duration.round() <= 4.0);
        micros += f64::from(segment.duration);
    }
    assert!((micros - 10.0).abs() < 1e-4, "{micros}");
}

#[test]
fn byte_ranges_tile_the_track_object() {
    let plan = planned(SAFE);
    let table = &plan.audio.unwrap().table;
    for define in [false, true] {
        let text = media_playlist(
            table,
            &Addressing::Ranges {
                uri: "https://b/o?sig=1",
                define,
            },
        );
        let list = media(&text);
        let map = list.segments[0]
            .map
            .as_ref()
            .unwrap()
            .byte_range
            .as_ref()
            .unwrap();
        assert_eq!((map.offset, map.length), (Some(0), table.init.len() as u64));
        for (n, segment) in list.segments.iter().enumerate() {
            let range = segment.byte_range.as_ref().unwrap();
            assert_eq!(
                (range.offset.unwrap(), range.length),
                table.byte_range(n).unwrap()
            );
            assert_eq!(
                segment.uri,
                if define { "{$u}" } else { "https://b/o?sig=1" }
            );
        }
        assert_eq!(
            text.matches("https://b/o").count(),
            if define { 1 } else { table.segments() + 1 }
        );
    }
}

fn master_text(plan: &SegmentPlan) -> String {
    let audio = plan.audio.iter().map(|audio| AudioRendition {
        uri: "audio.m3u8",
        table: &audio.table,
        label: SoundLabel::default(),
    });
    let audio: Vec<AudioRendition<'_>> = audio.collect();
    let video = VideoVariant {
        uri: "video.m3u8",
        i_frames: Some("iframes.m3u8"),
        table: &plan.video.table,
    };
    multivariant(&[video], &audio, &[])
}

fn master(plan: &SegmentPlan) -> MasterPlaylist {
    let text = master_text(plan);
    m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap()
}

#[test]
fn the_multivariant_playlist_says_what_a_player_must_know() {
    let plan = planned(SAFE);
    let list = master(&plan);
    assert_eq!(list.variants.len(), 2);
    let variant = &list.variants[0];
    let audio = &plan.audio.as_ref().unwrap().table;
    assert!(list.independent_segments);
    assert_eq!(variant.uri, "video.m3u8");
    assert_eq!(
        variant.bandwidth,
        plan.video.table.bandwidth_peak + audio.bandwidth_peak
    );
    assert!(variant.average_bandwidth.unwrap() <= variant.bandwidth);
    let codecs = format!("{},mp4a.40.2", plan.video.table.codec);
    assert_eq!(variant.codecs.as_deref(), Some(codecs.as_str()));
    let size = variant.resolution.unwrap();
    assert_eq!((size.width, size.height), (320, 180));
    assert!((variant.frame_rate.unwrap() - 25.0).abs() < 0.001);
    assert_eq!(variant.audio.as_deref(), Some("audio"));
    let rendition = &list.alternatives[0];
    assert_eq!(rendition.uri.as_deref(), Some("audio.m3u8"));
    assert_eq!(rendition.name, "main");
    assert_eq!(
        (&rendition.language, rendition.channels.as_deref()),
        (&None, Some("1"))
    );
}

#[test]
fn an_i_frame_variant_costs_what_its_ranges_do() {
    for options in [SAFE, OPEN] {
        let plan = planned(options);
        let table = &plan.video.table;
        let uri = "https://b/o?sig=1";
        let define = true;
        let text = i_frame_playlist(table, &Addressing::Ranges { uri, define }).unwrap();
        let list = media(&text);
        assert!(list.i_frames_only && list.end_list);
        assert_eq!(list.segments.len(), table.segments());
        let mut peak = 0.0_f64;
        let mut bits = 0.0;
        for (n, segment) in list.segments.iter().enumerate() {
            let range = segment.byte_range.as_ref().unwrap();
            let (start, length) = table.byte_range(n).unwrap();
            assert_eq!(range.offset, Some(start + 24));
            assert!(range.length > 100 && range.length + 24 <= length);
            let one = 8.0 * f64::from(u32::try_from(range.length).unwrap());
            bits += one;
            peak = peak.max(one / f64::from(segment.duration));
        }
        let variant = &master(&plan).variants[1];
        assert!(variant.is_i_frame);
        assert_eq!(variant.uri, "iframes.m3u8");
        assert_eq!(variant.codecs.as_ref(), Some(&table.codec));
        let (said, average) = (variant.bandwidth, variant.average_bandwidth.unwrap());
        let least = u64::try_from(table.duration_micros()).unwrap();
        let least = bits * 1e6 / f64::from(u32::try_from(least).unwrap());
        assert!((least - f64::from(u32::try_from(average).unwrap())).abs() < 2.0);
        // The rate of any single segment is at most the peak, or the segment is a short one.
        let said = f64::from(u32::try_from(said).unwrap());
        assert!(said <= peak + 1.0 && said >= least.floor(), "{said} {peak}");
    }
    let sound = planned(SAFE).audio.unwrap().table;
    let uri = "o";
    let define = false;
    assert_eq!(
        i_frame_playlist(&sound, &Addressing::Ranges { uri, define }),
        None
    );
}

#[test]
fn light_language_and_channels_are_told_where_the_file_tells_them() {
    for (colour, wanted) in [
        ("", None),
        ("-color_trc bt709", Some("SDR")),
        ("-color_trc smpte2084", Some("PQ")),
        ("-color_trc arib-std-b67", Some("HLG")),
    ] {
        let colour = match wanted {
            Some(_) => format!("{colour} -color_primaries bt2020 -colorspace bt2020nc"),
            None => String::new(),
        };
        let plan = planned(&format!("{colour} -ac 6 -metadata:s:a language=ger {SAFE}"));
        let text = master_text(&plan);
        let said: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once("VIDEO-RANGE=")?.1.split(',').next())
            .collect();
        assert_eq!(
            said,
            wanted.map_or(vec![], |word| vec![word; 2]),
            "{colour}"
        );
        let rendition = &master(&plan).alternatives[0];
        assert_eq!(rendition.language.as_deref(), Some("de"));
        assert_eq!(rendition.name, "Deutsch");
        assert_eq!(rendition.channels.as_deref(), Some("6"));
    }
    let mut plan = planned(SAFE);
    for (codec, channels, wanted) in [
        ("mp4a.40.29", 1, Some("2")),
        ("mp4a.40.2", 0, None),
        ("ec-3", 6, None),
        ("ac-3", 6, Some("6")),
    ] {
        let table = &mut plan.audio.as_mut().unwrap().table;
        (table.codec, table.channels) = (codec.to_owned(), channels);
        let rendition = &master(&plan).alternatives[0];
        assert_eq!(rendition.channels.as_deref(), wanted, "{codec}");
    }
}

#[test]
fn an_open_gop_takes_the_promise_back_and_names_cannot_write_tags() {
    let mut plan = planned(OPEN);
    plan.audio.as_mut().unwrap().table.language =
        Some("a\",URI=\"evil\"\n#EXT-X-ENDLIST".to_owned());
    let list = master(&plan);
    assert!(!list.independent_segments);
    assert_eq!(list.alternatives.len(), 1);
    assert_eq!(list.alternatives[0].uri.as_deref(), Some("audio.m3u8"));
}

#[test]
fn durations_do_not_drift_over_a_long_film() {
    let plan = planned(SAFE);
    let durations = vec![120_120; 1800];
    let lengths = vec![1_000_000; 1800];
    let long = TrackTable {
        timescale: 30_000,
        durations,
        lengths,
        ..plan.video.table
    }
    .stored();
    let text = media_playlist(
        &long,
        &Addressing::Ranges {
            uri: "o",
            define: false,
        },
    );
    let micros: u64 = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(','))
        .map(|seconds| seconds.replace('.', "").parse::<u64>().unwrap())
        .sum();
    assert_eq!(micros, 7_207_200_000);
    assert_eq!(long.duration_micros(), 7_207_200_000);
}

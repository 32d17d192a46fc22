//! Packaged tracks decode to the source's own frames and packets, at the source's own times.

use virga_media::{InstantTracks, SegmentPlan, TrackKind, instant, plan, plan_audio, plan_video};

use crate::clips::{Clip, OPEN, PICTURE, SAFE, SOUND, frames, packets, probe, track_object};

/// Plans an instant clip, packages it, and compares frames, packets and times with the source.
fn assert_faithful(clip: &Clip) -> SegmentPlan {
    let movie = clip.movie();
    let tracks = instant(&movie).expect("browser-safe");
    let plan = plan(&movie, &tracks).unwrap();
    let video = clip.beside(
        "packaged-video.mp4",
        &track_object(&plan.video, &clip.bytes),
    );
    let (source, packaged) = (frames(&clip.path), frames(&video));
    assert_eq!(source, packaged, "frames and their times");
    let table = &plan.video.table;
    assert_eq!(table.start(0), 0);
    let last = i64::try_from(table.start(table.segments())).unwrap();
    assert!(
        last > packaged.last().unwrap().0,
        "the last frame lies within the presentation"
    );
    if let Some(audio) = &plan.audio {
        let file = clip.beside("packaged-audio.mp4", &track_object(audio, &clip.bytes));
        assert_eq!(packets(&clip.path), packets(&file));
    }
    plan
}

fn seconds(plan: &SegmentPlan) -> Vec<f64> {
    let table = &plan.video.table;
    table
        .durations
        .iter()
        .map(|ticks| f64::from(*ticks) / f64::from(table.timescale))
        .collect()
}

#[test]
fn index_at_the_end_packages_faithfully_in_short_then_long_segments() {
    let plan = assert_faithful(&Clip::with_sound(12, SAFE, "end.mp4"));
    assert_eq!(seconds(&plan), [1.0, 2.0, 2.0, 4.0, 3.0]);
    assert!(plan.video.table.independent);
    assert!(
        plan.video.table.codec.starts_with("avc1.64"),
        "{}",
        plan.video.table.codec
    );
    let audio = plan.audio.unwrap().table;
    assert_eq!((audio.codec.as_str(), audio.channels), ("mp4a.40.2", 1));
    assert_eq!(audio.segments(), 5);
    for n in 1..5 {
        let apart = audio.start_micros(n) - plan.video.table.start_micros(n);
        assert!(
            apart.abs() <= 12_000,
            "cut at the nearest sound sample, {apart} us"
        );
    }
}

#[test]
fn index_at_the_front_and_quicktime_package_faithfully() {
    assert_faithful(&Clip::with_sound(
        3,
        &format!("{SAFE} -movflags +faststart"),
        "front.mp4",
    ));
    let mov = assert_faithful(&Clip::with_sound(3, SAFE, "camera.mov"));
    // Sound of a QuickTime file gets an ISO sample entry.
    assert!(
        mov.audio
            .unwrap()
            .table
            .init
            .windows(4)
            .all(|name| name != b"wave")
    );
}

#[test]
fn negative_composition_offsets_without_an_edit_list_package_faithfully() {
    let options = format!("{SAFE} -bf 3 -movflags +negative_cts_offsets -use_editlist 0");
    assert_faithful(&Clip::with_sound(3, &options, "negative.mp4"));
}

#[test]
fn no_edit_list_for_the_delay_of_b_frames_still_begins_at_zero() {
    let clip = Clip::silent(3, &format!("{SAFE} -bf 3 -use_editlist 0"), "delayed.mp4");
    let plan = assert_faithful(&clip);
    assert_eq!(seconds(&plan).iter().sum::<f64>().round().to_string(), "3");
}

#[test]
fn open_gop_is_packaged_but_not_called_independent() {
    let plan = assert_faithful(&Clip::with_sound(6, OPEN, "open.mp4"));
    assert!(!plan.video.table.independent);
}

#[test]
fn variable_frame_rate_keeps_every_time() {
    let select = "-vf select='not(mod(n,3))+lt(n,30)' -vsync vfr";
    let clip = Clip::silent(6, &format!("{select} {SAFE} -g 12"), "vfr.mp4");
    let plan = assert_faithful(&clip);
    assert!(plan.audio.is_none());
    assert!(plan.video.table.frame_rate < 20.0);
}

#[test]
fn rotation_is_copied_and_sizes_are_given_as_shown() {
    let clip = Clip::turned(2);
    let plan = assert_faithful(&clip);
    assert_eq!(
        (plan.video.table.width, plan.video.table.height),
        (180, 320)
    );
    let words = "-select_streams v -show_entries stream_side_data=rotation";
    let turn = probe(&clip.path, words);
    let packaged = clip.beside(
        "turned-packaged.mp4",
        &track_object(&plan.video, &clip.bytes),
    );
    assert!(turn.contains("90"), "{turn}");
    assert_eq!(probe(&packaged, words), turn);
}

#[test]
fn surround_sound_and_opus_package_faithfully() {
    let six = Clip::with_sound(3, &format!("{SAFE} -ac 6"), "surround.mp4");
    assert_eq!(assert_faithful(&six).audio.unwrap().table.channels, 6);
    let opus = Clip::with_sound(3, &format!("{SAFE} -c:a libopus -ar 48000"), "opus.mp4");
    assert_eq!(assert_faithful(&opus).audio.unwrap().table.codec, "opus");
}

#[test]
fn the_first_of_two_sound_tracks_is_taken() {
    let clip = Clip::make(&format!(
        "-f lavfi -i {PICTURE} -f lavfi -i {SOUND} -f lavfi -i sine=frequency=880 -t 2 \
         -map 0 -map 1 -map 2 {SAFE} -metadata:s:a:0 language=fra two.mp4"
    ));
    let plan = assert_faithful(&clip);
    assert_eq!(plan.audio.unwrap().table.language.as_deref(), Some("fra"));
}

#[test]
fn one_frame_is_one_segment() {
    let clip = Clip::silent(1, &format!("{SAFE} -frames:v 1"), "one.mp4");
    assert_eq!(assert_faithful(&clip).video.table.segments(), 1);
}

#[test]
fn sparse_key_frames_make_longer_segments_and_near_ones_are_merged() {
    let sparse = Clip::silent(9, &format!("{SAFE} -g 75"), "sparse.mp4");
    assert_eq!(seconds(&assert_faithful(&sparse)), [3.0, 3.0, 3.0]);
    let all = Clip::silent(6, &format!("{SAFE} -g 1"), "intra.mp4");
    assert_eq!(seconds(&assert_faithful(&all)), [1.0, 2.0, 2.0, 1.0]);
}

#[test]
fn the_first_frame_is_shown_at_zero_and_sound_stays_with_it() {
    let plan = assert_faithful(&Clip::with_sound(3, &format!("{SAFE} -bf 2"), "sync.mp4"));
    let first =
        |planned: &virga_media::PlannedTrack| first_composition(&planned.table.init, planned);
    assert_eq!(first(&plan.video), 0);
    // AAC priming: 1024 samples come before the first that is heard.
    assert_eq!(first(&plan.audio.unwrap()), -1024);
}

/// The smallest composition time of the first segment, read by an independent parser.
fn first_composition(init: &[u8], planned: &virga_media::PlannedTrack) -> i64 {
    use mp4_atom::{Decode as _, Moof, ReadAtom as _};
    assert!(!init.is_empty());
    let (_, len) = planned.table.sample_block_range(0).unwrap();
    let block = &planned.samples[..usize::try_from(len).unwrap()];
    let head = virga_media::segment(&planned.table, 0, block).unwrap().head;
    let mut after_styp = &head[24..];
    let header = mp4_atom::Header::decode(&mut after_styp).unwrap();
    let moof = Moof::read_atom(&header, &mut after_styp).unwrap();
    let traf = &moof.traf[0];
    assert_eq!(traf.tfdt.as_ref().unwrap().base_media_decode_time, 0);
    let mut dts = 0;
    let mut first = i64::MAX;
    for entry in &traf.trun[0].samples {
        first = first.min(dts + entry.cts.unwrap_or(0));
        dts += i64::from(
            entry
                .duration
                .or(traf.tfhd.default_sample_duration)
                .unwrap(),
        );
    }
    first
}

#[test]
fn a_rung_and_a_sound_encode_are_planned_each_from_its_own_file() {
    let clip = Clip::with_sound(7, SAFE, "whole.mp4");
    let rung = Clip::silent(7, &format!("{SAFE} -g 50 -s 160x90"), "rung.mp4");
    let sound = Clip::make(&format!("-f lavfi -i {SOUND} -t 7 -c:a aac sound.m4a"));
    let (movie, rung_movie, sound_movie) = (clip.movie(), rung.movie(), sound.movie());
    let whole = plan(&movie, &instant(&movie).unwrap()).unwrap();
    let planned = plan_video(&rung_movie, 0, 0).unwrap();
    let object = rung.beside("object.mp4", &track_object(&planned, &rung.bytes));
    assert_eq!(frames(&object), frames(&rung.path));
    assert_eq!(
        planned.table.duration_micros(),
        whole.video.table.duration_micros()
    );
    let starts: Vec<i64> = (1..planned.table.segments())
        .map(|n| planned.table.start_micros(n))
        .collect();
    let audio = plan_audio(&sound_movie, 0, 0, &starts).unwrap();
    assert_eq!(audio.table.kind, TrackKind::Audio);
    assert_eq!(audio.table.segments(), planned.table.segments());
    let object = sound.beside("object.mp4", &track_object(&audio, &sound.bytes));
    assert_eq!(packets(&object), packets(&sound.path));
    let alone = plan_audio(&sound_movie, 0, 0, &[]).unwrap();
    assert_eq!(alone.table.segments(), 2);
    assert!(plan_video(&sound_movie, 0, 0).is_err());
    assert!(
        plan(
            &movie,
            &InstantTracks {
                video: 1,
                audio: None
            }
        )
        .is_err()
    );
}

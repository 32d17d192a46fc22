//! Tables survive JSON and are checked when read back.

use virga_media::{TrackTable, instant, plan};

use crate::clips::{Clip, SAFE};

fn table() -> TrackTable {
    let clip = Clip::silent(4, SAFE, "clip.mp4");
    let movie = clip.movie();
    plan(&movie, &instant(&movie).unwrap()).unwrap().video.table
}

#[test]
fn a_table_survives_json() {
    let table = table();
    assert_eq!(TrackTable::from_json(&table.to_json()).unwrap(), table);
    let stored = table.stored();
    assert_eq!(stored.sample_block_range(0), None);
    assert_eq!(TrackTable::from_json(&stored.to_json()).unwrap(), stored);
}

#[test]
fn tables_whose_columns_disagree_are_refused() {
    let good = table();
    let edits: [fn(&mut TrackTable); 9] = [
        |table| table.durations.truncate(1),
        |table| table.lengths.push(1),
        |table| table.sample_blocks = Some(Vec::new()),
        |table| table.first_frames = Some(Vec::new()),
        |table| table.first_frames = Some(vec![24; table.lengths.len()]),
        |table| table.first_frames = Some(table.lengths.iter().map(|it| it + 1).collect()),
        |table| table.timescale = 0,
        |table| table.init.clear(),
        |table| {
            table.durations.clear();
            table.lengths.clear();
            table.sample_blocks = None;
        },
    ];
    for edit in edits {
        let mut bad = good.clone();
        edit(&mut bad);
        assert!(TrackTable::from_json(&bad.to_json()).is_err());
    }
    assert!(TrackTable::from_json(b"{}").is_err());
}

#[test]
fn ranges_outside_the_table_are_none() {
    let table = table();
    assert_eq!(table.byte_range(table.segments()), None);
    assert_eq!(table.sample_block_range(usize::MAX), None);
}

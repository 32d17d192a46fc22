//! Tables and blocks of the store.

use virga_media::{
    Addressing, TrackTable, VideoVariant, event_playlist, i_frame_playlist, media_playlist,
    multivariant, segment,
};

/// A table, read and used for playlists.
pub(crate) fn table(json: &[u8]) {
    let Ok(table) = TrackTable::from_json(json) else {
        return;
    };
    let written = table.to_json();
    assert_eq!(TrackTable::from_json(&written).as_ref(), Ok(&table));
    let name = |n: usize| format!("{n}.m4s");
    for addressing in [
        Addressing::Each {
            init: "init.mp4",
            segment: &name,
        },
        Addressing::Ranges {
            uri: "track.mp4",
            define: true,
        },
    ] {
        let _ = i_frame_playlist(&table, &addressing);
        let text = media_playlist(&table, &addressing);
        assert!(text.ends_with("#EXT-X-ENDLIST\n"));
    }
    let _ = event_playlist(&table, table.segments() / 2, false, "init.mp4", &name);
    let _ = multivariant(
        &[VideoVariant {
            uri: "a",
            i_frames: Some("b"),
            table: &table,
        }],
        &[],
        &[],
    );
    for n in 0..=table.segments() {
        let _ = (table.byte_range(n), table.sample_block_range(n));
    }
    let _ = (table.object_len(), table.duration_micros());
    let _ = table.measured();
}

/// A table, a zero, and a block that is to be one of its segments.
pub(crate) fn block(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == 0);
    let (json, block) = input.split_at(end.unwrap_or(input.len()));
    let Ok(table) = TrackTable::from_json(json) else {
        return;
    };
    for n in 0..table.segments().min(4) {
        if let Ok(layout) = segment(&table, n, block.get(1..).unwrap_or_default()) {
            let length = layout.head.len() as u64 + layout.body_len();
            assert_eq!(length, u64::from(table.lengths[n]));
            let (start, length) = layout.span();
            assert!(start.checked_add(length).is_some());
        }
    }
}

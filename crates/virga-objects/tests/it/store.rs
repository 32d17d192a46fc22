//! What every store must do.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::TryStreamExt;
use proptest::prelude::*;
use virga_core::{KeyPrefix, MediaKey, Timestamp};
use virga_objects::{MediaStore, ObjectError, Piece, READ_LIMIT};

use crate::{Bench, collect, is_empty, noise};

async fn names(store: &dyn MediaStore, prefix: &KeyPrefix) -> BTreeSet<String> {
    store
        .list(prefix)
        .map_ok(|listed| listed.key.to_string())
        .try_collect()
        .await
        .unwrap()
}

async fn written(store: &dyn MediaStore, key: &MediaKey, bytes: &Bytes) {
    store.put(key, bytes.clone()).await.unwrap();
}

#[tokio::test]
async fn an_object_is_read_as_it_was_put() {
    let bench = Bench::new().await;
    let store: &dyn MediaStore = &*bench.store;
    let (key, bytes) = (bench.key("a.cmaf"), noise(1_500_000, 1));
    written(store, &key, &bytes).await;
    assert_eq!(store.stat(&key).await.unwrap().size, 1_500_000);
    assert_eq!(store.read(&key, 7..99).await.unwrap(), bytes.slice(7..99));
    assert_eq!(store.read(&key, 5..5).await.unwrap(), Bytes::new());
    assert_eq!(store.read_all(&key, 2_000_000).await.unwrap(), bytes);
    let all = store.stream(&key, 0..1_500_000).await.unwrap();
    assert_eq!(collect(all).await, bytes);
    let some = store.stream(&key, 600_000..600_001).await.unwrap();
    assert_eq!(collect(some).await, bytes.slice(600_000..600_001));
    written(store, &key, &Bytes::from_static(b"new")).await;
    assert_eq!(store.read_all(&key, 3).await.unwrap(), "new");
}

#[tokio::test]
async fn what_is_not_there_is_said_before_the_first_byte() {
    let bench = Bench::new().await;
    let store: &dyn MediaStore = &*bench.store;
    let key = bench.key("a.cmaf");
    assert!(store.stat(&key).await.unwrap_err().is_not_found());
    assert!(store.read(&key, 0..1).await.unwrap_err().is_not_found());
    assert!(store.stream(&key, 0..1).await.err().unwrap().is_not_found());
    assert!(
        store
            .read_pieces(&key, vec![(0, 1)])
            .await
            .err()
            .unwrap()
            .is_not_found()
    );
    written(store, &key, &Bytes::from_static(b"12345")).await;
    for error in [
        store.read(&key, 0..6).await.err().unwrap(),
        store.stream(&key, 4..6).await.err().unwrap(),
        store
            .read_pieces(&key, vec![(0, 1), (5, 1)])
            .await
            .err()
            .unwrap(),
        store
            .read(&key, u64::MAX - 1..u64::MAX)
            .await
            .err()
            .unwrap(),
    ] {
        assert!(
            matches!(error, ObjectError::OutOfRange { size: 5 }),
            "{error}"
        );
    }
    let much = store.read(&key, 0..READ_LIMIT + 1).await.unwrap_err();
    assert!(matches!(much, ObjectError::TooLarge { .. }));
    let whole = store.read_all(&key, 4).await.unwrap_err();
    assert!(matches!(whole, ObjectError::TooLarge { limit: 4 }));
    // A folder of the store is no object.
    let folder = MediaKey::parse(&format!("v/{}/a1-1", bench.video)).unwrap();
    assert!(store.stat(&folder).await.unwrap_err().is_not_found());
    assert!(store.read_all(&folder, 9).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_writer_shows_nothing_until_it_commits() {
    let bench = Bench::new().await;
    let store: &dyn MediaStore = &*bench.store;
    let (key, bytes) = (bench.key("a.cmaf"), noise(1_300_000, 2));
    let mut writer = store.writer(&key).await.unwrap();
    for piece in bytes.chunks(70_000) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
        assert!(store.stat(&key).await.is_err());
    }
    assert_eq!(writer.commit().await.unwrap(), 1_300_000);
    assert_eq!(store.read_all(&key, READ_LIMIT).await.unwrap(), bytes);

    let mut dropped = store.writer(&bench.key("b.cmaf")).await.unwrap();
    dropped.write(bytes).await.unwrap();
    drop(dropped);
    assert!(store.stat(&bench.key("b.cmaf")).await.is_err());
    assert!(is_empty(&bench.at(".tmp")));
}

#[tokio::test]
async fn a_writer_does_not_make_the_folder_of_objects_anew() {
    let bench = Bench::new().await;
    let store: &dyn MediaStore = &*bench.store;
    let key = bench.key("a.cmaf");
    let mut writer = store.writer(&key).await.unwrap();
    writer.write(Bytes::from_static(b"made")).await.unwrap();
    // The disk goes between the first byte and the name.
    std::fs::rename(bench.at("v"), bench.at("aside")).unwrap();
    let refused = writer.commit().await.unwrap_err();
    assert!(matches!(refused, ObjectError::Unmounted), "{refused}");
    assert!(!bench.at("v").exists());
    std::fs::rename(bench.at("aside"), bench.at("v")).unwrap();
    written(store, &key, &Bytes::from_static(b"again")).await;
}

#[tokio::test]
async fn a_scratch_file_is_taken_in_and_an_object_linked_out() {
    let bench = Bench::new().await;
    let store: &dyn MediaStore = &*bench.store;
    let key = bench.key("fallback.mp4");
    let scratch = bench.at("made");
    std::fs::write(&scratch, b"made").unwrap();
    store.put_file(&key, &scratch).await.unwrap();
    assert!(!scratch.exists());
    assert_eq!(store.read_all(&key, 10).await.unwrap(), "made");
    let link = bench.at("link");
    store.link_to(&key, &link).await.unwrap();
    store.delete(&key).await.unwrap();
    assert_eq!(std::fs::read(link).unwrap(), b"made");
    let again = store.link_to(&key, &bench.at("other")).await.unwrap_err();
    assert!(again.is_not_found());
}

#[tokio::test]
async fn listing_and_removal_keep_to_their_prefix() {
    let bench = Bench::new().await;
    let store: &dyn MediaStore = &*bench.store;
    let one = [bench.key("a.json"), bench.key("a.cmaf")];
    let other = MediaKey::attempt(bench.video, 1, 12, "a.json").unwrap();
    for key in one
        .iter()
        .chain([&other, &MediaKey::presentation(bench.video)])
    {
        written(store, key, &Bytes::from_static(b"x")).await;
    }
    let attempt = MediaKey::attempt_prefix(bench.video, 1, 1);
    let expected: BTreeSet<_> = one.iter().map(ToString::to_string).collect();
    assert_eq!(names(store, &attempt).await, expected);
    assert_eq!(names(store, &MediaKey::prefix(bench.video)).await.len(), 4);
    assert_eq!(names(store, &KeyPrefix::all()).await.len(), 4);
    assert_eq!(store.delete_prefix(&attempt).await.unwrap(), 2);
    assert_eq!(store.delete_prefix(&attempt).await.unwrap(), 0);
    assert_eq!(names(store, &MediaKey::prefix(bench.video)).await.len(), 2);
    store.delete(&other).await.unwrap();
    store.delete(&other).await.unwrap();
    assert_eq!(
        store
            .delete_prefix(&MediaKey::prefix(bench.video))
            .await
            .unwrap(),
        1
    );
    assert!(is_empty(&bench.at("v")), "empty folders go too");
    written(store, &other, &Bytes::from_static(b"again")).await;
    assert_eq!(names(store, &KeyPrefix::all()).await.len(), 1);
}

#[tokio::test]
async fn a_listing_is_longer_than_its_buffer_and_may_be_dropped() {
    let bench = Bench::new().await;
    let store: &dyn MediaStore = &*bench.store;
    let folder = bench.at("v").join(bench.video.as_str());
    std::fs::create_dir_all(&folder).unwrap();
    for n in 0..700 {
        std::fs::write(folder.join(format!("{n}.cmaf")), b"").unwrap();
    }
    let prefix = MediaKey::prefix(bench.video);
    assert_eq!(names(store, &prefix).await.len(), 700);
    assert!(store.list(&prefix).try_next().await.unwrap().is_some());
}

#[tokio::test]
async fn leftovers_of_a_dead_writer_go_and_those_of_a_live_one_stay() {
    let bench = Bench::new().await;
    let store: &dyn MediaStore = &*bench.store;
    std::fs::write(bench.at(".tmp/9-9"), b"dead").unwrap();
    let mut live = store.writer(&bench.key("a.cmaf")).await.unwrap();
    live.write(Bytes::from_static(b"live")).await.unwrap();
    let never = Timestamp(0);
    assert_eq!(store.remove_leftovers(never).await.unwrap(), 0);
    let always = Timestamp(i64::MAX);
    assert_eq!(store.remove_leftovers(always).await.unwrap(), 1);
    assert_eq!(live.commit().await.unwrap(), 4);
}

#[tokio::test]
async fn room_is_told_and_writing_checked() {
    let bench = Bench::new().await;
    let room = bench.store.free_space().await.unwrap().unwrap();
    assert!(0 < room.available && room.available <= room.total);
    bench.store.check_writable().await.unwrap();
    std::fs::remove_dir_all(bench.at(".tmp")).unwrap();
    assert!(bench.store.check_writable().await.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_pieces_come_as_if_they_were_one(
        pieces in prop::collection::vec((0u64..2_900_000, prop_oneof![0u32..400, 0u32..90_000]), 0..40),
        sorted in any::<bool>(),
        long in any::<bool>(),
    ) {
        let mut pieces: Vec<Piece> = pieces;
        if sorted { pieces.sort_unstable(); }
        if long { pieces.push((100, 2_800_000)); }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let (key, bytes) = (bench.key("a.cmaf"), noise(3_000_000, 3));
            written(&*bench.store, &key, &bytes).await;
            let expected: Vec<u8> = pieces
                .iter()
                .flat_map(|&(offset, length)| {
                    let offset = usize::try_from(offset).unwrap();
                    bytes.slice(offset..offset + length as usize)
                })
                .collect();
            let read = bench.store.read_pieces(&key, pieces).await.unwrap();
            assert!(collect(read).await == expected);
        });
    }
}

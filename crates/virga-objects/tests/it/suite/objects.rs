//! Cases of objects.

use std::{collections::BTreeSet, os::unix::fs::FileExt};
use virga_core::{KeyPrefix, MediaKey};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use virga_objects::{MediaStore, ObjectError, Piece, READ_LIMIT, UploadPlan};

use super::Stand;
use crate::{collect, noise};

async fn names(store: &dyn MediaStore, prefix: &KeyPrefix) -> BTreeSet<String> {
    let names = store.list(prefix).map_ok(|listed| listed.key.to_string());
    names.try_collect().await.unwrap()
}

pub(super) async fn an_object_is_read_as_it_was_put(stand: Stand) {
    let (store, key, bytes) = (&stand.store, stand.key("a.cmaf"), noise(1_500_000, 1));
    store.put(&key, bytes.clone()).await.unwrap();
    let stat = store.stat(&key).await.unwrap();
    assert_eq!(stat.size, 1_500_000);
    assert!(stat.modified.seconds() > 1_700_000_000, "{stat:?}");
    let prefix = MediaKey::prefix(stand.video);
    let listed = store.list(&prefix).try_next().await.unwrap().unwrap();
    assert_eq!((listed.key, listed.stat.size), (key.clone(), 1_500_000));
    assert!(listed.stat.modified.since(stat.modified).as_secs() <= 1);
    assert_eq!(store.read(&key, 7..99).await.unwrap(), bytes.slice(7..99));
    assert_eq!(store.read(&key, 5..5).await.unwrap(), Bytes::new());
    assert_eq!(store.read_all(&key, 2_000_000).await.unwrap(), bytes);
    let all = store.stream(&key, 0..1_500_000).await.unwrap();
    assert_eq!(collect(all).await, bytes);
    let some = store.stream(&key, 600_000..600_001).await.unwrap();
    assert_eq!(collect(some).await, bytes.slice(600_000..600_001));
    let end = store.stream(&key, 1_499_999..1_500_000).await.unwrap();
    assert_eq!(collect(end).await, bytes.slice(1_499_999..));
    if let Some(local) = store.local(&key).await.unwrap() {
        let mut all = vec![0; bytes.len()];
        local.file.read_exact_at(&mut all, 0).unwrap();
        assert!(local.size == 1_500_000 && all == bytes);
    }
    store.put(&key, Bytes::from_static(b"new")).await.unwrap();
    assert_eq!(store.read_all(&key, 3).await.unwrap(), "new");
    let empty = stand.key("b.cmaf");
    store.put(&empty, Bytes::new()).await.unwrap();
    assert_eq!(store.read_all(&empty, 3).await.unwrap(), "");
    assert_eq!(store.read(&empty, 0..0).await.unwrap(), "");
}

pub(super) async fn what_is_not_there_is_said_before_the_first_byte(stand: Stand) {
    let (store, key) = (&stand.store, stand.key("a.cmaf"));
    assert!(store.stat(&key).await.unwrap_err().is_not_found());
    match store.local(&key).await {
        Ok(found) => assert!(found.is_none(), "no store has it"),
        Err(error) => assert!(error.is_not_found()),
    }
    assert!(store.read(&key, 0..1).await.unwrap_err().is_not_found());
    assert!(store.read_all(&key, 9).await.unwrap_err().is_not_found());
    assert!(store.stream(&key, 0..1).await.err().unwrap().is_not_found());
    let pieces = store.read_pieces(&key, vec![(0, 1)]).await;
    assert!(pieces.err().unwrap().is_not_found());
    store.put(&key, Bytes::from_static(b"12345")).await.unwrap();
    for error in [
        store.read(&key, 0..6).await.err().unwrap(),
        store.read(&key, 6..7).await.err().unwrap(),
        store.read(&key, 6..6).await.err().unwrap(),
        store.stream(&key, 4..6).await.err().unwrap(),
        store.stream(&key, 5..6).await.err().unwrap(),
        store
            .read_pieces(&key, vec![(0, 1), (5, 1)])
            .await
            .err()
            .unwrap(),
        store.read_pieces(&key, vec![(9, 0)]).await.err().unwrap(),
        store
            .read(&key, u64::MAX - 1..u64::MAX)
            .await
            .err()
            .unwrap(),
    ] {
        let right = matches!(error, ObjectError::OutOfRange { size: 5 });
        assert!(right, "{error:?}");
    }
    let much = store.read(&key, 0..READ_LIMIT + 1).await.unwrap_err();
    assert!(matches!(much, ObjectError::TooLarge { .. }));
    let whole = store.read_all(&key, 4).await.unwrap_err();
    assert!(matches!(whole, ObjectError::TooLarge { limit: 4 }));
    // A folder of the store is no object.
    let folder = MediaKey::parse(&format!("v/{}/a1-1", stand.video)).unwrap();
    assert!(store.stat(&folder).await.unwrap_err().is_not_found());
    assert!(store.read_all(&folder, 9).await.unwrap_err().is_not_found());
}

pub(super) async fn a_writer_shows_nothing_until_it_commits(stand: Stand) {
    let store = &stand.store;
    let sizes = [0, 700_000, stand.part, stand.part + 1, stand.total()];
    for (n, size) in (2..).zip(sizes) {
        let bytes = noise(usize::try_from(size).unwrap(), n);
        let key = stand.key(&format!("{n}.cmaf"));
        let mut writer = store.writer(&key).await.unwrap();
        for piece in bytes.chunks(470_000) {
            writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        assert!(store.stat(&key).await.unwrap_err().is_not_found());
        assert_eq!(writer.commit().await.unwrap(), size);
        assert!(
            store.read_all(&key, READ_LIMIT).await.unwrap() == bytes,
            "{size}"
        );
    }
}

pub(super) async fn a_writer_that_is_dropped_leaves_nothing(stand: Stand) {
    let bytes = noise(usize::try_from(stand.total()).unwrap(), 3);
    let mut writer = stand.store.writer(&stand.source()).await.unwrap();
    writer.write(bytes).await.unwrap();
    drop(writer);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while stand.sessions.list_sessions().next().await.is_some() {
        assert!(std::time::Instant::now() < until, "an upload is left");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(
        stand
            .store
            .stat(&stand.source())
            .await
            .unwrap_err()
            .is_not_found()
    );
}

pub(super) async fn files_are_taken_in_and_linked_out(stand: Stand) {
    let store = &stand.store;
    for (n, size) in (0..).zip([0, 4, stand.part, stand.total()]) {
        let bytes = noise(usize::try_from(size).unwrap(), size + 1);
        let key = stand.key(&format!("{n}.mp4"));
        let made = stand.scratch.path().join("made");
        std::fs::write(&made, &bytes).unwrap();
        store.put_file(&key, &made).await.unwrap();
        assert!(!made.exists());
        let link = stand.scratch.path().join(format!("link-{n}"));
        store.link_to(&key, &link).await.unwrap();
        assert!(store.link_to(&key, &link).await.is_err(), "it exists");
        store.delete(&key).await.unwrap();
        assert!(std::fs::read(link).unwrap() == bytes, "{size}");
        let other = stand.scratch.path().join("other");
        let again = store.link_to(&key, &other).await.unwrap_err();
        assert!(again.is_not_found() && !other.exists());
    }
}

pub(super) async fn listing_and_removal_keep_to_their_prefix(stand: Stand) {
    let store = &*stand.store;
    let one = [stand.key("a.json"), stand.key("a.cmaf")];
    let other = MediaKey::attempt(stand.video, 1, 12, "a.json").unwrap();
    let presentation = MediaKey::presentation(stand.video);
    for key in one.iter().chain([&other, &presentation]) {
        store.put(key, Bytes::from_static(b"x")).await.unwrap();
    }
    let attempt = MediaKey::attempt_prefix(stand.video, 1, 1);
    let expected: BTreeSet<_> = one.iter().map(ToString::to_string).collect();
    assert_eq!(names(store, &attempt).await, expected);
    assert_eq!(names(store, &MediaKey::prefix(stand.video)).await.len(), 4);
    // What is no object of media is not among them.
    let (source, total) = (stand.source(), stand.total());
    let made = stand
        .sessions
        .create(stand.upload, &UploadPlan::new(&source, total, stand.part))
        .await;
    made.unwrap();
    assert_eq!(names(store, &KeyPrefix::all()).await.len(), 4);
    assert_eq!(store.delete_prefix(&attempt).await.unwrap(), 2);
    assert_eq!(store.delete_prefix(&attempt).await.unwrap(), 0);
    assert_eq!(names(store, &MediaKey::prefix(stand.video)).await.len(), 2);
    store.delete(&other).await.unwrap();
    store.delete(&other).await.unwrap();
    let left = store.delete_prefix(&MediaKey::prefix(stand.video)).await;
    assert_eq!(left.unwrap(), 1);
    store
        .put(&other, Bytes::from_static(b"again"))
        .await
        .unwrap();
    assert_eq!(names(store, &KeyPrefix::all()).await.len(), 1);
}

pub(super) async fn lists_and_removals_go_on_over_pages(stand: Stand) {
    let keys = (0..1030).map(|n| stand.key(&format!("{n}.json")));
    let puts = stream::iter(keys).map(|key| {
        let store = &stand.store;
        async move { store.put(&key, Bytes::from_static(b"{}")).await.unwrap() }
    });
    puts.buffer_unordered(16).collect::<()>().await;
    let prefix = MediaKey::prefix(stand.video);
    assert_eq!(names(&*stand.store, &prefix).await.len(), 1030);
    assert!(
        stand
            .store
            .list(&prefix)
            .try_next()
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(stand.store.delete_prefix(&prefix).await.unwrap(), 1030);
    assert!(names(&*stand.store, &prefix).await.is_empty());
}

pub(super) async fn any_pieces_come_as_if_they_were_one(stand: Stand) {
    let (key, bytes) = (stand.key("a.cmaf"), noise(3_000_000, 3));
    stand.store.put(&key, bytes.clone()).await.unwrap();
    let dice = noise(20_000, 77);
    let mut dice = dice
        .chunks(3)
        .map(|it| u32::from_le_bytes([it[0], it[1], it[2], 0]));
    let mut roll = |most: u32| dice.next().unwrap() % most;
    for round in 0..24 {
        let longest = if round % 2 == 0 { 400 } else { 90_000 };
        let mut pieces: Vec<Piece> = (0..roll(40))
            .map(|_| (u64::from(roll(2_900_000)), roll(longest)))
            .collect();
        if round % 3 != 0 {
            pieces.sort_unstable();
        }
        if round % 4 == 0 {
            pieces.push((100, 2_800_000));
        }
        let expected: Vec<u8> = pieces
            .iter()
            .flat_map(|&(offset, length)| {
                let offset = usize::try_from(offset).unwrap();
                bytes.slice(offset..offset + length as usize)
            })
            .collect();
        let read = stand.store.read_pieces(&key, pieces.clone()).await.unwrap();
        assert!(collect(read).await == expected, "{pieces:?}");
    }
}

pub(super) async fn the_store_answers_and_can_be_written(stand: Stand) {
    stand.store.check_answers().await.unwrap();
    stand.store.check_writable().await.unwrap();
    assert_eq!(
        stand.store.free_space().await.unwrap().is_some(),
        stand.options.is_none()
    );
    assert!(names(&*stand.store, &KeyPrefix::all()).await.is_empty());
    assert!(stand.sessions.list_sessions().next().await.is_none());
}

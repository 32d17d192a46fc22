//! What every kind of multipart session must do.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::join, stream};
use proptest::prelude::*;
use virga_core::upload::{PartSpan, part_count, part_span};
use virga_objects::{
    DiskOptions, Incoming, MediaStore, MultipartSessions, ObjectError, READ_LIMIT, UploadPlan,
};

use crate::{Bench, body, noise, sha256};

const PART: u64 = 100_000;

fn span(number: u32, total: u64) -> PartSpan {
    part_span(number, total, PART).unwrap()
}

fn cut(bytes: &Bytes, span: PartSpan) -> Bytes {
    let offset = usize::try_from(span.offset).unwrap();
    bytes.slice(offset..offset + usize::try_from(span.size).unwrap())
}

/// A session of 250,000 bytes in three parts.
async fn opened(bench: &Bench) -> Bytes {
    let file = noise(250_000, 5);
    bench
        .store
        .create(
            bench.upload,
            &UploadPlan::new(&bench.source(), 250_000, PART),
        )
        .await
        .unwrap();
    file
}

async fn send(bench: &Bench, file: &Bytes, number: u32) -> Result<String, ObjectError> {
    let total = file.len() as u64;
    let span = span(number, total);
    let part = body(&cut(file, span), 7000);
    bench.store.put_part(bench.upload, number, span, part).await
}

async fn complete(bench: &Bench, file: &Bytes) -> Result<(), ObjectError> {
    let total = file.len() as u64;
    bench
        .store
        .complete(bench.upload, &UploadPlan::new(&bench.source(), total, PART))
        .await
}

async fn held(bench: &Bench) -> Vec<u32> {
    let held = bench.store.list_parts(bench.upload).await.unwrap();
    held.parts.iter().map(|part| part.number).collect()
}

#[tokio::test]
async fn parts_in_any_order_become_the_file() {
    let bench = Bench::new().await;
    let file = opened(&bench).await;
    for number in [3, 1, 2] {
        let sha = send(&bench, &file, number).await.unwrap();
        assert_eq!(sha, sha256(&cut(&file, span(number, 250_000))));
    }
    let listed = bench.store.list_parts(bench.upload).await.unwrap();
    assert_eq!(listed.bytes(), 250_000);
    assert_eq!(listed.parts[2].size, 50_000);
    assert!(listed.newest.is_some());
    assert!(bench.store.stat(&bench.source()).await.is_err());
    complete(&bench, &file).await.unwrap();
    let whole = bench.store.read_all(&bench.source(), READ_LIMIT).await;
    assert_eq!(sha256(&whole.unwrap()), sha256(&file));
    assert!(!bench.session().exists());
}

#[tokio::test]
async fn complete_may_be_said_again_and_says_when_parts_are_lost() {
    let bench = Bench::new().await;
    let file = opened(&bench).await;
    for number in 1..=3 {
        send(&bench, &file, number).await.unwrap();
    }
    let (one, two) = join(complete(&bench, &file), complete(&bench, &file)).await;
    one.unwrap();
    two.unwrap();
    complete(&bench, &file).await.unwrap();
    let late = send(&bench, &file, 1).await.unwrap_err();
    assert!(matches!(late, ObjectError::NoSession(_)), "{late}");
    bench.store.delete(&bench.source()).await.unwrap();
    let lost = complete(&bench, &file).await.unwrap_err();
    assert!(matches!(lost, ObjectError::LostParts), "{lost}");
}

#[tokio::test]
async fn complete_names_the_parts_that_are_missing() {
    let bench = Bench::new().await;
    let file = opened(&bench).await;
    send(&bench, &file, 2).await.unwrap();
    let error = complete(&bench, &file).await.unwrap_err();
    assert!(matches!(&error, ObjectError::PartsMissing(missing) if *missing == [1, 3]));
    for number in [1, 3] {
        send(&bench, &file, number).await.unwrap();
    }
    let other = bench
        .store
        .complete(
            bench.upload,
            &UploadPlan::new(&bench.source(), 240_000, PART),
        )
        .await;
    assert!(matches!(other, Err(ObjectError::Conflict(_))));
    complete(&bench, &file).await.unwrap();
}

#[tokio::test]
async fn a_body_of_another_length_leaves_no_part() {
    let bench = Bench::new().await;
    let file = opened(&bench).await;
    send(&bench, &file, 2).await.unwrap();
    send(&bench, &file, 1).await.unwrap();
    for (length, long) in [(99_999, false), (100_001, true), (0, false)] {
        let wrong = body(&file.slice(..length), 9000);
        let put = bench
            .store
            .put_part(bench.upload, 1, span(1, 250_000), wrong);
        match put.await.unwrap_err() {
            ObjectError::BodyLong { want: 100_000 } if long => {}
            ObjectError::BodyShort { want: 100_000, .. } if !long => {}
            other => panic!("{other}"),
        }
        assert_eq!(
            held(&bench).await,
            [2],
            "the old part 1 is gone, part 2 is whole"
        );
    }
    for number in [1, 3] {
        send(&bench, &file, number).await.unwrap();
    }
    complete(&bench, &file).await.unwrap();
    let whole = bench.store.read_all(&bench.source(), READ_LIMIT).await;
    assert_eq!(sha256(&whole.unwrap()), sha256(&file));
}

#[tokio::test]
async fn a_part_that_the_file_does_not_have_is_refused() {
    let bench = Bench::new().await;
    let file = opened(&bench).await;
    let right = span(1, 250_000);
    let wrong = [
        (0, right),
        (4, right),
        (2, right),
        (1, PartSpan { offset: 1, ..right }),
        (
            3,
            PartSpan {
                offset: 200_000,
                size: 100_000,
            },
        ),
    ];
    for (number, span) in wrong {
        let put = bench
            .store
            .put_part(bench.upload, number, span, body(&file, 5000));
        let error = put.await.unwrap_err();
        assert!(
            matches!(error, ObjectError::WrongPart),
            "{number} {span:?} {error}"
        );
    }
    let data = std::fs::metadata(bench.session().join("data")).unwrap();
    assert_eq!(data.len(), 250_000, "nothing was written beyond the end");
}

fn then_silent(bytes: &Bytes) -> Incoming<'static> {
    body(bytes, 1000).chain(stream::pending()).boxed()
}

#[tokio::test]
async fn a_silent_or_broken_sender_is_dropped_and_may_come_again() {
    let bench = Bench::with(DiskOptions {
        stall: Duration::from_millis(20),
        ..DiskOptions::default()
    })
    .await;
    let file = opened(&bench).await;
    let start = file.slice(..5000);
    let whole = span(1, 250_000);
    let silent = bench
        .store
        .put_part(bench.upload, 1, whole, then_silent(&start));
    assert!(matches!(silent.await, Err(ObjectError::Stalled)));
    let broken = body(&start, 1000).chain(stream::iter([Err("reset".into())]));
    let broken = bench.store.put_part(bench.upload, 1, whole, broken.boxed());
    assert!(matches!(broken.await, Err(ObjectError::Body(_))));
    assert_eq!(held(&bench).await, [0; 0]);
    send(&bench, &file, 1).await.unwrap();
    assert_eq!(held(&bench).await, [1]);
}

#[tokio::test]
async fn while_a_part_is_in_flight_complete_is_busy_and_the_same_part_conflicts() {
    let bench = Bench::with(DiskOptions {
        stall: Duration::from_secs(3600),
        part_wait: Duration::from_millis(50),
        complete_wait: Duration::from_millis(50),
    })
    .await;
    let file = opened(&bench).await;
    for number in 1..=3 {
        send(&bench, &file, number).await.unwrap();
    }
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let incoming = stream::unfold(receiver, |mut receiver| async move {
        Some((Ok(receiver.recv().await?), receiver))
    });
    let store = Arc::clone(&bench.store);
    let upload = bench.upload;
    let put = async move {
        store
            .put_part(upload, 1, span(1, 250_000), incoming.boxed())
            .await
    };
    let meanwhile = async {
        // The second send goes through only once the part is open and took the first.
        sender.send(file.slice(..50_000)).await.unwrap();
        sender.send(file.slice(50_000..99_999)).await.unwrap();
        sender.send(file.slice(99_999..100_000)).await.unwrap();
        assert_eq!(held(&bench).await, [2, 3]);
        let same = send(&bench, &file, 1).await.unwrap_err();
        assert!(matches!(same, ObjectError::Conflict(_)), "{same}");
        let early = complete(&bench, &file).await.unwrap_err();
        assert!(matches!(early, ObjectError::Busy), "{early}");
        send(&bench, &file, 2).await.unwrap();
        drop(sender);
    };
    let (sent, ()) = join(put, meanwhile).await;
    sent.unwrap();
    complete(&bench, &file).await.unwrap();
    let whole = bench.store.read_all(&bench.source(), READ_LIMIT).await;
    assert_eq!(sha256(&whole.unwrap()), sha256(&file));
}

#[tokio::test]
async fn a_cancelled_request_gives_its_locks_back() {
    let bench = Bench::new().await;
    let file = opened(&bench).await;
    for number in 1..=3 {
        send(&bench, &file, number).await.unwrap();
    }
    let gone = tokio::time::timeout(
        Duration::from_millis(50),
        bench.store.put_part(
            bench.upload,
            1,
            span(1, 250_000),
            then_silent(&file.slice(..9)),
        ),
    );
    assert!(gone.await.is_err());
    send(&bench, &file, 1).await.unwrap();
    complete(&bench, &file).await.unwrap();
}

#[tokio::test]
async fn the_same_part_sent_twice_at_once_is_one_whole_part() {
    let bench = Bench::new().await;
    let file = opened(&bench).await;
    let (one, two) = join(send(&bench, &file, 1), send(&bench, &file, 1)).await;
    assert_eq!(one.unwrap(), two.unwrap());
    for number in 2..=3 {
        send(&bench, &file, number).await.unwrap();
    }
    complete(&bench, &file).await.unwrap();
    let whole = bench.store.read_all(&bench.source(), READ_LIMIT).await;
    assert_eq!(sha256(&whole.unwrap()), sha256(&file));
}

#[tokio::test]
async fn a_session_is_opened_once_listed_and_dropped() {
    let bench = Bench::new().await;
    let file = opened(&bench).await;
    opened(&bench).await;
    let other = bench
        .store
        .create(bench.upload, &UploadPlan::new(&bench.source(), 1, PART))
        .await;
    assert!(matches!(other, Err(ObjectError::Conflict(_))));
    let sessions: Vec<_> = bench.store.list_sessions().try_collect().await.unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(
        (sessions[0].id, &sessions[0].key),
        (bench.upload, &bench.source())
    );
    assert_eq!((sessions[0].total, sessions[0].part_size), (250_000, PART));
    bench.store.abort(bench.upload).await.unwrap();
    bench.store.abort(bench.upload).await.unwrap();
    let gone = bench.store.list_parts(bench.upload).await.unwrap_err();
    assert!(matches!(gone, ObjectError::NoSession(_)));
    assert!(send(&bench, &file, 1).await.is_err());
    let sessions: Vec<_> = bench.store.list_sessions().try_collect().await.unwrap();
    assert!(sessions.is_empty());
    assert!(crate::is_empty(&bench.at(".multipart")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_order_with_repeats_and_breaks_ends_in_the_exact_file(
        total in 1u64..40_000,
        part_size in 500u64..9000,
        order in prop::collection::vec((any::<prop::sample::Index>(), 0u8..4), 0..40),
        piece in 1usize..5000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let (file, key) = (noise(usize::try_from(total).unwrap(), total), bench.source());
            let store = &bench.store;
            store.create(bench.upload, &UploadPlan::new(&key, total, part_size)).await.unwrap();
            let count = part_count(total, part_size);
            let mut expected = std::collections::BTreeSet::new();
            let first = order.iter().map(|(index, how)| {
                (u32::try_from(index.index(count as usize)).unwrap() + 1, *how)
            });
            for (number, how) in first {
                let span = part_span(number, total, part_size).unwrap();
                let part = cut(&file, span);
                let short = if how == 0 { part.slice(..part.len() - 1) } else { part };
                let put = store.put_part(bench.upload, number, span, body(&short, piece)).await;
                assert_eq!(put.is_ok(), how != 0);
                if how == 0 { expected.remove(&number); } else { expected.insert(number); }
            }
            assert!(held(&bench).await.into_iter().eq(expected.iter().copied()));
            for number in 1..=count {
                if !expected.contains(&number) {
                    assert!(store.complete(bench.upload, &UploadPlan::new(&key, total, part_size)).await.is_err());
                    let span = part_span(number, total, part_size).unwrap();
                    let part = body(&cut(&file, span), piece);
                    store.put_part(bench.upload, number, span, part).await.unwrap();
                }
            }
            store.complete(bench.upload, &UploadPlan::new(&key, total, part_size)).await.unwrap();
            let whole = store.read_all(&key, READ_LIMIT).await.unwrap();
            assert_eq!(sha256(&whole), sha256(&file));
        });
    }
}

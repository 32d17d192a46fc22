//! What a killed process leaves, laid by hand: the store goes on from it.

use std::fs;

use futures_util::TryStreamExt;
use virga_core::{Timestamp, upload::part_span};
use virga_objects::{MediaStore, MultipartSessions, ObjectError, READ_LIMIT, UploadPlan};

use crate::{Bench, body, noise, sha256};

const PART: u64 = 1000;
const TOTAL: u64 = 2500;

async fn filled(bench: &Bench) -> bytes::Bytes {
    let file = noise(2500, 9);
    let store = &bench.store;
    store
        .create(bench.upload, &UploadPlan::new(&bench.source(), TOTAL, PART))
        .await
        .unwrap();
    for number in 1..=3 {
        send(bench, &file, number).await;
    }
    file
}

async fn send(bench: &Bench, file: &bytes::Bytes, number: u32) {
    let span = part_span(number, TOTAL, PART).unwrap();
    let offset = usize::try_from(span.offset).unwrap();
    let part = file.slice(offset..offset + usize::try_from(span.size).unwrap());
    bench
        .store
        .put_part(bench.upload, number, span, body(&part, 100))
        .await
        .unwrap();
}

async fn complete(bench: &Bench) -> Result<(), ObjectError> {
    bench
        .store
        .complete(bench.upload, &UploadPlan::new(&bench.source(), TOTAL, PART))
        .await
}

#[tokio::test]
async fn bytes_without_a_marker_are_no_part() {
    let bench = Bench::new().await;
    let file = filled(&bench).await;
    fs::remove_file(bench.session().join("2.part")).unwrap();
    fs::write(bench.session().join("2.new"), b"2 10").unwrap();
    let error = complete(&bench).await.unwrap_err();
    assert!(matches!(&error, ObjectError::PartsMissing(missing) if *missing == [2]));
    send(&bench, &file, 2).await;
    complete(&bench).await.unwrap();
}

#[tokio::test]
async fn a_torn_or_foreign_marker_is_no_part() {
    let sha = sha256(b"");
    for text in [
        String::new(),
        "2 1000".into(),
        format!("2 1000 {sha}"),
        format!("1 1000 {sha}\n"),
        format!("2 999 {sha}\n"),
        format!("2 1000 {sha} more\n"),
        "2 1000 \u{0}\n".into(),
    ] {
        let bench = Bench::new().await;
        filled(&bench).await;
        fs::write(bench.session().join("2.part"), &text).unwrap();
        let error = complete(&bench).await.unwrap_err();
        let missing = matches!(&error, ObjectError::PartsMissing(missing) if *missing == [2]);
        assert!(missing, "{text:?}: {error}");
    }
}

#[tokio::test]
async fn killed_between_rename_and_clean_up_complete_is_still_success() {
    let bench = Bench::new().await;
    let file = filled(&bench).await;
    let object = bench.at(bench.source().as_str());
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::rename(bench.session().join("data"), &object).unwrap();
    complete(&bench).await.unwrap();
    assert!(!bench.session().exists());
    let whole = bench.store.read_all(&bench.source(), READ_LIMIT).await;
    assert_eq!(whole.unwrap(), file);
}

#[tokio::test]
async fn an_object_of_another_size_is_not_taken_for_the_upload() {
    let bench = Bench::new().await;
    filled(&bench).await;
    let object = bench.at(bench.source().as_str());
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::remove_dir_all(bench.session()).unwrap();
    fs::write(&object, b"short").unwrap();
    assert!(matches!(
        complete(&bench).await,
        Err(ObjectError::LostParts)
    ));
}

#[tokio::test]
async fn half_made_and_half_removed_sessions_are_not_listed_and_swept() {
    let bench = Bench::new().await;
    let multipart = bench.at(".multipart");
    for name in [".new-aaaaaaaaaaa-1-1", ".gone-aaaaaaaaaaa-1-2"] {
        fs::create_dir(multipart.join(name)).unwrap();
        fs::write(multipart.join(name).join("data"), b"x").unwrap();
    }
    let sessions: Vec<_> = bench.store.list_sessions().try_collect().await.unwrap();
    assert!(sessions.is_empty());
    let swept = bench.store.remove_leftovers(Timestamp(i64::MAX)).await;
    assert_eq!(swept.unwrap(), 2);
    assert!(crate::is_empty(&multipart));
}

#[tokio::test]
async fn a_second_process_sees_the_same_session() {
    let bench = Bench::new().await;
    let file = filled(&bench).await;
    let other =
        virga_objects::DiskStore::open(bench.folder.path(), virga_objects::DiskOptions::default())
            .await
            .unwrap();
    assert_eq!(other.list_parts(bench.upload).await.unwrap().bytes(), TOTAL);
    other
        .complete(bench.upload, &UploadPlan::new(&bench.source(), TOTAL, PART))
        .await
        .unwrap();
    let whole = bench.store.read_all(&bench.source(), READ_LIMIT).await;
    assert_eq!(whole.unwrap(), file);
}

//! A full disk.

use std::{path::Path, process::Command};

use tempfile::TempDir;
use virga_core::upload::part_span;
use virga_objects::{DiskOptions, MediaStore, MultipartSessions, ObjectError, UploadPlan};

use crate::{Bench, body, noise};

const PART: u64 = 1024 * 1024;

#[tokio::test]
async fn a_file_larger_than_any_file_finds_no_room() {
    let bench = Bench::new().await;
    let total = i64::MAX.unsigned_abs() / 2;
    let made = bench
        .store
        .create(
            bench.upload,
            &UploadPlan::new(&bench.source(), total, total),
        )
        .await;
    assert!(matches!(made, Err(ObjectError::NoRoom)));
    assert!(crate::is_empty(&bench.at(".multipart")));
}

/// A file system of 32 MiB; it goes when dropped.
struct Small<'a>(&'a Path);

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // Lazily: what is still open holds it a moment longer.
        run("umount", &["--lazy"], self.0);
    }
}

/// Whether the command succeeded.
fn run(program: &str, args: &[&str], folder: &Path) -> bool {
    #[expect(clippy::disallowed_methods, reason = "mounting is a program's work")]
    let output = Command::new(program).args(args).arg(folder).output();
    output.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn on_a_full_disk_a_part_is_refused_and_the_others_stay() {
    let outer = tempfile::tempdir().unwrap();
    if !run(
        "mount",
        &["-t", "tmpfs", "-o", "size=32m", "tmpfs"],
        outer.path(),
    ) {
        println!("skipped: mounting a tmpfs is not permitted here");
        return;
    }
    let _small = Small(outer.path());
    let inner = TempDir::new_in(outer.path()).unwrap();
    let bench = Bench::within(inner, DiskOptions::default()).await;
    let room = bench.store.free_space().await.unwrap().unwrap();
    assert_eq!(room.total, 32 * PART);
    let total = room.total * 2;
    let store = &bench.store;
    store
        .create(bench.upload, &UploadPlan::new(&bench.source(), total, PART))
        .await
        .unwrap();
    let part = noise(1024 * 1024, 4);
    let mut sent = 0;
    let refused = loop {
        let span = part_span(sent + 1, total, PART).unwrap();
        let put = store.put_part(bench.upload, sent + 1, span, body(&part, 60_000));
        match put.await {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, ObjectError::NoRoom), "{refused}");
    assert!(sent > 4);
    let held = store.list_parts(bench.upload).await.unwrap();
    assert_eq!(held.parts.len(), sent as usize);
    // The refused part gave its blocks back.
    store
        .put(&bench.key("a.json"), vec![1; 500_000].into())
        .await
        .unwrap();
    let big = store
        .put(&bench.key("b.json"), vec![1; 4 << 20].into())
        .await;
    assert!(matches!(big, Err(ObjectError::NoRoom)));
    assert!(store.stat(&bench.key("b.json")).await.is_err());
}

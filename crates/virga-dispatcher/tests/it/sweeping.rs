//! What nobody reports is found: an upload whose browser closed on the last byte.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use virga_app::{NewUploadRequest, Opened};
use virga_core::{
    OsEntropy, UserId, VideoId,
    permission::{Role, Viewer},
    upload::{UploadState, part_span},
    video::{VideoState, Visibility},
};
use virga_db::{UploadRow, uploads, videos, videos::NewVideoRow};

use crate::site::Site;

const MINUTE: Duration = Duration::from_secs(60);
/// Two parts.
const SIZE: u64 = 9 * 1024 * 1024;

async fn draft(site: &Site) -> NewVideoRow {
    let new = NewVideoRow {
        id: VideoId::random(&OsEntropy),
        owner: UserId::random(&OsEntropy),
        title: "Rain".to_owned(),
        description: String::new(),
        visibility: Visibility::Public,
        publish_as: None,
    };
    videos::insert(site.app.db.write(), &new, site.app.clock.now())
        .await
        .unwrap();
    new
}

/// An upload of two parts, as a browser opens it.
async fn opened(site: &Site) -> UploadRow {
    let new = draft(site).await;
    let viewer = Viewer::User {
        id: new.owner,
        name: "ann".to_owned(),
        role: Role::User,
    };
    let ask = NewUploadRequest {
        part_size: None,
        video: new.id,
        file_name: "rain.mp4".to_owned(),
        size: SIZE,
        content_type: String::new(),
        fingerprint: "rain".to_owned(),
    };
    let Opened::New(row) = site.app.open_upload(&viewer, ask).await.unwrap() else {
        panic!("it was there already");
    };
    site.app.touch_upload(&row).await.unwrap();
    row
}

async fn send(site: &Site, row: &UploadRow, number: u32) {
    let span = part_span(number, row.size, row.part_size).unwrap();
    let bytes = Bytes::from(vec![7; usize::try_from(span.size).unwrap()]);
    let body = stream::iter([Ok(bytes)]).boxed();
    let put = site.app.sessions.put_part(row.id, number, span, body);
    put.await.unwrap();
}

async fn state(site: &Site, row: &UploadRow) -> UploadState {
    let row = uploads::find(site.app.db.read(), row.id).await.unwrap();
    row.unwrap().state
}

/// The sweeper's rounds over this time.
async fn let_pass(site: &Site, time: Duration) {
    for _ in 0..time.as_secs() / 30 {
        site.clock.advance(MINUTE / 2);
        site.app.sweep().await.unwrap();
    }
}

#[tokio::test]
async fn an_upload_that_is_whole_and_unreported_is_completed_after_a_while() {
    let site = Site::new().await;
    let (whole, half) = (opened(&site).await, opened(&site).await);
    for number in [1, 2] {
        send(&site, &whole, number).await;
    }
    send(&site, &half, 1).await;
    let_pass(&site, 14 * MINUTE).await;
    assert_eq!(
        state(&site, &whole).await,
        UploadState::Uploading,
        "somebody may be at it"
    );
    let_pass(&site, 2 * MINUTE).await;
    assert_eq!(state(&site, &whole).await, UploadState::Stored);
    assert_eq!(state(&site, &half).await, UploadState::Uploading);
}

#[tokio::test]
async fn what_came_past_the_session_counts_and_so_it_does_at_the_last_moment() {
    let site = Site::new().await;
    let (form, late) = (opened(&site).await, opened(&site).await);
    let whole = Bytes::from(vec![7; usize::try_from(SIZE).unwrap()]);
    let put = async |row: &UploadRow| {
        let key = &row.object_key;
        site.app.store.put(key, whole.clone()).await.unwrap();
    };
    put(&form).await;
    let_pass(&site, 16 * MINUTE).await;
    assert_eq!(state(&site, &form).await, UploadState::Stored);
    // It came when nobody looked any more: before it would be ended, somebody does.
    put(&late).await;
    let_pass(&site, 5 * MINUTE).await;
    assert_eq!(state(&site, &late).await, UploadState::Uploading);
    site.clock.advance(virga_app::UPLOAD_LIFE);
    site.app.sweep().await.unwrap();
    assert_eq!(state(&site, &late).await, UploadState::Stored);
}

#[tokio::test]
async fn a_draft_that_never_got_an_upload_is_deleted_once_and_can_be_restored() {
    let site = Site::new().await;
    let used = opened(&site).await.video;
    let empty = draft(&site).await.id;
    let state = async |id| {
        videos::find(site.app.db.read(), id)
            .await
            .unwrap()
            .unwrap()
            .state
    };
    site.clock.advance(virga_app::UPLOAD_LIFE);
    site.app.sweep_drafts().await.unwrap();
    assert_eq!(state(empty).await, VideoState::Draft);
    site.clock.advance(MINUTE);
    site.app.sweep_drafts().await.unwrap();
    assert_eq!(state(empty).await, VideoState::Deleted);
    assert_eq!(state(used).await, VideoState::Uploading);
    site.app.restore_video(empty).await.unwrap();
    site.app.sweep_drafts().await.unwrap();
    assert_eq!(state(empty).await, VideoState::Draft);
}

/// Whether these, one after the other, are told to sweep.
async fn stop(site: &Site, workers: &[&str]) -> Vec<bool> {
    let mut stop = Vec::new();
    for worker in workers {
        stop.push(site.app.lead_sweep(worker).await.unwrap());
    }
    stop
}

#[tokio::test]
async fn one_of_many_sweeps_and_a_dead_one_is_replaced_when_its_lease_ends() {
    let site = Site::new().await;
    let asked = (0..8).map(|n| {
        let app = site.app.clone();
        async move { app.lead_sweep(&format!("h/{n}")).await.unwrap() }
    });
    let leads = futures_util::future::join_all(asked).await;
    assert_eq!(leads.iter().filter(|leads| **leads).count(), 1, "{leads:?}");
    let first = leads.iter().position(|leads| *leads).unwrap();
    let first = format!("h/{first}");
    for _ in 0..4 {
        site.clock.advance(virga_app::SWEEPER_LEASE / 2);
        assert_eq!(stop(&site, &[&first, "other"]).await, [true, false]);
    }
    site.clock.advance(virga_app::SWEEPER_LEASE);
    assert_eq!(stop(&site, &["other", &first]).await, [true, false]);
    // Who stops leaves at once; who does not sweep has nothing to leave.
    site.app.leave_sweep(&first).await.unwrap();
    assert_eq!(stop(&site, &[&first]).await, [false]);
    site.app.leave_sweep("other").await.unwrap();
    assert_eq!(stop(&site, &[&first, "other"]).await, [true, false]);
}

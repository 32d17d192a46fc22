//! Uploads: every step is a compare-and-set on the row.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, UpdateMany,
};
use virga_core::{Timestamp, UploadId, UserId, VideoId, upload::UploadState};

use crate::{
    Result, UploadRow,
    entity::upload,
    query::{Change as _, Read as _, add},
    rows::{short, signed},
};

use upload::Column as C;

pub(crate) const OPEN: [&str; 3] = ["created", "uploading", "completing"];

/// Adds an upload; `Duplicate` where the video has an open one.
pub async fn insert(
    c: &impl ConnectionTrait,
    row: &UploadRow,
    content_type: &str,
    now: Timestamp,
) -> Result<()> {
    let model = upload::ActiveModel {
        id: Set(row.id.to_string()),
        video_id: Set(row.video.to_string()),
        user_id: Set(row.user.to_string()),
        file_name: Set(row.file_name.clone()),
        size: Set(signed(row.size)),
        content_type: Set(content_type.to_owned()),
        fingerprint: Set(row.fingerprint.clone()),
        state: Set(row.state.as_str().to_owned()),
        open_video: Set(Some(row.video.to_string())),
        part_size: Set(signed(row.part_size)),
        object_key: Set(row.object_key.to_string()),
        created_at: Set(now.0),
        expires_at: Set(row.expires_at.0),
        lease_until: Set(row.lease_until.0),
        error: Set(None),
    };
    add(c, model).await
}

/// A change of one upload.
fn update(id: UploadId) -> UpdateMany<upload::Entity> {
    upload::Entity::update_many().filter(C::Id.eq(id.to_string()))
}

/// By id.
pub async fn find(c: &impl ConnectionTrait, id: UploadId) -> Result<Option<UploadRow>> {
    upload::Entity::find_by_id(id.to_string()).row(c).await
}

/// The open upload of a video.
pub async fn open_of_video(c: &impl ConnectionTrait, video: VideoId) -> Result<Option<UploadRow>> {
    upload::Entity::find()
        .filter(C::OpenVideo.eq(video.to_string()))
        .row(c)
        .await
}

/// All uploads of a video.
pub async fn of_video(c: &impl ConnectionTrait, video: VideoId) -> Result<Vec<UploadRow>> {
    upload::Entity::find()
        .filter(C::VideoId.eq(video.to_string()))
        .rows(c)
        .await
}

/// The open uploads of an account, newest first.
pub async fn open_of_user(c: &impl ConnectionTrait, user: UserId) -> Result<Vec<UploadRow>> {
    upload::Entity::find()
        .filter(C::UserId.eq(user.to_string()))
        .filter(C::State.is_in(OPEN))
        .order_by_desc(C::CreatedAt)
        .limit(100)
        .rows(c)
        .await
}

/// Open uploads that end before `now`, and completing ones whose worker is gone.
pub async fn stale(c: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<Vec<UploadRow>> {
    let expired = C::State
        .is_in(["created", "uploading"])
        .and(C::ExpiresAt.lte(now.0));
    let orphaned = C::State.eq("completing").and(C::LeaseUntil.lte(now.0));
    upload::Entity::find()
        .filter(expired.or(orphaned))
        .limit(limit)
        .rows(c)
        .await
}

/// Those being uploaded that end after `from` and not after `to`: the end shows the last sign of life.
pub async fn touched(
    c: &impl ConnectionTrait,
    from: Timestamp,
    to: Timestamp,
    limit: u64,
) -> Result<Vec<UploadRow>> {
    upload::Entity::find()
        .filter(C::State.eq(UploadState::Uploading.as_str()))
        .filter(C::ExpiresAt.gt(from.0).and(C::ExpiresAt.lte(to.0)))
        .limit(limit)
        .rows(c)
        .await
}

/// Bytes that the open uploads of an account reserve, and how many they are.
pub async fn reserved(c: &impl ConnectionTrait, user: UserId) -> Result<(u64, u64)> {
    let open = || {
        upload::Entity::find()
            .filter(C::UserId.eq(user.to_string()))
            .filter(C::State.is_in(OPEN))
    };
    Ok((open().sum(c, "size").await?, open().count(c).await?))
}

/// Parts were asked for: it is being uploaded, and lives on until `expires`.
pub async fn extend_expiry(
    c: &impl ConnectionTrait,
    id: UploadId,
    expires: Timestamp,
) -> Result<bool> {
    update(id)
        .value(C::State, UploadState::Uploading.as_str())
        .value(C::ExpiresAt, expires.0)
        .filter(C::State.is_in(["created", "uploading"]))
        .changed_one(c)
        .await
}

/// Takes the right to complete the upload until `lease`; if several try at once, one gets it.
pub async fn lease_completion(
    c: &impl ConnectionTrait,
    id: UploadId,
    now: Timestamp,
    lease: Timestamp,
) -> Result<bool> {
    let free = C::State
        .is_in(["created", "uploading"])
        .or(C::State.eq("completing").and(C::LeaseUntil.lte(now.0)));
    update(id)
        .value(C::State, UploadState::Completing.as_str())
        .value(C::LeaseUntil, lease.0)
        .filter(free)
        .changed_one(c)
        .await
}

/// Who completes it lives on until `lease`.
pub async fn hold_completion(
    c: &impl ConnectionTrait,
    id: UploadId,
    lease: Timestamp,
) -> Result<()> {
    update(id)
        .value(C::LeaseUntil, lease.0)
        .filter(C::State.eq("completing"))
        .run(c)
        .await
}

/// From one state to another; whether it was in the first. Closing frees the video for a new one.
pub async fn advance(
    c: &impl ConnectionTrait,
    id: UploadId,
    from: UploadState,
    to: UploadState,
    error: Option<&str>,
) -> Result<bool> {
    let mut change = update(id)
        .value(C::State, to.as_str())
        .value(C::LeaseUntil, 0)
        .value(C::Error, error.map(short));
    if !to.is_open() {
        change = change.value(C::OpenVideo, None::<String>);
    }
    change
        .filter(C::State.eq(from.as_str()))
        .changed_one(c)
        .await
}

/// Ids of open uploads among these.
pub async fn known(c: &impl ConnectionTrait, ids: &[String]) -> Result<Vec<String>> {
    let rows = upload::Entity::find()
        .filter(C::Id.is_in(ids.to_vec()))
        .filter(C::State.is_in(OPEN))
        .all(c)
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

//! Uploads: every step is a compare-and-set on the row.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use virga_core::{Timestamp, UploadId, UserId, VideoId, upload::UploadState};

use crate::{
    Result, UploadRow,
    dialect::sum_of,
    entity::upload,
    rows::{short, signed, unsigned},
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
    upload::Entity::insert(model)
        .exec_without_returning(c)
        .await?;
    Ok(())
}

/// By id.
pub async fn find(c: &impl ConnectionTrait, id: UploadId) -> Result<Option<UploadRow>> {
    let found = upload::Entity::find_by_id(id.to_string()).one(c).await?;
    found.map(TryInto::try_into).transpose()
}

/// The open upload of a video.
pub async fn open_of_video(c: &impl ConnectionTrait, video: VideoId) -> Result<Option<UploadRow>> {
    let found = upload::Entity::find()
        .filter(C::OpenVideo.eq(video.to_string()))
        .one(c)
        .await?;
    found.map(TryInto::try_into).transpose()
}

/// All uploads of a video.
pub async fn of_video(c: &impl ConnectionTrait, video: VideoId) -> Result<Vec<UploadRow>> {
    let rows = upload::Entity::find()
        .filter(C::VideoId.eq(video.to_string()))
        .all(c)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The open uploads of an account, newest first.
pub async fn open_of_user(c: &impl ConnectionTrait, user: UserId) -> Result<Vec<UploadRow>> {
    let rows = upload::Entity::find()
        .filter(C::UserId.eq(user.to_string()))
        .filter(C::State.is_in(OPEN))
        .order_by_desc(C::CreatedAt)
        .limit(100)
        .all(c)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Open uploads that end before `now`, and completing ones whose worker is gone.
pub async fn stale(c: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<Vec<UploadRow>> {
    let expired = C::State
        .is_in(["created", "uploading"])
        .and(C::ExpiresAt.lte(now.0));
    let orphaned = C::State.eq("completing").and(C::LeaseUntil.lte(now.0));
    let rows = upload::Entity::find()
        .filter(expired.or(orphaned))
        .limit(limit)
        .all(c)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Those being uploaded that end after `from` and not after `to`: the end tells the last sign of life.
pub async fn touched(
    c: &impl ConnectionTrait,
    from: Timestamp,
    to: Timestamp,
    limit: u64,
) -> Result<Vec<UploadRow>> {
    let rows = upload::Entity::find()
        .filter(C::State.eq(UploadState::Uploading.as_str()))
        .filter(C::ExpiresAt.gt(from.0).and(C::ExpiresAt.lte(to.0)))
        .limit(limit)
        .all(c)
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Bytes that the open uploads of an account reserve, and how many they are.
pub async fn reserved(c: &impl ConnectionTrait, user: UserId) -> Result<(u64, u64)> {
    let open = || {
        upload::Entity::find()
            .filter(C::UserId.eq(user.to_string()))
            .filter(C::State.is_in(OPEN))
    };
    let sum: Option<i64> = open()
        .select_only()
        .column_as(sum_of(c, "size"), "sum")
        .into_tuple()
        .one(c)
        .await?;
    Ok((unsigned(sum.unwrap_or(0)), open().count(c).await?))
}

/// Parts were asked for: it is being uploaded, and lives on until `expires`.
pub async fn extend_expiry(
    c: &impl ConnectionTrait,
    id: UploadId,
    expires: Timestamp,
) -> Result<bool> {
    let changed = upload::Entity::update_many()
        .col_expr(C::State, Expr::value(UploadState::Uploading.as_str()))
        .col_expr(C::ExpiresAt, Expr::value(expires.0))
        .filter(C::Id.eq(id.to_string()))
        .filter(C::State.is_in(["created", "uploading"]))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
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
    let changed = upload::Entity::update_many()
        .col_expr(C::State, Expr::value(UploadState::Completing.as_str()))
        .col_expr(C::LeaseUntil, Expr::value(lease.0))
        .filter(C::Id.eq(id.to_string()))
        .filter(free)
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Who completes it lives on until `lease`.
pub async fn hold_completion(
    c: &impl ConnectionTrait,
    id: UploadId,
    lease: Timestamp,
) -> Result<()> {
    upload::Entity::update_many()
        .col_expr(C::LeaseUntil, Expr::value(lease.0))
        .filter(C::Id.eq(id.to_string()))
        .filter(C::State.eq("completing"))
        .exec(c)
        .await?;
    Ok(())
}

/// From one state to another; whether it was in the first. Closing frees the video for a new one.
pub async fn advance(
    c: &impl ConnectionTrait,
    id: UploadId,
    from: UploadState,
    to: UploadState,
    error: Option<&str>,
) -> Result<bool> {
    let mut update = upload::Entity::update_many()
        .col_expr(C::State, Expr::value(to.as_str()))
        .col_expr(C::LeaseUntil, Expr::value(0))
        .col_expr(C::Error, Expr::value(error.map(short)));
    if !to.is_open() {
        update = update.col_expr(C::OpenVideo, Expr::value(None::<String>));
    }
    let changed = update
        .filter(C::Id.eq(id.to_string()))
        .filter(C::State.eq(from.as_str()))
        .exec(c)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Removes the rows of a video.
pub async fn remove(c: &impl ConnectionTrait, video: VideoId) -> Result<()> {
    upload::Entity::delete_many()
        .filter(C::VideoId.eq(video.to_string()))
        .exec(c)
        .await?;
    Ok(())
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

//! Accounts and their sessions.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, QuerySelect, UpdateMany, sea_query::Expr,
};
use std::collections::{HashMap, HashSet};
use virga_core::{
    Timestamp, UserId,
    name::{fold_name, skeleton_of},
    permission::Role,
    video::Visibility,
};

use crate::{
    DbError, Result, Tx,
    changes::{self, Ended},
    entity::{session, user},
    query::{Change as _, Read as _, Remove as _, add, remove_in_batches},
    rows::{id, word},
    uploads,
};

/// An account.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Id.
    pub id: UserId,
    /// Name as chosen.
    pub name: String,
    /// argon2id in PHC form.
    pub password_hash: String,
    /// Role.
    pub role: Role,
    /// Since.
    pub created_at: Timestamp,
    /// May not sign in since then.
    pub blocked_at: Option<Timestamp>,
}

impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserRow({} {:?})", self.id, self.name)
    }
}

impl TryFrom<user::Model> for UserRow {
    type Error = crate::DbError;

    fn try_from(row: user::Model) -> Result<Self> {
        Ok(Self {
            id: id("users", "id", &row.id)?,
            // A role of a later release has no rights here but those that everybody has.
            role: Role::parse(&row.role).unwrap_or(Role::User),
            name: row.name,
            password_hash: row.password_hash,
            created_at: Timestamp(row.created_at),
            blocked_at: row.blocked_at.map(Timestamp),
        })
    }
}

/// Adds an account; `Duplicate` where the name is taken, whatever its case, or looks like another.
pub async fn insert(c: &impl ConnectionTrait, row: &UserRow) -> Result<()> {
    let model = user::ActiveModel {
        id: Set(row.id.to_string()),
        name: Set(row.name.clone()),
        name_folded: Set(fold_name(&row.name)),
        name_skeleton: Set(Some(skeleton_of(&row.name))),
        password_hash: Set(row.password_hash.clone()),
        role: Set(row.role.as_str().to_owned()),
        created_at: Set(row.created_at.0),
        blocked_at: Set(row.blocked_at.map(|at| at.0)),
        ..Default::default()
    };
    add(c, model).await
}

/// A change of one account.
fn update(id: UserId) -> UpdateMany<user::Entity> {
    user::Entity::update_many().filter(user::Column::Id.eq(id.to_string()))
}

/// By name, whatever its case.
pub async fn by_name(c: &impl ConnectionTrait, name: &str) -> Result<Option<UserRow>> {
    // Names of earlier releases are stored as they were typed: theirs comes first.
    let typed = name.to_lowercase();
    let found = user::Entity::find()
        .filter(user::Column::NameFolded.is_in([fold_name(name), typed.clone()]))
        .all(c)
        .await?;
    let found = found.into_iter().max_by_key(|row| row.name_folded == typed);
    found.map(TryInto::try_into).transpose()
}

/// Accounts after an id whose name has no skeleton of its own: earlier releases wrote them, or they
/// look like another account that was first.
pub async fn without_skeleton(
    c: &impl ConnectionTrait,
    after: &str,
    limit: u64,
) -> Result<Vec<UserRow>> {
    user::Entity::find()
        .filter(user::Column::NameSkeleton.is_null())
        .filter(user::Column::Id.gt(after))
        .order_by_asc(user::Column::Id)
        .limit(limit)
        .rows(c)
        .await
}

/// Gives a name its skeleton; `false` where another account has it.
pub async fn claim_skeleton(c: &impl ConnectionTrait, row: &UserRow) -> Result<bool> {
    let claimed = update(row.id)
        .value(user::Column::NameSkeleton, skeleton_of(&row.name))
        .run(c);
    match claimed.await {
        Ok(()) => Ok(true),
        Err(DbError::Duplicate(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// The account whose name looks like this one, whichever was first.
pub async fn by_skeleton(c: &impl ConnectionTrait, name: &str) -> Result<Option<UserRow>> {
    user::Entity::find()
        .filter(user::Column::NameSkeleton.eq(skeleton_of(name)))
        .row(c)
        .await
}

/// By id.
pub async fn by_id(c: &impl ConnectionTrait, id: UserId) -> Result<Option<UserRow>> {
    user::Entity::find_by_id(id.to_string()).row(c).await
}

/// Accounts by id, in the order of their ids, and nobody else's to change until this transaction
/// ends: for what is decided by rows of theirs, such as a quota.
pub async fn lock(tx: &Tx, ids: &[UserId]) -> Result<Vec<UserRow>> {
    user::Entity::find()
        .filter(user::Column::Id.is_in(ids.iter().map(ToString::to_string)))
        .order_by_asc(user::Column::Id)
        .lock_exclusive()
        .rows(tx)
        .await
}

/// All accounts, by name.
pub async fn list(c: &impl ConnectionTrait) -> Result<Vec<UserRow>> {
    user::Entity::find()
        .order_by_asc(user::Column::NameFolded)
        .rows(c)
        .await
}

/// Names of several accounts.
pub async fn names(
    c: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, String>> {
    let found = authors(c, ids).await?;
    Ok(found
        .into_iter()
        .map(|(id, (name, _))| (id, name))
        .collect())
}

/// Name and role of each of these accounts.
pub async fn authors(
    c: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, (String, Role)>> {
    let mut ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = user::Entity::find().filter(user::Column::Id.is_in(ids));
    let rows: Vec<UserRow> = found.rows(c).await?;
    let author = |row: UserRow| (row.id, (row.name, row.role));
    Ok(rows.into_iter().map(author).collect())
}

/// Whether the site has an administrator.
pub async fn any_admin(c: &impl ConnectionTrait) -> Result<bool> {
    user::Entity::find()
        .filter(user::Column::Role.eq(Role::Admin.as_str()))
        .any(c)
        .await
}

/// A new password.
pub async fn set_password(c: &impl ConnectionTrait, id: UserId, hash: &str) -> Result<()> {
    update(id)
        .value(user::Column::PasswordHash, hash)
        .run(c)
        .await
}

/// What uploads from the pages start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadDefaults {
    /// The visibility that publishing gives.
    pub visibility: Visibility,
    /// Published as soon as they are uploaded, without a press of the button.
    pub at_once: bool,
}

/// What an account's uploads start with.
pub async fn upload_defaults(c: &impl ConnectionTrait, id: UserId) -> Result<UploadDefaults> {
    let row = user::Entity::find_by_id(id.to_string()).one(c).await?;
    let (visibility, at_once) = row.map_or((None, None), |row| {
        (row.upload_visibility, row.publish_at_once)
    });
    let visibility = visibility
        .map(|text| word("users", "upload_visibility", &text, Visibility::parse))
        .transpose()?;
    Ok(UploadDefaults {
        visibility: visibility.unwrap_or(Visibility::Public),
        at_once: at_once == Some(1),
    })
}

/// Changes what an account's uploads start with.
pub async fn set_upload_defaults(
    c: &impl ConnectionTrait,
    id: UserId,
    to: UploadDefaults,
) -> Result<()> {
    update(id)
        .value(user::Column::UploadVisibility, to.visibility.as_str())
        .value(user::Column::PublishAtOnce, i32::from(to.at_once))
        .run(c)
        .await
}

/// Blocks an account from `since`, or lets it in again. Addresses that it got for parts of its
/// uploads are refused from now on, or hold again.
pub async fn set_blocked(
    tx: &Tx,
    id: UserId,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    update(id)
        .value(user::Column::BlockedAt, since.map(|at| at.0))
        .run(tx)
        .await?;
    for upload in uploads::open_of_user(tx, id).await? {
        changes::append_upload(tx, upload.id, since.is_none(), now);
    }
    Ok(())
}

/// A session with its account.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Account.
    pub user: UserRow,
    /// Ends then at the latest.
    pub expires_at: Timestamp,
    /// Last used, within a few minutes.
    pub seen_at: Timestamp,
}

/// A session to start.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// Hash of its token.
    pub token_hash: &'a str,
    /// Account.
    pub user: UserId,
    /// What the browser or program calls itself.
    pub device: &'a str,
    /// Where it was started; only the site can tell from what address.
    pub network: &'a str,
    /// Ends then at the latest.
    pub expires: Timestamp,
}

/// Starts a session. Of more than `most` of one account, those unused longest end.
pub async fn start_session(tx: &Tx, new: &NewSession<'_>, now: Timestamp, most: u64) -> Result<()> {
    let model = session::ActiveModel {
        token_hash: Set(new.token_hash.to_owned()),
        user_id: Set(new.user.to_string()),
        created_at: Set(now.0),
        seen_at: Set(now.0),
        expires_at: Set(new.expires.0),
        device: Set(Some(short_line(new.device))),
        network: Set(Some(new.network.to_owned())),
    };
    add(tx, model).await?;
    let surplus = session::Entity::find()
        .filter(session::Column::UserId.eq(new.user.to_string()))
        .order_by_desc(session::Column::SeenAt)
        .order_by_desc(session::Column::CreatedAt)
        .offset(most)
        .limit(MOST_ENDED)
        .all(tx)
        .await?;
    for row in surplus {
        end_session(tx, &row.token_hash, now).await?;
    }
    Ok(())
}

/// Sessions that one start ends at most; an account that has more loses them over several.
const MOST_ENDED: u64 = 200;

fn short_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// A session as its account sees it.
#[derive(Clone, Debug)]
pub struct SessionSummary {
    /// Hash of its token.
    pub token_hash: String,
    /// What the browser or program called itself; empty where nobody noted it.
    pub device: String,
    /// Started.
    pub created_at: Timestamp,
    /// Last used, within a few minutes.
    pub seen_at: Timestamp,
}

/// The live sessions of an account, the one used last first.
pub async fn sessions_of(
    c: &impl ConnectionTrait,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<SessionSummary>> {
    let rows = session::Entity::find()
        .filter(session::Column::UserId.eq(user.to_string()))
        .filter(session::Column::ExpiresAt.gt(now.0))
        .order_by_desc(session::Column::SeenAt)
        .order_by_asc(session::Column::TokenHash)
        .limit(MOST_ENDED)
        .all(c)
        .await?;
    let summary = |row: session::Model| SessionSummary {
        token_hash: row.token_hash,
        device: row.device.unwrap_or_default(),
        created_at: Timestamp(row.created_at),
        seen_at: Timestamp(row.seen_at),
    };
    Ok(rows.into_iter().map(summary).collect())
}

/// Whether a live session of the account was started from this network.
pub async fn knows_network(
    c: &impl ConnectionTrait,
    user: UserId,
    network: &str,
    now: Timestamp,
) -> Result<bool> {
    session::Entity::find()
        .filter(session::Column::UserId.eq(user.to_string()))
        .filter(session::Column::ExpiresAt.gt(now.0))
        .filter(session::Column::Network.eq(network))
        .limit(1)
        .any(c)
        .await
}

/// The live session of a token; a blocked account has none.
pub async fn session(
    c: &impl ConnectionTrait,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<SessionRow>> {
    let found = session::Entity::find_by_id(token_hash).one(c).await?;
    let Some(row) = found.filter(|row| row.expires_at > now.0) else {
        return Ok(None);
    };
    let user = by_id(c, id("sessions", "user_id", &row.user_id)?).await?;
    let user = user.filter(|user| user.blocked_at.is_none());
    Ok(user.map(|user| SessionRow {
        user,
        expires_at: Timestamp(row.expires_at),
        seen_at: Timestamp(row.seen_at),
    }))
}

/// Those of these sessions, by the hashes of their tokens, that have not ended.
pub async fn live_sessions(
    c: &impl ConnectionTrait,
    hashes: &[String],
    now: Timestamp,
) -> Result<HashSet<String>> {
    let live: Vec<String> = session::Entity::find()
        .select_only()
        .column(session::Column::TokenHash)
        .filter(session::Column::TokenHash.is_in(hashes))
        .filter(session::Column::ExpiresAt.gt(now.0))
        .into_tuple()
        .all(c)
        .await?;
    Ok(live.into_iter().collect())
}

/// Notes that a session is in use.
pub async fn touch_session(
    c: &impl ConnectionTrait,
    token_hash: &str,
    now: Timestamp,
) -> Result<()> {
    session::Entity::update_many()
        .value(session::Column::SeenAt, now.0)
        .filter(session::Column::TokenHash.eq(token_hash))
        .run(c)
        .await
}

/// Ends one session, and says so in the feed.
pub async fn end_session(tx: &Tx, token_hash: &str, now: Timestamp) -> Result<()> {
    let one = session::Column::TokenHash.eq(token_hash);
    end(tx, one, Ended::Session(token_hash.to_owned()), now).await
}

/// Ends all sessions of an account, and says so in the feed.
pub async fn end_sessions(tx: &Tx, user: UserId, now: Timestamp) -> Result<()> {
    let all = session::Column::UserId.eq(user.to_string());
    end(tx, all, Ended::Account(user), now).await
}

/// Ends all sessions of an account but this one, and says so in the feed.
pub async fn end_other_sessions(
    tx: &Tx,
    user: UserId,
    token_hash: &str,
    now: Timestamp,
) -> Result<()> {
    let of_user = session::Column::UserId.eq(user.to_string());
    let others = of_user.and(session::Column::TokenHash.ne(token_hash));
    end(tx, others, Ended::Account(user), now).await
}

async fn end(tx: &Tx, which: Expr, ended: Ended, now: Timestamp) -> Result<()> {
    let gone = session::Entity::delete_many().filter(which);
    if gone.removed(tx).await? > 0 {
        changes::append_ended(tx, &ended, now);
    }
    Ok(())
}

/// Forgets sessions that ended, and those unused since `idle`.
pub async fn sweep_sessions(
    c: &impl ConnectionTrait,
    now: Timestamp,
    idle: Timestamp,
) -> Result<u64> {
    let ended = session::Column::ExpiresAt.lte(now.0);
    let unused = session::Column::SeenAt.lt(idle.0);
    let mut forgotten = 0;
    // One after the other: each is a walk along an index.
    for over in [ended, unused] {
        let key = session::Column::TokenHash;
        forgotten += remove_in_batches::<session::Entity, String>(c, key, &over, &over).await?;
    }
    Ok(forgotten)
}

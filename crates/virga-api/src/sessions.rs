//! Who a token belongs to. Each request needs to know, and a database asks two rows for it; with
//! Redis there are copies, which live for a minute. A copy is used only if the feed of changes, as
//! far as this process has read it, has no end of that session since the copy was made. So a
//! sign-out takes effect everywhere within a second, whatever Redis returns.

use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use virga_app::App;
use virga_cache::Cache;
use virga_core::{
    Result, Timestamp, UserId,
    keys::{KeyRing, seal, unseal},
    permission::Role,
};
use virga_db::accounts::{self, SessionRow, UserRow};

use crate::{caller::TOUCH, feed::Feed};

/// How long a copy may be used.
const LIFE: Duration = Duration::from_secs(60);

/// A session as Redis keeps it, sealed by the site's key: never the token, never the password.
#[derive(Debug, Serialize, Deserialize)]
struct Copy {
    /// The feed had been read up to here before the rows were.
    seq: i64,
    /// The rows were read then.
    at: i64,
    id: UserId,
    name: String,
    role: Role,
    created_at: i64,
    expires_at: i64,
    seen_at: i64,
}

impl Copy {
    fn of(row: &SessionRow, seq: i64, now: Timestamp) -> Self {
        Self {
            seq,
            at: now.0,
            id: row.user.id,
            name: row.user.name.clone(),
            role: row.user.role,
            created_at: row.user.created_at.0,
            expires_at: row.expires_at.0,
            seen_at: row.seen_at.0,
        }
    }

    fn into_row(self) -> SessionRow {
        SessionRow {
            user: UserRow {
                id: self.id,
                name: self.name,
                // No password fits it.
                password_hash: String::new(),
                role: self.role,
                created_at: Timestamp(self.created_at),
                blocked_at: None,
            },
            expires_at: Timestamp(self.expires_at),
            seen_at: Timestamp(self.seen_at),
        }
    }
}

/// Sessions, from copies where there are some. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    pub(crate) cache: Cache,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) feed: Arc<Feed>,
}

impl Sessions {
    /// The live session of a token.
    pub(crate) async fn find(
        &self,
        app: &App,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<SessionRow>> {
        let key = format!("virga:session:{hash}");
        if let Some(row) = self.copy(&key, hash, now).await {
            return Ok(Some(row));
        }
        let seq = self.feed.ends.head();
        let found = accounts::session(app.db.read(), hash, now).await?;
        if let Some(row) = &found
            && now.since(row.seen_at) <= TOUCH
            && self.cache.answers()
            && let Ok(text) = serde_json::to_string(&Copy::of(row, seq, now))
        {
            let sealed = seal(&self.keys, &key, &text);
            self.cache.put(&key, &sealed, LIFE).await;
        }
        Ok(found)
    }

    async fn copy(&self, key: &str, hash: &str, now: Timestamp) -> Option<SessionRow> {
        let sealed = self.cache.get(key).await?;
        let text = unseal(&self.keys, key, &sealed).ok()?;
        let copy: Copy = serde_json::from_str(text).ok()?;
        let young = now.since(Timestamp(copy.at)) < LIFE;
        // One that is to be noted as used is read from its row.
        let noted = now.since(Timestamp(copy.seen_at)) <= TOUCH;
        let holds = self.feed.ends.holds(hash, copy.id, copy.seq);
        let row = copy.into_row();
        (young && noted && holds && row.expires_at > now).then_some(row)
    }
}

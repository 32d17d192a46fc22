//! What administrators do to accounts, and what they see of the store.

use virga_core::{Code, Failure, Result, UserId, permission::sign_in, wire::Storage};
use virga_db::{
    Tx,
    accounts::{self, UserRow},
    admin,
};

use crate::App;

/// 32 signs that are not taken for one another.
const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

impl App {
    /// A password that is shown once: 80 bits, `xxxx-xxxx-xxxx-xxxx`.
    pub fn one_time_password(&self) -> String {
        let mut text = String::with_capacity(19);
        for (n, byte) in self.entropy.bytes::<16>().into_iter().enumerate() {
            if n > 0 && n % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(SIGNS[usize::from(byte % 32)]));
        }
        text
    }

    /// Blocks an account or lets it in again. Its sessions end either way: one that was started
    /// just while it was being blocked does not come back to life.
    pub async fn set_blocked(&self, by: UserId, account: UserId, blocked: bool) -> Result<()> {
        self.transaction(|tx| async move {
            check(&tx, by, account).await?;
            let since = blocked.then(|| self.clock.now());
            accounts::set_blocked(&tx, account, since, self.clock.now()).await?;
            accounts::end_sessions(&tx, account, self.clock.now()).await?;
            Ok(tx.store(()).await?)
        })
        .await
    }

    /// Gives an account another password, by its hash, and ends its sessions.
    pub async fn reset_password(&self, by: UserId, account: UserId, hash: &str) -> Result<()> {
        self.transaction(|tx| async move {
            check(&tx, by, account).await?;
            accounts::set_password(&tx, account, hash).await?;
            accounts::end_sessions(&tx, account, self.clock.now()).await?;
            Ok(tx.store(()).await?)
        })
        .await
    }

    /// Room in the store, and what rows say is in it.
    pub async fn storage(&self) -> Result<Storage> {
        let totals = admin::totals(self.db.read()).await?;
        let room = self.store.free_space().await?;
        Ok(Storage {
            videos: totals.videos,
            sources_bytes: totals.sources,
            reserved_bytes: totals.reserved,
            free_bytes: room.map(|room| room.available),
            total_bytes: room.map(|room| room.total),
            keep_free_bytes: room.map(|_| self.policy.get().keep_free),
        })
    }
}

/// Nobody does these things to their own account; and of two administrators who block each other
/// at once the second is too late, so that one is left.
async fn check(tx: &Tx, by: UserId, account: UserId) -> Result<()> {
    if by == account {
        let detail = "This is your own account. Another administrator can do this to it.";
        return Err(Failure::new(Code::AdminYourself, detail));
    }
    // Locks both rows in a fixed order, so that two transactions cannot deadlock.
    let both: Vec<UserRow> = accounts::lock(tx, &[by, account]).await?;
    match both.into_iter().find(|row| row.id == by) {
        Some(admin) if admin.blocked_at.is_none() => Ok(()),
        _ => Err(sign_in()),
    }
}

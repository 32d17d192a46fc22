//! `user add`, `list`, `block`, `unblock`, `reset-password`: straight on the database.

use anyhow::{Context, anyhow};
use std::{path::Path, process::ExitCode};
use virga_api::Passwords;
use virga_core::{
    Clock, OsEntropy, SystemClock, Timestamp, UserId, name::account_name, permission::Role, text,
};
use virga_db::{
    Db, DbError,
    accounts::{self, UserRow},
    retried,
};

use super::say;
use crate::{cli::User, config::Config, parts};

pub(crate) async fn run(config: &Config, command: User) -> anyhow::Result<ExitCode> {
    let db = parts::existing_database(config).await?;
    match command {
        User::Add {
            name,
            admin,
            password_file,
        } => {
            let name = account_name(&name).map_err(|refused| anyhow!(refused.detail))?;
            let user = UserRow {
                id: UserId::random(&OsEntropy),
                password_hash: hash(&password_file).await?,
                role: if admin { Role::Admin } else { Role::User },
                created_at: SystemClock.now(),
                blocked_at: None,
                name: name.clone(),
            };
            accounts::insert(db.write(), &user)
                .await
                .map_err(|error| match error {
                    DbError::Duplicate(_) => anyhow!("the name {name:?} is taken"),
                    other => other.into(),
                })?;
            say(format!("Added {name} ({}).", user.role));
        }
        User::List => {
            for user in accounts::list(db.read()).await? {
                let blocked = user.blocked_at.map(|at| format!(", blocked since {at}"));
                say(format!(
                    "{:<32} {:<5} since {}{}",
                    user.name,
                    user.role,
                    user.created_at,
                    blocked.unwrap_or_default()
                ));
            }
        }
        User::Block { name } => {
            let user = find(&db, &name).await?;
            set_blocked(&db, &user, Some(SystemClock.now())).await?;
            say(format!(
                "{} is blocked and signed out everywhere.",
                user.name
            ));
        }
        User::Unblock { name } => {
            let user = find(&db, &name).await?;
            set_blocked(&db, &user, None).await?;
            say(format!("{} can sign in again.", user.name));
        }
        User::ResetPassword {
            name,
            password_file,
        } => {
            let user = find(&db, &name).await?;
            let hash = hash(&password_file).await?;
            retried(|| async {
                let tx = db.begin().await?;
                accounts::set_password(&tx, user.id, &hash).await?;
                accounts::end_sessions(&tx, user.id, SystemClock.now()).await?;
                Ok::<_, DbError>(tx.commit().await?)
            })
            .await?;
            say(format!(
                "{} has a new password and is signed out everywhere.",
                user.name
            ));
        }
    }
    db.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn find(db: &Db, name: &str) -> anyhow::Result<UserRow> {
    let found = accounts::by_name(db.read(), name).await?;
    found.with_context(|| format!("there is no account {name:?}; `virga user list` shows all"))
}

async fn set_blocked(db: &Db, user: &UserRow, since: Option<Timestamp>) -> Result<(), DbError> {
    retried(|| async {
        let tx = db.begin().await?;
        let now = SystemClock.now();
        accounts::set_blocked(&tx, user.id, since, now).await?;
        accounts::end_sessions(&tx, user.id, now).await?;
        Ok(tx.commit().await?)
    })
    .await
}

async fn hash(file: &Path) -> anyhow::Result<String> {
    let content = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the password file {}", file.display()))?;
    let password = content.lines().next().unwrap_or_default();
    let password = text::new_password(password).map_err(|refused| anyhow!(refused.detail))?;
    Ok(Passwords::new()?.hash(password.to_owned()).await?)
}

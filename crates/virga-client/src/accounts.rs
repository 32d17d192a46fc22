//! Accounts, sessions, the site, and the feed between roles.

use std::time::Duration;

use http::Method;
use virga_core::{
    text::percent_encoded,
    wire::{
        Changes, Credentials, Me, MePatch, PasswordChange, Session, SessionInfo, Setup, Site, User,
    },
};

use crate::{ApiCaller, Result};

/// The API holds the poll up to 25 s.
const POLL_LIMIT: Duration = Duration::from_secs(45);

impl ApiCaller {
    /// `GET /site`.
    pub async fn site(&self) -> Result<Site> {
        self.get("/site").await
    }

    /// `POST /setup`: the first administrator, signed in.
    pub async fn set_up(&self, setup: &Setup) -> Result<Session> {
        self.exchange(Method::POST, "/setup", setup).await
    }

    /// `POST /users`: a new account, signed in.
    pub async fn register(&self, credentials: &Credentials) -> Result<Session> {
        self.exchange(Method::POST, "/users", credentials).await
    }

    /// `POST /sessions`.
    pub async fn sign_in(&self, credentials: &Credentials) -> Result<Session> {
        self.exchange(Method::POST, "/sessions", credentials).await
    }

    /// `DELETE /sessions/current`.
    pub async fn sign_out(&self) -> Result<()> {
        self.send_empty(Method::DELETE, "/sessions/current").await
    }

    /// `DELETE /sessions`: every session of the account, this one included.
    pub async fn sign_out_everywhere(&self) -> Result<()> {
        self.send_empty(Method::DELETE, "/sessions").await
    }

    /// `GET /sessions`.
    pub async fn sessions(&self) -> Result<Vec<SessionInfo>> {
        self.get("/sessions").await
    }

    /// `DELETE /sessions/{id}`.
    pub async fn end_session(&self, id: &str) -> Result<()> {
        self.send_empty(
            Method::DELETE,
            &format!("/sessions/{}", percent_encoded(id)),
        )
        .await
    }

    /// `PUT /users/me/password`.
    pub async fn change_password(&self, change: &PasswordChange) -> Result<()> {
        self.send_json(Method::PUT, "/users/me/password", change)
            .await
    }

    /// `GET /users/me`.
    pub async fn me(&self) -> Result<Me> {
        self.get("/users/me").await
    }

    /// `PATCH /users/me`.
    pub async fn edit_me(&self, patch: &MePatch) -> Result<Me> {
        self.exchange(Method::PATCH, "/users/me", patch).await
    }

    /// `GET /users/{name}`.
    pub async fn user(&self, name: &str) -> Result<User> {
        self.get(&format!("/users/{}", percent_encoded(name))).await
    }

    /// `GET /internal/v1/changes`: waits up to 25 s for something after `cursor`.
    pub async fn changes(&self, cursor: &str) -> Result<Changes> {
        let path = format!("/internal/v1/changes?after={}", percent_encoded(cursor));
        self.internal(&path, POLL_LIMIT).await
    }
}

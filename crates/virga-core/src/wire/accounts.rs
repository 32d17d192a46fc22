//! Accounts and sessions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::videos::public;
use crate::{
    Timestamp, UserId,
    permission::Role,
    video::{Visibility, word_enum},
};

/// `POST /sessions`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Credentials {
    /// Account name.
    pub name: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?})", self.name)
    }
}

/// `POST /users`: as [`Credentials`], within the bounds of a new account.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewAccount {
    /// 2 to 32 letters or digits of any script; `-`, `_` and `.` may stand between them.
    #[schema(
        min_length = 2,
        max_length = 32,
        pattern = "^[_.-]*[\\p{L}\\p{N}][\\p{L}\\p{N}_.-]*$"
    )]
    pub name: String,
    /// 8 characters to 1,024 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    pub password: String,
}

impl std::fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewAccount({:?})", self.name)
    }
}

/// `PUT /users/me/password`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordChange {
    /// The present one.
    pub current: String,
    /// The new one: 8 characters to 1,024 bytes.
    #[schema(min_length = 8, max_length = 1024)]
    pub new: String,
}

impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordChange")
    }
}

/// An answer to `POST /sessions` and `POST /users`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// For `Authorization: Bearer`. The page's cookie holds the same.
    pub token: String,
    /// Ends then at the latest.
    pub expires_at: Timestamp,
    /// Whose.
    pub user: Me,
}

/// A place where an account is signed in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// Names it in `DELETE /sessions/{id}`.
    pub id: String,
    /// What the browser or program called itself (`User-Agent`) at sign-in; empty where unknown.
    pub device: String,
    /// Signed in.
    pub created_at: Timestamp,
    /// Last used, within a few minutes.
    pub seen_at: Timestamp,
    /// The session of this request.
    pub current: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.user.name)
    }
}

/// The signed-in account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// Id.
    pub id: UserId,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Since.
    pub created_at: Timestamp,
    /// Bytes that its sources and open uploads take.
    pub used_bytes: u64,
    /// Bytes that it may take.
    pub quota_bytes: u64,
    /// The visibility that publishing gives to what the account uploads in the pages.
    #[serde(default = "public")]
    pub upload_visibility: Visibility,
    /// Uploads from the pages are published at once, not when their owner presses the button.
    #[serde(default)]
    pub publish_at_once: bool,
}

/// `PATCH /users/me`: absent fields stay.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct MePatch {
    /// The visibility that publishing gives to what the account uploads in the pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_visibility: Option<Visibility>,
    /// Whether uploads from the pages are published at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_at_once: Option<bool>,
}

/// An account as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Name.
    pub name: String,
    /// Since.
    pub created_at: Timestamp,
    /// Public videos that play.
    pub videos: u64,
}

/// `POST /setup`: the first visitor with the one-time token becomes administrator.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Setup {
    /// From the link that the first start printed.
    pub token: String,
    /// The administrator's account; its fields are on the same level as the others.
    #[serde(flatten)]
    pub administrator: NewAccount,
    /// The site's name, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub site_name: String,
    /// Whether anyone may register.
    pub registration: Registration,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Setup({:?})", self.administrator.name)
    }
}

word_enum! {
    /// Who may register.
    Registration {
        /// Anyone.
        Open = "open",
        /// Nobody; an administrator adds accounts.
        Closed = "closed",
    }
}

/// `GET /site`: what every page needs to know of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Who may register.
    pub registration: Registration,
    /// No administrator yet: the one-time link is open.
    pub needs_setup: bool,
    /// Largest file taken, bytes.
    pub upload_max: u64,
    /// How long a deleted video can be restored, seconds.
    pub undo_seconds: u64,
    /// Origins besides the site's own that media comes from and files go to: a bucket's, a CDN's.
    #[serde(default)]
    pub media_origins: Vec<String>,
    /// How long a media address that was given out may answer after its video is withdrawn,
    /// seconds; 0: not at all.
    #[serde(default)]
    pub loose_seconds: u64,
}

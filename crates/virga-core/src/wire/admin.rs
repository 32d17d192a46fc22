//! What administrators see and answer with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Registration;
use crate::{
    Timestamp, VideoId,
    job::{JobKind, JobState},
    permission::Role,
};

/// An account as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Since.
    pub created_at: Timestamp,
    /// May not sign in since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_at: Option<Timestamp>,
    /// Videos that are not deleted, whoever may see them.
    pub videos: u64,
    /// Bytes that its sources and open uploads take.
    pub used_bytes: u64,
}

/// `POST /admin/users/{name}/reset-password`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewPassword {
    /// The new password, shown only this once.
    pub password: String,
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPassword")
    }
}

/// A job that was given up; `POST /videos/{id}/retry` tries again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedJob {
    /// Its video.
    pub video_id: VideoId,
    /// The video's title.
    pub title: String,
    /// Name of the video's owner.
    pub owner: String,
    /// What it was to do.
    pub kind: JobKind,
    /// The stable name of the reason.
    pub code: String,
    /// The reason in words.
    pub text: String,
    /// Tries.
    pub tries: u32,
    /// What the encoder said last, where it failed over that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder_log: Option<String>,
    /// Given up.
    pub failed_at: Timestamp,
}

/// A job that waits or runs; `POST /videos/{id}/cancel` ends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpenJob {
    /// Its video.
    pub video_id: VideoId,
    /// The video's title.
    pub title: String,
    /// Name of the video's owner.
    pub owner: String,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// How much is done, 0 to 1.
    pub progress: f64,
    /// The worker that has it, or had it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Tries so far, the present one included.
    pub tries: u32,
    /// Why the try before failed, or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Added.
    pub created_at: Timestamp,
    /// It does not begin before.
    pub run_at: Timestamp,
}

/// `GET /admin/storage`: room, in bytes. A bucket has no bounds: then the last three are absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Storage {
    /// Videos that are not deleted.
    pub videos: u64,
    /// Uploaded files, deleted but not yet purged ones included.
    pub sources_bytes: u64,
    /// What open uploads will take.
    pub reserved_bytes: u64,
    /// What can still be written to the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_bytes: Option<u64>,
    /// What the store has in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
    /// Below this much free room no upload is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_free_bytes: Option<u64>,
}

/// Where the value of a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SettingSource {
    /// Nobody chose it.
    Default,
    /// An administrator chose it in the pages or by the API.
    Stored,
    /// The configuration decides it: it cannot be changed here.
    Configuration,
}

/// `GET /admin/site`: what administrators can change while the site runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SiteSettings {
    /// The site's name.
    pub name: String,
    /// Where it comes from.
    pub name_source: SettingSource,
    /// Who may register: the stricter of the configuration and the stored choice.
    pub registration: Registration,
    /// Where it comes from.
    pub registration_source: SettingSource,
}

/// `PATCH /admin/site`: absent fields stay.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct SitePatch {
    /// 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who may register. 409 where the configuration decides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
}

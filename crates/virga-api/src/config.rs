//! What an operator sets for the control plane.

use serde::{Deserialize, Serialize};
use virga_core::wire::Registration;

/// `accounts.*` and `limits.*`.
#[derive(Clone, Debug, Default)]
pub struct ApiConfig {
    /// `accounts.*`
    pub accounts: AccountsConfig,
    /// `limits.*`
    pub limits: LimitsConfig,
    /// Whether pages are served over https, by `http.public_url`.
    pub https: bool,
}

/// `accounts.*`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountsConfig {
    /// Who may register. `closed` overrides what the setup page stored.
    pub registration: Registration,
}

impl Default for AccountsConfig {
    fn default() -> Self {
        Self {
            registration: Registration::Open,
        }
    }
}

/// `limits.*`: per account when signed in, else per address (an IPv6 host counts as its /64).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Requests a second that change nothing.
    pub reads_per_second: u32,
    /// Of visitors without an account: requests a second that belong to opening a video, such as its
    /// playback and its comments. Many people behind one address open one at the same time.
    pub openings_per_second: u32,
    /// Requests a second that change something.
    pub writes_per_second: u32,
    /// Seconds of unused requests that can be saved up.
    pub burst_seconds: u32,
    /// Event streams that are open at once in one process; addresses share them fairly.
    pub event_streams: usize,
    /// Failed sign-ins in five minutes for one name from one address.
    pub failed_sign_ins_per_name: u32,
    /// Failed sign-ins in five minutes from one address.
    pub failed_sign_ins_per_address: u32,
    /// Failed sign-ins in five minutes for one name, from all addresses at which it was not signed
    /// in before.
    pub failed_sign_ins_by_strangers: u32,
    /// New accounts an hour from one address.
    pub sign_ups_per_hour: u32,
    /// Videos without a file that one account may have.
    pub drafts_per_user: u64,
    /// Comments an hour of one account.
    pub comments_per_hour: u32,
    /// Bytes of titles, descriptions and comments that one account may write an hour.
    pub text_bytes_per_hour: u32,
    /// Bytes of media a second that leave one process; viewers take turns, and players come before
    /// downloads. 0: without limit.
    pub egress: u64,
    /// The same to one address.
    pub egress_per_viewer: u64,
    /// The same of one video.
    pub egress_per_film: u64,
    /// Largest file, bytes.
    pub upload_max: u64,
    /// Bytes that one account may keep.
    pub quota_per_user: u64,
    /// Minutes of encoding within 24 hours for the videos of one account; 0: without limit. What is
    /// beyond them waits.
    pub encoder_minutes_per_day: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            reads_per_second: 100,
            openings_per_second: 2000,
            writes_per_second: 20,
            burst_seconds: 3,
            event_streams: 2000,
            failed_sign_ins_per_name: 15,
            failed_sign_ins_per_address: 60,
            failed_sign_ins_by_strangers: 100,
            sign_ups_per_hour: 30,
            drafts_per_user: 100,
            comments_per_hour: 600,
            text_bytes_per_hour: 1 << 20,
            egress: 0,
            egress_per_viewer: 0,
            egress_per_film: 0,
            upload_max: 100 << 30,
            quota_per_user: 1 << 40,
            encoder_minutes_per_day: 24 * 60,
        }
    }
}

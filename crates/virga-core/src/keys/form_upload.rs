//! The permission to send one whole file by a plain form, for browsers without script.

use super::{BadSignature, KeyRing};
use crate::{Timestamp, UserId, VideoId};

/// Bound to the draft that it fills, to its owner and to the most bytes. It works once: a video
/// that has its file takes no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormTicket {
    /// The draft.
    pub video: VideoId,
    /// Its owner.
    pub user: UserId,
    /// The most bytes.
    pub max: u64,
    /// Ends then.
    pub expires: Timestamp,
}

impl FormTicket {
    fn fields(&self) -> [String; 4] {
        [
            self.video.to_string(),
            self.user.to_string(),
            self.max.to_string(),
            self.expires.seconds().to_string(),
        ]
    }

    /// The absolute path to `POST` the form to.
    pub fn to_path(&self, ring: &KeyRing) -> String {
        let fields = self.fields();
        let (kid, mac) = ring.sign("form", &fields.each_ref().map(String::as_str));
        let [video, user, max, exp] = fields;
        format!("/up/form/{video}?user={user}&max={max}&exp={exp}&kid={kid}&sig={mac}")
    }

    /// Whether `kid` and `sig` of the address hold for exactly these fields now.
    pub fn check(
        &self,
        ring: &KeyRing,
        kid: &str,
        sig: &str,
        now: Timestamp,
    ) -> Result<(), BadSignature> {
        let fields = self.fields();
        let fields = fields.each_ref().map(String::as_str);
        ring.verify_until((kid, sig), "form", &fields, self.expires.seconds(), now)
    }
}

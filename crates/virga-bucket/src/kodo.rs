//! Qiniu Kodo's upload token: a policy that names one object, its exact size and a deadline, and an
//! HMAC over it. Forms of Kodo's own take it: those of browsers, and our own where a write must not
//! replace anything, which Kodo promises there only. Everything else speaks the S3 dialect.

use base64::{Engine, engine::general_purpose::URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use reqsign_aws_v4::Credential;
use sha1::Sha1;
use virga_core::MediaKey;

use super::{report, signature::Fields};
use virga_objects::Validity;

/// Where Kodo takes forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KodoForms {
    /// Scheme and host: `https://upload.qiniup.com`.
    pub endpoint: String,
    /// The bucket's name there, which may differ from that of the S3 dialect.
    pub bucket: String,
}

impl KodoForms {
    /// The policy that one object of one size may be written until the validity ends. Kodo has no
    /// "from": the token is good at once. The type is not bound: a limit there would make Kodo
    /// guess the type from the bytes, and a source's bytes are anyone's.
    pub(super) fn policy(
        &self,
        key: &str,
        size: u64,
        validity: Validity,
        fresh: bool,
    ) -> serde_json::Value {
        serde_json::json!({
            "scope": format!("{}:{key}", self.bucket),
            "deadline": validity.from.plus(validity.lasts).seconds(),
            "insertOnly": u8::from(fresh),
            "fsizeMin": size,
            "fsizeLimit": size,
            "returnBody": r#"{"key":$(key),"size":$(fsize)}"#,
        })
    }

    /// Where forms go.
    pub(super) fn url(&self) -> String {
        format!("{}/", self.endpoint.trim_end_matches('/'))
    }
}

/// `AccessKey:signature:policy`.
pub(super) fn token(credential: &Credential, policy: &str) -> String {
    let policy = URL_SAFE.encode(policy);
    let secret = credential.secret_access_key.as_bytes();
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(policy.as_bytes());
    let signature = URL_SAFE.encode(mac.finalize().into_bytes());
    format!("{}:{signature}:{policy}", credential.access_key_id)
}

/// The fields of a form.
pub(super) fn form(
    forms: &KodoForms,
    credential: &Credential,
    key: &MediaKey,
    size: u64,
    validity: Validity,
    tell: Option<&str>,
) -> Fields {
    let mut policy = forms.policy(key.as_str(), size, validity, false);
    for (name, words) in tell.into_iter().flat_map(report::kodo_callback) {
        policy[name] = words.into();
    }
    let token = token(credential, &policy.to_string());
    vec![("key", key.to_string()), ("token", token)]
}

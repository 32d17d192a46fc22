//! Qiniu Kodo's upload token: a policy that names one object, its exact size and a deadline, and an
//! HMAC over it. Forms of Kodo's own take it; everything else there speaks the S3 dialect.

use base64::{Engine, engine::general_purpose::URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use reqsign_aws_v4::Credential;
use sha1::Sha1;

use super::signature::Fields;
use crate::{MediaKey, Validity};

/// Where Kodo takes forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KodoForms {
    /// Scheme and host: `https://upload.qiniup.com`.
    pub endpoint: String,
    /// The bucket's name there, which may differ from that of the S3 dialect.
    pub bucket: String,
}

/// The policy that one object of one size may be written until the validity ends. Kodo has no
/// "from": the token is good at once. The type is not bound: a limit there would make Kodo guess
/// the type from the bytes, and a source's bytes are anyone's.
pub(super) fn policy(forms: &KodoForms, key: &MediaKey, size: u64, validity: Validity) -> String {
    serde_json::json!({
        "scope": format!("{}:{key}", forms.bucket),
        "deadline": validity.from.plus(validity.lasts).seconds(),
        "fsizeMin": size,
        "fsizeLimit": size,
        "returnBody": r#"{"key":$(key),"size":$(fsize)}"#,
    })
    .to_string()
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
) -> Fields {
    let token = token(credential, &policy(forms, key, size, validity));
    vec![("key", key.to_string()), ("token", token)]
}

//! Reports of Aliyun OSS and Kodo ("callbacks"): once a form has brought an object, the service posts
//! to an address of ours. Here: what a form says to have that done, and whether a report that came is
//! genuine. Genuine is not true: at Aliyun anyone's bucket can have any words sent, signed by the same
//! key. A report is a hint to look, and nothing more.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use virga_core::MediaKey;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Uri, header};
use md5::{Digest, Md5};
use reqsign_aws_v4::Credential;
use rsa::{Pkcs1v15Sign, RsaPublicKey, pkcs8::DecodePublicKey};
use sha1::Sha1;

use super::{
    BucketStore, Dialect,
    retry::{broken, unavailable},
};
use virga_objects::{Callback, Result};

const DOING: &str = "read the key that reports are signed with";
/// Where Aliyun keeps the keys that it signs reports with; no other host is asked.
const KEY_HOST: &str = "gosspublic.alicdn.com";
/// The header that names one, in base64.
const KEY_URL: &str = "x-oss-pub-key-url";
const KEY_MAX: usize = 8 * 1024;
/// Aliyun waits five seconds for us.
const PATIENCE: Duration = Duration::from_secs(3);
/// Aliyun has had one; more are somebody's play.
const MOST_KEYS: usize = 8;
/// What a body must be for its signature to cover it.
const FORM: &str = "application/x-www-form-urlencoded";
/// "Signed is an MD5 of 16 bytes" (RFC 8017, 9.2, note 1).
const MD5_INFO: [u8; 18] = [
    0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00,
    0x04, 0x10,
];

/// The field `callback` of a form of OSS.
pub(super) fn oss_field(tell: &str) -> String {
    let request = serde_json::json!({
        "callbackUrl": tell,
        "callbackBody": "bucket=${bucket}&object=${object}",
        "callbackBodyType": FORM,
        "callbackSNI": tell.starts_with("https:"),
    });
    STANDARD.encode(request.to_string())
}

/// The callback's part of a policy of Kodo.
pub(super) fn kodo_callback(tell: &str) -> [(&'static str, String); 3] {
    [
        ("callbackUrl", tell.to_owned()),
        ("callbackBody", "bucket=$(bucket)&object=$(key)".to_owned()),
        ("callbackBodyType", FORM.to_owned()),
    ]
}

/// Keys of Aliyun's, by the address that each was read from.
#[derive(Debug, Default)]
pub(super) struct PublicKeys(Mutex<HashMap<String, RsaPublicKey>>);

impl PublicKeys {
    async fn get(&self, http: &reqwest::Client, url: &str) -> Result<Option<RsaPublicKey>> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known().get(url) {
            return Ok(Some(key.clone()));
        }
        let asked = http.get(url).timeout(PATIENCE).send().await;
        let mut answer = asked.map_err(|error| broken(DOING, error))?;
        if !answer.status().is_success() {
            return Err(unavailable(DOING, answer.status().as_str()));
        }
        let mut text = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| broken(DOING, error))? {
            text.extend_from_slice(&piece);
            if text.len() > KEY_MAX {
                return Ok(None);
            }
        }
        let text = String::from_utf8_lossy(&text);
        let Ok(key) = RsaPublicKey::from_public_key_pem(text.trim()) else {
            return Ok(None);
        };
        let mut known = known();
        if known.len() >= MOST_KEYS {
            known.clear();
        }
        known.insert(url.to_owned(), key.clone());
        Ok(Some(key))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The address of a key at Aliyun's; of no other.
fn key_url(headers: &HeaderMap) -> Option<String> {
    let url = STANDARD.decode(text(headers, KEY_URL)?).ok()?;
    let url: Uri = String::from_utf8(url).ok()?.parse().ok()?;
    let kept = matches!(url.scheme_str(), Some("http" | "https"))
        && url.authority().is_some_and(|at| at.as_str() == KEY_HOST);
    kept.then(|| url.to_string())
}

/// What both services sign: the address that was asked for, and the body.
fn signed_text(report: &Callback<'_>) -> Vec<u8> {
    [report.target.as_bytes(), b"\n", report.body].concat()
}

/// `Authorization: QBox KEY:SIGNATURE`, by the keys that we share with Kodo.
fn is_of_kodo(credential: &Credential, report: &Callback<'_>) -> bool {
    let secret = credential.secret_access_key.as_bytes();
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&signed_text(report));
    text(report.headers, header::AUTHORIZATION.as_str())
        .and_then(|said| said.strip_prefix("QBox ")?.split_once(':'))
        .filter(|(key, _)| *key == credential.access_key_id)
        .and_then(|(_, signature)| URL_SAFE.decode(signature).ok())
        .is_some_and(|signature| mac.verify_slice(&signature).is_ok())
}

impl BucketStore {
    /// `Authorization: SIGNATURE`, by a key of Aliyun's.
    async fn is_of_oss(&self, report: &Callback<'_>) -> Result<bool> {
        let signature = text(report.headers, header::AUTHORIZATION.as_str());
        let signature = signature.and_then(|said| STANDARD.decode(said).ok());
        let (Some(url), Some(signature)) = (key_url(report.headers), signature) else {
            return Ok(false);
        };
        let Some(key) = self.public_keys.get(&self.client.http, &url).await? else {
            return Ok(false);
        };
        let scheme = Pkcs1v15Sign {
            hash_len: Some(16),
            prefix: MD5_INFO.into(),
        };
        let digest = Md5::digest(signed_text(report));
        Ok(key.verify(scheme, &digest, &signature).is_ok())
    }

    /// The object that a genuine report names.
    pub(super) async fn object_of(&self, report: Callback<'_>) -> Result<Option<MediaKey>> {
        let kind = text(report.headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let is_form = kind
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim() == FORM);
        let genuine = is_form
            && match self.client.dialect {
                Dialect::Oss => self.is_of_oss(&report).await?,
                Dialect::Kodo => is_of_kodo(&self.client.keys.now().await?, &report),
                Dialect::S3 => false,
            };
        if !genuine {
            return Ok(None);
        }
        let fields: HashMap<_, _> = form_urlencoded::parse(report.body).collect();
        let ours = match &self.client.kodo_forms {
            Some(forms) => &forms.bucket,
            None => &self.client.bucket,
        };
        let named = fields.get("object").filter(|_| {
            let bucket = fields.get("bucket");
            bucket.is_some_and(|bucket| bucket == ours)
        });
        Ok(named.and_then(|object| MediaKey::parse(object).ok()))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn keys_are_read_from_one_host_only() {
        let named = |url: &str| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(&STANDARD.encode(url)).unwrap();
            headers.insert(KEY_URL, value);
            key_url(&headers).is_some()
        };
        for good in ["http", "https"] {
            assert!(named(&format!(
                "{good}://gosspublic.alicdn.com/callback_pub_key_v1.pem"
            )));
        }
        for other in [
            "http://gosspublic.alicdn.com.example/key.pem",
            "http://gosspublic.alicdn.com@example.com/key.pem",
            "http://example.com@gosspublic.alicdn.com/key.pem",
            "http://gosspublic.alicdn.com:8080/key.pem",
            "http://example.com/?gosspublic.alicdn.com",
            "ftp://gosspublic.alicdn.com/key.pem",
            "//gosspublic.alicdn.com/key.pem",
            "/key.pem",
            "",
        ] {
            assert!(!named(other), "{other}");
        }
    }
}

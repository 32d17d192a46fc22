//! Signature V4 of both dialects by hand: one HMAC chain whose key is good for a day, a region and
//! a service. The moment is handed in, so that all viewers of an hour get one address.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqsign_aws_v4::Credential;
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use virga_core::{MediaKey, keys::hex};

use super::url::BucketUrl;
use virga_objects::Validity;

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");
const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
const EXPIRATION: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// What the dialects' chains differ in.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) algorithm: &'static str,
    secret_prefix: &'static str,
    service: &'static str,
    end: &'static str,
}

/// Amazon's.
pub(super) const S3: Chain = Chain {
    algorithm: "AWS4-HMAC-SHA256",
    secret_prefix: "AWS4",
    service: "s3",
    end: "aws4_request",
};

/// Aliyun's.
pub(super) const OSS: Chain = Chain {
    algorithm: "OSS4-HMAC-SHA256",
    secret_prefix: "aliyun_v4",
    service: "oss",
    end: "aliyun_v4_request",
};

/// The fields of a form.
pub(super) type Fields = Vec<(&'static str, String)>;

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn formatted(moment: OffsetDateTime, how: &[BorrowedFormatItem<'_>]) -> String {
    moment.format(how).unwrap_or_default()
}

/// Who signs, when, for which region and service.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) chain: &'static Chain,
    pub(super) credential: &'a Credential,
    pub(super) moment: OffsetDateTime,
    pub(super) region: &'a str,
}

impl Scope<'_> {
    /// `day/region/service/end`.
    fn text(&self) -> String {
        let Chain { service, end, .. } = self.chain;
        format!(
            "{}/{}/{service}/{end}",
            formatted(self.moment, DAY),
            self.region
        )
    }

    /// Whose key signs, and for what.
    pub(super) fn credential(&self) -> String {
        format!("{}/{}", self.credential.access_key_id, self.text())
    }

    /// The moment as signatures spell it.
    pub(super) fn moment(&self) -> String {
        formatted(self.moment, MOMENT)
    }

    fn sign(&self, text: &str) -> String {
        let key = format!(
            "{}{}",
            self.chain.secret_prefix, self.credential.secret_access_key
        );
        let key = mac(key.as_bytes(), &formatted(self.moment, DAY));
        let key = mac(&mac(&key, self.region), self.chain.service);
        hex(&mac(&mac(&key, self.chain.end), text))
    }

    /// The signature of a request in its canonical form.
    pub(super) fn sign_request(&self, canonical: &str) -> String {
        let digest = hex(&Sha256::digest(canonical.as_bytes()));
        self.sign(&format!(
            "{}\n{}\n{}\n{digest}",
            self.chain.algorithm,
            self.moment(),
            self.text()
        ))
    }

    /// Adds to a form's fields the policy that binds them and an exact size, and its signature.
    pub(super) fn seal(
        &self,
        mut fields: Fields,
        bucket: &str,
        size: u64,
        validity: Validity,
        signature: &'static str,
    ) -> Fields {
        let expires = validity.from.plus(validity.lasts).to_datetime();
        let mut conditions: Vec<serde_json::Value> = fields
            .iter()
            .map(|(name, value)| serde_json::json!(["eq", format!("${name}"), value]))
            .collect();
        conditions.push(serde_json::json!({"bucket": bucket}));
        conditions.push(serde_json::json!(["content-length-range", size, size]));
        let policy = serde_json::json!({
            "expiration": formatted(expires, EXPIRATION),
            "conditions": conditions,
        });
        let policy = STANDARD.encode(policy.to_string());
        let signed = self.sign(&policy);
        fields.push(("policy", policy));
        fields.push((signature, signed));
        fields
    }
}

/// An address of the S3 dialect with its signature.
pub(super) fn s3_address(
    scope: &Scope<'_>,
    method: &str,
    address: &BucketUrl,
    key: &str,
    query: &[(&str, &str)],
    lasts: u64,
    length: Option<u64>,
) -> String {
    let (moment, credential, lasts) = (scope.moment(), scope.credential(), lasts.to_string());
    let mut headers = format!("host:{}\n", address.host());
    let mut names = "host";
    if let Some(length) = length {
        headers = format!("content-length:{length}\n{headers}");
        names = "content-length;host";
    }
    let mut all = query.to_vec();
    all.extend([
        ("X-Amz-Algorithm", scope.chain.algorithm),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &moment),
        ("X-Amz-Expires", &lasts),
        ("X-Amz-SignedHeaders", names),
    ]);
    if let Some(token) = &scope.credential.session_token {
        all.push(("X-Amz-Security-Token", token));
    }
    all.sort_unstable();
    let unsigned = address.of(key, &all);
    let (_, path_and_query) = unsigned.split_at(address.origin().len());
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let canonical = format!("{method}\n{path}\n{query}\n{headers}\n{names}\nUNSIGNED-PAYLOAD");
    let signature = scope.sign_request(&canonical);
    format!("{unsigned}&X-Amz-Signature={signature}")
}

/// The fields of a form of the S3 dialect.
pub(super) fn s3_form(
    scope: &Scope<'_>,
    bucket: &str,
    key: &MediaKey,
    size: u64,
    validity: Validity,
) -> Fields {
    let mut fields = vec![
        ("key", key.to_string()),
        ("Content-Type", key.content_type().to_owned()),
        ("x-amz-algorithm", scope.chain.algorithm.to_owned()),
        ("x-amz-credential", scope.credential()),
        ("x-amz-date", scope.moment()),
    ];
    if let Some(token) = &scope.credential.session_token {
        fields.push(("x-amz-security-token", token.clone()));
    }
    scope.seal(fields, bucket, size, validity, "x-amz-signature")
}

#[cfg(test)]
mod tests {
    use virga_core::Timestamp;

    use super::*;
    use crate::{BucketAddressing, Dialect};

    /// The example of the AWS documentation, "Authenticating Requests: Using Query Parameters".
    #[test]
    fn the_documented_example_is_signed_as_documented() {
        let credential = Credential {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
            expires_in: None,
        };
        let scope = Scope {
            chain: &S3,
            credential: &credential,
            moment: Timestamp::from_seconds(1_369_353_600).to_datetime(),
            region: "us-east-1",
        };
        let host = "https://s3.amazonaws.com";
        let address = BucketUrl::new(
            host,
            "examplebucket",
            BucketAddressing::Virtual,
            Dialect::S3,
        );
        let url = s3_address(
            &scope,
            "GET",
            &address.unwrap(),
            "test.txt",
            &[],
            86_400,
            None,
        );
        let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(url.ends_with(signature), "{url}");
        assert!(
            url.starts_with("https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=")
        );
    }
}

//! Signature V4 of Aliyun OSS, in headers, addresses and forms. The canonical path is always
//! `/bucket/key`, whatever the host; of headers, `x-oss-*`, `content-type` and `content-md5` are
//! signed wherever they stand, others where they are named. Payloads are never part of it.

use std::fmt::Write;
use virga_core::{MediaKey, text::percent_encoded};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    report,
    signature::{Fields, Scope},
    url::BucketUrl,
};
use virga_objects::{ObjectError, Result, Validity};

const DATE: HeaderName = HeaderName::from_static("x-oss-date");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-oss-content-sha256");
const TOKEN: HeaderName = HeaderName::from_static("x-oss-security-token");
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// What OSS calls a thing: bucket and key, whatever host it is asked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resource<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

/// A request as it is signed.
fn canonical(
    method: &str,
    resource: Resource<'_>,
    query: &[(&str, &str)],
    headers: &str,
    additional: &str,
) -> String {
    let Resource { bucket, key } = resource;
    let mut pairs = query.to_vec();
    pairs.sort_unstable();
    let mut text = String::new();
    for (name, value) in pairs {
        let between = if text.is_empty() { "" } else { "&" };
        let _ = write!(text, "{between}{name}");
        if !value.is_empty() {
            let _ = write!(text, "={}", percent_encoded(value));
        }
    }
    format!("{method}\n/{bucket}/{key}\n{text}\n{headers}\n{additional}\n{UNSIGNED}")
}

/// Signs a request of our own in its headers.
pub(super) fn sign_headers(
    scope: &Scope<'_>,
    method: &str,
    resource: Resource<'_>,
    query: &[(&str, &str)],
    headers: &mut HeaderMap,
) -> Result<()> {
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| ObjectError::Denied {
            code: "these credentials fit in no header".to_owned(),
        })
    };
    headers.insert(DATE, value(&scope.moment())?);
    headers.insert(CONTENT_SHA256, HeaderValue::from_static(UNSIGNED));
    if let Some(token) = &scope.credential.session_token {
        let mut token = value(token)?;
        token.set_sensitive(true);
        headers.insert(TOKEN, token);
    }
    let mut lines: Vec<(&str, &str)> = headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            name.starts_with("x-oss-") || matches!(name, "content-type" | "content-md5")
        })
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?.trim())))
        .collect();
    lines.sort_unstable();
    let mut signed = String::new();
    for (name, value) in lines {
        let _ = writeln!(signed, "{name}:{value}");
    }
    let signature = scope.sign_request(&canonical(method, resource, query, &signed, ""));
    let mut authorization = value(&format!(
        "{} Credential={},Signature={signature}",
        scope.chain.algorithm,
        scope.credential()
    ))?;
    authorization.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, authorization);
    Ok(())
}

/// An address with its signature. A request to it must not have a `Content-Type`.
pub(super) fn address(
    scope: &Scope<'_>,
    method: &str,
    address: &BucketUrl,
    resource: Resource<'_>,
    query: &[(&str, &str)],
    lasts: u64,
    length: Option<u64>,
) -> String {
    let (moment, credential, lasts) = (scope.moment(), scope.credential(), lasts.to_string());
    let mut all = query.to_vec();
    all.extend([
        ("x-oss-credential", credential.as_str()),
        ("x-oss-date", &moment),
        ("x-oss-expires", &lasts),
        ("x-oss-signature-version", scope.chain.algorithm),
    ]);
    if let Some(token) = &scope.credential.session_token {
        all.push(("x-oss-security-token", token));
    }
    let (mut headers, mut additional) = (String::new(), "");
    if let Some(length) = length {
        headers = format!("content-length:{length}\n");
        additional = "content-length";
        all.push(("x-oss-additional-headers", additional));
    }
    all.sort_unstable();
    let canonical = canonical(method, resource, &all, &headers, additional);
    let signature = scope.sign_request(&canonical);
    let unsigned = address.of(resource.key, &all);
    format!("{unsigned}&x-oss-signature={signature}")
}

/// The fields of a form.
pub(super) fn form(
    scope: &Scope<'_>,
    bucket: &str,
    key: &MediaKey,
    size: u64,
    validity: Validity,
    tell: Option<&str>,
) -> Fields {
    let mut fields = vec![
        ("key", key.to_string()),
        // Beats the type that the browser gives the file, which beats the field Content-Type.
        ("x-oss-content-type", key.content_type().to_owned()),
        ("x-oss-signature-version", scope.chain.algorithm.to_owned()),
        ("x-oss-credential", scope.credential()),
        ("x-oss-date", scope.moment()),
    ];
    if let Some(token) = &scope.credential.session_token {
        fields.push(("x-oss-security-token", token.clone()));
    }
    if let Some(tell) = tell {
        fields.push(("callback", report::oss_field(tell)));
    }
    scope.seal(fields, bucket, size, validity, "x-oss-signature")
}

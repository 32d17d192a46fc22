//! Signatures that others use: addresses (signature V4 in the query) and forms (POST policy), made
//! for the endpoint that browsers reach. Requests of our own are signed by reqsign, which takes the
//! present moment; here the moment is handed in, so that all viewers of an hour get one address.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use reqsign_aws_v4::Credential;
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use virga_core::{
    UploadId,
    keys::hex,
    upload::{PartSpan, part_span},
};

use super::{
    BucketStore,
    address::Address,
    client::{Ask, document},
    write::content_md5,
    xml,
};
use crate::{
    CorsRule, DirectAccess, MediaKey, ObjectError, PostForm, Result, SignedRequest, Validity,
};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");
const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
const EXPIRATION: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn spelt(moment: OffsetDateTime, how: &[BorrowedFormatItem<'_>]) -> String {
    moment.format(how).unwrap_or_default()
}

/// Who signs, when, and for which region.
struct Scope<'a> {
    credential: &'a Credential,
    moment: OffsetDateTime,
    region: &'a str,
}

impl Scope<'_> {
    /// `day/region/s3/aws4_request`.
    fn text(&self) -> String {
        format!(
            "{}/{}/s3/aws4_request",
            spelt(self.moment, DAY),
            self.region
        )
    }

    fn credential(&self) -> String {
        format!("{}/{}", self.credential.access_key_id, self.text())
    }

    fn sign(&self, text: &str) -> String {
        let key = format!("AWS4{}", self.credential.secret_access_key);
        let key = mac(key.as_bytes(), &spelt(self.moment, DAY));
        let key = mac(&mac(&mac(&key, self.region), "s3"), "aws4_request");
        hex(&mac(&key, text))
    }

    /// An address with its signature.
    fn address(
        &self,
        method: &str,
        address: &Address,
        key: &str,
        query: &[(&str, &str)],
        validity: Validity,
        length: Option<u64>,
    ) -> String {
        let moment = spelt(self.moment, MOMENT);
        let (credential, lasts) = (self.credential(), validity.lasts.as_secs().to_string());
        let mut headers = format!("host:{}\n", address.host());
        let mut names = "host";
        if let Some(length) = length {
            headers = format!("content-length:{length}\n{headers}");
            names = "content-length;host";
        }
        let mut all = query.to_vec();
        all.extend([
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &moment),
            ("X-Amz-Expires", &lasts),
            ("X-Amz-SignedHeaders", names),
        ]);
        if let Some(token) = &self.credential.session_token {
            all.push(("X-Amz-Security-Token", token));
        }
        all.sort_unstable();
        let unsigned = address.of(key, &all);
        let (_, path_and_query) = unsigned.split_at(address.origin().len());
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let canonical = format!("{method}\n{path}\n{query}\n{headers}\n{names}\nUNSIGNED-PAYLOAD");
        let digest = hex(&Sha256::digest(canonical.as_bytes()));
        let signature = self.sign(&format!("{ALGORITHM}\n{moment}\n{}\n{digest}", self.text()));
        format!("{unsigned}&X-Amz-Signature={signature}")
    }

    /// The fields of a form.
    fn form(&self, bucket: &str, key: &MediaKey, size: u64, validity: Validity) -> Fields {
        let expires = validity.from.plus(validity.lasts).to_datetime();
        let mut fields = vec![
            ("key", key.to_string()),
            ("Content-Type", key.content_type().to_owned()),
            ("x-amz-algorithm", ALGORITHM.to_owned()),
            ("x-amz-credential", self.credential()),
            ("x-amz-date", spelt(self.moment, MOMENT)),
        ];
        if let Some(token) = &self.credential.session_token {
            fields.push(("x-amz-security-token", token.clone()));
        }
        let mut conditions: Vec<serde_json::Value> = fields
            .iter()
            .map(|(name, value)| serde_json::json!(["eq", format!("${name}"), value]))
            .collect();
        conditions.push(serde_json::json!({"bucket": bucket}));
        conditions.push(serde_json::json!(["content-length-range", size, size]));
        let policy = serde_json::json!({
            "expiration": spelt(expires, EXPIRATION),
            "conditions": conditions,
        });
        let policy = STANDARD.encode(policy.to_string());
        let signature = self.sign(&policy);
        fields.push(("policy", policy));
        fields.push(("x-amz-signature", signature));
        fields
    }
}

type Fields = Vec<(&'static str, String)>;

impl BucketStore {
    fn public(&self) -> Result<&Address> {
        self.public.as_deref().ok_or(ObjectError::Bucket {
            doing: "sign an address",
            status: 0,
            code: "browsers cannot reach this bucket".to_owned(),
        })
    }

    async fn sign(
        &self,
        method: &'static str,
        key: &MediaKey,
        query: &[(&str, &str)],
        validity: Validity,
        length: Option<u64>,
    ) -> Result<SignedRequest> {
        let credential = self.client.keys.now().await?;
        let scope = self.scope(&credential, validity);
        let address = self.public()?;
        Ok(SignedRequest {
            method,
            url: scope.address(method, address, key.as_str(), query, validity, length),
            length,
        })
    }

    fn scope<'a>(&'a self, credential: &'a Credential, validity: Validity) -> Scope<'a> {
        Scope {
            credential,
            moment: validity.from.to_datetime(),
            region: &self.options.region,
        }
    }

    async fn part(
        &self,
        id: UploadId,
        number: u32,
        span: PartSpan,
        validity: Validity,
    ) -> Result<SignedRequest> {
        let plan = self.plan(id).await?;
        if part_span(number, plan.total, plan.part_size) != Some(span) {
            return Err(ObjectError::WrongPart);
        }
        let number = number.to_string();
        let query = [("partNumber", number.as_str()), ("uploadId", &plan.upload)];
        self.sign("PUT", &plan.key, &query, validity, Some(span.size))
            .await
    }

    async fn form(&self, key: &MediaKey, size: u64, validity: Validity) -> Result<PostForm> {
        let credential = self.client.keys.now().await?;
        let scope = self.scope(&credential, validity);
        Ok(PostForm {
            url: self.public()?.of("", &[]),
            fields: scope.form(&self.options.bucket, key, size, validity),
        })
    }

    async fn read_cors(&self) -> Result<Vec<CorsRule>> {
        let ask = Ask::new(Method::GET, "", "read the CORS rules").query("cors", "");
        match self.client.ask_document::<xml::Cors>(ask).await {
            Err(ObjectError::Bucket { code, .. }) if code == "NoSuchCORSConfiguration" => {
                Ok(Vec::new())
            }
            rules => Ok(rules?.cors_rule.into_iter().map(Into::into).collect()),
        }
    }

    async fn write_cors(&self, rules: &[CorsRule]) -> Result<()> {
        const DOING: &str = "set the CORS rules";
        let body = Bytes::from(xml::cors(rules));
        let (name, digest) = content_md5(&body);
        let ask = Ask::new(Method::PUT, "", DOING)
            .query("cors", "")
            .header(name, digest)
            .body(body);
        document(DOING, self.client.ask(ask).await?)
            .await
            .map(|_| ())
    }
}

impl DirectAccess for BucketStore {
    fn origin(&self) -> String {
        let public = self.public.as_deref();
        public.map_or_else(String::new, |public| public.origin().to_owned())
    }

    fn sign_get<'a>(
        &'a self,
        key: &'a MediaKey,
        validity: Validity,
    ) -> BoxFuture<'a, Result<SignedRequest>> {
        self.sign("GET", key, &[], validity, None).boxed()
    }

    fn sign_put<'a>(
        &'a self,
        key: &'a MediaKey,
        size: u64,
        validity: Validity,
    ) -> BoxFuture<'a, Result<SignedRequest>> {
        self.sign("PUT", key, &[], validity, Some(size)).boxed()
    }

    fn sign_part(
        &self,
        id: UploadId,
        number: u32,
        span: PartSpan,
        validity: Validity,
    ) -> BoxFuture<'_, Result<SignedRequest>> {
        self.part(id, number, span, validity).boxed()
    }

    fn sign_form<'a>(
        &'a self,
        key: &'a MediaKey,
        size: u64,
        validity: Validity,
    ) -> BoxFuture<'a, Result<PostForm>> {
        self.form(key, size, validity).boxed()
    }

    fn cors(&self) -> BoxFuture<'_, Result<Vec<CorsRule>>> {
        self.read_cors().boxed()
    }

    fn set_cors<'a>(&'a self, rules: &'a [CorsRule]) -> BoxFuture<'a, Result<()>> {
        self.write_cors(rules).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use virga_core::Timestamp;

    use super::*;
    use crate::Addressing;

    /// The example of the AWS documentation, "Authenticating Requests: Using Query Parameters".
    #[test]
    fn the_documented_example_is_signed_as_documented() {
        let credential = Credential {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
            expires_in: None,
        };
        let validity = Validity {
            from: Timestamp::from_seconds(1_369_353_600),
            lasts: Duration::from_secs(86_400),
        };
        let scope = Scope {
            credential: &credential,
            moment: validity.from.to_datetime(),
            region: "us-east-1",
        };
        let bucket = "examplebucket";
        let address = Address::new("https://s3.amazonaws.com", bucket, Addressing::Virtual);
        let url = scope.address("GET", &address.unwrap(), "test.txt", &[], validity, None);
        let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(url.ends_with(signature), "{url}");
        assert!(
            url.starts_with("https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=")
        );
    }
}

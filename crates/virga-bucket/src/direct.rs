//! Signatures that others use: addresses (signature V4 in the query) and forms (POST policy, or
//! Kodo's token), made for the endpoint that browsers reach; and the rules that let them use it.

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::Method;
use reqsign_aws_v4::Credential;
use virga_core::{
    MediaKey, UploadId,
    upload::{PartSpan, part_span},
};

use super::{
    BucketStore, Dialect,
    client::{Ask, document},
    kodo, oss,
    signature::{self, Scope},
    url::BucketUrl,
    write::content_md5,
    xml,
};
use virga_objects::{
    Callback, CorsRule, DirectAccess, ObjectError, PostForm, Result, SignedRequest, Validity,
};

impl BucketStore {
    fn public(&self) -> Result<&BucketUrl> {
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
        let (address, lasts) = (self.public()?, validity.lasts.as_secs());
        let url = match self.client.dialect {
            Dialect::Oss => {
                let key = self.client.resource(key.as_str());
                oss::address(&scope, method, address, key, query, lasts, length)
            }
            Dialect::S3 | Dialect::Kodo => {
                let key = key.as_str();
                signature::s3_address(&scope, method, address, key, query, lasts, length)
            }
        };
        Ok(SignedRequest {
            method,
            url,
            length,
        })
    }

    fn scope<'a>(&'a self, credential: &'a Credential, validity: Validity) -> Scope<'a> {
        Scope {
            chain: match self.client.dialect {
                Dialect::Oss => &signature::OSS,
                Dialect::S3 | Dialect::Kodo => &signature::S3,
            },
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

    async fn form(
        &self,
        key: &MediaKey,
        size: u64,
        validity: Validity,
        tell: Option<&str>,
    ) -> Result<PostForm> {
        let credential = self.client.keys.now().await?;
        if let Some(forms) = &self.client.kodo_forms {
            return Ok(PostForm {
                url: forms.url(),
                fields: kodo::form(forms, &credential, key, size, validity, tell),
            });
        }
        let (scope, bucket) = (self.scope(&credential, validity), &self.options.bucket);
        Ok(PostForm {
            url: self.public()?.of("", &[]),
            fields: match self.client.dialect {
                Dialect::Oss => oss::form(&scope, bucket, key, size, validity, tell),
                Dialect::S3 | Dialect::Kodo => {
                    signature::s3_form(&scope, bucket, key, size, validity)
                }
            },
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
        let body = Bytes::from(xml::cors(self.client.dialect, rules));
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

    fn sign_download<'a>(
        &'a self,
        key: &'a MediaKey,
        disposition: &'a str,
        validity: Validity,
    ) -> BoxFuture<'a, Result<SignedRequest>> {
        let sign = async move {
            let query = [("response-content-disposition", disposition)];
            self.sign("GET", key, &query, validity, None).await
        };
        sign.boxed()
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
        tell: Option<&'a str>,
    ) -> BoxFuture<'a, Result<PostForm>> {
        self.form(key, size, validity, tell).boxed()
    }

    fn reporter(&self) -> Option<&'static str> {
        match self.client.dialect {
            Dialect::Oss => Some("oss"),
            Dialect::Kodo => self.client.kodo_forms.as_ref().map(|_| "kodo"),
            Dialect::S3 => None,
        }
    }

    fn verify_callback<'a>(
        &'a self,
        report: Callback<'a>,
    ) -> BoxFuture<'a, Result<Option<MediaKey>>> {
        self.object_of(report).boxed()
    }

    fn cors(&self) -> BoxFuture<'_, Result<Vec<CorsRule>>> {
        self.read_cors().boxed()
    }

    fn set_cors<'a>(&'a self, rules: &'a [CorsRule]) -> BoxFuture<'a, Result<()>> {
        self.write_cors(rules).boxed()
    }
}

//! Signatures that others use: addresses (signature V4 in the query) and forms (POST policy, or
//! Kodo's token), made for the endpoint that browsers reach; and the rules that let them use it.

use async_trait::async_trait;
use http::Method;
use reqsign_aws_v4::Credential;
use virga_core::{MediaKey, UploadId, upload::PartSpan};

use super::{
    BucketStore, Dialect,
    client::{BucketRequest, document},
    kodo, oss,
    retry::unexpected,
    signature::{self, Scope},
    url::BucketUrl,
    xml,
};
use virga_objects::{
    Callback, CorsRule, DirectAccess, ObjectError, PostForm, Result, SignedRequest, Validity,
};

impl BucketStore {
    fn public(&self) -> Result<&BucketUrl> {
        let none = || unexpected("sign an address", 0, "browsers cannot reach this bucket");
        self.public.as_deref().ok_or_else(none)
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
}

#[async_trait]
impl DirectAccess for BucketStore {
    fn origin(&self) -> String {
        let public = self.public.as_deref();
        public.map_or_else(String::new, |public| public.origin().to_owned())
    }

    async fn sign_get(&self, key: &MediaKey, validity: Validity) -> Result<SignedRequest> {
        self.sign("GET", key, &[], validity, None).await
    }

    async fn sign_download(
        &self,
        key: &MediaKey,
        disposition: &str,
        validity: Validity,
    ) -> Result<SignedRequest> {
        let query = [("response-content-disposition", disposition)];
        self.sign("GET", key, &query, validity, None).await
    }

    async fn sign_put(
        &self,
        key: &MediaKey,
        size: u64,
        validity: Validity,
    ) -> Result<SignedRequest> {
        self.sign("PUT", key, &[], validity, Some(size)).await
    }

    async fn sign_part(
        &self,
        id: UploadId,
        number: u32,
        span: PartSpan,
        validity: Validity,
    ) -> Result<SignedRequest> {
        let session = self.session(id).await?;
        session.plan.check_span(number, span)?;
        let number = number.to_string();
        let query = [
            ("partNumber", number.as_str()),
            ("uploadId", &session.upload),
        ];
        self.sign("PUT", &session.plan.key, &query, validity, Some(span.size))
            .await
    }

    async fn sign_form(
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

    fn reporter(&self) -> Option<&'static str> {
        match self.client.dialect {
            Dialect::Oss => Some("oss"),
            Dialect::Kodo => self.client.kodo_forms.as_ref().map(|_| "kodo"),
            Dialect::S3 => None,
        }
    }

    async fn verify_callback(&self, report: Callback<'_>) -> Result<Option<MediaKey>> {
        self.object_of(report).await
    }

    async fn cors(&self) -> Result<Vec<CorsRule>> {
        let request = BucketRequest::new(Method::GET, "", "read the CORS rules").query("cors", "");
        match self.client.fetch_document::<xml::Cors>(request).await {
            Err(ObjectError::Bucket { code, .. }) if code == "NoSuchCORSConfiguration" => {
                Ok(Vec::new())
            }
            rules => Ok(rules?.cors_rule.into_iter().map(Into::into).collect()),
        }
    }

    async fn set_cors(&self, rules: &[CorsRule]) -> Result<()> {
        const DOING: &str = "set the CORS rules";
        let request = BucketRequest::new(Method::PUT, "", DOING)
            .query("cors", "")
            .document(xml::cors(self.client.dialect, rules));
        document(DOING, self.client.send(request).await?).await?;
        Ok(())
    }
}

//! What lets a browser talk to the bucket itself: addresses and forms that are signed for one
//! object, one size and a while. Only stores that browsers can reach have it.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use http::HeaderMap;
use virga_core::{MediaKey, Timestamp, UploadId, upload::PartSpan};

use crate::Result;

/// Direct access as every state holds it.
pub type SharedDirect = Arc<dyn DirectAccess>;

/// From when and for how long a signature is good. The bucket refuses it before, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Whole seconds count.
    pub from: Timestamp,
    /// At most 7 days.
    pub lasts: Duration,
}

/// A request that anyone may send unchanged; any change invalidates it.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// `GET` or `PUT`.
    pub method: &'static str,
    /// The address with its signature.
    pub url: String,
    /// Bytes of the body, which are signed; `None` without a body.
    pub length: Option<u64>,
}

impl fmt::Debug for SignedRequest {
    /// Without the signature: who reads a log should not be able to use it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.url.split('?').next().unwrap_or_default();
        write!(f, "SignedRequest({} {plain})", self.method)
    }
}

/// A form that takes exactly one file of exactly one size.
#[derive(Clone, PartialEq, Eq)]
pub struct PostForm {
    /// Where it goes, as `multipart/form-data`.
    pub url: String,
    /// The fields before `file`.
    pub fields: Vec<(&'static str, String)>,
}

impl fmt::Debug for PostForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostForm({})", self.url)
    }
}

/// A bucket service's callback about a form upload: its request, unchanged.
#[derive(Clone, Copy, Debug)]
pub struct Callback<'a> {
    /// Path and query that it asked for.
    pub target: &'a str,
    /// With its signature.
    pub headers: &'a HeaderMap,
    /// `bucket=…&object=…`
    pub body: &'a [u8],
}

/// Who may talk to the bucket from pages of another origin (CORS).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsRule {
    /// Scheme, host and port of the pages.
    pub origins: Vec<String>,
    /// Methods in capitals.
    pub methods: Vec<String>,
    /// Request headers.
    pub headers: Vec<String>,
    /// Answer headers that scripts may read.
    pub expose: Vec<String>,
    /// How long a browser need not ask again, seconds.
    pub max_age: u32,
}

impl CorsRule {
    /// What uploads and players of these origins need.
    pub fn of_site(origins: Vec<String>) -> Self {
        let all = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            origins,
            methods: all(&["GET", "HEAD", "PUT", "POST"]),
            headers: all(&["content-type", "range"]),
            expose: all(&["ETag", "Content-Range", "Content-Length"]),
            max_age: 600,
        }
    }

    /// Whether pages of this origin may do this.
    pub fn admits(&self, origin: &str, method: &str) -> bool {
        let matches = |pattern: &String| match pattern.split_once('*') {
            None => pattern == origin,
            Some((head, tail)) => {
                origin.len() >= head.len() + tail.len()
                    && origin.starts_with(head)
                    && origin.ends_with(tail)
            }
        };
        self.origins.iter().any(matches) && self.methods.iter().any(|it| it == method)
    }
}

/// A store that browsers reach.
#[async_trait]
pub trait DirectAccess: fmt::Debug + Send + Sync + 'static {
    /// Scheme, host and port that browsers talk to.
    fn origin(&self) -> String;

    /// Reading an object, ranges included.
    async fn sign_get(&self, key: &MediaKey, validity: Validity) -> Result<SignedRequest>;

    /// The same, answered with this `Content-Disposition`.
    async fn sign_download(
        &self,
        key: &MediaKey,
        disposition: &str,
        validity: Validity,
    ) -> Result<SignedRequest>;

    /// Writing a whole object of this size.
    async fn sign_put(
        &self,
        key: &MediaKey,
        size: u64,
        validity: Validity,
    ) -> Result<SignedRequest>;

    /// Sending one part of an open session.
    async fn sign_part(
        &self,
        id: UploadId,
        number: u32,
        span: PartSpan,
        validity: Validity,
    ) -> Result<SignedRequest>;

    /// Writing a whole object of this size by a form. `tell`: the address that the service calls back
    /// afterwards, if it can.
    async fn sign_form(
        &self,
        key: &MediaKey,
        size: u64,
        validity: Validity,
        tell: Option<&str>,
    ) -> Result<PostForm>;

    /// Name of the callback service, or `None` if callbacks are unsupported.
    fn reporter(&self) -> Option<&'static str>;

    /// The object that a report names; `None`: it is not the service's.
    async fn verify_callback(&self, report: Callback<'_>) -> Result<Option<MediaKey>>;

    /// The bucket's rules for pages of other origins.
    async fn cors(&self) -> Result<Vec<CorsRule>>;

    /// Replaces them.
    async fn set_cors(&self, rules: &[CorsRule]) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_admits_its_origins_and_methods_alone() {
        let rule = |origin: &str| CorsRule {
            origins: vec![origin.to_owned()],
            methods: vec!["GET".to_owned()],
            ..CorsRule::default()
        };
        let pages = "https://videos.example";
        for open in [
            pages,
            "*",
            "https://*",
            "https://*.example",
            "https://v*s.example",
        ] {
            assert!(rule(open).admits(pages, "GET"), "{open}");
            assert!(!rule(open).admits(pages, "PUT"), "{open}");
        }
        for other in [
            "",
            "http://videos.example",
            "https://videos.example:444",
            "https://a.*",
        ] {
            assert!(!rule(other).admits(pages, "GET"), "{other}");
        }
    }
}

//! Where a bucket's objects are: endpoint, addressing and the addresses that follow.

use http::Uri;
use serde::{Deserialize, Serialize};
use virga_core::text::percent_encoded;

use super::Dialect;

/// Which part of the URL contains the bucket's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BucketAddressing {
    /// `https://endpoint/bucket/key`: what servers of one's own take.
    Path,
    /// `https://bucket.endpoint/key`: what clouds take.
    Virtual,
    /// `https://endpoint/key`: the endpoint is a name of the bucket's own.
    Domain,
}

/// What is wrong with a bucket's settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBucket {
    /// The endpoint is no address.
    #[error("the endpoint {0:?} must be http:// or https:// and a host, without a path")]
    Endpoint(String),
    /// The name is none.
    #[error(
        "the bucket's name {0:?} must have 3 to 63 small letters, digits, dots and hyphens, and begin and end with a letter or digit"
    )]
    Name(String),
    /// Something else that is missing or wrong.
    #[error("{0}")]
    Other(&'static str),
}

/// A bucket seen from one side. Keys hold nothing that would have to be escaped in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BucketUrl {
    /// Scheme and authority.
    origin: String,
    /// `/bucket`, or nothing.
    path: String,
    /// Whether a name without a value is written without `=`, as OSS signs it.
    bare: bool,
}

impl BucketUrl {
    pub(super) fn new(
        endpoint: &str,
        bucket: &str,
        addressing: BucketAddressing,
        dialect: Dialect,
    ) -> Result<Self, InvalidBucket> {
        let bad = || InvalidBucket::Endpoint(endpoint.to_owned());
        let uri: Uri = endpoint.parse().map_err(|_| bad())?;
        let scheme = uri
            .scheme_str()
            .filter(|it| matches!(*it, "http" | "https"));
        let (scheme, authority) = scheme.zip(uri.authority()).ok_or_else(bad)?;
        if !matches!(uri.path(), "" | "/")
            || uri.query().is_some()
            || authority.as_str().contains('@')
        {
            return Err(bad());
        }
        if !is_bucket(bucket) {
            return Err(InvalidBucket::Name(bucket.to_owned()));
        }
        let (origin, path) = match addressing {
            BucketAddressing::Path => (format!("{scheme}://{authority}"), format!("/{bucket}")),
            BucketAddressing::Domain => (format!("{scheme}://{authority}"), String::new()),
            BucketAddressing::Virtual => {
                (format!("{scheme}://{bucket}.{authority}"), String::new())
            }
        };
        Ok(Self {
            origin,
            path,
            bare: dialect == Dialect::Oss,
        })
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// Host and port as the header `Host` has them.
    pub(super) fn host(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, host)| host)
    }

    /// The address of a key, or of the bucket itself where it is empty.
    pub(super) fn of(&self, key: &str, query: &[(&str, &str)]) -> String {
        let mut url = format!("{}{}", self.origin, self.path);
        if !key.is_empty() || self.path.is_empty() {
            url.push('/');
        }
        url.push_str(key);
        for (n, (name, value)) in query.iter().enumerate() {
            url.push(if n == 0 { '?' } else { '&' });
            url.push_str(name);
            if !(self.bare && value.is_empty()) {
                url.push('=');
                url.push_str(&percent_encoded(value));
            }
        }
        url
    }
}

fn is_bucket(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|&b| inner(b) || matches!(b, b'.' | b'-'))
        && [bytes.first(), bytes.last()]
            .iter()
            .all(|b| b.is_some_and(|&b| inner(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_addressing() {
        let path = BucketUrl::new(
            "http://127.0.0.1:8333/",
            "site",
            BucketAddressing::Path,
            Dialect::S3,
        )
        .unwrap();
        assert_eq!(path.of("v/a/b", &[]), "http://127.0.0.1:8333/site/v/a/b");
        assert_eq!(
            path.of("", &[("uploads", ""), ("prefix", "v/ä")]),
            "http://127.0.0.1:8333/site?uploads=&prefix=v%2F%C3%A4"
        );
        let host = BucketUrl::new(
            "https://s3.example",
            "my-site",
            BucketAddressing::Virtual,
            Dialect::S3,
        )
        .unwrap();
        assert_eq!(host.of("v/a", &[]), "https://my-site.s3.example/v/a");
        let own = BucketUrl::new(
            "https://media.example",
            "site",
            BucketAddressing::Domain,
            Dialect::Oss,
        )
        .unwrap();
        assert_eq!(own.of("v/a", &[]), "https://media.example/v/a");
        assert_eq!(
            own.of("", &[("uploads", ""), ("a", "1")]),
            "https://media.example/?uploads&a=1"
        );
        assert_eq!(
            (own.origin(), own.host()),
            ("https://media.example", "media.example")
        );
        assert_eq!(
            host.of("", &[("a", "1")]),
            "https://my-site.s3.example/?a=1"
        );
    }

    #[test]
    fn what_is_no_bucket_is_said() {
        for endpoint in [
            "",
            "s3.example",
            "ftp://h",
            "https://h/path",
            "https://u:p@h",
            "https://h?x",
        ] {
            let refused = BucketUrl::new(endpoint, "site", BucketAddressing::Path, Dialect::S3);
            assert!(
                matches!(refused, Err(InvalidBucket::Endpoint(_))),
                "{endpoint}"
            );
        }
        for name in ["", "ab", "Site", "a/b", "-site", "site.", &"a".repeat(64)] {
            let refused = BucketUrl::new("https://h", name, BucketAddressing::Path, Dialect::S3);
            assert!(matches!(refused, Err(InvalidBucket::Name(_))), "{name}");
        }
    }
}

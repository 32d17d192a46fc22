//! What the services differ in: names of headers, limits, and where a region's service is.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};

use super::url::BucketAddressing;

/// What a bucket's service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Amazon's, and of all that are compatible.
    S3,
    /// Aliyun OSS's own, with signature V4.
    Oss,
    /// Qiniu Kodo: Amazon's for all but forms, which take an upload token.
    Kodo,
}

const OSS_HOSTS: &str = ".aliyuncs.com";
const KODO_HOSTS: &str = ".qiniucs.com";

fn host(endpoint: &str) -> &str {
    let host = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest);
    host.split(['/', ':']).next().unwrap_or_default()
}

impl Dialect {
    /// Where the service of a region is, as all can reach it.
    pub fn endpoint(self, region: &str) -> String {
        match self {
            Self::S3 => format!("https://s3.{region}.amazonaws.com"),
            Self::Oss => format!("https://oss-{region}.aliyuncs.com"),
            Self::Kodo => format!("https://s3.{region}.qiniucs.com"),
        }
    }

    /// The region that an endpoint's name says; `None` where it says none.
    pub fn region_of(self, endpoint: &str) -> Option<String> {
        let host = host(endpoint);
        let region = match self {
            Self::S3 => {
                let name = host.strip_suffix(".amazonaws.com")?;
                name.strip_prefix("s3.")?
            }
            Self::Oss => {
                let name = host.strip_suffix(OSS_HOSTS)?;
                match name.strip_prefix("oss-") {
                    // One name for all regions.
                    Some("accelerate" | "accelerate-overseas") => return None,
                    Some(region) => region.strip_suffix("-internal").unwrap_or(region),
                    None => name.strip_suffix(".oss")?,
                }
            }
            Self::Kodo => {
                let name = host.strip_suffix(KODO_HOSTS)?;
                name.strip_prefix("s3.")
                    .or_else(|| name.strip_prefix("s3-"))?
            }
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (!region.is_empty() && region.bytes().all(fits)).then(|| region.to_owned())
    }

    /// The default addressing. Clouds expect the bucket's name in the host; self-hosted servers rarely
    /// have a host name for each bucket.
    pub fn addressing(self, endpoint_is_named: bool) -> BucketAddressing {
        match self {
            Self::S3 if endpoint_is_named => BucketAddressing::Path,
            _ => BucketAddressing::Virtual,
        }
    }

    /// Where Kodo takes forms of a region: its older regions have names of their own there.
    pub fn form_endpoint(self, region: &str) -> Option<String> {
        if self != Self::Kodo {
            return None;
        }
        Some(match region {
            "cn-east-1" => "https://upload.qiniup.com".to_owned(),
            "cn-north-1" => "https://upload-z1.qiniup.com".to_owned(),
            "cn-south-1" => "https://upload-z2.qiniup.com".to_owned(),
            "us-north-1" => "https://upload-na0.qiniup.com".to_owned(),
            "ap-southeast-1" => "https://upload-as0.qiniup.com".to_owned(),
            other => format!("https://upload-{other}.qiniup.com"),
        })
    }

    /// Whether this is a name of the service's own in mainland China, where data of buckets of
    /// newer accounts is given out under domains of their owners' only.
    pub(super) fn is_mainland_name(self, endpoint: &str) -> bool {
        let region = self.region_of(endpoint);
        let mainland = region.is_some_and(|it| it.starts_with("cn-") && it != "cn-hongkong");
        self == Self::Oss && mainland && !self.is_internal_name(endpoint)
    }

    /// Whether only machines of the service's own region reach this name.
    pub(super) fn is_internal_name(self, endpoint: &str) -> bool {
        let name = host(endpoint).strip_suffix(OSS_HOSTS);
        self == Self::Oss && name.is_some_and(|name| name.ends_with("-internal"))
    }

    /// Bytes that a part other than the last must have.
    pub(super) fn least_part(self) -> u64 {
        match self {
            Self::Oss => 100 * 1024,
            Self::S3 | Self::Kodo => 5 * super::MIB,
        }
    }

    /// The header of a write that must not replace anything.
    pub(super) fn create_only(self) -> (HeaderName, HeaderValue) {
        match self {
            Self::Oss => (
                HeaderName::from_static("x-oss-forbid-overwrite"),
                HeaderValue::from_static("true"),
            ),
            Self::S3 | Self::Kodo => (header::IF_NONE_MATCH, HeaderValue::from_static("*")),
        }
    }

    /// What a request needs beyond what it asks for.
    pub(super) fn complete(self, headers: &mut HeaderMap) {
        // Without it OSS answers a range that it does not understand with the whole object.
        if self == Self::Oss && headers.contains_key(header::RANGE) {
            headers.insert(
                HeaderName::from_static("x-oss-range-behavior"),
                HeaderValue::from_static("standard"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_read_from_an_endpoints_name() {
        let oss = |host: &str| Dialect::Oss.region_of(&format!("https://{host}.aliyuncs.com"));
        for host in [
            "oss-cn-hangzhou",
            "oss-cn-hangzhou-internal",
            "cn-hangzhou.oss",
        ] {
            assert_eq!(oss(host).as_deref(), Some("cn-hangzhou"), "{host}");
        }
        for host in [
            "oss-accelerate",
            "oss-accelerate-overseas",
            "oss-",
            "ecs",
            "a.b.oss",
        ] {
            assert_eq!(oss(host), None, "{host}");
        }
        assert_eq!(Dialect::Oss.region_of("https://media.example"), None);
        for (dialect, region) in [
            (Dialect::S3, "eu-central-1"),
            (Dialect::Oss, "cn-beijing"),
            (Dialect::Kodo, "cn-east-2"),
        ] {
            let endpoint = dialect.endpoint(region);
            assert_eq!(dialect.region_of(&endpoint).as_deref(), Some(region));
        }
        let kodo = Dialect::Kodo.region_of("http://s3-cn-east-1.qiniucs.com:80/");
        assert_eq!(kodo.as_deref(), Some("cn-east-1"));
    }

    #[test]
    fn names_that_mainland_browsers_may_not_use_are_known() {
        let mainland = |host: &str| Dialect::Oss.is_mainland_name(host);
        assert!(mainland("https://oss-cn-hangzhou.aliyuncs.com"));
        assert!(mainland("http://cn-shanghai.oss.aliyuncs.com"));
        assert!(!mainland("https://oss-cn-hongkong.aliyuncs.com"));
        assert!(!mainland("https://oss-cn-hangzhou-internal.aliyuncs.com"));
        assert!(!mainland("https://oss-eu-central-1.aliyuncs.com"));
        assert!(!mainland("https://media.example"));
    }
}

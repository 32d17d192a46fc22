//! Addresses of a CDN before the bucket, signed the way Alibaba Cloud CDN checks them ("URL
//! signing", types A and C); most others know one of the two by another name.

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use virga_core::{MediaKey, keys::hex};

use virga_objects::Validity;

/// How addresses are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CdnSigning {
    /// Not at all: for a CDN that serves public videos only.
    #[default]
    None,
    /// `?auth_key={timestamp}-0-0-{md5}`.
    A,
    /// `/{md5}/{timestamp}/path`, the timestamp hexadecimal.
    C,
}

/// A CDN whose origin is the bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct Cdn {
    /// Scheme and host, without a slash at the end.
    pub url: String,
    /// How.
    pub signing: CdnSigning,
    /// The key that it shares with us; empty without signing.
    pub key: String,
}

impl std::fmt::Debug for Cdn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cdn({}, {:?})", self.url, self.signing)
    }
}

impl Cdn {
    /// Whether an address alone is not enough.
    pub fn signs(&self) -> bool {
        self.signing != CdnSigning::None
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.url.clone()
    }

    /// The address of an object. The CDN adds the life that it is configured with to the timestamp:
    /// that setting and `delivery.signed_seconds` are one number.
    pub fn url(&self, key: &MediaKey, validity: Validity) -> String {
        self.sign(&format!("/{key}"), validity.from.0 / 1_000_000)
    }

    fn sign(&self, path: &str, at: i64) -> String {
        let (url, key) = (&self.url, &self.key);
        let digest = |text: String| hex(&Md5::digest(text.as_bytes()));
        match self.signing {
            CdnSigning::None => format!("{url}{path}"),
            CdnSigning::A => {
                let sign = digest(format!("{path}-{at}-0-0-{key}"));
                format!("{url}{path}?auth_key={at}-0-0-{sign}")
            }
            CdnSigning::C => {
                let sign = digest(format!("{key}{path}{at:X}"));
                format!("{url}/{sign}/{at:X}{path}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the CDN's documentation ("Type A signing", "Type C signing").
    #[test]
    fn the_documented_examples_are_signed_as_documented() {
        let cdn = |signing, key: &str| Cdn {
            url: "http://domain.example".to_owned(),
            signing,
            key: key.to_owned(),
        };
        assert_eq!(
            cdn(CdnSigning::A, "aliyuncdnexp1234").sign("/video/standard/1K.html", 1_444_435_200),
            "http://domain.example/video/standard/1K.html\
             ?auth_key=1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f"
        );
        assert_eq!(
            cdn(CdnSigning::C, "aliyuncdnexp1234").sign("/test.flv", 0x55CE_8100),
            "http://domain.example/a37fa50a5fb8f71214b1e7c95ec7a1bd/55CE8100/test.flv"
        );
    }
}

//! The section `delivery.*`.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use virga_delivery::{CdnSigning, DeliveryMode, DeliveryOptions, UploadRoute};

/// `delivery.*`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DeliveryConfig {
    /// `auto`, `proxy`, `redirect`, `direct` or `cdn`.
    pub(crate) mode: DeliveryMode,
    /// The same, for unlisted and private videos; `auto`: `redirect` where public ones go `direct`.
    pub(crate) private_mode: DeliveryMode,
    /// `auto`, `proxy` or `direct`: how files come in.
    pub(crate) uploads: UploadRoute,
    /// Life of an address in a playlist. What is withdrawn can be read by who has one until then.
    pub(crate) signed_seconds: u64,
    /// Life of an address in a redirect.
    pub(crate) redirect_seconds: u64,
    /// Whether playlists write an address out in each line, for players that do not know
    /// `EXT-X-DEFINE`: of an hour they then have two megabytes rather than a tenth of one.
    pub(crate) full_addresses: bool,
    /// Whether Aliyun OSS or Kodo calls the site at `http.public_url` after each form upload: the upload
    /// is then completed even if its browser has gone. Only where they can reach that address.
    pub(crate) callbacks: bool,
    /// The CDN before the bucket, `https://…`.
    pub(crate) cdn_url: Option<String>,
    /// `none`, `a` or `c`: how it checks addresses.
    pub(crate) cdn_sign: CdnSigning,
    /// File whose first line is the key that the CDN shares.
    pub(crate) cdn_key_file: Option<PathBuf>,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        let usual = DeliveryOptions::default();
        Self {
            mode: usual.mode,
            private_mode: usual.private_mode,
            uploads: usual.uploads,
            signed_seconds: usual.signed_for.as_secs(),
            redirect_seconds: usual.redirect_for.as_secs(),
            full_addresses: usual.full_addresses,
            callbacks: usual.callbacks,
            cdn_url: None,
            cdn_sign: CdnSigning::None,
            cdn_key_file: None,
        }
    }
}

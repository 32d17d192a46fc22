//! `delivery.*`: which way bytes go, as the settings say.

use anyhow::{Context, anyhow};
use http::Uri;
use serde::{Deserialize, Serialize};
use std::{fs, path::PathBuf, sync::Arc, time::Duration};
use virga_core::SharedClock;
use virga_delivery::{Cdn, CdnSigning, Delivery, DeliveryMode, DeliveryOptions, UploadWay};
use virga_http::origin::SiteOrigin;
use virga_objects::SharedDirect;

use crate::objects::Objects;

/// `delivery.*`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DeliveryConfig {
    /// `auto`, `proxy`, `redirect`, `direct` or `cdn`.
    pub(crate) mode: DeliveryMode,
    /// The same, for unlisted and private videos; `auto`: `redirect` where public ones go `direct`.
    pub(crate) private_mode: DeliveryMode,
    /// `auto`, `proxy` or `direct`: how files come in.
    pub(crate) uploads: UploadWay,
    /// Life of an address in a playlist. What is withdrawn can be read by who has one until then.
    pub(crate) signed_seconds: u64,
    /// Life of an address in a redirect.
    pub(crate) redirect_seconds: u64,
    /// Whether playlists write an address out in each line, for players that do not know
    /// `EXT-X-DEFINE`: of an hour they then have two megabytes rather than a tenth of one.
    pub(crate) full_addresses: bool,
    /// Whether Aliyun OSS or Kodo tells the site at `http.public_url` of files that its forms brought:
    /// an upload is then whole though its browser has gone. Only where they can reach that address.
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

/// Puts it together.
pub(crate) fn open(
    config: &DeliveryConfig,
    objects: &Objects,
    origin: &SiteOrigin,
    clock: SharedClock,
) -> anyhow::Result<Delivery> {
    let reached = objects
        .bucket
        .clone()
        .filter(virga_bucket::BucketStore::is_public);
    let direct = reached.map(|bucket| Arc::new(bucket) as SharedDirect);
    let options = options(config, origin)?;
    Delivery::new(options, direct, clock).context("in the settings delivery.*")
}

/// What the settings ask for.
pub(crate) fn options(
    config: &DeliveryConfig,
    origin: &SiteOrigin,
) -> anyhow::Result<DeliveryOptions> {
    Ok(DeliveryOptions {
        mode: config.mode,
        private_mode: config.private_mode,
        uploads: config.uploads,
        signed_for: Duration::from_secs(config.signed_seconds),
        redirect_for: Duration::from_secs(config.redirect_seconds),
        full_addresses: config.full_addresses,
        callbacks: config.callbacks,
        pages: origin.0.as_ref().map(origin_of),
        cdn: cdn(config)?,
    })
}

fn origin_of(url: &Uri) -> String {
    let (scheme, host) = (url.scheme_str(), url.authority());
    format!(
        "{}://{}",
        scheme.unwrap_or("http"),
        host.map_or("", |it| it.as_str())
    )
}

fn cdn(config: &DeliveryConfig) -> anyhow::Result<Option<Cdn>> {
    let Some(text) = &config.cdn_url else {
        return Ok(None);
    };
    let bad = || {
        anyhow!("delivery.cdn_url {text:?} must be https:// or http:// and a host, without a path")
    };
    let url: Uri = text.parse().map_err(|_| bad())?;
    let fine = matches!(url.scheme_str(), Some("http" | "https"))
        && url.authority().is_some()
        && matches!(url.path(), "" | "/");
    if !fine {
        return Err(bad());
    }
    let key = match (&config.cdn_key_file, config.cdn_sign) {
        (_, CdnSigning::None) => String::new(),
        (None, _) => return Err(anyhow!("delivery.cdn_sign needs delivery.cdn_key_file")),
        (Some(file), _) => {
            let content = fs::read_to_string(file)
                .with_context(|| format!("cannot read delivery.cdn_key_file {}", file.display()))?;
            content.lines().next().unwrap_or_default().trim().to_owned()
        }
    };
    Ok(Some(Cdn {
        url: origin_of(&url),
        signing: config.cdn_sign,
        key,
    }))
}

//! `delivery.*`: which way bytes go, as the settings say.

use anyhow::{Context, anyhow};
use http::Uri;
use std::{fs, sync::Arc, time::Duration};
use virga_core::SharedClock;
use virga_delivery::{Cdn, CdnSigning, Delivery, DeliveryOptions};
use virga_http::origin::SiteOrigin;
use virga_objects::SharedDirect;

use crate::{config::DeliveryConfig, objects::Objects};

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

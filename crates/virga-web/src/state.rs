//! What every handler shares.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use virga_client::{ApiCaller, ApiClient, ClientError};
use virga_core::{SharedClock, SharedEntropy, Timestamp, wire::Site};
use virga_http::origin::SiteOrigin;

use crate::WebConfig;

/// The parts of the web role. Cheap to clone.
#[derive(Clone, Debug)]
pub struct WebState {
    pub(crate) api: ApiClient,
    pub(crate) origin: SiteOrigin,
    pub(crate) clock: SharedClock,
    pub(crate) entropy: SharedEntropy,
    pub(crate) config: Arc<WebConfig>,
    site: Arc<Mutex<Option<(Timestamp, Site)>>>,
}

impl WebState {
    /// Pages over this API. `origin` decides the cookie's name and flags.
    pub fn new(
        api: ApiClient,
        origin: SiteOrigin,
        clock: SharedClock,
        entropy: SharedEntropy,
        config: WebConfig,
    ) -> Self {
        Self {
            api,
            origin,
            clock,
            entropy,
            config: Arc::new(config),
            site: Arc::default(),
        }
    }

    /// The site's settings, at most `site_seconds` old; older ones only where the API is down.
    pub(crate) async fn site(&self, api: &ApiCaller) -> Result<Site, ClientError> {
        let (now, life) = (
            self.clock.now(),
            Duration::from_secs(self.config.site_seconds),
        );
        let kept = self.cached_site();
        if let Some((at, site)) = &kept
            && now.since(*at) < life
        {
            return Ok(site.clone());
        }
        let site = api.site().await?;
        *self.site.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, site.clone()));
        Ok(site)
    }

    /// The last known state of the site, however old.
    pub(crate) fn cached_site(&self) -> Option<(Timestamp, Site)> {
        self.site
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// After a change made through this very process.
    pub(crate) fn forget_site(&self) {
        *self.site.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

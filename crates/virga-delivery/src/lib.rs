//! Which way bytes go between people and the store: through the nodes, or straight between browser
//! and bucket (or its CDN). Ways of the latter kind are addresses that end by themselves.

mod cdn;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use virga_core::{MediaKey, ObjectClass, Reloadable, SharedClock, Timestamp, paths};

use virga_objects::{Callback, ObjectError, PostForm, Result, SharedDirect, Validity};

pub use cdn::{Cdn, CdnSigning};

/// How long a look at the bucket's CORS rules counts.
const RULES_KEPT: Duration = Duration::from_secs(300);
/// And one that found no rule, or no answer: who has just set it should not wait.
const REFUSAL_KEPT: Duration = Duration::from_secs(20);
/// What a bucket gets to tell its rules before a viewer stops waiting for them.
const PATIENCE: Duration = Duration::from_secs(3);

/// `delivery.mode`: how media goes to viewers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryMode {
    /// `direct` where browsers reach the bucket and its CORS rules admit the site, else `proxy`.
    #[default]
    Auto,
    /// Through stream, segment by segment.
    Proxy,
    /// Stream answers each request with an address of the bucket that lives for minutes.
    Redirect,
    /// Playlists name an address of the bucket that lives for an hour or two.
    Direct,
    /// Playlists name an address of a CDN before the bucket.
    Cdn,
}

/// `delivery.uploads`: how files come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UploadRoute {
    /// `direct` where browsers reach the bucket and its CORS rules admit the site, else `proxy`.
    #[default]
    Auto,
    /// Through stream, part by part.
    Proxy,
    /// Parts go to signed addresses of the bucket.
    Direct,
}

/// The way that one video's media takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryMethod {
    /// Through stream.
    Proxy,
    /// By a redirect for each request.
    Redirect,
    /// By addresses of the bucket in the playlist.
    Direct,
    /// By addresses of a CDN in the playlist.
    Cdn,
}

/// What an operator chose.
#[derive(Clone, Debug)]
pub struct DeliveryOptions {
    /// For public videos.
    pub mode: DeliveryMode,
    /// For all others; `Auto`: `redirect` where public ones go `direct`, else the same.
    pub private_mode: DeliveryMode,
    /// For uploads.
    pub uploads: UploadRoute,
    /// How long an address in a playlist holds; a viewer sees at least half of it.
    pub signed_for: Duration,
    /// How long an address in a redirect holds.
    pub redirect_for: Duration,
    /// Whether playlists write an address out in each line, for players that know no variables.
    pub full_addresses: bool,
    /// Whether the bucket's service calls the site back after a form upload, if it can.
    pub callbacks: bool,
    /// The origin of the site's pages, which CORS rules must admit; unknown: none is believed to.
    pub pages: Option<String>,
    /// The CDN before the bucket.
    pub cdn: Option<Cdn>,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self {
            mode: DeliveryMode::Auto,
            private_mode: DeliveryMode::Auto,
            uploads: UploadRoute::Auto,
            signed_for: Duration::from_secs(7200),
            redirect_for: Duration::from_secs(300),
            full_addresses: false,
            callbacks: false,
            pages: None,
            cdn: None,
        }
    }
}

impl DeliveryOptions {
    fn check(&self, has_direct: bool) -> Result<(), InvalidDelivery> {
        let modes = [self.mode, self.private_mode];
        let wants = |mode| modes.contains(&mode);
        let by_bucket = wants(DeliveryMode::Redirect)
            || wants(DeliveryMode::Direct)
            || self.uploads == UploadRoute::Direct;
        if by_bucket && !has_direct {
            return Err(InvalidDelivery::NoPublicEndpoint);
        }
        if wants(DeliveryMode::Cdn) {
            let cdn = self.cdn.as_ref().ok_or(InvalidDelivery::NoCdn)?;
            if self.private_mode == DeliveryMode::Cdn && !cdn.signs() {
                return Err(InvalidDelivery::OpenCdn);
            }
        }
        if self.callbacks && self.pages.is_none() {
            return Err(InvalidDelivery::NoAddress);
        }
        let lives = Duration::from_secs(2)..=Duration::from_secs(7 * 24 * 3600);
        if !lives.contains(&self.signed_for) || !lives.contains(&self.redirect_for) {
            return Err(InvalidDelivery::Life);
        }
        Ok(())
    }
}

/// A choice that cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDelivery {
    /// No such store, or no public endpoint.
    #[error("browsers cannot reach the store: set objects.public_endpoint, or use mode \"proxy\"")]
    NoPublicEndpoint,
    /// `cdn` without one.
    #[error("mode \"cdn\" needs delivery.cdn_url")]
    NoCdn,
    /// A CDN that serves everything to everyone.
    #[error(
        "private videos go by a CDN only where it signs: set delivery.cdn_sign and delivery.cdn_key_file"
    )]
    OpenCdn,
    /// Callbacks to nowhere.
    #[error("delivery.callbacks needs http.public_url, the address that the service tells")]
    NoAddress,
    /// Lives that no signature has.
    #[error("an address is signed for 2 seconds to 7 days")]
    Life,
}

/// Decides ways and signs addresses. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Delivery(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: Reloadable<DeliveryOptions>,
    direct: Option<SharedDirect>,
    clock: SharedClock,
    /// When the rules were read, and what they admit.
    admitted: Mutex<Option<(Timestamp, Admitted)>>,
}

/// What the bucket's CORS rules let the site's pages do.
#[derive(Clone, Copy, Debug, Default)]
struct Admitted {
    play: bool,
    upload: bool,
}

impl Delivery {
    /// Over a store; `direct` where browsers reach it.
    pub fn new(
        options: DeliveryOptions,
        direct: Option<SharedDirect>,
        clock: SharedClock,
    ) -> Result<Self, InvalidDelivery> {
        options.check(direct.is_some())?;
        Ok(Self(Arc::new(Inner {
            options: Reloadable::new(options),
            direct,
            clock,
            admitted: Mutex::new(None),
        })))
    }

    /// Whether these options can be carried out here.
    pub fn check(&self, options: &DeliveryOptions) -> Result<(), InvalidDelivery> {
        options.check(self.0.direct.is_some())
    }

    /// Takes other options, which [`Delivery::check`] found right, for what is asked from now on.
    pub fn reconfigure(&self, options: DeliveryOptions) {
        self.0.options.set(options);
    }

    /// All through the nodes.
    pub fn proxied(clock: SharedClock) -> Self {
        Self(Arc::new(Inner {
            options: Reloadable::default(),
            direct: None,
            clock,
            admitted: Mutex::new(None),
        }))
    }

    /// The way of a video's media.
    pub async fn method(&self, public: bool) -> DeliveryMethod {
        let options = self.0.options.get();
        let open = self.resolve(options.mode).await;
        if public {
            return open;
        }
        match (options.private_mode, open) {
            (DeliveryMode::Auto, DeliveryMethod::Direct) => DeliveryMethod::Redirect,
            (DeliveryMode::Auto, DeliveryMethod::Cdn) if !self.cdn_signs() => {
                if self.0.direct.is_some() {
                    DeliveryMethod::Redirect
                } else {
                    DeliveryMethod::Proxy
                }
            }
            (DeliveryMode::Auto, open) => open,
            (mode, _) => self.resolve(mode).await,
        }
    }

    async fn resolve(&self, mode: DeliveryMode) -> DeliveryMethod {
        match mode {
            DeliveryMode::Proxy => DeliveryMethod::Proxy,
            DeliveryMode::Redirect => DeliveryMethod::Redirect,
            DeliveryMode::Direct => DeliveryMethod::Direct,
            DeliveryMode::Cdn => DeliveryMethod::Cdn,
            DeliveryMode::Auto if self.admitted().await.play => DeliveryMethod::Direct,
            DeliveryMode::Auto => DeliveryMethod::Proxy,
        }
    }

    fn cdn_signs(&self) -> bool {
        self.0.options.get().cdn.as_ref().is_some_and(Cdn::signs)
    }

    /// How long an address that was given out may answer after its video is withdrawn.
    pub fn revocation_lag(&self) -> Duration {
        let options = self.0.options.get();
        let life = |mode| match mode {
            DeliveryMode::Redirect => options.redirect_for,
            DeliveryMode::Direct | DeliveryMode::Cdn => options.signed_for,
            DeliveryMode::Auto if self.0.direct.is_some() => options.signed_for,
            DeliveryMode::Auto | DeliveryMode::Proxy => Duration::ZERO,
        };
        life(options.mode).max(life(options.private_mode))
    }

    /// What signs parts for browsers; `None`: they go through stream.
    pub async fn uploads(&self) -> Option<SharedDirect> {
        let goes = match self.0.options.get().uploads {
            UploadRoute::Proxy => false,
            UploadRoute::Direct => true,
            UploadRoute::Auto => self.admitted().await.upload,
        };
        self.0.direct.clone().filter(|_| goes)
    }

    /// A form for a whole file.
    pub async fn form(
        &self,
        direct: &SharedDirect,
        key: &MediaKey,
        size: u64,
        validity: Validity,
    ) -> Result<PostForm> {
        let pages = self.0.options.get().pages.clone();
        let service = self.reporter().zip(pages);
        let tell = service.map(|(name, pages)| format!("{pages}{}{name}", paths::HOOKS));
        direct.sign_form(key, size, validity, tell.as_deref()).await
    }

    /// Name of the service that calls back after form uploads; `None` if callbacks are off.
    pub fn reporter(&self) -> Option<&'static str> {
        let direct = self.0.direct.as_ref()?;
        direct.reporter().filter(|_| self.0.options.get().callbacks)
    }

    /// The object that a report names; `None`: it is not the service's.
    pub async fn verify_callback(&self, report: Callback<'_>) -> Result<Option<MediaKey>> {
        match &self.0.direct {
            Some(direct) => direct.verify_callback(report).await,
            None => Ok(None),
        }
    }

    /// The address of an object in a playlist, the same for all viewers for half its life.
    pub async fn playlist_url(&self, way: DeliveryMethod, key: &MediaKey) -> Result<String> {
        let validity = self.window(self.0.options.get().signed_for);
        match (way, &self.0.options.get().cdn) {
            (DeliveryMethod::Cdn, Some(cdn)) => Ok(cdn.url(key, validity)),
            _ => self.sign(key, validity).await,
        }
    }

    /// The address of an object in a redirect.
    pub async fn redirect_url(&self, way: DeliveryMethod, key: &MediaKey) -> Result<String> {
        match way {
            DeliveryMethod::Redirect => {
                self.sign(key, self.window(self.0.options.get().redirect_for))
                    .await
            }
            way => self.playlist_url(way, key).await,
        }
    }

    /// The bucket's address of a source, answered with this `Content-Disposition`; `None`: what is not
    /// public goes through stream. No CDN keeps a source.
    pub async fn download_url(&self, key: &MediaKey, disposition: &str) -> Result<Option<String>> {
        let Some(direct) = &self.0.direct else {
            return Ok(None);
        };
        if self.method(false).await == DeliveryMethod::Proxy {
            return Ok(None);
        }
        let validity = self.window(self.0.options.get().redirect_for);
        let signed = direct.sign_download(key, disposition, validity).await?;
        Ok(Some(signed.url))
    }

    async fn sign(&self, key: &MediaKey, validity: Validity) -> Result<String> {
        debug_assert!(matches!(
            key.class(),
            ObjectClass::Track | ObjectClass::Fallback
        ));
        let direct = self.0.direct.as_ref().ok_or(ObjectError::Bucket {
            doing: "sign an address",
            status: 0,
            code: "browsers cannot reach this store".to_owned(),
        })?;
        Ok(direct.sign_get(key, validity).await?.url)
    }

    /// Whether playlists write an address out in each line.
    pub fn writes_in_full(&self) -> bool {
        self.0.options.get().full_addresses
    }

    /// How long from now on an address in a playlist surely holds: until the next ones begin.
    pub fn renewed_in(&self) -> Duration {
        let lasts = self.0.options.get().signed_for;
        let next = self.window(lasts).from.plus(lasts / 2);
        next.since(self.0.clock.now()).max(Duration::from_secs(1))
    }

    /// The least of that, whenever a playlist was read.
    pub fn holds_for(&self) -> Duration {
        self.0.options.get().signed_for / 2
    }

    /// Rounds the start down to half the lifetime so that concurrent viewers share one URL.
    fn window(&self, lasts: Duration) -> Validity {
        let step = i64::try_from((lasts / 2).as_micros())
            .unwrap_or(i64::MAX)
            .max(1_000_000);
        // Signatures count whole seconds.
        let step = step - step % 1_000_000;
        let now = self.0.clock.now();
        Validity {
            from: Timestamp(now.0 - now.0.rem_euclid(step)),
            lasts,
        }
    }

    /// Origins besides the site's own that pages talk to.
    pub fn origins(&self) -> Vec<String> {
        let bucket = self.0.direct.as_ref().map(|direct| direct.origin());
        let cdn = self.0.options.get().cdn.as_ref().map(Cdn::origin);
        let mut origins: Vec<String> = bucket.into_iter().chain(cdn).collect();
        origins.dedup();
        origins
    }

    /// What the rules admit, as read a while ago at most.
    async fn admitted(&self) -> Admitted {
        let (Some(direct), Some(pages)) = (&self.0.direct, &self.0.options.get().pages) else {
            return Admitted::default();
        };
        let mut kept = self.0.admitted.lock().await;
        let now = self.0.clock.now();
        if let Some((at, admitted)) = *kept {
            let life = if admitted.play {
                RULES_KEPT
            } else {
                REFUSAL_KEPT
            };
            if now.since(at) < life {
                return admitted;
            }
        }
        let admitted = match tokio::time::timeout(PATIENCE, direct.cors()).await {
            Ok(Ok(rules)) => Admitted {
                play: rules.iter().any(|rule| rule.admits(pages, "GET")),
                upload: rules.iter().any(|rule| rule.admits(pages, "PUT")),
            },
            // What was admitted a while ago still is: the rules do not go with the answer.
            Ok(Err(_)) | Err(_) if kept.is_some_and(|(_, it)| it.play) => {
                kept.map(|(_, it)| it).unwrap_or_default()
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot read the bucket's CORS rules: media goes through the nodes");
                Admitted::default()
            }
            Err(_) => Admitted::default(),
        };
        *kept = Some((now, admitted));
        admitted
    }
}

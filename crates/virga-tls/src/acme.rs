//! Certificates from an ACME authority (RFC 8555), for one host name, by the challenge over HTTP (§8.3).
//!
//! Account and certificates lie in a folder for each authority, so that trying another one mixes nothing up.
//! One process orders; there is only one that speaks https.

mod store;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, LetsEncrypt, NewAccount, NewOrder,
    OrderStatus, RetryPolicy,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use virga_core::{SharedClock, Timestamp};

use crate::{Certificate, CertificateError, ServedCertificate};
use store::Store;

/// What one order may take, waiting for the authority included.
const PATIENCE: Duration = Duration::from_secs(300);
/// The first wait after a failure in reaching the authority; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// The wait after a refusal: Let's Encrypt permits five failed challenges an hour for
/// a name.
const AFTER_REFUSAL: Duration = Duration::from_secs(15 * 60);
/// The wait after a certificate that has to be renewed at once: five equal ones a week are permitted.
const AFTER_OLD_ONE: Duration = Duration::from_secs(2 * 24 * 3600);
/// What an authority gets to look at the host and to issue.
const ISSUED_WITHIN: Duration = Duration::from_secs(120);
/// RFC 8555 §6.7.
const UNKNOWN_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
/// The longest sleep until a renewal, so that a clock that is set does not matter.
const LOOK: Duration = Duration::from_secs(3600);

/// `acme.*`: where `http.tls = "auto"` orders certificates. Its use is consent to the authority's terms.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AcmeConfig {
    /// The authority's directory; default: Let's Encrypt.
    pub directory: String,
    /// An e-mail address that the authority may write to.
    pub contact: Option<String>,
    /// The root certificate of an authority of one's own, PEM; default: those of the system.
    pub root: Option<PathBuf>,
}

impl Default for AcmeConfig {
    fn default() -> Self {
        Self {
            directory: LetsEncrypt::Production.url().to_owned(),
            contact: None,
            root: None,
        }
    }
}

/// The answers that the authority asks for at `/.well-known/acme-challenge/TOKEN` while an order runs.
#[derive(Clone, Debug, Default)]
pub struct Challenges(Arc<Mutex<HashMap<String, String>>>);

impl Challenges {
    /// The answer for this token.
    pub fn answer(&self, token: &str) -> Option<String> {
        self.all().get(token).cloned()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no certificate.
#[derive(Debug, Error)]
enum OrderError {
    #[error("the authority says: {0}")]
    Answer(instant_acme::Problem),
    #[error("the authority cannot be used: {0}")]
    Authority(instant_acme::Error),
    #[error("the authority refused: {0}")]
    Refused(&'static str),
    #[error("what came is not usable: {0}")]
    Certificate(#[from] CertificateError),
    #[error("a certificate cannot be kept: {0}")]
    Store(#[from] std::io::Error),
    #[error("the authority took too long")]
    TooLong,
}

impl From<instant_acme::Error> for OrderError {
    fn from(error: instant_acme::Error) -> Self {
        match error {
            instant_acme::Error::Api(problem) => Self::Answer(problem),
            error => Self::Authority(error),
        }
    }
}

impl OrderError {
    /// The authority counts it, and has to be left alone for longer.
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Answer(_)) && !self.is_unknown_account()
    }

    fn is_unknown_account(&self) -> bool {
        matches!(self, Self::Answer(problem) if problem.r#type.as_deref() == Some(UNKNOWN_ACCOUNT))
    }
}

/// Orders the certificate of a host and renews it.
#[derive(Debug)]
pub struct Orders {
    host: String,
    config: AcmeConfig,
    store: Store,
    challenges: Challenges,
    clock: SharedClock,
}

impl Orders {
    /// For a host name; what is to be kept lies below `folder`.
    pub fn new(
        host: &str,
        config: AcmeConfig,
        folder: &Path,
        challenges: Challenges,
        clock: SharedClock,
    ) -> Self {
        Self {
            store: Store::new(folder, &config.directory, host),
            host: host.to_owned(),
            config,
            challenges,
            clock,
        }
    }

    /// The certificate that is kept from before.
    pub fn kept(&self) -> Option<Certificate> {
        self.store.certificate().ok()
    }

    /// Shows the kept certificate, orders one where it is missing or has to be renewed, until `stop`.
    pub async fn run(self, served: &ServedCertificate, stop: CancellationToken) {
        stop.run_until_cancelled(self.keep_new(served)).await;
    }

    async fn keep_new(&self, served: &ServedCertificate) {
        let mut kept = self.kept();
        if let Some(kept) = &kept {
            served.set(kept.clone());
        }
        let mut wait = FIRST_WAIT;
        loop {
            let sleep = match due(kept.as_ref(), self.clock.now()) {
                Some(later) => later.min(LOOK),
                None => match self.order().await {
                    Ok(certificate) => {
                        wait = FIRST_WAIT;
                        let sleep = self.show(&certificate, served);
                        kept = Some(certificate);
                        sleep
                    }
                    Err(error) => {
                        let sleep = if error.is_refusal() {
                            AFTER_REFUSAL
                        } else {
                            wait
                        };
                        wait = (wait * 2).min(LONGEST_WAIT);
                        let error = error.to_string();
                        let again_in = sleep.as_secs();
                        tracing::error!(host = self.host, error, again_in, "no certificate");
                        served.failed(error);
                        sleep
                    }
                },
            };
            tokio::time::sleep(sleep).await;
        }
    }

    /// Shows a new certificate; how long it may be shown at least before it is looked at again.
    fn show(&self, certificate: &Certificate, served: &ServedCertificate) -> Duration {
        let expires = certificate.expires();
        tracing::info!(host = self.host, %expires, "a certificate was issued");
        served.set(certificate.clone());
        if due(Some(certificate), self.clock.now()).is_some() {
            return Duration::ZERO;
        }
        // Browsers go by their own clocks. More orders would bring no other one.
        let why = "it is too old on arrival: check this machine's clock";
        tracing::error!(host = self.host, %expires, "{why}");
        served.failed(why.to_owned());
        AFTER_OLD_ONE
    }

    async fn order(&self) -> Result<Certificate, OrderError> {
        self.store.check().map_err(OrderError::Store)?;
        let ordered = tokio::time::timeout(PATIENCE, self.ordered()).await;
        self.challenges.all().clear();
        let text = match ordered.map_err(|_| OrderError::TooLong)? {
            // The next try makes another.
            Err(error) if error.is_unknown_account() => {
                self.store.forget_account();
                return Err(error);
            }
            ordered => ordered?,
        };
        let certificate = Certificate::read(text.as_bytes(), text.as_bytes())?;
        if let Err(error) = self.store.keep_certificate(&text) {
            tracing::error!(%error, "the certificate is used and cannot be kept");
        }
        Ok(certificate)
    }

    /// Key and chain, PEM.
    async fn ordered(&self) -> Result<String, OrderError> {
        let account = self.account().await?;
        let host = [Identifier::Dns(self.host.clone())];
        let mut order = account.new_order(&NewOrder::new(&host)).await?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge = authorization
                .challenge(ChallengeType::Http01)
                .ok_or(OrderError::Refused("it offers no challenge over HTTP"))?;
            let answer = challenge.key_authorization().as_str().to_owned();
            let token = challenge.token.clone();
            self.challenges.all().insert(token, answer);
            challenge.set_ready().await?;
        }
        let policy = RetryPolicy::new().timeout(ISSUED_WITHIN);
        if order.poll_ready(&policy).await? != OrderStatus::Ready {
            return Err(OrderError::Refused("it did not say why"));
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&policy).await?;
        Ok(format!("{key}{chain}"))
    }

    /// The account that is kept, or a new one.
    async fn account(&self) -> Result<Account, OrderError> {
        let builder = match &self.config.root {
            Some(root) => Account::builder_with_root(root)?,
            None => Account::builder()?,
        };
        if let Some(credentials) = self.store.account() {
            return Ok(builder.from_credentials(credentials).await?);
        }
        let contact = self.config.contact.as_deref();
        let contact = contact.map(|address| format!("mailto:{address}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let directory = self.config.directory.clone();
        let (account, credentials) = builder.create(&new, directory, None).await?;
        self.store.keep_account(&credentials)?;
        Ok(account)
    }
}

/// How long until a certificate has to be ordered; `None`: now.
fn due(kept: Option<&Certificate>, now: Timestamp) -> Option<Duration> {
    let later = kept?.renewal().since(now);
    (!later.is_zero()).then_some(later)
}

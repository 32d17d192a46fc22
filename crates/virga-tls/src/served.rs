//! The certificate that handshakes show now.

use std::sync::{Arc, RwLock};

use rustls::{
    ServerConfig,
    crypto::ring::Ticketer,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use virga_core::Timestamp;

use crate::Certificate;

/// One certificate for all connections, which may be replaced at any time; without one, handshakes fail.
#[derive(Debug, Default)]
pub struct ServedCertificate(RwLock<Shown>);

#[derive(Debug, Default)]
struct Shown {
    certificate: Option<Certificate>,
    /// Why the last try to get a newer one failed.
    trouble: Option<String>,
}

impl ServedCertificate {
    /// From now on this one is shown.
    pub fn set(&self, certificate: Certificate) {
        self.change(|shown| {
            *shown = Shown {
                certificate: Some(certificate),
                trouble: None,
            }
        });
    }

    /// A newer one could not be had; the one before stays.
    pub fn failed(&self, why: String) {
        self.change(|shown| shown.trouble = Some(why));
    }

    /// The one that is shown.
    pub fn get(&self) -> Option<Certificate> {
        self.look(|shown| shown.certificate.clone())
    }

    /// Why browsers cannot come in; `None` where they can.
    pub fn why_not(&self, now: Timestamp) -> Option<String> {
        self.look(|shown| {
            let trouble = || shown.trouble.as_deref().unwrap_or("it is being ordered");
            match &shown.certificate {
                None => Some(format!("there is none yet: {}", trouble())),
                Some(kept) if kept.expires() <= now => {
                    let at = kept.expires();
                    Some(format!("it expired at {at}: {}", trouble()))
                }
                Some(_) => None,
            }
        })
    }

    fn change(&self, change: impl FnOnce(&mut Shown)) {
        change(
            &mut self
                .0
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
    }

    fn look<T>(&self, look: impl FnOnce(&Shown) -> T) -> T {
        look(
            &self
                .0
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

impl ResolvesServerCert for ServedCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.look(|shown| shown.certificate.as_ref().map(Certificate::key))
    }
}

/// TLS 1.2 and 1.3 with that certificate, and HTTP/1.1 in it: a balancer in front speaks the rest.
pub fn server_config(served: Arc<ServedCertificate>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder().with_no_client_auth();
    let mut config = builder.with_cert_resolver(served);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A viewer who comes back needs no second signature of ours.
    config.ticketer = Ticketer::new()?;
    Ok(Arc::new(config))
}

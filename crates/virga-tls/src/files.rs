//! A certificate in files, which something else renews.

use std::{fs, path::PathBuf, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{Certificate, CertificateError, ServedCertificate};

/// How often the files are looked at: a few kilobytes.
const LOOK: Duration = Duration::from_secs(2);

/// Where a certificate and its key lie: in two files, or in one.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The certificate and its chain, PEM.
    pub chain: PathBuf,
    /// The key, PEM.
    pub key: PathBuf,
}

/// What the files hold.
type Texts = (Vec<u8>, Vec<u8>);

impl CertificateFiles {
    /// What the files hold now.
    pub fn read(&self) -> Result<Certificate, CertificateError> {
        parse(&self.texts()?)
    }

    fn texts(&self) -> Result<Texts, CertificateError> {
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|source| CertificateError::Read {
                path: path.clone(),
                source,
            })
        };
        Ok((read(&self.chain)?, read(&self.key)?))
    }

    /// Shows what the files hold whenever that changes, until `stop`. What is no certificate changes
    /// nothing: the two files are not replaced at the same moment.
    pub async fn follow(self, served: &ServedCertificate, stop: CancellationToken) {
        let mut seen = None;
        loop {
            let texts = self.texts();
            let now = texts.as_ref().ok().cloned();
            if seen != Some(now.clone()) {
                match texts.and_then(|texts| parse(&texts)) {
                    Ok(certificate) => {
                        let expires = certificate.expires();
                        tracing::info!(%expires, "the certificate was read");
                        served.set(certificate);
                    }
                    Err(error) => {
                        tracing::error!(%error, "the certificate was refused; the one before stays");
                        served.failed(error.to_string());
                    }
                }
                seen = Some(now);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

fn parse((chain, key): &Texts) -> Result<Certificate, CertificateError> {
    Certificate::read(chain, key)
}

//! A certificate with its key, out of PEM files.

use std::{io, net::IpAddr, path::PathBuf, sync::Arc};

use rustls::{
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use thiserror::Error;
use virga_core::Timestamp;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

/// Why files hold no certificate to serve.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{0}: {source}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No certificate in the file.
    #[error("there is no certificate in PEM form")]
    NoCertificate,
    /// No private key in the file.
    #[error("there is no private key in PEM form")]
    NoKey,
    /// Not readable as X.509.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    /// Key and certificate do not belong together, or the key is of an unknown kind.
    #[error("the key does not fit the certificate: {0}")]
    Key(rustls::Error),
}

/// A certificate, its chain and its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    begins: Timestamp,
    expires: Timestamp,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Certificate {
    /// Out of PEM texts, which may be the same one. The site's own certificate is the first.
    pub fn read(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        let (_, parsed) = X509Certificate::from_der(first)
            .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
        let validity = parsed.validity();
        let (begins, expires) = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        let (names, addresses) = subjects(&parsed);
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
        let key = CertifiedKey::from_der(chain, key, &default_provider());
        let key = Arc::new(key.map_err(CertificateError::Key)?);
        key.keys_match().map_err(CertificateError::Key)?;
        Ok(Self {
            key,
            begins: Timestamp::from_seconds(begins),
            expires: Timestamp::from_seconds(expires),
            names,
            addresses,
        })
    }

    /// What handshakes use.
    pub(crate) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }

    /// After this moment no browser accepts it.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// When it should be replaced: a third of its life is left then, as authorities advise.
    pub fn renewal(&self) -> Timestamp {
        self.expires
            .minus(self.expires.since(self.begins) / 3)
            .max(self.begins)
    }

    /// Whether browsers accept it for this host: a name, or an IP address without brackets
    /// (RFC 9525 §6.3: a `*` stands for the whole first label).
    pub fn is_for(&self, host: &str) -> bool {
        if let Ok(address) = host.parse() {
            return self.addresses.contains(&address);
        }
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|name| {
            let wild = name.strip_prefix("*.");
            name.eq_ignore_ascii_case(host)
                || wild
                    .zip(parent)
                    .is_some_and(|(wild, parent)| wild.eq_ignore_ascii_case(parent))
        })
    }
}

/// Whom a certificate names. Browsers look at the alternative names only.
fn subjects(parsed: &X509Certificate<'_>) -> (Vec<String>, Vec<IpAddr>) {
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    let extension = parsed.subject_alternative_name().ok().flatten();
    for name in extension.iter().flat_map(|it| &it.value.general_names) {
        match *name {
            GeneralName::DNSName(name) => names.push(name.to_owned()),
            GeneralName::IPAddress(bytes) => {
                let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
                let sixteen = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
                addresses.extend(four.or_else(|_| sixteen()));
            }
            _ => {}
        }
    }
    (names, addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};
    use time::macros::datetime;

    fn made(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = datetime!(2026-01-01 0:00 UTC);
        params.not_after = datetime!(2026-04-01 0:00 UTC);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_third_of_its_life_before_the_end_it_is_replaced() {
        let (chain, key) = made(&["videos.example"]);
        let read = Certificate::read(chain.as_bytes(), key.as_bytes()).unwrap();
        let day = |at: Timestamp| at.to_datetime().date().to_string();
        assert_eq!(day(read.expires()), "2026-04-01");
        assert_eq!(day(read.renewal()), "2026-03-02");
        let both = format!("{key}{chain}");
        assert!(Certificate::read(both.as_bytes(), both.as_bytes()).is_ok());
    }

    #[test]
    fn it_is_for_the_names_and_addresses_it_says() {
        let (chain, key) = made(&["videos.example", "*.school.example", "192.0.2.1", "::1"]);
        let read = Certificate::read(chain.as_bytes(), key.as_bytes()).unwrap();
        for (host, expected) in [
            ("videos.example", true),
            ("VIDEOS.example", true),
            ("a.videos.example", false),
            ("a.school.example", true),
            ("a.b.school.example", false),
            ("school.example", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("::1", true),
            ("localhost", false),
        ] {
            assert_eq!(read.is_for(host), expected, "{host}");
        }
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_named() {
        let (chain, key) = made(&["a.example"]);
        let (_, other) = made(&["a.example"]);
        let says = |chain: &str, key: &str| {
            let read = Certificate::read(chain.as_bytes(), key.as_bytes());
            read.unwrap_err().to_string()
        };
        assert!(says("", &key).contains("no certificate"));
        assert!(says(&key, &key).contains("no certificate"));
        assert!(says(&chain, &chain).contains("no private key"));
        assert!(says(&chain, &other).contains("does not fit"));
        let cut = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert!(says(cut, &key).contains("cannot be read"));
    }
}

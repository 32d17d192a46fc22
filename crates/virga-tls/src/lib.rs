//! The site's certificate, where `virga serve` speaks https itself: read from files that others renew, or
//! ordered from an ACME authority (RFC 8555) and renewed in time.

mod acme;
mod certificate;
mod files;
mod served;

pub use acme::{AcmeConfig, Challenges, Orders};
pub use certificate::{Certificate, CertificateError};
pub use files::CertificateFiles;
pub use served::{ServedCertificate, server_config};

//! What is kept of an authority: the account and the certificate of each host, for their owner's eyes only.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use instant_acme::AccountCredentials;

use crate::{Certificate, CertificateError, CertificateFiles};

/// More than a key and a chain take, bytes.
const ROOM: usize = 32 * 1024;

/// The folder of one authority.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// Key and chain, PEM.
    certificate: PathBuf,
}

impl Store {
    pub(super) fn new(folder: &Path, directory: &str, host: &str) -> Self {
        let sign = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let plain = |text: &str| text.replace(|c| !sign(c), "_");
        let address = directory.split_once("://").map_or(directory, |it| it.1);
        let folder = folder.join(plain(address));
        Self {
            certificate: folder.join(format!("{}.pem", plain(host))),
            folder,
        }
    }

    pub(super) fn certificate(&self) -> Result<Certificate, CertificateError> {
        let (chain, key) = (self.certificate.clone(), self.certificate.clone());
        CertificateFiles { chain, key }.read()
    }

    pub(super) fn keep_certificate(&self, text: &str) -> io::Result<()> {
        self.keep(&self.certificate, text)
    }

    /// `None` where there is none that can be read: an account holds nothing, and another costs nothing.
    pub(super) fn account(&self) -> Option<AccountCredentials> {
        let text = fs::read(self.account_file()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Whether something can be kept: an authority issues few certificates for one name.
    pub(super) fn check(&self) -> io::Result<()> {
        let check = self.folder.join(".check");
        self.keep(&check, &" ".repeat(ROOM))?;
        fs::remove_file(check)
    }

    pub(super) fn keep_account(&self, credentials: &AccountCredentials) -> io::Result<()> {
        let text = serde_json::to_string(credentials)?;
        self.keep(&self.account_file(), &text)
    }

    pub(super) fn forget_account(&self) {
        let _ = fs::remove_file(self.account_file());
    }

    fn account_file(&self) -> PathBuf {
        self.folder.join("account.json")
    }

    /// Replaces a file, whole or not at all.
    fn keep(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut folders = fs::DirBuilder::new();
        folders.recursive(true).mode(0o700).create(&self.folder)?;
        let draft = self.folder.join(".new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        fs::File::open(&self.folder)?.sync_all()
    }
}

//! Password hashing: argon2id, 19 MiB, two passes, on blocking threads and never more at once than
//! there are cores: hashing is the dearest thing that a stranger can ask of us.

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::sync::Arc;
use tokio::sync::Semaphore;
use virga_core::{Failure, Result};

/// Hashes and verifies. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// Verified against where there is no such account, so that both cases take the same time.
    decoy: Arc<str>,
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
}

fn hash_now(password: &str) -> Result<String> {
    let hash = hasher().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| Failure::internal(error.to_string()))
}

impl Passwords {
    /// Takes a moment: it hashes the decoy.
    pub fn new() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoy = hash_now("nobody has this password")?.into();
        Ok(Self {
            permits: Arc::new(Semaphore::new(cores)),
            decoy,
        })
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _permit = self.permits.acquire().await.map_err(Failure::internal)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(Failure::internal)
    }

    /// The PHC string of a new password.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.run(move || hash_now(&password)).await?
    }

    /// Whether the password is the one of `hash`; `None` takes as long and is never right.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        let right = self
            .run(move || {
                PasswordHash::new(&hash).is_ok_and(|parsed| {
                    hasher()
                        .verify_password(password.as_bytes(), &parsed)
                        .is_ok()
                })
            })
            .await?;
        Ok(right && known)
    }
}

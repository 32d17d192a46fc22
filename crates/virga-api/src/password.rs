//! Password hashing: argon2id, 19 MiB, two passes, on blocking threads and never more at once than
//! there are cores: hashing is the dearest thing that a stranger can ask of us. The queue for it is
//! a few seconds long, and addresses share its places fairly.

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use virga_core::{Code, Failure, Result};
use virga_http::fair::FairPool;

/// The longest wait for hashing.
const QUEUE: Duration = Duration::from_secs(4);
/// The least places in the queue, on however slow a machine.
const LEAST: usize = 32;

/// Hashes and verifies. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    queue: FairPool,
    /// For addresses at which the account was signed in before: strangers who fill the queue do not
    /// hold them up.
    known: (Arc<Semaphore>, FairPool),
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
        let begun = Instant::now();
        let decoy = hash_now("nobody has this password")?.into();
        let one = begun.elapsed().as_millis().max(1);
        let places = usize::try_from(QUEUE.as_millis() / one).unwrap_or(LEAST);
        Ok(Self {
            permits: Arc::new(Semaphore::new(cores)),
            queue: FairPool::new((places * cores).max(LEAST)),
            known: (Arc::new(Semaphore::new(1)), FairPool::new(LEAST)),
            decoy,
        })
    }

    /// Does the work for an address when its turn comes; it waits in the queue until then.
    async fn queued<T: Send + 'static>(
        &self,
        holder: IpAddr,
        known: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (permits, queue) = if known {
            (&self.known.0, &self.known.1)
        } else {
            (&self.permits, &self.queue)
        };
        let place = queue.take(holder).ok_or_else(busy)?;
        let turn = tokio::select! {
            turn = turn(permits) => turn?,
            () = place.revoked() => return Err(busy()),
        };
        drop(place);
        run(turn, work).await
    }

    /// The PHC string of a new password, for someone who is signed in.
    pub async fn hash(&self, password: String) -> Result<String> {
        run(turn(&self.permits).await?, move || hash_now(&password)).await?
    }

    /// The PHC string of a new password, for an address; refuses where too many wait.
    pub async fn hash_for(&self, holder: IpAddr, password: String) -> Result<String> {
        self.queued(holder, false, move || hash_now(&password))
            .await?
    }

    /// Whether the password is the one of `hash`; `None` takes as long and is never right. Refuses
    /// where too many wait. `known`: the account was signed in from this address before.
    pub async fn verify(
        &self,
        holder: IpAddr,
        known: bool,
        password: String,
        hash: Option<String>,
    ) -> Result<bool> {
        let exists = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        let right = self
            .queued(holder, known, move || {
                PasswordHash::new(&hash).is_ok_and(|parsed| {
                    hasher()
                        .verify_password(password.as_bytes(), &parsed)
                        .is_ok()
                })
            })
            .await?;
        Ok(right && exists)
    }
}

async fn turn(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let turn = Arc::clone(permits).acquire_owned().await;
    turn.map_err(Failure::internal)
}

/// The work holds its turn to its end, also when nobody waits for it any more.
async fn run<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let work = move || {
        let done = work();
        drop(turn);
        done
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Failure::internal)
}

fn busy() -> Failure {
    let detail = "Too many people are signing in right now. Try again in a few seconds.";
    Failure::new(Code::SignInBusy, detail).after(QUEUE.as_secs())
}

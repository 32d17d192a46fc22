//! Digests of the objects that a job writes, taken of the bytes as they pass.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use virga_core::{
    MediaKey, Timestamp,
    digest::{Digest, Hasher},
};
use virga_db::{DbError, Tx, digests as rows};
use virga_objects::{ObjectWriter, Result as StoreResult};

/// What a job wrote so far. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digests(Arc<Mutex<Vec<(MediaKey, Digest)>>>);

impl Digests {
    pub(crate) fn note(&self, key: &MediaKey, digest: Digest) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.push((key.clone(), digest));
    }

    /// Takes all of it.
    pub(crate) fn take(&self) -> Vec<(MediaKey, Digest)> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Wraps a writer so that it takes the object's digest.
pub(crate) fn hashing(
    inner: Box<dyn ObjectWriter>,
    key: &MediaKey,
    digests: &Digests,
) -> Box<dyn ObjectWriter> {
    Box::new(Hashing {
        inner,
        key: key.clone(),
        hasher: Hasher::default(),
        digests: digests.clone(),
    })
}

/// A writer that takes the digest.
#[derive(Debug)]
struct Hashing {
    inner: Box<dyn ObjectWriter>,
    key: MediaKey,
    hasher: Hasher,
    digests: Digests,
}

#[async_trait]
impl ObjectWriter for Hashing {
    async fn write(&mut self, bytes: Bytes) -> StoreResult<()> {
        self.hasher.update(&bytes);
        self.inner.write(bytes).await
    }

    async fn commit(self: Box<Self>) -> StoreResult<u64> {
        let written = self.inner.commit().await?;
        self.digests.note(&self.key, self.hasher.finish());
        Ok(written)
    }
}

/// Notes them as rows.
pub(crate) async fn note(
    tx: &Tx,
    written: &[(MediaKey, Digest)],
    now: Timestamp,
) -> Result<(), DbError> {
    for (key, digest) in written {
        let Ok(video) = key.video() else { continue };
        let row = rows::DigestRow {
            key: key.clone(),
            video,
            digest: digest.clone(),
            verified: true,
            checked_at: now,
            damage: None,
        };
        rows::put(tx, &row).await?;
    }
    Ok(())
}

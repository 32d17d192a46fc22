//! Objects that are files of this machine, kept open for a while: a film that is watched is opened once, not
//! for each of its segments.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use moka::future::Cache;
use virga_core::MediaKey;
use virga_http::{BodyPart, FileBody, FileQueue};
use virga_objects::{LocalObject, ObjectError, SharedStore};

use crate::error::StreamError;

/// Files kept open.
const KEPT: u64 = 256;
/// A file is opened again after this, and closed within twice this time: so long the bytes of a removed object
/// take room on the disk.
const LONGEST: Duration = Duration::from_secs(10);

/// Open files by object.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    store: SharedStore,
    open: Cache<MediaKey, LocalObject>,
}

impl Files {
    pub(crate) fn new(store: SharedStore) -> Self {
        let open = Cache::builder().max_capacity(KEPT).time_to_live(LONGEST);
        Self {
            store,
            open: open.build(),
        }
    }

    /// The object as a file; `None` where the store is no disk of this machine.
    pub(crate) async fn get(&self, key: &MediaKey) -> Result<Option<LocalObject>, StreamError> {
        if let Some(open) = self.open.get(key).await {
            return Ok(Some(open));
        }
        let found = self.store.local(key).await?;
        if let Some(file) = &found {
            self.open.insert(key.clone(), file.clone()).await;
        }
        Ok(found)
    }

    /// Closes again and again what was open long enough, also where nobody asks for anything.
    pub(crate) async fn close_old(&self) {
        loop {
            tokio::time::sleep(LONGEST).await;
            self.open.run_pending_tasks().await;
        }
    }
}

/// A body out of stretches of a file, sent by the kernel on the connection whose queue this is.
pub(crate) fn file_body(
    file: &LocalObject,
    parts: Vec<BodyPart>,
    queue: Option<&FileQueue>,
) -> Result<Body, ObjectError> {
    let within = |part: &BodyPart| match part {
        BodyPart::Bytes(_) => true,
        BodyPart::File { offset, length } => offset
            .checked_add(*length)
            .is_some_and(|end| end <= file.size),
    };
    if !parts.iter().all(within) {
        return Err(ObjectError::OutOfRange { size: file.size });
    }
    let body = FileBody::new(queue.cloned(), Arc::clone(&file.file), parts);
    Ok(Body::new(body))
}

/// A body out of what is read as it goes out, with a line in the log where that breaks off.
pub(crate) fn streamed<E>(bytes: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Body
where
    E: std::error::Error + Send + Sync + 'static,
{
    Body::from_stream(bytes.inspect(|item| {
        if let Err(error) = item {
            tracing::warn!(%error, "a response was interrupted");
        }
    }))
}

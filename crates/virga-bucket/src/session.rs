//! Uploads by session. The bucket knows an upload by a key and an id of its own; a replica that
//! takes a part knows only the site's id. A small object, `u/{upload}`, maps one to the other. It
//! is written only if it does not exist: if two processes open a session at once, one wins.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream,
};
use serde::{Deserialize, Serialize};
use virga_core::{
    MediaKey, ObjectClass, Timestamp, UploadId,
    upload::{PartSpan, part_count, part_span},
    wire::HeldPart,
};

use super::{BucketStore, client::Client, list, multipart::RawPart, part, read, write};
use virga_core::fail;
use virga_objects::{HeldParts, Incoming, MultipartSessions, ObjectError, Result, UploadSession};

/// Where sessions lie.
const FOLDER: &str = "u/";
/// Sessions that are remembered; beyond that all are asked for again.
const REMEMBERED: usize = 10_000;
/// Session objects asked for at once.
const AT_ONCE: usize = 8;

/// What a session object says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UploadPlan {
    pub(super) key: MediaKey,
    pub(super) total: u64,
    pub(super) part_size: u64,
    /// The bucket's own id.
    pub(super) upload: String,
}

impl UploadPlan {
    fn is_for(&self, key: &MediaKey, total: u64, part_size: u64) -> Result<()> {
        if (&self.key, self.total, self.part_size) == (key, total, part_size) {
            Ok(())
        } else {
            Err(ObjectError::Conflict(
                "the session is open for another file",
            ))
        }
    }
}

/// Sessions that this process has seen. One that is over is found out when the bucket is asked.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<HashMap<UploadId, Arc<UploadPlan>>>);

impl Remembered {
    fn get(&self, id: UploadId) -> Option<Arc<UploadPlan>> {
        let plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get(&id).cloned()
    }

    fn keep(&self, id: UploadId, plan: &Arc<UploadPlan>) {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= REMEMBERED {
            plans.clear();
        }
        plans.insert(id, Arc::clone(plan));
    }

    pub(super) fn forget(&self, id: UploadId) {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.remove(&id);
    }
}

fn name(id: UploadId) -> String {
    format!("{FOLDER}{id}")
}

/// The upload that a source's key names.
fn upload_of(key: &str) -> Option<UploadId> {
    let key = MediaKey::parse(key).ok()?;
    if key.class() != ObjectClass::Source {
        return None;
    }
    key.as_str().rsplit('/').nth(1)?.parse().ok()
}

async fn load(client: &Client, id: UploadId) -> Result<Arc<UploadPlan>> {
    let text = read::small(client, &name(id)).await;
    let text = text.map_err(|error| match error {
        ObjectError::NotFound(_) => ObjectError::NoSession(id.to_string()),
        other => other,
    })?;
    let plan = serde_json::from_slice(&text).map_err(|_| ObjectError::Bucket {
        doing: "read a session",
        status: 200,
        code: "the session's object is damaged".to_owned(),
    })?;
    Ok(Arc::new(plan))
}

impl BucketStore {
    /// The session, remembered or asked for.
    pub(super) async fn plan(&self, id: UploadId) -> Result<Arc<UploadPlan>> {
        if let Some(plan) = self.remembered.get(id) {
            return Ok(plan);
        }
        let plan = load(&self.client, id).await?;
        self.remembered.keep(id, &plan);
        Ok(plan)
    }

    async fn open(&self, id: UploadId, key: &MediaKey, total: u64, part_size: u64) -> Result<()> {
        match load(&self.client, id).await {
            Err(ObjectError::NoSession(_)) => {}
            plan => return plan?.is_for(key, total, part_size),
        }
        let upload = self.client.begin(key).await?;
        fail::point("bucket.begun");
        let plan = UploadPlan {
            key: key.clone(),
            total,
            part_size,
            upload,
        };
        let text = serde_json::to_vec(&plan).map(Bytes::from);
        let text =
            text.map_err(|error| ObjectError::io("write a session", std::io::Error::other(error)))?;
        match write::put(&self.client, &name(id), "application/json", text, true).await {
            Err(ObjectError::Conflict(_)) => {}
            done => return done,
        }
        // Someone was first; or it was we, and only the answer of an earlier try was lost.
        let first = load(&self.client, id).await?;
        if first.upload != plan.upload {
            self.client.give_up(key.as_str(), &plan.upload).await?;
        }
        first.is_for(key, total, part_size)
    }

    async fn held(&self, id: UploadId) -> Result<HeldParts> {
        let plan = self.plan(id).await?;
        let parts = self.client.parts(&plan.key, &plan.upload).await;
        let parts = parts.map_err(|error| self.over(id, error))?;
        let mut held = HeldParts::default();
        for part in parts {
            let span = part_span(part.number, plan.total, plan.part_size);
            if span.is_some_and(|span| span.size == part.size) {
                held.newest = held.newest.max(Some(part.modified));
                held.parts.push(HeldPart {
                    number: part.number,
                    size: part.size,
                    sha256: None,
                });
            }
        }
        Ok(held)
    }

    /// The bucket no longer knows the upload: nor do we.
    pub(super) fn over(&self, id: UploadId, error: ObjectError) -> ObjectError {
        if matches!(error, ObjectError::NoSession(_)) {
            self.remembered.forget(id);
            return ObjectError::NoSession(id.to_string());
        }
        error
    }

    async fn assemble(
        &self,
        id: UploadId,
        key: &MediaKey,
        total: u64,
        part_size: u64,
    ) -> Result<()> {
        let plan = match load(&self.client, id).await {
            Err(ObjectError::NoSession(_)) => {
                self.remembered.forget(id);
                return self.exists_whole(key, total).await;
            }
            plan => plan?,
        };
        plan.is_for(key, total, part_size)?;
        let done = async {
            let parts = self.client.parts(key, &plan.upload).await?;
            let wanted = wanted(&parts, total, part_size)?;
            let parts = wanted.iter().map(|part| (part.number, part.etag.as_str()));
            self.client.finish(key, &plan.upload, parts).await
        };
        match done.await {
            // Done before, and only its end was lost; or the parts are.
            Err(ObjectError::NoSession(_)) => self.exists_whole(key, total).await?,
            Err(ObjectError::Bucket { code, .. }) if code == "InvalidPart" => {
                // One was replaced in between.
                return Err(ObjectError::Busy);
            }
            done => done?,
        }
        fail::point("bucket.completed");
        write::delete(&self.client, &name(id)).await?;
        self.remembered.forget(id);
        Ok(())
    }

    /// Whether the whole object is there.
    async fn exists_whole(&self, key: &MediaKey, total: u64) -> Result<()> {
        match read::stat(&self.client, key).await {
            Ok(stat) if stat.size == total => Ok(()),
            Ok(_) | Err(ObjectError::NotFound(_)) => Err(ObjectError::LostParts),
            Err(error) => Err(error),
        }
    }

    async fn drop_session(&self, id: UploadId) -> Result<()> {
        self.remembered.forget(id);
        match load(&self.client, id).await {
            Ok(plan) => {
                self.client.give_up(plan.key.as_str(), &plan.upload).await?;
                write::delete(&self.client, &name(id)).await
            }
            // The process that opened it may have died before it wrote the session's object.
            Err(ObjectError::NoSession(_)) => {
                for upload in self.client.uploads("v/").await? {
                    if upload_of(&upload.key) == Some(id) {
                        self.client.give_up(&upload.key, &upload.id).await?;
                    }
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Uploads that became nothing: of writers that died, and of those that came second.
    pub(super) async fn remove_broken(&self, before: Timestamp) -> Result<u64> {
        let mut removed = 0;
        for upload in self.client.uploads("v/").await? {
            if upload.begun >= before {
                continue;
            }
            let keep = match upload_of(&upload.key) {
                None => false,
                Some(id) => match load(&self.client, id).await {
                    // Without a session's object it is listed as a session.
                    Err(ObjectError::NoSession(_)) => true,
                    plan => plan?.upload == upload.id,
                },
            };
            if !keep {
                self.client.give_up(&upload.key, &upload.id).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// The parts that make the file, or which are missing.
fn wanted(parts: &[RawPart], total: u64, part_size: u64) -> Result<Vec<&RawPart>> {
    let mut missing = Vec::new();
    let mut wanted = Vec::new();
    for number in 1..=part_count(total, part_size) {
        let size = part_span(number, total, part_size).map(|span| span.size);
        let held = parts.binary_search_by_key(&number, |part| part.number).ok();
        match held
            .map(|at| &parts[at])
            .filter(|part| Some(part.size) == size)
        {
            Some(part) => wanted.push(part),
            None => missing.push(number),
        }
    }
    if missing.is_empty() {
        Ok(wanted)
    } else {
        Err(ObjectError::PartsMissing(missing))
    }
}

/// The current state of one session; `None` if it has ended in the meantime.
async fn look(client: Arc<Client>, id: UploadId, made: Timestamp) -> Result<Option<UploadSession>> {
    let plan = match load(&client, id).await {
        Err(ObjectError::NoSession(_)) => return Ok(None),
        plan => plan?,
    };
    let newest = match client.parts(&plan.key, &plan.upload).await {
        Err(ObjectError::NoSession(_)) => None,
        parts => parts?.iter().map(|part| part.modified).max(),
    };
    let session = UploadSession {
        id,
        key: plan.key.clone(),
        total: plan.total,
        part_size: plan.part_size,
        touched: newest.unwrap_or_default().max(made),
    };
    Ok(Some(session))
}

async fn all(client: Arc<Client>) -> Result<Vec<UploadSession>> {
    let mut sessions: Vec<UploadSession> = list::lines(Arc::clone(&client), FOLDER.to_owned())
        .try_filter_map(|line| async move {
            let id = line.key.strip_prefix(FOLDER).and_then(|id| id.parse().ok());
            let made = super::xml::moment(Some(&line.last_modified));
            Ok(id.map(|id: UploadId| (id, made)))
        })
        .map_ok(|(id, made)| look(Arc::clone(&client), id, made))
        .try_buffer_unordered(AT_ONCE)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await?;
    let ids: HashSet<UploadId> = sessions.iter().map(|session| session.id).collect();
    for upload in client.uploads("v/").await? {
        let Some(id) = upload_of(&upload.key).filter(|id| !ids.contains(id)) else {
            continue;
        };
        sessions.push(UploadSession {
            id,
            key: MediaKey::parse(&upload.key)?,
            total: 0,
            part_size: 0,
            touched: upload.begun,
        });
    }
    Ok(sessions)
}

impl MultipartSessions for BucketStore {
    fn least_part(&self) -> u64 {
        self.options.dialect.least_part()
    }

    fn create<'a>(
        &'a self,
        id: UploadId,
        key: &'a MediaKey,
        total: u64,
        part_size: u64,
    ) -> BoxFuture<'a, Result<()>> {
        self.open(id, key, total, part_size).boxed()
    }

    fn put_part<'a>(
        &'a self,
        id: UploadId,
        number: u32,
        span: PartSpan,
        body: Incoming<'a>,
    ) -> BoxFuture<'a, Result<String>> {
        part::put(self, id, number, span, body).boxed()
    }

    fn list_parts(&self, id: UploadId) -> BoxFuture<'_, Result<HeldParts>> {
        self.held(id).boxed()
    }

    fn complete<'a>(
        &'a self,
        id: UploadId,
        key: &'a MediaKey,
        total: u64,
        part_size: u64,
    ) -> BoxFuture<'a, Result<()>> {
        self.assemble(id, key, total, part_size).boxed()
    }

    fn abort(&self, id: UploadId) -> BoxFuture<'_, Result<()>> {
        self.drop_session(id).boxed()
    }

    fn list_sessions(&self) -> BoxStream<'static, Result<UploadSession>> {
        let client = Arc::clone(&self.client);
        stream::once(all(client))
            .map_ok(|sessions| stream::iter(sessions).map(Ok))
            .try_flatten()
            .boxed()
    }
}

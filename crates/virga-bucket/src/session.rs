//! Uploads by session. The bucket knows an upload by a key and an id of its own; a replica that
//! takes a part knows only the site's id. A small object, `u/{upload}`, maps one to the other. It
//! is written only if it does not exist: if two processes open a session at once, one wins.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use serde::{Deserialize, Serialize};
use virga_core::{
    MediaKey, ObjectClass, Timestamp, UploadId, fail, upload::PartSpan, wire::HeldPart,
};

use super::{BucketStore, client::Client, list, part, read, retry::unexpected, write, xml};
use virga_objects::{
    HeldParts, Incoming, MultipartSessions, ObjectError, Result, UploadPlan, UploadSession,
};

/// Where sessions lie.
const FOLDER: &str = "u/";
/// Sessions that are remembered; beyond that all are asked for again.
const REMEMBERED: usize = 10_000;
/// Session objects asked for at once.
const AT_ONCE: usize = 8;

/// What a session object says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    #[serde(flatten)]
    pub(super) plan: UploadPlan,
    /// The bucket's own id.
    pub(super) upload: String,
}

/// Sessions that this process has seen. One that is over is found out when the bucket is asked.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<HashMap<UploadId, Arc<Session>>>);

impl Remembered {
    fn sessions(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: UploadId) -> Option<Arc<Session>> {
        self.sessions().get(&id).cloned()
    }

    fn keep(&self, id: UploadId, session: &Arc<Session>) {
        let mut sessions = self.sessions();
        if sessions.len() >= REMEMBERED {
            sessions.clear();
        }
        sessions.insert(id, Arc::clone(session));
    }

    fn forget(&self, id: UploadId) {
        self.sessions().remove(&id);
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

async fn load(client: &Client, id: UploadId) -> Result<Arc<Session>> {
    let text = read::small(client, &name(id)).await;
    let text = text.map_err(|error| match error {
        ObjectError::NotFound(_) => ObjectError::NoSession(id.to_string()),
        other => other,
    })?;
    let session = serde_json::from_slice(&text)
        .map_err(|_| unexpected("read a session", 200, "the session's object is damaged"))?;
    Ok(Arc::new(session))
}

impl BucketStore {
    /// The session, remembered or asked for.
    pub(super) async fn session(&self, id: UploadId) -> Result<Arc<Session>> {
        if let Some(session) = self.remembered.get(id) {
            return Ok(session);
        }
        let session = load(&self.client, id).await?;
        self.remembered.keep(id, &session);
        Ok(session)
    }

    /// The bucket no longer knows the upload: nor do we.
    pub(super) fn over(&self, id: UploadId, error: ObjectError) -> ObjectError {
        if matches!(error, ObjectError::NoSession(_)) {
            self.remembered.forget(id);
            return ObjectError::NoSession(id.to_string());
        }
        error
    }

    /// Whether the whole object is there.
    async fn check_exists(&self, plan: &UploadPlan) -> Result<()> {
        match read::stat(&self.client, &plan.key).await {
            Ok(stat) if stat.size == plan.total => Ok(()),
            Ok(_) | Err(ObjectError::NotFound(_)) => Err(ObjectError::LostParts),
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
                    session => session?.upload == upload.id,
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

/// The current state of one session; `None` if it has ended in the meantime.
async fn look(client: Arc<Client>, id: UploadId, made: Timestamp) -> Result<Option<UploadSession>> {
    let session = match load(&client, id).await {
        Err(ObjectError::NoSession(_)) => return Ok(None),
        session => session?,
    };
    let plan = &session.plan;
    let newest = match client.parts(&plan.key, &session.upload).await {
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
            let made = xml::moment(Some(&line.last_modified));
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

#[async_trait]
impl MultipartSessions for BucketStore {
    fn least_part(&self) -> u64 {
        self.options.dialect.least_part()
    }

    async fn create(&self, id: UploadId, plan: &UploadPlan) -> Result<()> {
        match load(&self.client, id).await {
            Err(ObjectError::NoSession(_)) => {}
            session => return session?.plan.check_same(plan),
        }
        let session = Session {
            plan: plan.clone(),
            upload: self.client.begin(&plan.key).await?,
        };
        fail::point("bucket.begun");
        let text = serde_json::to_vec(&session).map(Bytes::from);
        let text =
            text.map_err(|error| ObjectError::io("write a session", std::io::Error::other(error)))?;
        match write::put(&self.client, &name(id), "application/json", text, true).await {
            Err(ObjectError::Conflict(_)) => {}
            done => return done,
        }
        // Someone was first; or it was we, and only the answer of an earlier try was lost.
        let first = load(&self.client, id).await?;
        if first.upload != session.upload {
            let key = plan.key.as_str();
            self.client.give_up(key, &session.upload).await?;
        }
        first.plan.check_same(plan)
    }

    async fn put_part(
        &self,
        id: UploadId,
        number: u32,
        span: PartSpan,
        body: Incoming<'_>,
    ) -> Result<String> {
        part::put(self, id, number, span, body).await
    }

    async fn list_parts(&self, id: UploadId) -> Result<HeldParts> {
        let Session { plan, upload } = &*self.session(id).await?;
        let parts = self.client.parts(&plan.key, upload).await;
        let parts = parts.map_err(|error| self.over(id, error))?;
        let mut held = HeldParts::default();
        for part in parts {
            if plan.has_part(part.number, part.size) {
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

    async fn complete(&self, id: UploadId, plan: &UploadPlan) -> Result<()> {
        let session = match load(&self.client, id).await {
            Err(ObjectError::NoSession(_)) => {
                self.remembered.forget(id);
                return self.check_exists(plan).await;
            }
            session => session?,
        };
        session.plan.check_same(plan)?;
        let done = async {
            let mut parts = self.client.parts(&plan.key, &session.upload).await?;
            parts.retain(|part| plan.has_part(part.number, part.size));
            plan.check_whole(&parts.iter().map(|part| part.number).collect())?;
            let parts = parts.iter().map(|part| (part.number, part.etag.as_str()));
            self.client.finish(&plan.key, &session.upload, parts).await
        };
        match done.await {
            // Done before, and only its end was lost; or the parts are.
            Err(ObjectError::NoSession(_)) => self.check_exists(plan).await?,
            // While another completes it, a service may still list the session and its parts no more.
            Err(error @ ObjectError::PartsMissing(_)) => match self.check_exists(plan).await {
                Err(ObjectError::LostParts) => return Err(error),
                checked => checked?,
            },
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

    async fn abort(&self, id: UploadId) -> Result<()> {
        self.remembered.forget(id);
        match load(&self.client, id).await {
            Ok(session) => {
                let key = session.plan.key.as_str();
                self.client.give_up(key, &session.upload).await?;
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

    fn list_sessions(&self) -> BoxStream<'static, Result<UploadSession>> {
        let client = Arc::clone(&self.client);
        stream::once(all(client))
            .map_ok(|sessions| stream::iter(sessions).map(Ok))
            .try_flatten()
            .boxed()
    }
}

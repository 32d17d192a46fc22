//! Writing and removing objects. What is small is one request; what is not is a multipart upload
//! that shows nothing until it is completed.

use std::{io::SeekFrom, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderValue, Method, StatusCode, header};
use reqwest::multipart::{Form, Part};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use virga_core::{
    Clock, Entropy, MediaKey, OsEntropy, SystemClock,
    keys::hex,
    upload::{MAX_PARTS, PartSpan, part_count, part_span},
};

use super::{
    client::{BucketRequest, Client, SHORT, document, understood},
    kodo::{self, KodoForms},
    multipart::{etag, part_request},
    read,
    retry::{TRIES, broken, retried, unavailable, unexpected},
    xml,
};
use virga_objects::{ObjectError, ObjectWriter, Result, Validity};

/// How a large file goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartUploads {
    /// Bytes of each but the last.
    pub(super) size: u64,
    /// How many are on their way at once.
    pub(super) at_once: usize,
}

const HOP: usize = 256 * 1024;
const WRITE: &str = "write an object";
/// How long a token of our own is good.
const TOKEN_LASTS: Duration = Duration::from_secs(600);

/// The key of an object that is only to be tried.
pub(super) fn scratch_key() -> String {
    let entropy: &dyn Entropy = &OsEntropy;
    format!("u/.check-{}", hex(&entropy.bytes::<8>()))
}

/// Writes an object; `fresh`: only if it does not exist.
pub(super) async fn put(
    client: &Client,
    key: &str,
    kind: &'static str,
    bytes: Bytes,
    fresh: bool,
) -> Result<()> {
    if fresh && let Some(forms) = &client.kodo_forms {
        return retried(TRIES, || create(client, forms, key, kind, &bytes)).await;
    }
    let mut request = BucketRequest::new(Method::PUT, key, WRITE)
        .header(header::CONTENT_TYPE, HeaderValue::from_static(kind))
        .body(bytes);
    if fresh {
        let (name, value) = client.dialect.create_only();
        request = request.header(name, value);
    }
    client.send(request).await.map(|_| ())
}

/// Writes an object where none exists, by a form of Kodo's.
async fn create(
    client: &Client,
    forms: &KodoForms,
    key: &str,
    kind: &'static str,
    bytes: &Bytes,
) -> Result<()> {
    let credential = client.keys.now().await?;
    let validity = Validity {
        from: SystemClock.now(),
        lasts: TOKEN_LASTS,
    };
    let policy = forms.policy(key, bytes.len() as u64, validity, true);
    let token = kodo::token(&credential, &policy.to_string());
    let form = file_form([("key", key), ("token", &token)], kind, bytes.clone())?;
    let asked = client.http.post(forms.url()).multipart(form);
    let sent = asked.timeout(SHORT).send().await;
    meaning(sent.map_err(|error| broken(WRITE, error))?.status())
}

/// A form as a browser sends it: its fields, then the file.
pub(super) fn file_form<'a>(
    fields: impl IntoIterator<Item = (&'static str, &'a str)>,
    kind: &str,
    file: Bytes,
) -> Result<Form> {
    let length = file.len() as u64;
    let file = Part::stream_with_length(file, length).file_name("object");
    let file = file.mime_str(kind).map_err(|error| broken(WRITE, error))?;
    let fields = fields.into_iter();
    let form = fields.fold(Form::new(), |form, (name, value)| {
        form.text(name, value.to_owned())
    });
    Ok(form.part("file", file))
}

/// What Kodo says by the status alone; beyond 599 they are its own.
fn meaning(status: StatusCode) -> Result<()> {
    match status.as_u16() {
        200..=299 => Ok(()),
        614 => Err(ObjectError::Conflict("an object of this name is there")),
        401 | 403 => Err(ObjectError::Denied {
            code: status.as_str().to_owned(),
        }),
        429 | 500..=599 => Err(unavailable(WRITE, status.as_str())),
        631 => Err(unexpected(WRITE, 631, "NoSuchBucket")),
        other => Err(unexpected(WRITE, other, "")),
    }
}

pub(super) async fn delete(client: &Client, key: &str) -> Result<()> {
    let request = BucketRequest::new(Method::DELETE, key, "remove an object");
    match client.send(request).await {
        Err(ObjectError::NotFound(_)) => Ok(()),
        done => done.map(|_| ()),
    }
}

/// Removes up to a thousand objects with one request.
pub(super) async fn delete_batch(client: &Client, keys: &[String]) -> Result<()> {
    const DOING: &str = "remove objects";
    let request = BucketRequest::new(Method::POST, "", DOING)
        .query("delete", "")
        .header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/xml"),
        )
        .document(xml::delete(keys.iter().map(String::as_str)));
    let text = document(DOING, client.send(request).await?).await?;
    // OSS says nothing at all where there is nothing to complain about.
    let done: xml::DeleteResult = if text.is_empty() {
        xml::DeleteResult::default()
    } else {
        understood(DOING, &text)?
    };
    match done.error.into_iter().find(|it| it.code != "NoSuchKey") {
        Some(fault) => Err(unexpected(DOING, 200, &fault.code)),
        None => Ok(()),
    }
}

/// Sends a file and removes it.
pub(super) async fn put_file(
    client: &Client,
    key: &MediaKey,
    path: &Path,
    parts: PartUploads,
) -> Result<()> {
    let failed = |error| ObjectError::io("read a scratch file", error);
    let size = tokio::fs::metadata(path).await.map_err(failed)?.len();
    if size <= parts.size {
        let kind = HeaderValue::from_static(key.content_type());
        let span = PartSpan { offset: 0, size };
        let request = || {
            BucketRequest::new(Method::PUT, key.as_str(), WRITE)
                .header(header::CONTENT_TYPE, kind.clone())
        };
        send_span(client, path, span, request).await?;
    } else {
        let part_size = parts.size.max(size.div_ceil(MAX_PARTS));
        let parts = PartUploads {
            size: part_size,
            ..parts
        };
        put_parts(client, key, path, size, parts).await?;
    }
    tokio::fs::remove_file(path)
        .await
        .map_err(|error| ObjectError::io("remove a scratch file", error))
}

async fn put_parts(
    client: &Client,
    key: &MediaKey,
    path: &Path,
    size: u64,
    parts: PartUploads,
) -> Result<()> {
    let part_size = parts.size;
    let id = client.begin(key).await?;
    let send = |number: u32| {
        let id = &id;
        async move {
            let span = part_span(number, size, part_size).ok_or(ObjectError::WrongPart)?;
            let text = number.to_string();
            let answer = send_span(client, path, span, || part_request(key, id, &text)).await?;
            Ok::<_, ObjectError>((number, etag(&answer)?))
        }
    };
    let sent: Result<Vec<(u32, String)>> = stream::iter(1..=part_count(size, part_size))
        .map(send)
        .buffered(parts.at_once)
        .try_collect()
        .await;
    let finished = match &sent {
        Ok(sent) => {
            let parts = sent.iter().map(|(number, etag)| (*number, etag.as_str()));
            finish_own(client, key, &id, parts, size).await
        }
        Err(_) => Ok(()),
    };
    let done = sent.map(|_| ()).and(finished);
    if done.is_err() {
        let _ = client.give_up(key.as_str(), &id).await;
    }
    done
}

/// Completes an upload that nobody else completes: gone after a try whose answer was lost means
/// done, if the object has the right size.
async fn finish_own<'a>(
    client: &Client,
    key: &MediaKey,
    id: &str,
    parts: impl Iterator<Item = (u32, &'a str)>,
    size: u64,
) -> Result<()> {
    match client.finish(key, id, parts).await {
        Err(ObjectError::NoSession(_))
            if read::stat(client, key)
                .await
                .is_ok_and(|it| it.size == size) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// Sends a stretch of a file, again where that may help.
async fn send_span<'a>(
    client: &Client,
    path: &Path,
    span: PartSpan,
    request: impl Fn() -> BucketRequest<'a> + Send + Sync,
) -> Result<reqwest::Response> {
    let failed = |error| ObjectError::io("read a scratch file", error);
    let attempt = async || {
        let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
        let start = SeekFrom::Start(span.offset);
        file.seek(start).await.map_err(failed)?;
        let hops = stream::try_unfold(file.take(span.size), |mut file| async move {
            let mut hop = BytesMut::with_capacity(HOP);
            let read = file.read_buf(&mut hop).await?;
            Ok::<_, std::io::Error>((read > 0).then(|| (hop.freeze(), file)))
        });
        let body = reqwest::Body::wrap_stream(hops);
        let request = request().long(span.size);
        client.send_streaming(&request, body, span.size).await
    };
    retried(TRIES, attempt).await
}

/// A streaming write. One part is in memory at a time.
#[derive(Debug)]
pub(super) struct BucketWriter {
    client: Arc<Client>,
    key: MediaKey,
    part_size: usize,
    gathered: BytesMut,
    /// The bucket's id once there is more than one part.
    upload: Option<String>,
    parts: Vec<String>,
    size: u64,
}

impl BucketWriter {
    pub(super) fn new(client: Arc<Client>, key: MediaKey, part_size: u64) -> Self {
        Self {
            client,
            key,
            part_size: usize::try_from(part_size).unwrap_or(usize::MAX),
            gathered: BytesMut::new(),
            upload: None,
            parts: Vec::new(),
            size: 0,
        }
    }

    async fn flush(&mut self) -> Result<()> {
        if self.parts.len() as u64 >= MAX_PARTS {
            return Err(ObjectError::TooLarge { limit: self.size });
        }
        let upload = match &self.upload {
            Some(upload) => upload,
            None => self.upload.insert(self.client.begin(&self.key).await?),
        };
        let number = u32::try_from(self.parts.len()).unwrap_or(u32::MAX) + 1;
        let part = self.gathered.split().freeze();
        let etag = self.client.send_part(&self.key, upload, number, part);
        self.parts.push(etag.await?);
        Ok(())
    }

    async fn finish(&mut self) -> Result<u64> {
        if self.upload.is_none() {
            let bytes = self.gathered.split().freeze();
            let (key, kind) = (self.key.as_str(), self.key.content_type());
            put(&self.client, key, kind, bytes, false).await?;
            return Ok(self.size);
        }
        if !self.gathered.is_empty() {
            self.flush().await?;
        }
        if let Some(upload) = &self.upload {
            let parts = (1..).zip(self.parts.iter().map(String::as_str));
            finish_own(&self.client, &self.key, upload, parts, self.size).await?;
            self.upload = None;
        }
        Ok(self.size)
    }
}

#[async_trait]
impl ObjectWriter for BucketWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            // A full part goes only when more follows: what fits in one is one request.
            if self.gathered.len() >= self.part_size {
                self.flush().await?;
            }
            let room = (self.part_size - self.gathered.len()).min(bytes.len());
            self.gathered.extend_from_slice(&bytes.split_to(room));
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<u64> {
        self.finish().await
    }
}

impl Drop for BucketWriter {
    /// What was not committed is dropped at once where that can be; the sweeper finds the rest.
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (client, key) = (Arc::clone(&self.client), self.key.clone());
            runtime.spawn(async move {
                let _ = client.give_up(key.as_str(), &upload).await;
            });
        }
    }
}

//! The bucket's own multipart uploads, as it knows them: by key and its own id.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderValue, Method, header};
use virga_core::{MediaKey, Timestamp};

use super::{
    client::{BucketRequest, Client, document},
    retry::{unavailable, unexpected},
    xml,
};
use virga_objects::{ObjectError, Result};

/// A part that the bucket holds.
#[derive(Clone, Debug)]
pub(super) struct RawPart {
    pub(super) number: u32,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified: Timestamp,
}

/// An upload that the bucket has open.
#[derive(Clone, Debug)]
pub(super) struct RawUpload {
    pub(super) key: String,
    pub(super) id: String,
    pub(super) begun: Timestamp,
}

impl Client {
    /// Begins one; its id.
    pub(super) async fn begin(&self, key: &MediaKey) -> Result<String> {
        let kind = HeaderValue::from_static(key.content_type());
        let request = BucketRequest::new(Method::POST, key.as_str(), "begin an upload")
            .query("uploads", "")
            .header(header::CONTENT_TYPE, kind);
        let begun: xml::Initiated = self.fetch_document(request).await?;
        Ok(begun.upload_id)
    }

    /// Sends a part that is in memory; its tag.
    pub(super) async fn send_part(
        &self,
        key: &MediaKey,
        id: &str,
        number: u32,
        body: Bytes,
    ) -> Result<String> {
        let number = number.to_string();
        let request = part_request(key, id, &number).body(body);
        etag(&self.send(request).await?)
    }

    /// All parts by number.
    pub(super) async fn parts(&self, key: &MediaKey, id: &str) -> Result<Vec<RawPart>> {
        let mut parts = Vec::new();
        let mut after = String::new();
        loop {
            let mut request =
                BucketRequest::new(Method::GET, key.as_str(), "list an upload's parts")
                    .query("uploadId", id)
                    .query("max-parts", "1000");
            if !after.is_empty() {
                request = request.query("part-number-marker", &after);
            }
            let page: xml::PartPage = self.fetch_document(request).await?;
            parts.extend(page.part.into_iter().map(|part| RawPart {
                number: part.part_number,
                size: part.size,
                modified: xml::moment(part.last_modified.as_deref()),
                etag: part.etag,
            }));
            match page.next_part_number_marker {
                Some(next) if page.is_truncated && next != after => after = next,
                _ => break,
            }
        }
        // A part that was sent again counts once; some servers also list the part it replaced.
        parts.sort_by_key(|part| (part.number, std::cmp::Reverse(part.modified)));
        parts.dedup_by_key(|part| part.number);
        Ok(parts)
    }

    /// Makes the parts one object.
    pub(super) async fn finish<'a>(
        &self,
        key: &MediaKey,
        id: &str,
        parts: impl Iterator<Item = (u32, &'a str)>,
    ) -> Result<()> {
        const DOING: &str = "complete an upload";
        let request = BucketRequest::new(Method::POST, key.as_str(), DOING)
            .query("uploadId", id)
            .header(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/xml"),
            )
            .body(xml::complete(parts).into());
        // An answer of 200 may still turn out to be a refusal: it was begun before the work was done.
        let text = document(DOING, self.send(request).await?).await?;
        match xml::read::<xml::ErrorDocument>(&text) {
            Some(fault) if fault.code == "NoSuchUpload" => Err(ObjectError::NoSession(id.into())),
            Some(fault) => Err(unavailable(DOING, fault.code)),
            None => Ok(()),
        }
    }

    /// Drops one; fine if there is none.
    pub(super) async fn give_up(&self, key: &str, id: &str) -> Result<()> {
        let request =
            BucketRequest::new(Method::DELETE, key, "abort an upload").query("uploadId", id);
        match self.send(request).await {
            Err(ObjectError::NoSession(_) | ObjectError::NotFound(_)) => Ok(()),
            done => done.map(|_| ()),
        }
    }

    /// All that are open under a prefix.
    pub(super) async fn uploads(&self, prefix: &str) -> Result<Vec<RawUpload>> {
        let mut uploads = Vec::new();
        let (mut after_key, mut after_id) = (String::new(), String::new());
        loop {
            let mut request = BucketRequest::new(Method::GET, "", "list uploads")
                .query("uploads", "")
                .query("prefix", prefix)
                .query("max-uploads", "1000");
            if !after_key.is_empty() {
                request = request.query("key-marker", &after_key);
                if !after_id.is_empty() {
                    request = request.query("upload-id-marker", &after_id);
                }
            }
            let page: xml::UploadPage = self.fetch_document(request).await?;
            let lines = page.upload.into_iter().map(|line| RawUpload {
                begun: xml::moment(line.initiated.as_deref()),
                key: line.key,
                id: line.upload_id,
            });
            uploads.extend(lines.filter(|upload| upload.key.starts_with(prefix)));
            let next = (
                page.next_key_marker.unwrap_or_default(),
                page.next_upload_id_marker.unwrap_or_default(),
            );
            if !page.is_truncated
                || next.0.is_empty()
                || next == (after_key.clone(), after_id.clone())
            {
                return Ok(uploads);
            }
            (after_key, after_id) = next;
        }
    }

    /// Drops all that are open under a prefix.
    pub(super) async fn give_up_all(&self, prefix: &str) -> Result<()> {
        stream::iter(self.uploads(prefix).await?)
            .map(|upload| async move { self.give_up(&upload.key, &upload.id).await })
            .buffer_unordered(8)
            .try_collect()
            .await
    }
}

pub(super) fn part_request<'a>(
    key: &'a MediaKey,
    id: &'a str,
    number: &'a str,
) -> BucketRequest<'a> {
    BucketRequest::new(Method::PUT, key.as_str(), "send a part")
        .query("partNumber", number)
        .query("uploadId", id)
}

/// The tag that completing will want.
pub(super) fn etag(answer: &reqwest::Response) -> Result<String> {
    let etag = answer.headers().get(header::ETAG);
    let etag = etag.and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    etag.ok_or_else(|| {
        let status = answer.status().as_u16();
        unexpected("send a part", status, "the answer has no ETag")
    })
}

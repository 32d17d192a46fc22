//! One signed request to the bucket: time limits, what a refusal means, and trying again what may
//! be tried again.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use md5::Md5;
use reqsign_aws_v4::Credential;
use reqsign_core::Signer;
use reqwest::Response;
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use virga_core::{Clock, SystemClock, counts::BUCKET_ERRORS, keys::hex};

use super::{
    Dialect,
    credentials::Keys,
    kodo::KodoForms,
    oss::{self, Resource},
    retry::{TRIES, broken, retried, unavailable, unexpected},
    signature::{self, Scope},
    url::BucketUrl,
    xml,
};
use virga_objects::{ObjectError, Result};

const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
/// The payload is not part of the signature: it is a stream.
const UNSIGNED: HeaderValue = HeaderValue::from_static("UNSIGNED-PAYLOAD");
/// Until the answer's head, for requests without a large body.
pub(super) const SHORT: Duration = Duration::from_secs(15);
/// Without a byte of an answer.
pub(super) const STALL: Duration = Duration::from_secs(30);
/// For a request with a body, beyond what the body takes.
pub(super) const LONG: Duration = Duration::from_secs(120);
/// Bytes a second below which a body counts as stuck.
const SLOWEST: u64 = 64 * 1024;
/// Documents are read into memory up to here: a page of a thousand lines has a tenth of it.
const DOCUMENT: usize = 4 * 1024 * 1024;

/// A bucket, and who we are to it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) http: reqwest::Client,
    pub(super) dialect: Dialect,
    /// Of the S3 dialect.
    pub(super) signer: Signer<Credential>,
    pub(super) keys: Keys,
    pub(super) address: BucketUrl,
    pub(super) bucket: String,
    pub(super) region: String,
    pub(super) kodo_forms: Option<KodoForms>,
}

/// One request.
#[derive(Debug)]
pub(super) struct BucketRequest<'a> {
    doing: &'static str,
    method: Method,
    key: &'a str,
    query: Vec<(&'static str, &'a str)>,
    headers: HeaderMap,
    body: Bytes,
    limit: Duration,
    tries: u32,
}

impl<'a> BucketRequest<'a> {
    /// A request for a key, or for the bucket itself where it is empty. `doing` completes "cannot".
    pub(super) fn new(method: Method, key: &'a str, doing: &'static str) -> Self {
        Self {
            doing,
            method,
            key,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            limit: SHORT,
            tries: TRIES,
        }
    }

    pub(super) fn query(mut self, name: &'static str, value: &'a str) -> Self {
        self.query.push((name, value));
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With a body that is in memory; its digest is signed.
    pub(super) fn body(mut self, body: Bytes) -> Self {
        let length = body.len() as u64;
        self.body = body;
        self.long(length)
    }

    /// With a document, and the digest that some requests with one must have.
    pub(super) fn document(self, text: String) -> Self {
        let (name, digest) = content_md5(text.as_bytes());
        self.header(name, digest).body(text.into())
    }

    /// With a body of this length, which takes its time.
    pub(super) fn long(mut self, length: u64) -> Self {
        self.limit = LONG + Duration::from_secs(length / SLOWEST);
        self
    }

    /// For this long at most.
    pub(super) fn limited(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Once, and for this long only.
    pub(super) fn once(mut self, limit: Duration) -> Self {
        self.tries = 1;
        self.limited(limit)
    }
}

impl Client {
    /// Asks, again where that may help, and answers what was a success. Only for what may be done
    /// twice.
    pub(super) async fn send(&self, request: BucketRequest<'_>) -> Result<Response> {
        let (name, digest) = match self.dialect {
            Dialect::Oss => content_md5(&request.body),
            Dialect::S3 | Dialect::Kodo => {
                let hashed = hex(&Sha256::digest(&request.body));
                let hashed = HeaderValue::from_str(&hashed).unwrap_or(UNSIGNED);
                (CONTENT_SHA256, hashed)
            }
        };
        let (request, name, digest) = (&request, &name, &digest);
        let attempt = || async move {
            let mut headers = request.headers.clone();
            if name == CONTENT_SHA256 || !request.body.is_empty() {
                headers.insert(name, digest.clone());
            }
            let body = request.body.clone();
            if !body.is_empty() || matches!(request.method, Method::PUT | Method::POST) {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            }
            let sent = self.send_once(request, headers, body.into()).await;
            if let Err(error) = &sent
                && !error.is_not_found()
            {
                BUCKET_ERRORS.add();
            }
            sent
        };
        retried(request.tries, attempt).await
    }

    /// Asks once, with a body of `length` bytes that streams in.
    pub(super) async fn send_streaming(
        &self,
        request: &BucketRequest<'_>,
        body: reqwest::Body,
        length: u64,
    ) -> Result<Response> {
        let mut headers = request.headers.clone();
        if self.dialect != Dialect::Oss {
            headers.insert(CONTENT_SHA256, UNSIGNED);
        }
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        let sent = self.send_once(request, headers, body).await;
        if sent.is_err() {
            BUCKET_ERRORS.add();
        }
        sent
    }

    async fn send_once(
        &self,
        request: &BucketRequest<'_>,
        headers: HeaderMap,
        body: reqwest::Body,
    ) -> Result<Response> {
        let unfit = |why: &str| unexpected(request.doing, 0, why);
        let mut message = http::Request::new(body);
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = self
            .address
            .of(request.key, &request.query)
            .parse()
            .map_err(|_| unfit("InvalidURI"))?;
        *message.headers_mut() = headers;
        self.dialect.complete(message.headers_mut());
        let (mut parts, body) = message.into_parts();
        let signed = timeout(request.limit, self.sign(request, &mut parts)).await;
        signed.map_err(|_| unavailable(request.doing, "no credentials in time"))??;
        let message = reqwest::Request::try_from(http::Request::from_parts(parts, body))
            .map_err(|error| unfit(&error.without_url().to_string()))?;
        let answer = timeout(request.limit, self.http.execute(message)).await;
        let answer = answer.map_err(|_| unavailable(request.doing, "no answer in time"))?;
        let answer = answer.map_err(|error| broken(request.doing, error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(refusal(request, answer).await)
    }

    async fn sign(
        &self,
        request: &BucketRequest<'_>,
        parts: &mut http::request::Parts,
    ) -> Result<()> {
        if self.dialect != Dialect::Oss {
            return self.signer.sign(parts, None).await.map_err(|error| {
                tracing::warn!(%error, "no credentials for the bucket");
                ObjectError::Denied {
                    code: "no credentials".to_owned(),
                }
            });
        }
        let credential = self.keys.now().await?;
        let scope = Scope {
            chain: &signature::OSS,
            credential: &credential,
            moment: SystemClock.now().to_datetime(),
            region: &self.region,
        };
        let method = request.method.as_str();
        let resource = self.resource(request.key);
        oss::sign_headers(&scope, method, resource, &request.query, &mut parts.headers)
    }

    /// What OSS signs of a key.
    pub(super) fn resource<'a>(&'a self, key: &'a str) -> Resource<'a> {
        Resource {
            bucket: &self.bucket,
            key,
        }
    }

    /// Asks for a document and reads it.
    pub(super) async fn fetch_document<T>(&self, request: BucketRequest<'_>) -> Result<T>
    where
        T: serde::de::DeserializeOwned,
    {
        let doing = request.doing;
        let text = document(doing, self.send(request).await?).await?;
        understood(doing, &text)
    }
}

/// Reads a document that says how it went.
pub(super) fn understood<T>(doing: &'static str, text: &[u8]) -> Result<T>
where
    T: serde::de::DeserializeOwned,
{
    xml::read(text).ok_or_else(|| match xml::read::<xml::ErrorDocument>(text) {
        Some(fault) => meaning(doing, "", StatusCode::OK, &fault.code),
        None => unexpected(doing, 200, "the answer is no document of this dialect"),
    })
}

/// What says that a body came as it was sent.
fn content_md5(body: &[u8]) -> (HeaderName, HeaderValue) {
    let digest = STANDARD.encode(Md5::digest(body));
    let digest = HeaderValue::from_str(&digest).unwrap_or(HeaderValue::from_static(""));
    (HeaderName::from_static("content-md5"), digest)
}

/// Reads a whole document.
pub(super) async fn document(doing: &'static str, mut answer: Response) -> Result<Bytes> {
    let mut text = BytesMut::new();
    loop {
        let piece = timeout(STALL, answer.chunk()).await;
        let piece = piece.map_err(|_| unavailable(doing, "the answer stopped"))?;
        let Some(piece) = piece.map_err(|error| broken(doing, error))? else {
            return Ok(text.freeze());
        };
        text.extend_from_slice(&piece);
        if text.len() > DOCUMENT {
            return Err(ObjectError::TooLarge {
                limit: DOCUMENT as u64,
            });
        }
    }
}

/// Why the bucket said no. What it says in words is left out: it may repeat what we signed.
async fn refusal(request: &BucketRequest<'_>, answer: Response) -> ObjectError {
    let status = answer.status();
    let size = answer.headers().get(header::CONTENT_RANGE).and_then(|it| {
        let total = it.to_str().ok()?.strip_prefix("bytes */")?;
        total.parse::<u64>().ok()
    });
    if let (StatusCode::RANGE_NOT_SATISFIABLE, Some(size)) = (status, size) {
        return ObjectError::OutOfRange { size };
    }
    // An answer to HEAD has no body; OSS puts it into a header.
    let instead = answer
        .headers()
        .get("x-oss-err")
        .and_then(|it| STANDARD.decode(it).ok());
    let mut text = document(request.doing, answer).await.unwrap_or_default();
    if text.is_empty() {
        text = instead.unwrap_or_default().into();
    }
    let code = xml::read::<xml::ErrorDocument>(&text).map(|fault| fault.code);
    meaning(
        request.doing,
        request.key,
        status,
        &code.unwrap_or_default(),
    )
}

/// Sorts a refusal by meaning.
fn meaning(doing: &'static str, key: &str, status: StatusCode, code: &str) -> ObjectError {
    let code: String = code
        .chars()
        .filter(char::is_ascii_graphic)
        .take(64)
        .collect();
    match code.as_str() {
        "NoSuchUpload" => return ObjectError::NoSession(key.to_owned()),
        "NoSuchKey" => return ObjectError::NotFound(key.to_owned()),
        "RequestTimeTooSkewed" => return ObjectError::ClockSkew,
        "NoSuchBucket" => {}
        "PreconditionFailed" | "ConditionalRequestConflict" | "FileAlreadyExists" => {
            return ObjectError::Conflict("an object of this name is there");
        }
        "InvalidRange" => return ObjectError::OutOfRange { size: u64::MAX },
        "QuotaExceeded" | "InsufficientStorage" | "StorageFull" => return ObjectError::NoRoom,
        "SlowDown" | "QpsLimitExceeded" | "RequestTimeout" | "InternalError"
        | "ServiceUnavailable" | "Busy" => {
            return unavailable(doing, code);
        }
        _ => {}
    }
    match status {
        StatusCode::NOT_FOUND if code.is_empty() && !key.is_empty() => {
            ObjectError::NotFound(key.to_owned())
        }
        StatusCode::PRECONDITION_FAILED => ObjectError::Conflict("an object of this name is there"),
        StatusCode::RANGE_NOT_SATISFIABLE => ObjectError::OutOfRange { size: u64::MAX },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ObjectError::Denied {
            code: if code.is_empty() {
                status.as_str().to_owned()
            } else {
                code
            },
        },
        StatusCode::INSUFFICIENT_STORAGE => ObjectError::NoRoom,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            unavailable(doing, status.as_str())
        }
        status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
            unavailable(doing, format!("{} {code}", status.as_str()))
        }
        status => unexpected(doing, status.as_u16(), &code),
    }
}

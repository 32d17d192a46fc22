//! Objects in a bucket: of the S3 dialect (AWS, any cloud's or server's that is compatible, Kodo)
//! or of Aliyun OSS's own.
//!
//! `v/…` objects, `u/…` one small object an open upload session. The client is our own: a few
//! requests and documents (docs/adr/0007).

mod client;
mod credentials;
mod dialect;
mod direct;
mod kodo;
mod list;
mod multipart;
mod oss;
mod part;
mod probe;
mod read;
mod report;
mod retry;
mod session;
mod signature;
mod url;
mod write;
mod xml;

use std::{
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use reqwest::NoProxy;
use virga_core::{KeyPrefix, MediaKey, Timestamp};

pub use crate::{
    credentials::BucketCredentials,
    dialect::Dialect,
    kodo::KodoForms,
    probe::{Outcome, Probe, ProbeOptions},
    url::{BucketAddressing, InvalidBucket},
};

use crate::{
    client::{BucketRequest, Client},
    url::BucketUrl,
    write::BucketWriter,
};
use virga_objects::{
    ByteStream, FreeSpace, LocalObject, MediaStore, ObjectError, ObjectListing, ObjectStat,
    ObjectWriter, Piece, Result,
};

const MIB: u64 = 1024 * 1024;
/// What a bucket gets to answer when it is only asked whether it is there.
const GLANCE: Duration = Duration::from_secs(2);
/// This machine, and where machines ask for their role: no proxy leads there.
const NEVER_BY_PROXY: &str = "127.0.0.0/8,::1,169.254.0.0/16,100.100.100.200";
/// How often uploads that broke off are looked for.
const LEFTOVERS_EVERY: Duration = Duration::from_secs(600);

/// How a bucket is used.
#[derive(Clone, Debug)]
pub struct BucketOptions {
    /// What the service speaks.
    pub dialect: Dialect,
    /// Scheme and host: `https://s3.eu-central-1.amazonaws.com`.
    pub endpoint: String,
    /// The region that signatures name.
    pub region: String,
    /// The bucket's name.
    pub bucket: String,
    /// Which part of the URL contains the bucket's name.
    pub addressing: BucketAddressing,
    /// The endpoint that browsers reach and how the bucket is named there; `None`: none is.
    pub public: Option<(String, BucketAddressing)>,
    /// Where Kodo takes forms; `None`: forms and create-only are those of the S3 dialect.
    pub kodo_forms: Option<KodoForms>,
    /// Who we are.
    pub credentials: BucketCredentials,
    /// A proxy on the way, but not to this machine or to what lends it its role; no proxy is taken
    /// from anywhere else.
    pub proxy: Option<String>,
    /// Bytes of a part of what the site itself writes; 5 MiB (on OSS 100 KiB) to 5 GiB.
    pub part_size: u64,
    /// Parts of a file that are on their way at once.
    pub parallel_parts: usize,
    /// A part is dropped after this long without a byte from its sender.
    pub stall: Duration,
    /// An upload that a dead writer left goes at this age: longer than any write takes.
    pub leftover_age: Duration,
}

impl BucketOptions {
    /// The usual limits, the S3 dialect.
    pub fn new(endpoint: &str, region: &str, bucket: &str, credentials: BucketCredentials) -> Self {
        Self {
            dialect: Dialect::S3,
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
            bucket: bucket.to_owned(),
            addressing: BucketAddressing::Path,
            public: None,
            kodo_forms: None,
            credentials,
            proxy: None,
            part_size: 16 * MIB,
            parallel_parts: 3,
            stall: Duration::from_secs(30),
            leftover_age: Duration::from_secs(24 * 3600),
        }
    }
}

/// A store in a bucket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BucketStore {
    client: Arc<Client>,
    /// As browsers reach it.
    public: Option<Arc<BucketUrl>>,
    options: Arc<BucketOptions>,
    remembered: Arc<session::Remembered>,
    public_keys: Arc<report::PublicKeys>,
    /// When leftovers were looked for last, microseconds.
    swept: Arc<AtomicI64>,
}

impl BucketStore {
    /// A store; asks nothing yet, so that a site starts before its bucket does.
    pub fn new(options: BucketOptions) -> Result<Self, InvalidBucket> {
        let dialect = options.dialect;
        let at = |endpoint: &str, addressing| {
            BucketUrl::new(endpoint, &options.bucket, addressing, dialect)
        };
        let address = at(&options.endpoint, options.addressing)?;
        let named = options.public.as_ref();
        if named.is_some_and(|(endpoint, _)| dialect.is_internal_name(endpoint)) {
            return Err(InvalidBucket::Other(
                "the endpoint for browsers is Aliyun's internal one, which none can reach",
            ));
        }
        if options.region.is_empty() {
            return Err(InvalidBucket::Other("the region is missing"));
        }
        if !(dialect.least_part()..=5 * 1024 * MIB).contains(&options.part_size) {
            return Err(InvalidBucket::Other(
                "a part has 5 MiB (on OSS 100 KiB) to 5 GiB",
            ));
        }
        if !(1..=64).contains(&options.parallel_parts) {
            return Err(InvalidBucket::Other(
                "1 to 64 parts may be on their way at once",
            ));
        }
        if let Some(forms) = &options.kodo_forms {
            BucketUrl::new(
                &forms.endpoint,
                &forms.bucket,
                BucketAddressing::Domain,
                dialect,
            )?;
        }
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .pool_idle_timeout(Duration::from_secs(15))
            .no_proxy();
        if let Some(proxy) = &options.proxy {
            let proxy = reqwest::Proxy::all(proxy)
                .map_err(|_| InvalidBucket::Other("the proxy's address is none"))?;
            builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(NEVER_BY_PROXY)));
        }
        let http = builder
            .build()
            .map_err(|_| InvalidBucket::Other("no TLS on this machine"))?;
        let credentials = options.credentials.clone();
        let (signer, keys) = credentials.signer(dialect, http.clone(), &options.region);
        let public = options.public.as_ref();
        let public = public.map(|(endpoint, addressing)| at(endpoint, *addressing).map(Arc::new));
        let public = public.transpose()?;
        Ok(Self {
            client: Arc::new(Client {
                http,
                dialect,
                signer,
                keys,
                address,
                bucket: options.bucket.clone(),
                region: options.region.clone(),
                kodo_forms: options.kodo_forms.clone(),
            }),
            public,
            options: Arc::new(options),
            remembered: Arc::default(),
            public_keys: Arc::default(),
            swept: Arc::default(),
        })
    }

    /// Whether browsers reach it.
    pub fn is_public(&self) -> bool {
        self.public.is_some()
    }
}

#[async_trait]
impl MediaStore for BucketStore {
    async fn put(&self, key: &MediaKey, bytes: Bytes) -> Result<()> {
        write::put(&self.client, key.as_str(), key.content_type(), bytes, false).await
    }

    async fn put_file(&self, key: &MediaKey, scratch: &Path) -> Result<()> {
        let parts = write::PartUploads {
            size: self.options.part_size,
            at_once: self.options.parallel_parts,
        };
        write::put_file(&self.client, key, scratch, parts).await
    }

    async fn writer(&self, key: &MediaKey) -> Result<Box<dyn ObjectWriter>> {
        let client = Arc::clone(&self.client);
        let writer = BucketWriter::new(client, key.clone(), self.options.part_size);
        Ok(Box::new(writer) as Box<dyn ObjectWriter>)
    }

    async fn read(&self, key: &MediaKey, range: Range<u64>) -> Result<Bytes> {
        read::read(Arc::clone(&self.client), key, range).await
    }

    async fn read_all(&self, key: &MediaKey, limit: u64) -> Result<Bytes> {
        read::read_all(Arc::clone(&self.client), key, limit).await
    }

    async fn stream(&self, key: &MediaKey, range: Range<u64>) -> Result<ByteStream> {
        read::stream(Arc::clone(&self.client), key.clone(), range).await
    }

    async fn read_pieces(&self, key: &MediaKey, pieces: Vec<Piece>) -> Result<ByteStream> {
        read::pieces(Arc::clone(&self.client), key.clone(), pieces).await
    }

    async fn local(&self, _: &MediaKey) -> Result<Option<LocalObject>> {
        Ok(None)
    }

    async fn stat(&self, key: &MediaKey) -> Result<ObjectStat> {
        read::stat(&self.client, key).await
    }

    async fn delete(&self, key: &MediaKey) -> Result<()> {
        write::delete(&self.client, key.as_str()).await
    }

    async fn delete_prefix(&self, prefix: &KeyPrefix) -> Result<u64> {
        list::delete_prefix(Arc::clone(&self.client), prefix.as_str()).await
    }

    fn list(&self, prefix: &KeyPrefix) -> ObjectListing {
        list::objects(Arc::clone(&self.client), prefix.as_str())
    }

    async fn link_to(&self, key: &MediaKey, path: &Path) -> Result<()> {
        read::download(Arc::clone(&self.client), key, path).await
    }

    async fn free_space(&self) -> Result<Option<FreeSpace>> {
        Ok(None)
    }

    async fn check_writable(&self) -> Result<()> {
        let key = write::scratch_key();
        let (kind, bytes) = ("application/octet-stream", Bytes::from_static(b"virga"));
        write::put(&self.client, &key, kind, bytes, false).await?;
        write::delete(&self.client, &key).await
    }

    async fn check_answers(&self) -> Result<()> {
        // OSS has no HEAD of a bucket; that it knows no such object is an answer as well.
        let key = match self.client.dialect {
            Dialect::Oss => "u/.glance",
            Dialect::S3 | Dialect::Kodo => "",
        };
        let request = BucketRequest::new(Method::HEAD, key, "reach the bucket").once(GLANCE);
        match self.client.send(request).await {
            Err(ObjectError::NotFound(_)) if !key.is_empty() => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    async fn remove_leftovers(&self, before: Timestamp) -> Result<u64> {
        let last = self.swept.load(Ordering::Relaxed);
        let resting = before.since(Timestamp(last)) < LEFTOVERS_EVERY;
        if resting && !self.options.leftover_age.is_zero() {
            return Ok(0);
        }
        self.swept.store(before.0, Ordering::Relaxed);
        self.remove_broken(before.minus(self.options.leftover_age))
            .await
    }
}

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

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::Method;
use reqwest::NoProxy;
use virga_core::{Entropy, KeyPrefix, MediaKey, OsEntropy, Timestamp, keys::hex};

pub use crate::{
    credentials::BucketCredentials,
    dialect::Dialect,
    kodo::KodoForms,
    probe::{Outcome, Probe, ProbeOptions},
    url::{BucketAddressing, InvalidBucket},
};

use crate::{
    client::{Ask, Client},
    url::BucketUrl,
    write::BucketWriter,
};
use virga_objects::{
    ByteStream, FreeSpace, MediaStore, ObjectError, ObjectListing, ObjectStat, ObjectWriter, Piece,
    Result,
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
    /// Where the name stands.
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

    async fn try_out(&self) -> Result<()> {
        let entropy: &dyn Entropy = &OsEntropy;
        let key = format!("u/.check-{}", hex(&entropy.bytes::<8>()));
        let kind = "application/octet-stream";
        write::put(
            &self.client,
            &key,
            kind,
            Bytes::from_static(b"virga"),
            false,
        )
        .await?;
        write::delete(&self.client, &key).await
    }

    async fn sweep(&self, before: Timestamp) -> Result<u64> {
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

impl MediaStore for BucketStore {
    fn put<'a>(&'a self, key: &'a MediaKey, bytes: Bytes) -> BoxFuture<'a, Result<()>> {
        write::put(&self.client, key.as_str(), key.content_type(), bytes, false).boxed()
    }

    fn put_file<'a>(&'a self, key: &'a MediaKey, scratch: &'a Path) -> BoxFuture<'a, Result<()>> {
        let parts = write::PartUploads {
            size: self.options.part_size,
            at_once: self.options.parallel_parts,
        };
        write::put_file(&self.client, key, scratch, parts).boxed()
    }

    fn writer<'a>(&'a self, key: &'a MediaKey) -> BoxFuture<'a, Result<Box<dyn ObjectWriter>>> {
        async move {
            let client = Arc::clone(&self.client);
            let writer = BucketWriter::new(client, key.clone(), self.options.part_size);
            Ok(Box::new(writer) as Box<dyn ObjectWriter>)
        }
        .boxed()
    }

    fn read<'a>(&'a self, key: &'a MediaKey, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>> {
        read::read(Arc::clone(&self.client), key, range).boxed()
    }

    fn read_all<'a>(&'a self, key: &'a MediaKey, limit: u64) -> BoxFuture<'a, Result<Bytes>> {
        read::read_all(Arc::clone(&self.client), key, limit).boxed()
    }

    fn stream<'a>(
        &'a self,
        key: &'a MediaKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        read::stream(Arc::clone(&self.client), key.clone(), range).boxed()
    }

    fn read_pieces<'a>(
        &'a self,
        key: &'a MediaKey,
        pieces: Vec<Piece>,
    ) -> BoxFuture<'a, Result<ByteStream>> {
        read::pieces(Arc::clone(&self.client), key.clone(), pieces).boxed()
    }

    fn stat<'a>(&'a self, key: &'a MediaKey) -> BoxFuture<'a, Result<ObjectStat>> {
        read::stat(&self.client, key).boxed()
    }

    fn delete<'a>(&'a self, key: &'a MediaKey) -> BoxFuture<'a, Result<()>> {
        write::delete(&self.client, key.as_str()).boxed()
    }

    fn delete_prefix<'a>(&'a self, prefix: &'a KeyPrefix) -> BoxFuture<'a, Result<u64>> {
        list::delete_prefix(Arc::clone(&self.client), prefix.as_str()).boxed()
    }

    fn list(&self, prefix: &KeyPrefix) -> ObjectListing {
        list::objects(Arc::clone(&self.client), prefix.as_str())
    }

    fn link_to<'a>(&'a self, key: &'a MediaKey, path: &'a Path) -> BoxFuture<'a, Result<()>> {
        read::download(Arc::clone(&self.client), key, path).boxed()
    }

    fn free_space(&self) -> BoxFuture<'_, Result<Option<FreeSpace>>> {
        async { Ok(None) }.boxed()
    }

    fn check_writable(&self) -> BoxFuture<'_, Result<()>> {
        self.try_out().boxed()
    }

    fn check_answers(&self) -> BoxFuture<'_, Result<()>> {
        async {
            // OSS has no HEAD of a bucket; that it knows no such object is an answer as well.
            let key = match self.client.dialect {
                Dialect::Oss => "u/.glance",
                Dialect::S3 | Dialect::Kodo => "",
            };
            let ask = Ask::new(Method::HEAD, key, "reach the bucket").once(GLANCE);
            match self.client.ask(ask).await {
                Err(ObjectError::NotFound(_)) if !key.is_empty() => Ok(()),
                answer => answer.map(|_| ()),
            }
        }
        .boxed()
    }

    fn remove_leftovers(&self, before: Timestamp) -> BoxFuture<'_, Result<u64>> {
        self.sweep(before).boxed()
    }
}

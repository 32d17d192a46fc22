//! Settings: typed, in layers. Defaults < `virga.toml` < `conf.d/*.toml` < environment `VIRGA_SECTION__KEY` < flags.
//! An unknown key is refused with the nearest right name.

mod delivery;
mod installed;
mod layers;
mod reloadable;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use virga_api::{AccountsConfig, LimitsConfig};
use virga_bucket::BucketAddressing;
use virga_dispatcher::DispatcherConfig;
use virga_http::access_log::Access;
use virga_stream::{MediaCors, StreamConfig};
use virga_tls::AcmeConfig;
use virga_web::WebConfig;

pub(crate) use delivery::DeliveryConfig;
pub(crate) use installed::{as_root, find, named};
pub(crate) use layers::{Flags, Loaded, Shown, changed, load, sources};
pub(crate) use reloadable::is_reloadable;

/// All settings. Each section belongs to the part that reads it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) data: DataConfig,
    pub(crate) database: DatabaseConfig,
    pub(crate) redis: RedisConfig,
    pub(crate) objects: ObjectsConfig,
    pub(crate) delivery: DeliveryConfig,
    pub(crate) http: HttpConfig,
    pub(crate) acme: AcmeConfig,
    pub(crate) accounts: AccountsConfig,
    pub(crate) limits: LimitsConfig,
    pub(crate) storage: StorageConfig,
    pub(crate) videos: VideosConfig,
    pub(crate) services: ServicesConfig,
    pub(crate) balancer: BalancerConfig,
    pub(crate) keys: KeysConfig,
    pub(crate) log: LogConfig,
    pub(crate) metrics: MetricsConfig,
    pub(crate) stream: StreamConfig,
    pub(crate) dispatcher: DispatcherConfig,
    pub(crate) web: WebConfig,
}

/// `data.*`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DataConfig {
    /// Database, objects and keys live here.
    pub(crate) dir: PathBuf,
    /// Where workers unpack; default: `scratch` in the data folder.
    pub(crate) scratch: Option<PathBuf>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("data"),
            scratch: None,
        }
    }
}

/// `database.*`
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DatabaseConfig {
    /// `postgres://…` or `mysql://…`; default: SQLite in the data folder.
    pub(crate) url: Option<String>,
    /// File whose first line is the password, in place of one in the address.
    pub(crate) password_file: Option<PathBuf>,
    /// The address of a read replica of it, with the same password file: lists, search, counts and
    /// the comments that strangers see are read there while it is at most 5 seconds behind.
    pub(crate) replica_url: Option<String>,
}

impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseConfig")
    }
}

/// `redis.*`: speeds up several replicas; nothing needs it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RedisConfig {
    /// `redis://HOST:6379/0`, or `rediss://…` with TLS, of Redis or Valkey; default: none.
    pub(crate) url: Option<String>,
    /// File whose first line is the password, in place of one in the address.
    pub(crate) password_file: Option<PathBuf>,
}

impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisConfig")
    }
}

/// `objects.*`: where sources, renditions and upload sessions live.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ObjectsConfig {
    /// `disk` (in the data folder), or a bucket: `s3` (of any compatible service), `oss`, `kodo`.
    pub(crate) kind: StoreKind,
    /// The bucket service as servers reach it, `https://…`; default: the region's public one.
    pub(crate) endpoint: Option<String>,
    /// The region that signatures name; default: the one that the endpoint's name says.
    pub(crate) region: Option<String>,
    /// The bucket's name.
    pub(crate) bucket: Option<String>,
    /// `virtual` (the name is part of the host) or `path`; default: of `s3` with an endpoint
    /// `path`, else `virtual`.
    pub(crate) addressing: Option<BucketAddressing>,
    /// The bucket as browsers reach it: a public address, a domain of its own, an accelerator.
    pub(crate) public_endpoint: Option<String>,
    /// How the bucket is named there: as `addressing`, or `domain` where the host is its own.
    pub(crate) public_addressing: Option<BucketAddressing>,
    /// Bytes of a part of what the site itself writes; each writer holds one in memory.
    pub(crate) part_size: u64,
    /// Parts of a file that are on their way at once.
    pub(crate) parallel_parts: usize,
    /// Where Kodo takes forms; default: the region's.
    pub(crate) kodo_upload_endpoint: Option<String>,
    /// The bucket's name in Kodo's own API, where it is not that of its S3 dialect.
    pub(crate) kodo_bucket: Option<String>,
    /// File whose first line is the access key's id; default: what the environment leads to.
    pub(crate) access_key_file: Option<PathBuf>,
    /// File whose first line is the secret key.
    pub(crate) secret_key_file: Option<PathBuf>,
    /// A proxy between here and the bucket, `http://…`.
    pub(crate) proxy: Option<String>,
}

/// What holds the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StoreKind {
    /// The data folder.
    Disk,
    /// A bucket of the S3 dialect.
    S3,
    /// A bucket of Aliyun OSS, in its own dialect.
    Oss,
    /// A bucket of Qiniu Kodo.
    Kodo,
}

impl Default for ObjectsConfig {
    fn default() -> Self {
        Self {
            kind: StoreKind::Disk,
            endpoint: None,
            region: None,
            bucket: None,
            addressing: None,
            public_endpoint: None,
            public_addressing: None,
            part_size: 16 * 1024 * 1024,
            parallel_parts: 3,
            kodo_upload_endpoint: None,
            kodo_bucket: None,
            access_key_file: None,
            secret_key_file: None,
            proxy: None,
        }
    }
}

/// `http.*`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HttpConfig {
    /// Address and port, or an IP address alone: each role takes its own port there. Default by role.
    pub(crate) listen: Option<String>,
    /// The site's origin, `https://videos.example`; default: what the browser's `Host` says.
    pub(crate) public_url: Option<String>,
    /// Whether `virga serve` speaks https itself, on port 443 unless `http.listen` says another: `off`,
    /// `files` (a certificate that you renew), `auto` (one from Let's Encrypt for the host of
    /// `http.public_url`; see `acme.*`).
    pub(crate) tls: TlsMode,
    /// The certificate and its chain, PEM, for `files`; a changed file is read again.
    pub(crate) certificate: Option<PathBuf>,
    /// Its key, PEM; default: in the same file.
    pub(crate) certificate_key: Option<PathBuf>,
    /// With https: where plain http leads to it and an authority's challenges are answered; default:
    /// port 80 of the same address, where https is on port 443. Empty: nowhere.
    pub(crate) redirect_listen: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed, as addresses or networks.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Requests at once; more are answered 503.
    pub(crate) max_in_flight: usize,
    /// Connections at once, without those of trusted proxies. When all are taken, the address with
    /// the most gives up its longest idle one.
    pub(crate) max_connections: usize,
    /// Seconds between the signal to stop, when `/readyz` fails, and the end of new requests: longer
    /// than a balancer takes to see it.
    pub(crate) drain_seconds: u64,
    /// Whose scripts may read public media: `*`, `embeds` (those of `web.embed_ancestors`) or `off`.
    pub(crate) media_cors: MediaCors,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: None,
            public_url: None,
            tls: TlsMode::Off,
            certificate: None,
            certificate_key: None,
            redirect_listen: None,
            trusted_proxies: Vec::new(),
            max_in_flight: 2000,
            max_connections: 10_000,
            drain_seconds: 1,
            media_cors: MediaCors::default(),
        }
    }
}

/// Who holds the site's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsMode {
    /// Nobody here: plain HTTP, behind a proxy or at home.
    Off,
    /// The operator.
    Files,
    /// The program, from an authority.
    Auto,
}

/// `storage.*`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StorageConfig {
    /// Bytes of the disk that uploads leave free. No share of it: a share of a large disk is a
    /// great many films, and the database needs the same room on any disk.
    pub(crate) keep_free: u64,
    /// Megabytes a second that the background check of objects reads; 0: none. Not set: 2 from a
    /// disk, none from a bucket, whose traffic may cost money.
    pub(crate) scrub: Option<u32>,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            keep_free: 1 << 30,
            scrub: None,
        }
    }
}

impl StorageConfig {
    /// Bytes a second, for objects of this kind.
    pub(crate) fn scrub_rate(&self, kind: StoreKind) -> u64 {
        let usual = if kind == StoreKind::Disk { 2 } else { 0 };
        u64::from(self.scrub.unwrap_or(usual)) * 1_000_000
    }
}

/// `videos.*`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct VideosConfig {
    /// How long a deleted video can be restored, seconds.
    pub(crate) undo_seconds: u64,
}

impl Default for VideosConfig {
    fn default() -> Self {
        Self {
            undo_seconds: 7 * 24 * 3600,
        }
    }
}

/// `services.*`: where a role finds another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ServicesConfig {
    /// The API, for web and stream on their own.
    pub(crate) api: String,
}

impl Default for ServicesConfig {
    fn default() -> Self {
        Self {
            api: "http://127.0.0.1:9000".to_owned(),
        }
    }
}

/// `balancer.*`: what `virga lb` writes a configuration from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct BalancerConfig {
    /// The public front.
    pub(crate) listen: String,
    /// Certificate and key in one PEM file: the public front speaks https.
    pub(crate) certificate: Option<PathBuf>,
    /// The private front of api, on an address that nobody outside reaches.
    pub(crate) api_listen: String,
    /// The private front of stream.
    pub(crate) stream_listen: String,
    /// Where plain http is redirected to https; default: port 80 of the same address, where there is
    /// a certificate and the public front is on port 443.
    pub(crate) redirect_listen: Option<String>,
    /// Where the balancer's own numbers are read: of HAProxy `/metrics`, of nginx `/status`. Empty:
    /// nowhere.
    pub(crate) metrics_listen: String,
    /// The user that the balancer runs as; default: what Debian's package makes. Empty: the one who
    /// starts it.
    pub(crate) user: Option<String>,
    /// The empty folder that HAProxy locks itself into. Empty: none.
    pub(crate) chroot: PathBuf,
    /// Connections of one source address at once; more are closed. Of IPv6 a /64 is one source.
    pub(crate) connections_per_source: u32,
    /// Requests a second of one source address; more are answered 429.
    pub(crate) requests_per_source: u32,
    /// Where HAProxy takes commands, to drain a replica before it is restarted.
    pub(crate) admin_socket: Option<PathBuf>,
    /// Replicas of web, `host:port`.
    pub(crate) web: Vec<String>,
    /// Replicas of api.
    pub(crate) api: Vec<String>,
    /// Replicas of stream.
    pub(crate) stream: Vec<String>,
}

impl Default for BalancerConfig {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:80".to_owned(),
            certificate: None,
            api_listen: "127.0.0.1:9000".to_owned(),
            stream_listen: "127.0.0.1:9001".to_owned(),
            redirect_listen: None,
            metrics_listen: "127.0.0.1:8404".to_owned(),
            user: None,
            chroot: PathBuf::from("/var/lib/haproxy"),
            connections_per_source: 2000,
            requests_per_source: 2000,
            admin_socket: None,
            web: Vec::new(),
            api: Vec::new(),
            stream: Vec::new(),
        }
    }
}

/// `keys.*`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct KeysConfig {
    /// The file of signing keys that all roles share; default: `keys/site` in the data folder.
    pub(crate) file: Option<PathBuf>,
}

/// `log.*`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or per target: `info,virga_stream=debug`.
    pub(crate) level: String,
    /// JSON lines instead of text.
    pub(crate) json: bool,
    /// Which requests get a line: `all`, `errors` or `off`. Health checks never do.
    pub(crate) access: Access,
}

/// `metrics.*`: who may read `/metrics`. Without either setting this machine and private networks
/// may, and nobody by way of a proxy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MetricsConfig {
    /// A listener of its own, `ADDRESS:PORT`; the site's own port then has no `/metrics`. Roles of one
    /// machine take this port (serve, web) and the next three (api, stream, dispatcher).
    pub(crate) listen: Option<String>,
    /// File whose first line is a token: `/metrics` is for who sends `Authorization: Bearer TOKEN`.
    pub(crate) token_file: Option<PathBuf>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            json: false,
            access: Access::All,
        }
    }
}

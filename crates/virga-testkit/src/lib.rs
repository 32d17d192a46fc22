//! Tests only: a site in a box (the real binary on a free port with its data in a temporary
//! folder), people who use it over HTTP, real database and bucket servers, and
//! generated clips.

mod authority;
mod balancer;
mod buckets;
mod clips;
mod cluster;
mod fault;
mod hostile;
pub mod large;
mod person;
mod ports;
mod redis;
mod s3s;
mod servers;
mod site;

pub use authority::Authority;
pub use balancer::{Balancer, Fronts};
pub use buckets::{BucketDouble, BucketServer};
pub use clips::Clip;
pub use cluster::{Cluster, ROLES};
pub use fault::{FaultyLine, LineFault};
pub use hostile::{Targets, intruder, without_sandbox};
pub use person::{Answer, Person, playlist_addresses};
pub use ports::free_port;
pub use redis::RedisServer;
pub use s3s::S3sServer;
pub use servers::{Sql, SqlServer};
pub use site::{Role, Site, SiteBuilder};

/// SHA-256, hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

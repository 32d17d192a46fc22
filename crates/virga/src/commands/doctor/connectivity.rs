//! The connections to other machines that the settings name: open, refused, or blocked in between.

use http::Uri;
use std::{io::ErrorKind, time::Duration};
use tokio::{net::TcpStream, time::timeout};

use super::Finding;
use crate::config::{Config, ServicesConfig};

/// An answer from the same continent takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at each; its name and what was found.
pub(super) async fn check(config: &Config) -> Vec<(String, Finding)> {
    let mut found = Vec::new();
    for (what, address) in named(config) {
        let finding = reach(&address).await;
        found.push((format!("connection to {what} ({address})"), finding));
    }
    found
}

/// What the settings name beyond this machine's own parts, as `host:port`.
fn named(config: &Config) -> Vec<(&'static str, String)> {
    let mut named = Vec::new();
    let mut add = |what, url: Option<&str>| {
        named.extend(url.and_then(address).map(|address| (what, address)));
    };
    add("the database", config.database.url.as_deref());
    let replica = config.database.replica_url.as_deref();
    add("the database's replica", replica);
    add("Redis", config.redis.url.as_deref());
    add("the bucket", config.objects.endpoint.as_deref());
    let api = &config.services.api;
    if *api != ServicesConfig::default().api {
        add("api", Some(api));
    }
    let balancer = &config.balancer;
    for (what, replicas) in [
        ("a replica of web", &balancer.web),
        ("a replica of api", &balancer.api),
        ("a replica of stream", &balancer.stream),
    ] {
        named.extend(replicas.iter().map(|replica| (what, replica.clone())));
    }
    named
}

fn address(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let usual = match url.scheme_str()? {
        "https" => 443,
        "http" => 80,
        "mysql" => 3306,
        "postgres" | "postgresql" => 5432,
        "redis" | "rediss" => 6379,
        _ => return None,
    };
    let port = url.port_u16().unwrap_or(usual);
    Some(format!("{}:{port}", url.host()?))
}

async fn reach(address: &str) -> Finding {
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok("open".to_owned()),
        Err(_) => Err(format!(
            "nothing comes back within {} s: it is blocked on the way. Check the security group or \
             firewall of that machine, and the route",
            PATIENCE.as_secs()
        )),
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Err(
            "the machine answers, and nothing listens there. Start it, or check the port"
                .to_owned(),
        ),
        Ok(Err(error)) => Err(format!("{error}. Check the name and the network")),
    }
}

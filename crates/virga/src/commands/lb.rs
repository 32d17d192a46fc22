//! `lb haproxy`, `lb nginx`: a balancer's whole configuration from the list of replicas.

use anyhow::{bail, ensure};
use askama::Template;
use std::path::Path;
use virga_core::paths::{self, RoleName};

use crate::{cli::Balancer, config::BalancerConfig};

/// Event streams of one api: half of what a balancer gives it besides.
const LISTENERS: usize = 1000;

const AWAY_PROBLEM: &str = r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The site does not answer just now. Try again in a moment.","code":"unavailable","retry_after":2}"#;
const RATE_PROBLEM: &str = r#"{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"Too many requests come from your network. Try again in a moment.","code":"rate","retry_after":5}"#;
const AWAY_PAGE: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><meta http-equiv="refresh" content="5"><title>One moment</title><p>The site is not responding at the moment. This page tries again by itself.<p lang="zh">网站暂时没有响应，本页会自动重试。</html>"#;

/// What both templates need.
#[derive(Debug)]
struct BalancerPlan<'a> {
    config: &'a BalancerConfig,
    /// What programs are answered where no replica is ready (RFC 9457).
    away_problem: &'static str,
    /// What browsers are.
    away_page: &'static str,
    certificate: Option<String>,
    /// Where plain http is redirected.
    redirect: Option<String>,
    /// Where the balancer's own numbers are.
    metrics: Option<&'a str>,
    /// The user that the balancer becomes.
    user: Option<&'a str>,
    /// What programs are answered beyond the rate of one source.
    rate_problem: &'static str,
    /// Path prefix of the public origin and the group of replicas that answers it; all else is web.
    routes: Vec<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "haproxy.cfg", escape = "none")]
struct Haproxy<'a> {
    plan: BalancerPlan<'a>,
    admin_socket: Option<String>,
    chroot: Option<String>,
    internal: &'static str,
    events: &'static str,
    listeners: usize,
}

#[derive(Template)]
#[template(path = "nginx.conf", escape = "none")]
struct Nginx<'a> {
    plan: BalancerPlan<'a>,
    internal: &'static str,
    events: &'static str,
    listeners: usize,
}

/// The text of the configuration.
pub(crate) fn configuration(engine: Balancer, config: &BalancerConfig) -> anyhow::Result<String> {
    let usual_user = match engine {
        Balancer::Haproxy => "haproxy",
        Balancer::Nginx => "www-data",
    };
    let plan = plan(config, usual_user)?;
    let internal = paths::INTERNAL;
    Ok(match engine {
        Balancer::Haproxy => {
            let admin_socket = config.admin_socket.as_deref().map(word).transpose()?;
            let chroot = Some(config.chroot.as_path()).filter(|it| !it.as_os_str().is_empty());
            let chroot = chroot.map(word).transpose()?;
            Haproxy {
                plan,
                admin_socket,
                chroot,
                internal,
                events: paths::EVENTS,
                listeners: LISTENERS,
            }
            .render()?
        }
        Balancer::Nginx => Nginx {
            plan,
            internal,
            events: paths::EVENTS,
            listeners: LISTENERS,
        }
        .render()?,
    })
}

fn plan<'a>(config: &'a BalancerConfig, usual_user: &'a str) -> anyhow::Result<BalancerPlan<'a>> {
    for (key, replicas) in [
        ("web", &config.web),
        ("api", &config.api),
        ("stream", &config.stream),
    ] {
        if replicas.is_empty() {
            bail!(
                "balancer.{key} names no replica. For example: {key} = [\"10.0.0.2:{}\"]",
                example(key)
            );
        }
        for address in replicas {
            check(&format!("balancer.{key}"), address)?;
        }
    }
    for (key, address) in [
        ("listen", &config.listen),
        ("api_listen", &config.api_listen),
        ("stream_listen", &config.stream_listen),
    ] {
        check(&format!("balancer.{key}"), address)?;
    }
    let user = config.user.as_deref().unwrap_or(usual_user);
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    ensure!(
        user.chars().all(plain),
        "balancer.user: {user:?} is not a user name"
    );
    let metrics = Some(config.metrics_listen.as_str()).filter(|it| !it.is_empty());
    if let Some(address) = metrics {
        check("balancer.metrics_listen", address)?;
    }
    ensure!(
        config.connections_per_source > 0 && config.requests_per_source > 0,
        "balancer.connections_per_source and balancer.requests_per_source are at least 1"
    );
    let routes = paths::PUBLIC.iter().map(|(path, role)| {
        let group = match role {
            RoleName::Api => "api",
            RoleName::Stream if *path == paths::MEDIA => "media",
            RoleName::Stream => "uploads",
            RoleName::Web | RoleName::Dispatcher => "web",
        };
        (*path, group)
    });
    Ok(BalancerPlan {
        config,
        away_problem: AWAY_PROBLEM,
        away_page: AWAY_PAGE,
        redirect: redirect(config)?,
        metrics,
        user: Some(user).filter(|it| !it.is_empty()),
        rate_problem: RATE_PROBLEM,
        certificate: config.certificate.as_deref().map(word).transpose()?,
        routes: routes.collect(),
    })
}

/// Where plain http is redirected to the public front.
fn redirect(config: &BalancerConfig) -> anyhow::Result<Option<String>> {
    if config.certificate.is_none() {
        return Ok(None);
    }
    if let Some(address) = &config.redirect_listen {
        check("balancer.redirect_listen", address)?;
        return Ok(Some(address.clone()));
    }
    let host = config.listen.strip_suffix(":443");
    Ok(host.map(|host| format!("{host}:80")))
}

fn example(role: &str) -> u16 {
    match role {
        "api" => RoleName::Api,
        "stream" => RoleName::Stream,
        _ => RoleName::Web,
    }
    .default_port()
}

/// `host:port`, and nothing that a configuration file would read as more.
fn check(key: &str, address: &str) -> anyhow::Result<()> {
    let host_and_port = address.rsplit_once(':').is_some_and(|(host, port)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-[]:*".contains(c);
        !host.is_empty() && host.chars().all(plain) && port.parse::<u16>().is_ok()
    });
    ensure!(host_and_port, "{key}: {address:?} is not HOST:PORT");
    Ok(())
}

/// A path as one word of a configuration file.
fn word(path: &Path) -> anyhow::Result<String> {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    ensure!(
        text.chars().all(plain),
        "the path {text:?} has signs that a balancer's configuration cannot hold: use letters, \
         digits, `/`, `.`, `_` and `-`"
    );
    Ok(text)
}

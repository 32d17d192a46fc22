//! https of `virga serve`: the certificate, and the plain listener beside it, which leads to https and
//! answers an authority's challenges.

use anyhow::{Context, bail, ensure};
use axum::{
    Router,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use std::{net::IpAddr, sync::Arc};
use tokio::net::TcpListener;
use virga_core::{Clock, SharedClock, SystemClock, paths::RoleName};
use virga_tls::{CertificateFiles, Challenges, Orders, ServedCertificate, server_config};

use crate::{
    config::{Config, TlsMode},
    health::Health,
    lifecycle::Lifecycle,
    listeners::{self, HTTPS},
    parts::{self, RoleParts},
};

/// What keeps the certificate new.
#[derive(Debug)]
enum Source {
    Files(CertificateFiles),
    Authority(Orders),
}

/// https of this process.
#[derive(Debug)]
pub(crate) struct Https {
    certificate: Arc<ServedCertificate>,
    settings: Arc<rustls::ServerConfig>,
    source: Source,
    plain: Plain,
    redirect: Option<String>,
}

impl Https {
    /// As the settings say; `None` where they say nothing of it. A single role speaks plain HTTP with the
    /// balancer, which holds the certificate.
    pub(crate) fn open(parts: &RoleParts, only: Option<RoleName>) -> anyhow::Result<Option<Self>> {
        let config = &parts.config;
        let Some(front) = front(config)? else {
            return Ok(None);
        };
        if let Some(only) = only {
            let role = only.as_str();
            bail!(
                "http.tls is for `virga serve`; `virga {role}` stands behind a balancer, which holds the \
                 certificate (balancer.certificate). Set http.tls = \"off\""
            );
        }
        let certificate = Arc::new(ServedCertificate::default());
        let challenges = Challenges::default();
        let source = match config.http.tls {
            TlsMode::Off => return Ok(None),
            TlsMode::Files => {
                let files = files(config)?;
                certificate.set(files.read().context("in http.certificate")?);
                Source::Files(files)
            }
            TlsMode::Auto => {
                let orders = orders(config, &front, &challenges, Arc::clone(&parts.clock));
                if let Some(kept) = orders.kept() {
                    certificate.set(kept);
                }
                Source::Authority(orders)
            }
        };
        Ok(Some(Self {
            settings: server_config(Arc::clone(&certificate))?,
            source,
            plain: Plain {
                site: front.site.into(),
                certificate: Arc::clone(&certificate),
                challenges,
            },
            redirect: front.redirect,
            certificate,
        }))
    }

    pub(crate) fn certificate(&self) -> Arc<ServedCertificate> {
        Arc::clone(&self.certificate)
    }

    pub(crate) fn settings(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.settings)
    }

    /// Serves the plain listener and keeps the certificate new, as vital parts.
    pub(crate) async fn start(
        self,
        parts: &RoleParts,
        health: Health,
        life: &Lifecycle,
    ) -> anyhow::Result<()> {
        if let Some(address) = &self.redirect {
            let listener = TcpListener::bind(address).await.with_context(|| {
                format!("cannot listen on {address}; choose another with http.redirect_listen")
            })?;
            let router = health.around(router(self.plain));
            listeners::serve_on(parts, "redirect", listener, router, life);
        }
        let (served, stop) = (self.certificate, life.stop.clone());
        life.vital("certificate", async move {
            match self.source {
                Source::Files(files) => files.follow(&served, stop).await,
                Source::Authority(orders) => orders.run(&served, stop).await,
            }
            Ok(())
        });
        Ok(())
    }
}

/// What is seen of the site from outside.
#[derive(Debug)]
struct Front {
    /// `https://HOST[:PORT]`
    site: String,
    host: String,
    /// Where plain HTTP is answered.
    redirect: Option<String>,
}

/// The front that the settings describe, if they ask for https; what is wrong with them.
fn front(config: &Config) -> anyhow::Result<Option<Front>> {
    let http = &config.http;
    if http.tls == TlsMode::Off {
        return Ok(None);
    }
    let url = parts::public_url(config)?;
    let url = url.filter(|url| url.scheme_str() == Some("https"));
    let url = url.context("http.tls needs http.public_url = \"https://…\", the site's address")?;
    let host = url.host().unwrap_or_default();
    let address = listeners::address(http, RoleName::Web);
    let beside = address.strip_suffix(&format!(":{HTTPS}"));
    let redirect = match http.redirect_listen.as_deref() {
        None => beside.map(|host| format!("{host}:80")),
        Some(set) => Some(set.to_owned()).filter(|it| !it.is_empty()),
    };
    if http.tls == TlsMode::Auto {
        ensure!(
            host.contains('.') && plain_address(host).is_none(),
            "http.tls = \"auto\" orders a certificate for a public host name, and http.public_url says \
             {host:?}. Use \"files\" with a certificate of your own"
        );
        ensure!(
            redirect.is_some(),
            "http.tls = \"auto\" needs http.redirect_listen: the authority asks on port 80 of the host"
        );
    }
    Ok(Some(Front {
        site: format!("https://{}", url.authority().map_or(host, |it| it.as_str())),
        // As certificates and authorities write it.
        host: host.trim_end_matches('.').to_ascii_lowercase(),
        redirect,
    }))
}

/// A host that is an IP address.
fn plain_address(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inner.unwrap_or(host).parse().ok()
}

fn files(config: &Config) -> anyhow::Result<CertificateFiles> {
    let chain = config.http.certificate.clone();
    let chain = chain.context("http.tls = \"files\" needs http.certificate, a PEM file")?;
    let key = config.http.certificate_key.clone();
    let key = key.unwrap_or_else(|| chain.clone());
    Ok(CertificateFiles { chain, key })
}

fn orders(config: &Config, front: &Front, challenges: &Challenges, clock: SharedClock) -> Orders {
    let folder = config.data.dir.join("tls");
    let acme = config.acme.clone();
    Orders::new(&front.host, acme, &folder, challenges.clone(), clock)
}

/// What is wrong with the settings, and what is right: for `doctor` and `config check`. `None` without https.
pub(crate) fn check(config: &Config) -> anyhow::Result<Option<String>> {
    let Some(front) = front(config)? else {
        return Ok(None);
    };
    let now = SystemClock.now();
    let read = match config.http.tls {
        TlsMode::Off => return Ok(None),
        TlsMode::Files => Some(files(config)?.read()?),
        TlsMode::Auto => {
            let clock: SharedClock = Arc::new(SystemClock);
            orders(config, &front, &Challenges::default(), clock).kept()
        }
    };
    let Some(read) = read else {
        let directory = &config.acme.directory;
        return Ok(Some(format!(
            "none yet; the start orders one from {directory}"
        )));
    };
    let (host, expires) = (front.host.trim_matches(['[', ']']), read.expires());
    ensure!(read.is_for(host), "the certificate is not for {host}");
    ensure!(expires > now, "the certificate expired at {expires}");
    Ok(Some(format!("for {host}, until {expires}")))
}

/// What the plain listener answers from.
#[derive(Clone, Debug)]
struct Plain {
    site: Arc<str>,
    certificate: Arc<ServedCertificate>,
    challenges: Challenges,
}

fn router(plain: Plain) -> Router {
    Router::new()
        .route("/.well-known/acme-challenge/{token}", get(challenge))
        .fallback(lead)
        .with_state(plain)
}

/// RFC 8555 §8.3.
async fn challenge(State(plain): State<Plain>, Path(token): Path<String>) -> Response {
    match plain.challenges.answer(&token) {
        Some(answer) => {
            ([(header::CONTENT_TYPE, "application/octet-stream")], answer).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// To the same address in https, once there is a certificate for it.
async fn lead(State(plain): State<Plain>, request: Request) -> Response {
    if plain.certificate.why_not(SystemClock.now()).is_some() {
        let text = "This site has no certificate yet and cannot be shown. Its operator finds the reason in \
                    the log and at /readyz.\n";
        let again = [(header::RETRY_AFTER, "10")];
        return (StatusCode::SERVICE_UNAVAILABLE, again, text).into_response();
    }
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    match HeaderValue::from_str(&format!("{}{path}", plain.site)) {
        Ok(there) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, there)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

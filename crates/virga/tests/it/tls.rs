//! https of `virga serve`: a certificate of one's own, one from a real authority, and what a viewer meets
//! who comes by plain http.

use rcgen::{CertificateParams, KeyPair};
use reqwest::{Certificate, Method};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};
use tokio::net::TcpStream;
use virga_testkit::{Authority, Clip, Person, Role, Site, SiteBuilder, free_port};

use crate::VIRGA;

const HOST: &str = "videos.test";
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Waits until it holds.
async fn until(what: &str, site: &Site, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}: {}", site.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A site that speaks https on one port and plain http on another.
struct Both {
    site: Site,
    https: u16,
    plain: Person,
}

impl Both {
    fn new(mode: &str, set: impl FnOnce(SiteBuilder) -> SiteBuilder) -> Self {
        let (https, plain) = (free_port(), free_port());
        let site = Site::of(VIRGA)
            .set("VIRGA_HTTP__TLS", mode)
            .set("VIRGA_HTTP__PUBLIC_URL", &format!("https://{HOST}:{https}"))
            .set("VIRGA_HTTP__REDIRECT_LISTEN", &format!("127.0.0.1:{plain}"));
        Self {
            site: set(site).build(),
            https,
            plain: Person::new(format!("http://127.0.0.1:{plain}")),
        }
    }

    fn ordering_from(authority: &Authority, plain: u16) -> Self {
        let mut this = Self::new("auto", |site| {
            site.set("VIRGA_ACME__DIRECTORY", &authority.directory())
                .set("VIRGA_ACME__ROOT", authority.root().to_str().unwrap())
                .set("VIRGA_HTTP__REDIRECT_LISTEN", &format!("127.0.0.1:{plain}"))
        });
        this.plain = Person::new(format!("http://127.0.0.1:{plain}"));
        this
    }

    fn launch(&mut self) {
        // The port is known before the start, because the site's address names it.
        self.site.launch_on(Role::Serve, self.https);
    }

    async fn readiness(&self) -> String {
        let asked = self.plain.request(Method::GET, "/readyz");
        let answer = self.plain.try_send(asked).await;
        answer.map(|it| it.text()).unwrap_or_default()
    }

    async fn wait_ready(&self) {
        until("it gets ready", &self.site, async || {
            self.readiness().await.starts_with("ready")
        })
        .await;
    }

    fn visitor(&self, root: Certificate) -> Person {
        Person::over_https(HOST, self.https, root, None)
    }
}

/// The certificate that a visitor is shown, DER.
async fn shown(visitor: &Person) -> Option<Vec<u8>> {
    let asked = visitor.request(Method::GET, "/livez").send().await.ok()?;
    let info = asked.extensions().get::<reqwest::tls::TlsInfo>()?;
    info.peer_certificate().map(<[u8]>::to_vec)
}

#[tokio::test]
async fn a_certificate_is_ordered_kept_and_used_for_everything() {
    let plain = free_port();
    let authority = Authority::start("127.0.0.1", plain, YEAR).await;
    let mut both = Both::ordering_from(&authority, plain);
    both.launch();
    both.wait_ready().await;
    let root = authority.issuing_root().await;
    let visitor = both.visitor(root);

    let page = visitor.get("/").await.expect(200);
    let told = page.headers.get("strict-transport-security");
    assert_eq!(told.unwrap(), "max-age=31536000");
    let led = both.plain.get("/v/abc?t=1&a=%2F").await.expect(308);
    let there = format!("https://{HOST}:{}/v/abc?t=1&a=%2F", both.https);
    assert_eq!(led.location(), there);
    assert!(!led.headers.contains_key("strict-transport-security"));
    let unknown = "/.well-known/acme-challenge/abc";
    let _ = both.plain.get(unknown).await.expect(404);

    both.site.set_up_by(&visitor).await;
    let ann = visitor.register("ann").await;
    let clip = Clip::default().bytes();
    let video = ann.upload("over https", "private", &clip).await;
    ann.wait_for(&video, &["ready"]).await;
    let source = ann.source(&video).await.expect(200);
    assert!(source.body == clip, "the bytes that were sent");

    // Nobody but the site's user reads its keys.
    let folder = both.site.data().join("tls");
    assert_eq!(mode(&folder), 0o700);
    for authority in fs::read_dir(folder).unwrap().flatten() {
        assert_eq!(mode(&authority.path()), 0o700);
        let kept: Vec<_> = fs::read_dir(authority.path()).unwrap().flatten().collect();
        assert_eq!(kept.len(), 2, "{kept:?}");
        for file in kept {
            assert_eq!(mode(&file.path()), 0o600, "{file:?}");
        }
    }
    let numbers = visitor.get("/metrics").await.text();
    assert!(numbers.contains("virga_certificate_expires "), "{numbers}");

    // A start needs no authority.
    let before = shown(&visitor).await.unwrap();
    drop(authority);
    both.launch();
    both.wait_ready().await;
    assert_eq!(shown(&visitor).await.unwrap(), before);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_certificate_is_renewed_before_it_expires() {
    let plain = free_port();
    let authority = Authority::start("127.0.0.1", plain, Duration::from_secs(9)).await;
    let mut both = Both::ordering_from(&authority, plain);
    both.launch();
    both.wait_ready().await;
    let root = authority.issuing_root().await;
    // Always a new visitor: one who comes back is not shown it again.
    let seen = async || shown(&both.visitor(root.clone())).await;
    let first = seen().await.unwrap();
    until("it is renewed", &both.site, async || {
        // At no moment does one meet an expired one.
        seen().await.unwrap() != first
    })
    .await;
}

#[tokio::test]
async fn a_host_that_the_authority_does_not_find_is_named() {
    let plain = free_port();
    // Nobody listens at that address of the machine.
    let authority = Authority::start("127.0.0.9", plain, YEAR).await;
    let mut both = Both::ordering_from(&authority, plain);
    both.launch();
    until("it says what is wrong", &both.site, async || {
        both.readiness().await.contains("the authority says")
    })
    .await;
    let readiness = both.readiness().await;
    assert!(
        readiness.contains("certificate: there is none yet"),
        "{readiness}"
    );
    let page = both.plain.get("/").await.expect(503);
    assert!(
        page.text().contains("no certificate yet"),
        "{}",
        page.text()
    );
    let visitor = both.visitor(authority.issuing_root().await);
    assert_eq!(shown(&visitor).await, None);
}

/// A certificate that nobody issued, and its key.
fn own(folder: &Path, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Certificate {
    let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let both = key.serialize_pem() + &certificate.pem();
    // A whole file takes the place of the one before, as renewing programs do it.
    fs::write(folder.join("new"), both).unwrap();
    fs::rename(folder.join("new"), folder.join(name)).unwrap();
    Certificate::from_pem(certificate.pem().as_bytes()).unwrap()
}

#[tokio::test]
async fn a_certificate_of_ones_own_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.pem");
    let root = own(folder.path(), "site.pem", |_| {});
    let mut both = Both::new("files", |site| {
        site.set("VIRGA_HTTP__CERTIFICATE", file.to_str().unwrap())
    });
    both.launch();
    both.wait_ready().await;
    assert!(shown(&both.visitor(root.clone())).await.is_some());
    let plainly = Person::new(format!("http://127.0.0.1:{}", both.https));
    let told = plainly.get("/").await.expect(400).text();
    assert!(told.contains("speaks https"), "{told}");

    let newer = own(folder.path(), "site.pem", |_| {});
    let newer = async || shown(&both.visitor(newer.clone())).await.is_some();
    until("the newer one is shown", &both.site, &newer).await;
    assert_eq!(shown(&both.visitor(root)).await, None);

    // What is none changes nothing.
    fs::write(&file, "half a certifi").unwrap();
    until("it is refused", &both.site, async || {
        both.site.output().contains("the certificate was refused")
    })
    .await;
    assert!(newer().await);
    assert!(both.readiness().await.starts_with("ready"));

    own(folder.path(), "site.pem", |params| {
        params.not_after = params.not_before;
    });
    until("the end is noticed", &both.site, async || {
        both.readiness()
            .await
            .contains("certificate: it expired at")
    })
    .await;
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    own(folder.path(), "site.pem", |_| {});
    let pem = folder.path().join("site.pem");
    let pem = pem.to_str().unwrap();
    let url = "VIRGA_HTTP__PUBLIC_URL";
    let certificate = "VIRGA_HTTP__CERTIFICATE";
    for (mode, settings, said) in [
        ("auto", vec![], "needs http.public_url"),
        (
            "auto",
            vec![(url, "http://a.test")],
            "needs http.public_url",
        ),
        ("auto", vec![(url, "https://192.0.2.1")], "public host name"),
        ("auto", vec![(url, "https://[::1]")], "public host name"),
        ("auto", vec![(url, "https://localhost")], "public host name"),
        (
            "auto",
            vec![(url, "https://a.test"), ("VIRGA_HTTP__REDIRECT_LISTEN", "")],
            "needs http.redirect_listen",
        ),
        (
            "files",
            vec![(url, "https://a.test")],
            "needs http.certificate",
        ),
        (
            "files",
            vec![(url, "https://a.test"), (certificate, "/nowhere.pem")],
            "/nowhere.pem: No such file",
        ),
        (
            "files",
            vec![(url, "https://a.test"), (certificate, pem)],
            "the certificate is not for a.test",
        ),
    ] {
        let site = Site::of(VIRGA).set("VIRGA_HTTP__TLS", mode);
        let site = settings
            .iter()
            .fold(site, |site, (key, value)| site.set(key, value))
            .build();
        let (code, text) = site.run(&["config", "check"]);
        assert_eq!(code, 1, "{settings:?}: {text}");
        assert!(text.contains("http.tls: ") && text.contains(said), "{text}");
        if said.contains("needs") {
            let (code, text) = site.run(&["serve"]);
            assert!(code == 1 && text.contains(said), "{code}: {text}");
        }
    }
    let site = Site::of(VIRGA)
        .set("VIRGA_HTTP__TLS", "files")
        .set(url, &format!("https://{HOST}"))
        .set(certificate, pem)
        .build();
    let (code, text) = site.run(&["config", "check"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = site.run(&["web"]);
    assert!(
        code == 1 && text.contains("stands behind a balancer"),
        "{text}"
    );
}

/// Whoever connects and says nothing holds up neither the stop nor others.
#[tokio::test]
async fn a_handshake_that_never_ends_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let root = own(folder.path(), "site.pem", |_| {});
    let file = folder.path().join("site.pem");
    let mut both = Both::new("files", |site| {
        site.set("VIRGA_HTTP__CERTIFICATE", file.to_str().unwrap())
            .set("VIRGA_HTTP__MAX_CONNECTIONS", "16")
            .set("VIRGA_HTTP__DRAIN_SECONDS", "0")
    });
    both.launch();
    both.wait_ready().await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(("127.0.0.1", both.https)).await.unwrap());
    }
    let elsewhere = "127.0.0.5".parse().ok();
    let visitor = Person::over_https(HOST, both.https, root, elsewhere);
    until("another address comes in", &both.site, async || {
        shown(&visitor).await.is_some()
    })
    .await;
    let asked = Instant::now();
    both.site.terminate(Role::Serve);
    assert!(both.site.wait_ended(Role::Serve).success());
    assert!(
        asked.elapsed() < Duration::from_secs(8),
        "{:?}",
        asked.elapsed()
    );
}

/// An authority may have lost its accounts: the site makes another one.
#[tokio::test]
async fn an_account_that_the_authority_lost_is_made_anew() {
    let plain = free_port();
    let authority = Authority::start("127.0.0.1", plain, YEAR).await;
    let mut both = Both::ordering_from(&authority, plain);
    both.launch();
    both.wait_ready().await;
    both.site.kill(Role::Serve);
    let authority = authority.start_anew().await;
    for folder in fs::read_dir(both.site.data().join("tls"))
        .unwrap()
        .flatten()
    {
        fs::remove_file(folder.path().join(format!("{HOST}.pem"))).unwrap();
    }
    both.launch();
    both.wait_ready().await;
    let root = authority.issuing_root().await;
    assert!(shown(&both.visitor(root)).await.is_some());
}

//! What delivery over TLS 1.3 costs: bytes of `virga serve` for each second of its processor, over those of
//! nginx that has the same bytes in files and the same certificate, over loopback. After the program's path
//! come the figures to measure, if not all.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::Context;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{fs, path::Path, sync::Arc, thread, time::Duration};
use virga_benches::{
    Asked, Film, Nginx, Server, compare, cpu_seconds, family_cpu_seconds, footage, is_wanted,
    light_footage, output, pin, program, tool,
};
use virga_testkit::{Person, Role, Site, free_port};

/// A certificate for this machine and its key, in one file.
fn certificate(folder: &Path) -> anyhow::Result<Vec<u8>> {
    let (key, file) = (folder.join("key"), folder.join("certificate"));
    let mut make = tool("openssl");
    make.args([
        "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2", "-subj", "/",
    ])
    .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
    .args(["-addext", "subjectAltName=IP:127.0.0.1"])
    .args(["-addext", "basicConstraints=critical,CA:FALSE"])
    .arg("-keyout")
    .arg(&key)
    .arg("-out")
    .arg(&file);
    output(&mut make)?;
    let certificate = fs::read(&file)?;
    fs::write(
        folder.join("site.pem"),
        [certificate.clone(), fs::read(&key)?].concat(),
    )?;
    Ok(certificate)
}

/// The films are uploaded before the site speaks TLS: that is another bench's matter.
async fn films(site: &Site) -> anyhow::Result<[Film; 2]> {
    let (person, viewer) = (site.register("ann").await, site.stranger());
    let film = async |clip: &Path| Film::upload(&person, &site.url(), &viewer, clip).await;
    Ok([film(&light_footage()?).await?, film(&footage()?).await?])
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let root = certificate(folder.path())?;
    let pem = folder.path().join("site.pem");
    let mut site = Site::of(program()?).set("VIRGA_LOG__ACCESS", "off").start();
    let [light, heavy] = films(&site).await?;

    let port = free_port();
    for (setting, value) in [
        ("TLS", "files"),
        ("CERTIFICATE", &pem.display().to_string()),
        ("PUBLIC_URL", &format!("https://127.0.0.1:{port}")),
    ] {
        site.set(&format!("VIRGA_HTTP__{setting}"), value);
    }
    site.kill(Role::Serve);
    site.launch_on(Role::Serve, port);
    let trusted = reqwest::Certificate::from_pem(&root)?;
    let viewer = Person::over_https("127.0.0.1", port, trusted, None);
    while viewer
        .try_send(viewer.request(reqwest::Method::GET, "/livez"))
        .await
        .is_err()
    {
        thread::sleep(Duration::from_millis(50));
    }
    let nginx = Nginx::start(Some(&pem))?;
    let (ours, theirs) = (site.id(Role::Serve), nginx.id());
    if thread::available_parallelism()?.get() > 1 {
        pin(ours, 0)?;
        pin(theirs, 0)?;
        pin(std::process::id(), 1)?;
    }

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&root)?)?;
    let tls = ClientConfig::builder().with_root_certificates(roots);
    let tls = Some(Arc::new(tls.with_no_client_auth()));
    let reference = Server {
        address: nginx.address(),
        cpu: &|| family_cpu_seconds(theirs),
        tls: tls.clone(),
    };
    let subject = Server {
        address: format!("127.0.0.1:{port}"),
        cpu: &|| cpu_seconds(ours),
        tls,
    };
    for (name, asked) in [
        ("https-64k", light.segment(64 << 10)?),
        ("https-1m", light.segment(1 << 20)?),
        ("https-8m", heavy.segment(8 << 20)?),
    ] {
        if !is_wanted(name) {
            continue;
        }
        let answer = viewer.get(&asked.path).await.expect(200);
        println!("note {name} {} bytes", answer.body.len());
        let other = Asked {
            path: nginx.offer(name, &answer.body).context("its file")?,
            by_answers: false,
        };
        compare(name, 1.5, (&reference, &other), (&subject, &asked))?;
    }
    Ok(())
}

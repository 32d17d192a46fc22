//! A real ACME authority: Debian's `pebble`, with a name server that sends every name where the test says.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::Signal;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{
    free_port,
    servers::{begin, command, end},
};

/// A running authority; it ends when this is dropped.
#[derive(Debug)]
pub struct Authority {
    port: u16,
    management: u16,
    names: String,
    ids: Vec<u32>,
    waiting: Vec<thread::JoinHandle<()>>,
    folder: tempfile::TempDir,
}

impl Authority {
    /// Starts one that looks for every host at `address` and this port, and whose certificates last as
    /// long as said.
    ///
    /// # Panics
    /// Where it is not installed (`scripts/need test` does that) or does not start.
    pub async fn start(address: &str, port: u16, lasting: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the authority");
        own_certificate(folder.path());
        let (listen, management, names) = (free_port(), free_port(), free_port());
        let config = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{listen}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": "own.pem",
            "privateKey": "own.key",
            "httpPort": port,
            "tlsPort": 1,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": lasting.as_secs(),
        }});
        std::fs::write(folder.path().join("pebble.json"), config.to_string())
            .expect("its settings");
        let mut authority = Self {
            port: listen,
            management,
            names: format!("127.0.0.1:{names}"),
            ids: Vec::new(),
            waiting: Vec::new(),
            folder,
        };
        let names = format!("127.0.0.1:{names}");
        authority.begin(
            "pebble-challtestsrv",
            &[
                "-defaultIPv4",
                address,
                "-defaultIPv6",
                "",
                "-dns01",
                &names,
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-management",
                &format!("127.0.0.1:{}", free_port()),
            ],
        );
        authority.begin("pebble", &["-config", "pebble.json", "-dnsserver", &names]);
        authority.wait_ready().await;
        authority
    }

    fn begin(&mut self, program: &str, args: &[&str]) {
        let folder = self.folder.path().join(program);
        std::fs::create_dir_all(&folder).expect("a folder for its log");
        let mut server = command("setpriv");
        server
            .args(["--pdeathsig", "KILL", program])
            .args(args)
            // No random pauses. One of twenty of its answers refuses a good nonce, as real ones may.
            .env("PEBBLE_VA_NOSLEEP", "1")
            .current_dir(self.folder.path());
        let (id, waiting) = begin(server, &folder).expect("scripts/need installs it");
        self.ids.push(id);
        self.waiting.push(waiting);
    }

    async fn wait_ready(&self) {
        for _ in 0..1500 {
            if self.client().get(self.directory()).send().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let log = std::fs::read_to_string(self.folder.path().join("pebble/log"));
        panic!("the authority does not answer: {log:?}");
    }

    /// Ends it and starts it again: it knows nobody and nothing then.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub async fn start_anew(mut self) -> Self {
        let id = self.ids.pop().expect("it runs");
        end(id, Signal::KILL);
        let _ = self.waiting.pop().expect("it runs").join();
        let names = self.names.clone();
        self.begin("pebble", &["-config", "pebble.json", "-dnsserver", &names]);
        self.wait_ready().await;
        self
    }

    /// How many accounts it made.
    ///
    /// # Panics
    /// Where its log cannot be read.
    pub fn accounts(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("pebble/log"));
        log.expect("its log").matches(" accounts in memory").count()
    }

    /// Its directory.
    pub fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.port)
    }

    /// The root that its own address is certified by.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// The root of the certificates that it issues; another one at each start.
    ///
    /// # Panics
    /// Where it does not answer.
    pub async fn issuing_root(&self) -> reqwest::Certificate {
        let address = format!("https://127.0.0.1:{}/roots/0", self.management);
        let answer = self.client().get(address).send().await.expect("an answer");
        let pem = answer.bytes().await.expect("a certificate");
        reqwest::Certificate::from_pem(&pem).expect("a certificate")
    }

    fn client(&self) -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let root = std::fs::read(self.root()).expect("its root");
        let root = reqwest::Certificate::from_pem(&root).expect("a certificate");
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([root]);
        client.build().expect("a client")
    }
}

/// The authority's own address is certified by another one.
fn own_certificate(folder: &Path) {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let issuer = CertifiedIssuer::self_signed(params, key).expect("a root");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
    let own = params.signed_by(&key, &issuer).expect("a certificate");
    for (name, text) in [
        ("root.pem", issuer.pem()),
        ("own.pem", own.pem()),
        ("own.key", key.serialize_pem()),
    ] {
        std::fs::write(folder.join(name), text).expect("a file");
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        for id in &self.ids {
            end(*id, Signal::KILL);
        }
        for waiting in self.waiting.drain(..) {
            let _ = waiting.join();
        }
    }
}

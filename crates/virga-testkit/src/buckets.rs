//! Bucket servers: SeaweedFS, a real one, run as nobody; and a double of Aliyun OSS. Each on free
//! ports of this machine, its data in a temporary folder. They end with whoever started them,
//! however that ends.

use anyhow::{Context, ensure};
use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{
    ports::free_ports,
    servers::{Begun, begin, command, end, ordinary_user},
};

/// The one account of the server.
const ACCESS_KEY: &str = "virga-test";
const SECRET_KEY: &str = "only-for-tests-0123456789";
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct BucketServer {
    ports: [u16; 8],
    id: u32,
    waiting: Option<thread::JoinHandle<()>>,
    folder: tempfile::TempDir,
}

impl BucketServer {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// Where it is not installed (`scripts/need test` does that) or does not start.
    pub async fn start() -> Self {
        match Self::try_start().await {
            Ok(server) => server,
            Err(error) => panic!("SeaweedFS: {error:#}"),
        }
    }

    async fn try_start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let identities = serde_json::json!({"identities": [{
            "name": "site",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]});
        std::fs::write(folder.path().join("accounts.json"), identities.to_string())?;
        std::fs::write(folder.path().join("access"), ACCESS_KEY)?;
        std::fs::write(folder.path().join("secret"), format!("{SECRET_KEY}\n"))?;
        // The kept program may lie where nobody may go.
        let program = folder.path().join("weed");
        let kept = kept_program()?;
        if std::fs::hard_link(&kept, &program).is_err() {
            std::fs::copy(&kept, &program)?;
        }
        let ports = free_ports();
        let (id, waiting) = spawn(folder.path(), ports)?;
        let server = Self {
            ports,
            id,
            waiting: Some(waiting),
            folder,
        };
        server.wait("", &[403]).await?;
        Ok(server)
    }

    /// Waits until a path of the S3 side answers, unsigned, with one of these statuses.
    async fn wait(&self, path: &str, wanted: &[u16]) -> anyhow::Result<()> {
        let client = client()?;
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = client.get(format!("{}/{path}", self.url())).send().await;
            if answer.is_ok_and(|answer| wanted.contains(&answer.status().as_u16())) {
                return Ok(());
            }
            ensure!(
                Instant::now() < until && !has_ended(self.waiting.as_ref()),
                "it does not answer\n{}",
                log(&self.folder)
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Makes an empty bucket.
    ///
    /// # Panics
    /// Where the server does not.
    pub async fn bucket(&self, name: &str) {
        let made = async {
            let url = format!("http://127.0.0.1:{}/buckets/{name}/", self.ports[4]);
            client()?.post(url).send().await?.error_for_status()?;
            self.wait(name, &[403]).await
        };
        if let Err(error) = made.await {
            panic!("no bucket {name}: {error:#}");
        }
    }

    /// Ends it as a crash would, and starts it again over the same data.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn restart(&mut self) {
        self.end();
        let again = async {
            let (id, waiting) = spawn(self.folder.path(), self.ports)?;
            self.id = id;
            self.waiting = Some(waiting);
            self.wait("", &[403]).await
        };
        if let Err(error) = again.await {
            panic!("SeaweedFS: {error:#}");
        }
    }

    fn end(&mut self) {
        end(self.id, rustix::process::Signal::KILL);
        if let Some(waiting) = self.waiting.take() {
            let _ = waiting.join();
        }
    }

    /// Changes an object behind everybody's back; `None` removes it.
    ///
    /// # Panics
    /// Where the server does not.
    pub async fn tamper(&self, bucket: &str, key: &str, bytes: Option<Vec<u8>>) {
        let done = async {
            let url = format!("http://127.0.0.1:{}/buckets/{bucket}/{key}", self.ports[4]);
            let client = client()?;
            let request = match bytes {
                Some(bytes) => client.put(url).body(bytes),
                None => client.delete(url),
            };
            request.send().await?.error_for_status()?;
            anyhow::Ok(())
        };
        if let Err(error) = done.await {
            panic!("{key} of {bucket}: {error:#}");
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[6])
    }

    /// The port of its S3 side on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports[6]
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The region that it takes signatures for: any.
    pub fn region(&self) -> &'static str {
        "us-east-1"
    }

    /// The files with the access key and the secret key.
    pub fn key_files(&self) -> (PathBuf, PathBuf) {
        let folder = self.folder.path();
        (folder.join("access"), folder.join("secret"))
    }

    /// What no output may hold.
    pub fn secret(&self) -> &'static str {
        SECRET_KEY
    }
}

impl Drop for BucketServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// A double of Aliyun OSS and of Kodo's forms: an HTTP proxy that answers for their hosts, and
/// checks signatures by the vendors' own code (`scripts/oss-double`). It ends when this is dropped.
#[derive(Debug)]
pub struct BucketDouble {
    port: u16,
    id: u32,
    waiting: Option<thread::JoinHandle<()>>,
    folder: tempfile::TempDir,
}

impl BucketDouble {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// Where the vendors' code is not installed (`scripts/need test` does that) or it does not
    /// start.
    pub async fn start() -> Self {
        match Self::try_start().await {
            Ok(double) => double,
            Err(error) => panic!("the double of OSS: {error:#}"),
        }
    }

    async fn try_start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("access"), ACCESS_KEY)?;
        std::fs::write(folder.path().join("secret"), format!("{SECRET_KEY}\n"))?;
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/oss-double");
        let mut server = command("setpriv");
        server
            .args(["--pdeathsig", "KILL", "python3", "-B"])
            .arg(program.join("double.py"))
            .arg(folder.path());
        let (id, waiting) = begin(server, folder.path())?;
        let mut double = Self {
            port: 0,
            id,
            waiting: Some(waiting),
            folder,
        };
        let until = Instant::now() + PATIENCE;
        while double.port == 0 {
            let told = std::fs::read_to_string(double.folder.path().join("port"));
            double.port = told.ok().and_then(|port| port.parse().ok()).unwrap_or(0);
            ensure!(
                Instant::now() < until && !has_ended(double.waiting.as_ref()),
                "it does not start\n{}",
                double.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(double)
    }

    /// What it said so far: a line for each request that it could not read.
    pub fn log(&self) -> String {
        log(&self.folder)
    }

    /// Makes an empty bucket in a region. It is reached at `oss-{region}-internal.aliyuncs.com` and
    /// at a domain of its own, `{name}.media.example`.
    ///
    /// # Panics
    /// Where the double does not.
    pub async fn bucket(&self, name: &str, region: &str) {
        let made = async {
            let url = format!(
                "http://127.0.0.1:{}/bucket?name={name}&region={region}",
                self.port
            );
            client()?.post(url).send().await?.error_for_status()?;
            anyhow::Ok(())
        };
        if let Err(error) = made.await {
            panic!("no bucket {name}: {error:#}");
        }
    }

    /// Lets forms of Kodo's write into a server's bucket, which plays the rest of Kodo.
    ///
    /// # Panics
    /// Where the double does not.
    pub async fn kodo_bucket(&self, name: &str, server: &BucketServer) {
        let store = format!("http://127.0.0.1:{}/buckets/{name}", server.ports[4]);
        let url = format!(
            "http://127.0.0.1:{}/kodo?name={name}&store={store}",
            self.port
        );
        let made = async {
            client()?.post(url).send().await?.error_for_status()?;
            anyhow::Ok(())
        };
        if let Err(error) = made.await {
            panic!("no bucket {name}: {error:#}");
        }
    }

    /// How many ranges OSS answered with the whole object.
    ///
    /// # Panics
    /// Where the double does not answer.
    pub async fn whole(&self) -> u64 {
        let url = format!("http://127.0.0.1:{}/whole", self.port);
        let asked = async { anyhow::Ok(client()?.get(url).send().await?.text().await?.parse()?) };
        match asked.await {
            Ok(count) => count,
            Err(error) => panic!("the double of OSS: {error:#}"),
        }
    }

    /// What sites were told of forms (`reports`: `url`, `body`, `headers`), and how often the key to
    /// that was read (`keys_read`).
    ///
    /// # Panics
    /// Where the double does not answer.
    pub async fn told(&self) -> serde_json::Value {
        let url = format!("http://127.0.0.1:{}/reports", self.port);
        let asked = async { anyhow::Ok(client()?.get(url).send().await?.text().await?) };
        let text = asked.await.map_err(|error| format!("{error:#}"));
        let text = text.unwrap_or_else(|error| panic!("the double of OSS: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The signature under words that somebody has OSS tell an address.
    ///
    /// # Panics
    /// Where the double does not answer.
    pub async fn sign_report(&self, url: &str, body: &str) -> String {
        let escaped = |text: &str| {
            let text = text.replace('%', "%25");
            text.replace('&', "%26").replace('=', "%3D")
        };
        let ask = format!(
            "http://127.0.0.1:{}/sign?url={}&body={}",
            self.port,
            escaped(url),
            escaped(body)
        );
        let asked = async { anyhow::Ok(client()?.post(ask).send().await?.text().await?) };
        let text = asked.await.map_err(|error| format!("{error:#}"));
        text.unwrap_or_else(|error| panic!("the double of OSS: {error}"))
    }

    /// Its address as a proxy.
    pub fn proxy(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The files with the access key and the secret key.
    pub fn key_files(&self) -> (PathBuf, PathBuf) {
        let folder = self.folder.path();
        (folder.join("access"), folder.join("secret"))
    }

    /// What no output may hold.
    pub fn secret(&self) -> &'static str {
        SECRET_KEY
    }
}

impl Drop for BucketDouble {
    fn drop(&mut self) {
        end(self.id, rustix::process::Signal::KILL);
        if let Some(waiting) = self.waiting.take() {
            let _ = waiting.join();
        }
    }
}

/// Whoever waits for a process's end has seen it.
fn has_ended(waiting: Option<&thread::JoinHandle<()>>) -> bool {
    waiting.is_none_or(thread::JoinHandle::is_finished)
}

fn log(folder: &tempfile::TempDir) -> String {
    std::fs::read_to_string(folder.path().join("log")).unwrap_or_default()
}

fn client() -> anyhow::Result<reqwest::Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy();
    Ok(builder.timeout(Duration::from_secs(5)).build()?)
}

/// Where `scripts/need test` keeps the program.
fn kept_program() -> anyhow::Result<PathBuf> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/seaweedfs/weed");
    kept.canonicalize()
        .context("target/tools/seaweedfs/weed is missing: run `scripts/need test`")
}

fn spawn(folder: &Path, ports: [u16; 8]) -> anyhow::Result<Begun> {
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    let mut server = command("setpriv");
    server.args(["--pdeathsig", "KILL"]);
    if rustix::process::geteuid().is_root() {
        let (user, group) = ordinary_user()?;
        for path in [folder, &data] {
            std::os::unix::fs::chown(path, Some(user), Some(group))?;
        }
        for file in ["accounts.json", "access", "secret"] {
            std::os::unix::fs::chown(folder.join(file), Some(user), Some(group))?;
        }
        server
            .args([format!("--reuid={user}"), format!("--regid={group}")])
            .arg("--clear-groups");
    }
    server.arg(folder.join("weed")).arg("server");
    let names = [
        "master.port",
        "master.port.grpc",
        "volume.port",
        "volume.port.grpc",
        "filer.port",
        "filer.port.grpc",
        "s3.port",
        "s3.port.grpc",
    ];
    for (name, port) in names.iter().zip(ports) {
        server.arg(format!("-{name}={port}"));
    }
    server
        .arg(format!("-dir={}", data.display()))
        .arg(format!(
            "-s3.config={}",
            folder.join("accounts.json").display()
        ))
        .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"])
        .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
        .args(["-master.volumeSizeLimitMB=64", "-volume.max=2000"])
        .args(["-volume.minFreeSpace=0", "-master.telemetry=false"])
        .current_dir(folder);
    begin(server, folder)
}

//! The real binary on a free port, its data in a temporary folder.

use anyhow::{Context, bail};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Seek},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::{Person, free_port, servers::end};

/// A process of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// All in one.
    Serve,
    /// Pages.
    Web,
    /// Control plane.
    Api,
    /// Data plane.
    Stream,
    /// Workers.
    Dispatcher,
}

impl Role {
    /// As the command line says it.
    pub fn command(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Web => "web",
            Self::Api => "api",
            Self::Stream => "stream",
            Self::Dispatcher => "dispatcher",
        }
    }
}

/// How a site is started.
#[derive(Clone, Debug)]
pub struct SiteBuilder {
    program: PathBuf,
    config: Option<PathBuf>,
    environment: BTreeMap<String, String>,
}

impl SiteBuilder {
    /// With a setting, by its environment name: `VIRGA_LIMITS__UPLOAD_MAX`.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a configuration file.
    #[must_use]
    pub fn config(mut self, file: &Path) -> Self {
        self.config = Some(file.to_owned());
        self
    }

    /// An empty site, nothing started.
    ///
    /// # Panics
    /// Where no temporary folder can be made.
    pub fn build(self) -> Site {
        Site {
            data: Arc::new(tempfile::tempdir().expect("a temporary folder")),
            builder: self,
            running: BTreeMap::new(),
            output: Arc::default(),
            administrator: Arc::default(),
        }
    }

    /// An empty site in one process.
    pub fn start(self) -> Site {
        let mut site = self.build();
        site.start(Role::Serve);
        site
    }
}

/// A running process of the site.
#[derive(Debug)]
struct Running {
    child: Child,
    port: u16,
}

/// A site. Everything of it ends and goes when it is dropped.
#[derive(Debug)]
pub struct Site {
    data: Arc<tempfile::TempDir>,
    builder: SiteBuilder,
    running: BTreeMap<Role, Running>,
    output: Arc<Mutex<String>>,
    administrator: Arc<Mutex<Option<Person>>>,
}

const PATIENCE: Duration = Duration::from_secs(60);

/// No output of any test's site holds one of these: passwords, hashes, signatures, cookies.
const SECRETS: [&str; 5] = ["has a password", "$argon2", "sig=", "Bearer ", "virga=0"];

impl Site {
    /// A site of this program, with limits that do not get in a test's way.
    pub fn of(program: impl Into<PathBuf>) -> SiteBuilder {
        let environment = [
            ("VIRGA_DISPATCHER__HEAD_START_MS", "0"),
            // The machine that tests may have less to spare than a site keeps free.
            ("VIRGA_STORAGE__KEEP_FREE", "0"),
            ("VIRGA_LIMITS__READS_PER_SECOND", "100000"),
            ("VIRGA_LIMITS__WRITES_PER_SECOND", "100000"),
            ("VIRGA_LIMITS__SIGN_UPS_PER_HOUR", "100000"),
            ("VIRGA_LIMITS__DRAFTS_PER_USER", "100000"),
            ("VIRGA_LIMITS__COMMENTS_PER_HOUR", "100000"),
            ("VIRGA_LIMITS__TEXT_BYTES_PER_HOUR", "1000000000"),
        ];
        SiteBuilder {
            program: program.into(),
            config: None,
            environment: environment
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
        }
    }

    /// Another machine's worth of the same site: its data and settings, roles of its own.
    #[must_use]
    pub fn replica(&self) -> Self {
        Self {
            data: Arc::clone(&self.data),
            builder: self.builder.clone(),
            running: BTreeMap::new(),
            output: Arc::clone(&self.output),
            administrator: Arc::clone(&self.administrator),
        }
    }

    /// Starts a role on a free port and waits until it is ready.
    ///
    /// # Panics
    /// Where it does not get ready; with its output.
    pub fn start(&mut self, role: Role) {
        let port = self
            .running
            .get(&role)
            .map_or_else(free_port, |running| running.port);
        self.start_on(role, port);
    }

    /// Starts a role on this port and waits until it is ready.
    ///
    /// # Panics
    /// Where it does not get ready; with its output.
    pub fn start_on(&mut self, role: Role, port: u16) {
        if let Err(error) = self.try_start(role, port) {
            panic!("{error:#}\n{}", self.output());
        }
    }

    /// Starts a role on a free port, or on the one that it had, and does not wait for it.
    ///
    /// # Panics
    /// Where the program cannot be started.
    pub fn launch(&mut self, role: Role) {
        let running = self.running.get(&role);
        let port = running.map_or_else(free_port, |running| running.port);
        self.launch_on(role, port);
    }

    /// The same on this port.
    ///
    /// # Panics
    /// As [`Site::launch`].
    pub fn launch_on(&mut self, role: Role, port: u16) {
        if let Err(error) = self.try_launch(role, port) {
            panic!("{error:#}");
        }
    }

    /// Waits until a role that was launched is ready.
    ///
    /// # Panics
    /// Where it does not get ready; with its output.
    pub fn wait_ready(&mut self, role: Role) {
        if let Err(error) = self.try_wait_ready(role) {
            panic!("{error:#}\n{}", self.output());
        }
    }

    fn try_start(&mut self, role: Role, port: u16) -> anyhow::Result<()> {
        self.try_launch(role, port)?;
        self.try_wait_ready(role)
    }

    fn try_launch(&mut self, role: Role, port: u16) -> anyhow::Result<()> {
        self.kill(role);
        #[expect(
            clippy::disallowed_methods,
            reason = "the program under test is a process"
        )]
        let mut command = Command::new(&self.builder.program);
        command
            .arg(role.command())
            .arg("--data")
            .arg(self.data())
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .envs(&self.builder.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(file) = &self.builder.config {
            command.arg("--config").arg(file);
        }
        let mut child = command.spawn().context("the program does not start")?;
        self.collect(child.stdout.take().context("its output")?);
        self.collect(child.stderr.take().context("its log")?);
        self.running.insert(role, Running { child, port });
        Ok(())
    }

    fn try_wait_ready(&mut self, role: Role) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready(role) {
            let running = self.running.get_mut(&role).context("it was started")?;
            if let Some(status) = running.child.try_wait()? {
                bail!("{role:?} ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("{role:?} did not get ready");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn collect(&self, stream: impl std::io::Read + Send + 'static) {
        let output = Arc::clone(&self.output);
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if let Ok(mut output) = output.lock() {
                    output.push_str(&line);
                    output.push('\n');
                }
            }
        });
    }

    /// Whether a role says that it is ready.
    pub fn is_ready(&self, role: Role) -> bool {
        use std::io::Write;
        let Some(running) = self.running.get(&role) else {
            return false;
        };
        let Ok(mut socket) = std::net::TcpStream::connect(("127.0.0.1", running.port)) else {
            return false;
        };
        let _ = socket.set_read_timeout(Some(Duration::from_secs(5)));
        let ask = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        socket.write_all(ask.as_bytes()).is_ok()
            && socket.read_to_string(&mut answer).is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    /// Ends a role as a power cut would.
    pub fn kill(&mut self, role: Role) {
        if let Some(running) = self.running.get_mut(&role) {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }

    /// Waits until a role ended by itself.
    ///
    /// # Panics
    /// Where it does not.
    pub fn wait_ended(&mut self, role: Role) -> ExitStatus {
        let running = self.running.get_mut(&role).expect("it was started");
        let ended = ended(&mut running.child);
        ended.unwrap_or_else(|| panic!("{role:?} did not end\n{}", self.output()))
    }

    /// How a role ended, if it did.
    pub fn has_ended(&mut self, role: Role) -> Option<ExitStatus> {
        let running = self.running.get_mut(&role)?;
        running.child.try_wait().ok().flatten()
    }

    /// Asks a role to stop, as a service manager would.
    pub fn terminate(&mut self, role: Role) {
        end(self.id(role), rustix::process::Signal::TERM);
    }

    /// Asks a role to read its settings again.
    pub fn reload(&mut self, role: Role) {
        end(self.id(role), rustix::process::Signal::HUP);
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.builder
            .environment
            .insert(name.to_owned(), value.to_owned());
    }

    /// Takes another program for the next start.
    pub fn use_program(&mut self, program: impl Into<PathBuf>) {
        self.builder.program = program.into();
    }

    /// The port of a role.
    ///
    /// # Panics
    /// Where it was never started.
    pub fn port(&self, role: Role) -> u16 {
        self.running.get(&role).expect("it was started").port
    }

    /// The process of a role.
    ///
    /// # Panics
    /// Where it was never started.
    pub fn id(&self, role: Role) -> u32 {
        self.running.get(&role).expect("it was started").child.id()
    }

    /// Resident memory of a role now, bytes.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn memory(&self, role: Role) -> u64 {
        let id = self.running.get(&role).expect("it was started").child.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.expect("the kernel tells it") * 1024
    }

    /// Whether a thread of a role runs or waits for a processor at this moment, however busy the
    /// machine is with other things.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn wants_processor(&self, role: Role) -> bool {
        let id = self.running.get(&role).expect("it was started").child.id();
        let threads = std::fs::read_dir(format!("/proc/{id}/task")).expect("it runs");
        threads.flatten().any(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            let state = stat.rsplit(") ").next().unwrap_or_default();
            state.starts_with('R')
        })
    }

    /// `http://127.0.0.1:PORT` of the one process.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port(Role::Serve))
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Every file of the object store, multipart sessions included; not what a writer that was
    /// killed had begun, which the sweeper removes within minutes.
    ///
    /// # Panics
    /// Where the folder cannot be read.
    pub fn objects(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.data().join("objects")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)
                .expect("the store can be read")
                .flatten()
            {
                let path = entry.path();
                if path.file_name().is_some_and(|name| name == ".tmp") {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }

    /// Waits until the store holds nothing any more; what a finished upload leaves may go a
    /// moment after the video.
    ///
    /// # Panics
    /// Where something is left after a minute.
    pub async fn wait_empty(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let left = self.objects();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left behind: {left:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What all processes printed so far.
    pub fn output(&self) -> String {
        self.output
            .lock()
            .map(|output| output.clone())
            .unwrap_or_default()
    }

    /// The path of the one-time link to the first administrator.
    pub fn setup_path(&self) -> Option<String> {
        let output = self.output();
        let at = output.find("/setup?token=")?;
        Some(output[at..].split_whitespace().next()?.to_owned())
    }

    /// The same, once it is printed: that is a moment after the port answers.
    ///
    /// # Panics
    /// Where it is not in half a minute.
    pub fn wait_setup_path(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(path) = self.setup_path() {
                return path;
            }
            assert!(Instant::now() < deadline, "no link: {}", self.output());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs a command of the program on this site's data: its exit code and output.
    ///
    /// # Panics
    /// Where the program cannot be started, or does not end.
    pub fn run(&self, args: &[&str]) -> (i32, String) {
        #[expect(
            clippy::disallowed_methods,
            reason = "the program under test is a process"
        )]
        let mut command = Command::new(&self.builder.program);
        // A file, unlike a pipe, takes any length while nobody reads.
        let mut said = tempfile::tempfile().expect("a file for the output");
        let copy = || said.try_clone().expect("the same file");
        let mut child = command
            .args(args)
            .arg("--data")
            .arg(self.data())
            .envs(&self.builder.environment)
            .stdin(Stdio::null())
            .stdout(copy())
            .stderr(copy())
            .spawn()
            .expect("the program starts");
        let ended = ended(&mut child);
        let mut text = Vec::new();
        said.rewind()
            .and_then(|()| said.read_to_end(&mut text))
            .expect("its output is read");
        let text = String::from_utf8_lossy(&text).into_owned();
        let status = ended.unwrap_or_else(|| panic!("{args:?} does not end: {text}"));
        (status.code().unwrap_or(-1), text)
    }

    /// Someone without an account.
    pub fn stranger(&self) -> Person {
        Person::new(self.url())
    }

    /// Someone with a fresh account, on a site that has its administrator.
    ///
    /// # Panics
    /// Where registering fails.
    pub async fn register(&self, name: &str) -> Person {
        self.register_by(&self.stranger(), name).await
    }

    /// The same by way of this stranger, who may ask another process of the site.
    ///
    /// # Panics
    /// Where registering fails.
    pub async fn register_by(&self, stranger: &Person, name: &str) -> Person {
        self.set_up_by(stranger).await;
        stranger.register(name).await
    }

    /// The administrator, `root`, who is made if need be.
    ///
    /// # Panics
    /// Where the site has another one.
    pub async fn administrator(&self) -> Person {
        self.administrator_by(&self.stranger()).await
    }

    /// The same by way of this stranger, who may ask another process of the site.
    ///
    /// # Panics
    /// Where the site has another one.
    pub async fn administrator_by(&self, stranger: &Person) -> Person {
        self.set_up_by(stranger).await;
        let root = self.administrator.lock().expect("a lock").clone();
        root.expect("an administrator made by this test")
    }

    /// Makes the administrator, unless the site has one. Until then nobody can register.
    ///
    /// # Panics
    /// Where that fails.
    pub async fn set_up_by(&self, stranger: &Person) {
        if self.administrator.lock().expect("a lock").is_some() {
            return;
        }
        let site = stranger.get("/api/v1/site").await.expect(200).json();
        if site["needs_setup"] != true {
            return;
        }
        self.wait_setup_path();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            // Of several processes the one that started last printed the link that holds.
            for token in self.setup_tokens() {
                if let Some(root) = stranger.set_up(&token).await {
                    *self.administrator.lock().expect("a lock") = Some(root);
                    return;
                }
            }
            assert!(Instant::now() < deadline, "no link: {}", self.output());
        }
    }

    /// The tokens of all one-time links that were printed, the newest first.
    fn setup_tokens(&self) -> Vec<String> {
        let output = self.output();
        let links = output.split("/setup?token=").skip(1);
        let token = |link: &str| link.split_whitespace().next().map(str::to_owned);
        let mut tokens: Vec<String> = links.filter_map(token).collect();
        tokens.reverse();
        tokens
    }
}

/// How a process ended by itself; `None`: it did not, and was ended.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

impl Drop for Site {
    fn drop(&mut self) {
        for running in self.running.values_mut() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
        if !thread::panicking() {
            let output = self.output();
            let told = SECRETS.iter().find(|secret| output.contains(**secret));
            assert!(
                told.is_none(),
                "the output of the site holds a secret: {told:?}\n{output}"
            );
        }
    }
}

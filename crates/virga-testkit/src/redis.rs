//! A real Redis on a free port, with a password, keeping nothing on the disk.

use rustix::process::Signal;
use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::symlink,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    free_port,
    servers::{begin, command, end},
};

const PASSWORD: &str = "redis has a password";
/// Debian's `redis-tools` has the server under this name; it is what it is called by.
const PROGRAM: &str = "/usr/bin/redis-check-rdb";

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    id: u32,
    waiting: Option<thread::JoinHandle<()>>,
    folder: tempfile::TempDir,
}

impl RedisServer {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// Where it is not installed (`scripts/need test` does that) or does not start.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for Redis");
        std::fs::write(folder.path().join("password"), PASSWORD).expect("its password's file");
        assert!(Path::new(PROGRAM).exists(), "run `scripts/need test`");
        symlink(PROGRAM, folder.path().join("redis-server")).expect("its name");
        let mut server = Self {
            port: free_port(),
            id: 0,
            waiting: None,
            folder,
        };
        server.begin();
        server
    }

    fn begin(&mut self) {
        let folder = self.folder.path();
        let mut server = command("setpriv");
        server
            .args(["--pdeathsig", "KILL"])
            .arg(folder.join("redis-server"))
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .args(["--requirepass", PASSWORD])
            .current_dir(folder);
        let (id, waiting) = begin(server, folder).expect("Redis starts");
        (self.id, self.waiting) = (id, Some(waiting));
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.try_ask(&["PING"]).is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log"));
            assert!(Instant::now() < deadline, "{:?}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it as a crash would: nothing of what it held is left.
    pub fn kill(&mut self) {
        end(self.id, Signal::KILL);
        if let Some(waiting) = self.waiting.take() {
            let _ = waiting.join();
        }
    }

    /// Ends it so, and starts it again, empty.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn restart(&mut self) {
        self.kill();
        self.begin();
    }

    /// Has it stand still, its connections open.
    pub fn freeze(&self) {
        end(self.id, Signal::STOP);
    }

    /// Has it go on, with all that was sent meanwhile.
    pub fn thaw(&self) {
        end(self.id, Signal::CONT);
    }

    /// Runs a command, `FLUSHALL`; its answer as Redis writes it.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn ask(&self, words: &[&str]) -> String {
        self.try_ask(words).expect("Redis answers")
    }

    fn try_ask(&self, words: &[&str]) -> std::io::Result<String> {
        let mut line = TcpStream::connect(("127.0.0.1", self.port))?;
        line.set_read_timeout(Some(Duration::from_secs(5)))?;
        for words in [&["AUTH", PASSWORD], words, &["QUIT"]] {
            write!(line, "*{}\r\n", words.len())?;
            for word in words {
                write!(line, "${}\r\n{word}\r\n", word.len())?;
            }
        }
        let mut answers = String::new();
        line.read_to_string(&mut answers)?;
        let answer = answers.strip_prefix("+OK\r\n").unwrap_or(&answers);
        Ok(answer.strip_suffix("+OK\r\n").unwrap_or(answer).to_owned())
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.url_by(self.port)
    }

    /// Its address by way of another port of this machine.
    pub fn url_by(&self, port: u16) -> String {
        format!("redis://127.0.0.1:{port}")
    }

    /// The file that its password is in.
    pub fn password_file(&self) -> String {
        self.folder.path().join("password").display().to_string()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

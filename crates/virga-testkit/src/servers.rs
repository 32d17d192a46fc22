//! Real database servers: Debian's own MariaDB and PostgreSQL on a free port, their data in a
//! temporary folder. They end with whoever started them, however that ends.

use anyhow::{Context, ensure};
use rustix::process::Signal;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::free_port;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sql {
    /// MariaDB.
    MariaDb,
    /// PostgreSQL.
    Postgres,
}

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct SqlServer {
    sql: Sql,
    port: u16,
    id: u32,
    waiting: Option<thread::JoinHandle<()>>,
    admin: DatabaseConnection,
    folder: tempfile::TempDir,
}

impl SqlServer {
    /// Starts one and waits until it answers.
    ///
    /// # Panics
    /// Where it is not installed (`scripts/need test` does that) or does not start.
    pub async fn start(sql: Sql) -> Self {
        match Self::try_start(sql).await {
            Ok(server) => server,
            Err(error) => panic!("{sql:?}: {error:#}"),
        }
    }

    /// A MariaDB that keeps a log for replicas, and one that follows it from its beginning.
    ///
    /// # Panics
    /// As [`SqlServer::start`].
    pub async fn start_replicated() -> (Self, Self) {
        let start = async |log: &[&str]| match Self::try_start_with(Sql::MariaDb, log).await {
            Ok(server) => server,
            Err(error) => panic!("MariaDB: {error:#}"),
        };
        let primary = start(&["--log-bin", "--server-id=1"]).await;
        let replica = start(&["--skip-log-bin", "--server-id=2"]).await;
        for sql in [
            "CREATE USER copier@'127.0.0.1' IDENTIFIED BY 'hunter2'",
            "GRANT REPLICATION SLAVE ON *.* TO copier@'127.0.0.1'",
        ] {
            primary.execute(sql).await;
        }
        let follow = format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='copier', \
             MASTER_PASSWORD='hunter2', MASTER_USE_GTID=slave_pos",
            primary.port
        );
        replica.execute(&follow).await;
        replica.execute("START SLAVE").await;
        (primary, replica)
    }

    async fn try_start(sql: Sql) -> anyhow::Result<Self> {
        Self::try_start_with(sql, &["--skip-log-bin"]).await
    }

    async fn try_start_with(sql: Sql, log: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port();
        let (id, waiting) = match sql {
            Sql::MariaDb => mariadb(folder.path(), port, log)?,
            Sql::Postgres => postgres(folder.path(), port)?,
        };
        let admin = connect(sql, port, folder.path()).await?;
        Ok(Self {
            sql,
            port,
            id,
            waiting: Some(waiting),
            admin,
            folder,
        })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Ends it as a crash would, and starts it again over the same data.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn restart(&mut self) {
        self.end();
        let begun = match self.sql {
            Sql::MariaDb => run_mariadb(self.folder.path(), self.port, &["--skip-log-bin"]),
            Sql::Postgres => run_postgres(self.folder.path(), self.port),
        };
        let (id, waiting) = begun.unwrap_or_else(|error| panic!("{:?}: {error:#}", self.sql));
        self.id = id;
        self.waiting = Some(waiting);
        self.admin = match connect(self.sql, self.port, self.folder.path()).await {
            Ok(admin) => admin,
            Err(error) => panic!("{:?}: {error:#}", self.sql),
        };
    }

    fn end(&mut self) {
        end(self.id, Signal::QUIT);
        if self.sql == Sql::MariaDb {
            end(self.id, Signal::KILL);
        }
        if let Some(waiting) = self.waiting.take() {
            let _ = waiting.join();
        }
    }

    /// The first column of what a query answers, as text; asked as the administrator.
    ///
    /// # Panics
    /// Where the server refuses.
    pub async fn ask(&self, sql: &str) -> Vec<String> {
        let asked = async {
            let backend = self.admin.get_database_backend();
            let query = Statement::from_string(backend, sql);
            let rows = self.admin.query_all_raw(query).await?;
            rows.iter().map(|row| row.try_get_by_index(0)).collect()
        };
        let told: Result<_, DbErr> = asked.await;
        told.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Makes an empty database; its address.
    ///
    /// # Panics
    /// Where there is one of this name.
    pub async fn database(&self, name: &str) -> String {
        // As a hurried administrator would: with collations that compare otherwise than bytes do.
        let options = match self.sql {
            Sql::MariaDb => " CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
            Sql::Postgres => "",
        };
        let sql = format!("CREATE DATABASE {name}{options}");
        let made = self.admin.execute_unprepared(&sql).await;
        made.unwrap_or_else(|error| panic!("{sql}: {error}"));
        url(self.sql, self.port, Some(name))
    }

    /// Runs statements as the administrator.
    ///
    /// # Panics
    /// Where the server refuses.
    pub async fn execute(&self, sql: &str) {
        let done = self.admin.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SqlServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// A process's id, and the thread that waits for its end.
pub(crate) type Begun = (u32, thread::JoinHandle<()>);

/// Sends a process a signal.
pub(crate) fn end(id: u32, signal: Signal) {
    if let Ok(id) = i32::try_from(id)
        && let Some(id) = rustix::process::Pid::from_raw(id)
    {
        let _ = rustix::process::kill_process(id, signal);
    }
}

fn url(sql: Sql, port: u16, database: Option<&str>) -> String {
    match sql {
        Sql::MariaDb => format!(
            "mysql://root@127.0.0.1:{port}/{}",
            database.unwrap_or("mysql")
        ),
        Sql::Postgres => format!(
            "postgres://virga@127.0.0.1:{port}/{}",
            database.unwrap_or("postgres")
        ),
    }
}

/// The administrator's connection, once it answers.
async fn connect(sql: Sql, port: u16, folder: &Path) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url(sql, port, None));
    options
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .sqlx_logging(false);
    Database::connect(options).await.with_context(|| {
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        format!("it does not answer\n{log}")
    })
}

fn mariadb(folder: &Path, port: u16, log: &[&str]) -> anyhow::Result<Begun> {
    let mut install = command("mariadb-install-db");
    install
        .env("TMPDIR", temporary(folder)?)
        .arg("--no-defaults")
        .arg(format!("--datadir={}", folder.join("data").display()))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
    if rustix::process::geteuid().is_root() {
        install.arg("--user=root");
    }
    finish(install)?;
    run_mariadb(folder, port, log)
}

/// Where a MariaDB keeps its temporary tables. In a folder that it shares, another that starts takes
/// them for remains of a crash and removes them.
fn temporary(folder: &Path) -> anyhow::Result<PathBuf> {
    let own = folder.join("tmp");
    std::fs::create_dir_all(&own)?;
    Ok(own)
}

fn run_mariadb(folder: &Path, port: u16, log: &[&str]) -> anyhow::Result<Begun> {
    let data = folder.join("data");
    let mut server = command("setpriv");
    server
        .env("TMPDIR", temporary(folder)?)
        .args(["--pdeathsig", "KILL"])
        .arg(find("mariadbd", &["/usr/sbin"])?)
        .arg("--no-defaults")
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", folder.join("socket").display()))
        .arg(format!("--port={port}"))
        .arg("--bind-address=127.0.0.1")
        .args(log)
        // What is committed outlives the process, if not the machine.
        .args([
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-log-file-size=32M",
        ]);
    if rustix::process::geteuid().is_root() {
        server.arg("--user=root");
    }
    begin(server, folder)
}

fn postgres(folder: &Path, port: u16) -> anyhow::Result<Begun> {
    if rustix::process::geteuid().is_root() {
        let (user, group) = ordinary_user()?;
        std::os::unix::fs::chown(folder, Some(user), Some(group))?;
    }
    let mut install = postgres_program("initdb")?;
    install.arg("-D").arg(folder.join("data")).args([
        "-U",
        "virga",
        "--auth=trust",
        "--no-sync",
        "-E",
        "UTF8",
    ]);
    finish(install)?;
    run_postgres(folder, port)
}

fn run_postgres(folder: &Path, port: u16) -> anyhow::Result<Begun> {
    let mut server = postgres_program("postgres")?;
    server
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder)
        .args(["-p", &port.to_string()])
        .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
        .args(["-c", "full_page_writes=off", "-c", "max_connections=200"]);
    begin(server, folder)
}

/// One of its programs, as somebody whom it does not refuse: root it does.
fn postgres_program(name: &str) -> anyhow::Result<Command> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let folders: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    let mut program = command("setpriv");
    program.args(["--pdeathsig", "QUIT"]).current_dir("/");
    if rustix::process::geteuid().is_root() {
        let (user, group) = ordinary_user()?;
        program
            .args([format!("--reuid={user}"), format!("--regid={group}")])
            .arg("--clear-groups");
    }
    program.arg(find(name, &folders)?);
    Ok(program)
}

/// Someone who is not root: the package's own user, or else nobody.
pub(crate) fn ordinary_user() -> anyhow::Result<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd")?;
    let ids = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres")
        .or_else(|| ids("nobody"))
        .context("there is no user nobody")
}

#[expect(clippy::disallowed_methods, reason = "a real server is a process")]
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

fn find(program: &str, folders: &[impl AsRef<Path>]) -> anyhow::Result<PathBuf> {
    let found = folders.iter().map(|folder| folder.as_ref().join(program));
    let mut found: Vec<PathBuf> = found.filter(|path| path.exists()).collect();
    found.sort();
    found
        .pop()
        .with_context(|| format!("{program} is missing: run `scripts/need test`"))
}

fn finish(mut command: Command) -> anyhow::Result<()> {
    let done = command
        .output()
        .with_context(|| format!("{} does not start", command.get_program().display()))?;
    let told = [done.stdout, done.stderr].concat();
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&told));
    Ok(())
}

/// Starts it from a thread that lives as long as it does: the kernel ends it (`--pdeathsig`) when
/// that thread goes, so that a test that is killed leaves no server behind.
pub(crate) fn begin(mut command: Command, folder: &Path) -> anyhow::Result<Begun> {
    let log = std::fs::File::create(folder.join("log"))?;
    command.stdout(log.try_clone()?).stderr(log);
    let (sender, receiver) = mpsc::channel();
    let waiting = thread::spawn(move || match command.spawn() {
        Ok(mut child) => {
            let _ = sender.send(Ok(child.id()));
            let _ = child.wait();
        }
        Err(error) => {
            let _ = sender.send(Err(error));
        }
    });
    Ok((receiver.recv()??, waiting))
}

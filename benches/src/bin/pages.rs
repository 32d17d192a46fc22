//! A page of the newest thirty videos of a site of 100,000 with a million comments: what all but the
//! slowest in a hundred take by the API, against the same query by the engine's own client.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, ensure};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use virga_benches::{Round, Series, Target, program, tool};
use virga_core::{Timestamp, wire::Sort};
use virga_db::{
    Db,
    videos::{self, Listing},
};
use virga_testkit::{Role, Site, Sql, SqlServer, large};

const VIDEOS: u64 = 100_000;
/// What a page shows, and one more that tells whether there is another page.
const PAGE: u64 = 30;
/// Asked for one value; the slowest ten are left out.
const ASKED: usize = 1000;
/// How far two runs of the client may differ: half a millisecond is soon doubled.
const MARGIN: f64 = 1.0;
/// Ends an answer of a client.
const END: &str = "that was all";

/// The query that the API asks for this page, with its values.
async fn query(db: &Db) -> anyhow::Result<String> {
    let asked = Arc::new(Mutex::new(String::new()));
    let mut connection = db.read().clone();
    let kept = Arc::clone(&asked);
    connection.set_metric_callback(move |told| {
        if let Ok(mut kept) = kept.lock() {
            *kept = told.statement.to_string();
        }
    });
    let newest = Listing {
        owner: None,
        everything: false,
        unpublished: None,
        now: Timestamp(0),
        sort: Sort::New,
        query: None,
        after: None,
        limit: PAGE + 1,
    };
    let rows = videos::list(&connection, &newest).await?;
    ensure!(rows.len() as u64 == PAGE + 1, "{} rows", rows.len());
    let asked = asked.lock().map(|asked| asked.clone());
    asked
        .ok()
        .filter(|asked| asked.starts_with("SELECT"))
        .context("no query was seen")
}

/// The engine's own client on a pipe.
struct Client {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    ask: String,
}

impl Client {
    fn start(mut command: Command, query: &str) -> anyhow::Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start", command.get_program().display()))?;
        let to = process.stdin.take().context("its input")?;
        let from = BufReader::new(process.stdout.take().context("its output")?);
        let ask = format!("{query};\nSELECT '{END}';\n");
        Ok(Self {
            process,
            to,
            from,
            ask,
        })
    }

    /// Asks once; the rows that came.
    fn ask(&mut self) -> anyhow::Result<usize> {
        self.to.write_all(self.ask.as_bytes())?;
        self.to.flush()?;
        let mut rows = 0;
        let mut line = String::new();
        loop {
            line.clear();
            ensure!(self.from.read_line(&mut line)? > 0, "the client ended");
            if line.trim_end() == END {
                return Ok(rows);
            }
            rows += 1;
        }
    }

    fn slow(&mut self) -> anyhow::Result<f64> {
        let mut times = Vec::new();
        for _ in 0..ASKED {
            let begun = Instant::now();
            let rows = self.ask()?;
            times.push(begun.elapsed());
            ensure!(rows as u64 == PAGE + 1, "the client showed {rows} rows");
        }
        Ok(p99(times))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In milliseconds: all but the slowest in a hundred took no longer.
fn p99(mut times: Vec<Duration>) -> f64 {
    times.sort();
    let place = times.len().saturating_sub(1 + times.len() / 100);
    times
        .get(place)
        .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

async fn slow_page(client: &reqwest::Client, url: &str) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let begun = Instant::now();
        let page = client
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        times.push(begun.elapsed());
        if times.len() == 1 {
            let page: serde_json::Value = serde_json::from_slice(&page)?;
            let items = page["items"].as_array().context("a list")?;
            ensure!(
                items.len() as u64 == PAGE,
                "{} videos on a page",
                items.len()
            );
        }
    }
    Ok(p99(times))
}

async fn measure(
    name: &'static str,
    site: &mut Site,
    db: Db,
    command: Command,
) -> anyhow::Result<()> {
    db.migrate().await?;
    large::fill(db.write(), VIDEOS).await?;
    let query = query(&db).await?;
    db.close().await;
    site.start(Role::Api);
    let url = format!(
        "http://127.0.0.1:{}/api/v1/videos?limit={PAGE}",
        site.port(Role::Api)
    );
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut own = Client::start(command, &query)?;
    // Once for what is read from the disk.
    own.slow()?;
    slow_page(&http, &url).await?;
    let mut series = Series::new(MARGIN);
    while series.wants_more() {
        let round = Round {
            before: own.slow()?,
            subject: slow_page(&http, &url).await?,
            after: own.slow()?,
        };
        let counts = if series.take(round) { "" } else { " repeated" };
        println!(
            "note {name} client {:.2}, API {:.2}, client {:.2} ms, load {}{counts}",
            round.before,
            round.subject,
            round.after,
            std::fs::read_to_string("/proc/loadavg")?
                .split(' ')
                .next()
                .unwrap_or_default()
        );
    }
    println!("{}", series.figure(name, Target::AtMost(10.0)));
    Ok(())
}

fn site(program: &str) -> Site {
    Site::of(program)
        .set("VIRGA_LIMITS__READS_PER_SECOND", "1000000")
        .build()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let program = program()?;
    let program = program.to_str().context("its path")?;
    let mut on_sqlite = site(program);
    let file = on_sqlite.data().join("virga.sqlite");
    let db = Db::open_sqlite(&file).await?;
    let mut client = tool("stdbuf");
    client.args(["-oL", "sqlite3"]).arg(&file);
    measure("page-sqlite", &mut on_sqlite, db, client).await?;
    for (name, sql) in [
        ("page-mariadb", Sql::MariaDb),
        ("page-postgres", Sql::Postgres),
    ] {
        let server = SqlServer::start(sql).await;
        let url = server.database("large").await;
        let port = server.port().to_string();
        let client = match sql {
            Sql::MariaDb => {
                let mut client = tool("mariadb");
                client.args([
                    "--no-defaults",
                    "--host=127.0.0.1",
                    "--user=root",
                    "--port",
                    &port,
                ]);
                client.args(["--batch", "--unbuffered", "--skip-column-names", "large"]);
                client
            }
            Sql::Postgres => {
                let mut client = tool("psql");
                client.args([
                    "--no-psqlrc",
                    "--quiet",
                    "--no-align",
                    "--tuples-only",
                    &url,
                ]);
                client
            }
        };
        let db = Db::connect(&url, None).await?;
        let mut on_server = site(program);
        on_server.set("VIRGA_DATABASE__URL", &url);
        measure(name, &mut on_server, db, client).await?;
    }
    Ok(())
}

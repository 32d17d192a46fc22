//! What browsers that listen cost the database: statements a second of one process with 2,000 event
//! streams of a film that is worked on, beyond what the quiet site asks.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, ensure};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};
use virga_benches::{Figure, Target, program};
use virga_testkit::{Clip, Person, Role, Site, Sql, SqlServer};

/// Event streams of one process.
const LISTENERS: usize = 2000;
/// What is counted in one round.
const LASTING: Duration = Duration::from_secs(10);
const ROUNDS: usize = 3;

/// Statements that the server answered so far.
async fn statements(database: &SqlServer) -> anyhow::Result<f64> {
    let ask = "SELECT CAST(VARIABLE_VALUE AS CHAR) FROM information_schema.GLOBAL_STATUS \
               WHERE VARIABLE_NAME = 'QUESTIONS'";
    let told = database.ask(ask).await;
    Ok(told.first().context("the server counts")?.parse()?)
}

/// Statements a second.
async fn rate(database: &SqlServer) -> anyhow::Result<f64> {
    let before = statements(database).await?;
    sleep(LASTING).await;
    Ok((statements(database).await? - before) / LASTING.as_secs_f64())
}

/// Half of them are the owner's windows, half are strangers'.
async fn listen(site: &Site, owner: &Person, video: &str) -> anyhow::Result<Vec<TcpStream>> {
    let mut sockets = Vec::new();
    for n in 0..LISTENERS {
        let owner = if n % 2 == 0 {
            format!("Authorization: Bearer {}\r\n", owner.token())
        } else {
            String::new()
        };
        let head = format!("GET /api/v1/events?videos={video} HTTP/1.1\r\nHost: a\r\n{owner}\r\n");
        let mut socket = TcpStream::connect(("127.0.0.1", site.port(Role::Serve))).await?;
        socket.write_all(head.as_bytes()).await?;
        let mut first = [0; 12];
        socket.read_exact(&mut first).await?;
        ensure!(&first == b"HTTP/1.1 200", "{}", first.escape_ascii());
        sockets.push(socket);
    }
    Ok(sockets)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = SqlServer::start(Sql::MariaDb).await;
    let url = database.database("site").await;
    let mut site = Site::of(program()?).build();
    site.set("VIRGA_DATABASE__URL", &url);
    site.set("VIRGA_LIMITS__OPENINGS_PER_SECOND", "100000");
    site.start(Role::Serve);
    let ann = site.register("ann").await;
    let video = ann.upload("Rain", "public", &Clip::default().bytes()).await;
    ann.wait_for(&video, &["ready"]).await;
    // As a film whose ladder waits for its turn, for as long as this takes.
    for wait in [
        "UPDATE site.jobs SET state = 'queued', run_at = run_at + 86400000000 WHERE kind = 'ladder'",
        "UPDATE site.videos SET state = 'playable'",
    ] {
        database.execute(wait).await;
    }
    let mut values = Vec::new();
    for _ in 0..ROUNDS {
        let quiet = rate(&database).await?;
        let sockets = listen(&site, &ann, &video).await?;
        let busy = rate(&database).await?;
        println!("quiet {quiet:.1}/s, with {LISTENERS} listeners {busy:.1}/s");
        values.push(busy - quiet);
        drop(sockets);
    }
    let figure = Figure {
        name: "listeners-statements",
        values,
        unit: "/s",
        target: Target::AtMost(5.0),
        trouble: None,
    };
    println!("{figure}");
    ensure!(figure.is_ok(), "more than it may be");
    Ok(())
}

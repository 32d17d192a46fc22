//! One address floods the site in the ways that once stopped it, while a visitor at another address
//! asks: how many of the visitor's requests fail, how much longer they take than in a quiet site, and
//! how much memory the site holds a minute later.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::Context;
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use virga_benches::{Figure, ROUNDS, Target, memory_kib, program};
use virga_testkit::{Person, Role, Site};

/// How long a flood is kept up, and a quiet site is asked.
const LASTING: Duration = Duration::from_secs(10);
/// Between two questions of the visitor.
const PACE: Duration = Duration::from_millis(20);
/// A connection that was closed is opened again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);
/// Memory may come back within this.
const AFTERWARDS: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
enum Flood {
    /// HTTP/2 in the clear, with a frame that hides what follows (S1).
    Preface,
    /// Requests whose bodies do not come (S2).
    Bodies,
    /// Wrong passwords for one name (S3).
    Passwords,
    /// Connections that say nothing (S4).
    Silence,
    /// Event streams (S8).
    Events,
}

const FLOODS: [(&str, &str, Flood); 5] = [
    ("flood-preface", "flood-preface-failed", Flood::Preface),
    ("flood-bodies", "flood-bodies-failed", Flood::Bodies),
    (
        "flood-passwords",
        "flood-passwords-failed",
        Flood::Passwords,
    ),
    ("flood-silence", "flood-silence-failed", Flood::Silence),
    ("flood-events", "flood-events-failed", Flood::Events),
];

impl Flood {
    fn connections(self) -> usize {
        match self {
            Self::Silence | Self::Preface => 6000,
            Self::Bodies => 2100,
            Self::Events => 2000,
            Self::Passwords => 200,
        }
    }

    fn bytes(self, video: &str) -> Vec<u8> {
        match self {
            Self::Silence => Vec::new(),
            Self::Preface => {
                let hidden = b"x\r\nContent-Length: 9999999999999\r\n\r\n";
                let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
                bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
                bytes.extend([
                    0,
                    0,
                    u8::try_from(hidden.len()).unwrap_or(0),
                    0x20,
                    0,
                    0,
                    0,
                    0,
                    0,
                ]);
                bytes.extend(hidden);
                bytes
            }
            Self::Bodies => b"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 250000\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\n"
                .to_vec(),
            Self::Passwords => {
                let body = r#"{"name":"ann","password":"not that one"}"#;
                let length = body.len();
                format!(
                    "POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                     Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                )
                .into_bytes()
            }
            Self::Events => {
                format!("GET /api/v1/events?videos={video} HTTP/1.1\r\nHost: a\r\n\r\n")
                    .into_bytes()
            }
        }
    }
}

async fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 66], 0)))?;
    socket.connect(to).await
}

/// One connection after another, for as long as the flood lasts.
async fn wave(to: SocketAddr, bytes: Vec<u8>, until: Instant) {
    while Instant::now() < until {
        let one = async {
            let mut socket = connect(to).await?;
            socket.write_all(&bytes).await?;
            let mut piece = [0; 1024];
            while socket.read(&mut piece).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        let _ = timeout(until.saturating_duration_since(Instant::now()), one).await;
        // The flood's own work must not be what the visitor waits for on the same machine.
        sleep(AGAIN).await;
    }
}

/// What a visitor saw: failed requests, and the 99th percentile in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Seen {
    asked: usize,
    failed: usize,
    p99: f64,
}

async fn visit(visitor: &Person, paths: &[String], until: Instant) -> Seen {
    let (mut times, mut failed) = (Vec::new(), 0);
    let mut next = paths.iter().cycle();
    while Instant::now() < until {
        let path = next.next().map_or("/livez", String::as_str);
        let began = Instant::now();
        let request = visitor.request(reqwest::Method::GET, path);
        let answer = timeout(PATIENCE, visitor.try_send(request)).await;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        if !matches!(answer, Ok(Ok(answer)) if answer.status.is_success()) {
            failed += 1;
        }
        sleep(PACE).await;
    }
    times.sort_by(f64::total_cmp);
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or(0.0);
    Seen {
        asked: times.len(),
        failed,
        p99,
    }
}

async fn flooded(site: &Site, flood: Flood, video: &str, paths: &[String]) -> anyhow::Result<Seen> {
    let to = SocketAddr::from(([127, 0, 0, 1], site.port(Role::Serve)));
    let until = Instant::now() + LASTING;
    let mut waves = JoinSet::new();
    for _ in 0..flood.connections() {
        waves.spawn(wave(to, flood.bytes(video), until));
    }
    let visitor = Person::at(site.url(), Some(IpAddr::from([127, 0, 0, 3])));
    let seen = visit(&visitor, paths, until).await;
    waves.shutdown().await;
    Ok(seen)
}

fn resident(site: &Site) -> anyhow::Result<f64> {
    Ok(memory_kib(site.id(Role::Serve), "VmRSS")? * 1024.0 / 1e6)
}

async fn measure(program: &Path) -> anyhow::Result<()> {
    let site = Site::of(program).start();
    let ann = site.register("ann").await;
    let video = ann.playable("Rain", "public").await;
    let _ = ann.wait_for(&video, &["ready"]).await;
    let playback = ann.playback(&video).await;
    let hls = playback["hls"].as_str().context("a playlist")?;
    let paths = ["/", "/livez", "/api/v1/videos", hls].map(str::to_owned);
    let visitor = Person::at(site.url(), Some(IpAddr::from([127, 0, 0, 3])));
    // Not the first to ask.
    visit(&visitor, &paths, Instant::now() + LASTING / 4).await;
    let memory = resident(&site)?;
    let mut left = Vec::new();
    let mut seen = vec![(Vec::new(), Vec::new()); FLOODS.len()];
    for _ in 0..ROUNDS {
        for ((name, _, flood), (ratios, failures)) in FLOODS.iter().zip(&mut seen) {
            let quiet = visit(&visitor, &paths, Instant::now() + LASTING / 4).await;
            let busy = flooded(&site, *flood, &video, &paths).await?;
            println!(
                "note {name} quiet p99 {:.1} ms, flooded p99 {:.1} ms, {} of {} failed, {:.0} MB",
                quiet.p99,
                busy.p99,
                busy.failed,
                busy.asked,
                resident(&site)?
            );
            ratios.push(busy.p99 / quiet.p99);
            #[expect(clippy::cast_precision_loss, reason = "some thousands")]
            failures.push(busy.failed as f64);
        }
        sleep(AFTERWARDS).await;
        left.push(resident(&site)? - memory);
        println!(
            "note a minute later {:.0} MB more than before",
            left[left.len() - 1]
        );
    }
    for ((name, failed, _), (ratios, failures)) in FLOODS.iter().zip(seen) {
        let figure = |name, values, unit, most| Figure {
            name,
            values,
            unit,
            target: Target::AtMost(most),
            trouble: None,
        };
        println!("{}", figure(name, ratios, "x", 3.0));
        println!("{}", figure(failed, failures, "requests", 0.0));
    }
    let figure = Figure {
        name: "flood-memory-left",
        values: left,
        unit: "MB",
        target: Target::AtMost(50.0),
        trouble: None,
    };
    println!("{figure}");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    measure(&program()?).await
}

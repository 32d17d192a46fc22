//! What a balancer and replicas cost: reads of the API and bytes of segments for each second of
//! processor, through HAProxy with two of api and stream, against one process asked directly.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, ensure};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use virga_benches::{Round, Series, Target, cpu_seconds, family_cpu_seconds, footage, program};
use virga_testkit::{Fronts, Person, Role, Site, Sql, SqlServer};

/// Requests on their way at once.
const ASKERS: usize = 16;
/// One measurement.
const LASTS: Duration = Duration::from_secs(5);
/// How far two measurements of one process may differ.
const MARGIN: f64 = 0.2;

/// Asks for it as fast as it is answered; answers and their bytes.
async fn load(url: String) -> anyhow::Result<(f64, f64)> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(ASKERS)
        .build()?;
    let until = Instant::now() + LASTS;
    let mut askers = JoinSet::new();
    for _ in 0..ASKERS {
        let (client, url) = (client.clone(), url.clone());
        askers.spawn(async move {
            let (mut answers, mut bytes) = (0.0, 0.0);
            while Instant::now() < until {
                let mut answer = client.get(&url).send().await?.error_for_status()?;
                while let Some(piece) = answer.chunk().await? {
                    bytes += f64::from(u32::try_from(piece.len())?);
                }
                answers += 1.0;
            }
            anyhow::Ok((answers, bytes))
        });
    }
    let mut sum = (0.0, 0.0);
    while let Some(one) = askers.join_next().await {
        let (answers, bytes) = one??;
        sum = (sum.0 + answers, sum.1 + bytes);
    }
    Ok(sum)
}

/// A film that every segment of which is stored: its page of the API, and its largest segment.
async fn addresses(person: &Person, base: &str) -> anyhow::Result<[String; 2]> {
    let clip = std::fs::read(footage()?)?;
    let video = person.upload("Measured", "public", &clip).await;
    person.wait_for(&video, &["ready"]).await;
    let hls = person.playback(&video).await;
    let mut largest = (0, String::new());
    for url in person
        .media_urls(hls["hls"].as_str().context("an address")?)
        .await
    {
        let size = person.get(&url).await.expect(200).body.len();
        if size > largest.0 {
            largest = (size, url);
        }
    }
    println!("note cluster segment of {} bytes", largest.0);
    Ok([
        format!("{base}/api/v1/videos/{video}"),
        format!("{base}{}", largest.1),
    ])
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = program()?;
    let program = program.to_str().context("its path")?;
    let database = SqlServer::start(Sql::MariaDb).await;
    let mut one = Site::of(program)
        .set("VIRGA_DATABASE__URL", &database.database("one").await)
        .build();
    one.start(Role::Serve);
    let fronts = Fronts::new();
    let mut first = fronts.site(program);
    first.set("VIRGA_DATABASE__URL", &database.database("many").await);
    let mut second = first.replica();
    for role in [Role::Api, Role::Stream, Role::Web] {
        first.start(role);
        second.start(role);
    }
    first.start(Role::Dispatcher);
    let balancer = fronts.balance("haproxy", &mut first, &[&second]);
    let many = Person::new(&balancer.url);
    many.wait_until_answered("/").await;
    let direct = addresses(&one.register("ann").await, &one.url()).await?;
    let balanced = addresses(&first.register_by(&many, "ann").await, &balancer.url).await?;
    let alone = || cpu_seconds(one.id(Role::Serve));
    let together = || {
        let mut sum = family_cpu_seconds(balancer.id())?;
        for site in [&first, &second] {
            for role in [Role::Api, Role::Stream, Role::Web] {
                sum += cpu_seconds(site.id(role))?;
            }
        }
        anyhow::Ok(sum)
    };
    for (n, name) in [(0, "cluster-api"), (1, "cluster-segments")] {
        let value = |(answers, bytes): (f64, f64), cpu: f64| match n {
            0 => answers / cpu,
            _ => bytes / 1e9 / cpu,
        };
        let mut series = Series::new(MARGIN);
        while series.wants_more() {
            let mut values = Vec::new();
            for (url, cpu) in [
                (&direct[n], &alone as &dyn Fn() -> anyhow::Result<f64>),
                (&balanced[n], &together),
                (&direct[n], &alone),
            ] {
                let before = cpu()?;
                let done = load(url.clone()).await?;
                let spent = cpu()? - before;
                ensure!(spent > 0.0, "no time was spent");
                values.push(value(done, spent));
            }
            let round = Round {
                before: values[0],
                subject: values[1],
                after: values[2],
            };
            let counts = if series.take(round) { "" } else { " repeated" };
            println!(
                "note {name} one process {:.3}, cluster {:.3}, one process {:.3} a processor second{counts}",
                round.before, round.subject, round.after
            );
        }
        println!("{}", series.figure(name, Target::AtLeast(0.3)));
    }
    Ok(())
}

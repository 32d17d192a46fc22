//! A bucket behind the site. 2 GiB through stream into it: throughput against rclone, which does the
//! same in the same run, and the most memory that stream held. And a film that plays from it: the
//! bytes of media that passed a node for each byte that was played.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, ensure};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use virga_benches::{
    Figure, Round, Series, Target, footage, memory_kib, output, plain_file, program, settle_disk,
    tool, upload,
};
use virga_testkit::{BucketServer, Person, Role, Site, SiteBuilder};

/// How far two runs of rclone may differ.
const MARGIN: f64 = 0.2;

fn over(program: &Path, server: &BucketServer) -> SiteBuilder {
    let (access, secret) = server.key_files();
    Site::of(program)
        .set("VIRGA_OBJECTS__KIND", "s3")
        .set("VIRGA_OBJECTS__ENDPOINT", &server.url())
        .set("VIRGA_OBJECTS__REGION", server.region())
        .set("VIRGA_OBJECTS__BUCKET", "site")
        .set(
            "VIRGA_OBJECTS__ACCESS_KEY_FILE",
            &access.display().to_string(),
        )
        .set(
            "VIRGA_OBJECTS__SECRET_KEY_FILE",
            &secret.display().to_string(),
        )
}

/// Seconds that rclone takes, with parts as large and as many at once as ours.
fn rclone(server: &BucketServer, file: &Path, name: &str) -> anyhow::Result<f64> {
    let (access, secret) = server.key_files();
    let word = |file: &Path| anyhow::Ok(std::fs::read_to_string(file)?.trim().to_owned());
    let mut rclone = tool("rclone");
    rclone
        .env("RCLONE_CONFIG", "/dev/null")
        // rclone cannot take it, and nothing here is asked over TLS.
        .env_remove("AWS_CA_BUNDLE")
        .env("RCLONE_S3_ACCESS_KEY_ID", word(&access)?)
        .env("RCLONE_S3_SECRET_ACCESS_KEY", word(&secret)?)
        .args(["copyto", "--s3-provider=Other", "--s3-force-path-style"])
        .args(["--s3-chunk-size=8M", "--s3-upload-concurrency=3"])
        .args(["--s3-no-check-bucket", "--s3-disable-checksum"])
        .arg(format!("--s3-endpoint={}", server.url()))
        .arg(format!("--s3-region={}", server.region()))
        .arg(file)
        .arg(format!(":s3:site/{name}"));
    settle_disk()?;
    let began = Instant::now();
    output(&mut rclone)?;
    Ok(began.elapsed().as_secs_f64())
}

/// Seconds of an upload through stream, and the most MB that it held.
async fn send(program: &Path, server: &BucketServer, file: &Path) -> anyhow::Result<(f64, f64)> {
    let mut site = over(program, server).build();
    site.start(Role::Api);
    let api = format!("http://127.0.0.1:{}", site.port(Role::Api));
    site.set("VIRGA_SERVICES__API", &api);
    site.start(Role::Stream);
    let person = site.register_by(&Person::new(&api), "ann").await;
    let stream = format!("http://127.0.0.1:{}", site.port(Role::Stream));
    settle_disk()?;
    let began = Instant::now();
    upload(&person, &stream, file).await?;
    let seconds = began.elapsed().as_secs_f64();
    Ok((
        seconds,
        memory_kib(site.id(Role::Stream), "VmHWM")? * 1024.0 / 1e6,
    ))
}

async fn proxied(program: &Path) -> anyhow::Result<()> {
    let file = plain_file()?;
    output(tool("cat").arg(&file).stdout(std::process::Stdio::null()))?;
    #[expect(clippy::cast_precision_loss, reason = "two gigabytes fit")]
    let size = std::fs::metadata(&file)?.len() as f64 / 1e6;
    let mut memory = Vec::new();
    let mut series = Series::new(MARGIN);
    while series.wants_more() {
        // A fresh server each time: the disk holds what was removed from it for long.
        let server = BucketServer::start().await;
        server.bucket("site").await;
        let before = size / rclone(&server, &file, "before")?;
        let (seconds, held) = send(program, &server, &file).await?;
        memory.push(held);
        let round = Round {
            before,
            subject: size / seconds,
            after: size / rclone(&server, &file, "after")?,
        };
        let counts = if series.take(round) { "" } else { " repeated" };
        println!(
            "note bucket rclone {:.0} MB/s, upload {:.0} MB/s, rclone {:.0} MB/s; stream held {held:.1} MB{counts}",
            round.before, round.subject, round.after
        );
    }
    println!("{}", series.figure("bucket-upload", Target::AtLeast(0.7)));
    let memory = Figure {
        name: "bucket-upload-memory",
        values: memory,
        unit: "MB",
        target: Target::AtMost(100.0),
        trouble: None,
    };
    println!("{memory}");
    Ok(())
}

/// Bytes of one playing: text from the site, media from the site, media from the bucket.
#[derive(Debug, Default)]
struct Played {
    text: usize,
    passed: usize,
    direct: usize,
}

/// Every segment of every list, as a player that shows all of them.
async fn play(person: &Person, bucket: &str, hls: &str) -> anyhow::Result<Played> {
    let mut played = Played::default();
    let folder = hls.rsplit_once('/').context("a folder")?.0;
    let main = person.get(hls).await.expect(200).text();
    played.text += main.len();
    let quoted = main
        .split("URI=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let lines = main
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    for list in lines.chain(quoted) {
        let text = person
            .get(&format!("{folder}/{list}"))
            .await
            .expect(200)
            .text();
        played.text += text.len();
        let defined = text.lines().find_map(|line| {
            let value = line.strip_prefix("#EXT-X-DEFINE:NAME=\"u\",VALUE=\"")?;
            value.strip_suffix('"')
        });
        let text = match defined {
            Some(address) => text.replace("{$u}", address),
            None => text,
        };
        let inner = format!(
            "{folder}/{}",
            list.rsplit_once('/').map_or("", |(to, _)| to)
        );
        let mut range = None;
        for line in text.lines() {
            if let Some(given) = line.strip_prefix("#EXT-X-BYTERANGE:") {
                range = Some(given.to_owned());
            }
            let url = match line.split_once("URI=\"") {
                Some((_, rest)) => {
                    let given = rest.split_once("BYTERANGE=\"").map(|(_, rest)| rest);
                    range = given
                        .and_then(|rest| rest.split('"').next())
                        .map(str::to_owned);
                    rest.split('"').next().context("an address")?
                }
                None if line.starts_with('#') || line.is_empty() => continue,
                None => line,
            };
            let whole = if url.starts_with("http") || url.starts_with('/') {
                url.to_owned()
            } else {
                format!("{inner}/{url}")
            };
            let mut request = person.request(reqwest::Method::GET, &whole);
            if let Some((length, from)) = range.take().as_deref().and_then(|it| it.split_once('@'))
            {
                let (length, from): (u64, u64) = (length.parse()?, from.parse()?);
                request = request.header("range", format!("bytes={from}-{}", from + length - 1));
            }
            let answer = person.send(request).await;
            ensure!(answer.status.is_success(), "{} for {whole}", answer.status);
            if whole.starts_with(bucket) {
                played.direct += answer.body.len();
            } else {
                played.passed += answer.body.len();
            }
        }
    }
    Ok(played)
}

async fn direct(program: &Path) -> anyhow::Result<()> {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let mut site = over(program, &server)
        .set("VIRGA_OBJECTS__PUBLIC_ENDPOINT", &server.url())
        .set("VIRGA_DELIVERY__MODE", "direct")
        .set("VIRGA_DELIVERY__PRIVATE_MODE", "direct")
        .set("VIRGA_DELIVERY__UPLOADS", "proxy")
        .build();
    site.start(Role::Serve);
    let person = site.register("ann").await;
    let video = upload(&person, &site.url(), &footage()?).await?;
    person.wait_for(&video, &["ready"]).await;
    let hls = person.playback(&video).await;
    let hls = hls["hls"].as_str().context("an address")?;
    let deadline = Instant::now() + Duration::from_secs(60);
    // What stream has in its memory may be some moments older.
    let played = loop {
        let played = play(&person, &server.url(), hls).await?;
        if played.passed == 0 || Instant::now() > deadline {
            break played;
        }
    };
    ensure!(played.direct > 0, "nothing came from the bucket");
    #[expect(clippy::cast_precision_loss, reason = "megabytes fit")]
    let share = |bytes: usize| bytes as f64 / (played.passed + played.direct) as f64;
    println!(
        "note direct {} bytes of media from the bucket, {} through the site, which sent {} of text ({:.4} a byte played)",
        played.direct,
        played.passed,
        played.text,
        share(played.text)
    );
    let figure = Figure {
        name: "direct-bytes-through-nodes",
        values: vec![share(played.passed)],
        unit: "x",
        target: Target::AtMost(0.0),
        trouble: None,
    };
    println!("{figure}");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = program()?;
    direct(&program).await?;
    proxied(&program).await
}

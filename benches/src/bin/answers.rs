//! What pages and answers of the API cost one process on SQLite: answers for each second of its processor.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::Context;
use serde_json::json;
use virga_benches::{Asked, Figure, ROUNDS, Server, Target, cpu_seconds, measure, pin, program};
use virga_testkit::{Clip, Role, Site};

/// Comments under the film.
const COMMENTS: usize = 20;
/// Videos on the site, the measured one among them.
const VIDEOS: usize = 30;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut site = Site::of(program()?)
        .set("VIRGA_LOG__ACCESS", "off")
        .set("VIRGA_LIMITS__READS_PER_SECOND", "1000000")
        .set("VIRGA_LIMITS__OPENINGS_PER_SECOND", "1000000")
        .set("VIRGA_LIMITS__WRITES_PER_SECOND", "1000")
        .build();
    site.start(Role::Serve);
    let person = site.register("ann").await;
    let clip = Clip::default().bytes();
    let mut videos = Vec::new();
    for _ in 0..VIDEOS {
        videos.push(person.upload("Measured", "public", &clip).await);
    }
    // Nothing is encoded any more while it is measured.
    for video in &videos {
        person.wait_for(video, &["ready"]).await;
    }
    let video = videos.pop().context("a video")?;
    for n in 0..COMMENTS {
        let path = format!("/api/v1/videos/{video}/comments");
        let _ = person
            .post(&path, json!({"text": format!("comment {n}")}))
            .await
            .expect(201);
    }
    let process = site.id(Role::Serve);
    if std::thread::available_parallelism()?.get() > 1 {
        pin(process, 0)?;
        pin(std::process::id(), 1)?;
    }
    let server = Server {
        address: format!("127.0.0.1:{}", site.port(Role::Serve)),
        cpu: &|| cpu_seconds(process),
        tls: None,
    };
    for (name, path, target) in [
        ("answers-watch-page", format!("/v/{video}"), 2000.0),
        ("answers-home", "/".to_owned(), 1000.0),
        ("answers-video", format!("/api/v1/videos/{video}"), 2000.0),
        ("answers-list", "/api/v1/videos".to_owned(), 1000.0),
    ] {
        let asked = Asked {
            path,
            by_answers: true,
        };
        let values = (0..ROUNDS).map(|_| measure(&server, &asked));
        let figure = Figure {
            name,
            values: values.collect::<anyhow::Result<_>>()?,
            unit: "answers",
            target: Target::AtLeast(target),
            trouble: None,
        };
        println!("{figure}");
    }
    Ok(())
}

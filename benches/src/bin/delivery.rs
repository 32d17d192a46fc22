//! What delivery costs: bytes (or answers) of stream for each second of its processor, over those of nginx
//! that has the same bytes in files, over loopback. After the program's path come the figures to measure, if
//! not all.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::Context;
use std::{path::Path, thread};
use virga_benches::{
    Asked, Film, Nginx, Server, compare, cpu_seconds, family_cpu_seconds, footage, is_wanted,
    light_footage, pin, program,
};
use virga_testkit::{Person, Role, Site, free_port};

/// The site in parts, so that stream is a process of its own.
struct Bench {
    site: Site,
    person: Person,
    viewer: Person,
    nginx: Nginx,
}

impl Bench {
    async fn start(program: &Path) -> anyhow::Result<Self> {
        let api_port = free_port();
        let mut site = Site::of(program)
            .set(
                "VIRGA_SERVICES__API",
                &format!("http://127.0.0.1:{api_port}"),
            )
            .set("VIRGA_LOG__ACCESS", "off")
            .build();
        site.start_on(Role::Api, api_port);
        site.start(Role::Stream);
        site.start(Role::Dispatcher);
        let api = Person::new(format!("http://127.0.0.1:{api_port}"));
        let nginx = Nginx::start(None)?;
        Ok(Self {
            person: site.register_by(&api, "ann").await,
            viewer: Person::new(format!("http://127.0.0.1:{}", site.port(Role::Stream))),
            nginx,
            site,
        })
    }

    async fn film(&self, clip: &Path) -> anyhow::Result<Film> {
        let stream = format!("http://127.0.0.1:{}", self.site.port(Role::Stream));
        Film::upload(&self.person, &stream, &self.viewer, clip).await
    }

    /// Rounds of what is asked of stream, against the same bytes of nginx.
    async fn against_nginx(
        &self,
        name: &'static str,
        asked: Asked,
        target: f64,
    ) -> anyhow::Result<()> {
        if !is_wanted(name) {
            return Ok(());
        }
        let answer = self.viewer.get(&asked.path).await.expect(200);
        let file = self.nginx.offer(name, &answer.body)?;
        println!("note {name} {} bytes", answer.body.len());
        let (nginx, stream) = (self.nginx.id(), self.site.id(Role::Stream));
        let reference = Server {
            address: self.nginx.address(),
            cpu: &|| family_cpu_seconds(nginx),
            tls: None,
        };
        let subject = Server {
            address: format!("127.0.0.1:{}", self.site.port(Role::Stream)),
            cpu: &|| cpu_seconds(stream),
            tls: None,
        };
        let other = Asked {
            path: file,
            by_answers: asked.by_answers,
        };
        compare(name, target, (&reference, &other), (&subject, &asked))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let bench = Bench::start(&program()?).await?;
    let heavy = bench.film(&footage()?).await?;
    let light = bench.film(&light_footage()?).await?;
    if thread::available_parallelism()?.get() > 1 {
        pin(bench.site.id(Role::Stream), 0)?;
        pin(bench.nginx.id(), 0)?;
        pin(std::process::id(), 1)?;
    }
    let small = |path: &str| Asked {
        path: path.to_owned(),
        by_answers: true,
    };
    let stored = [
        ("delivery-64k", light.segment(64 << 10)?, 1.0),
        ("delivery-1m", light.segment(1 << 20)?, 1.0),
        ("delivery-8m", heavy.segment(8 << 20)?, 0.9),
    ];
    for (name, asked, target) in stored {
        bench.against_nginx(name, asked, target).await?;
    }
    let playlist = light
        .urls
        .iter()
        .find(|(url, _)| url.contains(".m3u8") && *url != light.hls);
    let (playlist, _) = playlist.context("a playlist")?;
    bench
        .against_nginx("delivery-playlist", small(playlist), 0.5)
        .await?;
    let poster = light.hls.replace("main.m3u8", "poster.jpg");
    bench
        .against_nginx("delivery-poster", small(&poster), 0.5)
        .await?;
    Ok(())
}

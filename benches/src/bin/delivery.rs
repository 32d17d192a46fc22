//! What delivery costs: bytes (or answers) of stream for each second of its processor, over those of nginx
//! that has the same bytes in files, over loopback. After the program's path come the figures to measure, if
//! not all.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, ensure};
use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};
use virga_benches::{
    Asked, Server, compare, cpu_seconds, family_cpu_seconds, footage, light_footage, output, pin,
    program, tool, upload,
};
use virga_testkit::{Person, Role, Site, free_port};

/// nginx as Debian has it, one worker, with the files of a folder; killed when dropped.
struct Nginx {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Nginx {
    fn start() -> anyhow::Result<Self> {
        let (folder, port) = (tempfile::tempdir()?, free_port());
        let home = folder.path().display();
        // Neither writes a line for each request: what that costs depends on who reads it.
        let config = format!(
            "daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on;\n\
             open_file_cache max=1000; keepalive_requests 1000000000;\n\
             types {{ video/mp4 mp4; }}\n\
             server {{ listen 127.0.0.1:{port}; root {home}/files; }} }}\n"
        );
        fs::create_dir(folder.path().join("files"))?;
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config)?;
        // `/usr/sbin` is seldom in an ordinary user's PATH.
        let mut command = tool("/usr/sbin/nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = child.try_wait()?;
            ensure!(ended.is_none(), "nginx does not start");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            child,
            port,
            folder,
        })
    }

    /// The same bytes as a file; its path.
    fn offer(&self, name: &str, bytes: &[u8]) -> anyhow::Result<String> {
        fs::write(self.folder.path().join("files").join(name), bytes)?;
        Ok(format!("/{name}"))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = output(tool("kill").arg(self.child.id().to_string()));
        let _ = self.child.wait();
    }
}

/// Whether a figure is named after the program's path, or none is.
fn is_wanted(name: &str) -> bool {
    let mut named = std::env::args_os().skip(2).peekable();
    named.peek().is_none() || named.any(|it| it == name)
}

/// The site in parts, so that stream is a process of its own.
struct Bench {
    site: Site,
    person: Person,
    viewer: Person,
    nginx: Nginx,
}

/// What a film offers: addresses by how large their bytes are.
struct Film {
    urls: Vec<(String, usize)>,
    hls: String,
}

impl Film {
    /// The segment that is nearest to so many bytes.
    fn segment(&self, bytes: usize) -> anyhow::Result<Asked> {
        let segments = self.urls.iter().filter(|(url, _)| !url.contains(".m3u8"));
        let nearest = segments.min_by_key(|(_, size)| size.abs_diff(bytes));
        Ok(Asked {
            path: nearest.context("no segment")?.0.clone(),
            by_answers: false,
        })
    }
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
        let nginx = Nginx::start()?;
        Ok(Self {
            person: site.register_by(&api, "ann").await,
            viewer: Person::new(format!("http://127.0.0.1:{}", site.port(Role::Stream))),
            nginx,
            site,
        })
    }

    async fn film(&self, clip: &Path) -> anyhow::Result<Film> {
        let stream = format!("http://127.0.0.1:{}", self.site.port(Role::Stream));
        let video = upload(&self.person, &stream, clip).await?;
        self.person.wait_for(&video, &["ready"]).await;
        let hls = self.person.playback(&video).await;
        let hls = hls["hls"].as_str().context("an address")?.to_owned();
        let mut urls = Vec::new();
        for url in self.viewer.media_urls(&hls).await {
            let size = self.viewer.get(&url).await.expect(200).body.len();
            urls.push((url, size));
        }
        Ok(Film { urls, hls })
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
        let (nginx, stream) = (self.nginx.child.id(), self.site.id(Role::Stream));
        let reference = Server {
            address: format!("127.0.0.1:{}", self.nginx.port),
            cpu: &|| family_cpu_seconds(nginx),
        };
        let subject = Server {
            address: format!("127.0.0.1:{}", self.site.port(Role::Stream)),
            cpu: &|| cpu_seconds(stream),
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
        pin(bench.nginx.child.id(), 0)?;
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

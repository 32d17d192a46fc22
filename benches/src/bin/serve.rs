//! `virga serve` by itself: how long until it answers, and what it holds when nobody asks anything.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, bail};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use virga_benches::{Figure, ROUNDS, Target, memory_kib, program, tool};
use virga_testkit::free_port;

/// `virga serve`; killed when dropped.
struct Serve(Child);

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it; seconds from exec to the end of the first answer.
fn start(program: &Path, data: &Path) -> anyhow::Result<(Serve, f64)> {
    let port = free_port();
    let began = Instant::now();
    let child = tool(program)
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("virga does not start")?;
    let mut serve = Serve(child);
    while !answers(port) {
        if let Some(status) = serve.0.try_wait()? {
            bail!("virga ended with {status}");
        }
        if began.elapsed() > Duration::from_secs(60) {
            bail!("nobody answers");
        }
        sleep(Duration::from_millis(1));
    }
    Ok((serve, began.elapsed().as_secs_f64()))
}

fn answers(port: u16) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let ask = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    socket.write_all(ask.as_bytes()).is_ok()
        && socket.read_to_string(&mut answer).is_ok()
        // A fresh site sends its first visitor to the set-up page.
        && (answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 303"))
}

/// Resident MB when two looks a second apart agree, at the earliest after five seconds.
fn idle(serve: &Serve) -> anyhow::Result<f64> {
    let mut last = 0.0;
    for second in 0..60 {
        let now = memory_kib(serve.0.id(), "VmRSS")?;
        if second >= 5 && (now - last).abs() <= now * 0.005 {
            return Ok(now * 1024.0 / 1e6);
        }
        last = now;
        sleep(Duration::from_secs(1));
    }
    bail!("its memory does not settle")
}

fn main() -> anyhow::Result<()> {
    let program = program()?;
    // Not the first to read the program from the disk.
    fs::read(&program)?;
    let (mut fresh, mut again, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir()?;
        let (first, seconds) = start(&program, folder.path())?;
        fresh.push(seconds);
        drop(first);
        let (second, seconds) = start(&program, folder.path())?;
        again.push(seconds);
        memory.push(idle(&second)?);
    }
    let figure = |name, values, unit, most| Figure {
        name,
        values,
        unit,
        target: Target::AtMost(most),
        trouble: None,
    };
    println!("{}", figure("start", again, "s", 0.5));
    println!("{}", figure("start-empty-folder", fresh, "s", 0.5));
    println!("{}", figure("idle-memory", memory, "MB", 50.0));
    Ok(())
}

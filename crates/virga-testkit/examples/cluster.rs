//! `make cluster`: a cluster to try things on, until it is told to stop. Lines on its standard input
//! kill and start what it is made of, and spoil the lines between.

use anyhow::Context;
use std::{
    io::{BufRead, Write},
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use virga_testkit::{Cluster, LineFault, ROLES};

const HELP: &str = "  kill web|api|stream|dispatcher 1|2    as a power cut would\n  \
    stop web|api|stream|dispatcher 1|2    as an update does: what runs may end\n  \
    start web|api|stream|dispatcher 1|2   again, or anew\n  \
    reload                                 HAProxy reads its configuration again\n  \
    slow|freeze|cut|heal database|redis|bucket   the line to it";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let mut ended = signal(SignalKind::terminate())?;
    let program = std::env::current_exe()?;
    let built = program.parent().and_then(std::path::Path::parent);
    let program = built.context("target/debug")?.join("virga");
    writeln!(
        out,
        "Starting MariaDB, Redis, SeaweedFS, two of each role and HAProxy …"
    )?;
    let mut cluster = Cluster::start(&program.display().to_string()).await;
    show(&cluster, &mut out)?;
    writeln!(out, "\nType\n{HELP}")?;
    writeln!(
        out,
        "\nAdministrator: root, password: root has a password, at {}",
        cluster.balancer.url
    )?;
    writeln!(out, "Its data goes with it. Ctrl-C ends it.")?;
    let mut typed = lines();
    loop {
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => break pressed?,
            _ = ended.recv() => break,
            Some(line) = typed.recv() => writeln!(out, "{}", obey(&mut cluster, &line))?,
        }
    }
    writeln!(out, "Stopping …")?;
    Ok(())
}

/// Everything and where it is.
fn show(cluster: &Cluster, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "\n{:<14}{:<28}process", "", "address")?;
    let mut line =
        |what: &str, address: String, id: u32| writeln!(out, "{what:<14}{address:<28}{id}");
    line(
        "haproxy",
        cluster.balancer.url.clone(),
        cluster.balancer.id(),
    )?;
    for (n, machine) in cluster.machines.iter().enumerate() {
        for role in ROLES {
            let address = format!("http://127.0.0.1:{}", machine.port(role));
            line(
                &format!("{} {}", role.command(), n + 1),
                address,
                machine.id(role),
            )?;
        }
    }
    let database = format!("127.0.0.1:{}", cluster.database.port());
    line("mariadb", database, cluster.database.id())?;
    let redis = format!("127.0.0.1:{}", cluster.redis.port());
    line("redis", redis, cluster.redis.id())?;
    line("seaweedfs", cluster.bucket.url(), cluster.bucket.id())?;
    Ok(())
}

/// What is typed, line by line.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    // A thread of its own: reading a terminal cannot be given up.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Does what a line says; what came of it.
fn obey(cluster: &mut Cluster, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let role = |name: &str| ROLES.into_iter().find(|role| role.command() == name);
    let machine = |n: &str| match n {
        "1" => Some(0),
        "2" => Some(1),
        _ => None,
    };
    match words[..] {
        [verb @ ("kill" | "stop" | "start"), name, n] => {
            let (Some(role), Some(n)) = (role(name), machine(n)) else {
                return HELP.to_owned();
            };
            let machine = &mut cluster.machines[n];
            match verb {
                "kill" => machine.kill(role),
                "stop" => {
                    machine.terminate(role);
                    machine.wait_ended(role);
                }
                _ => {
                    machine.start(role);
                    return format!("{name} {} runs as process {}", n + 1, machine.id(role));
                }
            }
            format!("{name} {} is gone", n + 1)
        }
        ["reload"] => {
            cluster.balancer.reload();
            "haproxy reads its configuration again".to_owned()
        }
        [verb, what @ ("database" | "redis" | "bucket")] => {
            let fault = match verb {
                "slow" => LineFault::Slow(Duration::from_millis(300)),
                "freeze" => LineFault::Frozen,
                "cut" => LineFault::Cut,
                "heal" => LineFault::None,
                _ => return HELP.to_owned(),
            };
            let line = match what {
                "database" => &cluster.database_line,
                "redis" => &cluster.redis_line,
                _ => &cluster.bucket_line,
            };
            line.set(fault);
            format!("the line to the {what}: {fault:?}")
        }
        _ => HELP.to_owned(),
    }
}

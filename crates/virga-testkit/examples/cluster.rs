//! `make cluster`: a cluster to try things on, until it is told to stop.

use anyhow::Context;
use std::io::Write;
use tokio::signal::unix::{SignalKind, signal};
use virga_testkit::{Cluster, ROLES};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let mut ended = signal(SignalKind::terminate())?;
    let program = std::env::current_exe()?;
    let built = program.parent().and_then(std::path::Path::parent);
    let program = built.context("target/debug")?.join("virga");
    writeln!(
        out,
        "Starting MariaDB, SeaweedFS, two of each role and HAProxy …"
    )?;
    let cluster = Cluster::start(&program.display().to_string()).await;
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
    line("seaweedfs", cluster.bucket.url(), cluster.bucket.id())?;
    let link = cluster.machines[0].wait_setup_path();
    writeln!(out, "\nFirst administrator: {}{link}", cluster.balancer.url)?;
    writeln!(out, "Its data goes with it. Ctrl-C ends it.")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = ended.recv() => {}
    }
    writeln!(out, "Stopping …")?;
    Ok(())
}

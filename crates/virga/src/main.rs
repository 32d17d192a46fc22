//! The binary: command line, configuration, roles, lifecycle. Composition only; what a role does
//! lives in its crate.

mod cli;
mod commands;
mod config;
mod delivery;
mod health;
mod keys;
mod lifecycle;
mod listeners;
mod metrics;
mod objects;
mod parts;
mod redis;
mod reload;
mod roles;
mod start;
mod telemetry;
mod tls;

use clap::Parser;
use std::process::ExitCode;

/// Gives memory back after a flood of sign-ins or connections; the C library's own keeps it
/// (`benches/README.md`, `flood-memory-left`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // One TLS library for all connections, chosen before the first of them.
    let _ = rustls::crypto::ring::default_provider().install_default();
    raise_open_files();
    arm_failpoints();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            commands::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Each connection is an open file: takes as many as the system lets us have.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, all);
}

/// Places named in `VIRGA_FAILPOINTS` end the process; for fault tests only.
#[cfg(feature = "failpoints")]
fn arm_failpoints() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the binary reads the environment"
    )]
    let names = std::env::var("VIRGA_FAILPOINTS").unwrap_or_default();
    virga_app::fail::arm(names.split(',').map(str::to_owned));
}

#[cfg(not(feature = "failpoints"))]
fn arm_failpoints() {}

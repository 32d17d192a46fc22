//! The binary: command line, configuration, roles, lifecycle. Composition only; what a role does
//! lives in its crate.

mod cli;
mod commands;
mod config;
mod health;
mod keys;
mod lifecycle;
mod parts;
mod roles;
mod telemetry;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // One TLS library for all outgoing connections, chosen before the first of them.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            commands::complain(&error);
            ExitCode::FAILURE
        }
    }
}

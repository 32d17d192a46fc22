//! The site from outside: the real binary, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod commands;
mod faults;
mod journey;
mod roles;
mod seeing;

/// The program under test.
const VIRGA: &str = env!("CARGO_BIN_EXE_virga");

//! The site from outside: the real binary, over HTTP.

mod bad_input;
mod journey;

/// The program under test.
const VIRGA: &str = env!("CARGO_BIN_EXE_virga");

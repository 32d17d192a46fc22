//! The launcher alone, for tests and benches: what the server's binary does for its hidden
//! subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    virga_dispatcher::launch(std::env::args_os().skip(1))
}

//! The launcher alone, for tests and benches: what the server's binary does for its hidden
//! subcommand.

use std::{io::Write as _, process::ExitCode};

fn main() -> ExitCode {
    let error = virga_dispatcher::launch(std::env::args_os().skip(1));
    let _ = writeln!(std::io::stderr(), "cannot start: {error}");
    ExitCode::from(127)
}

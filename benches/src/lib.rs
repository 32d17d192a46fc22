//! Figures, measured against a reference in the same run: what the programs in `src/bin` share.

mod clips;
mod figure;
mod film;
mod first_frame;
pub mod formats;
mod load;
mod machine;
mod nginx;
mod transfer;

pub use clips::{
    KINDS, Kind, footage, kind, ladder_source, light_footage, long_footage, plain_file,
    short_source, span_source, steady_footage,
};
pub use figure::{Figure, Round, Series, Target, median};
pub use film::Film;
pub use first_frame::first_frame;
pub use load::{Asked, Server, compare, measure};
pub use machine::{
    cpu_seconds, family_cpu_seconds, memory_kib, output, own_children_cpu_seconds, pin, process_of,
    settle_disk, tool,
};
pub use nginx::Nginx;
pub use transfer::{IN_FLIGHT, upload};

use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};

/// Rounds of every figure.
pub const ROUNDS: usize = 5;

/// The folder above `benches/`.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// The `virga` to measure: the first argument, else the release build.
pub fn program() -> anyhow::Result<PathBuf> {
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let path = named.unwrap_or_else(|| root().join("target/release/virga"));
    ensure!(path.is_file(), "no program at {}", path.display());
    path.canonicalize().context("its path")
}

/// Whether a figure is named after the program's path, or none is.
pub fn is_wanted(name: &str) -> bool {
    let mut named = std::env::args_os().skip(2).peekable();
    named.peek().is_none() || named.any(|it| it == name)
}

/// Where clips are kept from run to run. On the disk that is measured.
pub fn cache() -> anyhow::Result<PathBuf> {
    let folder = root().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// The script of this name under `benches/`.
pub fn script(name: &str) -> PathBuf {
    root().join("benches").join(name)
}

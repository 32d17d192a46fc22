//! Checks of the tree itself, run as tests (`tests/it.rs`): layering as
//! ARCHITECTURE.md says, import circles, file heads and lengths, sorted dependencies, node versions.

pub mod imports;
pub mod licences;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The workspace's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned()
}

/// Every file below `folder` with this ending, generated and foreign folders left out.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let foreign = [
                "target",
                "node_modules",
                "dist",
                "generated",
                ".git",
                "data",
                "test-results",
            ]
            .iter()
            .any(|other| name == *other);
            if path.is_dir() && !foreign {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

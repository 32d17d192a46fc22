//! The site's signing keys: made with the site, readable by their owner only.

use anyhow::{Context, bail};
use std::{
    fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use virga_core::{Entropy, keys::KeyRing};

use crate::config::Config;

/// Where the keys lie.
pub(crate) fn file(config: &Config) -> PathBuf {
    config
        .keys
        .file
        .clone()
        .unwrap_or_else(|| config.data.dir.join("keys/site"))
}

/// Reads the keys; makes them where there are none. Of several roles that start at once, one makes
/// the file and the others read it.
pub(crate) fn load(path: &Path, entropy: &dyn Entropy) -> anyhow::Result<KeyRing> {
    make(path, entropy)?;
    read(path)
}

/// Makes keys where there are none.
pub(crate) fn make(path: &Path, entropy: &dyn Entropy) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    create(path, entropy)
}

/// Reads keys that are there.
pub(crate) fn read(path: &Path) -> anyhow::Result<KeyRing> {
    let mode = fs::metadata(path)
        .with_context(|| format!("cannot look at the keys in {}", path.display()))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        bail!(
            "others can read the keys in {0}: run `chmod 600 {0}`",
            path.display()
        );
    }
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the keys in {}", path.display()))?;
    KeyRing::parse(&text).with_context(|| format!("in {}", path.display()))
}

fn create(path: &Path, entropy: &dyn Entropy) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let draft = folder.join(format!(".new-{}", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .with_context(|| format!("cannot write keys into {}", folder.display()))?;
    file.write_all(KeyRing::generate(entropy).to_text().as_bytes())?;
    file.sync_all()?;
    // A link fails where the file exists: whoever came first has made the keys.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

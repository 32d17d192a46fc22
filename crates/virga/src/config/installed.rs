//! The site that is installed on this machine: where its settings and its data are. A command that
//! names neither finds them here, whatever folder it is run in.

use anyhow::{Context, anyhow};
use figment::{
    Figment, Provider,
    providers::Serialized,
    value::{Dict, Value},
};
use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::Config;
use crate::cli::Global;

/// The configuration file, as the units name it.
const FILE: &str = "etc/virga/virga.toml";
/// The units' `EnvironmentFile`.
const ENVIRONMENT: &str = "etc/virga/environment";
/// The units' `VIRGA_DATA__DIR`.
const DATA: &str = "var/lib/virga";

/// The values of one layer.
pub(super) fn values(provider: &impl Provider) -> anyhow::Result<Dict> {
    let profiles = provider.data().map_err(|error| anyhow!("{error}"))?;
    Ok(profiles.into_values().flatten().collect())
}

/// The root of the file system. Packagers and tests install below another folder and name it in
/// `VIRGA_ROOT`.
fn root() -> PathBuf {
    std::env::var_os("VIRGA_ROOT").map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

/// Completes flags that name neither a configuration file nor a data folder.
pub(crate) fn find(mut global: Global) -> Global {
    if global.config.is_none() && global.data.is_none() {
        let file = root().join(FILE);
        // A file that this user may not see is there: reading it says so.
        let is_there = match file.try_exists() {
            Ok(is_there) => is_there,
            Err(error) => error.kind() == ErrorKind::PermissionDenied,
        };
        global.config = is_there.then_some(file);
    }
    global
}

fn is_installed(file: Option<&Path>) -> bool {
    file == Some(root().join(FILE).as_path())
}

/// The defaults of all settings.
pub(super) fn defaults(file: Option<&Path>) -> Config {
    let mut config = Config::default();
    if is_installed(file) {
        config.data.dir = root().join(DATA);
    }
    config
}

/// The settings in the units' environment file, where this user may read it. The units pass them to
/// their processes; a command at a terminal has to look itself.
pub(super) fn environment(file: Option<&Path>) -> anyhow::Result<Dict> {
    if !is_installed(file) {
        return Ok(Dict::new());
    }
    let path = root().join(ENVIRONMENT);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(Dict::new());
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let mut figment = Figment::new();
    for line in text.lines().map(str::trim) {
        let setting = line
            .strip_prefix("VIRGA_")
            .and_then(|it| it.split_once('='));
        let Some((name, value)) = setting else {
            continue;
        };
        let key = name.trim().to_lowercase().replace("__", ".");
        let value = value.trim();
        let quoted = ['"', '\'']
            .into_iter()
            .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        // Whatever is no number, list or truth value is text.
        let Ok(value) = quoted.unwrap_or(value).parse::<Value>();
        figment = figment.merge(Serialized::default(&key, value));
    }
    values(&figment).with_context(|| format!("in {}", path.display()))
}

/// Which site a command works on, where its flags do not say it; one line for a terminal.
pub(crate) fn named(global: &Global, config: &Config) -> Option<String> {
    let here = Path::new("virga.toml");
    let file = match &global.config {
        Some(file) => Some(file.as_path()),
        None => here.exists().then_some(here),
    };
    if global.data.is_some() && (global.config.is_some() || file.is_none()) {
        return None;
    }
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let settings = file.map_or_else(
        || "no configuration file".to_owned(),
        |file| format!("settings from {}", whole(file).display()),
    );
    let data = whole(&config.data.dir);
    Some(format!("{settings}, data in {}", data.display()))
}

/// What to do where root works on files of another user: what it writes they could not read.
pub(crate) fn as_root(config: &Config) -> Option<String> {
    let owner = fs::metadata(&config.data.dir).ok()?.uid();
    (rustix::process::geteuid().is_root() && owner != 0).then(|| {
        format!(
            "{} belongs to another user: run this command as that user, for instance with \
             `sudo -u virga`",
            config.data.dir.display()
        )
    })
}

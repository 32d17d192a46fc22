//! Reading the layers, refusing unknown keys, and telling where each value comes from.

use anyhow::{Context, anyhow};
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Value},
};
use std::path::{Path, PathBuf};

use super::{
    Config,
    installed::{self, values},
};
use crate::cli::Global;

/// Above this distance a name is no likely slip.
const NEAR: f64 = 0.7;
/// Names that look like settings and are switches of builds and tests.
const NOT_SETTINGS: &[&str] = &[
    "ui",
    "ui_dist",
    "failpoints",
    "test_full",
    "require_services",
    "root",
];
const SECRET: &[&str] = &["database.url", "database.replica_url", "redis.url"];

/// What the command line says.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    pub(crate) global: Global,
    pub(crate) listen: Option<String>,
}

/// Settings and where they come from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What it was read with, to be read again.
    pub(crate) flags: Flags,
    pub(crate) config: Config,
    /// One line a setting.
    pub(crate) shown: Vec<Shown>,
}

/// A setting as `config show` prints it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) layer: &'static str,
}

/// A layer's name and its values.
type Layer = (&'static str, Dict);

/// Leaves of a tree as dotted keys.
fn leaves(prefix: &str, dict: &Dict, found: &mut Vec<(String, Value)>) {
    for (key, value) in dict {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            Value::Dict(_, inner) => leaves(&path, inner, found),
            other => found.push((path, other.clone())),
        }
    }
}

fn flat(dict: &Dict) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    leaves("", dict, &mut found);
    found
}

fn file_layer(path: Option<&Path>) -> anyhow::Result<Dict> {
    let (path, asked) = match path {
        Some(path) => (path.to_owned(), true),
        None => (PathBuf::from("virga.toml"), false),
    };
    if !asked && !path.exists() {
        return Ok(Dict::new());
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
    values(&Toml::string(&text)).with_context(|| format!("in {}", path.display()))
}

/// The pieces `conf.d/*.toml` next to the configuration file, by name: a later one wins.
fn pieces_layer(path: Option<&Path>) -> anyhow::Result<Dict> {
    let folder = path.and_then(Path::parent).unwrap_or(Path::new(""));
    let folder = folder.join("conf.d");
    let mut files = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Dict::new()),
        found => found
            .and_then(|entries| {
                entries
                    .map(|entry| Ok(entry?.path()))
                    .collect::<Result<Vec<_>, _>>()
            })
            .with_context(|| format!("cannot read the folder {}", folder.display()))?,
    };
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    let mut figment = Figment::new();
    for file in files {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let piece =
            values(&Toml::string(&text)).with_context(|| format!("in {}", file.display()))?;
        figment = figment.merge(Serialized::defaults(piece));
    }
    values(&figment)
}

fn flag_layer(flags: &Flags) -> anyhow::Result<Dict> {
    let mut figment = Figment::new();
    if let Some(dir) = &flags.global.data {
        figment = figment.merge(Serialized::default("data.dir", dir));
    }
    if let Some(listen) = &flags.listen {
        figment = figment.merge(Serialized::default("http.listen", listen));
    }
    values(&figment)
}

fn refuse_unknown(layer: &Layer, known: &[String]) -> anyhow::Result<()> {
    for (key, _) in flat(&layer.1) {
        if known.contains(&key) {
            continue;
        }
        let near = known
            .iter()
            .map(|name| (strsim::jaro_winkler(name, &key), name))
            .filter(|(likeness, _)| *likeness > NEAR)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| format!(" Did you mean `{name}`?"))
            .unwrap_or_default();
        return Err(anyhow!("there is no setting `{key}` ({}).{near}", layer.0));
    }
    Ok(())
}

/// Reads all layers.
pub(crate) fn load(flags: &Flags) -> anyhow::Result<Loaded> {
    let file = flags.global.config.as_deref();
    let base = installed::defaults(file);
    let defaults = values(&Serialized::defaults(&base))?;
    let known: Vec<String> = flat(&defaults).into_iter().map(|(key, _)| key).collect();
    let environment = values(&Env::prefixed("VIRGA_").split("__").ignore(NOT_SETTINGS))?;
    let layers: [Layer; 5] = [
        ("file", file_layer(file)?),
        ("conf.d", pieces_layer(file)?),
        ("environment file", installed::environment(file)?),
        ("environment", environment),
        ("flag", flag_layer(flags)?),
    ];
    let mut figment = Figment::from(Serialized::defaults(&base));
    for layer in &layers {
        refuse_unknown(layer, &known)?;
        figment = figment.merge(Serialized::defaults(&layer.1));
    }
    let config: Config = figment.extract().map_err(|error| {
        let key = error.path.join(".");
        anyhow!("the setting `{key}` is wrong: {}", error.kind)
    })?;
    let shown = shown(&config, &layers)?;
    Ok(Loaded {
        flags: flags.clone(),
        config,
        shown,
    })
}

/// The settings whose values differ.
pub(crate) fn changed(before: &Config, after: &Config) -> anyhow::Result<Vec<String>> {
    let before = flat(&values(&Serialized::defaults(before))?);
    let after = flat(&values(&Serialized::defaults(after))?);
    let text = |value: &Value| printed(value);
    let differs = |(key, value): &&(String, Value)| {
        let old = before.iter().find(|(name, _)| name == key);
        old.is_none_or(|(_, old)| text(old) != text(value))
    };
    Ok(after
        .iter()
        .filter(differs)
        .map(|(key, _)| key.clone())
        .collect())
}

/// The text of everything that is read: the file and the pieces.
pub(crate) fn sources(flags: &Flags) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let file = flags.global.config.clone();
    let file = file.unwrap_or_else(|| PathBuf::from("virga.toml"));
    let folder = file.parent().unwrap_or(Path::new("")).join("conf.d");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.insert(0, file);
    let read = |file: PathBuf| {
        let text = std::fs::read(&file).ok();
        (file, text)
    };
    files.into_iter().map(read).collect()
}

fn shown(config: &Config, layers: &[Layer]) -> anyhow::Result<Vec<Shown>> {
    let values = values(&Serialized::defaults(config))?;
    let layer_of = |key: &str| {
        let holds = |layer: &&Layer| flat(&layer.1).iter().any(|(name, _)| name == key);
        layers
            .iter()
            .rev()
            .find(holds)
            .map_or("default", |layer| layer.0)
    };
    Ok(flat(&values)
        .into_iter()
        .map(|(key, value)| {
            let hidden = SECRET.contains(&key.as_str()) && !matches!(value, Value::Empty(..));
            let value = if hidden {
                "(hidden)".to_owned()
            } else {
                printed(&value)
            };
            Shown {
                layer: layer_of(&key),
                key,
                value,
            }
        })
        .collect())
}

fn printed(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Empty(..) => "(none)".to_owned(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str) -> anyhow::Result<Loaded> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("virga.toml");
        std::fs::write(&file, text).unwrap();
        let global = Global {
            config: Some(file),
            data: Some("/flag".into()),
        };
        load(&Flags {
            global,
            listen: None,
        })
    }

    #[test]
    fn a_slip_is_answered_with_the_right_name() {
        let error = with_file("[limits]\nupload_maximum = 5\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`limits.upload_maximum`") && error.contains("`limits.upload_max`"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_type_names_the_setting() {
        let error = with_file("[limits]\nupload_max = \"much\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("`limits.upload_max`"), "{error}");
    }

    #[test]
    fn each_value_knows_its_layer_and_flags_win() {
        let loaded = with_file("[data]\ndir = \"/file\"\n[limits]\nupload_max = 7\n").unwrap();
        assert_eq!(loaded.config.data.dir, PathBuf::from("/flag"));
        let layer = |key: &str| {
            loaded
                .shown
                .iter()
                .find(|line| line.key == key)
                .unwrap()
                .layer
        };
        assert_eq!(layer("data.dir"), "flag");
        assert_eq!(layer("limits.upload_max"), "file");
        assert_eq!(layer("limits.quota_per_user"), "default");
    }

    #[test]
    fn pieces_are_read_by_name_after_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let pieces = dir.path().join("conf.d");
        std::fs::create_dir(&pieces).unwrap();
        for (file, text) in [
            (
                "virga.toml",
                "[limits]\nupload_max = 1\nquota_per_user = 1\n",
            ),
            ("conf.d/20-more.toml", "[limits]\nupload_max = 3\n"),
            (
                "conf.d/10-less.toml",
                "[limits]\nupload_max = 2\n[log]\njson = true\n",
            ),
            ("conf.d/30-note.txt", "no settings at all"),
        ] {
            std::fs::write(dir.path().join(file), text).unwrap();
        }
        let read = || {
            let global = Global {
                config: Some(dir.path().join("virga.toml")),
                data: None,
            };
            load(&Flags {
                global,
                listen: None,
            })
        };
        let loaded = read().unwrap();
        assert_eq!(loaded.config.limits.upload_max, 3);
        assert_eq!(loaded.config.limits.quota_per_user, 1);
        assert!(loaded.config.log.json);
        let shown = loaded.shown.iter().find(|line| line.key == "log.json");
        assert_eq!(shown.unwrap().layer, "conf.d");
        std::fs::write(pieces.join("40-slip.toml"), "[limits]\nupload = 3\n").unwrap();
        assert!(read().unwrap_err().to_string().contains("`limits.upload`"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let loaded = with_file("[database]\nurl = \"postgres://u:hunter2@h/d\"\n").unwrap();
        assert!(!format!("{:?}", loaded.shown).contains("hunter2"));
        assert!(!format!("{:?}", loaded.config).contains("hunter2"));
    }
}

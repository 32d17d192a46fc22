//! Tidiness and layering of the tree.

use figment::{
    Figment,
    providers::{Format, Toml},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use xtask::{
    files,
    imports::{ModulePath, in_circles},
    root,
};

const LONGEST_FILE: usize = 600;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rust_files() -> Vec<(std::path::PathBuf, String)> {
    files(&root(), "rs")
        .into_iter()
        .map(|path| {
            let text = read(&path);
            (path, text)
        })
        .collect()
}

#[test]
fn every_source_file_says_what_it_is_for() {
    let silent: Vec<_> = rust_files()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "no `//!` head: {silent:?}");
}

#[test]
fn no_source_file_is_longer_than_a_reader_can_hold() {
    let long: Vec<_> = rust_files()
        .into_iter()
        .map(|(path, text)| (text.lines().count(), path))
        .chain(
            files(&root().join("ui"), "ts")
                .into_iter()
                .map(|path| (read(&path).lines().count(), path)),
        )
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "over {LONGEST_FILE} lines: {long:?}");
}

/// The sources of our crates: crate, file below `src` without its ending, text.
fn crate_files() -> Vec<(String, String, String)> {
    let of_crate = |(path, text): (std::path::PathBuf, String)| {
        let path = path.display().to_string();
        let (_, rest) = path.split_once("crates/")?;
        let (name, file) = rest.split_once("/src/")?;
        Some((
            name.to_owned(),
            file.trim_end_matches(".rs").to_owned(),
            text,
        ))
    };
    rust_files().into_iter().filter_map(of_crate).collect()
}

/// Names that mean the same thing in each crate that exports them.
const SHARED_NAMES: [&str; 1] = ["Result"];

#[test]
fn no_two_crates_export_one_name_for_two_things() {
    let mut exported: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, _, text) in crate_files() {
        // The testkit is for tests only, and its `Site` is a running one.
        if name == "virga-testkit" {
            continue;
        }
        for line in text.lines() {
            let item = ["pub struct ", "pub enum ", "pub trait ", "pub type "]
                .iter()
                .find_map(|start| line.strip_prefix(start));
            if let Some(item) = item {
                let end = item.find(|c: char| !c.is_alphanumeric() && c != '_');
                let item = &item[..end.unwrap_or(item.len())];
                exported
                    .entry(item.to_owned())
                    .or_default()
                    .insert(name.clone());
            }
        }
    }
    let twice: Vec<_> = exported
        .into_iter()
        .filter(|(name, crates)| crates.len() > 1 && !SHARED_NAMES.contains(&name.as_str()))
        .collect();
    assert!(twice.is_empty(), "exported by several crates: {twice:?}");
}

#[test]
fn no_files_of_a_crate_import_in_a_circle() {
    let mut crates: BTreeMap<String, BTreeMap<ModulePath, String>> = BTreeMap::new();
    for (name, file, text) in crate_files() {
        let root = matches!(file.as_str(), "lib" | "main");
        let words = file.split('/').filter(|_| !root);
        let module = words.map(str::to_owned).collect();
        crates.entry(name).or_default().insert(module, text);
    }
    assert!(crates.len() > 10, "{:?}", crates.keys());
    for (name, modules) in crates {
        let circular = in_circles(&modules);
        assert!(
            circular.is_empty(),
            "{name}: {circular:?} import each other"
        );
    }
}

#[test]
fn modules_are_files_named_like_themselves() {
    let maze: Vec<_> = rust_files()
        .into_iter()
        .filter(|(path, _)| path.ends_with("mod.rs"))
        .map(|it| it.0)
        .collect();
    assert!(maze.is_empty(), "use foo.rs beside foo/: {maze:?}");
}

#[test]
fn nothing_is_left_to_be_done_in_comments() {
    let marks =
        ["TO", "FIX"].map(|start| format!("{start}{}", if start == "TO" { "DO" } else { "ME" }));
    let marked: Vec<_> = rust_files()
        .into_iter()
        .filter(|(_, text)| marks.iter().any(|mark| text.contains(mark.as_str())))
        .map(|(path, _)| path)
        .collect();
    assert!(marked.is_empty(), "{marked:?}");
}

#[test]
fn dependencies_are_sorted() {
    for path in files(&root(), "toml")
        .into_iter()
        .filter(|path| path.ends_with("Cargo.toml"))
    {
        let mut block: Vec<String> = Vec::new();
        let mut inside = false;
        for line in read(&path).lines().chain([""]) {
            if line.starts_with('[') {
                inside = line.ends_with("dependencies]");
            }
            let name = line
                .split(['=', '.', ' '])
                .next()
                .unwrap_or_default()
                .to_owned();
            if inside && !name.is_empty() && line.contains('=') && !line.starts_with('#') {
                block.push(name);
            } else {
                let mut sorted = block.clone();
                sorted.sort();
                assert_eq!(block, sorted, "{}", path.display());
                block.clear();
            }
        }
    }
}

#[test]
fn scripts_work_with_debian_12s_node() {
    let (node, npm) = ([18, 20, 4], [9, 2, 0]);
    // A library that never runs npm: Debian's installs it with a warning.
    let library = "node_modules/@redocly/openapi-core";
    for folder in ["ui", "ui/icons", "e2e", "scripts/pages"] {
        let lock: serde_json::Value =
            serde_json::from_str(&read(&root().join(folder).join("package-lock.json"))).unwrap();
        for (name, package) in lock["packages"].as_object().unwrap() {
            for (engine, has) in [("node", node), ("npm", npm)] {
                if let Some(wants) = package["engines"][engine].as_str()
                    && (engine, name.as_str()) != ("npm", library)
                {
                    assert!(
                        satisfied(wants, has),
                        "{folder}: {name} wants {engine} {wants}"
                    );
                }
            }
            assert!(
                package.get("resolved").is_none(),
                "{folder}: {name} names a download address"
            );
        }
    }
}

/// Whether a version meets a range of the forms that lock files hold: `>=18`, `^18.0 || >=20`.
fn satisfied(range: &str, has: [u32; 3]) -> bool {
    range.split("||").any(|choice| {
        let spaced = choice.replace(">= ", ">=").replace("< ", "<");
        spaced.split_whitespace().all(|bound| {
            let digits = bound.trim_start_matches(|c: char| !c.is_ascii_digit());
            let mut least = [0; 3];
            for (slot, part) in least.iter_mut().zip(digits.split(['.', '-'])) {
                *slot = part.parse().unwrap_or(0);
            }
            match &bound[..bound.len() - digits.len()] {
                ">=" => has >= least,
                ">" => has > least,
                "<" => has < least,
                "^" | "" | "=" => has[0] == least[0] && has >= least,
                "~" => has[..2] == least[..2] && has >= least,
                other => panic!("unknown bound {other:?}"),
            }
        })
    })
}

fn metadata() -> serde_json::Value {
    #[expect(clippy::disallowed_methods, reason = "cargo knows the tree best")]
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--offline",
            "--filter-platform",
        ])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo answers JSON")
}

/// The table in ARCHITECTURE.md: crate, what of ours it may use, what it must not link.
fn layers() -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let words = |cell: &str| {
        cell.split(',')
            .map(|word| word.trim().trim_matches('`').to_owned())
            .filter(|word| !word.is_empty() && word != "–")
            .collect()
    };
    read(&root().join("ARCHITECTURE.md"))
        .lines()
        .filter(|line| line.starts_with("| `virga"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            (
                cells[0].trim_matches('`').to_owned(),
                (words(cells[2]), words(cells[3])),
            )
        })
        .collect()
}

#[test]
fn crates_use_only_what_the_architecture_allows() {
    let (metadata, layers) = (metadata(), layers());
    let mut seen = 0;
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap_or_default();
        if !name.starts_with("virga") || name == "virga-benches" {
            continue;
        }
        let (allowed, _) = layers
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in the table"));
        seen += 1;
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            let built = dependency["kind"].is_null();
            if built && other.starts_with("virga-") {
                let short = other.trim_start_matches("virga-");
                assert!(
                    allowed.contains(short) || allowed.contains("all"),
                    "{name} must not use {other}"
                );
            }
        }
    }
    assert_eq!(
        seen,
        layers.len(),
        "the table names crates that do not exist"
    );
}

#[test]
fn crates_do_not_link_what_they_must_not() {
    let (metadata, layers) = (metadata(), layers());
    let nodes: BTreeMap<&str, &serde_json::Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            (
                package["id"].as_str().unwrap(),
                package["name"].as_str().unwrap(),
            )
        })
        .collect();
    let linked = |start: &str| {
        let mut found = BTreeSet::new();
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            for dependency in nodes[id]["deps"].as_array().unwrap() {
                let kinds = dependency["dep_kinds"].as_array().unwrap();
                let next = dependency["pkg"].as_str().unwrap();
                if kinds.iter().any(|kind| kind["kind"].is_null()) && found.insert(names[next]) {
                    open.push(next);
                }
            }
        }
        found
    };
    for (id, name) in names.iter().filter(|(_, name)| layers.contains_key(**name)) {
        let linked = linked(id);
        for banned in &layers[*name].1 {
            assert!(!linked.contains(banned.as_str()), "{name} links {banned}");
        }
    }
}

/// What is wrong with a package by the rules of `deny.toml`; `None` where nothing is.
fn denied(package: &serde_json::Value, rules: &serde_json::Value) -> Option<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let list =
        |section: &str, key: &str| rules[section][key].as_array().cloned().unwrap_or_default();
    let banned = list("bans", "deny");
    let banned = banned.iter().find(|it| it["crate"].as_str() == Some(name));
    if let Some(banned) = banned {
        return Some(format!("{name} is banned: {}", banned["reason"]));
    }
    let from = list("sources", "allow-registry");
    let known = |source: &str| {
        let address = source.strip_prefix("registry+");
        from.iter().any(|it| it.as_str() == address)
    };
    // Without a source: a crate of this workspace.
    if let Some(source) = package["source"].as_str()
        && !known(source)
    {
        return Some(format!("{name} comes from {source}"));
    }
    let licence = package["license"].as_str().unwrap_or_default();
    let allow = list("licenses", "allow");
    let allow: Vec<&str> = allow.iter().filter_map(serde_json::Value::as_str).collect();
    (!xtask::licences::allowed(licence, &allow)).then(|| format!("{name}: licence {licence:?}"))
}

#[test]
fn what_is_built_in_is_allowed() {
    let rules = Toml::string(&read(&root().join("deny.toml")));
    let rules = Figment::from(rules).extract().unwrap();
    let crates_io = "registry+https://github.com/rust-lang/crates.io-index";
    let package = |name: &str, licence: &str, source: &str| serde_json::json!({ "name": name, "license": licence, "source": source });
    assert_eq!(denied(&package("a", "MIT", crates_io), &rules), None);
    for wrong in [
        package("a", "GPL-3.0-only", crates_io),
        package("openssl", "MIT", crates_io),
        package("native-tls", "MIT", crates_io),
        package("aws-lc-rs", "MIT", crates_io),
        package("a", "MIT", "git+https://example.org/a"),
        package("a", "MIT", "registry+https://example.org/index"),
        serde_json::json!({ "name": "a", "source": crates_io }),
    ] {
        assert!(denied(&wrong, &rules).is_some(), "{wrong}");
    }
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100);
    let wrong: Vec<String> = packages
        .iter()
        .filter_map(|it| denied(it, &rules))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

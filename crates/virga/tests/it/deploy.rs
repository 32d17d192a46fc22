//! What `make dist` packs beside the program: units and an example configuration.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use virga_testkit::Site;

use crate::VIRGA;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

#[test]
fn systemd_understands_every_word_of_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let unit = fs::read_to_string(deploy().join("systemd/virga@.service")).unwrap();
    // The program is not installed here, and what is verified must be there.
    let unit = unit.replace("/usr/local/bin/virga", VIRGA);
    for role in ["serve", "web", "api", "stream", "dispatcher"] {
        let file = folder.path().join(format!("virga@{role}.service"));
        fs::write(&file, &unit).unwrap();
        #[expect(clippy::disallowed_methods, reason = "systemd's own judge")]
        let verified = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(&file)
            .output()
            .expect("scripts/need installs it");
        // It passes over what it does not know, and says so.
        let said = String::from_utf8_lossy(&verified.stderr);
        assert!(
            verified.status.success() && said.trim().is_empty(),
            "{said}"
        );
    }
}

#[test]
fn the_example_configuration_is_right_also_where_it_is_commented_out() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(deploy().join("virga.toml")).unwrap();
    let setting = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        line.starts_with('[')
            || (line.contains(" = ") && !word.is_empty() && word == word.to_lowercase())
    };
    let all: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if setting(rest) => rest,
            _ => line,
        })
        .collect();
    let site = Site::of(VIRGA).build();
    for text in [text.clone(), all.join("\n")] {
        let file = folder.path().join("virga.toml");
        fs::write(&file, &text).unwrap();
        let file = file.display().to_string();
        let (code, said) = site.run(&["config", "check", "--config", &file]);
        assert_eq!(code, 0, "{said}\n{text}");
    }
    assert!(all.contains(&"[objects]") && all.iter().any(|line| line.starts_with("public_url")));
}

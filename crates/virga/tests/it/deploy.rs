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

/// install.sh by the guide: a first installation, an update, one that does not start and goes back by
/// itself, a rollback. `deploy/machine.sh` says what of it is real.
#[test]
fn a_site_is_installed_updated_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/deploy/machine.sh");
    #[expect(clippy::disallowed_methods, reason = "install.sh is a program")]
    let mut command = Command::new("unshare");
    let namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    command.args(namespaces);
    let permitted = command.arg("true").output();
    if !permitted.is_ok_and(|output| output.status.success()) {
        eprintln!("not run: namespaces and mounts are not permitted here");
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "install.sh is a program")]
    let output = Command::new("unshare")
        .args(namespaces)
        .arg("bash")
        .arg(script)
        .arg(deploy())
        .arg(VIRGA)
        .arg(folder.path())
        .arg(virga_testkit::free_port().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// What a package holds leads nowhere outside of it.
#[test]
fn the_documents_of_a_package_have_no_dead_links() {
    let root = deploy().join("..");
    let mut files = vec![(deploy().join("README.md"), "")];
    for entry in fs::read_dir(root.join("docs/guide")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|it| it == "md") {
            files.push((entry.path(), "guide/"));
        }
    }
    assert!(files.len() > 5);
    for (file, folder) in files {
        let text = fs::read_to_string(&file).unwrap();
        for target in text.split("](").skip(1) {
            let target = target.split([')', '#']).next().unwrap();
            if target.is_empty() || target.starts_with("http") {
                continue;
            }
            let in_package = format!("{folder}{target}");
            let there = match in_package.strip_prefix("guide/") {
                Some(guide) => root.join("docs/guide").join(guide).exists(),
                // Packed by scripts/dist from where they are.
                None => ["CHANGELOG.md", "LICENSE", "LICENSES.txt"].contains(&target),
            };
            let outside = target.contains("..");
            assert!(there && !outside, "{}: {target}", file.display());
        }
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
    // The files of secrets that it names are there.
    let secrets = folder.path().join("etc");
    fs::create_dir(&secrets).unwrap();
    for name in ["database-password", "redis-password"] {
        fs::write(secrets.join(name), "secret\n").unwrap();
    }
    let here = format!("{}/", secrets.display());
    for text in [text.clone(), all.join("\n")] {
        let text = text.replace("/etc/virga/", &here);
        let file = folder.path().join("virga.toml");
        fs::write(&file, &text).unwrap();
        let file = file.display().to_string();
        let (code, said) = site.run(&["config", "check", "--config", &file]);
        assert_eq!(code, 0, "{said}\n{text}");
    }
    assert!(all.contains(&"[objects]") && all.iter().any(|line| line.starts_with("public_url")));
}

//! Commands at a terminal of a machine with an installed site, in whatever folder they are run.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use crate::VIRGA;

/// A machine: its root folder and an empty folder that commands are run in.
struct Machine {
    root: tempfile::TempDir,
    here: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = || tempfile::tempdir().unwrap();
        let (root, here) = (folder(), folder());
        fs::create_dir_all(root.path().join("etc/virga")).unwrap();
        fs::write(
            root.path().join("etc/virga/virga.toml"),
            "[storage]\nkeep_free = 0\n[http]\nlisten = \"127.0.0.1:0\"\n",
        )
        .unwrap();
        Self { root, here }
    }

    fn run(&self, args: &[&str]) -> Output {
        #[expect(clippy::disallowed_methods, reason = "the program under test")]
        let mut command = Command::new(VIRGA);
        command
            .args(args)
            .current_dir(self.here.path())
            .env("VIRGA_ROOT", self.root.path())
            .output()
            .unwrap()
    }

    fn data(&self) -> std::path::PathBuf {
        self.root.path().join("var/lib/virga")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn commands_find_the_installed_site_and_make_none() {
    let machine = Machine::new();
    let named = format!(
        "virga: settings from {}/etc/virga/virga.toml, data in {}",
        machine.root.path().display(),
        machine.data().display()
    );
    let no_site = format!("there is no site in {}", machine.data().display());
    for args in [
        &["user", "list"][..],
        &["fsck", "--json"],
        &["store", "check"],
        &["doctor"],
    ] {
        let output = machine.run(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(!output.status.success(), "{args:?}: {out}{err}");
        assert!(err.starts_with(&named), "{args:?}: {err}");
        let said = format!("{out}{err}");
        assert!(
            said.contains(&no_site) || said.contains("there is no folder"),
            "{args:?}: {said}"
        );
        assert!(is_empty(machine.here.path()), "{args:?} made something");
        assert!(!machine.data().exists(), "{args:?} made a site");
    }
    // With a folder that holds none.
    let other = tempfile::tempdir().unwrap();
    let folder = other.path().join("data").display().to_string();
    let output = machine.run(&["user", "list", "--data", &folder]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err.contains("there is no site in ") && !err.contains("etc/virga"),
        "{err}"
    );
    assert!(is_empty(other.path()));

    let made = machine.run(&["migrate"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    // Several machines get its keys before any of them starts.
    let keys = fs::metadata(machine.data().join("keys/site")).unwrap();
    assert_eq!(keys.permissions().mode() & 0o777, 0o600);
    let password = machine.root.path().join("password");
    fs::write(&password, "a good password\n").unwrap();
    let password = password.display().to_string();
    let added = machine.run(&["user", "add", "ann", "--password-file", &password]);
    assert!(added.status.success(), "{}", text(&added.stderr));
    let listed = machine.run(&["user", "list"]);
    assert!(text(&listed.stdout).starts_with("ann "), "{listed:?}");
    assert!(is_empty(machine.here.path()));
    // What a program reads stays apart from the line for people.
    let report = machine.run(&["fsck", "--json"]);
    assert!(report.status.success() && text(&report.stderr).starts_with(&named));
    serde_json::from_slice::<serde_json::Value>(&report.stdout).unwrap();
    let doctor = text(&machine.run(&["doctor"]).stdout);
    assert!(doctor.contains("right  database"), "{doctor}");

    // The disk of the objects is not mounted.
    fs::remove_dir_all(machine.data().join("objects")).unwrap();
    for args in [&["doctor"][..], &["fsck"], &["store", "check"]] {
        let output = machine.run(args);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(
            !output.status.success() && said.contains("mount it"),
            "{said}"
        );
    }
    assert!(!machine.data().join("objects").exists());
}

#[test]
fn the_environment_file_of_the_units_holds_for_commands() {
    let machine = Machine::new();
    let file = machine.root.path().join("etc/virga/environment");
    let text_of_file = "# for every role\nAWS_REGION=x\nVIRGA_LIMITS__UPLOAD_MAX=7\n\
                        VIRGA_LOG__LEVEL=\"warn\"\nVIRGA_BALANCER__WEB=[\"a:1\"]\n";
    fs::write(&file, text_of_file).unwrap();
    let shown = text(&machine.run(&["config", "show"]).stdout);
    let line = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap();
    for (key, value) in [
        ("limits.upload_max", "= 7 "),
        ("log.level", "= \"warn\" "),
        ("balancer.web", "= [\"a:1\"] "),
    ] {
        let line = line(key);
        assert!(
            line.contains(value) && line.contains("# environment file"),
            "{line}"
        );
    }
    fs::write(&file, "VIRGA_LIMITS__UPLOAD_MAKS=7\n").unwrap();
    let refused = machine.run(&["config", "show"]);
    let said = text(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("limits.upload_max"),
        "{said}"
    );
}

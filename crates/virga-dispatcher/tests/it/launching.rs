//! What the launched process may do.

use std::path::Path;

use crate::site::{launcher, run};

/// Settings of the launcher for a child of this process.
fn limits() -> [String; 4] {
    let parent = format!("parent={}", std::process::id());
    ["memory=1073741824", "cpu=7", "file=1048576", &parent].map(str::to_owned)
}

#[test]
fn limits_and_a_bare_environment_are_taken_over() {
    let program = launcher();
    let limits = limits();
    let mut words: Vec<&str> = limits.iter().map(String::as_str).collect();
    // A shell needs other programs.
    words.extend(["landlock=0", "syscalls=no", "unconfined=yes", "--"]);
    let script = "ulimit -v; ulimit -t; ulimit -f; ulimit -n; ulimit -c; nice; env | sort";
    words.extend(["sh", "-c", script]);
    let (said, _) = run(Path::new("/"), program.to_str().unwrap(), &words);
    let mut lines = said.lines();
    let mut next = || lines.next().unwrap();
    assert_eq!(next(), "1048576", "address space, KiB");
    assert_eq!(next(), "7", "seconds");
    assert_eq!(next(), "2048", "file size, blocks of 512 bytes");
    assert_eq!(next(), "64", "open files");
    assert_eq!(next(), "0", "core");
    assert!(next().parse::<i32>().unwrap() >= 10, "niceness");
    let names: Vec<&str> = lines.filter_map(|line| line.split('=').next()).collect();
    for name in names {
        // `sh` adds the two last itself.
        assert!(
            ["PATH", "MALLOC_ARENA_MAX", "PWD", "_"].contains(&name),
            "{name}"
        );
    }
}

#[test]
fn an_orphan_does_not_start() {
    let script = format!(
        "{} memory=1073741824 cpu=7 file=1048576 parent=1 -- echo started 2>&1; echo ended $?",
        launcher().display()
    );
    let (said, _) = run(Path::new("/"), "sh", &["-c", &script]);
    assert!(
        said.contains("the server is gone") && said.contains("ended 127"),
        "{said}"
    );
}

#[test]
fn what_is_launched_ends_with_its_parent() {
    // A shell launches it, says its number and is killed; then nobody has that number.
    let script = format!(
        "sh -c '{} memory=1073741824 cpu=7 file=1048576 parent=$$ -- sleep 60 >/dev/null & echo $!; \
         until grep -q sleep /proc/$!/comm; do :; done; kill -9 $$' | \
         while read child; do while kill -0 $child 2>/dev/null && \
         ! grep -q Z /proc/$child/status; do :; done; echo gone; done",
        launcher().display()
    );
    let (said, _) = run(Path::new("/"), "timeout", &["20", "sh", "-c", &script]);
    assert_eq!(said.trim(), "gone");
}

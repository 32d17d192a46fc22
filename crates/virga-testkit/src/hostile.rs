//! Small C programs for tests of the sandbox, compiled when a test needs them: an intruder in
//! ffmpeg's place, and a kernel that seems to offer no sandbox.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What an [`intruder`] tries to reach.
#[derive(Clone, Debug)]
pub struct Targets {
    /// A file that it must not read.
    pub secret: PathBuf,
    /// Another one, which it must not read or change.
    pub source: PathBuf,
    /// A folder with the files `long` and `removed`, which it must not change.
    pub folder: PathBuf,
    /// A listening port of 127.0.0.1.
    pub tcp: u16,
    /// Another, for datagrams.
    pub udp: u16,
    /// The name of a listening abstract Unix socket.
    pub socket: String,
}

/// Makes the program that tries to get out of the sandbox.
///
/// # Panics
/// Where there is no C compiler.
pub fn intruder(targets: &Targets, program: &Path) {
    let text = |name: &str, value: &str| format!("-D{name}=\"{value}\"");
    let path = |name: &str, value: &Path| text(name, &value.to_string_lossy());
    compile(
        include_str!("hostile/intruder.c"),
        &[
            path("SECRET", &targets.secret),
            path("SOURCE", &targets.source),
            path("FOLDER", &targets.folder),
            format!("-DTCP={}", targets.tcp),
            format!("-DUDP={}", targets.udp),
            text("SOCKET", &targets.socket),
        ],
        program,
    );
}

/// Makes a program that becomes `program` without Landlock and namespaces.
///
/// # Panics
/// Where there is no C compiler.
pub fn without_sandbox(program: &str, wrapper: &Path) {
    let define = format!("-DPROGRAM=\"{program}\"");
    compile(include_str!("hostile/no_sandbox.c"), &[define], wrapper);
}

fn compile(source: &str, defines: &[String], program: &Path) {
    let file = program.with_extension("c");
    std::fs::write(&file, source).expect("the folder can be written");
    #[expect(clippy::disallowed_methods, reason = "the compiler is a program")]
    let done = Command::new("cc")
        .args(["-O1", "-w", "-o"])
        .arg(program)
        .args(defines)
        .arg(&file)
        .output()
        .expect("a C compiler");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

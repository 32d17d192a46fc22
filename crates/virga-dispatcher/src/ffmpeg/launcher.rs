//! Between us and ffmpeg stands our own binary, started anew: it takes limits upon itself and then
//! becomes ffmpeg, so that no code runs between `fork` and `exec` in the server.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::Command,
};

use rustix::process::{
    Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setpriority_process,
    setrlimit,
};

/// How ffmpeg is started: a program that hands its arguments to [`launch`].
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program; in a server its own.
    pub program: PathBuf,
    /// What stands before the limits: the hidden subcommand.
    pub arguments: Vec<OsString>,
}

/// What the launched process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Address space, bytes.
    pub(crate) memory: u64,
    /// Processor time, seconds.
    pub(crate) cpu: u64,
    /// Largest file it writes, bytes.
    pub(crate) file: u64,
}

/// Open files of one ffmpeg.
const FILES: u64 = 64;
/// What it lets others have first.
const NICE: i32 = 10;

impl Limits {
    /// As arguments of the launcher, before the command.
    pub(crate) fn arguments(self, parent: u32) -> Vec<OsString> {
        [self.memory, self.cpu, self.file, u64::from(parent)]
            .iter()
            .map(|number| number.to_string().into())
            .chain([OsString::from("--")])
            .collect()
    }
}

/// Takes limits from its arguments (`MEMORY CPU FILE PARENT -- PROGRAM ARGUMENTS…`), then becomes
/// that program. Returns only if it cannot.
pub fn launch(arguments: impl IntoIterator<Item = OsString>) -> io::Error {
    let mut arguments = arguments.into_iter();
    match limit(&mut arguments).and_then(|()| command(&mut arguments)) {
        Ok(mut command) => command.exec(),
        Err(error) => error,
    }
}

fn limit(arguments: &mut impl Iterator<Item = OsString>) -> io::Result<()> {
    let mut number = || {
        arguments
            .next()
            .and_then(|text| text.to_str()?.parse::<u64>().ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a limit is missing"))
    };
    let (memory, cpu, file, parent) = (number()?, number()?, number()?, number()?);
    // If the server dies, its ffmpeg must not go on for long.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let alive = getppid().map(|pid| u64::try_from(pid.as_raw_nonzero().get()).unwrap_or(0));
    if alive != Some(parent) {
        return Err(io::Error::other("the server is gone"));
    }
    let at_most = |resource, most| {
        setrlimit(
            resource,
            Rlimit {
                current: Some(most),
                maximum: Some(most),
            },
        )
    };
    at_most(Resource::As, memory)?;
    at_most(Resource::Cpu, cpu)?;
    at_most(Resource::Fsize, file)?;
    at_most(Resource::Nofile, FILES)?;
    at_most(Resource::Core, 0)?;
    setpriority_process(None, NICE)?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this module starts processes; PATH is all that is handed on"
)]
fn command(arguments: &mut impl Iterator<Item = OsString>) -> io::Result<Command> {
    if arguments.next().as_deref() != Some(OsStr::new("--")) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command"));
    }
    let program = arguments
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command"))?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    // Each arena reserves address space, which is limited.
    command.env("MALLOC_ARENA_MAX", "4");
    Ok(command)
}

//! Our own binary starts ffmpeg: re-executed as a launcher, it sets limits, enters the sandbox and
//! then becomes ffmpeg, so that no code runs between `fork` and `exec` in the server.
//!
//! Its arguments are settings, `--`, and the command. Without a command it enters the sandbox and
//! prints the layers that hold.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    io::{self, Write as _},
    os::unix::{ffi::OsStrExt as _, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use rustix::process::{
    Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setpriority_process,
    setrlimit,
};

use super::sandbox::{self, Layers, Program, SandboxPlan};

/// How ffmpeg is started: a program that hands its arguments to [`launch`].
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program; in a server its own.
    pub program: PathBuf,
    /// The arguments before the limits: the hidden subcommand.
    pub arguments: Vec<OsString>,
}

/// What the launched process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessLimits {
    /// Address space, bytes.
    pub(crate) memory: u64,
    /// Processor time, seconds.
    pub(crate) cpu: u64,
    /// Largest file it writes, bytes.
    pub(crate) file: u64,
    /// What it lets others have first.
    pub(crate) nice: i32,
}

/// Open files of one ffmpeg.
const FILES: u64 = 64;
/// What an encode lets the site have first.
pub(super) const NICE: i32 = 10;
/// What a ladder lets other encodes have first.
pub(super) const NICE_LADDER: i32 = 19;

/// The launcher's exit code where the program cannot be started.
pub(super) const NOT_STARTED: u8 = 127;
/// The launcher's exit code where no layer would confine the program.
pub(super) const NOT_CONFINED: u8 = 125;

impl Launcher {
    /// The layers that hold on this machine. Blocks for a moment.
    pub fn layers(&self) -> io::Result<Layers> {
        let limits = ProcessLimits {
            memory: 4 << 30,
            cpu: 60,
            file: 0,
            nice: NICE,
        };
        let output = self.command(limits, true).stdin(Stdio::null()).output()?;
        if output.status.success() {
            Ok(Layers::parse(&String::from_utf8_lossy(&output.stdout)))
        } else {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(io::Error::other(said))
        }
    }

    /// The launcher with its settings, before `--` and the command.
    #[expect(clippy::disallowed_methods, reason = "this module starts processes")]
    pub(super) fn command(&self, limits: ProcessLimits, unconfined: bool) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        let parent = std::process::id();
        command.arg(format!("memory={}", limits.memory));
        command.arg(format!("cpu={}", limits.cpu));
        command.arg(format!("file={}", limits.file));
        command.arg(format!("nice={}", limits.nice));
        command.arg(format!("parent={parent}"));
        if unconfined {
            command.arg("unconfined=yes");
        }
        command
    }
}

/// What the launcher was asked to do.
#[derive(Debug, Default)]
struct Order {
    memory: Option<u64>,
    cpu: Option<u64>,
    file: Option<u64>,
    nice: Option<i32>,
    parent: Option<u64>,
    unconfined: bool,
    plan: SandboxPlan,
    /// The program and its arguments.
    command: Vec<OsString>,
}

/// Why the command did not start.
#[derive(Debug)]
enum Refused {
    /// No layer would confine it.
    Unconfined(Layers),
    Failed(io::Error),
}

impl<E: Into<io::Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unconfined(layers) => write!(
                f,
                "this kernel offers neither Landlock nor a network namespace (it has: {layers})"
            ),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// Takes limits, enters the sandbox and becomes the command. Returns the code to exit with if
/// there is no command or it cannot start.
pub fn launch(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Order::read(arguments)
        .map_err(Refused::from)
        .and_then(|order| obey(&order))
    {
        Ok(layers) => {
            let _ = writeln!(io::stdout(), "{layers}");
            ExitCode::SUCCESS
        }
        Err(refused) => {
            let _ = writeln!(io::stderr(), "cannot start: {refused}");
            ExitCode::from(match refused {
                Refused::Unconfined(_) => NOT_CONFINED,
                Refused::Failed(_) => NOT_STARTED,
            })
        }
    }
}

impl Order {
    fn read(arguments: impl IntoIterator<Item = OsString>) -> io::Result<Self> {
        let mut order = Self::default();
        let mut arguments = arguments.into_iter();
        for argument in arguments.by_ref() {
            if argument == "--" {
                break;
            }
            order.set(&argument).ok_or_else(|| {
                let text = format!("{} is no setting of the launcher", argument.display());
                io::Error::new(io::ErrorKind::InvalidInput, text)
            })?;
        }
        order.command = arguments.collect();
        Ok(order)
    }

    fn set(&mut self, setting: &OsStr) -> Option<()> {
        let bytes = setting.as_bytes();
        let (name, value) = bytes.split_at(bytes.iter().position(|byte| *byte == b'=')?);
        let value = OsStr::from_bytes(value.get(1..)?);
        let number = || value.to_str()?.parse::<u64>().ok();
        match name {
            b"memory" => self.memory = Some(number()?),
            b"cpu" => self.cpu = Some(number()?),
            b"file" => self.file = Some(number()?),
            b"nice" => self.nice = Some(i32::try_from(number()?).ok()?),
            b"parent" => self.parent = Some(number()?),
            b"unconfined" => self.unconfined = value == "yes",
            b"read" => self.plan.read = Some(value.into()),
            b"write" => self.plan.write = Some(value.into()),
            // Tests use the sandbox of an older kernel, or one layer of it.
            b"landlock" => {
                let highest = i32::try_from(number()?).ok()?;
                self.plan.landlock = highest.min(sandbox::NEWEST_LANDLOCK);
            }
            b"namespace" => self.plan.namespace = value != "no",
            b"syscalls" => self.plan.syscalls = value != "no",
            _ => return None,
        }
        Some(())
    }
}

/// Does not return where a command starts.
#[expect(
    clippy::disallowed_methods,
    reason = "this module starts processes; PATH is all that is handed on"
)]
fn obey(order: &Order) -> Result<Layers, Refused> {
    sandbox::close_inherited()?;
    let path = std::env::var_os("PATH");
    let mut words = order.command.iter();
    let program = match words.next() {
        Some(name) => Some(Program::find(Path::new(name), path.as_deref())?),
        None => None,
    };
    limit(order)?;
    let namespace = order.plan.namespace && sandbox::leave_network();
    // After the namespace: a change of credentials takes this back.
    die_with_parent(order.parent)?;
    let layers = sandbox::enter(&order.plan, program.as_ref(), namespace)?;
    let Some(program) = program else {
        return Ok(layers);
    };
    if !layers.confine() && !order.unconfined {
        return Err(Refused::Unconfined(layers));
    }
    let mut command = Command::new(program.path);
    command.args(words).env_clear();
    if let Some(path) = path {
        command.env("PATH", path);
    }
    // Each arena reserves address space, which is limited.
    command.env("MALLOC_ARENA_MAX", "4");
    Err(command.exec().into())
}

fn limit(order: &Order) -> io::Result<()> {
    let at_most = |resource, most: Option<u64>| {
        let most =
            most.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a limit is missing"))?;
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(io::Error::from)
    };
    at_most(Resource::As, order.memory)?;
    at_most(Resource::Cpu, order.cpu)?;
    at_most(Resource::Fsize, order.file)?;
    at_most(Resource::Nofile, Some(FILES))?;
    at_most(Resource::Core, Some(0))?;
    setpriority_process(None, order.nice.unwrap_or(NICE))?;
    Ok(())
}

/// If the server dies, its ffmpeg must not run on for long.
fn die_with_parent(parent: Option<u64>) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let alive = getppid().and_then(|pid| u64::try_from(pid.as_raw_nonzero().get()).ok());
    if alive.is_some() && alive == parent {
        Ok(())
    } else {
        Err(io::Error::other("the server is gone"))
    }
}

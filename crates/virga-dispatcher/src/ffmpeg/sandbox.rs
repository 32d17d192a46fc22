//! The box that ffmpeg runs in. The launcher enters it just before it becomes ffmpeg: every layer
//! that this kernel has is taken, and what holds is reported as [`Layers`].

mod descriptors;
mod files;
mod namespace;
mod program;
mod syscalls;

use std::{fmt, io, path::PathBuf};

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};

pub(super) use descriptors::close_inherited;
pub(super) use namespace::leave_network;
pub(super) use program::Program;

/// The newest version of Landlock that this program knows how to use.
pub(super) const NEWEST_LANDLOCK: i32 = 7;

/// What may be used of the box, and which files it leaves open to the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SandboxPlan {
    /// Highest Landlock version used; 0: none.
    pub(super) landlock: i32,
    pub(super) namespace: bool,
    pub(super) syscalls: bool,
    /// A file that may be read.
    pub(super) read: Option<PathBuf>,
    /// A folder whose files may be made, read, written and removed.
    pub(super) write: Option<PathBuf>,
}

impl Default for SandboxPlan {
    fn default() -> Self {
        Self {
            landlock: NEWEST_LANDLOCK,
            namespace: true,
            syscalls: true,
            read: None,
            write: None,
        }
    }
}

/// The layers of the box that hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// No new privileges, no capabilities, no inherited descriptors.
    pub privileges: bool,
    /// The version of Landlock in force; 0: none.
    pub landlock: i32,
    /// Only the system calls of a single process without sockets.
    pub syscalls: bool,
    /// A network namespace without any network.
    pub namespace: bool,
}

impl Layers {
    /// Whether ffmpeg may run without `dispatcher.unconfined`.
    pub fn confine(self) -> bool {
        self.landlock > 0 || self.namespace
    }

    /// Reads what [`fmt::Display`] wrote.
    pub(super) fn parse(text: &str) -> Self {
        let mut layers = Self::default();
        for word in text.trim().split(", ") {
            match word {
                PRIVILEGES => layers.privileges = true,
                SYSCALLS => layers.syscalls = true,
                NAMESPACE => layers.namespace = true,
                _ => {
                    if let Some(version) = word.strip_prefix(LANDLOCK) {
                        layers.landlock = version.trim().parse().unwrap_or(0);
                    }
                }
            }
        }
        layers
    }
}

const PRIVILEGES: &str = "no new privileges";
const LANDLOCK: &str = "Landlock ";
const SYSCALLS: &str = "system call filter";
const NAMESPACE: &str = "network namespace";

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut layers = Vec::new();
        if self.privileges {
            layers.push(PRIVILEGES.to_owned());
        }
        if self.landlock > 0 {
            layers.push(format!("{LANDLOCK}{}", self.landlock));
        }
        if self.syscalls {
            layers.push(SYSCALLS.to_owned());
        }
        if self.namespace {
            layers.push(NAMESPACE.to_owned());
        }
        if layers.is_empty() {
            layers.push("no layer".to_owned());
        }
        f.write_str(&layers.join(", "))
    }
}

/// Enters what is left of the box after [`leave_network`]. The calling process has one thread.
pub(super) fn enter(
    plan: &SandboxPlan,
    program: Option<&Program>,
    namespace: bool,
) -> io::Result<Layers> {
    set_no_new_privs(true)?;
    let landlock = files::restrict(plan, program)?;
    let none = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )?;
    let syscalls = plan.syscalls && syscalls::restrict()?;
    Ok(Layers {
        privileges: true,
        landlock,
        syscalls,
        namespace,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_read_as_they_are_written() {
        let all = Layers {
            privileges: true,
            landlock: 2,
            syscalls: true,
            namespace: true,
        };
        assert_eq!(Layers::parse(&format!("{all}\n")), all);
        assert_eq!(Layers::parse("no layer"), Layers::default());
        assert!(!Layers::default().confine());
    }
}

//! Landlock: the program reads itself, its libraries and its input, writes into one folder, runs
//! nothing but itself, and has no TCP and no way to other processes.

use std::{io, path::Path};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};

use super::{Program, SandboxPlan};

/// Where libraries are, and what the loader and libc read.
const READ: [&str; 12] = [
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/dev/urandom",
];

/// Restricts this process; answers the version in force, 0 if the kernel has none.
pub(super) fn restrict(plan: &SandboxPlan, program: Option<&Program>) -> io::Result<i32> {
    if plan.landlock < 1 {
        return Ok(0);
    }
    let status = rules(plan, program).map_err(io::Error::other)?;
    let version = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    };
    if status.ruleset == RulesetStatus::NotEnforced {
        Ok(0)
    } else {
        Ok(version.min(plan.landlock))
    }
}

fn rules(
    plan: &SandboxPlan,
    program: Option<&Program>,
) -> Result<landlock::RestrictionStatus, landlock::RulesetError> {
    let version = ABI::from(plan.landlock);
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(version))?;
    let network = AccessNet::from_all(version);
    if !network.is_empty() {
        rules = rules.handle_access(network)?;
    }
    let scope = Scope::from_all(version);
    if !scope.is_empty() {
        rules = rules.scope(scope)?;
    }
    let mut rules = rules.create()?;
    let look = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    for path in READ {
        rules = open(rules, Path::new(path), look)?;
    }
    if let Some(program) = program {
        let run = make_bitflags!(AccessFs::{ReadFile | Execute});
        rules = open(rules, &program.path, run)?;
        if let Some(loader) = &program.loader {
            rules = open(rules, loader, run)?;
        }
        if let Some(libraries) = program.libraries() {
            rules = open(rules, &libraries, look)?;
        }
    }
    if let Some(input) = &plan.read {
        rules = open(rules, input, AccessFs::ReadFile.into())?;
    }
    if let Some(folder) = &plan.write {
        let work = make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | MakeReg | RemoveFile})
            | (AccessFs::from_all(version) & AccessFs::Truncate);
        rules = open(rules, folder, work)?;
    }
    rules.restrict_self()
}

/// Leaves a file or folder open. What is not there needs no rule.
fn open(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, landlock::RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(rules);
    };
    let access = if path.is_dir() {
        access
    } else {
        access & !BitFlags::from(AccessFs::ReadDir)
    };
    rules.add_rule(PathBeneath::new(opened, access))
}

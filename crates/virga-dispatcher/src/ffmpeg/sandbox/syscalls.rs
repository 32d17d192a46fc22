//! The system calls of the box: what one process with threads needs to read and write files. All
//! others answer ENOSYS, as on a kernel that lacks them, so that libraries take their other way;
//! calls in the manner of another processor family end the process.

use std::{collections::BTreeMap, io};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

/// Calls that are allowed whatever their arguments.
const FREE: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_execve,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getitimer,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getresgid,
    libc::SYS_getresuid,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_msync,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pselect6,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readahead,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat2,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_setitimer,
    libc::SYS_sigaltstack,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_umask,
    libc::SYS_uname,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Those of the older kind that newer processor families do without.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_getdents,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(target_arch = "aarch64")]
const OLDER: &[i64] = &[libc::SYS_getrlimit, libc::SYS_renameat];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const OLDER: &[i64] = &[];

/// `PR_SET_VMA`: libc names its memory.
const SET_VMA: i32 = 0x5356_4d41;

/// Restricts this process; `false` if there is no filter for this processor family or the kernel
/// takes none.
pub(super) fn restrict() -> io::Result<bool> {
    let Ok(family) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok(false);
    };
    let program = filter(family, std::process::id()).map_err(io::Error::other)?;
    match apply_filter(&program) {
        Ok(()) => Ok(true),
        Err(seccompiler::Error::Seccomp(error) | seccompiler::Error::Prctl(error))
            if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) =>
        {
            Ok(false)
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

fn filter(family: TargetArch, own: u32) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = FREE
        .iter()
        .chain(OLDER)
        .map(|call| (*call, Vec::new()))
        .collect();
    rules.extend(conditional(own)?);
    // Absent rather than forbidden: libraries have another way for a call that is not there.
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, absent, SeccompAction::Allow, family)?.try_into()
}

/// Calls that are allowed with some arguments only.
fn conditional(own: u32) -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::BackendError> {
    let one_of = |argument, values: &[u64]| -> Result<Vec<SeccompRule>, _> {
        values
            .iter()
            .map(|value| masked(argument, u64::from(u32::MAX), *value))
            .collect()
    };
    let own = u64::from(own);
    let bits = |number: i32| u64::from(number.unsigned_abs());
    // A thread, not a process, and in no new namespace.
    let namespaces = libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWUTS;
    let thread = bits(libc::CLONE_THREAD);
    let terminal = [libc::TCGETS, libc::TIOCGWINSZ, libc::FIONREAD]
        .into_iter()
        .chain([libc::FIONBIO, libc::FIOCLEX]);
    let terminal: Vec<u64> = terminal.map(|number| number & 0xffff_ffff).collect();
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, SET_VMA].map(bits);
    let mut rules = vec![
        (
            libc::SYS_clone,
            vec![masked(0, bits(namespaces) | thread, thread)?],
        ),
        (libc::SYS_ioctl, one_of(1, &terminal)?),
        (libc::SYS_kill, one_of(0, &[own])?),
        (libc::SYS_openat, opening(2)?),
        (libc::SYS_prctl, one_of(0, &names)?),
        // Reading limits: a new one would be named by the third argument.
        (
            libc::SYS_prlimit64,
            vec![SeccompRule::new(vec![zero(0)?, zero(2)?])?],
        ),
        (libc::SYS_sched_setaffinity, one_of(0, &[0])?),
        (libc::SYS_tgkill, one_of(0, &[own])?),
        (libc::SYS_tkill, one_of(0, &[own])?),
    ];
    #[cfg(target_arch = "x86_64")]
    rules.push((libc::SYS_open, opening(1)?));
    Ok(rules)
}

/// Opening a file, but not emptying one that is opened for reading: Landlock before its third
/// version does not see that.
fn opening(argument: u8) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let mode = u64::from(libc::O_ACCMODE.unsigned_abs());
    let empty = u64::from(libc::O_TRUNC.unsigned_abs());
    let write = |mode: i32| u64::from(mode.unsigned_abs());
    Ok(vec![
        masked(argument, mode | empty, write(libc::O_RDONLY))?,
        masked(argument, mode, write(libc::O_WRONLY))?,
        masked(argument, mode, write(libc::O_RDWR))?,
    ])
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    let equal = SeccompCmpOp::MaskedEq(mask);
    SeccompRule::new(vec![SeccompCondition::new(argument, Dword, equal, value)?])
}

fn zero(argument: u8) -> Result<SeccompCondition, seccompiler::BackendError> {
    let whole = seccompiler::SeccompCmpArgLen::Qword;
    SeccompCondition::new(argument, whole, SeccompCmpOp::Eq, 0)
}

//! The memory that encoders share: together they take no more than the machine, or the control group that the
//! process is in, has for them.

use std::{fs, path::Path, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use virga_core::Code;

use crate::job_result::JobError;

/// Bytes that stay for the site itself and the system; half of what a smaller machine has.
const KEPT: u64 = 128 << 20;
/// Bytes for the first rung of another film, which should not wait until all rungs of one are done.
const FOR_A_FIRST_RUNG: u64 = 160 << 20;
const MIB: u64 = 1 << 20;

/// Bytes for encoders, in whole MiB. Clones share them.
#[derive(Clone, Debug)]
pub struct EncoderMemory {
    total: u32,
    free: Arc<Semaphore>,
}

impl EncoderMemory {
    /// What this machine or control group has beyond what the site needs.
    pub fn of_machine() -> Self {
        let whole = whole(Path::new("/")).unwrap_or(u64::MAX);
        Self::of(whole - KEPT.min(whole / 2))
    }

    /// So many bytes.
    pub fn of(bytes: u64) -> Self {
        let total = u32::try_from(bytes / MIB).unwrap_or(u32::MAX);
        // Far more than any machine has, and within what can be counted.
        let total = total.min(u32::MAX >> 4);
        let free = Arc::new(Semaphore::new(usize::try_from(total).unwrap_or(1 << 20)));
        Self { total, free }
    }

    /// Whether so many bytes are there at all.
    pub(crate) fn holds(&self, need: u64) -> bool {
        need.div_ceil(MIB) <= self.total.into()
    }

    /// Whether they are there next to the first rung of another film.
    pub(crate) fn holds_beside_another(&self, need: u64) -> bool {
        self.holds(need.saturating_add(FOR_A_FIRST_RUNG))
    }

    /// Waits until so many bytes are free, first come, first served; they are free again when the answer is
    /// dropped.
    pub(crate) async fn take(&self, need: u64) -> Result<OwnedSemaphorePermit, JobError> {
        let wanted = u32::try_from(need.div_ceil(MIB)).unwrap_or(u32::MAX);
        if wanted > self.total {
            return Err(self.too_little(need));
        }
        let taken = Arc::clone(&self.free).acquire_many_owned(wanted).await;
        taken.map_err(|_| JobError::Interrupted)
    }

    /// The refusal of what needs more than there is.
    pub(crate) fn too_little(&self, need: u64) -> JobError {
        let (need, total) = (need.div_ceil(MIB), self.total);
        let text = format!(
            "Encoding it takes about {need} MiB of memory, and this site's machine has {total} MiB for that."
        );
        JobError::fail(Code::MemoryTooSmall, text)
    }
}

/// Bytes of memory of the machine, or of the control group if that has fewer.
fn whole(root: &Path) -> Option<u64> {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok();
    let machine = machine.and_then(|text| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    });
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(|line| group_limit(root, line));
    machine.into_iter().chain(limits).min()
}

/// The least that a line of `/proc/self/cgroup`, or a group above it, allows.
fn group_limit(root: &Path, line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let (mount, file) = if controllers.is_empty() {
        ("sys/fs/cgroup", "memory.max")
    } else if controllers.split(',').any(|it| it == "memory") {
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
    } else {
        return None;
    };
    // In a container the path may be one of the machine's, and the mount begins with the group itself.
    let groups = Path::new(path).ancestors();
    let limits = groups.filter_map(|group| {
        let below = group.strip_prefix("/").unwrap_or(group);
        let text = fs::read_to_string(root.join(mount).join(below).join(file)).ok()?;
        text.trim().parse().ok()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    fn machine(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        whole(root.path())
    }

    #[test]
    fn a_control_group_or_one_above_it_may_have_less_than_the_machine() {
        let meminfo = ("proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n");
        assert_eq!(machine(&[meminfo]), Some(2 << 20));
        let second = ("proc/self/cgroup", "0::/a/b\n");
        let groups = [
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/memory.max", "1048576\n"),
        ];
        assert_eq!(machine(&[meminfo, second, groups[0]]), Some(2 << 20));
        assert_eq!(
            machine(&[meminfo, second, groups[0], groups[1]]),
            Some(1 << 20)
        );
        let first = (
            "proc/self/cgroup",
            "9:name=systemd:/\n4:cpu,memory:/a\n0::/\n",
        );
        let limit = ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4096\n");
        assert_eq!(machine(&[meminfo, first, limit]), Some(4096));
        // A container sees only its own group.
        let own = ("sys/fs/cgroup/memory.max", "8192\n");
        assert_eq!(machine(&[meminfo, second, own]), Some(8192));
        assert_eq!(machine(&[]), None);
    }

    #[tokio::test]
    async fn what_is_taken_is_waited_for_and_what_is_not_there_refused() {
        let memory = EncoderMemory::of(100 * MIB);
        let error = memory.take(101 * MIB).await.unwrap_err();
        assert!(error.to_string().contains("101 MiB"), "{error}");
        let first = memory.take(60 * MIB).await.unwrap();
        let mut second = pin!(memory.take(41 * MIB));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        drop(second.await.unwrap());
    }
}

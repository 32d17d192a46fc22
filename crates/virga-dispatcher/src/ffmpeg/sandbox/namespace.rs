//! A network namespace of its own, without even a loopback address.

use nix::sched::{CloneFlags, unshare};

/// Moves this process, which has one thread, into an empty network namespace. `false`: the kernel
/// or a policy does not permit it.
pub(in crate::ffmpeg) fn leave_network() -> bool {
    let network = CloneFlags::CLONE_NEWNET;
    // Without privileges a user namespace comes with it; with them it is not needed.
    unshare(CloneFlags::CLONE_NEWUSER | network).is_ok() || unshare(network).is_ok()
}

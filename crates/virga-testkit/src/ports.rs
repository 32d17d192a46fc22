//! Free ports for servers that take theirs as a setting. A server binds its port seconds after we chose
//! it. Until then a lock keeps other tests off, and outgoing connections cannot take the port because it
//! lies outside the range that the kernel gives them.

use std::{
    collections::hash_map::RandomState,
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, Hasher},
    net::TcpListener,
    ops::Range,
    os::unix::fs::PermissionsExt,
    sync::{Mutex, PoisonError},
};

const FIRST: u16 = 10_000;
/// Fewer would be too few for all tests at once.
const ENOUGH: u16 = 2_000;
const TRIES: usize = 1000;

/// The locks of the ports that this process took; they end with it.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port that nobody listens on now, and that no other test gets while this process lives.
///
/// # Panics
/// Where the machine has none.
pub fn free_port() -> u16 {
    free_ports::<1>()[0]
}

/// So many, all of them different.
///
/// # Panics
/// Where the machine has too few.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let range = range();
    std::array::from_fn(|_| {
        let port = (0..TRIES).find_map(|_| take(random(&range)));
        port.expect("a free port")
    })
}

fn random(range: &Range<u16>) -> u16 {
    let random = RandomState::new().build_hasher().finish();
    let offset = random % u64::try_from(range.len()).expect("it is small");
    range.start + u16::try_from(offset).expect("it is small")
}

/// Locks a port and looks whether someone listens there. The order matters: whoever holds the lock
/// may not have bound its port yet.
fn take(port: u16) -> Option<u16> {
    let lock = lock_file(port);
    lock.try_lock().ok()?;
    TcpListener::bind(("127.0.0.1", port)).ok()?;
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    taken.push(lock);
    Some(port)
}

/// Everybody's, whoever came first.
fn lock_file(port: u16) -> File {
    let folder = std::env::temp_dir().join("virga-test-ports");
    fs::create_dir_all(&folder).expect("a folder for locks");
    let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o777));
    let path = folder.join(port.to_string());
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = opened.expect("a port's lock");
    let _ = file.set_permissions(fs::Permissions::from_mode(0o666));
    file
}

/// Below what the kernel deals out to outgoing connections, or above where that begins early.
fn range() -> Range<u16> {
    let told = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let bounds: Vec<u16> = told
        .split_whitespace()
        .filter_map(|bound| bound.parse().ok())
        .collect();
    match bounds[..] {
        [low, _] if low >= FIRST + ENOUGH => FIRST..low,
        [_, high] if high <= u16::MAX - ENOUGH => high + 1..u16::MAX,
        _ => FIRST..u16::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_was_given_is_not_given_again_before_it_is_bound() {
        let port = free_port();
        assert_eq!(take(port), None);
    }
}

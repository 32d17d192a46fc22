//! Free ports for servers that are told theirs. They lie below those that the kernel deals out to
//! outgoing connections: a port that was free a moment ago is not some client's by the time a slow
//! server binds it.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    net::TcpListener,
};

const FIRST: u64 = 10_000;
/// Linux deals out 32768 and above unless told otherwise.
const COUNT: u64 = 22_000;
const TRIES: usize = 1000;

/// A port that nobody listens on now.
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
    let mut held: Vec<(u16, TcpListener)> = Vec::new();
    for _ in 0..TRIES {
        if held.len() == N {
            break;
        }
        let random = RandomState::new().build_hasher().finish();
        let port = u16::try_from(FIRST + random % COUNT).expect("it is small");
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((port, listener));
        }
    }
    assert_eq!(held.len(), N, "too few free ports");
    std::array::from_fn(|n| held[n].0)
}

//! Named places at which a fault test ends the process as a power cut would, fills the disk, or makes
//! an operation fail.
//! Without the Cargo feature `failpoints` no place is armed, and leases last their full time.

use std::time::Duration;

/// How long a lease lasts, or the pause between the heartbeats that renew it: so many seconds, and half of
/// that with the feature `failpoints`, because fault tests wait for the leases of killed processes.
pub const fn patience(seconds: u64) -> Duration {
    let millis = seconds
        * if cfg!(feature = "failpoints") {
            500
        } else {
            1000
        };
    Duration::from_millis(millis)
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::{collections::BTreeSet, io, path::Path, sync::RwLock};

    static ARMED: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

    /// Arms these places, in place of those armed before.
    pub fn arm<I: IntoIterator<Item = String>>(names: I) {
        if let Ok(mut armed) = ARMED.write() {
            *armed = names.into_iter().collect();
        }
    }

    /// Ends the process here if this place is armed by its name, or as [`now`] says.
    pub fn point(name: &'static str) {
        if now(name) || ARMED.read().is_ok_and(|armed| armed.contains(name)) {
            std::process::abort();
        }
    }

    /// Whether this place is armed as `name=FILE` and that file is there.
    pub fn now(name: &'static str) -> bool {
        ARMED.read().is_ok_and(|armed| {
            let mut places = armed.iter().filter_map(|it| it.split_once('='));
            places.any(|(place, file)| place == name && Path::new(file).exists())
        })
    }

    /// Says that the disk is full while this place is armed as [`now`] says.
    pub fn full(name: &'static str) -> io::Result<()> {
        if now(name) {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

#[cfg(feature = "failpoints")]
pub use armed::{arm, full, now, point};

/// Ends the process here if this place is armed; without the feature, nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn point(_name: &'static str) {}

/// Whether a test wants something to fail here; without the feature, never.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn now(_name: &'static str) -> bool {
    false
}

/// Says that the disk is full where a test wants it; without the feature, nothing.
///
/// # Errors
/// None without the feature.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn full(_name: &'static str) -> std::io::Result<()> {
    Ok(())
}

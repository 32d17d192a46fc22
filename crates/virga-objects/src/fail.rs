//! Named places at which a fault test ends the process as a power cut would, or fills the disk.
//! Without the Cargo feature `failpoints` nothing of it is compiled.

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

    /// Ends the process here if this place is armed.
    pub fn point(name: &'static str) {
        if ARMED.read().is_ok_and(|armed| armed.contains(name)) {
            std::process::abort();
        }
    }

    /// Says that the disk is full while this place is armed as `name=FILE` and that file is there.
    pub fn full(name: &'static str) -> io::Result<()> {
        let full = ARMED.read().is_ok_and(|armed| {
            let mut places = armed.iter().filter_map(|it| it.split_once('='));
            places.any(|(place, file)| place == name && Path::new(file).exists())
        });
        if full {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

#[cfg(feature = "failpoints")]
pub use armed::{arm, full, point};

/// Ends the process here if this place is armed; without the feature, nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn point(_name: &'static str) {}

/// Says that the disk is full where a test wants it; without the feature, nothing.
///
/// # Errors
/// None without the feature.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn full(_name: &'static str) -> std::io::Result<()> {
    Ok(())
}

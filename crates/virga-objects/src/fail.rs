//! Named places at which a fault test ends the process as a power cut would. Without the Cargo
//! feature `failpoints` nothing of it is compiled.

#[cfg(feature = "failpoints")]
mod armed {
    use std::{collections::BTreeSet, sync::RwLock};

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
}

#[cfg(feature = "failpoints")]
pub use armed::{arm, point};

/// Ends the process here if this place is armed; without the feature, nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn point(_name: &'static str) {}

//! A part of a film.

/// A part of a film, in seconds of the file's clock. Frames are shown from the first of them on and before the
/// second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: u32,
    /// `None`: to the end.
    pub(crate) until: Option<u32>,
}

impl Stretch {
    /// The whole film.
    pub(crate) const ALL: Self = Self {
        from: 0,
        until: None,
    };

    /// How long it is, if the film is as long as `film` microseconds.
    pub(crate) fn length(self, film: i64) -> i64 {
        let second = |at: u32| i64::from(at) * 1_000_000;
        self.until.map_or(film, second) - second(self.from)
    }
}

//! What a file is to look and sound like, whatever it is kept in: in each second a flash at 0.6 s and a tone,
//! the upper left corner red, the lower right one blue.

/// When a flash and a tone begin in their second.
pub(super) const MARK: f64 = 0.6;

/// How a film comes to its players.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Packaged from the file's own picture, or sound where there is none.
    AtOnce,
    /// Copied out of its container.
    Copied,
    /// Encoded.
    Encoded,
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::AtOnce => "at once",
            Self::Copied => "copied",
            Self::Encoded => "encoded",
        })
    }
}

/// What players are to show.
#[derive(Debug, Clone)]
pub struct Film {
    /// Width and height as shown; `None`: there is a cover and nothing else is looked at.
    pub size: Option<(u32, u32)>,
    /// Frames of the best and of the lowest resolution.
    pub frames: std::ops::RangeInclusive<usize>,
    /// How long it is, seconds.
    pub seconds: f64,
    /// When the picture turns white.
    pub flashes: Vec<f64>,
    /// When tones begin; `None`: it has no sound.
    pub tones: Option<Vec<f64>>,
    /// Whether its corners have their colours.
    pub corners: bool,
    /// Whether its last frame is torn, which a decoder complains of and shows.
    pub torn: bool,
    /// Whether the owner reads that the file is incomplete.
    pub note: bool,
}

/// Three seconds of 320×180 with 25 frames a second, and sound.
pub(super) fn film() -> Film {
    Film::new((320, 180), 25.0, 3.0)
}

impl Film {
    pub(super) fn new(size: (u32, u32), rate: f64, seconds: f64) -> Self {
        let frames = whole(rate * seconds);
        let film = Self {
            size: Some(size),
            frames: frames..=frames,
            seconds,
            flashes: Vec::new(),
            tones: Some(marks(0.0, seconds)),
            corners: true,
            torn: false,
            note: false,
        };
        film.flashing(rate, frames)
    }

    /// The first white frame of each second.
    fn flashing(mut self, rate: f64, frames: usize) -> Self {
        let shown = |n: usize| seconds(n) / rate;
        let white = |n: usize| (0.599..=0.799).contains(&(shown(n) % 1.0));
        self.flashes = (0..frames)
            .filter(|n| white(*n) && (*n == 0 || !white(n - 1)))
            .map(shown)
            .collect();
        self
    }

    pub(super) fn silent(mut self) -> Self {
        self.tones = None;
        self
    }

    /// Of sound alone.
    pub(super) fn heard(mut self) -> Self {
        self.size = None;
        self
    }

    pub(super) fn tones(mut self, tones: &[f64]) -> Self {
        self.tones = Some(tones.to_vec());
        self
    }

    pub(super) fn flashes(mut self, flashes: &[f64]) -> Self {
        self.flashes = flashes.to_vec();
        self
    }

    pub(super) fn frames(mut self, frames: std::ops::RangeInclusive<usize>) -> Self {
        self.frames = frames;
        self
    }

    pub(super) fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = seconds;
        self
    }

    /// A picture whose corners say nothing: of two pixels, or in two colours.
    pub(super) fn plain(mut self) -> Self {
        self.corners = false;
        self
    }

    pub(super) fn noted(mut self) -> Self {
        self.note = true;
        self
    }

    pub(super) fn torn(mut self) -> Self {
        self.torn = true;
        self
    }

    /// Nothing in the file says that there is more.
    pub(super) fn unnoted(mut self) -> Self {
        self.note = false;
        self
    }
}

/// In each second between two moments.
pub(super) fn marks(from: f64, to: f64) -> Vec<f64> {
    let all = (0..600).map(|n| seconds(n) + MARK);
    all.filter(|at| *at >= from && *at < to).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive count of frames"
)]
fn whole(number: f64) -> usize {
    number.round() as usize
}

/// A count as a number to reckon with.
pub(super) fn seconds(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

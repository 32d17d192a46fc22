//! What is asked for, and the choices that follow from the seed.

use anyhow::{Context, bail};

/// What to torture, and how long.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Uploads go on until the site has taken on this many jobs …
    pub(crate) jobs: u64,
    /// … or for this many seconds.
    pub(crate) seconds: u64,
    /// All choices follow from it; when what is chosen happens does not.
    pub(crate) seed: u64,
    /// Where.
    pub(crate) on: On,
    /// Seconds between two kills, on average.
    pub(crate) every: u64,
    /// People who upload at once.
    pub(crate) people: usize,
}

/// What the site runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// One process, `SQLite`, a folder.
    One,
    /// A process for each role behind `HAProxy`, `SQLite`, a folder.
    Roles,
    /// Two of each role behind `HAProxy`, `MariaDB`, Redis, a bucket.
    Cluster,
}

impl Options {
    /// Reads `name=value` from the command line.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut options = Self {
            jobs: 1000,
            seconds: 3600,
            seed: u64::from(std::process::id()),
            on: On::Roles,
            every: 3,
            people: 4,
        };
        #[expect(clippy::disallowed_methods, reason = "a program reads its arguments")]
        let words = std::env::args().skip(1);
        for word in words {
            let (name, value) = word.split_once('=').context("name=value")?;
            if value.is_empty() {
                continue;
            }
            let number = || value.parse::<u64>().with_context(|| word.clone());
            match name {
                "jobs" => options.jobs = number()?,
                "seconds" => options.seconds = number()?,
                "seed" => options.seed = number()?,
                "every" => options.every = number()?.max(1),
                "people" => options.people = usize::try_from(number()?)?.max(1),
                "on" => {
                    options.on = match value {
                        "one" => On::One,
                        "roles" => On::Roles,
                        "cluster" => On::Cluster,
                        _ => bail!("on=one, on=roles or on=cluster, not {value:?}"),
                    }
                }
                _ => bail!("{name:?} is none of jobs, seconds, seed, every, people, on"),
            }
        }
        Ok(options)
    }
}

/// Choices, the same for the same seed: `SplitMix64`, which is short.
#[derive(Clone, Debug)]
pub(crate) struct Choices(u64);

impl Choices {
    /// Those of somebody: each makes their own, whatever the others do.
    pub(crate) fn of(seed: u64, who: u64) -> Self {
        let mut mixed = Self(seed ^ who.wrapping_mul(0xA076_1D64_78BD_642F));
        mixed.next();
        mixed
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// In so many of a hundred cases.
    pub(crate) fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    /// One of these, which are not none.
    pub(crate) fn one_of<'a, T>(&mut self, these: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(these.len()).ok()?;
        let at = usize::try_from(self.below(count)).ok()?;
        these.get(at)
    }
}

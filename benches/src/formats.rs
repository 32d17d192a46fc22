//! Kinds of files, each with what becomes of it on a site: what `bin/formats.rs` sends there and looks at.

mod boxes;
mod broken;
mod containers;
mod film;
mod look;
mod make;
mod pictures;
mod refused;
mod seen;
mod sounds;

pub use film::{Film, Path};
pub use look::{Look, look};
pub use make::make;

use film::film;

/// One kind of file.
#[derive(Debug)]
pub struct Format {
    /// Its name, with the ending that files of this kind have.
    pub name: &'static str,
    /// How it is made.
    recipe: Recipe,
    /// What becomes of it.
    pub expected: Expected,
}

/// How a file is made.
#[derive(Debug)]
enum Recipe {
    /// Runs of ffmpeg, as `make` reads them; the last one makes the file.
    Ffmpeg(String),
    /// One of those, changed afterwards.
    Altered(String, fn(Vec<u8>) -> Vec<u8>),
    /// These bytes.
    Bytes(fn() -> Vec<u8>),
}

/// What becomes of a file.
#[derive(Debug)]
pub enum Expected {
    /// It plays in one of the ways.
    Plays(Path, Film),
    /// By the code of the reason.
    Refused(&'static str),
}

/// All kinds.
pub fn formats() -> Vec<Format> {
    let mut all = containers::formats();
    all.extend(pictures::formats());
    all.extend(sounds::formats());
    all.extend(broken::formats());
    all.extend(refused::formats());
    all
}

fn plays(name: &'static str, path: Path, film: Film, recipe: &str) -> Format {
    Format {
        name,
        recipe: Recipe::Ffmpeg(recipe.to_owned()),
        expected: Expected::Plays(path, film),
    }
}

fn altered(
    name: &'static str,
    expected: Expected,
    recipe: &str,
    change: fn(Vec<u8>) -> Vec<u8>,
) -> Format {
    Format {
        name,
        recipe: Recipe::Altered(recipe.to_owned(), change),
        expected,
    }
}

fn refused(name: &'static str, code: &'static str, bytes: fn() -> Vec<u8>) -> Format {
    Format {
        name,
        recipe: Recipe::Bytes(bytes),
        expected: Expected::Refused(code),
    }
}

fn refused_clip(name: &'static str, code: &'static str, recipe: &str) -> Format {
    Format {
        name,
        recipe: Recipe::Ffmpeg(recipe.to_owned()),
        expected: Expected::Refused(code),
    }
}

//! Every parser that reads bytes of strangers, as a function of those bytes. A target panics where the
//! parser breaks a promise: it panics itself, overflows, takes much memory for little input, asks for
//! more reads than the input is worth, or does not read back what it wrote.
//!
//! `make fuzz` runs them under libFuzzer (`engine/`); `tests/it.rs` replays the corpus with `make test`.

mod form;
mod http;
mod media;
mod memory;
mod words;

/// One parser, or several that read the same bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Names it for `make fuzz` and its folder of the corpus.
    pub name: &'static str,
    /// What is done with the bytes.
    pub run: fn(&[u8]),
    /// The most bytes that it may hold at once, for an input of so many.
    pub memory: fn(usize) -> usize,
}

/// All of them.
pub const TARGETS: [Target; 16] = [
    of("sniff", media::sniff, text),
    of("mp4", media::mp4, media_index),
    of("moov", media::moov, media_index),
    of("fragments", media::fragments, media_index),
    of("matroska", media::matroska, media_index),
    of("codec", media::codec, media_index),
    of("table", media::table, table),
    of("block", media::block, table),
    of("sample", media::sample, text),
    of("range", http::range, text),
    of("cursor", http::cursor, text),
    of("headers", http::headers, text),
    of("addresses", words::addresses, text),
    of("words", words::words, text),
    of("documents", words::documents, text),
    of("form", form::form, form),
];

const fn of(name: &'static str, run: fn(&[u8]), memory: fn(usize) -> usize) -> Target {
    Target { name, run, memory }
}

/// What is read and kept as it is.
fn text(len: usize) -> usize {
    (64 << 10) + 64 * len
}

/// A table of samples is larger than what it was read from where one line of that counts many: as many
/// as a track may have (`MAX_SAMPLES`), in as many tables.
fn media_index(len: usize) -> usize {
    (64 << 20) + 256 * len
}

/// A block lists at most 65,536 samples.
fn table(len: usize) -> usize {
    (4 << 20) + 128 * len
}

/// A form goes through the whole data plane, which has buffers.
fn form(len: usize) -> usize {
    (4 << 20) + 64 * len
}

impl Target {
    /// The target of this name.
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.into_iter().find(|target| target.name == name)
    }

    /// Runs it and looks at the memory that it took.
    ///
    /// # Panics
    /// Where a promise was broken.
    pub fn check(&self, bytes: &[u8]) {
        let most = (self.memory)(bytes.len());
        let taken = memory::taken_by(|| (self.run)(bytes));
        assert!(
            taken <= most,
            "{} took {taken} bytes for {} of input; {most} are allowed",
            self.name,
            bytes.len()
        );
    }
}

//! The stretch of a file that was read last.

/// Some bytes of the file and where they begin.
#[derive(Debug, Default)]
pub(super) struct Window {
    begins: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(super) fn fill(&mut self, begins: u64, bytes: &[u8]) {
        self.begins = begins;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }

    /// `len` bytes at `at`, if all of them are here.
    pub(super) fn get(&self, at: u64, len: u64) -> Option<&[u8]> {
        let skip = usize::try_from(at.checked_sub(self.begins)?).ok()?;
        let len = usize::try_from(len).ok()?;
        self.bytes.get(skip..)?.get(..len)
    }
}

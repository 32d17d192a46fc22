//! Writes boxes into a byte vector, patching each size when its box closes.

use super::FourCc;

/// A growing run of boxes.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    /// The number of entries that follow. Callers bound their lists far below 2^32.
    pub(crate) fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// Writes over four bytes already written, for offsets known only later.
    pub(crate) fn patch_u32(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// A box whose contents `fill` writes. No header box written here comes near 4 GiB.
    pub(crate) fn boxed(&mut self, kind: FourCc, fill: impl FnOnce(&mut Self)) {
        let start = self.len();
        self.u32(0);
        self.bytes(&kind);
        fill(self);
        let size = u32::try_from(self.len() - start).unwrap_or(u32::MAX);
        self.patch_u32(start, size);
    }

    /// A full box: version and 24 bits of flags before the contents.
    pub(crate) fn full(
        &mut self,
        kind: FourCc,
        version: u8,
        flags: u32,
        fill: impl FnOnce(&mut Self),
    ) {
        self.boxed(kind, |w| {
            w.u32(u32::from(version) << 24 | (flags & 0x00ff_ffff));
            fill(w);
        });
    }
}

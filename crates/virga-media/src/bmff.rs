//! ISO base media file format (ISO/IEC 14496-12): reading boxes with every bound checked, and
//! writing them.

mod read;
mod write;

pub(crate) use read::{BoxRef, Cursor, boxes, find, find_within};
pub(crate) use write::Writer;

/// A four-character box, brand or handler name.
pub(crate) type FourCc = [u8; 4];

//! Films: what they are, their indexes, and all that is made of an index.

mod files;
mod tables;
mod used;

pub(crate) use files::{codec, fragments, matroska, moov, mp4, sample};
pub(crate) use tables::{block, table};

use virga_media::SNIFF_LEN;

/// The first bytes decide, and nothing after [`SNIFF_LEN`].
pub(crate) fn sniff(bytes: &[u8]) {
    let found = virga_media::sniff(bytes);
    let head = &bytes[..bytes.len().min(SNIFF_LEN)];
    assert_eq!(virga_media::sniff(head), found);
    if let Ok(container) = found {
        assert!(!container.demuxer().is_empty());
    }
    if let Ok((container, junk)) = virga_media::sniff_behind(bytes)
        && junk > 0
    {
        let film = usize::try_from(junk).ok().and_then(|junk| head.get(junk..));
        assert_eq!(virga_media::sniff(film.unwrap_or_default()), Ok(container));
    }
}

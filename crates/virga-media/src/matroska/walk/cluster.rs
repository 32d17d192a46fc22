//! Clusters, groups and blocks: where the frames are.

use super::super::block::{self, Head};
use super::super::ebml::Header;
use super::super::frames::{Frames, LOOK, NO_TIME};
use super::super::tracks::MAX_SPAN;
use super::{Flow, Found, Held, OUTSIDE, Walk, id};
use crate::MediaError;

/// A block of several frames is read whole up to this many bytes: such frames are small ones.
const MAX_LACED: u64 = 1 << 20;
/// Frames of all tracks together: twelve hours of 60 pictures and 50 packets of sound a second.
const MAX_FRAMES: usize = 6_000_000;
/// Times of clusters in ticks; beyond are none, and sums stay within bounds.
const MAX_TICKS: u64 = 1 << 53;

#[derive(Debug)]
pub(super) struct Cluster {
    /// `None`: not known.
    pub(super) end: Option<u64>,
    pub(super) time: Option<u64>,
}

/// A `BlockGroup`: what is known of its block is complete at its end only.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) end: u64,
    /// Which track's, and its first frame's place there.
    pub(super) block: Option<(usize, usize)>,
    pub(super) lasts: Option<i64>,
    pub(super) key: bool,
    pub(super) padding: i64,
}

impl Walk {
    pub(super) fn in_cluster(&mut self, header: Header) -> Result<Flow, MediaError> {
        match header.id {
            id::TIMESTAMP => match self.whole(header, 8)? {
                Held::Here(element) => {
                    let time = element.uint()?;
                    if time > MAX_TICKS {
                        return Err(MediaError::malformed("the time of a cluster"));
                    }
                    if let Some(cluster) = &mut self.cluster {
                        cluster.time = Some(time);
                    }
                    self.pass(header)
                }
                held => Ok(held.flow()),
            },
            id::SIMPLE_BLOCK => self.block(header),
            id::BLOCK_GROUP => {
                let size = header.size.ok_or(OUTSIDE)?;
                self.at += header.len;
                self.group = Some(Group {
                    end: self.at.saturating_add(size),
                    block: None,
                    lasts: None,
                    key: true,
                    padding: 0,
                });
                Ok(Flow::On)
            }
            id::ENCRYPTED_BLOCK => Err(MediaError::unsupported("encrypted blocks")),
            other if id::is_beside_clusters(other) => {
                if self
                    .cluster
                    .as_ref()
                    .is_some_and(|cluster| cluster.end.is_some())
                {
                    return Err(OUTSIDE);
                }
                self.cluster = None;
                Ok(Flow::On)
            }
            _ => self.pass(header),
        }
    }

    pub(super) fn in_group(&mut self, header: Header) -> Result<Flow, MediaError> {
        if header.id == id::BLOCK {
            return self.block(header);
        }
        if header.id == id::CODEC_STATE {
            return Err(MediaError::unsupported("a coding that changes on the way"));
        }
        let known = matches!(header.id, id::DURATION | id::REFERENCE | id::PADDING);
        if !known {
            return self.pass(header);
        }
        let element = match self.whole(header, 8)? {
            Held::Here(element) => element,
            held => return Ok(held.flow()),
        };
        let scale = self.info.scale;
        let (lasts, padding) = match header.id {
            id::DURATION => (Some(nanos(element.uint()?, scale)), None),
            id::PADDING => (None, Some(element.int()?)),
            _ => (None, None),
        };
        if let Some(group) = &mut self.group {
            group.key &= header.id != id::REFERENCE;
            group.lasts = lasts.or(group.lasts);
            group.padding = padding.unwrap_or(group.padding);
        }
        self.pass(header)
    }

    pub(super) fn close_group(&mut self) {
        let Some(group) = self.group.take() else {
            return;
        };
        let Some((track, from)) = group.block else {
            return;
        };
        if let Some(found) = self
            .tracks
            .as_mut()
            .and_then(|tracks| tracks.get_mut(track))
        {
            found.frames.settle(from, group.key, group.lasts);
            found.frames.padding = group.padding.clamp(0, MAX_SPAN.cast_signed());
        }
    }

    /// Takes the frames of the block at the current position.
    fn block(&mut self, header: Header) -> Result<Flow, MediaError> {
        const STRANGE: MediaError = MediaError::malformed("a block of frames");
        let size = header.size.ok_or(OUTSIDE)?;
        if size > self.file_size - self.at - header.len.min(self.file_size - self.at) {
            return Ok(self.end());
        }
        let want = header.len + size.min(block::MAX_HEAD + LOOK);
        let Some(bytes) = self.window.get(self.at, want) else {
            return Ok(Flow::Read(want));
        };
        let start = usize::try_from(header.len).unwrap_or(0);
        let head = Head::parse(bytes.get(start..).ok_or(STRANGE)?)?;
        let wanted = |found: &Found| found.entry.number == head.track && found.frames.are_wanted();
        let tracks = self.tracks.as_mut().ok_or(STRANGE)?;
        let Some(index) = tracks.iter().position(wanted) else {
            return self.pass(header);
        };
        let frames = &mut tracks[index].frames;
        let from = frames.list.len();
        let cluster = self.cluster.as_ref().and_then(|cluster| cluster.time);
        let ticks = cluster.ok_or(STRANGE)?.cast_signed() + i64::from(head.time);
        let time = nanos_signed(ticks, self.info.scale)?;
        let body = start + head.len;
        let offset = self.at + body as u64;
        if head.is_laced() {
            if frames.are_pictures() || size > MAX_LACED {
                return Err(MediaError::unsupported("several pictures in one block"));
            }
            let Some(bytes) = self.window.get(self.at, header.len + size) else {
                return Ok(Flow::Read(header.len + size));
            };
            push_laced(frames, head, &bytes[body..], offset, time)?;
        } else if size > head.len as u64 {
            let len = u32::try_from(size - head.len as u64)
                .map_err(|_| MediaError::too_large("a frame is over 4 GiB"))?;
            frames.push(offset, len, time, &bytes[body..]);
        }
        self.count += frames.list.len() - from;
        if self.count > MAX_FRAMES {
            return Err(MediaError::too_large("it has too many frames"));
        }
        match &mut self.group {
            Some(group) if group.block.is_some() => return Err(STRANGE),
            Some(group) => group.block = Some((index, from)),
            None => {
                frames.settle(from, head.is_key(), None);
                frames.padding = 0;
            }
        }
        self.pass(header)
    }
}

fn push_laced(
    frames: &mut Frames,
    head: Head,
    body: &[u8],
    offset: u64,
    time: i64,
) -> Result<(), MediaError> {
    let (mut at, sizes) = head.lace(body)?;
    let mut time = time;
    for size in sizes {
        let rest = body.get(at..).unwrap_or_default();
        // Frames of no bytes cost nothing in the file, so there may be any number of them.
        if size > 0 {
            frames.push(offset + at as u64, size, time, rest);
            time = NO_TIME;
        }
        at += size as usize;
    }
    Ok(())
}

/// Ticks of the file in nanoseconds, at most a day.
fn nanos(ticks: u64, scale: u64) -> i64 {
    ticks.saturating_mul(scale).min(MAX_SPAN).cast_signed()
}

fn nanos_signed(ticks: i64, scale: u64) -> Result<i64, MediaError> {
    ticks
        .checked_mul(scale.cast_signed())
        .filter(|nanos| nanos.unsigned_abs() < 1 << 60)
        .ok_or(MediaError::malformed("the time of a frame"))
}

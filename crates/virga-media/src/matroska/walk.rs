//! The walk over a file: headers of elements and blocks are read, what frames hold is passed over.

mod cluster;

use super::ebml::{self, Element, Header};
use super::frames::Frames;
use super::tracks::{self, Entry, Info};
use super::{entry, window::Window};
use crate::MediaError;
use crate::movie::{Description, TrackKind};

use cluster::{Cluster, Group};

/// `Info`, `Tracks` and the file's own head are read whole up to this many bytes.
const MAX_HEAD: u64 = 4 << 20;

const OUTSIDE: MediaError = MediaError::malformed("an element is longer than what holds it");

mod id {
    pub(super) const EBML: u32 = 0x1a45_dfa3;
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const INFO: u32 = 0x1549_a966;
    pub(super) const TRACKS: u32 = 0x1654_ae6b;
    pub(super) const CLUSTER: u32 = 0x1f43_b675;
    pub(super) const TIMESTAMP: u32 = 0xe7;
    pub(super) const SIMPLE_BLOCK: u32 = 0xa3;
    pub(super) const BLOCK_GROUP: u32 = 0xa0;
    pub(super) const BLOCK: u32 = 0xa1;
    pub(super) const DURATION: u32 = 0x9b;
    pub(super) const REFERENCE: u32 = 0xfb;
    pub(super) const PADDING: u32 = 0x75a2;
    pub(super) const CODEC_STATE: u32 = 0xa4;
    pub(super) const ENCRYPTED_BLOCK: u32 = 0xaf;

    /// What ends a cluster that did not know its size: all that stands beside clusters.
    pub(super) fn is_beside_clusters(id: u32) -> bool {
        const CUES: u32 = 0x1c53_bb6b;
        const TAGS: u32 = 0x1254_c367;
        const CHAPTERS: u32 = 0x1043_a770;
        const ATTACHMENTS: u32 = 0x1941_a469;
        const SEEK_HEAD: u32 = 0x114d_9b74;
        matches!(
            id,
            EBML | SEGMENT
                | INFO
                | TRACKS
                | CLUSTER
                | CUES
                | TAGS
                | CHAPTERS
                | ATTACHMENTS
                | SEEK_HEAD
        )
    }
}

/// A track and what was found of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) entry: Entry,
    /// Its coding, by its header alone.
    pub(super) description: Description,
    pub(super) frames: Frames,
}

/// How a step ended.
pub(super) enum Flow {
    On,
    /// So many bytes from the current position are needed.
    Read(u64),
    /// The file ends here, rightly or not.
    End,
}

/// Where the walk is.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) file_size: u64,
    pub(super) at: u64,
    pub(super) window: Window,
    /// The end of the segment, `u64::MAX` if it did not know.
    segment: Option<u64>,
    cluster: Option<Cluster>,
    group: Option<Group>,
    webm: bool,
    pub(super) info: Info,
    pub(super) tracks: Option<Vec<Found>>,
    count: usize,
}

impl Walk {
    pub(super) fn new(file_size: u64) -> Self {
        Self {
            file_size,
            at: 0,
            window: Window::default(),
            segment: None,
            cluster: None,
            group: None,
            webm: false,
            info: Info::default(),
            tracks: None,
            count: 0,
        }
    }

    /// Whether the file ends before the segment that knows its size.
    pub(super) fn is_cut_off(&self) -> bool {
        self.segment
            .is_some_and(|end| end != u64::MAX && end > self.file_size)
    }

    /// Goes on by one element.
    pub(super) fn advance(&mut self) -> Result<Flow, MediaError> {
        self.leave();
        let segment_ends = self.segment.unwrap_or(u64::MAX);
        if self.at >= self.file_size.min(segment_ends) {
            return Ok(self.end());
        }
        let left = self.file_size - self.at;
        let want = left.min(ebml::MAX_HEADER);
        let Some(bytes) = self.window.get(self.at, want) else {
            return Ok(Flow::Read(want));
        };
        // All the bytes that a header can have were there, so the file ends within it.
        let Some(header) = ebml::header(bytes)? else {
            return Ok(self.end());
        };
        let within = self.holder_end();
        let end = header
            .size
            .and_then(|size| (self.at + header.len).checked_add(size));
        if header.size.is_some() && end.is_none_or(|end| end > within) {
            return Err(OUTSIDE);
        }
        if self.group.is_some() {
            self.in_group(header)
        } else if self.cluster.is_some() {
            self.in_cluster(header)
        } else if self.segment.is_some() {
            self.in_segment(header)
        } else {
            self.in_file(header)
        }
    }

    /// Leaves what ends at the current position.
    fn leave(&mut self) {
        if self
            .group
            .as_ref()
            .is_some_and(|group| self.at >= group.end)
        {
            self.close_group();
        }
        let end = self.cluster.as_ref().and_then(|cluster| cluster.end);
        if self.group.is_none() && end.is_some_and(|end| self.at >= end) {
            self.cluster = None;
        }
    }

    /// The end of what holds the current position, by its own claim.
    fn holder_end(&self) -> u64 {
        let group = self.group.as_ref().map(|group| group.end);
        let cluster = self.cluster.as_ref().and_then(|cluster| cluster.end);
        group.or(cluster).or(self.segment).unwrap_or(u64::MAX)
    }

    /// The end of the file or of its segment. A group that is cut off has told too little of its block.
    fn end(&mut self) -> Flow {
        if let Some(Group {
            block: Some((track, from)),
            ..
        }) = self.group.take()
            && let Some(found) = self
                .tracks
                .as_mut()
                .and_then(|tracks| tracks.get_mut(track))
        {
            found.frames.list.truncate(from);
        }
        Flow::End
    }

    fn pass(&mut self, header: Header) -> Result<Flow, MediaError> {
        let size = header.size.ok_or(OUTSIDE)?;
        self.at = self.at.saturating_add(header.len).saturating_add(size);
        Ok(Flow::On)
    }

    /// The whole element at the current position, once it is there.
    fn whole(&self, header: Header, most: u64) -> Result<Held<'_>, MediaError> {
        let size = header.size.filter(|size| *size <= most).ok_or(OUTSIDE)?;
        let len = header.len + size;
        if len > self.file_size - self.at {
            return Ok(Held::CutOff);
        }
        Ok(match self.window.get(self.at, len) {
            None => Held::Wanted(len),
            Some(bytes) => Held::Here(Element {
                id: header.id,
                body: bytes
                    .get(usize::try_from(header.len).unwrap_or(0)..)
                    .unwrap_or_default(),
            }),
        })
    }

    fn in_file(&mut self, header: Header) -> Result<Flow, MediaError> {
        match header.id {
            id::EBML => match self.whole(header, MAX_HEAD)? {
                Held::Here(head) => {
                    self.webm = is_webm(&head)?;
                    self.pass(header)
                }
                held => Ok(held.flow()),
            },
            id::SEGMENT => {
                let start = self.at + header.len;
                let end = header.size.map(|size| start.saturating_add(size));
                self.segment = Some(end.unwrap_or(u64::MAX));
                self.at = start;
                Ok(Flow::On)
            }
            _ => self.pass(header),
        }
    }

    fn in_segment(&mut self, header: Header) -> Result<Flow, MediaError> {
        match header.id {
            id::INFO | id::TRACKS => {
                let element = match self.whole(header, MAX_HEAD)? {
                    Held::Here(element) => element,
                    held => return Ok(held.flow()),
                };
                if header.id == id::INFO {
                    self.info = Info::parse(&element)?;
                } else if self.tracks.is_none() {
                    self.tracks = Some(found(&element, self.webm)?);
                }
                self.pass(header)
            }
            id::CLUSTER if self.tracks.is_none() => Err(MediaError::unsupported(
                "a list of tracks behind the frames",
            )),
            id::CLUSTER => {
                self.at += header.len;
                self.cluster = Some(Cluster {
                    end: header.size.map(|size| self.at.saturating_add(size)),
                    time: None,
                });
                Ok(Flow::On)
            }
            id::EBML | id::SEGMENT => Err(MediaError::unsupported("several films in one file")),
            _ => self.pass(header),
        }
    }
}

/// An element that is wanted whole.
enum Held<'a> {
    Here(Element<'a>),
    Wanted(u64),
    CutOff,
}

impl Held<'_> {
    /// What to do while it is not there.
    fn flow(&self) -> Flow {
        match self {
            Self::Here(_) => Flow::On,
            Self::Wanted(len) => Flow::Read(*len),
            Self::CutOff => Flow::End,
        }
    }
}

/// Whether the file calls itself `WebM`. Anything but that and Matroska is another format.
fn is_webm(head: &Element<'_>) -> Result<bool, MediaError> {
    for child in head.children() {
        let child = child?;
        if child.id == 0x4282 {
            return match child.text().as_str() {
                "webm" => Ok(true),
                "matroska" => Ok(false),
                _ => Err(MediaError::unsupported("its kind of EBML")),
            };
        }
    }
    Ok(false)
}

fn found(tracks: &Element<'_>, webm: bool) -> Result<Vec<Found>, MediaError> {
    let entries = tracks::parse(tracks, webm)?;
    let found = |entry: Entry| {
        let description = entry::description(&entry, &[])?;
        let frames = Frames::of(&description.codec, &entry.private);
        Ok(Found {
            entry,
            description,
            frames,
        })
    };
    let mut found: Vec<Found> = entries.into_iter().map(found).collect::<Result<_, _>>()?;
    prefer(&mut found);
    Ok(found)
}

/// Where the file names a favourite of a kind, the others of that kind wait to be chosen.
fn prefer(found: &mut [Found]) {
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let favourite = |entry: &Entry| entry.kind == kind && entry.enabled && entry.default;
        if found.iter().any(|found| favourite(&found.entry)) {
            let of_kind = found.iter_mut().filter(|found| found.entry.kind == kind);
            of_kind.for_each(|found| found.entry.enabled &= found.entry.default);
        }
    }
}

//! `Info` and `Tracks` (RFC 9559 §5.1.2 and §5.1.4): what each track holds and how it is coded.

use super::ebml::Element;
use crate::MediaError;
use crate::movie::TrackKind;

/// More tracks than any film has.
const MAX_TRACKS: usize = 64;
/// Pictures are no larger than MP4 can say.
const MAX_SIDE: u64 = 0xffff;
/// Lengths of one frame, delays and paddings beyond this many nanoseconds are nonsense.
pub(super) const MAX_SPAN: u64 = 86_400_000_000_000;

/// What holds for the whole file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Info {
    /// Nanoseconds in a tick of clusters and blocks.
    pub(super) scale: u64,
    /// Its length in such ticks, where it is known.
    pub(super) duration: f64,
}

impl Default for Info {
    fn default() -> Self {
        Self {
            scale: 1_000_000,
            duration: 0.0,
        }
    }
}

impl Info {
    pub(super) fn parse(info: &Element<'_>) -> Result<Self, MediaError> {
        let mut read = Self::default();
        for child in info.children() {
            let child = child?;
            match child.id {
                0x2a_d7b1 => read.scale = child.uint()?,
                0x4489 => read.duration = child.float()?,
                _ => {}
            }
        }
        // A second at most: blocks count 32,768 of them from their cluster.
        if (1..=1_000_000_000).contains(&read.scale) {
            Ok(read)
        } else {
            Err(MediaError::malformed("the length of its ticks"))
        }
    }
}

/// One track as its file describes it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) kind: TrackKind,
    pub(super) codec: String,
    pub(super) private: Vec<u8>,
    /// Nanoseconds a frame.
    pub(super) frame: Option<u64>,
    /// Nanoseconds that its blocks come later than they are shown.
    pub(super) delay: u64,
    pub(super) enabled: bool,
    pub(super) default: bool,
    pub(super) language: Option<String>,
    pub(super) video: Video,
    pub(super) rate: f64,
    pub(super) channels: u64,
    pub(super) stored: Stored,
}

/// How frames lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// As their decoder wants them.
    Plain,
    /// Compressed, or without their first bytes.
    Packed,
    Encrypted,
}

/// How pictures are meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Video {
    pub(super) width: u64,
    pub(super) height: u64,
    pub(super) shown: Option<(u64, u64)>,
    /// 0 pixels, 3 a ratio of sides.
    unit: u64,
    pub(super) interlaced: bool,
    /// Cropped, turned or on a sphere: more than its pixels say.
    pub(super) transformed: bool,
    /// Primaries, transfer, matrix, as in H.273; 2 where not said.
    pub(super) colour: Option<[u64; 3]>,
    pub(super) full_range: bool,
}

/// The tracks in file order.
pub(super) fn parse(tracks: &Element<'_>, webm: bool) -> Result<Vec<Entry>, MediaError> {
    let mut entries: Vec<Entry> = Vec::new();
    for child in tracks.children() {
        let child = child?;
        if child.id != 0xae {
            continue;
        }
        if entries.len() == MAX_TRACKS {
            return Err(MediaError::too_large("it has over 64 tracks"));
        }
        let entry = Entry::parse(&child, webm)?;
        if entries.iter().any(|known| known.number == entry.number) {
            return Err(MediaError::malformed("two tracks of one number"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

impl Entry {
    fn parse(entry: &Element<'_>, webm: bool) -> Result<Self, MediaError> {
        let mut read = Self {
            number: 0,
            kind: TrackKind::Other,
            codec: String::new(),
            private: Vec::new(),
            frame: None,
            delay: 0,
            enabled: true,
            default: true,
            // Matroska means English where nothing is said. Browsers' recorders say nothing ever.
            language: (!webm).then(|| "eng".to_owned()),
            video: Video::default(),
            rate: 8000.0,
            channels: 1,
            stored: Stored::Plain,
        };
        let mut tagged = None;
        for child in entry.children() {
            let child = child?;
            match child.id {
                0xd7 => read.number = child.uint()?,
                0x83 => read.kind = kind(child.uint()?),
                0x86 => read.codec = child.text(),
                0x63a2 => read.private = child.body.to_vec(),
                0x23_e383 => read.frame = Some(child.uint()?).filter(|frame| *frame > 0),
                0x56aa => read.delay = child.uint()?,
                0xb9 => read.enabled = child.uint()? != 0,
                0x88 => read.default = child.uint()? != 0,
                0x22_b59c => read.language = Some(child.text()),
                0x22_b59d => tagged = Some(child.text()),
                0xe0 => read.video = Video::parse(&child)?,
                0xe1 => read.read_sound(&child)?,
                0x6d80 => read.read_encodings(&child)?,
                // Nothing writes that.
                0x23_314f if (child.float()? - 1.0).abs() > 1e-9 => {
                    return Err(MediaError::unsupported("a track with a clock of its own"));
                }
                _ => {}
            }
        }
        read.language = read.language.and_then(|name| iso639(&name));
        if let Some(tag) = tagged.and_then(|tag| iso639(tag.split('-').next().unwrap_or(""))) {
            read.language = Some(tag);
        }
        if read.frame.unwrap_or(0) > MAX_SPAN || read.delay > MAX_SPAN {
            return Err(MediaError::malformed("the length of a frame"));
        }
        Ok(read)
    }

    fn read_sound(&mut self, audio: &Element<'_>) -> Result<(), MediaError> {
        for child in audio.children() {
            let child = child?;
            match child.id {
                0xb5 => self.rate = child.float()?,
                0x9f => self.channels = child.uint()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_encodings(&mut self, encodings: &Element<'_>) -> Result<(), MediaError> {
        for encoding in encodings.children() {
            for child in encoding?.children() {
                let child = child?;
                if child.id == 0x5035 || (child.id == 0x5033 && child.uint()? == 1) {
                    self.stored = Stored::Encrypted;
                }
            }
            if self.stored == Stored::Plain {
                self.stored = Stored::Packed;
            }
        }
        Ok(())
    }
}

fn kind(value: u64) -> TrackKind {
    match value {
        1 => TrackKind::Video,
        2 => TrackKind::Audio,
        _ => TrackKind::Other,
    }
}

/// Three small letters that name a language.
fn iso639(name: &str) -> Option<String> {
    let letters = name.len() == 3 && name.bytes().all(|letter| letter.is_ascii_lowercase());
    (letters && name != "und").then(|| name.to_owned())
}

impl Video {
    fn parse(video: &Element<'_>) -> Result<Self, MediaError> {
        let mut read = Self::default();
        let mut shown = (None, None);
        for child in video.children() {
            let child = child?;
            match child.id {
                0xb0 => read.width = child.uint()?,
                0xba => read.height = child.uint()?,
                0x54b0 => shown.0 = Some(child.uint()?),
                0x54ba => shown.1 = Some(child.uint()?),
                0x54b2 => read.unit = child.uint()?,
                0x9a => read.interlaced = child.uint()? == 1,
                // Lines to leave out at each side.
                0x54aa | 0x54bb | 0x54cc | 0x54dd => read.transformed |= child.uint()? != 0,
                0x7670 => read.transformed |= is_projected(&child)?,
                0x55b0 => read.read_colour(&child)?,
                _ => {}
            }
        }
        if read.width > MAX_SIDE || read.height > MAX_SIDE {
            return Err(MediaError::malformed("the size of its picture"));
        }
        if let (Some(width), Some(height)) = shown {
            read.shown = read.in_pixels(width, height);
        }
        Ok(read)
    }

    /// The size shown in pixels, by whatever unit it is written in.
    fn in_pixels(&self, width: u64, height: u64) -> Option<(u64, u64)> {
        if width == 0 || height == 0 || width > 1 << 32 || height > 1 << 32 {
            return None;
        }
        let (width, height) = match self.unit {
            0 => (width, height),
            // Centimetres, inches, or a ratio: as high as it is, as wide as that makes it.
            1..=3 => ((self.height * width + height / 2) / height, self.height),
            _ => return None,
        };
        (width > 0 && width <= MAX_SIDE && height <= MAX_SIDE).then_some((width, height))
    }

    fn read_colour(&mut self, colour: &Element<'_>) -> Result<(), MediaError> {
        let mut said = [2; 3];
        for child in colour.children() {
            let child = child?;
            match child.id {
                0x55bb => said[0] = child.uint()?,
                0x55ba => said[1] = child.uint()?,
                0x55b1 => said[2] = child.uint()?,
                0x55b9 => self.full_range = child.uint()? == 2,
                _ => {}
            }
        }
        let known = said.iter().all(|code| *code <= 255) && said != [2; 3];
        self.colour = known.then_some(said);
        Ok(())
    }
}

/// Whether a picture is on a sphere or turned.
fn is_projected(projection: &Element<'_>) -> Result<bool, MediaError> {
    let mut projected = false;
    for child in projection.children() {
        let child = child?;
        projected |= match child.id {
            0x7671 => child.uint()? != 0,
            0x7673..=0x7675 => child.float()?.abs() > 1e-6,
            _ => false,
        };
    }
    Ok(projected)
}

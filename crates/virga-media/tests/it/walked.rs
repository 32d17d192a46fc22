//! Matroska files walked as a server walks them, and what ffprobe lists of the same files.

use std::path::Path;

use virga_media::{MatroskaReader, MatroskaStep, MediaError, Movie, TrackKind};

use crate::clips::{list, range};

/// Bytes in one read.
pub(crate) const REACH: u64 = 64 * 1024;

/// Walks a whole file; also what it read: how often, and how many bytes.
pub(crate) fn walk(file: &[u8], reach: u64) -> Result<(Movie, usize, u64), MediaError> {
    let mut reader = MatroskaReader::new(file.len() as u64, reach);
    let (mut reads, mut bytes, mut before) = (0, 0, (0, 0));
    loop {
        match reader.step()? {
            MatroskaStep::Read { offset, len } => {
                assert!((offset, len) > before, "reads go on");
                before = (offset, len);
                reads += 1;
                bytes += len;
                reader.feed(range(file, offset, len));
            }
            MatroskaStep::Done => return Ok((reader.finish()?, reads, bytes)),
        }
    }
}

pub(crate) fn movie(file: &[u8]) -> Movie {
    walk(file, REACH).unwrap().0
}

/// One frame as both sides see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) micros: i64,
    pub(crate) size: u32,
    pub(crate) key: bool,
    pub(crate) crc: u32,
}

/// The frames of a track as our index lists them, at their times in the presentation.
pub(crate) fn ours(file: &[u8], movie: &Movie, track: usize) -> Vec<Packet> {
    let track = &movie.tracks[track];
    let scale = i64::from(track.timescale);
    let packets = track.samples.iter().map(|sample| {
        let ticks = sample.pts() - track.edit.media_start;
        Packet {
            micros: ticks * 1_000_000 / scale + track.edit.leading_empty_micros,
            size: sample.size,
            key: sample.sync,
            crc: crc32(range(file, sample.offset, sample.size.into())),
        }
    });
    packets.collect()
}

/// The packets of the stream of the same number, as ffprobe reads them.
pub(crate) fn theirs(path: &Path, stream: usize) -> Vec<Packet> {
    let words = format!(
        "-select_streams {stream} -show_data_hash crc32 -show_packets \
         -show_entries packet=pts_time,size,flags,data_hash"
    );
    let mut packets = vec![];
    let mut read = Packet::default();
    // What belongs to a packet stands in one line or in several.
    for cell in list(path, &words).split(['|', '\n']) {
        match cell.trim().split_once('=').unwrap_or_default() {
            ("pts_time", value) => {
                let seconds: f64 = value.parse().unwrap();
                read.micros = format!("{:.0}", seconds * 1e6).parse().unwrap();
            }
            ("size", value) => read.size = value.parse().unwrap(),
            ("flags", value) => read.key = value.starts_with('K'),
            ("data_hash", value) => {
                let digits = value.strip_prefix("CRC32:").unwrap();
                read.crc = u32::from_str_radix(digits, 16).unwrap();
                packets.push(std::mem::take(&mut read));
            }
            _ => {}
        }
    }
    packets
}

/// Compares every frame of every track that is packaged: bytes, key frames, and times to within
/// `allowed` microseconds of one another, all tracks on one clock.
pub(crate) fn assert_same(path: &Path, file: &[u8], allowed: i64) -> Movie {
    let movie = movie(file);
    let mut clock: Option<(i64, i64)> = None;
    for (index, track) in movie.tracks.iter().enumerate() {
        if !track.codec.is_packaged() {
            continue;
        }
        let (ours, theirs) = (ours(file, &movie, index), theirs(path, index));
        assert_eq!(
            ours.len(),
            theirs.len(),
            "frames of track {index} of {}",
            path.display()
        );
        for (number, (own, other)) in ours.iter().zip(&theirs).enumerate() {
            let what = format!("frame {number} of track {index} of {}", path.display());
            assert_eq!((own.size, own.crc), (other.size, other.crc), "{what}");
            assert!(
                own.key == other.key || track.kind == TrackKind::Audio,
                "{what}"
            );
            let apart = other.micros - own.micros;
            let (least, most) = clock.unwrap_or((apart, apart));
            clock = Some((least.min(apart), most.max(apart)));
        }
    }
    let (least, most) = clock.expect("frames to compare");
    let spread = most - least;
    assert!(
        spread <= allowed,
        "{}: clocks {spread} us apart",
        path.display()
    );
    movie
}

/// As Ethernet and ffmpeg count it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let bit = |crc: u32, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        (0..8).fold(crc ^ u32::from(*byte), bit)
    };
    !bytes.iter().fold(u32::MAX, step)
}

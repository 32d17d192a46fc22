//! Decides from the first bytes what a file is, so that ffmpeg gets exactly one demuxer and never
//! guesses: a guess would let a playlist named `.mp4` read other people's files.

mod behind;
mod raw;
mod sound;

pub use sound::tag_length;

use thiserror::Error;

/// How many first bytes [`sniff`] looks at; more are ignored.
pub const SNIFF_LEN: usize = 64 * 1024;

/// A container that one demuxer of ffmpeg reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// MP4, M4V, 3GP and QuickTime.
    Mp4,
    /// Matroska and `WebM`.
    Matroska,
    /// MPEG transport stream, also with 192-byte (M2TS) or 204-byte packets.
    MpegTs,
    /// MPEG program stream (VOB, MPG).
    MpegPs,
    /// MPEG-1/2 video without a container.
    MpegVideo,
    /// AVI.
    Avi,
    /// Flash video.
    Flv,
    /// Ogg.
    Ogg,
    /// ASF and WMV.
    Asf,
    /// Material exchange format of cameras and broadcasters.
    Mxf,
    /// GIF, which may be animated.
    Gif,
    /// Animated PNG.
    Apng,
    /// H.264 without a container (Annex B).
    H264,
    /// HEVC without a container (Annex B).
    Hevc,
    /// YUV4MPEG2, as programs pass pictures to one another.
    Y4m,
    /// IVF, a bare container of VP8, VP9 and AV1.
    Ivf,
    /// `RealMedia`.
    RealMedia,
    /// MPEG audio (MP3) without a container.
    Mp3,
    /// AAC without a container (ADTS).
    Adts,
    /// FLAC without a container.
    Flac,
    /// WAVE.
    Wav,
    /// AIFF.
    Aiff,
    /// `WavPack`.
    WavPack,
    /// Core Audio format.
    Caf,
}

impl Container {
    /// The one name to give ffmpeg's `-f` and `-format_whitelist`.
    pub fn demuxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mov",
            Self::Matroska => "matroska",
            Self::MpegTs => "mpegts",
            Self::MpegPs => "mpeg",
            Self::MpegVideo => "mpegvideo",
            Self::Avi => "avi",
            Self::Flv => "flv",
            Self::Ogg => "ogg",
            Self::Asf => "asf",
            Self::Mxf => "mxf",
            Self::Gif => "gif",
            Self::Apng => "apng",
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Y4m => "yuv4mpegpipe",
            Self::Ivf => "ivf",
            Self::RealMedia => "rm",
            Self::Mp3 => "mp3",
            Self::Adts => "aac",
            Self::Flac => "flac",
            Self::Wav => "wav",
            Self::Aiff => "aiff",
            Self::WavPack => "wv",
            Self::Caf => "caf",
        }
    }
}

/// Why a file is refused from its first bytes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Refusal {
    /// No bytes.
    #[error("The file is empty.")]
    Empty,
    /// An HLS, DASH or other list of media stored elsewhere.
    #[error("This is a playlist, which only refers to video elsewhere. Upload the video itself.")]
    Playlist,
    /// An ffmpeg concat script.
    #[error("This is a list of other files, not a video. Upload the video itself.")]
    Concat,
    /// A session description.
    #[error("This file describes a network stream and contains no video.")]
    Sdp,
    /// Text of another kind.
    #[error("This is a text file, not a video. Upload the video itself.")]
    Text,
    /// A picture that does not move, or one of a kind whose moving ones are not read here.
    #[error("This is a picture, not a video. Upload the video itself.")]
    Image,
    /// None of the formats known here.
    #[error(
        "This site does not recognise this format, or the file is damaged. Convert the video to MP4 \
             and upload that."
    )]
    Unknown,
}

/// Names the container that `head`, the file's first bytes (at most [`SNIFF_LEN`] count), begins.
pub fn sniff(head: &[u8]) -> Result<Container, Refusal> {
    sniff_behind(head).map(|(container, _)| container)
}

/// The same, and how many other bytes are before it: an MP4 may stand behind junk, whose length is below
/// [`SNIFF_LEN`].
pub fn sniff_behind(head: &[u8]) -> Result<(Container, u64), Refusal> {
    let head = &head[..head.len().min(SNIFF_LEN)];
    match sniff_first(head) {
        Ok(Container::Mp3) => {
            let tag = tag_length(head).and_then(|tag| usize::try_from(tag).ok());
            let tag = tag.filter(|tag| head.get(*tag..).is_some_and(behind::is_film));
            Ok(tag.map_or((Container::Mp3, 0), |tag| (Container::Mp4, tag as u64)))
        }
        Err(refusal @ (Refusal::Unknown | Refusal::Text)) => match behind::mp4(head) {
            Some(at) => Ok((Container::Mp4, at as u64)),
            None => Err(refusal),
        },
        sniffed => sniffed.map(|container| (container, 0)),
    }
}

fn sniff_first(head: &[u8]) -> Result<Container, Refusal> {
    if head.is_empty() {
        return Err(Refusal::Empty);
    }
    if let Some(raw) = raw::container(head) {
        return Ok(raw);
    }
    if let Some(refusal) = refused_signature(head) {
        return Err(refusal);
    }
    if let Some(sound) = sound::container(head) {
        return Ok(sound);
    }
    if let Some(refusal) = refused_text(head) {
        return Err(refusal);
    }
    container(head).unwrap_or(Err(Refusal::Unknown))
}

fn container(head: &[u8]) -> Option<Result<Container, Refusal>> {
    const SIGNATURES: [(&[u8], Container); 12] = [
        (&[0x1a, 0x45, 0xdf, 0xa3], Container::Matroska),
        (&[0, 0, 1, 0xba], Container::MpegPs),
        (&[0, 0, 1, 0xb3], Container::MpegVideo),
        (b"FLV\x01", Container::Flv),
        (b"OggS", Container::Ogg),
        (
            &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11],
            Container::Asf,
        ),
        (
            &[
                0x06, 0x0e, 0x2b, 0x34, 0x02, 0x05, 0x01, 0x01, 0x0d, 0x01, 0x02,
            ],
            Container::Mxf,
        ),
        (b"GIF87a", Container::Gif),
        (b"GIF89a", Container::Gif),
        (b"DKIF", Container::Ivf),
        (b".RMF", Container::RealMedia),
        (b"RIFF", Container::Avi),
    ];
    if let Some(mp4) = bmff(head) {
        return Some(mp4);
    }
    let found = SIGNATURES
        .iter()
        .find(|(signature, _)| head.starts_with(signature));
    match found {
        Some((_, Container::Avi)) => Some(match head.get(8..12) {
            Some(b"AVI ") => Ok(Container::Avi),
            Some(b"WEBP") => Err(Refusal::Image),
            _ => Err(Refusal::Unknown),
        }),
        Some((_, container)) => Some(Ok(*container)),
        None => is_transport_stream(head).then_some(Ok(Container::MpegTs)),
    }
}

/// MP4 and QuickTime begin with a box; pictures (HEIF, AVIF) do too and tell themselves by brand.
fn bmff(head: &[u8]) -> Option<Result<Container, Refusal>> {
    let size = u32::from_be_bytes(*head.first_chunk()?);
    let kind: &[u8] = head.get(4..8)?;
    if size != 0 && size != 1 && size < 8 {
        return None;
    }
    match kind {
        b"ftyp" => Some(match head.get(8..12)? {
            b"avif" | b"heic" | b"heix" | b"mif1" | b"heim" | b"heis" => Err(Refusal::Image),
            _ => Ok(Container::Mp4),
        }),
        b"moov" | b"mdat" | b"free" | b"skip" | b"wide" | b"pnot" | b"styp" | b"moof" => {
            Some(Ok(Container::Mp4))
        }
        _ => None,
    }
}

/// A sync byte at every packet start, for at least three packets.
fn is_transport_stream(head: &[u8]) -> bool {
    [(188, 0), (192, 4), (204, 0)]
        .into_iter()
        .any(|(packet, first)| {
            let mut starts = head.iter().skip(first).step_by(packet);
            head.len() > first + 2 * packet && starts.all(|byte| *byte == 0x47)
        })
}

fn refused_signature(head: &[u8]) -> Option<Refusal> {
    const IMAGES: [&[u8]; 7] = [
        b"\x89PNG",
        &[0xff, 0xd8, 0xff],
        &[b'I', b'I', 0x2a, 0],
        &[b'M', b'M', 0, 0x2a],
        b"8BPS",
        &[0, 0, 0, 0x0c, b'J', b'X', b'L', b' '],
        &[0, 0, 0, 0x0c, b'j', b'P', b' ', b' '],
    ];
    let image = IMAGES.iter().any(|signature| head.starts_with(signature));
    image.then_some(Refusal::Image)
}

fn refused_text(head: &[u8]) -> Option<Refusal> {
    let body = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    if body.is_empty() {
        return Some(Refusal::Text);
    }
    let starts = |prefix: &[u8]| {
        body.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if starts(b"#EXTM3U") || starts(b"#EXT-X-") || starts(b"[playlist]") || starts(b"<MPD") {
        return Some(Refusal::Playlist);
    }
    if starts(b"ffconcat") {
        return Some(Refusal::Concat);
    }
    if starts(b"v=0\r") || starts(b"v=0\n") {
        return Some(Refusal::Sdp);
    }
    let printable = |byte: &u8| !matches!(byte, 0..=8 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f);
    let sample = &body[..body.len().min(4096)];
    // A cut through a multi-byte character at the end of the sample is still text.
    let text = match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    (text && sample.iter().all(printable)).then(|| {
        let mpd = sample.windows(4).any(|window| window == b"<MPD");
        if mpd {
            Refusal::Playlist
        } else {
            Refusal::Text
        }
    })
}

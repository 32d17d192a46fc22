//! What a track is coded in, as far as browsers and playlists need to know.

pub(crate) mod aac;
pub(crate) mod avc;
pub(crate) mod strings;

pub use aac::Aac;
pub use avc::Avc;
pub(crate) use avc::trimmed;

use crate::bmff::FourCc;

/// A track's coding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codec {
    /// H.264.
    Avc(Avc),
    /// HEVC, with its RFC 6381 string.
    Hevc(String),
    /// AV1, with its RFC 6381 string.
    Av1(String),
    /// VP9, with its RFC 6381 string.
    Vp9(String),
    /// AAC.
    Aac(Aac),
    /// Opus.
    Opus,
    /// Locked with a key that this site does not have.
    Encrypted,
    /// Anything else, by its sample entry's name.
    Other(String),
}

impl Default for Codec {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl Codec {
    pub(crate) fn other(kind: FourCc) -> Self {
        Self::Other(String::from_utf8_lossy(&kind).into_owned())
    }

    /// The string for `CODECS` (RFC 6381).
    pub fn rfc6381(&self) -> String {
        match self {
            Self::Avc(avc) => avc.rfc6381(),
            Self::Hevc(name) | Self::Av1(name) | Self::Vp9(name) | Self::Other(name) => {
                name.clone()
            }
            Self::Aac(aac) => format!("mp4a.40.{}", aac.object_type),
            Self::Opus => "opus".to_owned(),
            Self::Encrypted => "encrypted".to_owned(),
        }
    }

    /// Whether this crate's packager knows the coding.
    pub fn is_packaged(&self) -> bool {
        !matches!(self, Self::Encrypted | Self::Other(_))
    }

    /// Whether the samples of this coding are of use here.
    pub(crate) fn has_samples(&self) -> bool {
        self.is_packaged() || self.is_still_picture()
    }

    /// Codings of single pictures: one of them is a cover or a thumbnail, many are a film.
    pub(crate) fn is_still_picture(&self) -> bool {
        matches!(self, Self::Other(name) if matches!(name.as_str(), "jpeg" | "png " | "mjpa"))
    }
}

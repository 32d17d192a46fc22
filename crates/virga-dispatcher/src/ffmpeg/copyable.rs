//! What ffprobe must say of picture and sound so that they may be copied.

use super::{answer::Stream, filters::Light};

/// Sound that begins later than this after the picture, or earlier than the second before it, is encoded:
/// what is copied can neither be cut nor filled up.
const LATEST: i64 = 50_000;
const EARLIEST: i64 = -250_000;
/// What may be copied of a file whose picture is H.264 as all browsers play it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copyable {
    /// Whether the sound may be.
    pub(crate) sound: bool,
}

impl Copyable {
    /// By what ffprobe says. Square pixels only, upright, and of standard light: what is shown otherwise is
    /// made plain by encoding. The samples themselves are looked at while they are copied.
    pub(super) fn of(picture: &Stream, sound: Option<&Stream>) -> Option<Self> {
        let one_of = |text: &Option<String>, words: &[&str]| {
            text.as_deref().is_some_and(|text| words.contains(&text))
        };
        let first = picture.begins()?;
        let plain = picture.codec_name == "h264"
            && one_of(&picture.pix_fmt, &["yuv420p", "yuvj420p"])
            && one_of(&picture.field_order, &["progressive"])
            && picture
                .sample_aspect_ratio
                .as_deref()
                .is_none_or(|it| matches!(it, "1:1" | "0:1"))
            && !picture.is_turned()
            && Light::of(picture.color_transfer.as_deref()) == Light::Standard;
        let together = |sound: &Stream| {
            let begins = sound.begins().map(|begins| begins - first);
            begins.is_some_and(|begins| (EARLIEST..=LATEST).contains(&begins))
        };
        let sound = sound.is_some_and(|sound| {
            sound.codec_name == "aac"
                && one_of(&sound.profile, &["LC"])
                && (1..=8).contains(&sound.channels)
                && together(sound)
        });
        plain.then_some(Self { sound })
    }
}

//! Files that end before the film that they announce.

use virga_media::Container;

use super::encoding::Ready;

/// What may be missing without a word, besides a hundredth: lengths in heads are rounded. Microseconds.
const ROUNDED: i64 = 300_000;

/// How long the file says that it is, microseconds, where it must have been cut off: so much less came out of it.
/// 0: it does not say it, and ffmpeg estimates it by the bytes. Only containers are looked at that say at their
/// beginning what follows.
pub(super) fn cut_from(ready: &Ready, made_micros: i64) -> Option<i64> {
    let says = matches!(
        ready.source.container,
        Container::Avi | Container::Flv | Container::Matroska
    );
    let said = ready.probed.shape.duration_micros;
    let exact = matches!(ready.source.container, Container::Flv | Container::Matroska);
    let lost = said - made_micros > ROUNDED + said / 100;
    (says && lost).then_some(if exact { said } else { 0 })
}

//! Files that end before the film that they announce.

use virga_media::Container;

use super::encoding::Ready;

/// What may be missing without a word, besides a hundredth: lengths in heads are rounded. Microseconds.
const ROUNDED: i64 = 300_000;

/// How long the file says that it is, microseconds, where it must have been cut off: so much less came out of it.
/// Only these containers say that at their beginning and are read by ffmpeg alone.
pub(super) fn cut_from(ready: &Ready, made_micros: i64) -> Option<i64> {
    let says = matches!(
        ready.source.container,
        Container::Avi | Container::Asf | Container::Flv | Container::Matroska | Container::Wav
    );
    let said = ready.probed.shape.duration_micros;
    (says && said - made_micros > ROUNDED + said / 100).then_some(said)
}

//! The sounds of a film as playlists and manifests name them.

use virga_core::presentation::{FilmSound, Presentation, PresentedTrack, SoundKind, SoundName};
use virga_media::SoundLabel;

/// A sound and what a menu says of it.
pub(crate) struct NamedSound<'a> {
    pub(crate) track: &'a PresentedTrack,
    pub(crate) label: SoundLabel<'a>,
}

/// What can be heard, the first first.
pub(crate) fn named_sounds(presentation: &Presentation) -> Vec<NamedSound<'_>> {
    let called = presentation.sounds.as_ref().map(|sounds| &sounds.first);
    let first = presentation.known_audio().map(|track| NamedSound {
        track,
        label: called.map(label).unwrap_or_default(),
    });
    let further = presentation
        .further_sounds()
        .map(|sound: &FilmSound| NamedSound {
            track: &sound.track,
            label: SoundLabel {
                commentary: sound.kind == SoundKind::Commentary,
                description: sound.kind == SoundKind::Description,
                ..label(&sound.called)
            },
        });
    first.into_iter().chain(further).collect()
}

fn label(called: &SoundName) -> SoundLabel<'_> {
    SoundLabel {
        name: called.label.as_deref(),
        language: called.language.as_deref(),
        ..SoundLabel::default()
    }
}

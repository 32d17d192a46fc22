//! The subtitles of a film as playlists and manifests name them.

use virga_core::{FilmText, FilmTexts, TextKind, paths::MediaFile, presentation::Presentation};
use virga_media::TextRendition;

/// The subtitles of a film with their addresses and names.
pub(crate) struct NamedTexts<'a>(Vec<(&'a FilmText, String, String)>);

impl<'a> NamedTexts<'a> {
    /// `file`: which of a text's answers is named.
    pub(crate) fn of(presentation: &'a Presentation, file: fn(u32) -> MediaFile) -> Self {
        let texts = presentation.texts.iter().flat_map(FilmTexts::subtitles);
        let named = |(place, text): (usize, &'a FilmText)| {
            let label = text.label.clone();
            let name = label.unwrap_or_else(|| format!("Subtitles {}", place + 1));
            (text, file(text.n).to_string(), name)
        };
        Self(texts.enumerate().map(named).collect())
    }

    pub(crate) fn renditions(&self) -> Vec<TextRendition<'_>> {
        let all = self.0.iter();
        all.map(|(text, uri, name)| TextRendition {
            uri,
            name,
            language: text.language.as_deref(),
            default: text.default,
            forced: text.forced,
            captions: text.kind == TextKind::Captions,
            len: text.len,
        })
        .collect()
    }
}

//! Subtitles and chapters as `<track>` elements: browsers without scripts offer them in their own menu, and the
//! player takes them from there.

use virga_core::wire::PlaybackText;

use crate::locale::Lang;

/// One `<track>`.
pub(crate) struct TextView {
    pub(crate) src: String,
    pub(crate) kind: String,
    /// `und` where the file names no language: subtitles must name one.
    pub(crate) language: String,
    pub(crate) label: String,
    pub(crate) default: bool,
    pub(crate) forced: bool,
}

impl TextView {
    pub(super) fn all(lang: Lang, texts: &[PlaybackText]) -> Vec<Self> {
        let mut unnamed = 0_u64;
        let view = |text: &PlaybackText| {
            let label = match (&text.label, text.kind.as_str()) {
                (Some(label), _) => label.clone(),
                (None, "chapters") => lang.text("player-chapters"),
                (None, _) => {
                    unnamed += 1;
                    format!("{} {unnamed}", lang.text("player-texts"))
                }
            };
            Self {
                src: text.src.clone(),
                kind: text.kind.clone(),
                language: text.language.clone().unwrap_or_else(|| "und".to_owned()),
                label,
                default: text.default,
                forced: text.forced,
            }
        };
        texts.iter().map(view).collect()
    }
}

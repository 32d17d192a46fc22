//! What menus call the subtitles or the sounds of a film: no two of them alike.

use std::collections::HashSet;

use virga_media::language_label;

/// Characters of a name at most.
const MOST: usize = 80;

/// The names that were given.
#[derive(Debug, Default)]
pub(super) struct Labels(HashSet<String>);

impl Labels {
    /// The title, or the name of the language, and a number where that is taken.
    pub(super) fn name(&mut self, title: &str, language: Option<&str>) -> Option<String> {
        let words: Vec<&str> = title.split_whitespace().collect();
        let title: String = words.join(" ").chars().take(MOST).collect();
        let title = title.replace(|letter: char| letter.is_control(), "");
        let named = || language.map(|tag| language_label(tag).unwrap_or_else(|| tag.to_owned()));
        let label = Some(title).filter(|it| !it.is_empty()).or_else(named)?;
        let numbered = |n: usize| {
            if n < 2 {
                label.clone()
            } else {
                format!("{label} {n}")
            }
        };
        let free = (1..=self.0.len() + 1)
            .map(numbered)
            .find(|it| !self.0.contains(it))?;
        self.0.insert(free.clone());
        Some(free)
    }
}

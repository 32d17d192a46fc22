//! Subtitles and chapters of a film: one object holds the `WebVTT` files back to back; rows, the presentation and
//! the API say what is in it (docs/adr/0032-texts.md).

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{MediaKey, video::word_enum};

word_enum! {
    /// What a text is for, as `<track kind>` has it.
    TextKind {
        /// What is said, written out or translated.
        Subtitles = "subtitles",
        /// The same with sounds described, for who does not hear them.
        Captions = "captions",
        /// Titles of the film's parts.
        Chapters = "chapters",
    }
}

/// The texts of a film.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmTexts {
    /// The object that holds them all.
    pub object: MediaKey,
    /// The film's length, milliseconds.
    pub duration: u64,
    /// Each of them; those of kinds of a later release are left out.
    #[serde(deserialize_with = "known")]
    pub tracks: Vec<FilmText>,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmText {
    /// Its number in addresses.
    pub n: u32,
    /// What it is for.
    pub kind: TextKind,
    /// The language's tag (BCP 47), where the file names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What a menu calls it; no two of a film are called the same. Without one: by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Shown unless the viewer wants another or none; one of a film at most.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// Only what must be read in a film whose sound one understands: signs, other languages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forced: bool,
    /// Its first byte in the object.
    pub offset: u64,
    /// Its length, bytes.
    pub len: u64,
}

impl FilmTexts {
    /// The text of this number.
    pub fn numbered(&self, n: u32) -> Option<&FilmText> {
        self.tracks.iter().find(|text| text.n == n)
    }

    /// What is shown over the picture.
    pub fn subtitles(&self) -> impl Iterator<Item = &FilmText> {
        let shown = |text: &&FilmText| text.kind != TextKind::Chapters;
        self.tracks.iter().filter(shown)
    }
}

/// A text that this release does not understand is passed over.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FilmText>, D::Error> {
    let all = Vec::<Value>::deserialize(deserializer)?;
    let read = |text| serde_json::from_value(text).ok();
    Ok(all.into_iter().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_of_a_later_release_are_passed_over_and_the_others_keep_their_numbers() {
        let texts: FilmTexts = serde_json::from_value(json!({
            "object": "v/0000000abcd/a1-1/film.texts", "duration": 5000, "styles": 7,
            "tracks": [
                {"n": 0, "kind": "thumbnails", "offset": 0, "len": 4},
                {"n": 1, "kind": "subtitles", "offset": 4, "len": 9, "language": "de", "easy": true},
                {"n": 2, "kind": "chapters", "offset": 13, "len": 5},
            ],
        }))
        .unwrap();
        let numbers: Vec<u32> = texts.tracks.iter().map(|text| text.n).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(texts.numbered(0), None);
        assert_eq!(texts.subtitles().count(), 1);
        let again = serde_json::to_value(&texts).unwrap();
        assert_eq!(
            again["tracks"][1],
            json!({"n": 2, "kind": "chapters", "offset": 13, "len": 5})
        );
    }
}

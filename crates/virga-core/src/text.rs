//! What people type: titles, comments, passwords. Cleaned and bounded in one place. And how a text is
//! written in an address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use crate::{Code, Failure};

/// Longest title, in characters.
pub const TITLE_MAX: usize = 200;
/// Longest description, in characters.
pub const DESCRIPTION_MAX: usize = 10_000;
/// Longest comment, in characters.
pub const COMMENT_MAX: usize = 4_000;
/// Shortest password, in characters.
pub const PASSWORD_MIN: usize = 8;
/// Longest password, in bytes: hashing more would only cost us.
pub const PASSWORD_MAX: usize = 1024;

/// Composed (NFC), so that the same words are the same text whichever system wrote them. Control
/// characters other than line breaks never carry meaning in what people write here.
fn clean(text: &str, keep_lines: bool) -> String {
    let kept: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter(|c| !c.is_control() || (keep_lines && *c == '\n'))
        .nfc()
        .collect();
    kept.trim().to_owned()
}

/// What leaves no mark: spaces, marks of direction, joiners, fillers. A title of these only is a link
/// that nobody can see.
fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
            | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

fn bounded(
    field: &'static str,
    text: String,
    range: std::ops::RangeInclusive<usize>,
) -> Result<String, Failure> {
    let length = if text.chars().all(is_unseen) {
        0
    } else {
        text.chars().count()
    };
    if range.contains(&length) {
        return Ok(text);
    }
    let detail = if length < *range.start() {
        format!("{field} must not be empty.")
    } else {
        format!(
            "{field} has {length} characters; at most {} are allowed.",
            range.end()
        )
    };
    Err(Failure::field(field, Code::FieldLength, detail))
}

/// A title: one line, 1 to 200 characters.
pub fn title(text: &str) -> Result<String, Failure> {
    bounded("title", clean(text, false), 1..=TITLE_MAX)
}

/// A site's name, in a field of this name: one line, 1 to 200 characters.
pub fn site_name(field: &'static str, text: &str) -> Result<String, Failure> {
    bounded(field, clean(text, false), 1..=TITLE_MAX)
}

/// A description: lines, up to 10,000 characters.
pub fn description(text: &str) -> Result<String, Failure> {
    bounded("description", clean(text, true), 0..=DESCRIPTION_MAX)
}

/// A comment: lines, 1 to 4,000 characters.
pub fn comment(text: &str) -> Result<String, Failure> {
    bounded("text", clean(text, true), 1..=COMMENT_MAX)
}

/// A new password: 8 characters to 1,024 bytes.
pub fn new_password(text: &str) -> Result<&str, Failure> {
    if text.len() > PASSWORD_MAX {
        Err(Failure::field(
            "password",
            Code::PasswordTooLong,
            "A password has at most 1,024 bytes.",
        ))
    } else if text.chars().count() < PASSWORD_MIN {
        Err(Failure::field(
            "password",
            Code::PasswordTooShort,
            "A password has at least 8 characters.",
        ))
    } else {
        Ok(text)
    }
}

/// A client's file name: kept to show to its owner, never used as a path or key.
pub fn file_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    cut(&clean(last, false), TITLE_MAX)
}

/// The beginning of a text: at most so many characters, and no letter, flag or face cut in two.
pub fn cut(text: &str, most: usize) -> String {
    let mut left = most;
    text.graphemes(true)
        .take_while(|piece| {
            let length = piece.chars().count();
            let fits = length <= left;
            left = left.saturating_sub(length);
            fits
        })
        .collect()
}

/// All but unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A text as one segment of a path or one value of a query: percent-encoded but for unreserved
/// characters, as signatures of buckets want it too.
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_reads_as_one_letter_is_neither_stored_twice_nor_cut() {
        assert_eq!(title("Cafe\u{301}").unwrap(), "Caf\u{e9}");
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let long = format!("{}{family}.mp4", "x".repeat(198));
        assert_eq!(file_name(&long), "x".repeat(198));
        let fits = format!("{}{family}", "x".repeat(195));
        assert_eq!(file_name(&format!("C:\\films\\{fits}")), fits);
        assert_eq!(cut("\u{1f1e9}\u{1f1ea}", 1), "", "half a flag is none");
    }
}

//! Every code that a program may meet: of a refused request ([`Failure`](crate::Failure)) and of a
//! file or job that failed ([`Reason`](crate::reason::Reason)). `table` declares each once, with its
//! word, what kind of failure it is, whether it is worth trying again, and the text that pages show.

mod table;

pub use table::Code;

use crate::video::word_enum;
use serde::{Deserialize, Serialize};

/// What the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request cannot be read.
    Malformed,
    /// 401: sign in first.
    Unauthenticated,
    /// 403: signed in, but not allowed.
    Forbidden,
    /// 404: not there, or not for this viewer.
    NotFound,
    /// 405: this address does not take this method.
    Method,
    /// 409: at odds with the present state.
    Conflict,
    /// 412: it changed meanwhile.
    Precondition,
    /// 413: too large.
    TooLarge,
    /// 415: this media type is not taken here.
    UnsupportedMedia,
    /// 422: read, but a field is wrong.
    Invalid,
    /// 429: slow down.
    TooMany,
    /// 500: ours.
    Internal,
    /// 503: try again later.
    Unavailable,
    /// 507: no room.
    NoRoom,
}

impl Kind {
    /// The status that it answers.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Method => 405,
            Self::Conflict => 409,
            Self::Precondition => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::Invalid => 422,
            Self::TooMany => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::NoRoom => 507,
        }
    }
}

word_enum! {
    /// Whether the same may succeed when it is tried again.
    Retry {
        /// It will not: somebody has to change something first.
        No = "no",
        /// It may.
        Yes = "yes",
        /// It continues without anybody trying again.
        Automatic = "automatic",
    }
}

impl Code {
    /// The code of a word; `None` for a word of another release.
    pub fn parse(word: &str) -> Option<Self> {
        Self::all().find(|code| code.as_str() == word)
    }

    /// Every code.
    pub fn all() -> impl Iterator<Item = Self> {
        // `Internal` is in both lists.
        let problems = Self::PROBLEMS.iter().filter(|code| !code.is_reason());
        problems.chain(Self::REASONS).copied()
    }

    /// The word in answers, rows and logs. Public: it never changes.
    pub fn as_str(self) -> &'static str {
        self.row().word
    }

    /// What the caller can do about it; it decides the status.
    pub fn kind(self) -> Kind {
        self.row().kind
    }

    /// Whether the same may succeed when it is tried again.
    pub fn retry(self) -> Retry {
        self.row().retry
    }

    /// The key of its text in the locales; `None` where people read the text of its kind: only programs
    /// meet it, or it says no more.
    pub fn text_key(self) -> Option<&'static str> {
        self.row().text_key
    }

    /// What it means, for programmers: a sentence in English.
    pub fn meaning(self) -> &'static str {
        self.row().meaning.trim_ascii()
    }

    /// Whether it says why a file or job failed or waits.
    pub fn is_reason(self) -> bool {
        Self::REASONS.contains(&self)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the table says of a code.
struct Row {
    word: &'static str,
    kind: Kind,
    retry: Retry,
    text_key: Option<&'static str>,
    meaning: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_word_and_each_text_belongs_to_one_code() {
        let words: BTreeSet<_> = Code::all().map(Code::as_str).collect();
        assert_eq!(words.len(), Code::all().count());
        let keys: Vec<_> = Code::all().filter_map(Code::text_key).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        assert!(Code::all().all(|code| Code::parse(code.as_str()) == Some(code)));
        assert_eq!(Code::parse("of.tomorrow"), None);
    }

    #[test]
    fn a_reason_has_a_text_and_only_reasons_wait() {
        for code in Code::REASONS {
            let key = code.text_key().unwrap_or_default();
            assert_eq!(key, format!("reason-{code}"));
        }
        for code in Code::PROBLEMS.iter().filter(|code| !code.is_reason()) {
            assert_ne!(code.retry(), Retry::Automatic, "{code}");
            let key = format!("problem-{}", code.as_str().replace('.', "-"));
            assert!(code.text_key().is_none_or(|text| text == key), "{code}");
        }
    }
}

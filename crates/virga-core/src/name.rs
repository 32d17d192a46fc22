//! Account names: what they may be made of, how they compare, and what they look like.

use unicode_normalization::UnicodeNormalization;
use unicode_security::{
    RestrictionLevel, confusable_detection::skeleton, restriction_level::RestrictionLevelDetection,
};

use crate::{Code, Failure};

/// Longest account name, in characters.
pub const NAME_MAX: usize = 32;
/// Longest skeleton, in characters: one character may look like several.
const SKELETON_MAX: usize = 190;

/// An account name, in the form of Unicode that has one code for one letter (NFKC): 2 to 32 letters
/// or digits, with `_`, `-` or `.` between them. Its letters belong together ("highly restrictive",
/// UTS 39 §5.2): one script, or Latin with Chinese, Japanese or Korean.
pub fn account_name(text: &str) -> Result<String, Failure> {
    let name: String = text.nfkc().collect();
    let invalid = |code, detail| Err(Failure::field("name", code, detail));
    let separator = |c| matches!(c, '_' | '-' | '.');
    let edges = [name.chars().next(), name.chars().last()];
    let fine = (2..=NAME_MAX).contains(&name.chars().count())
        && name.chars().all(|c| c.is_alphanumeric() || separator(c))
        && edges.into_iter().flatten().all(char::is_alphanumeric)
        && fold_name(&name) != "me";
    if !fine {
        return invalid(
            Code::NameInvalid,
            "A name has 2 to 32 letters or digits; - _ and . may stand between them.",
        );
    }
    if !name.check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        return invalid(
            Code::NameMixed,
            "A name uses the letters of one script, or Latin letters with Chinese, Japanese or Korean.",
        );
    }
    Ok(name)
}

/// How names compare: those that differ only by case or by the width of letters are the same account.
pub fn fold_name(name: &str) -> String {
    name.nfkc().collect::<String>().to_lowercase()
}

/// What a name looks like (UTS 39 §4): two names with the same skeleton are hard to tell apart.
pub fn skeleton_of(name: &str) -> String {
    // Lower case makes two characters of a capital I with a dot.
    let plain = fold_name(name).replace("i\u{307}", "i");
    skeleton(&plain).take(SKELETON_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_script_or_of_latin_with_east_asian_ones_are_fine() {
        for name in [
            "ann",
            "小明Tom",
            "ひろし_2",
            "мария",
            "Zoë",
            "김민수",
            "a.b-c",
        ] {
            assert_eq!(account_name(name).as_deref().ok(), Some(name), "{name}");
        }
        assert_eq!(account_name("ａｄｍｉｎ").unwrap(), "admin");
    }

    #[test]
    fn names_that_mislead_are_refused() {
        for (name, code) in [
            ("\u{430}dmin", Code::NameMixed),
            ("p\u{3b1}ul", Code::NameMixed),
            ("admin.", Code::NameInvalid),
            (".admin", Code::NameInvalid),
            ("ad\u{200d}min", Code::NameInvalid),
            ("Ｍｅ", Code::NameInvalid),
            ("..", Code::NameInvalid),
        ] {
            let refused = account_name(name).unwrap_err();
            assert_eq!(refused.code, code, "{name}");
        }
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in [
            ("alice", "al\u{131}ce"),
            ("alice", "AL\u{130}CE"),
            ("scope", "\u{455}\u{441}\u{43e}\u{440}\u{435}"),
            ("ALICE", "alice"),
        ] {
            assert_eq!(skeleton_of(one), skeleton_of(other), "{one} {other}");
        }
        assert_ne!(skeleton_of("ann"), skeleton_of("anna"));
        assert_ne!(skeleton_of("user10"), skeleton_of("user11"));
    }
}

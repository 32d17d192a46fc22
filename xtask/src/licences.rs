//! Licence expressions (SPDX 2.3, annex D), as far as crates write them.

/// Whether what an expression asks for can be met with allowed licences alone: of `OR` one side, of
/// `AND` both; the old `/` is an `OR`. An expression that does not parse allows nothing.
pub fn allowed(expression: &str, allow: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ");
    let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest, allow).is_some_and(|fine| fine && rest.is_empty())
}

fn either(words: &mut &[&str], allow: &[&str]) -> Option<bool> {
    let mut fine = both(words, allow)?;
    while words.first() == Some(&"OR") {
        *words = &words[1..];
        fine |= both(words, allow)?;
    }
    Some(fine)
}

fn both(words: &mut &[&str], allow: &[&str]) -> Option<bool> {
    let mut fine = one(words, allow)?;
    while words.first() == Some(&"AND") {
        *words = &words[1..];
        fine &= one(words, allow)?;
    }
    Some(fine)
}

fn one(words: &mut &[&str], allow: &[&str]) -> Option<bool> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    if *first == "(" {
        let fine = either(words, allow)?;
        let (close, rest) = words.split_first()?;
        *words = rest;
        return (*close == ")").then_some(fine);
    }
    if matches!(*first, ")" | "OR" | "AND" | "WITH") {
        return None;
    }
    if words.first() == Some(&"WITH") {
        let exception = words.get(1)?;
        *words = &words[2..];
        let whole = format!("{first} WITH {exception}");
        return Some(allow.contains(&whole.as_str()));
    }
    Some(allow.contains(first))
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn of_or_one_side_is_enough_and_of_and_both_are_wanted() {
        let fine = |text: &str| allowed(text, &["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
        for text in [
            "MIT",
            "GPL-3.0-only OR MIT",
            "GPL-2.0/MIT",
            "MIT AND ISC",
            "(GPL-3.0-only OR MIT) AND ISC",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0",
        ] {
            assert!(fine(text), "{text}");
        }
        for text in [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MIT AND (GPL-3.0-only OR AGPL-3.0-only)",
            "Apache-2.0",
            "MIT WITH LLVM-exception",
            "MIT OR",
            "(MIT",
            "MIT)",
            "MIT ISC",
        ] {
            assert!(!fine(text), "{text}");
        }
    }
}

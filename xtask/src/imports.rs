//! Which files of a crate import each other in a circle. That a file uses its own submodules does not
//! count: a parent puts them together.

use std::collections::{BTreeMap, BTreeSet};

/// A module by the names that lead to it from the crate's root, which has none.
pub type ModulePath = Vec<String>;

/// The modules that import themselves by way of others; `modules`: their texts.
pub fn in_circles(modules: &BTreeMap<ModulePath, String>) -> BTreeSet<String> {
    let edges: BTreeMap<&ModulePath, BTreeSet<ModulePath>> = modules
        .iter()
        .map(|(module, text)| (module, imported(module, text, modules)))
        .collect();
    let reaches_itself = |start: &ModulePath| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(module) = next.pop() {
            for to in &edges[module] {
                if to == start {
                    return true;
                }
                if seen.insert(to) {
                    next.push(to);
                }
            }
        }
        false
    };
    let circular = modules.keys().filter(|module| reaches_itself(module));
    circular.map(|module| module.join("::")).collect()
}

fn imported(
    module: &ModulePath,
    text: &str,
    modules: &BTreeMap<ModulePath, String>,
) -> BTreeSet<ModulePath> {
    let targets = paths(&code(text))
        .into_iter()
        .map(|path| target(module, &path, modules));
    targets
        .filter(|to| to != module && !to.starts_with(module) && modules.contains_key(to))
        .collect()
}

/// The text without comments and without its tests, which end a file.
fn code(text: &str) -> String {
    let own = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = own.lines().map(|line| line.split("//").next());
    lines
        .map(Option::unwrap_or_default)
        .collect::<Vec<_>>()
        .join("\n")
}

/// All paths that begin with `crate`, `super` or `self`, with the braces of imports written out.
fn paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let starts = ["crate::", "super::", "self::"];
    for (at, _) in code.match_indices("::") {
        let head = &code[..at];
        let word = head.rsplit(|c: char| !c.is_alphanumeric() && c != '_');
        let word = word.into_iter().next().unwrap_or_default();
        let begins = !head[..head.len() - word.len()].ends_with("::");
        if begins && starts.iter().any(|start| *start == format!("{word}::")) {
            let rest: String = code[at - word.len()..].to_owned();
            expand("", &rest, &mut found);
        }
    }
    found
}

/// Adds what follows a prefix: one path, or one for each item in braces. Answers how much was read.
fn expand(prefix: &str, text: &str, found: &mut Vec<String>) -> usize {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !is_path(c)).unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..end]);
    if !text[end..].starts_with('{') || !path.ends_with("::") {
        found.push(path);
        return end;
    }
    let mut at = end + 1;
    loop {
        let blank = text[at..].find(|c: char| !c.is_whitespace() && c != ',');
        at += blank.unwrap_or(text.len() - at);
        match text[at..].chars().next() {
            None => return at,
            Some('}') => return at + 1,
            Some(_) => {}
        }
        let read = expand(&path, &text[at..], found);
        at += read;
        // ` as name`
        let next = text[at..].find([',', '}']).unwrap_or(text.len() - at);
        at += next;
    }
}

/// The longest module that a path names, seen from one of them.
fn target(from: &ModulePath, path: &str, modules: &BTreeMap<ModulePath, String>) -> ModulePath {
    let mut words = path.split("::").filter(|word| !word.is_empty()).peekable();
    let mut at = match words.next() {
        Some("crate") => Vec::new(),
        Some("super") => parent(from),
        _ => from.clone(),
    };
    while words.next_if_eq(&"super").is_some() {
        at = parent(&at);
    }
    for word in words {
        at.push(word.to_owned());
        if !modules.contains_key(&at) {
            at.pop();
            break;
        }
    }
    at
}

fn parent(module: &ModulePath) -> ModulePath {
    let mut up = module.clone();
    up.pop();
    up
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let path = |name: &str| -> ModulePath {
            let words = name.split("::").filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        };
        let modules = files
            .iter()
            .map(|(name, text)| (path(name), (*text).to_owned()));
        in_circles(&modules.collect()).into_iter().collect()
    }

    #[test]
    fn files_that_import_each_other_are_found_and_parents_of_modules_are_not() {
        let root = ("", "mod a;\nuse a::One;\nuse crate::a::One as Uno;");
        let one = ("a", "use super::{\n    b::{self, Two},\n    c,\n};");
        let two = ("b", "fn f() { crate::c::g() } // crate::a");
        let three = ("c", "#[cfg(test)]\nmod tests { use crate::a; }");
        assert!(circles(&[root, one, two, three]).is_empty());
        let three = ("c", "use crate::a::One;");
        assert_eq!(circles(&[root, one, two, three]), ["a", "b", "c"]);
        let child = ("a::d", "use super::One;");
        assert!(circles(&[("", ""), ("a", "mod d;\nuse self::d::Four;"), child]).is_empty());
        let child = ("a::d", "use super::super::b::Two;");
        assert_eq!(
            circles(&[("", ""), ("a", ""), ("b", "use crate::a::d;"), child]),
            ["a::d", "b"]
        );
    }
}

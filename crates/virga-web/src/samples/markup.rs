//! The markup of every page: well-formed, nothing inline that the policy refuses, fields with labels.

use std::collections::{BTreeMap, BTreeSet};

use super::pages;
use crate::locale::Lang;

/// A tag as written: its name and its attributes, values unescaped enough to compare.
#[derive(Debug)]
struct Tag {
    name: String,
    closing: bool,
    attributes: BTreeMap<String, String>,
}

/// The tags of a page. Strict: what our templates never write is an error.
fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if rest.starts_with('!') {
            continue;
        }
        let (mut end, mut quoted) = (None, false);
        for (at, c) in rest.char_indices() {
            match c {
                '"' => quoted = !quoted,
                '>' if !quoted => {
                    end = Some(at);
                    break;
                }
                '<' => assert!(quoted, "a stray < before {:?}", &rest[..40.min(at)]),
                _ => {}
            }
        }
        let (inside, after) = rest.split_at(end.expect("every tag ends"));
        rest = &after[1..];
        let closing = inside.starts_with('/');
        let inside = inside.trim_matches('/');
        let (name, mut attrs) = inside
            .split_once(char::is_whitespace)
            .unwrap_or((inside, ""));
        let mut attributes = BTreeMap::new();
        while !attrs.trim().is_empty() {
            attrs = attrs.trim_start();
            let stop = attrs
                .find(|c: char| c == '=' || c.is_whitespace())
                .unwrap_or(attrs.len());
            let key = attrs[..stop].to_owned();
            attrs = &attrs[stop..];
            let mut value = String::new();
            if let Some(quoted) = attrs.strip_prefix("=\"") {
                let stop = quoted.find('"').expect("every quote ends");
                quoted[..stop].clone_into(&mut value);
                attrs = &quoted[stop + 1..];
            } else {
                assert!(!attrs.starts_with('='), "an unquoted value in <{inside}>");
            }
            assert!(
                attributes.insert(key.clone(), value).is_none(),
                "{key} twice in <{inside}>"
            );
        }
        tags.push(Tag {
            name: name.to_owned(),
            closing,
            attributes,
        });
    }
    tags
}

const VOID: [&str; 8] = ["meta", "link", "input", "img", "source", "hr", "br", "use"];

fn check(page: &str, html: &str) {
    let tags = tags(html);
    let (mut open, mut ids) = (Vec::new(), BTreeSet::new());
    for tag in &tags {
        let name = tag.name.as_str();
        if tag.closing {
            assert_eq!(open.pop(), Some(name), "{page}: closed out of order");
            continue;
        }
        if !VOID.contains(&name) {
            open.push(name);
        }
        if name == "style" {
            assert_eq!(tag.attributes["nonce"], "bm9uY2U", "{page}");
        }
        for (key, value) in &tag.attributes {
            assert_ne!(key, "style", "{page}: an inline style");
            assert!(!key.starts_with("on"), "{page}: an inline handler: {key}");
            assert!(
                !value.trim_start().starts_with("javascript:"),
                "{page}: {value}"
            );
            if key == "id" {
                assert!(ids.insert(value.clone()), "{page}: id {value} twice");
            }
        }
        if name == "script" {
            assert!(tag.attributes.contains_key("src"), "{page}: inline script");
            assert_eq!(tag.attributes["nonce"], "bm9uY2U", "{page}");
        }
        if name == "img" {
            assert!(
                tag.attributes.contains_key("alt"),
                "{page}: img without alt"
            );
        }
    }
    assert!(open.is_empty(), "{page}: left open: {open:?}");
    references(page, &tags, &ids);
    let h1 = tags.iter().filter(|tag| tag.name == "h1" && !tag.closing);
    assert_eq!(h1.count(), 1, "{page}: one h1");
}

/// Labels and descriptions lead somewhere, and every field has one.
fn references(page: &str, tags: &[Tag], ids: &BTreeSet<String>) {
    let mut labelled = BTreeSet::new();
    for tag in tags {
        for key in ["for", "aria-describedby", "aria-labelledby"] {
            for id in tag
                .attributes
                .get(key)
                .into_iter()
                .flat_map(|ids| ids.split(' '))
            {
                assert!(ids.contains(id), "{page}: {key} leads nowhere: {id}");
                if key == "for" {
                    labelled.insert(id.to_owned());
                }
            }
        }
    }
    for tag in tags.iter().filter(|tag| !tag.closing) {
        let kind = tag.attributes.get("type").map_or("", String::as_str);
        let field = matches!(tag.name.as_str(), "input" | "textarea" | "select")
            && !matches!(kind, "hidden" | "radio" | "checkbox");
        let named = tag
            .attributes
            .get("id")
            .is_some_and(|id| labelled.contains(id))
            || ["aria-label", "aria-hidden", "data-f"]
                .iter()
                .any(|key| tag.attributes.contains_key(*key));
        assert!(!field || named, "{page}: a field without a label: {tag:?}");
    }
}

#[test]
fn every_page_is_well_formed_and_holds_nothing_inline_in_both_languages() {
    for lang in Lang::ALL {
        for (name, html) in pages(lang) {
            check(&name, &html);
            assert!(html.contains(&format!("<html lang=\"{}\"", lang.as_str())));
            assert!(
                !html.contains("<script>alert"),
                "{name}: markup of a viewer"
            );
            assert!(
                !html.contains("Unknown localization"),
                "{name}: a text is missing"
            );
        }
    }
}

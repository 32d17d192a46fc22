//! What every page shows around its own content.

use std::fmt::Display;

use virga_core::{permission::Role, text::percent_encoded, wire::Me};

use crate::{assets, locale::Lang, script_texts, theme::Theme};

/// The page's frame: language, site, viewer, nonce, search words.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) lang: Lang,
    pub(crate) theme: Theme,
    pub(crate) site: String,
    pub(crate) me: Option<Me>,
    /// The site's origin, `https://host`, for addresses that leave the site.
    pub(crate) base: String,
    /// Anyone may register.
    pub(crate) open: bool,
    pub(crate) nonce: String,
    /// Path and query of this page.
    pub(crate) here: String,
    /// Words in the search box.
    pub(crate) q: String,
}

impl Layout {
    pub(crate) fn lang(&self) -> &'static str {
        self.lang.as_str()
    }

    /// A text.
    pub(crate) fn t(&self, key: &str) -> String {
        self.lang.text(key)
    }

    /// A text with a value of ours.
    pub(crate) fn tw(&self, key: &str, name: &'static str, value: impl Display) -> String {
        self.lang.with(key, name, value)
    }

    /// A text with a value that someone typed.
    pub(crate) fn tu(&self, key: &str, name: &'static str, value: impl Display) -> String {
        self.lang.with_text(key, name, value)
    }

    /// The address of an embedded file that every edition has.
    #[expect(clippy::unused_self, reason = "templates reach it through the frame")]
    pub(crate) fn asset(&self, name: &str) -> String {
        assets::path(name).unwrap_or_default()
    }

    /// The address of a script; the edition without scripts has none.
    #[expect(clippy::unused_self, reason = "templates reach it through the frame")]
    pub(crate) fn script(&self, name: &str) -> Option<String> {
        assets::path(name)
    }

    /// The address of a symbol of the icon sprite.
    pub(crate) fn icon(&self, name: &str) -> String {
        format!("{}#{name}", self.asset("icons.svg"))
    }

    /// As in `<html data-theme>`.
    pub(crate) fn theme(&self) -> &'static str {
        self.theme.as_str()
    }

    /// The viewer may administrate.
    pub(crate) fn is_admin(&self) -> bool {
        self.me.as_ref().is_some_and(|me| me.role == Role::Admin)
    }

    /// Sign in, and come back here.
    pub(crate) fn sign_in_href(&self) -> String {
        with_next("/sign-in", &self.here)
    }

    /// The texts that an island needs, as JSON for its `data-strings`.
    pub(crate) fn strings(&self, keys: &[&'static str]) -> String {
        script_texts::json(self.lang, keys, false)
    }

    /// The same, with the words for the states of a video and for why work on one failed.
    pub(crate) fn strings_with_states(&self, keys: &[&'static str]) -> String {
        script_texts::json(self.lang, keys, true)
    }
}

/// `base?next=…`, or `base` alone where one would come home anyway.
pub(crate) fn with_next(base: &str, next: &str) -> String {
    if next.is_empty() || next == "/" {
        base.to_owned()
    } else {
        format!("{base}?next={}", query_value(next))
    }
}

/// A value of a query, percent-encoded.
pub(crate) fn query_value(text: &str) -> String {
    percent_encoded(text).replace("%2F", "/")
}

/// Where a form may lead back to: an absolute path of this site, else home. Browsers read `\` as
/// `/` and drop tabs and line breaks, so those are no paths either.
pub(crate) fn local(next: &str) -> &str {
    let rest = next.strip_prefix('/').unwrap_or("/");
    let fine = !rest.starts_with('/')
        && !next.contains('\\')
        && !next.chars().any(|c| c.is_control() || c == ' ');
    if fine { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_only_into_this_site() {
        for fine in ["/", "/upload", "/v/abc?x=1#c"] {
            assert_eq!(local(fine), fine);
        }
        for bad in [
            "",
            "//evil",
            "/\\evil",
            "https://evil",
            "evil",
            "/\t/evil",
            "/a\r\nb",
            "\\\\evil",
            "/ /x",
        ] {
            assert_eq!(local(bad), "/", "{bad:?}");
        }
    }
}

//! Languages: which one a viewer reads, and every text through Fluent.

use std::{borrow::Cow, collections::HashMap, fmt::Display};

use fluent_templates::{
    LanguageIdentifier, Loader, fluent_bundle::FluentValue, langid, static_loader,
};
use http::{HeaderMap, header};

static_loader! {
    static LOCALES = {
        locales: "./locales",
        fallback_language: "en",
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static EN: LanguageIdentifier = langid!("en");
static ZH_CN: LanguageIdentifier = langid!("zh-CN");

/// The cookie that holds a viewer's choice.
pub(crate) const COOKIE: &str = "lang";

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Lang {
    #[default]
    En,
    ZhCn,
}

impl Lang {
    /// Every language.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 2] = [Self::En, Self::ZhCn];

    /// As in `<html lang>` and the cookie.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhCn => "zh-CN",
        }
    }

    pub(crate) fn parse(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("en") {
            Some(Self::En)
        } else if primary.eq_ignore_ascii_case("zh") {
            Some(Self::ZhCn)
        } else {
            None
        }
    }

    /// The viewer's choice, else what the browser asks for first, else English.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if let Some(chosen) = virga_http::cookie::read(headers, COOKIE).and_then(Self::parse) {
            return chosen;
        }
        let mut best = (0_u16, Self::En);
        let asked = headers
            .get_all(header::ACCEPT_LANGUAGE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        for entry in asked {
            let (tag, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
            if let (Some(lang), weight) = (Self::parse(tag), thousandths(weight))
                && weight > best.0
            {
                best = (weight, lang);
            }
        }
        best.1
    }

    fn id(self) -> &'static LanguageIdentifier {
        match self {
            Self::En => &EN,
            Self::ZhCn => &ZH_CN,
        }
    }

    /// A text with variables, if there is one of this name.
    pub(crate) fn find(self, key: &str, name: &'static str, value: &str) -> Option<String> {
        let values = HashMap::from([(Cow::Borrowed(name), FluentValue::from(value))]);
        LOCALES.try_lookup_with_args(self.id(), key, &values)
    }

    /// A text without variables.
    pub(crate) fn text(self, key: &str) -> String {
        LOCALES.lookup(self.id(), key)
    }

    /// A text with variables.
    pub(crate) fn fill(self, key: &str, values: &[(&'static str, FluentValue<'_>)]) -> String {
        let values: HashMap<Cow<'static, str>, FluentValue<'_>> = values
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), value.clone()))
            .collect();
        LOCALES.lookup_with_args(self.id(), key, &values)
    }

    /// A text with one variable that is ours: a number in words, a date.
    pub(crate) fn with(self, key: &str, name: &'static str, value: impl Display) -> String {
        self.fill(key, &[(name, value.to_string().into())])
    }

    /// A text with one variable that someone typed: isolated, so that its direction stays in it.
    pub(crate) fn with_text(self, key: &str, name: &'static str, value: impl Display) -> String {
        self.with(key, name, format_args!("\u{2068}{value}\u{2069}"))
    }

    /// A text that counts: `$n` chooses the plural, `$shown` is the number as read.
    pub(crate) fn count(self, key: &str, n: u64, shown: &str) -> String {
        let text = self.fill(key, &[("n", n.into()), ("shown", shown.into())]);
        match self {
            Self::En => text,
            // A space sets a figure off; between two words there is none.
            Self::ZhCn => text.replace("万 ", "万").replace("亿 ", "亿"),
        }
    }
}

/// `q=0.8` as 800; what cannot be read counts as nothing.
fn thousandths(weight: &str) -> u16 {
    let value = weight.trim().strip_prefix("q=").unwrap_or_default();
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    let whole: u16 = whole.parse().unwrap_or(0);
    let part: u16 = format!("{part:0<3}")
        .get(..3)
        .and_then(|part| part.parse().ok())
        .unwrap_or(0);
    (whole.min(1) * 1000 + part).min(1000)
}

/// Words for each state, by its wire name.
pub(crate) const STATE_STRINGS: [&str; 7] = [
    "state-draft",
    "state-uploading",
    "state-processing",
    "state-playable",
    "state-ready",
    "state-failed",
    "state-deleted",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn lang(cookie: &str, accept: &str) -> Lang {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers.insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
        Lang::of(&headers)
    }

    #[test]
    fn the_choice_beats_the_browser_and_the_browser_beats_english() {
        assert_eq!(lang("", "fr, zh-TW;q=0.8, en;q=0.3"), Lang::ZhCn);
        assert_eq!(lang("", "en-GB,en;q=0.9,zh;q=0.8"), Lang::En);
        assert_eq!(lang("lang=en", "zh-CN"), Lang::En);
        assert_eq!(lang("lang=zh-CN; x=y", "en"), Lang::ZhCn);
        assert_eq!(lang("lang=tlh", "fr;q=1, de"), Lang::En);
        assert_eq!(lang("", "zh;q=nonsense"), Lang::En);
    }

    #[test]
    fn plurals_and_typed_words_come_out_whole() {
        assert_eq!(Lang::En.count("views", 1, "1"), "1 view");
        assert_eq!(Lang::En.count("views", 0, "0"), "0 views");
        assert_eq!(Lang::ZhCn.count("views", 12_000, "1.2 万"), "1.2 万次播放");
        let title = Lang::En.with_text("found-title", "q", "<b>");
        assert!(title.contains("\u{2068}<b>\u{2069}"));
    }
}

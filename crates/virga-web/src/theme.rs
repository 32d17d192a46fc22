//! Light or dark, as the viewer chose; kept in a cookie so that the first byte is right.

use http::HeaderMap;

/// The cookie that holds a viewer's choice.
pub(crate) const COOKIE: &str = "theme";

/// How pages look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system says.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// As in the cookie and in `<html data-theme>`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::System, Self::Light, Self::Dark]
            .into_iter()
            .find(|theme| theme.as_str() == text)
    }

    /// The viewer's choice.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let chosen = virga_http::cookie::read(headers, COOKIE);
        chosen.and_then(Self::parse).unwrap_or_default()
    }
}

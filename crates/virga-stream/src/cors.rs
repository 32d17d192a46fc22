//! Which other sites' scripts may read public media (CORS). What needs a grant is never readable
//! from elsewhere, and neither are the addresses of a bucket.

use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use virga_core::paths::MediaFile;

const EXPOSED: HeaderValue = HeaderValue::from_static("content-length, content-range, etag");

/// `http.media_cors`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaCors {
    /// Every site.
    #[default]
    #[serde(rename = "*")]
    Any,
    /// The sites that may show the embedded player (`web.embed_ancestors`).
    #[serde(rename = "embeds")]
    Embeds,
    /// None.
    #[serde(rename = "off")]
    Off,
}

/// The origins that may read public media.
#[derive(Clone, Debug)]
pub enum MediaOrigins {
    /// All of them.
    Any,
    /// Those that one of these CSP sources names.
    Listed(Vec<String>),
}

impl MediaOrigins {
    /// By the setting, and by the list of sites that may embed.
    pub fn new(setting: MediaCors, ancestors: &str) -> Self {
        let sources = || ancestors.split_whitespace().map(str::to_ascii_lowercase);
        match setting {
            MediaCors::Any => Self::Any,
            MediaCors::Off => Self::Listed(Vec::new()),
            MediaCors::Embeds if sources().any(|source| source == "*") => Self::Any,
            MediaCors::Embeds => Self::Listed(sources().collect()),
        }
    }

    /// Adds what a browser wants to see on an answer about a public video.
    pub(crate) fn apply(&self, file: &MediaFile, request: &HeaderMap, answer: &mut HeaderMap) {
        if matches!(file, MediaFile::Urls) {
            return;
        }
        let allowed = match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(sources) if sources.is_empty() => None,
            Self::Listed(sources) => {
                // Caches keep one answer for each asking site.
                answer.append(header::VARY, HeaderValue::from_static("origin"));
                let origin = request.get(header::ORIGIN);
                origin.filter(|origin| is_listed(sources, origin)).cloned()
            }
        };
        if let Some(allowed) = allowed {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

fn is_listed(sources: &[String], origin: &HeaderValue) -> bool {
    let Some((scheme, host)) = origin.to_str().ok().and_then(|it| it.split_once("://")) else {
        return false;
    };
    sources.iter().any(|source| {
        let (wanted, name) = match source.split_once("://") {
            Some((wanted, name)) => (Some(wanted), name),
            None => match source.strip_suffix(':') {
                Some(wanted) => return wanted == scheme,
                None => (None, source.as_str()),
            },
        };
        let name = name.trim_end_matches('/');
        let same = match name.strip_prefix("*.") {
            Some(parent) => host
                .strip_suffix(parent)
                .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1),
            None => host == name,
        };
        wanted.is_none_or(|wanted| wanted == scheme) && same
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(
        setting: MediaCors,
        ancestors: &str,
        file: &MediaFile,
        origin: &str,
    ) -> Option<String> {
        let request = [(header::ORIGIN, origin.parse().unwrap())]
            .into_iter()
            .collect();
        let mut answer = HeaderMap::new();
        MediaOrigins::new(setting, ancestors).apply(file, &request, &mut answer);
        answer
            .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
            .map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_setting_decides_who_reads() {
        let any = Some("*".to_owned());
        let blog = "https://blog.example";
        assert_eq!(
            allowed(MediaCors::Any, "'none'", &MediaFile::Poster(0), blog),
            any
        );
        assert_eq!(allowed(MediaCors::Any, "*", &MediaFile::Urls, blog), None);
        assert_eq!(
            allowed(MediaCors::Off, "*", &MediaFile::Poster(0), blog),
            None
        );
        assert_eq!(
            allowed(MediaCors::Embeds, "*", &MediaFile::Poster(0), blog),
            any
        );
    }

    #[test]
    fn a_list_of_embedding_sites_is_read_as_a_browser_reads_it() {
        let list = "'self' https://blog.example https://*.Shop.example news.example:8080";
        let reads = |origin| allowed(MediaCors::Embeds, list, &MediaFile::Fallback, origin);
        for origin in [
            "https://blog.example",
            "https://a.shop.example",
            "http://news.example:8080",
        ] {
            assert_eq!(reads(origin).as_deref(), Some(origin));
        }
        for origin in [
            "http://blog.example",
            "https://evil-blog.example",
            "https://shop.example",
            "https://evilshop.example",
            "https://blog.example.evil",
            "https://news.example",
            "null",
        ] {
            assert_eq!(reads(origin), None, "{origin}");
        }
        let https = |origin| allowed(MediaCors::Embeds, "https:", &MediaFile::Poster(0), origin);
        assert!(https("https://x.example").is_some() && https("http://x.example").is_none());
    }
}

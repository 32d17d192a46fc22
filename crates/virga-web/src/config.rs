//! The `[web]` section of the configuration.

use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// What an operator may change about the pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// Videos on one page of a list, 1 to 100.
    pub page_size: u32,
    /// How long the site's name and settings are kept before they are asked for again, seconds.
    pub site_seconds: u64,
    /// Who may show `/embed/` in a frame: a list of sources as in `frame-ancestors`, `*` for
    /// everyone, `'none'` for nobody.
    #[serde(deserialize_with = "sources")]
    pub embed_ancestors: String,
}

/// Sources of a content policy: nothing that would end the directive and begin another.
fn sources<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let fine = !text.trim().is_empty()
        && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
        && !text.contains([';', ',']);
    if fine {
        Ok(text)
    } else {
        Err(D::Error::custom(
            "sources are separated by spaces: https://a.example https://b.example",
        ))
    }
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            page_size: 24,
            site_seconds: 2,
            embed_ancestors: "*".to_owned(),
        }
    }
}

//! Pages: server-rendered HTML, forms that work without script, locales, embedded assets.
//!
//! An HTTP client of the API and nothing else: no SQL, no object store. Every page starts from a
//! [`context::PageContext`]: who asks, in which language, with which nonce.

mod assets;
mod config;
mod context;
mod error_page;
mod errors;
mod format;
mod headers;
mod layout;
mod locale;
mod pages;
mod reasons;
mod router;
mod script_texts;
mod state;
mod theme;

#[cfg(test)]
mod fixtures;

pub use config::WebConfig;
pub use router::router;
pub use state::WebState;

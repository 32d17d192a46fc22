//! Pages: server-rendered HTML, forms that work without script, locales, embedded assets.
//!
//! An HTTP client of the API and nothing else: no SQL, no object store. Every page starts from a
//! [`visit::Visit`]: who asks, in which language, with which nonce.

mod assets;
mod config;
mod errors;
mod fault;
mod frame;
mod headers;
mod locale;
mod pages;
mod reasons;
mod router;
mod show;
mod state;
mod theme;
mod visit;

#[cfg(test)]
mod samples;

pub use config::WebConfig;
pub use router::router;
pub use state::WebState;

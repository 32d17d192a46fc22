//! Control plane: accounts, catalogue, uploads, comments, grants, events. Owns SQL; serves no
//! media. Handlers extract, call one use case and render.

mod attempt_limit;
mod caller;
mod config;
mod document;
mod events;
mod feed;
mod hub;
mod idempotency;
mod limits;
mod password;
mod reference;
mod replica;
mod router;
mod routes;
mod session_ends;
mod sessions;
mod state;
mod to_wire;
mod view_counter;

pub use config::{AccountsConfig, ApiConfig, LimitsConfig};
pub use password::Passwords;
pub use router::{openapi, router};
pub use state::{ApiParts, ApiState};

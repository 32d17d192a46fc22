//! HTTP kit shared by the roles: problem details, extractors, who calls, same-origin check, limits,
//! the listener's layers, serve and drain. Knows no route, no SQL and no object store.

mod body_timeout;
mod error;
mod extract;
mod file_body;
mod flight;
mod head_guard;
mod host;
mod sendfile;

pub mod access_log;
pub mod cookie;
pub mod fair;
pub mod layers;
pub mod limit;
pub mod origin;
pub mod paging;
pub mod representation;
pub mod serve;
pub mod viewer;

pub use error::{Error, ProblemCode, Result, answer, method_not_allowed, problem, redirect};
pub use extract::{Bytes, Form, Json, Path, Query};
pub use file_body::{BodyPart, FileBody};
pub use flight::Vouching;
pub use sendfile::FileQueue;

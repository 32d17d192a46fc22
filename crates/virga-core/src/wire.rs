//! The API's JSON, both directions. The only definition of it: api, client, web and tests share it.

mod accounts;
mod admin;
mod comments;
mod feed;
mod integer;
mod sitemap;
mod uploads;
mod videos;

pub use accounts::*;
pub use admin::*;
pub use comments::*;
pub use feed::*;
pub use sitemap::*;
pub use uploads::*;
pub use videos::*;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Code;

/// RFC 9457 problem details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says what it is, `code` says it exactly.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// A sentence that a person can act on.
    pub detail: String,
    /// Stable, for programs: one of `ProblemCode`, or a code of a later release.
    pub code: String,
    /// The field at fault, by its wire name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Seconds to wait before trying again; also in `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The id of the visitor's request, as in the log and in `x-request-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// Its code; `None` for one of another release.
    pub fn known(&self) -> Option<Code> {
        Code::parse(&self.code)
    }
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Ask with `?cursor=` this for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

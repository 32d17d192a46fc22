//! Cursors: opaque to clients, the sort key of the last entry to us.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use virga_core::{Code, Failure};

/// Entries of a page when nothing is said.
pub const DEFAULT_LIMIT: u64 = 24;
/// Entries of a page at most.
pub const MAX_LIMIT: u64 = 100;

/// `?cursor=&limit=`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// From the page before.
    pub cursor: Option<String>,
    /// Entries wanted.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u64>,
}

impl PageQuery {
    /// Entries wanted; 400 where that is none or too many.
    pub fn limit(&self) -> Result<u64, Failure> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if (1..=MAX_LIMIT).contains(&limit) {
            return Ok(limit);
        }
        let detail = format!("Ask for 1 to {MAX_LIMIT} entries.");
        let mut refused = Failure::new(Code::QueryInvalid, detail);
        refused.field = Some("limit");
        Err(refused)
    }

    /// The key to go on after.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Failure> {
        self.cursor
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(decode)
            .transpose()
    }
}

/// Cuts rows that were read with one too many to a page; the cursor for the next page, where there is
/// one: the sort key of the last row that stays.
pub fn cut<T, K: Serialize>(
    rows: &mut Vec<T>,
    limit: u64,
    key: impl FnOnce(&T) -> K,
) -> Option<String> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let key = key(rows.last().filter(|_| more)?);
    Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&key).unwrap_or_default()))
}

fn decode<K: DeserializeOwned>(text: &str) -> Result<K, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    serde_json::from_slice(&bytes)
        .map_err(|_| Failure::new(Code::CursorInvalid, "This cursor is not from this list."))
}

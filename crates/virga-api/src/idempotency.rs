//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a client that got no answer sends
//! the same request again, and nothing is made twice. The key, its account and the body decide the id
//! of what is made, so that the second request meets the row of the first: there is no table of keys
//! to keep or to sweep. Another body under the same key makes something else, as without a key.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::Serialize;
use virga_core::{Code, Failure, UserId};
use virga_http::Error;

use crate::ApiState;

const HEADER: &str = "idempotency-key";
/// Longest key, characters.
const KEY_MAX: usize = 255;

/// The key of a request, where it has one.
#[derive(Clone, Debug)]
pub(crate) struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    /// Whether the request may be a repetition.
    pub(crate) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// The bytes of a new id: random ones, or the same again for the same key, account and content.
    pub(crate) fn id_bytes(
        &self,
        state: &ApiState,
        purpose: &str,
        user: UserId,
        content: &impl Serialize,
    ) -> [u8; 8] {
        let Some(key) = &self.0 else {
            return state.app.entropy.bytes();
        };
        let content = serde_json::to_string(content).unwrap_or_default();
        let fields = [user.as_str(), key, &content];
        state.keys.repeatable_bytes(purpose, &fields)
    }
}

/// The key in a header's value: a string in quotes (RFC 9651 §3.3.3), or its characters alone.
fn read(value: &str) -> Option<&str> {
    let value = value.trim();
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(value);
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b',');
    ((1..=KEY_MAX).contains(&key.len()) && key.bytes().all(plain)).then_some(key)
}

impl FromRequestParts<ApiState> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Error> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(first) = values.next() else {
            return Ok(Self(None));
        };
        let key = first.to_str().ok().and_then(read);
        match (key, values.next()) {
            (Some(key), None) => Ok(Self(Some(key.to_owned()))),
            _ => Err(Error(Failure::new(
                Code::IdempotencyKeyInvalid,
                "Idempotency-Key is sent once, with 1 to 255 visible ASCII characters, such as a UUID.",
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_key_is_read_with_and_without_quotes() {
        assert_eq!(read("\"8e03-978e\""), Some("8e03-978e"));
        assert_eq!(read("8e03-978e"), Some("8e03-978e"));
        let long = "k".repeat(256);
        for wrong in ["", "\"\"", "\"", "a b", "a\"b", "a,b", "é", &long] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}

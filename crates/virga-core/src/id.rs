//! Public ids: 64 random bits as eleven characters of base62. Short enough to read aloud, not
//! guessable in sequence, safe in a path, in a file name and in an object key.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::Entropy;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH: usize = 11;

/// The text is not an id.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("this is not an id: an id has eleven letters and digits")]
pub struct InvalidId;

fn encode(mut value: u64) -> [u8; LENGTH] {
    let mut text = [b'0'; LENGTH];
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET[usize::try_from(value % 62).unwrap_or_default()];
        value /= 62;
    }
    text
}

fn validate(text: &str) -> Result<[u8; LENGTH], InvalidId> {
    let bytes: [u8; LENGTH] = text.as_bytes().try_into().map_err(|_| InvalidId)?;
    if bytes.iter().all(u8::is_ascii_alphanumeric) {
        Ok(bytes)
    } else {
        Err(InvalidId)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; LENGTH]);

        impl $name {
            /// A fresh one.
            pub fn random(entropy: &dyn Entropy) -> Self {
                Self::from_bytes(entropy.bytes())
            }

            /// The one that these bytes stand for.
            pub fn from_bytes(bytes: [u8; 8]) -> Self {
                Self(encode(u64::from_le_bytes(bytes)))
            }

            /// The eleven characters.
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                validate(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some("^[0-9A-Za-z]{11}$"))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

ids! {
    /// A video: in URLs, rows and as the object prefix `v/{id}/`. It has no other id.
    VideoId,
    /// An upload: also the id of its multipart session on disk.
    UploadId,
    /// An account.
    UserId,
    /// A comment.
    CommentId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsEntropy;

    #[test]
    fn an_id_survives_its_text() {
        let id = VideoId::random(&OsEntropy);
        assert_eq!(id.to_string().parse::<VideoId>().unwrap(), id);
        assert_eq!(id.to_string().len(), 11);
    }

    #[test]
    fn path_tricks_are_no_ids() {
        for text in [
            "",
            "..",
            "../../etc/pa",
            "aaaaaaaaaa%",
            "aaaaaaaaaaaa",
            "aaaaa/aaaaa",
            "ééééé1",
            "aaaaaaaaaa\0",
        ] {
            assert!(text.parse::<VideoId>().is_err(), "{text:?}");
        }
    }
}

//! A video: its state as the API shows it, and who may see it.

use serde::{Deserialize, Deserializer, Serialize};

macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        // By hand: the derive does not see words that come through this macro.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some([$($word),+]))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in rows, URLs and on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value of a word, if there is one.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use word_enum;

word_enum! {
    /// Where a video stands, as the API shows it.
    VideoState {
        /// No live upload; also after one expired or was cancelled.
        Draft = "draft",
        /// Bytes are coming in.
        Uploading = "uploading",
        /// Completing, or stored and nothing plays yet.
        Processing = "processing",
        /// Something plays and work is still open.
        Playable = "playable",
        /// No work open. Rungs that failed stand in `warnings`.
        Ready = "ready",
        /// Nothing plays and no work is open; the source is kept.
        Failed = "failed",
        /// Deleted; gives way to 404 when purged.
        Deleted = "deleted",
    }
}

word_enum! {
    /// Who may see a video.
    Visibility {
        /// Everyone; listed and searchable.
        Public = "public",
        /// Everyone who has the address; never listed.
        Unlisted = "unlisted",
        /// Its owner and administrators.
        Private = "private",
    }
}

impl Visibility {
    /// Reads a word; one of a later release says no more here than that not everybody may see it.
    ///
    /// # Errors
    /// Where it is no word at all.
    pub fn or_private<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        Ok(Self::parse(&word).unwrap_or(Self::Private))
    }
}

impl VideoState {
    /// Reads a word; in a state of a later release something is under way.
    ///
    /// # Errors
    /// Where it is no word at all.
    pub fn or_processing<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        Ok(Self::parse(&word).unwrap_or(Self::Processing))
    }

    /// Whether `playback` answers URLs.
    pub fn plays(self) -> bool {
        matches!(self, Self::Playable | Self::Ready)
    }

    /// Whether something will change without the owner doing anything.
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::Uploading | Self::Processing | Self::Playable)
    }

    /// The state that rows imply. The only place that decides it.
    pub fn derive(facts: StateFacts) -> Self {
        if facts.deleted {
            Self::Deleted
        } else if facts.plays {
            if facts.open_jobs || facts.receiving {
                Self::Playable
            } else {
                Self::Ready
            }
        } else if facts.stored {
            if facts.open_jobs {
                Self::Processing
            } else {
                Self::Failed
            }
        } else if facts.completing {
            Self::Processing
        } else if facts.receiving {
            Self::Uploading
        } else {
            Self::Draft
        }
    }
}

/// What the state is derived from.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "six independent facts read off rows"
)]
pub struct StateFacts {
    /// The owner deleted it.
    pub deleted: bool,
    /// At least one rendition can be played.
    pub plays: bool,
    /// A job other than purge is queued or leased.
    pub open_jobs: bool,
    /// The source is whole in the store.
    pub stored: bool,
    /// An upload is being completed.
    pub completing: bool,
    /// An upload is created or receiving.
    pub receiving: bool,
}

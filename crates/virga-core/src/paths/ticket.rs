//! Tickets: addresses that permit something by themselves. All are built and checked here, in one way:
//! `{prefix}{field}/{field}?{name}={field}&exp=…&kid=…&sig=…`, with a signature over all fields and the
//! expiry.

use form_urlencoded::Serializer;
use std::borrow::Cow;

use crate::{
    Timestamp, UploadId, UserId, VideoId,
    keys::{BadSignature, KeyRing},
    upload::PartSpan,
};

/// One kind of ticket.
pub trait Ticket: Sized {
    /// Keeps a signature of one kind from being one of another.
    const PURPOSE: &'static str;
    /// What the address begins with.
    const PREFIX: &'static str;
    /// Names of the fields in the query; those before them are in the path.
    const NAMES: &'static [&'static str];

    /// The fields, in the order in which they are signed.
    fn fields(&self) -> Vec<String>;

    /// A ticket of these fields.
    fn read(fields: &[Cow<'_, str>], expires: Timestamp) -> Option<Self>;

    /// Ends then.
    fn expires(&self) -> Timestamp;

    /// All that is signed.
    fn signed(&self) -> Vec<String> {
        let mut fields = self.fields();
        fields.push(self.expires().seconds().to_string());
        fields
    }

    /// The signed address: absolute path and query.
    fn to_path(&self, ring: &KeyRing) -> String {
        let fields = self.signed();
        let in_path = fields.len() - 1 - Self::NAMES.len();
        let path = format!("{}{}?", Self::PREFIX, fields[..in_path].join("/"));
        let (kid, sig) = ring.sign(Self::PURPOSE, &fields);
        let begins = path.len();
        let names = Self::NAMES.iter().chain(&["exp"]);
        Serializer::for_suffix(path, begins)
            .extend_pairs(names.zip(&fields[in_path..]))
            .append_pair("kid", &kid)
            .append_pair("sig", &sig)
            .finish()
    }

    /// The ticket of an address that this site signed and that has not ended. Whatever is wrong with an
    /// address reads the same.
    fn verify(
        ring: &KeyRing,
        (path, query): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<Self, BadSignature> {
        let path = path.strip_prefix(Self::PREFIX).ok_or(BadSignature)?;
        let mut given: Vec<Cow<'_, str>> = path.split('/').map(Cow::from).collect();
        let query = query.unwrap_or_default().as_bytes();
        let value = |name: &str| {
            let mut found = form_urlencoded::parse(query).filter(|(key, _)| key == name);
            let value = found.next().ok_or(BadSignature)?.1;
            found.next().map_or(Ok(value), |_| Err(BadSignature))
        };
        for name in Self::NAMES {
            given.push(value(name)?);
        }
        let ends = value("exp")?;
        let expires = Timestamp::from_seconds(ends.parse().map_err(|_| BadSignature)?);
        let ticket = Self::read(&given, expires).ok_or(BadSignature)?;
        given.push(ends);
        // One spelling: a number, for instance, has no zeros before it.
        if ticket.signed() != given {
            return Err(BadSignature);
        }
        let signature = (&*value("kid")?, &*value("sig")?);
        ring.verify(signature, Self::PURPOSE, &given)?;
        // It holds before that second, not at it.
        if now.seconds() < expires.seconds() {
            Ok(ticket)
        } else {
            Err(BadSignature)
        }
    }
}

/// The permission to send one part: bound to upload, number, place and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartTicket {
    /// The upload, which is also its multipart session.
    pub upload: UploadId,
    /// From 1.
    pub number: u32,
    /// Where in the file, and how many bytes exactly.
    pub span: PartSpan,
    /// Size of the whole file.
    pub total: u64,
    /// Ends then.
    pub expires: Timestamp,
}

impl Ticket for PartTicket {
    const PURPOSE: &'static str = "part";
    const PREFIX: &'static str = super::UP;
    const NAMES: &'static [&'static str] = &["offset", "size", "total"];

    fn fields(&self) -> Vec<String> {
        vec![
            self.upload.to_string(),
            self.number.to_string(),
            self.span.offset.to_string(),
            self.span.size.to_string(),
            self.total.to_string(),
        ]
    }

    fn read(fields: &[Cow<'_, str>], expires: Timestamp) -> Option<Self> {
        let [upload, number, offset, size, total] = fields else {
            return None;
        };
        Some(Self {
            upload: upload.parse().ok()?,
            number: number.parse().ok()?,
            span: PartSpan {
                offset: offset.parse().ok()?,
                size: size.parse().ok()?,
            },
            total: total.parse().ok()?,
            expires,
        })
    }

    fn expires(&self) -> Timestamp {
        self.expires
    }
}

/// The permission to send one whole file by a plain form, for browsers without script. Bound to the
/// draft that it fills, to its owner and to the most bytes. It works once: a video that has its file
/// takes no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormTicket {
    /// The draft.
    pub video: VideoId,
    /// Its owner.
    pub user: UserId,
    /// The most bytes.
    pub max: u64,
    /// Ends then.
    pub expires: Timestamp,
}

impl Ticket for FormTicket {
    const PURPOSE: &'static str = "form";
    const PREFIX: &'static str = "/up/form/";
    const NAMES: &'static [&'static str] = &["user", "max"];

    fn fields(&self) -> Vec<String> {
        vec![
            self.video.to_string(),
            self.user.to_string(),
            self.max.to_string(),
        ]
    }

    fn read(fields: &[Cow<'_, str>], expires: Timestamp) -> Option<Self> {
        let [video, user, max] = fields else {
            return None;
        };
        Some(Self {
            video: video.parse().ok()?,
            user: user.parse().ok()?,
            max: max.parse().ok()?,
            expires,
        })
    }

    fn expires(&self) -> Timestamp {
        self.expires
    }
}

/// The permission to fetch the file that a video was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTicket {
    /// The video.
    pub video: VideoId,
    /// The upload that brought it.
    pub upload: UploadId,
    /// The name under which to save it.
    pub name: String,
    /// Ends then.
    pub expires: Timestamp,
}

impl Ticket for SourceTicket {
    const PURPOSE: &'static str = "source";
    const PREFIX: &'static str = "/media/source/";
    const NAMES: &'static [&'static str] = &["name"];

    fn fields(&self) -> Vec<String> {
        vec![
            self.video.to_string(),
            self.upload.to_string(),
            self.name.clone(),
        ]
    }

    fn read(fields: &[Cow<'_, str>], expires: Timestamp) -> Option<Self> {
        let [video, upload, name] = fields else {
            return None;
        };
        Some(Self {
            video: video.parse().ok()?,
            upload: upload.parse().ok()?,
            name: name.to_string(),
            expires,
        })
    }

    fn expires(&self) -> Timestamp {
        self.expires
    }
}

//! Tickets: addresses that permit something by themselves. All are built and checked here, in one way:
//! `{prefix}{field}/{field}?{name}={field}&exp=…&kid=…&sig=…`, with a signature over all fields and the
//! expiry.

use form_urlencoded::Serializer;
use std::borrow::Cow;

use crate::{
    Timestamp, UploadId, UserId, VideoId,
    keys::{BadSignature, KeyRing},
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
    fn read(fields: &[Cow<'_, str>]) -> Option<Self>;

    /// Ends then.
    fn expires(&self) -> Timestamp;

    /// The signed address: absolute path and query.
    fn to_path(&self, ring: &KeyRing) -> String {
        let fields = self.fields();
        let in_path = fields.len() - Self::NAMES.len();
        let path = format!("{}{}?", Self::PREFIX, fields[..in_path].join("/"));
        let (kid, sig) = ring.sign(Self::PURPOSE, &fields);
        let begins = path.len();
        Serializer::for_suffix(path, begins)
            .extend_pairs(Self::NAMES.iter().zip(&fields[in_path..]))
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
        let ticket = Self::read(&given).ok_or(BadSignature)?;
        // One spelling: a number, for instance, has no zeros before it.
        if ticket.fields() != given {
            return Err(BadSignature);
        }
        let signature = (&*value("kid")?, &*value("sig")?);
        ring.verify(signature, Self::PURPOSE, &given)?;
        // It holds before that second, not at it.
        if now.seconds() < ticket.expires().seconds() {
            Ok(ticket)
        } else {
            Err(BadSignature)
        }
    }
}

macro_rules! tickets {
    ($(
        $(#[$doc:meta])*
        $name:ident, $purpose:literal, $prefix:expr =>
        $($(#[$path_doc:meta])* / $path:ident: $path_type:ty)+;
        $($(#[$query_doc:meta])* & $query:ident: $query_type:ty)+;
    )+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$path_doc])* pub $path: $path_type,)+
            $($(#[$query_doc])* pub $query: $query_type,)+
            /// Ends then.
            pub expires: Timestamp,
        }

        impl Ticket for $name {
            const PURPOSE: &'static str = $purpose;
            const PREFIX: &'static str = $prefix;
            const NAMES: &'static [&'static str] = &[$(stringify!($query),)+ "exp"];

            fn fields(&self) -> Vec<String> {
                let expires = self.expires.seconds().to_string();
                vec![$(self.$path.to_string(),)+ $(self.$query.to_string(),)+ expires]
            }

            fn read(fields: &[Cow<'_, str>]) -> Option<Self> {
                let mut fields = fields.iter();
                Some(Self {
                    $($path: fields.next()?.parse().ok()?,)+
                    $($query: fields.next()?.parse().ok()?,)+
                    expires: Timestamp::from_seconds(fields.next()?.parse().ok()?),
                })
            }

            fn expires(&self) -> Timestamp {
                self.expires
            }
        }
    )+};
}

tickets! {
    /// The permission to send one part: bound to upload, number, place and size.
    PartTicket, "part", super::UP =>
        /// The upload, which is also its multipart session.
        / upload: UploadId
        /// From 1.
        / number: u32;
        /// Where in the file.
        & offset: u64
        /// How many bytes exactly.
        & size: u64
        /// Size of the whole file.
        & total: u64;

    /// The permission to send one whole file by a plain form, for browsers without script. It works
    /// once: a video that has its file takes no other.
    FormTicket, "form", "/up/form/" =>
        /// The draft that it fills.
        / video: VideoId;
        /// Its owner.
        & user: UserId
        /// The most bytes.
        & max: u64;

    /// The permission to fetch the file that a video was made of.
    SourceTicket, "source", "/media/source/" =>
        /// The video.
        / video: VideoId
        /// The upload that brought it.
        / upload: UploadId;
        /// The name under which to save it.
        & name: String;
}

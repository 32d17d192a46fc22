//! Addresses, keys, documents and what people type.

use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, sync::OnceLock};
use virga_core::{
    Clock, FakeClock, MediaKey, OsEntropy, UploadId, UserId, VideoId,
    job::Job,
    keys::{KeyRing, Voucher, check_grant, unseal},
    name::{account_name, fold_name, skeleton_of},
    paths::{FormTicket, MediaPath, PartTicket, SourceTicket, Ticket},
    presentation::{GrowingTable, Presentation},
    text,
    wire::{NewUpload, PartNumbers, Problem},
};

/// Keys that no input can know.
fn ring() -> &'static KeyRing {
    static RING: OnceLock<KeyRing> = OnceLock::new();
    RING.get_or_init(|| KeyRing::generate(&OsEntropy))
}

fn text_of(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}

/// An address: what reads writes itself, and no ticket opens that was not signed.
pub(crate) fn addresses(input: &[u8]) {
    let Some(address) = text_of(input) else {
        return;
    };
    let (path, query) = match address.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (address, None),
    };
    if let Some(read) = MediaPath::parse(path, query) {
        let written = read.to_string();
        let (path, query) = match written.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (written.as_str(), None),
        };
        assert_eq!(MediaPath::parse(path, query), Some(read), "{written}");
    }
    let now = FakeClock::new().now();
    let video = VideoId::from_bytes([0; 8]);
    assert!(PartTicket::verify(ring(), (path, query), now).is_err());
    assert!(FormTicket::verify(ring(), (path, query), now).is_err());
    assert!(SourceTicket::verify(ring(), (path, query), now).is_err());
    assert!(check_grant(ring(), address, video, 1, now).is_err());
    assert!(Voucher::open(ring(), address, now).is_err());
    assert!(unseal(ring(), "name", address).is_err());
    opens(&SourceTicket {
        video,
        upload: UploadId::from_bytes([1; 8]),
        name: address.to_owned(),
        expires: now.plus(std::time::Duration::from_secs(60)),
    });
}

/// A ticket with this text in it opens at its own address.
fn opens(ticket: &SourceTicket) {
    let address = ticket.to_path(ring());
    let (path, query) = address.split_once('?').expect("a query");
    let read = SourceTicket::verify(ring(), (path, Some(query)), FakeClock::new().now());
    assert_eq!(read.as_ref(), Ok(ticket), "{address}");
}

/// What people and clients write: what is taken once is taken again as it is.
pub(crate) fn words(input: &[u8]) {
    let Some(typed) = text_of(input) else {
        return;
    };
    for clean in [text::title, text::description, text::comment, account_name] {
        if let Ok(taken) = clean(typed) {
            let again = clean(&taken).ok();
            assert_eq!(again, Some(taken));
        }
    }
    let named = text::file_name(typed);
    assert!(named.chars().count() <= text::TITLE_MAX);
    let folded = fold_name(typed);
    let _ = (skeleton_of(typed), skeleton_of(&folded));
    let _ = text::new_password(typed);
    let _ = text::percent_encoded(typed);
    let cut = text::cut(typed, 10);
    assert!(typed.starts_with(&cut) && cut.chars().count() <= 10);
    if let Ok(ring) = KeyRing::parse(typed) {
        let again = KeyRing::parse(&ring.to_text()).expect("it reads as it was written");
        assert_eq!(again.to_text(), ring.to_text());
    }
    if let Ok(key) = MediaKey::parse(typed) {
        assert_eq!(key.as_str(), typed);
        let _ = (key.video(), key.upload(), key.class(), key.poster_parts());
    }
    if let Ok(id) = typed.parse::<UserId>() {
        assert_eq!(id.as_str(), typed);
    }
}

/// Documents: those of the store, those of requests, and those that another role answers.
pub(crate) fn documents(json: &[u8]) {
    again::<Presentation>(json);
    again::<NewUpload>(json);
    again::<PartNumbers>(json);
    again::<Problem>(json);
    if let Some(table) = again::<GrowingTable>(json) {
        for n in 0..=table.table.segments() {
            let _ = table.place(n);
        }
    }
    if let Some(payload) = text_of(json) {
        for kind in ["probe", "purge", "later"] {
            if let Some(job) = Job::read(kind, payload) {
                assert_eq!(Job::read(kind, &job.payload()), Some(job));
            }
        }
    }
}

/// What reads writes itself.
fn again<T: DeserializeOwned + Serialize + Debug>(json: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(json).ok()?;
    let written = serde_json::to_string(&read).expect("it is written");
    let second: T = serde_json::from_str(&written).expect("it reads as it was written");
    assert_eq!(format!("{second:?}"), format!("{read:?}"));
    Some(read)
}

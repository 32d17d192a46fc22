//! Addresses: what was built reads as what it was built of, and nothing else reads.

use proptest::prelude::*;
use std::time::Duration;
use virga_core::{
    Clock, FakeClock, OsEntropy, UploadId, UserId, VideoId,
    keys::KeyRing,
    paths::{FormTicket, MediaFile, MediaPath, PartTicket, SourceTicket, Ticket, TrackFile},
};

/// Path and query.
fn split(address: &str) -> (&str, Option<&str>) {
    match address.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (address, None),
    }
}

fn read(address: &str) -> Option<MediaPath> {
    let (path, query) = split(address);
    MediaPath::parse(path, query)
}

fn files() -> impl Strategy<Value = MediaFile> {
    let of_track = prop_oneof![
        Just(TrackFile::Whole),
        Just(TrackFile::Playlist),
        Just(TrackFile::Event),
        Just(TrackFile::IFrames),
        Just(TrackFile::Init),
        any::<usize>().prop_map(TrackFile::Segment),
    ];
    prop_oneof![
        Just(MediaFile::Multivariant),
        Just(MediaFile::Manifest),
        any::<u32>().prop_map(MediaFile::Poster),
        Just(MediaFile::Fallback),
        (any::<u32>(), 1..u64::from(u32::MAX)).prop_map(|(from, length)| {
            let from = u64::from(from);
            MediaFile::Clip(from, from + length)
        }),
        Just(MediaFile::Storyboard),
        any::<usize>().prop_map(MediaFile::Sheet),
        any::<u32>().prop_map(MediaFile::Text),
        any::<u32>().prop_map(MediaFile::TextPlaylist),
        Just(MediaFile::Urls),
        ("[a-z0-9-]{1,32}", of_track).prop_map(|(name, file)| MediaFile::Track(name, file)),
    ]
}

fn media() -> impl Strategy<Value = MediaPath> {
    let grant = proptest::option::of("[0-9a-f]{8}\\.[0-9]{1,12}\\.[A-Za-z0-9_-]{43}");
    (grant, any::<[u8; 8]>(), files()).prop_map(|(grant, video, file)| MediaPath {
        grant,
        video: VideoId::from_bytes(video),
        file,
    })
}

fn ends() -> virga_core::Timestamp {
    FakeClock::new().now().plus(Duration::from_secs(60))
}

/// A ticket opens at its own address, and at no other spelling of it.
fn opens_as_it_was_built<T: Ticket + PartialEq + std::fmt::Debug>(ticket: &T, at: usize) {
    let (ring, clock) = (KeyRing::generate(&OsEntropy), FakeClock::new());
    let opened = |address: &str| T::verify(&ring, split(address), clock.now());
    let address = ticket.to_path(&ring);
    assert_eq!(opened(&address).as_ref(), Ok(ticket), "{address}");
    let at = 1 + at % (address.len() - 1);
    for odd in ["/", "%2e", "0", "+", ".", "\0"] {
        let (before, after) = address.split_at(at);
        let spelled = format!("{before}{odd}{after}");
        assert!(opened(&spelled).is_err(), "{spelled}");
    }
    let (before, after) = address.split_at(at);
    let cased = match after.as_bytes()[0] {
        sign if sign.is_ascii_lowercase() => after[..1].to_uppercase(),
        _ => after[..1].to_lowercase(),
    };
    if cased != after[..1] {
        let spelled = format!("{before}{cased}{}", &after[1..]);
        assert!(opened(&spelled).is_err(), "{spelled}");
    }
    clock.advance(Duration::from_secs(60));
    assert!(opened(&address).is_err(), "it has ended");
}

proptest! {
    #[test]
    fn a_media_path_reads_as_it_was_built(path in media()) {
        prop_assert_eq!(read(&path.to_string()), Some(path));
    }

    #[test]
    fn no_other_spelling_of_a_media_path_reads_as_the_same(path in media(), at in any::<usize>()) {
        let address = path.to_string();
        let plain = address.split('?').next().unwrap();
        let (before, after) = plain.split_at(at % (plain.len() + 1));
        for odd in ["/", "//", "/.", "%2e", "%2f", "\0"] {
            prop_assert_ne!(read(&format!("{before}{odd}{after}")), Some(path.clone()));
        }
    }

    #[test]
    fn a_part_opens_as_it_was_built(
        upload in any::<[u8; 8]>(), number in any::<u32>(), span in any::<(u64, u64)>(),
        total in any::<u64>(), at in any::<usize>(),
    ) {
        let (offset, size) = span;
        let upload = UploadId::from_bytes(upload);
        opens_as_it_was_built(&PartTicket { upload, number, offset, size, total, expires: ends() }, at);
    }

    #[test]
    fn a_form_opens_as_it_was_built(
        ids in any::<([u8; 8], [u8; 8])>(), max in any::<u64>(), at in any::<usize>(),
    ) {
        let (video, user) = (VideoId::from_bytes(ids.0), UserId::from_bytes(ids.1));
        opens_as_it_was_built(&FormTicket { video, user, max, expires: ends() }, at);
    }

    #[test]
    fn a_source_opens_as_it_was_built(
        ids in any::<([u8; 8], [u8; 8])>(), name in "[a-zA-Z0-9._-]{0,20}", at in any::<usize>(),
    ) {
        let (video, upload) = (VideoId::from_bytes(ids.0), UploadId::from_bytes(ids.1));
        opens_as_it_was_built(&SourceTicket { video, upload, name, expires: ends() }, at);
    }

    /// However a program between writes what is encoded in it.
    #[test]
    fn a_source_keeps_any_name(ids in any::<([u8; 8], [u8; 8])>(), name in ".*") {
        let (video, upload) = (VideoId::from_bytes(ids.0), UploadId::from_bytes(ids.1));
        let ticket = SourceTicket { video, upload, name, expires: ends() };
        let ring = KeyRing::generate(&OsEntropy);
        let address = ticket.to_path(&ring);
        let (path, query) = address.split_once('?').unwrap();
        let other = query.replace('+', "%20");
        for query in [query, &other] {
            let opened = SourceTicket::verify(&ring, (path, Some(query)), FakeClock::new().now());
            prop_assert_eq!(opened.as_ref(), Ok(&ticket));
        }
    }
}

#[test]
fn anything_else_is_no_media_path() {
    for rest in [
        "",
        "/",
        "//",
        "abcdefghijk",
        "abcdefghijk/",
        "abcdefghijk/main.mp4",
        "abcdefghijk/main.m3u8/",
        "abcdefghijk//main.m3u8",
        "abcdefghijk/../main.m3u8",
        "abcdefghijk/A/index.m3u8",
        "abcdefghijk/a.b/index.m3u8",
        "abcdefghijk/a/-1.m4s",
        "abcdefghijk/a/+1.m4s",
        "abcdefghijk/a/01.m4s",
        "abcdefghijk/a/99999999999999999999.m4s",
        "abcdefghijk/a/1.m4s%00",
        "abcdefghij%2f/main.m3u8",
        "abcdefghijkl/main.m3u8",
        "g/k.1.m/main.m3u8",
        "g/g/k/abcdefghijk/main.m3u8",
        "g/k/abcdefghijk/a/b/1.m4s",
    ] {
        assert_eq!(read(&format!("/media/{rest}")), None, "{rest}");
    }
}

/// Two releases run side by side: these were built by the one before.
#[test]
fn addresses_of_before_are_built_and_open_as_they_were() {
    let ring = KeyRing::parse(&format!("0a1b2c3d {}", "07".repeat(32))).unwrap();
    let now = virga_core::Timestamp::from_seconds(1_789_999_999);
    let part = PartTicket {
        upload: "abcdefghijk".parse().unwrap(),
        number: 3,
        offset: 16,
        size: 8,
        total: 20,
        expires: virga_core::Timestamp::from_seconds(1_790_000_000),
    };
    let form = FormTicket {
        video: "abcdefghijk".parse().unwrap(),
        user: "ABCDEFGHIJK".parse().unwrap(),
        max: 99,
        expires: part.expires,
    };
    let of_part = "/up/abcdefghijk/3?offset=16&size=8&total=20&exp=1790000000\
        &kid=0a1b2c3d&sig=SPwSOKFP6MuNCGApHKte92natPXUMKNYBaDPjDlFYxs";
    let of_form = "/up/form/abcdefghijk?user=ABCDEFGHIJK&max=99&exp=1790000000\
        &kid=0a1b2c3d&sig=jxkyK1vD3VSbKdUVaN1mnx22Tnbx9Njrrz23uUGSmC4";
    assert_eq!(part.to_path(&ring), of_part);
    assert_eq!(form.to_path(&ring), of_form);
    assert_eq!(PartTicket::verify(&ring, split(of_part), now), Ok(part));
    assert_eq!(FormTicket::verify(&ring, split(of_form), now), Ok(form));
}

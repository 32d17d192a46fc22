//! The container is decided from the first bytes, and what is no video is refused by name.

use virga_media::{Container, Refusal, sniff, sniff_behind, tag_length};

use crate::clips::{Clip, SAFE};

#[test]
fn containers_that_ffmpeg_writes_are_recognised() {
    let old = "-c:v mpeg2video -c:a mp2";
    for (options, name, container) in [
        (SAFE, "a.mp4", Container::Mp4),
        (SAFE, "a.mov", Container::Mp4),
        (SAFE, "a.3gp", Container::Mp4),
        (SAFE, "a.mkv", Container::Matroska),
        ("-c:v libvpx -c:a libopus", "a.webm", Container::Matroska),
        (SAFE, "a.ts", Container::MpegTs),
        (SAFE, "a.m2ts", Container::MpegTs),
        (old, "a.mpg", Container::MpegPs),
        ("-c:v mpeg4 -c:a mp2", "a.avi", Container::Avi),
        (SAFE, "a.flv", Container::Flv),
        ("-c:v libtheora -c:a libvorbis", "a.ogv", Container::Ogg),
        ("-c:v wmv2 -c:a wmav2", "a.wmv", Container::Asf),
        (
            "-c:v mpeg2video -c:a pcm_s16le -ar 48000",
            "a.mxf",
            Container::Mxf,
        ),
        ("-an", "a.gif", Container::Gif),
        ("-c:v libvpx -an", "a.ivf", Container::Ivf),
    ] {
        let clip = Clip::with_sound(1, options, name);
        assert_eq!(sniff(&clip.bytes), Ok(container), "{name}");
        let words = format!("-nostdin -f {} -i {name} -f null -", container.demuxer());
        clip.ffmpeg(&words, name);
    }
}

#[test]
fn what_only_points_elsewhere_is_refused() {
    assert_eq!(
        sniff(b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n"),
        Err(Refusal::Playlist)
    );
    assert_eq!(sniff(b"\xef\xbb\xbf\r\n #extm3u\n"), Err(Refusal::Playlist));
    assert_eq!(
        sniff(b"<?xml version=\"1.0\"?>\n<MPD></MPD>"),
        Err(Refusal::Playlist)
    );
    assert_eq!(
        sniff(b"ffconcat version 1.0\nfile '/etc/passwd'\n"),
        Err(Refusal::Concat)
    );
    assert_eq!(
        sniff(b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n"),
        Err(Refusal::Sdp)
    );
    assert_eq!(sniff(b"Dear diary"), Err(Refusal::Text));
    assert_eq!(sniff("今天天气很好".as_bytes()), Err(Refusal::Text));
}

#[test]
fn pictures_and_noise_are_refused() {
    let picture = Clip::make("-f lavfi -i testsrc2=size=64x64 -frames:v 1 a.png");
    assert_eq!(sniff(&picture.bytes), Err(Refusal::Image));
    let picture = Clip::make("-f lavfi -i testsrc2=size=64x64 -frames:v 1 a.jpg");
    assert_eq!(sniff(&picture.bytes), Err(Refusal::Image));
    let noise: Vec<u8> = (0..4096_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2])
        .collect();
    assert_eq!(sniff(&noise), Err(Refusal::Unknown));
    assert_eq!(sniff(&[0; 100]), Err(Refusal::Unknown));
}

#[test]
fn sound_alone_is_known_by_its_container() {
    for (name, container) in [
        ("a.wav", Container::Wav),
        ("a.mp3", Container::Mp3),
        ("a.mp2", Container::Mp3),
        ("a.flac", Container::Flac),
        ("a.aac", Container::Adts),
        ("a.aiff", Container::Aiff),
        ("a.wv", Container::WavPack),
        ("a.caf", Container::Caf),
    ] {
        let sound = Clip::make(&format!("-f lavfi -i sine -t 1 {name}"));
        assert_eq!(sniff(&sound.bytes), Ok(container), "{name}");
    }
    // Each rate and number of bits has frames of its own length, and the second one is looked at.
    for rate in [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000] {
        let options = format!("-ar {rate} -write_xing 0 -id3v2_version 0 -b:a 32k");
        let sound = Clip::make(&format!("-f lavfi -i sine -t 1 {options} a.mp3"));
        assert_eq!(sniff(&sound.bytes), Ok(Container::Mp3), "{rate}");
        let mut cut = sound.bytes.clone();
        cut.remove(30);
        assert_eq!(sniff(&cut), Err(Refusal::Unknown), "{rate}");
    }
}

#[test]
fn what_follows_a_tag_is_known_and_its_length_is_bounded() {
    let tag = |size: [u8; 4]| [b"ID3\x04\0\0".as_slice(), &size].concat();
    let flac = Clip::make("-f lavfi -i sine -t 1 a.flac");
    let tagged = [tag([0, 0, 1, 2]), vec![0; 130], flac.bytes].concat();
    assert_eq!(tag_length(&tagged), Some(140));
    assert_eq!(sniff(&tagged), Ok(Container::Flac));
    assert_eq!(tag_length(&tag([0x7f; 4])), Some((1 << 28) - 1 + 10));
    assert_eq!(tag_length(&tag([0x80, 0, 0, 0])), None);
    assert_eq!(sniff(&tag([0; 4]).repeat(2)), Ok(Container::Mp3));
}

#[test]
fn every_refusal_has_its_own_sentence() {
    let all = [
        Refusal::Empty,
        Refusal::Playlist,
        Refusal::Concat,
        Refusal::Sdp,
        Refusal::Text,
        Refusal::Image,
        Refusal::Unknown,
    ];
    let said: std::collections::HashSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), all.len());
    assert!(said.iter().all(|sentence| sentence.ends_with('.')));
}

#[test]
fn a_film_behind_other_bytes_is_found_by_its_first_two_boxes() {
    let film = Clip::silent(1, SAFE, "film.mp4").bytes;
    let behind = |junk: &[u8]| sniff_behind(&[junk, &film].concat());
    let tag = [b"ID3\x04\0\0\0\0\x01\0".as_slice(), &[0; 128]].concat();
    for junk in [&b"Subject: film\n\n"[..], &[0; 3000], &[7; 16_000], &tag] {
        let found = (Container::Mp4, junk.len() as u64);
        assert_eq!(behind(junk), Ok(found));
    }
    assert_eq!(behind(&[7; 13_107].repeat(5)), Err(Refusal::Unknown));
    assert_eq!(behind(b"#EXTM3U\n"), Err(Refusal::Playlist));
    assert_eq!(behind(b"\xff\xd8\xff\xe0"), Err(Refusal::Image));
    // Words alone, and pictures, are none.
    let words = |at: usize, bytes: &[u8]| {
        let mut film = film.clone();
        film[at..at + bytes.len()].copy_from_slice(bytes);
        sniff(&[b"A letter\n", &film[..]].concat())
    };
    assert_eq!(words(8, b"avif"), Err(Refusal::Unknown));
    assert_eq!(words(0, &[0, 0, 0, 8]), Err(Refusal::Unknown));
    assert_eq!(words(36, b"what"), Err(Refusal::Unknown));
}

//! The container is decided from the first bytes, and what is no video is refused by name.

use virga_media::{Container, Refusal, sniff};

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
fn pictures_sound_and_noise_are_refused() {
    let picture = Clip::make("-f lavfi -i testsrc2=size=64x64 -frames:v 1 a.png");
    assert_eq!(sniff(&picture.bytes), Err(Refusal::Image));
    let picture = Clip::make("-f lavfi -i testsrc2=size=64x64 -frames:v 1 a.jpg");
    assert_eq!(sniff(&picture.bytes), Err(Refusal::Image));
    for name in ["a.wav", "a.mp3", "a.flac", "a.aac"] {
        let sound = Clip::make(&format!("-f lavfi -i sine -t 1 {name}"));
        assert_eq!(sniff(&sound.bytes), Err(Refusal::AudioOnly), "{name}");
    }
    let noise: Vec<u8> = (0..4096_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2])
        .collect();
    assert_eq!(sniff(&noise), Err(Refusal::Unknown));
    assert_eq!(sniff(&[0; 100]), Err(Refusal::Unknown));
}

#[test]
fn every_refusal_has_its_own_code_and_a_sentence() {
    let all = [
        Refusal::Empty,
        Refusal::Playlist,
        Refusal::Concat,
        Refusal::Sdp,
        Refusal::Text,
        Refusal::Image,
        Refusal::AudioOnly,
        Refusal::Unknown,
    ];
    let codes: std::collections::HashSet<_> = all.iter().map(|refusal| refusal.code()).collect();
    assert_eq!(codes.len(), all.len());
    assert!(all.iter().all(|refusal| refusal.to_string().ends_with('.')));
}

/// The pages refuse files before they are sent; `ui/src/sniff.ts` reads the same rows.
#[test]
fn first_bytes_are_judged_as_the_pages_judge_them() {
    let rows = include_str!("../../../../ui/test/first-bytes.txt");
    let rows: Vec<_> = rows.lines().filter(|row| !row.starts_with('#')).collect();
    assert!(rows.len() > 50);
    for row in rows {
        let (code, digits) = row.split_once(' ').unwrap();
        let head: Vec<u8> = (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let judged = sniff(&head).map_or_else(Refusal::code, |_| "-");
        assert_eq!(judged, code, "{digits}");
    }
}

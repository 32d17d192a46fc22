//! What is no film, and films that are not taken.

use super::{Format, broken::noise, refused, refused_clip};

pub(super) fn formats() -> Vec<Format> {
    vec![
        refused("empty.mp4", "upload.empty", Vec::new),
        refused("random.mp4", "file_unknown", || noise(100_000)),
        refused("notes.txt", "file_is_text", || b"Only words.\n".repeat(50)),
        refused("words.srt", "file_is_text", || {
            b"1\n00:00:00,500 --> 00:00:01,500\nHello\n".to_vec()
        }),
        refused("page.html", "file_is_text", || {
            b"<!doctype html><title>Not found</title>\n".to_vec()
        }),
        refused("list.m3u8", "file_is_playlist", || {
            b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n".to_vec()
        }),
        refused("list.mpd", "file_is_playlist", || {
            b"<?xml version=\"1.0\"?><MPD></MPD>\n".to_vec()
        }),
        refused("list.ffconcat", "file_is_concat", || {
            b"ffconcat version 1.0\nfile /etc/passwd\n".to_vec()
        }),
        refused("call.sdp", "file_is_sdp", || {
            b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\n".to_vec()
        }),
        refused("drawing.svg", "file_is_text", || {
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n".to_vec()
        }),
        refused("archive.zip", "file_unknown", || {
            [b"PK\x03\x04\x14\0\0\0\x08\0".as_slice(), &noise(5000)].concat()
        }),
        refused("archive.7z", "file_unknown", || {
            [b"7z\xbc\xaf\x27\x1c\0\x04".as_slice(), &noise(5000)].concat()
        }),
        refused("archive.rar", "file_unknown", || {
            [b"Rar!\x1a\x07\x01\0".as_slice(), &noise(5000)].concat()
        }),
        refused("archive.tar.gz", "file_unknown", || {
            [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice(), &noise(5000)].concat()
        }),
        refused("paper.pdf", "file_unknown", || {
            [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".as_slice(), &noise(5000)].concat()
        }),
        refused("program", "file_unknown", || {
            [b"\x7fELF\x02\x01\x01\0".as_slice(), &noise(5000)].concat()
        }),
        refused("tune.mid", "file_unknown", || {
            b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x04\0\xff\x2f\0".to_vec()
        }),
        refused("song.ape", "file_unknown", || {
            [b"MAC \x96\x0f\0\0".as_slice(), &noise(5000)].concat()
        }),
        refused_clip("song.tta", "file_unknown", "@a -c:a tta"),
        refused_clip("still.png", "file_is_image", "@v -frames:v 1"),
        refused_clip("still.jpg", "file_is_image", "@v -frames:v 1"),
        refused_clip("still.tiff", "file_is_image", "@v -frames:v 1"),
        refused_clip("still.bmp", "file_unknown", "@v -frames:v 1"),
        refused_clip("still.webp", "file_is_image", "@v -frames:v 1 -c:v libwebp"),
        refused_clip("moving.webp", "file_is_image", "@v -c:v libwebp_anim"),
        refused_clip(
            "still.avif",
            "file_is_image",
            "@v -frames:v 1 -c:v libaom-av1 -cpu-used 8 -still-picture 1",
        ),
        refused_clip("stream.nut", "file_unknown", "@v @a @h264 -c:a aac"),
        refused_clip(
            "recording.wtv",
            "file_unknown",
            "@v @a -c:v mpeg2video -c:a mp2",
        ),
        refused_clip("old.swf", "file_unknown", "@v -c:v flv"),
        refused_clip(
            "snow.mkv",
            "coding_unsupported",
            "@v @a -c:v snow -strict -2 -c:a aac",
        ),
    ]
}

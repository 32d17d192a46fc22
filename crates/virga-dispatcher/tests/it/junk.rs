//! An MP4 behind other bytes plays, with a note for the owner.

use std::path::Path;

use crate::site::Site;

const PICTURE: &str =
    "-f lavfi -i testsrc2=s=320x180:r=25:d=2 -f lavfi -i sine=440:d=2:r=48000 -c:a aac";

/// Puts bytes in front of a file. `counted`: its chunk offsets count them.
fn put_in_front(file: &Path, junk: &[u8], counted: bool) {
    let mut bytes = std::fs::read(file).unwrap();
    let names = bytes.windows(4).enumerate();
    let tables = names
        .filter(|(_, name)| name == b"stco")
        .map(|(at, _)| at + 8);
    for table in tables.collect::<Vec<_>>().into_iter().filter(|_| counted) {
        let read =
            |bytes: &[u8], at: usize| u32::from_be_bytes(*bytes[at..].first_chunk().unwrap());
        for chunk in 1..=read(&bytes, table) as usize {
            let at = table + 4 * chunk;
            let moved = read(&bytes, at) + u32::try_from(junk.len()).unwrap();
            bytes[at..at + 4].copy_from_slice(&moved.to_be_bytes());
        }
    }
    std::fs::write(file, [junk, &bytes].concat()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_behind_other_bytes_plays_with_a_note() {
    let mut site = Site::at_work().await;
    let own = format!("{PICTURE} -c:v libx264 -preset veryfast -pix_fmt yuv420p");
    let encoded = format!("{PICTURE} -c:v mpeg4");
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n".as_slice();
    let mail = format!("Subject: our film\n{}\n", "All the best. ".repeat(1000));
    let tag = [
        b"ID3\x04\0\0\0\x08\0\0".as_slice(),
        &[0; 1 << 10].repeat(128),
    ]
    .concat();
    let cases = [
        (format!("{own} zeros.mp4"), &[0; 5000][..], false),
        (
            format!("{own} -movflags +faststart mail.mp4"),
            mail.as_bytes(),
            false,
        ),
        (
            format!("{own} -movflags +frag_keyframe+empty_moov pieces.mp4"),
            head,
            false,
        ),
        (format!("{own} written-so.mp4"), head, true),
        (format!("{encoded} tagged.mp4"), &tag, false),
        (
            format!("{encoded} -movflags +faststart written-so-mpeg4.mp4"),
            head,
            true,
        ),
    ];
    for (coding, junk, counted) in cases {
        let file = site.clip(&coding);
        put_in_front(&file, junk, counted);
        let video = site.add(&file).await;
        let row = site.ready(video).await;
        assert_eq!(row.note.as_deref(), Some("leading_data"), "{coding}");
        let micros = row.duration.unwrap();
        assert!((micros - 2_000_000).abs() < 50_000, "{coding}: {micros}");
        let own = site
            .tracks(video)
            .await
            .iter()
            .any(|track| track.name.starts_with("src-"));
        assert_eq!(own, coding.contains("libx264"), "{coding}");
    }
    site.stop().await;
}

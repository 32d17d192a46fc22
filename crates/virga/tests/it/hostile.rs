//! Hostile words and hostile files: words are shown as words, files are refused in words.

use reqwest::{Method, header};
use serde_json::json;
use virga_testkit::{Clip, Person, Site};

use crate::{VIRGA, admin::administrator};

const MIB: usize = 1024 * 1024;

const MARKUP: [&str; 6] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg/onload=alert(1)>",
    "'-alert(1)-'",
    "</title></textarea></script><b>",
    "javascript:alert(1) {{7*7}} ${7*7} %0d%0aSet-Cookie:a=b &lt;b&gt; ]]>",
];
/// Marks that turn the text around them, and marks that nobody sees.
const TURNED: &str = "safe\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}x";

/// Texts of a page between tags, each with the tag before it.
fn between_tags(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split('<')
        .skip(1)
        .filter_map(|piece| piece.split_once('>'))
}

/// No word of these ends up as markup, and no mark turns more than its own place.
fn assert_text_only(path: &str, page: &str) {
    for raw in &MARKUP[..3] {
        assert!(!page.contains(raw), "{path}: {raw} stands as it is");
    }
    assert!(
        !page.contains("</script><b>") && !page.contains("onerror=alert(1)>"),
        "{path}"
    );
    for (tag, text) in between_tags(page) {
        let tag = tag.split_whitespace().next().unwrap_or_default();
        // The texts of Fluent stand between marks of their own, U+2068 and U+2069.
        let alone = ["bdi", "title", "textarea"].contains(&tag) || text.contains('\u{2068}');
        assert!(alone || !text.contains('\u{202e}'), "{path}: <{tag}>{text}");
    }
}

#[tokio::test]
async fn hostile_words_are_shown_as_words() {
    let site = Site::of(VIRGA).start();
    let root = administrator(&site).await;
    let ann = site.register("ann").await;
    let video = ann
        .upload("Plain", "public", &Clip::default().bytes())
        .await;
    ann.wait_for(&video, &["ready"]).await;
    let beside = ann.playable("Beside", "public").await;
    for words in MARKUP.iter().chain(&[TURNED]) {
        let path = format!("/api/v1/videos/{video}");
        let ask = json!({"title": words, "description": words});
        let shown = ann.patch(&path, ask).await.expect(200).json();
        assert_eq!(shown["title"], *words, "the API gives it as it was written");
        let comment = json!({ "text": words });
        let _ = ann
            .post(&format!("{path}/comments"), comment)
            .await
            .expect(201);
        for page in [
            "/".to_owned(),
            "/?q=alert".to_owned(),
            format!("/?q={}", words.replace(['%', '#', '&', ' '], "+")),
            format!("/v/{video}"),
            format!("/v/{beside}"),
            format!("/v/{video}/edit"),
            format!("/v/{video}?t=%3Cscript%3Ealert(1)%3C/script%3E"),
            format!("/embed/{video}"),
            "/u/ann".to_owned(),
            "/my/videos".to_owned(),
            format!("/my/videos?deleted=%3Cscript%3E&done={video}"),
            format!("/upload?video={video}&refused=%3Cscript%3Ealert(1)%3C/script%3E"),
            "/u/%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        ] {
            let answer = ann.get(&page).await;
            assert!(answer.status.as_u16() < 500, "{page}: {}", answer.text());
            assert!(!answer.headers.contains_key("a"), "{page}");
            assert_text_only(&page, &answer.text());
        }
        // Forms that only strangers see, and what the address puts into them.
        for page in ["/sign-in", "/sign-up"] {
            let page = format!("{page}?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
            let form = site.stranger().get(&page).await.expect(200).text();
            assert!(form.contains("alert(1)"), "{page}: the way back is kept");
            assert_text_only(&page, &form);
        }
        let told = format!("/oembed?url={}/v/{video}", site.url());
        let told = site.stranger().get(&told).await.expect(200).json();
        assert_eq!(told["title"], *words);
        assert_text_only("oembed", told["html"].as_str().unwrap());
        let feed = site
            .stranger()
            .get("/u/ann/feed.xml")
            .await
            .expect(200)
            .text();
        assert!(roxmltree::Document::parse(&feed).is_ok(), "{feed}");
        assert_text_only(
            "/admin",
            &root.get("/admin?q=%3Cscript%3E").await.expect(200).text(),
        );
    }
}

#[tokio::test]
async fn hostile_words_without_end_or_without_sight_are_refused() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.playable("Plain", "public").await;
    let path = format!("/api/v1/videos/{video}");
    let comments = format!("{path}/comments");
    for (long, status) in [
        ("云".repeat(MIB / 3), 413),
        ("a".repeat(MIB), 413),
        ("a".repeat(200_000), 422),
    ] {
        let _ = ann
            .patch(&path, json!({ "title": long }))
            .await
            .expect(status);
        let _ = ann
            .patch(&path, json!({ "description": long }))
            .await
            .expect(status);
        let _ = ann
            .post(&comments, json!({ "text": long }))
            .await
            .expect(status);
        let name = json!({"name": long, "password": "a good password"});
        let _ = site
            .stranger()
            .post("/api/v1/users", name)
            .await
            .expect(status);
        let password = json!({"name": "ben", "password": long});
        let _ = site
            .stranger()
            .post("/api/v1/users", password)
            .await
            .expect(status);
        for (page, field) in [
            (format!("/v/{video}/edit"), "title"),
            (format!("/v/{video}/comments"), "text"),
        ] {
            let kind = "application/x-www-form-urlencoded";
            let request = ann
                .request(Method::POST, &page)
                .header(header::CONTENT_TYPE, kind);
            let body = format!("{field}={}", long.replace('云', "%E4%BA%91"));
            let answer = ann.send(request.body(body)).await;
            assert!(
                [413, 422].contains(&answer.status.as_u16()),
                "{page}: {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn hostile_words_that_nobody_sees_are_no_words() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.playable("Plain", "public").await;
    let path = format!("/api/v1/videos/{video}");
    let comments = format!("{path}/comments");
    for unseen in [
        "",
        " \n\t",
        "\u{200b}",
        "\u{202e}\u{2066}\u{2069}",
        "\u{feff}\u{ad}",
        "\u{3164}\u{2800}",
        "\0\u{1}",
    ] {
        let _ = ann
            .patch(&path, json!({ "title": unseen }))
            .await
            .expect(422);
        let _ = ann
            .post(&comments, json!({ "text": unseen }))
            .await
            .expect(422);
        let draft = json!({ "title": unseen });
        let _ = ann.post("/api/v1/videos", draft).await.expect(422);
    }
    for name in [
        "ann\u{200b}",
        "a\u{202e}nn",
        "\u{feff}ann",
        "a b",
        "../ann",
        "a/b",
        "a%2fb",
        "<b>",
        "me",
        "ann\0",
    ] {
        let ask = json!({"name": name, "password": "a good password"});
        let _ = site.stranger().post("/api/v1/users", ask).await.expect(422);
    }
    assert_eq!(ann.get(&path).await.json()["title"], "Plain");
    assert_eq!(ann.get(&comments).await.json()["items"], json!([]));
}

/// The places of a box's name in a file.
fn places(bytes: &[u8], name: &[u8]) -> Vec<usize> {
    let found = bytes
        .windows(name.len())
        .enumerate()
        .filter(|(_, at)| *at == name);
    found.map(|(at, _)| at).collect()
}

/// Counts in an index box, forged: so many samples in a small file.
fn forged(clip: &[u8], name: &[u8], offset: usize, value: u32) -> Vec<u8> {
    let mut bytes = clip.to_vec();
    let all = places(clip, name);
    assert!(!all.is_empty());
    for at in all {
        bytes[at + offset..at + offset + 4].copy_from_slice(&value.to_be_bytes());
    }
    bytes
}

/// Pictures that say they have 16,000 by 16,000 dots, in the frames and in the container.
fn huge_pictures() -> Vec<u8> {
    let encoder = ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"];
    let clip = Clip::default().silent().encoder(&encoder).seconds(0.2);
    let mut bytes = clip.file("clip.avi", &[]).bytes();
    // SOF0: marker, length, precision, height, width.
    let frames = places(&bytes, &[0xff, 0xc0, 0, 17, 8]);
    let headers = places(&bytes, &[64, 1, 0, 0, 180, 0, 0, 0]);
    assert!(frames.len() == 5 && headers.len() > 1);
    for at in frames {
        bytes[at + 5..at + 9].copy_from_slice(&[0x3e, 0x80, 0x3e, 0x80]);
    }
    for at in headers {
        bytes[at..at + 8].copy_from_slice(&[0x80, 0x3e, 0, 0, 0x80, 0x3e, 0, 0]);
    }
    bytes
}

/// The same in MOV, whose index our own reader knows.
fn huge_pictures_in_mov() -> Vec<u8> {
    let encoder = ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p"];
    let clip = Clip::default().silent().encoder(&encoder).seconds(0.2);
    let mut bytes = clip.file("clip.mov", &[]).bytes();
    let frames = places(&bytes, &[0xff, 0xc0, 0, 17, 8]);
    // Width and height stand 24 bytes into the sample entry.
    let entries = places(&bytes, b"jpeg\0\0\0\0\0\0\0\x01");
    // And in the track's header, in 16.16 fixed point.
    let headers = places(&bytes, &[1, 64, 0, 0, 0, 180, 0, 0]);
    assert!(frames.len() == 5 && entries.len() == 1 && headers.len() == 1);
    bytes[headers[0]..headers[0] + 8].copy_from_slice(&[0x3e, 0x80, 0, 0, 0x3e, 0x80, 0, 0]);
    for at in frames.iter().map(|at| at + 5).chain([entries[0] + 28]) {
        bytes[at..at + 4].copy_from_slice(&[0x3e, 0x80, 0x3e, 0x80]);
    }
    bytes
}

async fn refused_with(who: &Person, name: &str, bytes: &[u8]) -> String {
    let video = who.upload(name, "public", bytes).await;
    let shown = who.wait_for(&video, &["failed", "ready"]).await;
    assert_eq!(shown["state"], "failed", "{name}: {shown}");
    assert!(
        shown["failure"].as_str().is_some_and(|why| why.len() > 10),
        "{name}: {shown}"
    );
    let source = who.source(&video).await.expect(200);
    assert!(
        source.body == bytes,
        "{name}: the source is kept as it was sent"
    );
    let type_of = source.headers["content-type"].to_str().unwrap();
    assert!(
        !type_of.starts_with("text/"),
        "{name}: nothing that a browser would run: {type_of}"
    );
    shown["failure_code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn hostile_files_are_refused_in_words_and_work_goes_on() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let clip = Clip::default()
        .file("clip.mp4", &["-movflags", "+faststart"])
        .bytes();
    let noise: Vec<u8> = (0..100_000_u32)
        .map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap())
        .collect();
    let playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://127.0.0.1:1/a.ts\n#EXTINF:4,\n\
                    file:///etc/passwd\n";
    let concat = "ffconcat version 1.0\nfile /etc/passwd\nfile http://127.0.0.1:1/a.mp4\n";
    let sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n\
               a=rtpmap:96 H264/90000\n";
    let page = "<!doctype html><script>alert(1)</script>";
    let most = u32::MAX;
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("a playlist", playlist.into(), &["file_is_playlist"]),
        ("a list of files", concat.into(), &["file_is_concat"]),
        ("a session description", sdp.into(), &["file_is_sdp"]),
        ("a page", page.into(), &["file_is_text", "file_unknown"]),
        (
            "an index and nothing else",
            clip[..places(&clip, b"mdat")[0] + 4].to_vec(),
            &["media_truncated"],
        ),
        ("noise", noise, &["file_unknown"]),
        ("stsz: 4 G samples", forged(&clip, b"stsz", 12, most), &[]),
        (
            "stsz: 100 M of one size",
            forged(&forged(&clip, b"stsz", 12, 100_000_000), b"stsz", 8, 1),
            &[],
        ),
        ("stts: 4 G entries", forged(&clip, b"stts", 8, most), &[]),
        ("stsc: 4 G entries", forged(&clip, b"stsc", 8, most), &[]),
        (
            "stco: behind the end",
            forged(&clip, b"stco", 12, 0x7fff_ffff),
            &[],
        ),
        ("moov: 4 GiB", forged(&clip, b"trak", 0, most), &[]),
        (
            "16000x16000",
            huge_pictures(),
            &["picture_too_large", "damaged"],
        ),
        (
            "16000x16000 in MOV",
            huge_pictures_in_mov(),
            &["picture_too_large"],
        ),
    ];
    for (name, bytes, codes) in cases {
        let code = refused_with(&ann, name, &bytes).await;
        assert!(
            codes.is_empty() || codes.contains(&code.as_str()),
            "{name}: {code}"
        );
    }
    let draft = ann.draft("Empty", "public").await;
    let ask = json!({"video_id": draft, "file_name": "e.mp4", "size": 0, "fingerprint": "e"});
    let _ = ann.post("/api/v1/uploads", ask).await.expect(422);
    let half = &clip[..clip.len() / 2];
    let half = ann.upload("Half a file", "public", half).await;
    let shown = ann.wait_for(&half, &["failed", "ready"]).await;
    assert_eq!(shown["note"]["code"], "ends_early", "{shown}");
    let video = ann.upload("An honest one", "public", &clip).await;
    ann.wait_for(&video, &["ready"]).await;
    let scratch = std::fs::read_dir(site.data().join("scratch"));
    let left: Vec<_> = scratch
        .into_iter()
        .flatten()
        .flatten()
        .map(|it| it.path())
        .collect();
    let files = left.iter().filter(|path| path.is_file()).count();
    assert_eq!(files, 0, "nothing lies about: {left:?}");
}

//! Subtitles and chapters of the file become `WebVTT` files that say the same at the same moments of the film.

use std::path::PathBuf;

use virga_core::{FilmTexts, TextKind, VideoId, job::JobKind, presentation::Presentation};

use crate::site::Site;

/// Two seconds of picture a key frame each, as long as the longest of these tests needs.
const PICTURE: &str = "-f lavfi -i testsrc2=size=192x108:rate=25:duration=6";
const H264: &str = "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p";

fn write(site: &Site, name: &str, text: &str) {
    std::fs::write(site.folder.path().join(name), text).unwrap();
}

/// German with markup of every kind, and English.
fn scripts(site: &Site) {
    write(
        site,
        "de.srt",
        "1\n00:00:00,500 --> 00:00:01,500\n<i>Grüße</i> & <script>alert(1)</script>\n\n\
         2\n00:00:04,000 --> 00:00:30,000\nEnde --> a < b\nzweite Zeile\n",
    );
    write(
        site,
        "en.srt",
        "1\n00:00:02,000 --> 00:00:03,250\nHello\n\n2\n00:00:20,000 --> 00:00:21,000\nToo late\n",
    );
    write(
        site,
        "chapters.txt",
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2500\ntitle=Anfang & <b>\n\
         [CHAPTER]\nTIMEBASE=1/1000\nSTART=2500\nEND=6000\ntitle=第二章\n",
    );
}

const TAGS: &str = "-metadata:s:s:0 language=ger -metadata:s:s:1 language=eng -metadata:s:s:1 title=Commentary \
    -disposition:s:0 0 -disposition:s:1 default+forced";

/// The same subtitles in a file whose own are `WebVTT`, with what only that has.
fn webvtt(site: &Site, coding: &str, name: &str) -> PathBuf {
    write(
        site,
        "de.vtt",
        "WEBVTT\n\nid\n00:00:00.500 --> 00:00:01.500 align:start\n\
         <v Anna><i>Grüße</i> &amp; &lt;script&gt;alert(1)&lt;/script&gt;\n\n\
         00:00:04.000 --> 00:00:30.000\nEnde --&gt; a &lt; b\n<c.loud>zweite</c> Zeile\n",
    );
    site.clip(&format!(
        "{PICTURE} -i de.vtt -i en.srt -i chapters.txt -map 0 -map 1 -map 2 -map_metadata 3 {H264} {coding} \
         -c:s:1 webvtt {TAGS} {name}"
    ))
}

/// What is known of the texts, and each file.
async fn texts(site: &Site, video: VideoId) -> (FilmTexts, Vec<String>) {
    let row = site.ready(video).await;
    let texts = row.texts.expect("no texts were made");
    let object = site.object(&texts.object).await;
    let at = |place: u64| usize::try_from(place).unwrap();
    let file = |text: &virga_core::FilmText| {
        let bytes = &object[at(text.offset)..at(text.offset + text.len)];
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let files = texts.tracks.iter().map(file).collect();
    let sum: u64 = texts.tracks.iter().map(|text| text.len).sum();
    assert_eq!(sum, object.len() as u64);
    let key = virga_core::MediaKey::presentation(video);
    let published: Presentation = serde_json::from_slice(&site.object(&key).await).unwrap();
    assert_eq!(published.texts.as_ref(), Some(&texts));
    (texts, files)
}

const GERMAN: &str = "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\n<i>Grüße</i> &amp; ";
const CHAPTERS: &str = "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nAnfang &amp; &lt;b&gt;\n\n\
    00:00:02.500 --> 00:00:06.000\n第二章\n";

#[tokio::test(flavor = "multi_thread")]
async fn text_subtitles_and_chapters_of_mp4_and_matroska_become_webvtt() {
    let mut site = Site::at_work().await;
    scripts(&site);
    let inputs = format!("{PICTURE} -i de.srt -i en.srt -i chapters.txt");
    let clip = |coding: &str, name: &str| -> PathBuf {
        site.clip(&format!(
            "{inputs} -map 0 -map 1 -map 2 -map_metadata 3 {H264} {coding} {TAGS} {name}"
        ))
    };
    let clips = [
        clip("-c:s mov_text", "texts.mp4"),
        clip("-c:s subrip", "srt.mkv"),
        clip("-c:s ass", "ass.mkv"),
        webvtt(&site, "-c:s copy", "vtt.mkv"),
        webvtt(
            &site,
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:s copy",
            "vtt.webm",
        ),
    ];
    for path in clips {
        let name = path.display();
        let video = site.add(&path).await;
        let (texts, files) = texts(&site, video).await;
        let kinds: Vec<TextKind> = texts.tracks.iter().map(|text| text.kind).collect();
        let wanted = [TextKind::Subtitles, TextKind::Subtitles, TextKind::Chapters];
        assert_eq!(kinds, wanted, "{name}");
        let languages: Vec<_> = texts
            .tracks
            .iter()
            .map(|it| it.language.as_deref())
            .collect();
        assert_eq!(languages, [Some("de"), Some("en"), None], "{name}");
        assert!(texts.duration.abs_diff(6000) < 100, "{name}: {texts:?}");
        assert!(files[0].starts_with(GERMAN), "{name}: {}", files[0]);
        assert!(!files[0].contains("<script"), "{name}: {}", files[0]);
        assert!(
            files[0].contains("00:00:04.000 --> 00:00:06.0"),
            "{name}: {}",
            files[0]
        );
        assert!(files[0].contains("--&gt; a"), "{name}: {}", files[0]);
        assert!(
            files[0].contains("\nzweite Zeile\n"),
            "{name}: {}",
            files[0]
        );
        let english = "WEBVTT\n\n00:00:02.000 --> 00:00:03.250\nHello\n";
        assert_eq!(files[1], english, "{name}");
        assert_eq!(files[2], CHAPTERS, "{name}");
        assert_eq!(texts.tracks[0].label.as_deref(), Some("Deutsch"), "{name}");
        if path.extension().is_some_and(|it| it == "mkv") {
            let second = &texts.tracks[1];
            assert_eq!(second.label.as_deref(), Some("Commentary"), "{name}");
            assert!(second.default && second.forced, "{name}: {second:?}");
        }
        assert!(!texts.tracks[0].default, "{name}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cues_follow_a_picture_that_begins_late() {
    let mut site = Site::at_work().await;
    scripts(&site);
    // The sound begins with the file, the picture 0.52 s later: the film begins with the picture.
    let late = site.clip(&format!(
        "-itsoffset 0.5 {PICTURE} -f lavfi -i sine=d=7:r=48000 -i en.srt -map 0 -map 1 -map 2 {H264} \
         -c:a pcm_s16le -c:s subrip late.mkv"
    ));
    let video = site.add(&late).await;
    let (_, files) = texts(&site, video).await;
    assert!(
        files[0].contains("00:00:01.480 --> 00:00:02.730"),
        "{}",
        files[0]
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_text_are_passed_over_and_films_without_texts_have_none() {
    let mut site = Site::at_work().await;
    scripts(&site);
    let plain = site.clip(&format!("{PICTURE} {H264} plain.mp4"));
    // Two segments of a Blu-ray's subtitles, which show nothing.
    let segment = |kind: u8, payload: &[u8]| {
        let len = u8::try_from(payload.len()).unwrap();
        [
            b"PG\0\x01\x5f\x90\0\0\0\0".as_slice(),
            &[kind, 0, len],
            payload,
        ]
        .concat()
    };
    let shown = [0, 192, 0, 108, 0x10, 0, 0, 0x80, 0, 0, 0];
    let drawn = [segment(0x16, &shown), segment(0x80, &[])].concat();
    std::fs::write(site.folder.path().join("drawn.sup"), drawn).unwrap();
    let drawn = site.clip(&format!(
        "{PICTURE} -i drawn.sup -map 0 -map 1 {H264} -c:s copy drawn.mkv"
    ));
    for clip in [plain, drawn] {
        let video = site.add(&clip).await;
        let row = site.ready(video).await;
        assert_eq!(row.texts, None);
        let jobs = site.jobs(video).await;
        let texts = jobs.iter().filter(|job| job.kind() == JobKind::Texts);
        assert_eq!(texts.count(), 1);
        assert!(jobs.iter().all(|job| job.error.is_none()), "{jobs:?}");
    }
    site.stop().await;
}

/// The file with one word in place of another of its length.
fn patched(site: &Site, from: &str, name: &str, words: &[(&[u8], &[u8])]) -> PathBuf {
    let mut bytes = std::fs::read(site.folder.path().join(from)).unwrap();
    for (word, other) in words {
        let place = bytes.windows(word.len()).position(|it| it == *word);
        let place = place.expect("the word is in the file");
        bytes[place..place + word.len()].copy_from_slice(other);
    }
    let path = site.folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_left_out_and_the_film_plays() {
    let mut site = Site::at_work().await;
    scripts(&site);
    let _ = site.clip(&format!(
        "{PICTURE} -i de.srt -i en.srt -map 0 -map 1 -map 2 {H264} -c:s subrip {TAGS} whole.mkv"
    ));
    // Text that is none, next to text that is; then a coding that nobody knows.
    let text = patched(
        &site,
        "whole.mkv",
        "text.mkv",
        &[(b"zweite", b"\xff\xfe\xff\xfe\xff\xff")],
    );
    let coding = patched(
        &site,
        "whole.mkv",
        "coding.mkv",
        &[(b"S_TEXT/UTF8", b"S_TEXT/NONE")],
    );
    let video = site.add(&text).await;
    let (_, files) = texts(&site, video).await;
    assert_eq!(files.len(), 2);
    assert!(files[0].starts_with(GERMAN), "{}", files[0]);
    assert!(files[1].contains("Hello"), "{}", files[1]);
    let video = site.add(&coding).await;
    let (texts, files) = texts(&site, video).await;
    assert_eq!(files.len(), 1, "{texts:?}");
    assert_eq!(texts.tracks[0].language.as_deref(), Some("en"));
    assert!(site.failed(video).await.is_empty());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chapters_of_sound_alone_are_kept() {
    let mut site = Site::at_work().await;
    scripts(&site);
    for name in ["book.mp3", "book.m4a"] {
        let book = site.clip(&format!(
            "-f lavfi -i sine=d=6:r=48000 -i chapters.txt -map 0 -map_metadata 1 {name}"
        ));
        let video = site.add(&book).await;
        let (texts, files) = texts(&site, video).await;
        assert_eq!(texts.tracks.len(), 1, "{name}: {texts:?}");
        assert!(files[0].contains("第二章"), "{name}: {}", files[0]);
        assert!(files[0].contains("Anfang &amp; &lt;b&gt;"), "{name}");
    }
    site.stop().await;
}

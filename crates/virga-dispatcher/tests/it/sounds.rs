//! Films with several sounds: each can be chosen, in step with the picture.

use std::path::Path;

use virga_core::{
    MediaKey, VideoId,
    job::JobKind,
    presentation::{FilmSound, FilmSounds, Presentation, SoundKind, TrackBody},
};

use crate::site::{Site, decodes, ffmpeg};

const PICTURE: &str = "-f lavfi -i testsrc2=s=192x108:r=25:d=3";
const H264: &str = "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p";

/// Three sounds, each silent but for half a second that begins at 0.5, 1.0 and 1.5 s.
fn inputs() -> String {
    let sound = |at: f64| {
        let until = at + 0.5;
        format!("-f lavfi -i aevalsrc=sin(5529*t)*between(t\\,{at}\\,{until}):s=48000:d=3")
    };
    format!(
        "{PICTURE} {} {} {} -map 0 -map 1 -map 2",
        sound(0.5),
        sound(1.0),
        sound(1.5)
    )
}

const TAGS: &str = "-metadata:s:a:0 language=eng -metadata:s:a:1 language=chi";

/// When the first silence ends, seconds.
fn heard_at(path: &Path) -> f64 {
    let path = path.to_str().unwrap();
    let words = [
        "-i",
        path,
        "-af",
        "silencedetect=d=0.1:n=-40dB",
        "-f",
        "null",
        "-",
    ];
    let said = ffmpeg(Path::new("/"), &words);
    let (_, rest) = said.split_once("silence_end: ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// What is known of the sounds, in the row and as published; each is in step and as long as the picture.
async fn sounds(site: &Site, video: VideoId, onsets: &[f64]) -> FilmSounds {
    let row = site.ready(video).await;
    let sounds = row.sounds.expect("no further sounds");
    let key = MediaKey::presentation(video);
    let shown: Presentation = serde_json::from_slice(&site.object(&key).await).unwrap();
    assert_eq!(shown.sounds.as_ref(), Some(&sounds));
    let heard = shown.known_audio().into_iter();
    let heard: Vec<_> = heard
        .chain(sounds.more.iter().map(|it| &it.track))
        .collect();
    assert_eq!(heard.len(), onsets.len());
    // What primes the decoder is heard too where ffmpeg reads a track by itself; it is equal for one coding.
    let mut primed = None;
    for (track, wanted) in heard.into_iter().zip(onsets) {
        let TrackBody::Object { object } = &track.body else {
            panic!("{track:?}");
        };
        let path = site.path(object);
        decodes(&path);
        let onset = heard_at(&path);
        let primed = *primed.get_or_insert(onset - wanted);
        assert!((0.0..0.03).contains(&primed), "{}: {primed}", track.name);
        let off = onset - wanted - primed;
        assert!(off.abs() < 0.02, "{}: {off}", track.name);
        let table = site.table(&track.table).await;
        let length = table.duration_micros();
        // A frame of sound is 21 ms long; a picture does not end with one.
        assert!(
            (length - 3_000_000).abs() < 42_000,
            "{}: {length}",
            track.name
        );
    }
    let report = site.app.fsck(false, false, |_| {}).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    sounds
}

fn said(sound: &FilmSound) -> (Option<&str>, Option<&str>, SoundKind) {
    let (language, label) = (&sound.called.language, &sound.called.label);
    (language.as_deref(), label.as_deref(), sound.kind)
}

async fn codec(site: &Site, sound: &FilmSound) -> String {
    site.table(&sound.track.table).await.codec
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sound_of_a_film_can_be_chosen() {
    let mut site = Site::at_work().await;
    let inputs = inputs();
    let three = "-map 3 -c:a:0 aac -c:a:1 libopus -c:a:2 ac3 -ac:a:2 2 -metadata:s:a:2 language=eng \
        -metadata:s:a:2 title=Director -disposition:a:2 comment";
    let clips = [
        format!("{inputs} {H264} {three} {TAGS} three.mkv"),
        format!("{inputs} -c:v mpeg2video -q:v 5 -g 12 {three} {TAGS} old.mkv"),
        format!("{inputs} {H264} -c:a aac {TAGS} two.mp4"),
        format!("{inputs} {H264} -c:a libopus {TAGS} -disposition:a:0 0 -disposition:a:1 default opus.webm")
            .replace(H264, "-c:v libvpx-vp9 -deadline realtime -cpu-used 8"),
    ];
    let mut videos = Vec::new();
    for clip in clips {
        videos.push(site.add(&site.clip(&clip)).await);
    }
    let wanted = [
        (Some("zh"), Some("中文"), SoundKind::Alternate),
        (Some("en"), Some("Director"), SoundKind::Commentary),
    ];
    for video in &videos[..2] {
        let sounds = sounds(&site, *video, &[0.5, 1.0, 1.5]).await;
        assert_eq!(sounds.first.label.as_deref(), Some("English"));
        let all: Vec<_> = sounds.more.iter().map(said).collect();
        assert_eq!(all, wanted);
        for sound in &sounds.more {
            assert_eq!(codec(&site, sound).await, "mp4a.40.2");
        }
    }
    let two = sounds(&site, videos[2], &[0.5, 1.0]).await;
    assert_eq!(two.more.iter().map(said).collect::<Vec<_>>(), wanted[..1]);
    // The file's own frames, not encoded ones of 128 kbit/s.
    let own = site.table(&two.more[0].track.table).await;
    assert!(own.bandwidth_average < 100_000, "{}", own.bandwidth_average);

    // The file's default comes first, and Opus is copied where the first sound is Opus too.
    let opus = sounds(&site, videos[3], &[1.0, 0.5]).await;
    assert_eq!(opus.first.language.as_deref(), Some("zh"));
    assert_eq!(codec(&site, &opus.more[0]).await, "opus");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sound_microphones_and_too_many_sounds() {
    let mut site = Site::at_work().await;
    let many = "-map 1 ".repeat(10);
    let inputs = inputs();
    let clips = [
        format!("{PICTURE} -f lavfi -i sine=d=3 {H264} -c:a aac one.mp4"),
        format!(
            "{PICTURE} -f lavfi -i sine=d=3 -map 0 -map 1 -map 1 -c:v mpeg4 -c:a pcm_s16le two.mov"
        ),
        format!("{inputs} {many} {H264} -c:a aac -ac 2 many.mp4"),
    ];
    let mut videos = Vec::new();
    for clip in clips {
        videos.push(site.add(&site.clip(&clip)).await);
    }
    for video in &videos[..2] {
        assert_eq!(site.ready(*video).await.sounds, None);
        let jobs = site.jobs(*video).await;
        assert!(jobs.iter().all(|job| job.kind() != JobKind::Sounds));
    }
    let many = site.ready(videos[2]).await.sounds.unwrap();
    assert_eq!(many.more.len(), 7);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_first_frame_is_not_sure_keeps_one_sound() {
    let site = Site::new().await;
    let inputs = inputs().replace("-map 1 -map 2", "-map 2 -map 3");
    let whole = site.clip(&format!(
        "{inputs} -c:v libx264 -preset veryfast -pix_fmt yuv420p -g 20 -bf 2 -sc_threshold 0 -c:a mp2 -ac 2 {TAGS} \
         whole.ts"
    ));
    let whole = std::fs::read(whole).unwrap();
    let at = whole.len() / 8 / 188 * 188;
    let cut = site.folder.path().join("cut.ts");
    std::fs::write(&cut, &whole[at..]).unwrap();
    let mut site = site;
    site.start(virga_dispatcher::DispatcherConfig::default());
    let video = site.add(&cut).await;
    assert_eq!(site.ready(video).await.sounds, None);
    site.stop().await;
}

//! How loud films are is measured of the track that players get, wherever it comes from.

use virga_core::job::JobKind;

use crate::site::Site;

const PICTURE: &str = "-f lavfi -i testsrc2=size=160x90:rate=5:d=7 -pix_fmt yuv420p";

/// Which factor of full scale a tone has, the rest of the clip's words, and hundredths of LUFS. A tone of 997 Hz at
/// full scale has −3.01 LUFS in one channel (ITU-R BS.1770-5, annex 1).
const FILMS: [(&str, &str, Option<i32>); 7] = [
    ("0.7", "-c:v libx264 -c:a aac as-it-is.mp4", Some(-611)),
    (
        "0.5",
        "-c:v libx264 -c:a pcm_s16le only-sound-encoded.mov",
        Some(-903),
    ),
    ("0.1", "-c:v mpeg4 -c:a libmp3lame encoded.avi", Some(-2301)),
    ("0.5", "-vn -c:a flac alone.flac", Some(-903)),
    ("0", "-c:v libx264 -c:a aac silent.mp4", None),
    ("0", "-c:v libx264 -an mute.mp4", None),
    ("0.7", "-vn -t 3 -c:a flac short.flac", None),
];

#[tokio::test(flavor = "multi_thread")]
async fn films_of_five_seconds_and_more_are_measured() {
    let mut site = Site::at_work().await;
    let mut films = Vec::new();
    for (factor, words, loudness) in FILMS {
        let tone = format!("-f lavfi -i aevalsrc={factor}*sin(2*PI*997*t):s=48000:d=7");
        let film = site.clip(&format!("{tone} {PICTURE} {words}"));
        films.push((words, site.add(&film).await, loudness));
    }
    for (words, video, want) in films {
        let found = site.ready(video).await.loudness;
        let near = |(found, want): (i32, i32)| (found - want).abs() <= 50;
        assert!(
            found.zip(want).map_or(found == want, near),
            "{words}: {found:?}"
        );
        let jobs = site.jobs(video).await;
        let measured = jobs.iter().filter(|job| job.kind() == JobKind::Loudness);
        let asked = !words.contains("-an") && !words.contains("-t 3");
        assert_eq!(measured.count(), usize::from(asked), "{words}");
    }
    site.stop().await;
}

//! Flash and beep fall together, whatever the file did to their clocks.

use std::path::Path;

use crate::site::{Site, ffmpeg};

/// A flash and a beep at 1.5 s, of a second each.
const FLASH: &str = "-f lavfi -i color=black:size=320x180:rate=25,\
    drawbox=c=white:t=fill:enable=between(t\\,1.5\\,2.48)";
const BEEP: &str = "-f lavfi -i aevalsrc=sin(880*2*PI*t)*between(t\\,1.5\\,2.5):s=48000";

/// When the black ends and when the silence ends in a file, seconds.
fn onsets(path: &Path) -> (f64, f64) {
    let path = path.to_str().unwrap();
    let said = ffmpeg(
        Path::new("/"),
        &[
            "-i",
            path,
            "-vf",
            "blackdetect=d=0.1",
            "-af",
            "silencedetect=d=0.1:n=-40dB",
            "-f",
            "null",
            "-",
        ],
    );
    let after = |word: &str| {
        let rest = said
            .split(word)
            .nth(1)
            .unwrap_or_else(|| panic!("{word} in {said}"));
        let number: String = rest
            .trim_start()
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        number.parse::<f64>().unwrap()
    };
    (after("black_end:"), after("silence_end: "))
}

async fn flash_and_beep(clip: &str) {
    let mut site = Site::at_work().await;
    let clip = site.clip(clip);
    let video = site.add(&clip).await;
    let row = site.ready(video).await;
    let (flash, beep) = onsets(&site.path(&row.fallback_key.unwrap()));
    assert!((flash - beep).abs() < 0.04, "flash {flash}, beep {beep}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_file_is_in_sync() {
    let coding = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 3 -g 25 -c:a aac";
    flash_and_beep(&format!("{FLASH} {BEEP} -t 3 {coding} plain.mp4")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_sound_is_padded() {
    // The sound's first 0.8 s are cut off, so that the file says it begins late.
    let coding = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 25 -c:a aac";
    flash_and_beep(&format!(
        "{FLASH} {BEEP} -t 3 -af atrim=start=0.8 {coding} late-sound.mp4"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_before_a_late_picture_is_trimmed() {
    let coding = "-c:v mpeg2video -q:v 4 -g 5 -c:a mp2";
    flash_and_beep(&format!(
        "{FLASH} {BEEP} -t 3 -vf trim=start=0.72 {coding} late-picture.ts"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_cut_before_its_first_key_frame_is_in_sync() {
    let site = Site::new().await;
    site.clip(&format!(
        "{FLASH} {BEEP} -t 3 -c:v libx264 -preset veryfast -pix_fmt yuv420p -g 20 -bf 2 \
         -sc_threshold 0 -c:a mp2 whole.ts"
    ));
    let whole = std::fs::read(site.folder.path().join("whole.ts")).unwrap();
    // From within the first group of pictures: its packets still announce times that no decoder
    // can show.
    let at = whole.len() / 8 / 188 * 188;
    let cut = site.folder.path().join("cut.ts");
    std::fs::write(&cut, &whole[at..]).unwrap();
    let mut site = site;
    site.start(virga_dispatcher::DispatcherConfig::default());
    let video = site.add(&cut).await;
    let row = site.ready(video).await;
    let (flash, beep) = onsets(&site.path(&row.fallback_key.unwrap()));
    assert!((flash - beep).abs() < 0.04, "flash {flash}, beep {beep}");
    site.stop().await;
}

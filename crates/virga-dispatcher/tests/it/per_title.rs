//! Trials of a film say which rungs it gets and how fine they are; none is larger than the source.

use std::fs;

use virga_core::job::JobKind;
use virga_db::TrackRow;
use virga_dispatcher::DispatcherConfig;

use crate::site::{Site, decodes};

/// A flat picture that moves slowly: it looks the same in every size. Colours that are not given would be others
/// each time.
const SOFT: &str = "-f lavfi -i gradients=s=608x456:r=10:speed=0.02:seed=1:nb_colors=2:\
    x0=0:y0=0:x1=600:y1=450:c0=0x204060:c1=0xd0b090";
/// Thin lines, which are worth every pixel and easy to encode.
const LINES: &str = "-f lavfi -i color=white:s=608x456:r=10,drawgrid=w=9:h=7:t=1:c=gray,\
    drawbox=x=100:y=200:w=40:h=40:t=fill,scroll=h=0.002";
/// Browsers do not play it.
const CODING: &str = "-t 21 -c:v mpeg4 -q:v 3 -g 20";

async fn rungs(site: &Site, clip: &str) -> Vec<TrackRow> {
    let video = site.add(&site.clip(clip)).await;
    site.ready(video).await;
    site.rungs(video).await
}

fn names(rungs: &[TrackRow]) -> Vec<&str> {
    rungs.iter().filter_map(|it| it.rung.as_deref()).collect()
}

/// The rate factor that the encoder notes in its file.
fn factor(site: &Site, rung: &TrackRow) -> String {
    let bytes = fs::read(site.track_path(rung)).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (_, rest) = text.split_once(" crf=").unwrap();
    rest.split(' ').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rung_that_looks_like_the_one_below_is_not_made() {
    let mut site = Site::new().await;
    site.start(DispatcherConfig::default());
    let soft = rungs(&site, &format!("{SOFT} {CODING} soft.mkv")).await;
    assert_eq!(names(&soft), ["360p"]);
    let mut all = Site::new().await;
    all.start(DispatcherConfig {
        per_title: false,
        ..DispatcherConfig::default()
    });
    let soft = rungs(&all, &format!("{SOFT} {CODING} soft.mkv")).await;
    assert_eq!(names(&soft), ["360p", "480p"]);
    all.stop().await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_easy_film_is_encoded_as_coarsely_as_nobody_sees_in_spans_too() {
    for (span_seconds, spans) in [(0, 0), (8, 2)] {
        let mut site = Site::new().await;
        site.start(DispatcherConfig {
            span_seconds,
            ..DispatcherConfig::default()
        });
        let clip = site.clip(&format!("{LINES} {CODING} lines.mkv"));
        let video = site.add(&clip).await;
        site.ready(video).await;
        let made = site.rungs(video).await;
        assert_eq!(names(&made), ["360p", "480p"]);
        assert_eq!(factor(&site, &made[0]), "23.0", "it is needed at once");
        assert_eq!(factor(&site, &made[1]), "27.0");
        decodes(&site.track_path(&made[1]));
        let jobs = site.jobs(video).await;
        let count = jobs.iter().filter(|it| it.kind() == JobKind::Span).count();
        assert!(count >= spans, "{jobs:?}");
        site.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rung_that_is_hardly_smaller_than_the_source_is_not_made() {
    let mut site = Site::new().await;
    site.start(DispatcherConfig::default());
    // Encoded with more care than rungs are, and with few key frames.
    let clip = site.clip(
        "-f lavfi -i testsrc2=s=608x456:r=25 -t 11 -c:v libx264 -preset veryslow -crf 33 -g 250 \
         -pix_fmt yuv420p thin.mp4",
    );
    let bits = fs::metadata(&clip).unwrap().len() * 8 / 11;
    assert!(bits > 150_000, "thinner ones are not even tried: {bits}");
    let video = site.add(&clip).await;
    let ready = site.ready(video).await;
    assert_eq!(names(&site.rungs(video).await), [""; 0]);
    assert!(ready.fallback_key.is_some(), "{ready:?}");
    site.stop().await;
}

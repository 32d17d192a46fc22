//! Where memory is short rungs are encoded one after the other; what takes more than there is, is not made.

use virga_core::{VideoId, job::JobKind};
use virga_dispatcher::{DispatcherConfig, EncoderMemory};

use crate::{
    site::Site,
    stalling::{open_sandbox, script},
};

/// Browsers do not play it; it gets three rungs.
const CLIP: &str = "-f lavfi -i testsrc2=size=1280x720:rate=10 -t 3 -c:v mpeg4 -q:v 3 film.mkv";

/// A film on a machine with so many MiB for encoders.
async fn with_memory(mib: u64) -> (Site, VideoId) {
    let mut site = Site::new().await;
    site.memory = EncoderMemory::of(mib << 20);
    let config = DispatcherConfig {
        threads: 1,
        // Two rungs in one pass are refused.
        ffmpeg: script(
            &site,
            "#!/bin/sh\ncase \"$*\" in *rung0.mp4*rung1.mp4*) echo together >&2; exit 1;; esac\n\
             exec ffmpeg \"$@\"\n",
        ),
        ..DispatcherConfig::default()
    };
    site.start_with(config, open_sandbox());
    let video = site.add(&site.clip(CLIP)).await;
    (site, video)
}

async fn rungs(site: &Site, video: VideoId) -> Vec<String> {
    let rungs = site.rungs(video).await;
    rungs.into_iter().filter_map(|it| it.rung).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rungs_are_encoded_one_after_the_other_where_memory_is_short() {
    let (mut site, video) = with_memory(190).await;
    site.ready(video).await;
    assert_eq!(rungs(&site, video).await, ["360p", "480p", "720p"]);
    assert!(site.failed(video).await.is_empty());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rung_that_takes_more_memory_than_there_is_is_left_out() {
    let (mut site, video) = with_memory(150).await;
    site.ready(video).await;
    assert_eq!(rungs(&site, video).await, ["360p", "480p"]);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_that_takes_more_memory_than_there_is_is_refused_in_words() {
    let (mut site, video) = with_memory(60).await;
    site.settled(video).await;
    let failed = site.failed(video).await;
    let first = failed.iter().find(|job| job.kind() == JobKind::FirstRung);
    let first = first.unwrap();
    assert_eq!(
        first.error_code.as_deref(),
        Some("memory_too_small"),
        "{first:?}"
    );
    let said = first.error.as_deref().unwrap_or_default();
    assert!(said.contains("has 60 MiB"), "{said}");
    site.stop().await;
}

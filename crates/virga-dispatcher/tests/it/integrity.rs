//! Objects whose bytes change behind our back are found, and made anew from a whole source.

use std::{fs, path::PathBuf, time::Duration};

use virga_app::Class;
use virga_core::{MediaKey, ObjectClass, VideoId};
use virga_db::digests;
use virga_dispatcher::DispatcherConfig;

use crate::site::Site;

fn file(site: &Site, key: &MediaKey) -> PathBuf {
    site.folder.path().join("objects").join(key.as_str())
}

/// Flips a bit in the middle of an object.
fn flip(site: &Site, key: &MediaKey) {
    let path = file(site, key);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
}

async fn objects(site: &Site, video: VideoId) -> Vec<MediaKey> {
    let row = site.row(video).await;
    site.app.lasting_objects(&row).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_and_what_it_hit_is_made_anew() {
    let mut site = Site::at_work().await;
    let clip = site.clip(
        "-f lavfi -i testsrc2=size=640x480:rate=25:duration=4 -f lavfi -i sine=duration=4 \
         -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac rain.mp4",
    );
    let video = site.add(&clip).await;
    site.ready(video).await;
    let keys = objects(&site, video).await;
    let of = |class| keys.iter().find(|key| key.class() == class).unwrap();
    let db = site.app.db.read();
    for key in &keys {
        let row = digests::find(db, key).await.unwrap();
        match key.class() {
            ObjectClass::Source => {}
            _ => assert!(
                row.is_some_and(|row| row.verified),
                "{key} was written by a job"
            ),
        }
    }

    // The background check, when the objects have not been read for a while.
    let damaged = of(ObjectClass::Track).clone();
    flip(&site, &damaged);
    site.stop().await;
    site.clock.advance(Duration::from_secs(8 * 24 * 3600));
    site.scrub = 1 << 40;
    site.start(DispatcherConfig::default());
    let found = async || digests::damaged(site.app.db.read(), 10).await.unwrap();
    site.until(|| async { !found().await.is_empty() }).await;
    let found = found().await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, damaged);
    assert!(found[0].damage.as_deref().unwrap().contains("differ"));
    let source = digests::find(site.app.db.read(), of(ObjectClass::Source));
    let source = source.await.unwrap();
    assert!(source.is_none_or(|row| !row.verified), "nobody saw it pass");

    // Without reading, fsck tells what was found; reading all, it makes the versions anew.
    let report = site.app.fsck(false, false, |_| {}).await.unwrap();
    assert_eq!(report.findings[0].class, Class::DamagedObject);
    let poster = of(ObjectClass::Poster).clone();
    fs::write(file(&site, &poster), b"short").unwrap();
    let report = site.app.fsck(true, true, |_| {}).await.unwrap();
    let repaired: Vec<&str> = report
        .findings
        .iter()
        .map(|it| it.subject.as_str())
        .collect();
    for key in [&damaged, &poster] {
        assert!(repaired.contains(&key.as_str()), "{report:?}");
    }
    assert!(report.is_clean(), "{report:?}");
    site.ready(video).await;
    let now = objects(&site, video).await;
    assert!(!now.contains(&damaged) && !now.contains(&poster));
    let report = site.app.fsck(false, true, |_| {}).await.unwrap();
    assert!(report.bytes > 100_000);
    let damage = report
        .findings
        .iter()
        .filter(|it| it.class == Class::DamagedObject);
    assert_eq!(damage.count(), 0, "{report:?}");

    // A damaged source is told, and nothing is made from it.
    let source = now
        .iter()
        .find(|key| key.class() == ObjectClass::Source)
        .unwrap();
    flip(&site, source);
    let report = site.app.fsck(true, true, |_| {}).await.unwrap();
    let stop = report
        .findings
        .iter()
        .find(|it| it.subject == source.as_str())
        .unwrap();
    assert_eq!((stop.class, stop.repaired), (Class::DamagedObject, false));
    assert_eq!(objects(&site, video).await, now);
    site.stop().await;
}

//! Side by side with a later release: this one publishes and sweeps without undoing what that one made.

use std::time::SystemTime;

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use virga_core::{MediaKey, wire::Effect};
use virga_db::videos;

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_later_release_made_stays_published_and_stored() {
    let mut site = Site::at_work().await;
    let clip = site.clip("-f lavfi -i testsrc2=s=320x240:d=1 -c:v mpeg4 clip.avi");
    let video = site.add(&clip).await;
    site.ready(video).await;
    let app = site.app.clone();
    // As a later release writes it: a track in pieces, in a row, the document and the store.
    let object = MediaKey::track(video, 99, 1, "pieces").unwrap();
    app.store.put(&object, "pieces".into()).await.unwrap();
    let row = format!(
        "INSERT INTO tracks (video_id, name, kind, position, height, table_key) \
         VALUES ('{video}', 'pieces', 'video', 9, 240, '{object}')"
    );
    app.db.write().execute_unprepared(&row).await.unwrap();
    // And one whose bytes this release could read, for a purpose that it does not know.
    let row = format!(
        "INSERT INTO tracks (video_id, name, kind, position, height, table_key, object_key, role) \
         VALUES ('{video}', 'sign', 'video', 9, 240, '{object}', '{object}', 'sign')"
    );
    app.db.write().execute_unprepared(&row).await.unwrap();
    let key = MediaKey::presentation(video);
    let mut document: Value = serde_json::from_slice(&site.object(&key).await).unwrap();
    let body = json!({"from": "pieces", "pieces": [object.as_str()]});
    let later = json!({"name": "pieces", "table": object.as_str(), "body": body});
    let body = json!({"from": "object", "object": object.as_str()});
    let sign = json!({"name": "sign", "table": object.as_str(), "body": body});
    let tracks = document["videos"].as_array_mut().unwrap();
    tracks.extend([later.clone(), sign.clone()]);
    let bytes = serde_json::to_vec(&document).unwrap();
    app.store.put(&key, bytes.into()).await.unwrap();

    let tx = app.db.begin().await.unwrap();
    videos::raise_version(&tx, video, Effect::Add, app.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    app.publish(video).await.unwrap();
    let published: Value = serde_json::from_slice(&site.object(&key).await).unwrap();
    let tracks = published["videos"].as_array().unwrap();
    assert!(published["version"] != document["version"]);
    let kept = tracks.contains(&later) && tracks.contains(&sign);
    assert!(tracks.len() > 2 && kept, "{published}");

    // Old enough to be swept, and to be found by fsck.
    let file = std::fs::File::open(site.path(&object)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(app.sweep_orphans().await.unwrap(), 0);
    let report = app.fsck(true, false, |_| ()).await.unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert!(app.store.stat(&object).await.is_ok());
    // A document of a later format is left as it is, though this release would write another.
    document["format"] = json!(2);
    document["videos"] = json!([]);
    let bytes = serde_json::to_vec(&document).unwrap();
    app.store.put(&key, bytes.into()).await.unwrap();
    let report = app.fsck(true, false, |_| ()).await.unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let kept: Value = serde_json::from_slice(&site.object(&key).await).unwrap();
    assert_eq!(kept, document);
    // Without its row it is one that nothing uses.
    let names = "name IN ('pieces', 'sign')";
    let row = format!("DELETE FROM tracks WHERE video_id = '{video}' AND {names}");
    app.db.write().execute_unprepared(&row).await.unwrap();
    assert_eq!(app.sweep_orphans().await.unwrap(), 1);
    site.stop().await;
}

//! Tracks side by side with 0.2, which knows neither role nor rung, language and body, and with releases to
//! come.

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use virga_core::{
    MediaKey, VideoId,
    presentation::{TrackBody, TrackRole},
};
use virga_db::{TrackRow, tracks};

use crate::{
    keys::track,
    store::{Store, key},
};

async fn run(store: &Store, sql: &str) {
    store.db.write().execute_unprepared(sql).await.unwrap();
}

/// A column of the only track.
async fn column(store: &Store, name: &str) -> Option<String> {
    let db = store.db.read();
    let ask = format!("SELECT {name} AS value FROM tracks");
    let ask = Statement::from_string(db.get_database_backend(), ask);
    let row = db.query_one_raw(ask).await.unwrap().unwrap();
    row.try_get("", "value").unwrap()
}

/// A rung as this release writes it, its bytes in the source.
fn rung(video: VideoId, source: &MediaKey) -> TrackRow {
    let body = TrackBody::Source {
        source: source.clone(),
        samples: key(video),
    };
    TrackRow {
        rung: Some("360p".to_owned()),
        language: Some("deu".to_owned()),
        ..track(video, "one", body)
    }
}

/// What 0.2 does to the row where it packages that track.
async fn packaged_by_the_release_before(store: &Store, object: &MediaKey) {
    let set = format!("table_key = '{object}', object_key = '{object}'");
    let set = format!("UPDATE tracks SET {set}, samples_key = NULL, source_key = NULL");
    run(store, &set).await;
}

pub(crate) async fn a_track_is_written_for_this_release_and_the_one_before(store: &Store) {
    let (db, video) = (store.db.write(), store.video("Rain").await);
    let source = MediaKey::fallback(video, 2, 1);
    let row = rung(video, &source);
    tracks::put(db, &row).await.unwrap();
    assert_eq!(tracks::of_video(db, video).await.unwrap(), [row]);
    let own = key(video).to_string();
    for (name, value) in [
        ("role", Some("main")),
        ("rung", Some("360p")),
        ("language", Some("deu")),
        ("object_key", None),
        ("samples_key", Some(own.as_str())),
        ("source_key", Some(source.as_str())),
    ] {
        assert_eq!(column(store, name).await.as_deref(), value, "{name}");
    }
    let body: Value = serde_json::from_str(&column(store, "body").await.unwrap()).unwrap();
    let from =
        json!({"format": 1, "table": own, "from": "source", "source": source, "samples": own});
    assert_eq!(body, from);
    // Without the columns of 0.2, the new ones say all.
    run(
        store,
        "UPDATE tracks SET samples_key = NULL, source_key = NULL",
    )
    .await;
    let read = tracks::of_video(db, video).await.unwrap();
    assert_eq!(read, [rung(video, &source)]);
}

pub(crate) async fn a_track_that_the_release_before_wrote_is_read(store: &Store) {
    let (db, video) = (store.db.write(), store.video("Rain").await);
    let object = key(video);
    let columns = "video_id, name, kind, position, height, table_key, object_key";
    let values = format!("'{video}', '360p-7', 'video', 0, 180, '{object}', '{object}'");
    run(
        store,
        &format!("INSERT INTO tracks ({columns}) VALUES ({values})"),
    )
    .await;
    let read = tracks::of_video(db, video).await.unwrap();
    assert_eq!(read, [track(video, "360p-7", TrackBody::Object { object })]);
    assert_eq!(
        (read[0].role, read[0].rung.as_deref()),
        (TrackRole::Main, None)
    );
}

pub(crate) async fn a_body_that_the_release_before_left_behind_is_not_believed(store: &Store) {
    let (db, video) = (store.db.write(), store.video("Rain").await);
    let row = rung(video, &key(video));
    tracks::put(db, &row).await.unwrap();
    let stale = column(store, "body").await;
    let object = MediaKey::fallback(video, 9, 1);
    packaged_by_the_release_before(store, &object).await;
    assert_eq!(column(store, "body").await, stale);
    let packaged = TrackRow {
        table_key: object.clone(),
        body: TrackBody::Object { object },
        ..row.clone()
    };
    assert_eq!(tracks::of_video(db, video).await.unwrap(), [packaged]);
    // Nor is one of a later release, once 0.2 replaced its track.
    let later = json!({"format": 2, "table": row.table_key, "from": "pieces"});
    run(store, &format!("UPDATE tracks SET body = '{later}'")).await;
    assert_eq!(tracks::of_video(db, video).await.unwrap().len(), 1);
}

pub(crate) async fn roles_and_bodies_of_a_later_release_are_kept_and_passed_over(store: &Store) {
    let (db, video) = (store.db.write(), store.video("Rain").await);
    let row = rung(video, &key(video));
    let table = &row.table_key;
    let later = [
        ("role", "sign".to_owned()),
        (
            "body",
            json!({"format": 1, "table": table, "from": "pieces"}).to_string(),
        ),
        (
            "body",
            json!({"format": 2, "table": table, "from": "object"}).to_string(),
        ),
    ];
    for (name, value) in later {
        tracks::put(db, &row).await.unwrap();
        run(store, &format!("UPDATE tracks SET {name} = '{value}'")).await;
        let read = tracks::all_of_video(db, video).await.unwrap();
        assert!(read.known.is_empty(), "{value}");
        assert_eq!(read.unknown, ["one"], "{value}");
        assert_eq!(column(store, name).await, Some(value));
    }
}

//! Object keys in rows: one that is none is an error, wherever the row is read.

use sea_orm::ConnectionTrait;
use serde_json::json;
use virga_core::{
    Clock, MediaKey, VideoId,
    presentation::{TrackBody, TrackRole},
};
use virga_db::{
    DbError, TrackRow, TrackRowKind, digests, digests::DigestRow, tracks, uploads, videos,
};

use crate::store::{Store, key};

async fn run(store: &Store, sql: &str) {
    store.db.write().execute_unprepared(sql).await.unwrap();
}

/// A track whose bytes are where `body` says.
pub(crate) fn track(video: VideoId, name: &str, body: TrackBody) -> TrackRow {
    TrackRow {
        video,
        name: name.to_owned(),
        kind: TrackRowKind::Video,
        role: TrackRole::Main,
        rung: None,
        language: None,
        position: 0,
        height: 180,
        table_key: key(video),
        body,
    }
}

/// Which column an answer calls impossible.
fn column<T>(answer: Result<T, DbError>) -> &'static str {
    match answer {
        Err(DbError::Corrupt { column, value, .. }) if value == "v/../x" => column,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("an impossible key was read"),
    }
}

pub(crate) async fn a_key_that_is_none_is_an_error(store: &Store) {
    let db = store.db.write();
    let video = store.video("Rain").await;
    for wrong in ["source_key", "poster_key", "fallback_key", "storyboard_key"] {
        run(store, &format!("UPDATE videos SET {wrong} = 'v/../x'")).await;
        assert_eq!(column(videos::find(db, video).await), wrong);
        run(store, &format!("UPDATE videos SET {wrong} = NULL")).await;
    }
    let texts = |object: &str| {
        format!(r#"UPDATE videos SET texts = '{{"{object}":"v/../x","duration":1,"tracks":[]}}'"#)
    };
    run(store, &texts("object")).await;
    let read = videos::find(db, video).await;
    assert!(
        matches!(
            read,
            Err(DbError::Corrupt {
                column: "texts",
                ..
            })
        ),
        "{read:?}"
    );
    // Of a later release.
    run(store, &texts("objects")).await;
    assert_eq!(videos::find(db, video).await.unwrap().unwrap().texts, None);
    let upload = store.upload(video);
    uploads::insert(db, &upload, "", store.clock.now())
        .await
        .unwrap();
    run(store, "UPDATE uploads SET object_key = 'v/../x'").await;
    assert_eq!(column(uploads::find(db, upload.id).await), "object_key");

    let (source, samples) = (key(video), key(video));
    let body = TrackBody::Source { source, samples };
    let one = track(video, "src", body);
    tracks::put(db, &one).await.unwrap();
    for wrong in ["table_key", "source_key", "samples_key", "object_key"] {
        // As 0.2 writes it.
        run(
            store,
            &format!("UPDATE tracks SET {wrong} = 'v/../x', body = NULL"),
        )
        .await;
        assert_eq!(column(tracks::of_video(db, video).await), wrong);
        tracks::put(db, &one).await.unwrap();
    }
    let table = &one.table_key;
    let wrong = json!({"format": 1, "table": table, "from": "object", "object": "v/../x"});
    run(store, &format!("UPDATE tracks SET body = '{wrong}'")).await;
    let read = tracks::of_video(db, video).await;
    assert!(
        matches!(read, Err(DbError::Corrupt { column: "body", .. })),
        "{read:?}"
    );
    tracks::put(db, &one).await.unwrap();
    assert_eq!(tracks::of_video(db, video).await.unwrap(), [one]);

    let noted = DigestRow {
        key: MediaKey::fallback(video, 1, 1),
        video,
        digest: virga_core::digest::Hasher::default().finish(),
        verified: true,
        checked_at: store.clock.now(),
        damage: Some("a bit".to_owned()),
    };
    digests::put(db, &noted).await.unwrap();
    run(store, "UPDATE digests SET object_key = 'v/../x'").await;
    assert_eq!(column(digests::damaged(db, 1).await), "object_key");
}

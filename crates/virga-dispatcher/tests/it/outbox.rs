//! The outbox of the unit of work: a reader's note is stored with the change that it is about, or neither is.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::future::BoxFuture;
use virga_app::{Outbox, VideoChanged};
use virga_core::{Failure, video::VideoState};
use virga_db::{ConnectionTrait, DbError, Tx, VideoRow, videos};

use crate::site::Site;

/// Notes each state of a video in a table of its own.
#[derive(Debug, Default)]
struct Notes {
    refuses: AtomicBool,
}

impl Outbox for Notes {
    fn write<'a>(
        &'a self,
        tx: &'a Tx,
        change: VideoChanged<'a>,
    ) -> BoxFuture<'a, Result<(), DbError>> {
        let state = |row: Option<&VideoRow>| row.map_or("none", |row| row.state.as_str());
        let (before, after) = (state(change.before), state(change.after));
        Box::pin(async move {
            if self.refuses.load(Ordering::Relaxed) {
                return Err(DbError::Corrupt {
                    table: "notes",
                    column: "note",
                    value: after.to_owned(),
                });
            }
            let note = format!("INSERT INTO notes VALUES ('{before} to {after}')");
            tx.execute_unprepared(&note).await?;
            Ok(())
        })
    }
}

async fn notes(site: &Site) -> Vec<String> {
    let db = site.app.db.read();
    let rows = db.query_all_raw(sea_orm::Statement::from_string(
        db.get_database_backend(),
        "SELECT note FROM notes ORDER BY rowid",
    ));
    let rows = rows.await.unwrap();
    rows.iter()
        .map(|row| row.try_get("", "note").unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_is_stored_with_its_change_or_neither_is() {
    let mut site = Site::new().await;
    let outbox = Arc::new(Notes::default());
    site.app.outbox = Some(Arc::clone(&outbox) as _);
    let create = "CREATE TABLE notes (note TEXT NOT NULL)";
    site.app
        .db
        .write()
        .execute_unprepared(create)
        .await
        .unwrap();
    site.start(virga_dispatcher::DispatcherConfig::default());
    let clip = site.clip("-f lavfi -i testsrc2=s=320x240:d=1 -c:v mpeg4 clip.avi");
    let video = site.add(&clip).await;
    site.ready(video).await;
    site.stop().await;
    let stop = notes(&site).await;
    assert!(stop.last().unwrap().ends_with(" to ready"), "{stop:?}");

    // The reader refuses: nothing is stored, and nothing is published.
    let before = site.row(video).await;
    outbox.refuses.store(true, Ordering::Relaxed);
    let refused = site.app.delete_video(&before, false).await;
    assert!(refused.is_err());
    assert_eq!(
        (site.row(video).await, notes(&site).await),
        (before.clone(), stop.clone())
    );
    outbox.refuses.store(false, Ordering::Relaxed);

    // The change fails after its first statement: neither row nor note.
    let failed: Result<(), Failure> = site
        .app
        .change(video, |change| async move {
            videos::describe(&change.tx, video, "Another", "").await?;
            drop(change);
            Err(Failure::not_found("video"))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(
        (site.row(video).await, notes(&site).await),
        (before.clone(), stop)
    );

    let deleted = site.app.delete_video(&before, false).await.unwrap();
    assert_eq!(deleted.state, VideoState::Deleted);
    let now = notes(&site).await;
    assert_eq!(now.last().unwrap(), "ready to deleted");
}

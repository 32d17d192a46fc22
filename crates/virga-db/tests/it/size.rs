//! A large site: 120,000 videos, a million comments. Every list is a walk along an index, and a
//! search looks at a bounded number of rows. What the store asked is asked again as `EXPLAIN`.

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, Statement};
use std::sync::{Arc, Mutex};
use virga_core::{Timestamp, UserId, VideoId, wire::Sort};
use virga_db::{
    Db,
    admin::{self, AccountListing},
    comments, sitemap,
    videos::{self, Listing, SEARCHED},
};
use virga_testkit::large::{FIRST_ID, PRIVATE, fill};

use crate::Bench;

const VIDEOS: u64 = SEARCHED + 20_000;

/// A connection that keeps what it was asked.
pub(crate) struct Watched<'a> {
    db: &'a Db,
    pub(crate) c: DatabaseConnection,
    asked: Arc<Mutex<Vec<String>>>,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut c = db.read().clone();
        let kept = Arc::clone(&asked);
        c.set_metric_callback(move |info| kept.lock().unwrap().push(info.statement.to_string()));
        Self { db, c, asked }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// The steps by which the engine would answer.
pub(crate) async fn plan(c: &DatabaseConnection, question: &str) -> Vec<String> {
    let backend = c.get_database_backend();
    let ask = match backend {
        DatabaseBackend::Sqlite => format!("EXPLAIN QUERY PLAN {question}"),
        _ => format!("EXPLAIN {question}"),
    };
    let rows = c
        .query_all_raw(Statement::from_string(backend, ask))
        .await
        .unwrap();
    let text = |row: &sea_orm::QueryResult, column: &str| {
        row.try_get::<Option<String>>("", column)
            .unwrap()
            .unwrap_or_default()
    };
    rows.iter()
        .map(|row| match backend {
            DatabaseBackend::Sqlite => text(row, "detail"),
            DatabaseBackend::Postgres => text(row, "QUERY PLAN"),
            _ => ["table", "type", "key", "Extra"]
                .map(|column| text(row, column))
                .join(" | "),
        })
        .collect()
}

/// Reads a whole table, or sorts.
pub(crate) fn wasteful(backend: DatabaseBackend, step: &str) -> bool {
    match backend {
        DatabaseBackend::Sqlite => {
            step.contains("TEMP B-TREE") || (step.starts_with("SCAN") && !step.contains("USING"))
        }
        DatabaseBackend::Postgres => step.contains("Seq Scan") || step.contains("Sort"),
        _ => step.contains("| ALL |") || step.contains("filesort") || step.contains("temporary"),
    }
}

async fn walks_an_index(watched: &Watched<'_>, what: &str) {
    let backend = watched.c.get_database_backend();
    let asked = watched.asked();
    assert!(!asked.is_empty(), "{what} asked nothing");
    for question in asked {
        let plan = plan(watched.db.read(), &question).await;
        let bad: Vec<_> = plan.iter().filter(|step| wasteful(backend, step)).collect();
        assert!(
            bad.is_empty(),
            "{what} on {backend:?}: {plan:#?}\n{question}"
        );
    }
}

fn video(number: u64) -> VideoId {
    (FIRST_ID + number).to_string().parse().unwrap()
}

/// Every list of videos: the owner's own, hers for others, and everyone's in both orders.
fn listings() -> Vec<(&'static str, Listing<'static>)> {
    let owner: UserId = (FIRST_ID + 7).to_string().parse().unwrap();
    let listing = |owner, everything, sort| Listing {
        owner,
        everything,
        unpublished: None,
        now: Timestamp(0),
        sort,
        query: None,
        after: None,
        limit: 31,
    };
    vec![
        ("my videos", listing(Some(owner), true, Sort::New)),
        ("a person's", listing(Some(owner), false, Sort::New)),
        ("the newest", listing(None, false, Sort::New)),
        ("the most seen", listing(None, false, Sort::Popular)),
    ]
}

async fn every_list_walks_an_index(db: &Db) {
    let watched = Watched::new(db);
    for (what, mut listing) in listings() {
        for page in 1..=3 {
            let rows = videos::list(&watched.c, &listing).await.unwrap();
            assert_eq!(rows.len(), 31, "{what}");
            walks_an_index(&watched, &format!("{what}, page {page}")).await;
            listing.after = rows.last().map(|row| videos::cursor(&listing, row));
        }
    }
    let mut after = None;
    for _ in 0..2 {
        let page = comments::page(&watched.c, video(1), after.as_ref(), 31)
            .await
            .unwrap();
        let last = page.last().unwrap();
        after = Some((last.created_at.0, last.id.to_string()));
        walks_an_index(&watched, "comments").await;
    }
    sitemap::stretch(&watched.c, 1000, 100).await.unwrap();
    walks_an_index(&watched, "the sitemap").await;
    for after in [None, Some("name5")] {
        let accounts = AccountListing {
            query: None,
            after,
            limit: 31,
        };
        admin::accounts(&watched.c, accounts).await.unwrap();
        walks_an_index(&watched, "accounts").await;
    }
    for before in [None, Some(60_000)] {
        admin::failed_jobs(&watched.c, before, 31).await.unwrap();
        walks_an_index(&watched, "failed jobs").await;
    }
}

async fn a_search_looks_at_so_many_rows_and_no_more(db: &Db) {
    let watched = Watched::new(db);
    let listed = VIDEOS - VIDEOS / PRIVATE;
    assert!(listed > SEARCHED);
    // One that is still looked at, and one too old, whose digits stand in twenty newer titles.
    let (inside, outside) = (20_001, 7919);
    for (words, found) in [
        (format!("RAIN {inside} 雨"), 1),
        (outside.to_string(), 20),
        ("雨".to_owned(), 31),
        ("nothing like it".to_owned(), 0),
    ] {
        let listing = Listing {
            query: Some(&words),
            ..listings().remove(2).1
        };
        let rows = videos::list(&watched.c, &listing).await.unwrap();
        assert_eq!(rows.len(), found, "{words}");
        assert!(rows.iter().all(|row| row.id != video(outside)));
        for question in watched.asked() {
            let plan = plan(watched.db.read(), &question).await;
            let backend = watched.c.get_database_backend();
            // PostgreSQL reads a table whole where most of it lies within the bound.
            let may = backend == DatabaseBackend::Postgres;
            let walks = !plan.iter().any(|step| wasteful(backend, step));
            assert!(may || walks, "{plan:#?}");
        }
    }
}

pub(crate) async fn a_large_site_is_read_by_index(bench: &Bench) {
    let db = bench.open(&bench.database("large").await).await;
    db.migrate().await.unwrap();
    fill(db.write(), VIDEOS).await.unwrap();
    every_list_walks_an_index(&db).await;
    a_search_looks_at_so_many_rows_and_no_more(&db).await;
    crate::queue::a_sweeper_reads_by_index(&db).await;
    db.close().await;
}

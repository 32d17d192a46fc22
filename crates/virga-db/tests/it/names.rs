//! The store suite: names of accounts.

use sea_orm::ConnectionTrait;
use virga_core::{Clock, OsEntropy, UserId};
use virga_db::{DbError, accounts};

use crate::store::{Store, account};

pub(crate) async fn names_are_taken_whatever_their_case(store: &Store) {
    let twin = account(UserId::random(&OsEntropy), "aNN", store.clock.now());
    let refused = accounts::insert(store.db.write(), &twin).await;
    assert!(matches!(refused, Err(DbError::Duplicate(_))), "{refused:?}");
    assert_eq!(
        accounts::by_name(store.db.read(), "ANN")
            .await
            .unwrap()
            .unwrap()
            .name,
        "Ann"
    );
}

pub(crate) async fn no_two_names_look_alike(store: &Store) {
    let (db, now) = (&store.db, store.clock.now());
    let other = |name| account(UserId::random(&OsEntropy), name, now);
    // Greek and Cyrillic letters that look like Latin ones.
    let twin = other("\u{391}nn");
    let refused = accounts::insert(db.write(), &twin).await;
    assert!(matches!(refused, Err(DbError::Duplicate(_))), "{refused:?}");

    // A release that does not know what names look like wrote two of them.
    let forget = "UPDATE users SET name_skeleton = NULL";
    accounts::insert(db.write(), &other("scope")).await.unwrap();
    db.write().execute_unprepared(forget).await.unwrap();
    let alike = other("\u{455}cope");
    accounts::insert(db.write(), &alike).await.unwrap();
    db.write().execute_unprepared(forget).await.unwrap();
    let rows = accounts::without_skeleton(db.read(), "", 100)
        .await
        .unwrap();
    let mut claimed = Vec::new();
    for row in &rows {
        claimed.push(accounts::claim_skeleton(db.write(), row).await.unwrap());
    }
    assert_eq!(claimed.iter().filter(|won| !**won).count(), 1);
    let rest = accounts::without_skeleton(db.read(), "", 100)
        .await
        .unwrap();
    let [one] = rest.as_slice() else {
        panic!("one of two stays without: {rest:?}");
    };
    let first = accounts::by_skeleton(db.read(), &one.name).await.unwrap();
    assert_ne!(first.unwrap().id, one.id);
    // It signs in as before, and its name is not given out again.
    let found = accounts::by_name(db.read(), &alike.name).await.unwrap();
    assert_eq!(found.unwrap().id, alike.id);
}

//! What one account, or one stranger, may ask for: rows, text, tries at a password, sessions.

use reqwest::{Method, header};
use serde_json::{Value, json};
use std::net::IpAddr;
use virga_testkit::{Answer, Person, Role, Site};

use crate::VIRGA;

fn sign_in_as(person: &Person, name: &str, password: &str) -> reqwest::RequestBuilder {
    person
        .request(Method::POST, "/api/v1/sessions")
        .json(&json!({"name": name, "password": password}))
}

#[tokio::test]
async fn an_account_writes_so_many_rows_and_no_more() {
    let mut site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__DRAFTS_PER_USER", "2")
        .set("VIRGA_LIMITS__COMMENTS_PER_HOUR", "3")
        .set("VIRGA_LIMITS__TEXT_BYTES_PER_HOUR", "1000")
        .start();
    let ann = site.register("ann").await;
    let video = ann.draft("One", "public").await;
    let _ = ann.draft("Two", "public").await;
    let third = json!({"title": "Three", "visibility": "public"});
    let refused = ann.post("/api/v1/videos", third.clone()).await.expect(409);
    assert_eq!(refused.code(), "video.too-many-drafts");
    let _ = ann
        .delete(&format!("/api/v1/videos/{video}"))
        .await
        .expect(200);
    let video = ann.post("/api/v1/videos", third).await.expect(201).json()["id"].clone();
    let video = video.as_str().unwrap();

    let comments = format!("/api/v1/videos/{video}/comments");
    for text in ["a", "b", "c"] {
        let _ = ann.post(&comments, json!({"text": text})).await.expect(201);
    }
    let refused = ann.post(&comments, json!({"text": "d"})).await.expect(429);
    assert_eq!(refused.code(), "rate.comments");
    assert!(refused.headers.contains_key(header::RETRY_AFTER));

    let long = json!({"description": "x".repeat(800)});
    let path = format!("/api/v1/videos/{video}");
    let _ = ann.patch(&path, long.clone()).await.expect(200);
    assert_eq!(ann.patch(&path, long).await.expect(429).code(), "rate.text");
    // Others are not held up, and what writes no text goes on.
    let _ = site.register("ben").await.draft("Mine", "public").await;
    let _ = ann
        .patch(&path, json!({"visibility": "private"}))
        .await
        .expect(200);

    // A disk that is nearly full takes no text, and lets go of what is there.
    site.terminate(Role::Serve);
    let _ = site.wait_ended(Role::Serve);
    site.set("VIRGA_STORAGE__KEEP_FREE", &(1_u64 << 60).to_string());
    site.start(Role::Serve);
    let ann = Person::new(site.url());
    let signed_in = ann
        .send(sign_in_as(&ann, "ann", "ann has a password"))
        .await;
    let ann = ann.with_token(signed_in.expect(201).json()["token"].as_str().unwrap());
    let full = ann
        .patch(&path, json!({"title": "Fuller"}))
        .await
        .expect(507);
    assert_eq!(full.code(), "database.full");
    let new = json!({"name": "cleo", "password": "ann has a password"});
    let full = site.stranger().post("/api/v1/users", new).await.expect(507);
    assert_eq!(full.code(), "database.full");
    let _ = ann.delete(&path).await.expect(200);
}

#[tokio::test]
async fn a_request_that_is_sent_again_makes_nothing_twice() {
    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__DRAFTS_PER_USER", "2")
        .start();
    let (ann, ben) = (site.register("ann").await, site.register("ben").await);
    let keyed = async |who: &Person, path: &str, key: &str, body: Value| {
        let request = who.request(Method::POST, path).json(&body);
        who.send(request.header("idempotency-key", key)).await
    };
    let videos = "/api/v1/videos";
    let body = json!({"title": "One", "visibility": "public"});
    let other = json!({"title": "Two", "visibility": "public"});
    let id = |answer: Answer| answer.expect(201).json()["id"].clone();
    let first = id(keyed(&ann, videos, "\"k-1\"", body.clone()).await);
    // Both at once: one of them makes it.
    let both = tokio::join!(
        keyed(&ann, videos, "k-2", other.clone()),
        keyed(&ann, videos, "k-2", other.clone())
    );
    let second = id(both.0);
    assert_eq!(id(both.1), second);
    assert_ne!(first, second);
    // The limit is reached, and what exists is answered all the same.
    assert_eq!(id(keyed(&ann, videos, "k-1", body.clone()).await), first);
    let _ = keyed(&ann, videos, "k-3", body.clone()).await.expect(409);
    // A key belongs to one account, and applies to one body.
    let his = id(keyed(&ben, videos, "k-1", body.clone()).await);
    assert_ne!(his, first);
    assert_ne!(id(keyed(&ben, videos, "k-1", other.clone()).await), his);
    let refused = keyed(&ben, videos, "k 1", body).await.expect(400);
    assert_eq!(refused.code(), "idempotency-key.invalid");

    let comments = format!("{videos}/{}/comments", first.as_str().unwrap());
    let hello = json!({"text": "hello"});
    let both = tokio::join!(
        keyed(&ann, &comments, "k-1", hello.clone()),
        keyed(&ann, &comments, "k-1", hello.clone())
    );
    let one = id(both.0);
    assert_eq!(id(both.1), one);
    assert_eq!(id(keyed(&ann, &comments, "k-1", hello.clone()).await), one);
    assert_ne!(id(keyed(&ann, &comments, "k-2", hello).await), one);
    let page = ann.get(&comments).await.expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn strangers_guess_slowly_and_the_owner_signs_in() {
    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_BY_STRANGERS", "4")
        .start();
    let at = |last: u8| Person::at(site.url(), Some(IpAddr::from([127, 0, 9, last])));
    let home = at(1);
    let _ = site.register_by(&home, "ann").await;
    for last in 10..14 {
        let stranger = at(last);
        let wrong = stranger
            .send(sign_in_as(&stranger, "ann", "wrong horse"))
            .await;
        assert_eq!(wrong.expect(401).code(), "sign-in.wrong");
    }
    let stranger = at(14);
    let refused = stranger
        .send(sign_in_as(&stranger, "Ann", "ann has a password"))
        .await;
    assert_eq!(refused.expect(429).code(), "sign-in.too-many");
    let _ = home
        .send(sign_in_as(&home, "ann", "ann has a password"))
        .await
        .expect(201);
    let other = stranger
        .send(sign_in_as(&stranger, "ben", "ann has a password"))
        .await;
    assert_eq!(
        other.expect(401).code(),
        "sign-in.wrong",
        "other names are not held up"
    );
}

#[tokio::test]
async fn an_account_sees_its_sessions_and_ends_one() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let phone = site.stranger();
    let signing_in =
        sign_in_as(&phone, "ann", "ann has a password").header(header::USER_AGENT, "Phone/1");
    let phone_token = phone.send(signing_in).await.expect(201).json()["token"].clone();
    let phone = phone.with_token(phone_token.as_str().unwrap());

    let list = ann.get("/api/v1/sessions").await.expect(200).json();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let of_phone = list.iter().find(|it| it["device"] == "Phone/1").unwrap();
    assert_eq!(of_phone["current"], false);
    assert_eq!(list.iter().filter(|it| it["current"] == true).count(), 1);
    let path = format!("/api/v1/sessions/{}", of_phone["id"].as_str().unwrap());
    let ben = site.register("ben").await;
    assert_eq!(ben.delete(&path).await.expect(404).code(), "not-found");
    let _ = phone.get("/api/v1/users/me").await.expect(200);
    let _ = ann.delete(&path).await.expect(204);
    let _ = phone.get("/api/v1/users/me").await.expect(401);
    let _ = ann.get("/api/v1/users/me").await.expect(200);
    let _ = ann.delete(&path).await.expect(404);
}

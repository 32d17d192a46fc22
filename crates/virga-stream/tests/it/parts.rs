//! Parts that are taken and parts that are refused.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Request, StatusCode};
use virga_core::{
    Clock, MediaKey, OsEntropy, UploadId,
    keys::KeyRing,
    paths::{PartTicket, Ticket},
    upload::part_span,
};
use virga_objects::{MediaStore, MultipartSessions, UploadPlan};
use virga_stream::StreamConfig;

use crate::site::{Answer, Site};

const TOTAL: u64 = 250;
const PART: u64 = 100;

async fn opened(site: &Site) -> MediaKey {
    let key = MediaKey::source(site.video, site.upload);
    let made = site
        .store
        .create(site.upload, &UploadPlan::new(&key, TOTAL, PART))
        .await;
    made.unwrap();
    key
}

fn ticket(site: &Site, number: u32) -> PartTicket {
    let span = part_span(number, TOTAL, PART).unwrap();
    PartTicket {
        upload: site.upload,
        number,
        offset: span.offset,
        size: span.size,
        total: TOTAL,
        expires: site.clock.now().plus(Duration::from_secs(3600)),
    }
}

fn bytes(length: u64) -> Vec<u8> {
    (0..length)
        .map(|n| u8::try_from(n % 251).unwrap())
        .collect()
}

async fn put(site: &Site, path: &str, declared: Option<u64>, body: Body) -> Answer {
    let mut request = Request::put(path);
    if let Some(length) = declared {
        request = request.header("content-length", length);
    }
    site.ask(request.body(body).unwrap()).await
}

async fn put_whole(site: &Site, path: &str, length: u64) -> Answer {
    put(site, path, Some(length), bytes(length).into()).await
}

async fn held(site: &Site) -> Vec<u32> {
    let held = site.store.list_parts(site.upload).await.unwrap();
    held.parts.iter().map(|part| part.number).collect()
}

#[tokio::test]
async fn a_signed_part_is_taken_and_its_digest_answered() {
    let site = Site::new().await;
    let key = opened(&site).await;
    for number in [2, 3, 1] {
        let path = ticket(&site, number).to_path(&site.keys);
        let size = part_span(number, TOTAL, PART).unwrap().size;
        let answer = put_whole(&site, &path, size).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        let parts = site.store.list_parts(site.upload).await.unwrap().parts;
        let part = parts.iter().find(|part| part.number == number).unwrap();
        let sha256 = part.sha256.as_deref().unwrap();
        assert_eq!(answer.header("etag"), format!("\"{sha256}\""));
    }
    site.store
        .complete(site.upload, &UploadPlan::new(&key, TOTAL, PART))
        .await
        .unwrap();
    let whole = site.store.read_all(&key, TOTAL).await.unwrap();
    assert_eq!(whole, [bytes(100), bytes(100), bytes(50)].concat());
    let late = put_whole(&site, &ticket(&site, 1).to_path(&site.keys), PART).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn every_wrong_signature_reads_the_same_and_writes_nothing() {
    let site = Site::new().await;
    opened(&site).await;
    let good = ticket(&site, 1).to_path(&site.keys);
    let stranger = UploadId::random(&OsEntropy).to_string();
    let other_ring = ticket(&site, 1).to_path(&KeyRing::generate(&OsEntropy));
    let expired = PartTicket {
        expires: site.clock.now(),
        ..ticket(&site, 1)
    };
    let mut wrong = vec![
        good.replace("/1?", "/2?"),
        good.replace("/1?", "/x?"),
        good.replace("/1?", "/4294967297?"),
        good.replace(site.upload.as_str(), &stranger),
        good.replace(site.upload.as_str(), "..%2f..%2fetc"),
        good.replace("offset=0", "offset=100"),
        good.replace("size=100", "size=250"),
        good.replace("total=250", "total=251"),
        good.replace("exp=", "exp=9"),
        good.replace("sig=", "sig=A"),
        good.split_once('?').unwrap().0.to_owned(),
        expired.to_path(&site.keys),
        other_ring,
    ];
    wrong.push(format!("{}?offset=0", good.split_once('?').unwrap().0));
    let mut bodies = Vec::new();
    for path in &wrong {
        let answer = put_whole(&site, path, PART).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        bodies.push(answer.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(held(&site).await, [0; 0]);
    site.clock.advance(Duration::from_secs(3600));
    let late = put_whole(&site, &good, PART).await;
    assert_eq!(
        (late.status, late.body),
        (StatusCode::FORBIDDEN, bodies[0].clone())
    );
}

#[tokio::test]
async fn a_length_other_than_signed_is_refused() {
    let site = Site::new().await;
    opened(&site).await;
    let path = ticket(&site, 1).to_path(&site.keys);
    let cases = [
        (Some(101), 101, StatusCode::PAYLOAD_TOO_LARGE),
        (Some(99), 99, StatusCode::UNPROCESSABLE_ENTITY),
        (None, 100, StatusCode::BAD_REQUEST),
        // What is declared is not what comes.
        (Some(100), 101, StatusCode::PAYLOAD_TOO_LARGE),
        (Some(100), 99, StatusCode::UNPROCESSABLE_ENTITY),
    ];
    for (declared, sent, status) in cases {
        let pieces: Vec<_> = bytes(sent)
            .chunks(7)
            .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)))
            .collect();
        let body = Body::from_stream(stream::iter(pieces));
        let answer = put(&site, &path, declared, body).await;
        assert_eq!(answer.status, status, "{declared:?} {sent}");
        assert_eq!(held(&site).await, [0; 0]);
    }
    let data = site
        .folder
        .path()
        .join(".multipart")
        .join(site.upload.as_str());
    assert_eq!(std::fs::metadata(data.join("data")).unwrap().len(), TOTAL);
    assert_eq!(
        put_whole(&site, &path, PART).await.status,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_part() {
    let site = Site::new().await;
    opened(&site).await;
    let path = ticket(&site, 1).to_path(&site.keys);
    let broken = stream::iter([Ok(bytes(60)), Err(std::io::Error::other("reset"))]);
    let answer = put(&site, &path, Some(PART), Body::from_stream(broken)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(held(&site).await, [0; 0]);
}

#[tokio::test]
async fn a_store_that_is_nearly_full_takes_no_part() {
    let site = Site::with(StreamConfig::default(), u64::MAX).await;
    opened(&site).await;
    let path = ticket(&site, 1).to_path(&site.keys);
    let answer = put_whole(&site, &path, PART).await;
    assert_eq!(answer.status, StatusCode::INSUFFICIENT_STORAGE);
    assert!(answer.text().contains("storage.full"));
    assert_eq!(held(&site).await, [0; 0]);
}

#[tokio::test]
async fn only_put_goes_there() {
    let site = Site::new().await;
    let path = ticket(&site, 1).to_path(&site.keys);
    assert_eq!(site.get(&path).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

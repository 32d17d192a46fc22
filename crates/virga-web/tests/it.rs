//! The pages as a browser sees them, over an API that a test plays in process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Body,
    extract::Request,
    routing::{delete, get, post},
};
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use virga_client::{ApiClient, TransportError};
use virga_core::{FakeClock, OsEntropy, keys::Voucher};
use virga_http::{layers::RequestId, origin::SiteOrigin, viewer::ClientIp};
use virga_web::{WebConfig, WebState};

const ID: &str = "0000000abcd";

fn me() -> Value {
    json!({"id": "00000000001", "name": "ada", "role": "user", "created_at": "2026-01-01T00:00:00Z",
           "used_bytes": 0, "quota_bytes": 1000})
}

fn video(state: &str) -> Value {
    json!({"id": ID, "title": "A <b> title", "description": "words", "visibility": "public",
           "state": state, "owner": "ada", "editable": true, "views": 3, "comments": 0,
           "created_at": "2026-01-01T00:00:00Z", "presentation_version": 1})
}

fn problem(status: u16, code: &str, field: Option<&str>) -> (StatusCode, Json<Value>) {
    let body = json!({"type": "", "title": "", "status": status, "detail": "the api's words",
                      "code": code, "field": field});
    (StatusCode::from_u16(status).unwrap(), Json(body))
}

fn signed_in(headers: &HeaderMap) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value == "Bearer good")
}

/// The API as far as these tests need it.
fn api(seen: Arc<Mutex<Vec<Voucher>>>) -> Router {
    let session = json!({"token": "good", "expires_at": "2026-12-01T00:00:00Z", "user": me()});
    Router::new()
        .route(
            "/site",
            get(|| async {
                Json(
                    json!({"name": "Cirrus", "registration": "open", "needs_setup": false,
                        "upload_max": 1000, "undo_seconds": 604_800}),
                )
            }),
        )
        .route(
            "/users/me",
            get(|headers: HeaderMap| async move {
                if signed_in(&headers) {
                    Ok(Json(me()))
                } else {
                    Err(problem(401, "sign-in", None))
                }
            }),
        )
        .route(
            "/users",
            post(|| async { problem(409, "name.taken", Some("name")) }),
        )
        .route(
            "/sessions",
            post(|Json(form): Json<Value>| async move {
                if form["password"] == "right" {
                    Ok((StatusCode::CREATED, Json(session)))
                } else {
                    Err(problem(401, "sign-in.wrong", None))
                }
            }),
        )
        .route(
            "/sessions/current",
            delete(|| async { StatusCode::NO_CONTENT }),
        )
        .route(
            "/videos",
            get(|request: Request| async move {
                seen.lock()
                    .unwrap()
                    .push(request.extensions().get::<Voucher>().unwrap().clone());
                Json(json!({"items": [video("ready")], "next": "c+1"}))
            }),
        )
        .route(
            &format!("/videos/{ID}"),
            get(|| async { Json(video("processing")) })
                .patch(|| async { problem(422, "field.length", Some("title")) }),
        )
        .route(
            &format!("/videos/{ID}/comments"),
            get(|| async { Json(json!({"items": []})) }).post(|headers: HeaderMap| async move {
                if signed_in(&headers) {
                    problem(422, "field.length", Some("text"))
                } else {
                    problem(401, "sign-in", None)
                }
            }),
        )
        .fallback(|| async { problem(404, "not-found", None) })
}

struct Site {
    pages: Router,
    vouchers: Arc<Mutex<Vec<Voucher>>>,
}

fn site(origin: Option<&'static str>) -> Site {
    let vouchers = Arc::default();
    let router = Router::new().nest("/api/v1", api(Arc::clone(&vouchers)));
    let service = service_fn(move |request: http::Request<virga_client::Body>| {
        let router = router.clone();
        async move {
            let answer = router.oneshot(request.map(Body::new)).await?;
            Ok::<_, Infallible>(answer.map(|body| body.map_err(TransportError::new).boxed_unsync()))
        }
    });
    Site {
        pages: pages(
            ApiClient::in_process(BoxCloneSyncService::new(service)),
            origin,
        ),
        vouchers,
    }
}

fn pages(api: ApiClient, origin: Option<&'static str>) -> Router {
    let origin = SiteOrigin(origin.map(|text| text.parse().unwrap()));
    let (clock, entropy) = (Arc::new(FakeClock::new()), Arc::new(OsEntropy));
    let state = WebState::new(api, origin, clock, entropy, WebConfig::default());
    virga_web::router(state)
}

async fn send(
    pages: &Router,
    request: http::request::Builder,
    body: &str,
) -> (Response<()>, String) {
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    request
        .extensions_mut()
        .insert(ClientIp("203.0.113.7".parse().unwrap()));
    request.extensions_mut().insert(RequestId("r-42".into()));
    let (head, body) = pages.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (
        Response::from_parts(head, ()),
        String::from_utf8(bytes.to_vec()).unwrap(),
    )
}

async fn get_page(site: &Site, path: &str, cookie: &str) -> (Response<()>, String) {
    let request = Request::get(path).header(header::COOKIE, cookie);
    send(&site.pages, request, "").await
}

async fn post_form(site: &Site, path: &str, cookie: &str, form: &str) -> (Response<()>, String) {
    let request = Request::post(path)
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    send(&site.pages, request, form).await
}

fn text<'a>(answer: &'a Response<()>, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_policy_names_the_very_nonce_of_the_page_and_each_page_has_its_own() {
    let site = site(None);
    let (answer, html) = get_page(&site, "/", "").await;
    assert_eq!(answer.status(), 200);
    let policy = text(&answer, "content-security-policy");
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert!(
        nonce.len() >= 20
            && policy.contains("'strict-dynamic'")
            && policy.contains("default-src 'none'")
    );
    for tag in html.split("<script").skip(1) {
        assert!(tag.contains(&format!("nonce=\"{nonce}\"")));
    }
    let (again, _) = get_page(&site, "/", "").await;
    assert_ne!(text(&again, "content-security-policy"), policy);
    assert_eq!(text(&answer, "x-content-type-options"), "nosniff");
    assert_eq!(text(&answer, "cache-control"), "private, no-cache");
    assert!(html.contains("A &#60;b&#62; title") && html.contains("cursor=c%2B1"));
    let voucher = site.vouchers.lock().unwrap()[0].clone();
    assert_eq!(voucher.address.to_string(), "203.0.113.7");
    assert_eq!(voucher.request_id, "r-42");
}

#[tokio::test]
async fn a_page_of_someone_signed_in_is_never_stored() {
    let site = site(None);
    let (answer, html) = get_page(&site, "/", "virga=good").await;
    assert_eq!(text(&answer, "cache-control"), "no-store");
    assert!(html.contains("/my/videos"));
    // A session that ended: the same page as for anyone.
    let (answer, html) = get_page(&site, "/", "virga=old").await;
    assert_eq!(answer.status(), 200);
    assert!(!html.contains("/my/videos"));
}

#[tokio::test]
async fn signing_in_sets_the_cookie_of_the_scheme_and_leads_back_only_into_the_site() {
    for (origin, cookie) in [
        (None, "virga=good; Path=/; HttpOnly; SameSite=Lax"),
        (
            Some("https://v.example"),
            "__Host-virga=good; Path=/; HttpOnly; SameSite=Lax",
        ),
    ] {
        let site = site(origin);
        for (next, leads) in [
            ("%2Fupload", "/upload"),
            ("%2F%2Fevil", "/"),
            ("%2F%5Cevil", "/"),
            ("https%3A%2F%2Fevil", "/"),
        ] {
            let form = format!("name=ada&password=right&next={next}");
            let (answer, _) = post_form(&site, "/sign-in", "", &form).await;
            assert_eq!(answer.status(), 303);
            assert_eq!(text(&answer, "location"), leads);
            let set = text(&answer, "set-cookie");
            assert!(set.starts_with(cookie), "{set}");
            assert_eq!(set.ends_with("; Secure"), origin.is_some());
        }
    }
}

#[tokio::test]
async fn what_only_https_can_promise_is_promised_only_there() {
    for (origin, promised) in [(None, false), (Some("https://v.example"), true)] {
        let (answer, _) = get_page(&site(origin), "/sign-in", "").await;
        for name in ["strict-transport-security", "cross-origin-opener-policy"] {
            assert_eq!(answer.headers().contains_key(name), promised, "{name}");
        }
    }
}

#[tokio::test]
async fn a_refused_form_comes_back_with_its_text_and_the_message_at_its_field() {
    let site = site(None);
    let (answer, html) = post_form(&site, "/sign-in", "", "name=a%22b&password=no").await;
    assert_eq!(answer.status(), 401);
    assert!(html.contains("value=\"a&#34;b\"") && html.contains("Wrong username or password"));
    assert!(!html.contains("value=\"no\""));
    let (answer, html) = post_form(
        &site,
        "/sign-up",
        "lang=zh-CN",
        "name=ada&password=12345678",
    )
    .await;
    assert_eq!(answer.status(), 409);
    let field = html
        .split("id=\"name\"")
        .nth(1)
        .unwrap()
        .split('>')
        .next()
        .unwrap();
    assert!(field.contains("aria-invalid=\"true\"") && field.contains("name-error"));
    assert!(html.contains("<html lang=\"zh-CN\"") && html.contains("用户名已被占用"));
    let path = format!("/v/{ID}/comments");
    let (answer, html) = post_form(&site, &path, "virga=good", "text=my+words").await;
    assert_eq!(answer.status(), 422);
    assert!(html.contains(">my words</textarea>"));
    let path = format!("/v/{ID}/edit");
    let (_, html) = post_form(
        &site,
        &path,
        "virga=good",
        "title=T2&description=D2&visibility=private",
    )
    .await;
    assert!(html.contains("value=\"T2\"") && html.contains(">D2</textarea>"));
}

#[tokio::test]
async fn what_needs_an_account_leads_to_sign_in_and_back() {
    let site = site(None);
    for path in ["/upload", "/my/videos?cursor=x", "/settings"] {
        let (answer, _) = get_page(&site, path, "virga=old").await;
        assert_eq!(answer.status(), 303);
        assert!(
            text(&answer, "location").starts_with("/sign-in?next=/"),
            "{path}"
        );
    }
    let (answer, _) = post_form(&site, &format!("/v/{ID}/comments"), "", "text=x").await;
    assert_eq!(text(&answer, "location"), "/sign-in");
    let (answer, _) = post_form(&site, "/sign-out", "virga=good", "").await;
    assert!(text(&answer, "set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn a_processing_video_has_a_stage_where_the_player_will_be() {
    let site = site(None);
    let (answer, html) = get_page(&site, &format!("/v/{ID}"), "").await;
    assert_eq!(answer.status(), 200);
    assert!(html.contains("data-state=\"processing\"") && html.contains("data-unfinished"));
    assert!(html.contains("noindex"));
}

#[tokio::test]
async fn wrong_addresses_and_bodies_are_answered_with_pages() {
    let site = site(None);
    for path in [
        "/nothing",
        "/v/short",
        "/v/..%2f..%2fetc",
        "/v/00000000000",
        "/u/nobody",
        "/assets/../x",
    ] {
        let (answer, html) = get_page(&site, path, "").await;
        assert_eq!(answer.status(), 404, "{path}");
        assert!(
            path.starts_with("/assets") || html.contains("Page not found"),
            "{path}"
        );
    }
    let (answer, html) = post_form(&site, "/sign-in", "", &"x".repeat(300_000)).await;
    assert_eq!(answer.status(), 413);
    assert!(html.contains("r-42"));
    let (answer, _) = post_form(&site, "/sign-in", "", "name=%ff%fe").await;
    assert!(answer.status().is_client_error());
}

#[tokio::test]
async fn a_page_stays_calm_when_the_api_is_down() {
    // As a balancer answers for a role that is not there.
    let broken = service_fn(|_: http::Request<virga_client::Body>| async {
        let body = http_body_util::Full::from("<h1>502</h1>")
            .map_err(|never: Infallible| match never {})
            .boxed_unsync();
        let mut answer = Response::new(body);
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        Ok::<_, Infallible>(answer)
    });
    let pages = pages(
        ApiClient::in_process(BoxCloneSyncService::new(broken)),
        None,
    );
    let request = Request::get("/").header(header::ACCEPT_LANGUAGE, "zh");
    let (answer, html) = send(&pages, request, "").await;
    assert_eq!(answer.status(), 503);
    assert!(
        html.contains("请稍候") && html.contains("r-42") && html.contains("http-equiv=\"refresh\"")
    );
}

#[tokio::test]
async fn assets_are_kept_for_ever_and_sent_packed_where_that_is_taken() {
    let site = site(None);
    let (_, html) = get_page(&site, "/", "").await;
    let sheet = html
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let (answer, css) = send(&site.pages, Request::get(sheet), "").await;
    assert_eq!(answer.status(), 200);
    assert!(text(&answer, "cache-control").contains("immutable") && css.contains("--accent"));
    assert_eq!(text(&answer, "content-type"), "text/css; charset=utf-8");
    let (answer, _) = send(&site.pages, Request::get("/favicon.ico"), "").await;
    assert_eq!(text(&answer, "content-type"), "image/svg+xml");
}

#[tokio::test]
async fn the_language_is_kept_in_a_cookie() {
    let site = site(None);
    let (answer, _) = post_form(&site, "/language", "", "lang=zh-CN&next=%2Fsettings").await;
    assert_eq!(text(&answer, "location"), "/settings");
    assert!(text(&answer, "set-cookie").starts_with("lang=zh-CN;"));
    let (answer, _) = post_form(&site, "/language", "", "lang=xx%3Bx&next=%2F%2Fe").await;
    assert_eq!(
        (text(&answer, "location"), text(&answer, "set-cookie")),
        ("/", "")
    );
}

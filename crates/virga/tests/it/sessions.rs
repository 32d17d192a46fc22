//! Sessions and sign-in: what is presented is never adopted, what ends is ended, and the time of an
//! answer tells nothing.

use futures_util::future::join_all;
use reqwest::{Method, header};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use virga_core::{Clock, SystemClock, UserId};
use virga_db::{Db, accounts};
use virga_testkit::{Answer, Person, Site};

use crate::VIRGA;

fn credentials(name: &str) -> Value {
    json!({"name": name, "password": format!("{name} has a password")})
}

async fn whose(who: &Person) -> Option<String> {
    let me = who.get("/api/v1/users/me").await;
    me.json()["name"].as_str().map(str::to_owned)
}

/// The session that an answer sets as a cookie.
fn cookie(answer: &Answer) -> String {
    let set = answer.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(
        set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"),
        "{set}"
    );
    let value = set.split_once('=').unwrap().1;
    value.split(';').next().unwrap().to_owned()
}

/// Signs in by the page, with a cookie that is there already.
async fn by_page(site: &Site, name: &str, had: &str) -> Answer {
    let request = site
        .stranger()
        .request(Method::POST, "/sign-in")
        .header(header::ORIGIN, site.url())
        .header(header::COOKIE, format!("virga={had}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("name={name}&password={name}+has+a+password"));
    site.stranger().send(request).await.expect(303)
}

#[tokio::test]
async fn sessions_presented_at_sign_in_are_never_adopted() {
    let site = Site::of(VIRGA).start();
    let (ann, eve) = (site.register("ann").await, site.register("eve").await);
    let planted = "ab".repeat(32);
    for had in [planted.as_str(), eve.token(), ann.token(), "", "x"] {
        let bearer = site.stranger().with_token(had);
        let answer = bearer.post("/api/v1/sessions", credentials("ann")).await;
        let by_api = answer.expect(201).json()["token"]
            .as_str()
            .unwrap()
            .to_owned();
        let by_page = cookie(&by_page(&site, "ann", had).await);
        for token in [&by_api, &by_page] {
            assert!(token != had && token.len() == 64, "{token}");
            assert_eq!(whose(&ann.with_token(token)).await.as_deref(), Some("ann"));
        }
        assert_ne!(by_api, by_page);
    }
    assert_eq!(whose(&ann.with_token(&planted)).await, None);
    assert_eq!(
        whose(&eve).await.as_deref(),
        Some("eve"),
        "it stays whose it was"
    );
}

/// A plain cookie may have been planted by a neighbour of the site's name.
#[tokio::test]
async fn sessions_over_https_are_read_off_the_cookie_that_is_bound_to_the_host_alone() {
    let site = Site::of(VIRGA)
        .set("VIRGA_HTTP__PUBLIC_URL", "https://rain.example")
        .start();
    let ann = site.register("ann").await;
    let stranger = site.stranger();
    let ask = |name: &str, path: &str| {
        let cookie = format!("{name}={}", ann.token());
        let request = stranger.request(Method::GET, path);
        stranger.send(request.header(header::COOKIE, cookie))
    };
    for (name, api, page) in [("__Host-virga", 200, 200), ("virga", 401, 303)] {
        let _ = ask(name, "/api/v1/users/me").await.expect(api);
        let _ = ask(name, "/my/videos").await.expect(page);
    }
}

#[tokio::test]
async fn sessions_of_others_end_when_the_password_changes_or_by_choice() {
    let site = Site::of(VIRGA).start();
    let (ann, eve) = (site.register("ann").await, site.register("eve").await);
    let again =
        |password: Value| async { site.stranger().post("/api/v1/sessions", password).await };
    let mut others = Vec::new();
    for _ in 0..3 {
        let token = again(credentials("ann")).await.expect(201).json()["token"].clone();
        others.push(ann.with_token(token.as_str().unwrap()));
    }
    let change = json!({"current": "ann has a password", "new": "ann has another one"});
    let wrong = json!({"current": "a wrong password", "new": "ann has another one"});
    assert_eq!(
        ann.put_json("/api/v1/users/me/password", wrong)
            .await
            .expect(422)
            .code(),
        "password.wrong"
    );
    assert_eq!(
        whose(&others[0]).await.as_deref(),
        Some("ann"),
        "nothing has changed yet"
    );
    let _ = ann
        .put_json("/api/v1/users/me/password", change)
        .await
        .expect(204);
    for other in &others {
        assert_eq!(whose(other).await, None);
    }
    assert_eq!(whose(&ann).await.as_deref(), Some("ann"));
    assert_eq!(whose(&eve).await.as_deref(), Some("eve"));
    let _ = again(credentials("ann")).await.expect(401);
    let new = json!({"name": "ann", "password": "ann has another one"});
    let other = again(new).await.expect(201).json();
    let other = ann.with_token(other["token"].as_str().unwrap());
    let _ = other.delete("/api/v1/sessions/current").await.expect(204);
    assert_eq!(
        (whose(&other).await, whose(&ann).await.as_deref()),
        (None, Some("ann"))
    );
    let _ = ann.delete("/api/v1/sessions").await.expect(204);
    assert_eq!(whose(&ann).await, None);
}

/// Signs in by the page with a browser of this name; answers the session.
async fn from_device(site: &Site, name: &str, agent: &str) -> String {
    let request = site
        .stranger()
        .request(Method::POST, "/sign-in")
        .header(header::ORIGIN, site.url())
        .header(header::USER_AGENT, agent)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("name={name}&password={name}+has+a+password"));
    cookie(&site.stranger().send(request).await.expect(303))
}

/// Sends a form of the settings page with this session; answers where it leads.
async fn settings_form(site: &Site, session: &str, path: &str, form: String) -> String {
    let request = site
        .stranger()
        .request(Method::POST, path)
        .header(header::ORIGIN, site.url())
        .header(header::COOKIE, format!("virga={session}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form);
    let answer = site.stranger().send(request).await.expect(303);
    answer.headers[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned()
}

async fn settings(site: &Site, session: &str, language: &str) -> String {
    let cookies = format!("virga={session}; lang={language}");
    let request = site.stranger().request(Method::GET, "/settings");
    let answer = site
        .stranger()
        .send(request.header(header::COOKIE, cookies))
        .await;
    answer.expect(200).text()
}

/// The ids that the page's buttons name.
fn listed(page: &str) -> Vec<String> {
    let buttons = page.split("name=\"id\" value=\"").skip(1);
    buttons
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn sessions_are_listed_in_the_settings_and_end_there_one_by_one_or_all_others() {
    let site = Site::of(VIRGA).start();
    let (ann, eve) = (site.register("ann").await, site.register("eve").await);
    let desk = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
    let here = from_device(&site, "ann", desk).await;
    let away = from_device(&site, "ann", phone).await;
    let eves = from_device(&site, "eve", phone).await;
    let who = |session: &str| {
        let person = ann.with_token(session);
        async move { whose(&person).await }
    };

    let page = settings(&site, &here, "en").await;
    for text in ["Firefox on Linux", "Safari on iPhone"] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("This device").count(), 1);
    assert!(
        settings(&site, &here, "zh-CN")
            .await
            .contains("iPhone 上的 Safari"),
        "in the viewer's language"
    );
    // The session of the registration and the phone, but not this one.
    let all: Vec<Value> = ann
        .get("/api/v1/sessions")
        .await
        .json()
        .as_array()
        .unwrap()
        .clone();
    assert_eq!((all.len(), listed(&page).len()), (3, 2));
    let named = all.iter().find(|it| it["device"] == phone).unwrap();
    let phones = named["id"].as_str().unwrap().to_owned();
    assert!(listed(&page).contains(&phones));

    // Somebody else's form ends nothing of ann's.
    let end = |by: String, id: String| {
        let site = &site;
        async move { settings_form(site, &by, "/settings/sessions/end", format!("id={id}")).await }
    };
    let _ = end(eves.clone(), phones.clone()).await;
    assert_eq!(who(&away).await.as_deref(), Some("ann"));
    let leads = end(here.clone(), phones.clone()).await;
    assert_eq!(leads, "/settings?saved=session");
    assert_eq!(who(&away).await, None, "its cookie is worth nothing");
    let refused = ann.with_token(&away).get("/api/v1/users/me").await;
    assert_eq!(refused.expect(401).code(), "sign-in");
    // Pressed twice.
    assert_eq!(end(here.clone(), phones).await, "/settings?saved=session");

    let second = from_device(&site, "ann", phone).await;
    let path = "/settings/sessions/end-others";
    let leads = settings_form(&site, &here, path, String::new()).await;
    assert_eq!(leads, "/settings?saved=sessions");
    assert_eq!((who(&second).await, whose(&ann).await), (None, None));
    assert_eq!(who(&here).await.as_deref(), Some("ann"));
    assert_eq!(whose(&eve).await.as_deref(), Some("eve"));
    let page = settings(&site, &here, "en").await;
    assert!(listed(&page).is_empty() && !page.contains("Sign out all other devices"));

    // This session's own id ends this visit.
    let own = ann.with_token(&here).get("/api/v1/sessions").await.json();
    let own = own[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(end(here.clone(), own).await, "/sign-in");
    assert_eq!(who(&here).await, None);
}

#[tokio::test]
async fn sessions_end_unused_after_a_fortnight_and_in_any_case_at_their_end() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let me = ann.get("/api/v1/users/me").await.json();
    let user: UserId = me["id"].as_str().unwrap().parse().unwrap();
    let session = site
        .stranger()
        .post("/api/v1/sessions", credentials("ann"))
        .await;
    let ends = session.expect(201).json()["expires_at"]
        .as_str()
        .unwrap()
        .to_owned();
    let db = Db::open_sqlite(&site.data().join("virga.sqlite"))
        .await
        .unwrap();
    let (now, minute) = (SystemClock.now(), Duration::from_secs(60));
    let day = 24 * 60 * minute;
    // Sessions as they would lie there had the time passed: last used, ended, still good.
    for (token, seen, end, good) in [
        ("1", now.minus(14 * day).plus(minute), now.plus(day), true),
        ("2", now.minus(14 * day).minus(minute), now.plus(day), false),
        ("3", now, now.plus(minute), true),
        ("4", now, now.minus(Duration::from_secs(1)), false),
        ("5", now.minus(30 * day), now.plus(day), false),
    ] {
        let hash = virga_app::hash_token(token);
        let new = accounts::NewSession {
            token_hash: &hash,
            user,
            device: "",
            network: "",
            expires: end,
        };
        let tx = db.begin().await.unwrap();
        accounts::start_session(&tx, &new, seen, 50).await.unwrap();
        tx.commit().await.unwrap();
        let name = whose(&ann.with_token(token)).await;
        assert_eq!(name.is_some(), good, "session {token}");
        // Using it prolongs what idleness ends, so that the second try is no other.
        assert_eq!(
            whose(&ann.with_token(token)).await.is_some(),
            good,
            "session {token}"
        );
    }
    assert!(ends.as_str() > json!(now.plus(29 * day)).as_str().unwrap());
    assert!(ends.as_str() < json!(now.plus(31 * day)).as_str().unwrap());
}

/// Mann-Whitney: how likely samples that differ this much are, were both of one kind. By the normal
/// approximation, which holds from some twenty samples on.
fn mann_whitney(first: &[f64], second: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = first.iter().map(|it| (*it, true)).collect();
    all.extend(second.iter().map(|it| (*it, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ranks = (1..).zip(&all).filter(|(_, sample)| sample.1);
    let sum: f64 = ranks.map(|(rank, _)| f64::from(rank)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
    let (n, m) = (first.len() as f64, second.len() as f64);
    let u = sum - n * (n + 1.0) / 2.0;
    let z = (u - n * m / 2.0).abs() / (n * m * (n + m + 1.0) / 12.0).sqrt();
    two_sided(z)
}

/// Both tails of the normal distribution beyond `z`, by Abramowitz and Stegun 7.1.26.
fn two_sided(z: f64) -> f64 {
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [
        0.254_829_592,
        -0.284_496_736,
        1.421_413_741,
        -1.453_152_027,
        1.061_405_429,
    ];
    let polynomial = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    polynomial * (-x * x).exp()
}

#[test]
fn sessions_the_measure_of_times_tells_kinds_apart() {
    assert!((two_sided(1.96) - 0.05).abs() < 0.001 && (two_sided(0.0) - 1.0).abs() < 1e-6);
    let even: Vec<f64> = (0..200).map(|n| f64::from(n * 7919 % 1000)).collect();
    let odd: Vec<f64> = (0..200)
        .map(|n| f64::from((n * 7919 + 499) % 1000))
        .collect();
    assert!(mann_whitney(&even, &odd) > 0.05);
    let later: Vec<f64> = even.iter().map(|it| it + 200.0).collect();
    assert!(mann_whitney(&even, &later) < 0.001);
}

/// Milliseconds until a wrong password is refused.
async fn refused_after(who: &Person, name: &str) -> f64 {
    let ask = json!({"name": name, "password": "a wrong one"});
    let begun = Instant::now();
    let _ = who.post("/api/v1/sessions", ask).await.expect(401);
    begun.elapsed().as_secs_f64() * 1000.0
}

#[tokio::test]
async fn sessions_refusals_take_as_long_for_known_names_as_for_unknown_ones() {
    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_PER_NAME", "100000")
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "100000")
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_BY_STRANGERS", "100000")
        .start();
    let _ = site.register("ann").await;
    let stranger = site.stranger();
    let mut likely = Vec::new();
    // One retry: of honest samples one in a hundred differs as much.
    for _ in 0..2 {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for n in 0..200 {
            // Who is first changes, so that no rhythm of the machine meets one kind only.
            if n % 2 == 0 {
                known.push(refused_after(&stranger, "ann").await);
                unknown.push(refused_after(&stranger, "bob").await);
            } else {
                unknown.push(refused_after(&stranger, "bob").await);
                known.push(refused_after(&stranger, "ann").await);
            }
        }
        likely.push(mann_whitney(&known, &unknown));
        if likely.last().is_some_and(|p| *p > 0.01) {
            return;
        }
    }
    panic!("known and unknown names are told apart by time: p = {likely:?}");
}

#[tokio::test]
async fn sessions_a_flood_of_wrong_passwords_does_not_shut_sign_in() {
    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_PER_NAME", "1000")
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "1000")
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_BY_STRANGERS", "10000")
        .start();
    let ann = site.register("ann").await;
    let wrong = json!({ "name": "ann", "password": "not this one" });
    let people: Vec<Person> = (100..110)
        .map(|n| Person::at(site.url(), Some([127, 0, 0, n].into())))
        .collect();
    let tries = people.iter().cycle().take(1500);
    let flood = join_all(tries.map(|who| who.post("/api/v1/sessions", wrong.clone())));
    let visitor = async {
        // The queue is full from the first refusal on.
        let full = || site.output().contains("status=503");
        let begun = Instant::now();
        while !full() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "nobody is refused"
            );
            let _ = timeout(Duration::from_millis(20), std::future::pending::<()>()).await;
        }
        let begun = Instant::now();
        let answer = ann.post("/api/v1/sessions", credentials("ann")).await;
        (answer, begun.elapsed())
    };
    let (answers, (answer, took)) = tokio::join!(flood, visitor);
    let _ = answer.expect(201);
    assert!(took < Duration::from_secs(15), "{took:?}");
    for answer in answers {
        if answer.status == 503 {
            assert_eq!(answer.code(), "sign-in.busy");
            assert!(answer.headers.contains_key("retry-after"));
        } else {
            assert_eq!(answer.status, 401, "{}", answer.text());
        }
    }
}

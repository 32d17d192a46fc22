//! The access matrix: visibility by viewer, over every address that leads to a byte of a video or to
//! a hint that it is there. The addresses come from the OpenAPI document, from the `.route("…"` lines
//! of the routers and from a walk through a playlist: a route without a line here fails the test.

use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use virga_testkit::{Answer, Clip, Person, Site};

use crate::{VIRGA, admin::administrator};

mod cells;

use cells::{CELLS, MARKS, NO_VIDEO};

const TITLE: &str = "Quetzalcoatlus";
const MISSING: &str = "00000000000";
const VISIBILITIES: [&str; 4] = ["public", "unlisted", "private", "deleted"];
const VIEWERS: [&str; 4] = ["owner", "other", "stranger", "admin"];

/// A method and a route, what is appended or sent, and the right answers: for each of
/// [`VISIBILITIES`] a word for each of [`VIEWERS`]. `+`: the answer names the video, `-`: it does
/// not, `.`: not asked, because it would change the video under test.
struct Cell(&'static str, &'static str, &'static str, [&'static str; 4]);

/// The lines of [`CELLS`], in pairs.
fn cells() -> Vec<Cell> {
    let lines = CELLS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<Vec<&str>> = lines
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    lines
        .chunks(2)
        .map(|pair| match (pair[0].as_slice(), pair[1].as_slice()) {
            ([route, query, body], [public, unlisted, private, deleted]) => {
                Cell(route, query, body, [public, unlisted, private, deleted])
            }
            other => panic!("no line of the matrix: {other:?}"),
        })
        .collect()
}

/// `METHOD template` of every operation of the OpenAPI document.
fn documented(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

/// `METHOD template` of every `.route("…"` in the source files beneath `folder`.
fn routed(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in sources(&crates().join(folder)) {
        let text = fs::read_to_string(&file).unwrap();
        for rest in text.split(".route(").skip(1) {
            let Some((_, rest)) = rest.split_once('"') else {
                continue;
            };
            let (template, rest) = rest.split_once('"').unwrap();
            let call = arguments(rest);
            for method in ["get", "post", "put", "patch", "delete"] {
                let starts = |at: usize| {
                    !call[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c))
                };
                let named = format!("{method}(");
                if call.match_indices(&named).any(|(at, _)| starts(at)) {
                    found.insert(format!("{} {template}", method.to_uppercase()));
                }
            }
        }
    }
    found
}

/// Up to the parenthesis that closes the call.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    for (at, sign) in text.char_indices() {
        match sign {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The last components of media addresses, as `paths/media.rs` lists them.
fn media_kinds() -> BTreeSet<String> {
    let text = fs::read_to_string(crates().join("virga-core/src/paths/media.rs")).unwrap();
    let enums = text.split("enum ").skip(1);
    let numbers = [("{n}", "0"), ("{from}", "0"), ("{to}", "1000")];
    let numbered = |path: &str| {
        let filled = numbers.iter();
        filled.fold(path.to_owned(), |path, (name, number)| {
            path.replace(name, number)
        })
    };
    let bodies = enums.map(|it| it.split("\n}").next().unwrap());
    bodies
        .flat_map(str::lines)
        .filter_map(|line| line.trim().strip_prefix("/// `")?.split('`').next())
        .map(|path| kind_of(&numbered(path)))
        .collect()
}

/// The file of a media address; segments as one.
fn kind_of(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap();
    name.strip_suffix(".m4s")
        .map_or(name, |_| "n.m4s")
        .to_owned()
}

/// What the templates stand for.
struct Fixture {
    site: Site,
    viewers: [Person; 4],
    video: String,
    comment: String,
    /// Of a draft of the owner's.
    upload: String,
    draft: String,
}

impl Fixture {
    async fn new() -> Self {
        let site = Site::of(VIRGA).start();
        let root = administrator(&site).await;
        let (ann, eve) = (site.register("ann").await, site.register("eve").await);
        // Long enough for a storyboard.
        let bytes = Clip::default().seconds(5.0).subtitles("Rain").bytes();
        let video = ann.upload(TITLE, "public", &bytes).await;
        ann.wait_for(&video, &["ready"]).await;
        let path = format!("/api/v1/videos/{video}/comments");
        let text = json!({"text": format!("about {TITLE}")});
        let comment = ann.post(&path, text).await.expect(201).json();
        let draft = ann.draft(TITLE, "public").await;
        let upload = ann.open_upload(&draft, 10).await;
        let viewers = [ann, eve, site.stranger(), root];
        let id = |it: &Value| it["id"].as_str().unwrap().to_owned();
        let (comment, upload) = (id(&comment), id(&upload));
        Self {
            site,
            viewers,
            video,
            comment,
            upload,
            draft,
        }
    }

    fn owner(&self) -> &Person {
        &self.viewers[0]
    }

    /// Puts the video and the draft into one of [`VISIBILITIES`].
    async fn show(&self, visibility: &str) {
        for video in [&self.video, &self.draft] {
            let path = format!("/api/v1/videos/{video}");
            let change = if visibility == "deleted" {
                // What was public: nothing of its openness may last.
                let ask = json!({"visibility": "public"});
                let _ = self.owner().patch(&path, ask).await.expect(200);
                self.owner().delete(&path).await
            } else {
                self.owner()
                    .patch(&path, json!({"visibility": visibility}))
                    .await
            };
            let _ = change.expect(200);
        }
    }

    fn fill(&self, route: &str, query: &str, video: &str) -> String {
        let upload = route.starts_with("/api/v1/uploads/");
        format!("{route}{query}")
            .replace("{id}", if upload { &self.upload } else { video })
            .replace("{video}", video)
            .replace("{upload}", &self.upload)
            .replace("{name}", "ann")
            .replace("{comment}", &self.comment)
            .replace("/up/{*path}", &format!("/up/{}/1", self.upload))
            .replace("{act}", "block")
            .replace("{site}", &self.site.url())
    }

    async fn ask(&self, who: &Person, cell: &Cell, video: &str) -> Answer {
        let (method, route) = cell.0.split_once(' ').unwrap();
        let path = self.fill(route, cell.1, video);
        let method: Method = method.parse().unwrap();
        let mut request = who.request(method.clone(), &path);
        if method != Method::GET && method != Method::DELETE {
            let kind = if route.starts_with("/api/") {
                "application/json"
            } else {
                "application/x-www-form-urlencoded"
            };
            request = request
                .header("content-type", kind)
                .body(cell.2.replace("VIDEO", video));
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        // The event stream does not end; its head says enough.
        let streams = headers
            .get("content-type")
            .is_some_and(|it| it == "text/event-stream");
        let body = if streams {
            Vec::new()
        } else {
            answer.bytes().await.unwrap().to_vec()
        };
        Answer {
            status,
            headers,
            body,
        }
    }

    /// How an answer stands in the table.
    fn word(&self, cell: &Cell, answer: &Answer) -> String {
        let asked = self.fill(cell.0, cell.1, &self.video);
        let text = answer.text();
        let marks = MARKS.iter().filter(|(route, _)| *route == cell.0);
        let named = text.contains(TITLE)
            || (text.contains(&self.video) && !asked.contains(&self.video))
            || marks.into_iter().any(|(_, mark)| text.contains(mark));
        format!(
            "{}{}",
            answer.status.as_u16(),
            if named { '+' } else { '-' }
        )
    }
}

/// An answer without what differs from request to request.
fn bare(answer: &Answer, video: &str) -> String {
    let mut text = answer.text().replace(video, "VIDEO");
    for (before, after) in [
        ("nonce=\"", '"'),
        ("\"request_id\":\"", '"'),
        ("nonce-", '\''),
    ] {
        text = text
            .split(before)
            .enumerate()
            .map(|(n, part)| {
                if n == 0 {
                    part
                } else {
                    part.split_once(after).map_or("", |it| it.1)
                }
            })
            .collect();
    }
    let id = answer
        .headers
        .get("x-request-id")
        .and_then(|id| id.to_str().ok());
    text.replace(id.unwrap_or("none"), "ID")
}

#[tokio::test]
async fn matrix_has_a_line_for_every_route() {
    let site = Site::of(VIRGA).start();
    let document = site
        .stranger()
        .get("/api/v1/openapi.json")
        .await
        .expect(200)
        .json();
    let mut routes = documented(&document);
    assert!(routes.len() > 30, "the document is read: {routes:?}");
    for folder in [
        "virga-web/src",
        "virga-api/src",
        "virga-stream/src",
        "virga/src",
    ] {
        let found = routed(folder);
        assert!(!found.is_empty(), "{folder} has routes");
        routes.extend(found);
    }
    let told: BTreeSet<String> = cells().iter().map(|cell| cell.0.to_owned()).collect();
    let without: BTreeSet<String> = NO_VIDEO.iter().map(|line| line.0.to_owned()).collect();
    let all: BTreeSet<String> = told.union(&without).cloned().collect();
    assert!(told.is_disjoint(&without));
    let missing: Vec<&String> = routes.difference(&all).collect();
    assert!(
        missing.is_empty(),
        "say in matrix/cells.rs what these lead to: {missing:#?}"
    );
    let stale: Vec<&String> = all.difference(&routes).collect();
    assert!(stale.is_empty(), "these are routes no more: {stale:#?}");
}

#[tokio::test]
async fn matrix_every_address_answers_by_visibility_and_viewer() {
    let fixture = Fixture::new().await;
    let mut wrong = Vec::new();
    for (row, visibility) in VISIBILITIES.iter().enumerate() {
        fixture.show(visibility).await;
        for cell in &cells() {
            let words: Vec<&str> = cell.3[row].split(' ').collect();
            assert_eq!(words.len(), VIEWERS.len(), "{}", cell.0);
            for ((who, viewer), right) in VIEWERS.iter().zip(&fixture.viewers).zip(words) {
                if right == "." {
                    continue;
                }
                let answer = fixture.ask(viewer, cell, &fixture.video).await;
                let word = fixture.word(cell, &answer);
                if word != right {
                    let place = format!("{} {} {visibility} {who}", cell.0, cell.1);
                    wrong.push(format!("{place}: {word}, not {right}"));
                }
                // What is hidden reads as what never was.
                if right == "404-" && cell.0.contains("{id}") && !cell.0.contains("/uploads/") {
                    let never = fixture.ask(viewer, cell, MISSING).await;
                    let (hidden, never) = (bare(&answer, &fixture.video), bare(&never, MISSING));
                    if hidden != never {
                        let differs = hidden.split('\n').find(|line| !never.contains(*line));
                        wrong.push(format!("{} {visibility} {who}: {differs:?}", cell.0));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn matrix_every_byte_of_the_media_answers_by_visibility_and_viewer() {
    let fixture = Fixture::new().await;
    let (owner, video) = (fixture.owner(), &fixture.video);
    // Those that a player was given last, grants and all.
    let mut given = Vec::new();
    for visibility in VISIBILITIES {
        let before = given.clone();
        fixture.show(visibility).await;
        if visibility != "deleted" {
            given = addresses(owner, video).await;
        }
        let plain: BTreeSet<String> = given.iter().map(|url| without_grant(url)).collect();
        let kinds: BTreeSet<String> = plain.iter().map(|url| kind_of(url)).collect();
        assert_eq!(
            kinds,
            media_kinds(),
            "the walk passes every kind of address"
        );
        let mut right: BTreeMap<&String, u16> = BTreeMap::new();
        let public = visibility == "public";
        for url in &plain {
            right.insert(url, if public { 200 } else { 404 });
        }
        if visibility != "deleted" {
            // A grant names no viewer: whoever was given the address may play it.
            right.extend(given.iter().map(|url| (url, 200)));
        }
        // What was given before the visibility changed opens nothing that is not public.
        for url in before.iter().filter(|url| url.contains("/g/")) {
            if !public && !given.contains(url) {
                right.insert(url, 403);
            }
        }
        for (who, viewer) in VIEWERS.iter().zip(&fixture.viewers) {
            for (url, right) in &right {
                let status = viewer.get(url).await.status.as_u16();
                assert_eq!(status, *right, "{visibility} {who} {url}");
            }
        }
    }
}

/// Every address that a player comes to, as its owner is given them.
async fn addresses(owner: &Person, video: &str) -> Vec<String> {
    let playback = owner.playback(video).await;
    let main = playback["hls"].as_str().unwrap();
    let mut found = owner.media_urls(main).await;
    // What players come to where media goes by a bucket, and where a track was growing when they began.
    let lists = found.iter().filter(|url| url.ends_with("/index.m3u8"));
    let tracks: Vec<String> = lists
        .flat_map(|it| ["track.mp4", "event.m3u8"].map(|name| it.replace("index.m3u8", name)))
        .collect();
    found.extend(tracks);
    found.push(main.replace("main.m3u8", "urls.json"));
    for name in ["dash", "poster", "fallback", "storyboard"] {
        found.push(playback[name].as_str().unwrap().to_owned());
    }
    for name in ["storyboard-0.jpg", "clip-0-1000.mp4"] {
        found.push(main.replace("main.m3u8", name));
    }
    found
}

/// What someone would try who knows the id only.
fn without_grant(url: &str) -> String {
    match url.strip_prefix("/media/g/") {
        Some(rest) => format!("/media/{}", rest.split_once('/').unwrap().1),
        None => url.to_owned(),
    }
}

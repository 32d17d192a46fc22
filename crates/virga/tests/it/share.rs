//! What leaves the site: tags, oEmbed, the embedded player, feeds, the sitemap; and that nothing
//! private is in any of them.

use reqwest::{Method, header};
use serde_json::{Value, json};
use virga_testkit::{Answer, Clip, Person, Site};

use crate::VIRGA;

const TITLE: &str = "Rain & <b>\"wind\"</b> 'n' 云";

/// A site with one ready video of ann's.
async fn rainy() -> (Site, Person, String) {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.upload(TITLE, "public", &Clip::default().bytes()).await;
    ann.wait_for(&video, &["ready"]).await;
    (site, ann, video)
}

async fn show_to(ann: &Person, video: &str, visibility: &str) {
    let path = format!("/api/v1/videos/{video}");
    let ask = json!({"visibility": visibility});
    let _ = ann.patch(&path, ask).await.expect(200);
}

/// As the owner's own browser asks, from a page of another site.
async fn with_cookie(who: &Person, base: &str, path: &str) -> Answer {
    let request = Person::new(base)
        .request(Method::GET, path)
        .header(header::COOKIE, format!("virga={}", who.token()));
    who.send(request).await
}

fn oembed_path(site: &Site, video: &str) -> String {
    format!("/oembed?url={}/v/{video}&format=json", site.url())
}

fn text<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers[name].to_str().unwrap()
}

/// The document, parsed: a feed that is no XML fails here.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    document
        .descendants()
        .filter(|it| it.tag_name().name() == name)
        .map(|it| it.text().unwrap_or_default().to_owned())
        .collect()
}

/// The page's JSON-LD, whose title cannot end its script.
async fn linked_data_names_the_film(nobody: &Person, page: &str, embed: &str) {
    let data = page.split("<script type=\"application/ld+json\">").nth(1);
    let data = data.and_then(|rest| rest.split("</script>").next());
    let data = data.expect("JSON-LD");
    assert!(!data.contains('<'), "{data}");
    let told: Value = serde_json::from_str(data).unwrap();
    assert_eq!(
        (&told["@type"], &told["name"], &told["embedUrl"]),
        (&json!("VideoObject"), &json!(TITLE), &json!(embed))
    );
    assert!(told["duration"].as_str().unwrap().starts_with("PT2."));
    let film = nobody.get(told["contentUrl"].as_str().unwrap()).await;
    assert!(film.expect(200).text().starts_with("#EXTM3U"));
}

#[tokio::test]
async fn a_public_video_is_told_to_programs_in_full() {
    let (site, _, video) = rainy().await;
    let (nobody, url) = (site.stranger(), format!("{}/v/{video}", site.url()));
    let page = nobody.get(&format!("/v/{video}")).await.expect(200).text();
    let embed = format!("{}/embed/{video}", site.url());
    for tag in [
        format!("<meta property=\"og:url\" content=\"{url}\">"),
        format!("<meta property=\"og:video:url\" content=\"{embed}\">"),
        format!(
            "<meta property=\"og:image\" content=\"{}/media/{video}/poster.jpg\">",
            site.url()
        ),
        format!(
            "<meta property=\"og:video\" content=\"{}/media/{video}/fallback.mp4\">",
            site.url()
        ),
        "<meta name=\"twitter:card\" content=\"summary_large_image\">".to_owned(),
        "type=\"application/json+oembed\"".to_owned(),
    ] {
        assert!(page.contains(&tag), "{tag} in {page}");
    }
    linked_data_names_the_film(&nobody, &page, &embed).await;
    let link = page
        .split("application/json+oembed\" href=\"")
        .nth(1)
        .unwrap();
    let link = link.split('"').next().unwrap().replace("&#38;", "&");
    let told = nobody.get(&link).await.expect(200).json();
    assert_eq!(
        (
            &told["type"],
            &told["version"],
            &told["title"],
            &told["author_name"]
        ),
        (&json!("video"), &json!("1.0"), &json!(TITLE), &json!("ann"))
    );
    assert_eq!(
        (&told["width"], &told["height"]),
        (&json!(640), &json!(360))
    );
    assert_eq!(
        (&told["thumbnail_width"], &told["thumbnail_height"]),
        (&json!(320), &json!(180))
    );
    let image = nobody.get(told["thumbnail_url"].as_str().unwrap()).await;
    assert_eq!(text(&image.expect(200), "content-type"), "image/jpeg");
    let code = told["html"].as_str().unwrap();
    assert!(code.starts_with(&format!("<iframe src=\"{embed}\"")) && !code.contains("<b>"));
    let small = nobody
        .get(&format!("{link}&maxwidth=160"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&small["width"], &small["height"]),
        (&json!(160), &json!(90))
    );
    assert!(
        small["thumbnail_url"].is_null(),
        "larger than was asked for"
    );
    for (query, status) in [
        (format!("url={url}&format=xml"), 501),
        (
            "url=https://elsewhere.example/v/00000000000".to_owned(),
            404,
        ),
        (String::new(), 404),
        (format!("url={}/v/00000000000", site.url()), 404),
    ] {
        assert_eq!(
            nobody.get(&format!("/oembed?{query}")).await.status,
            status,
            "{query}"
        );
    }
}

/// What a page, or a code to embed, says is its address in this tag.
fn content<'a>(page: &'a str, before: &str) -> &'a str {
    let rest = page.split(before).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("{before} in {page}"));
    rest.split('"').next().unwrap()
}

#[tokio::test]
async fn a_clip_is_kept_in_all_that_is_told_of_it() {
    let (site, _, video) = rainy().await;
    let (nobody, base) = (site.stranger(), site.url());
    let path = format!("/v/{video}?from=0:00.5&to=1.5s");
    let page = nobody.get(&path).await.expect(200).text();
    let clip = "from=0.5&#38;to=1.5";
    for (tag, told) in [
        ("\"og:url\" content=\"", format!("{base}/v/{video}?{clip}")),
        (
            "\"og:video:url\" content=\"",
            format!("{base}/embed/{video}?{clip}"),
        ),
        (
            "property=\"og:video\" content=\"",
            format!("{base}/media/{video}/clip-500-1500.mp4"),
        ),
        ("rel=\"canonical\" href=\"", format!("{base}/v/{video}")),
        (
            "id=\"share-link\" value=\"",
            format!("{base}/v/{video}?{clip}"),
        ),
        (
            "<source src=\"",
            format!("/media/{video}/fallback.mp4#t=0.5,1.5"),
        ),
    ] {
        assert_eq!(content(&page, tag), told, "{tag}");
    }
    let file = format!("/media/{video}/clip-500-1500.mp4");
    let file = nobody.get(&file).await.expect(200);
    assert_eq!(text(&file, "content-type"), "video/mp4");
    let link = content(&page, "application/json+oembed\" href=\"").replace("&#38;", "&");
    let told = nobody.get(&link).await.expect(200).json();
    let code = told["html"].as_str().unwrap();
    let src = content(code, "<iframe src=\"").replace("&#38;", "&");
    assert_eq!(src, format!("{base}/embed/{video}?from=0.5&to=1.5"));
    let player = nobody.get(&src).await.expect(200).text();
    assert!(player.contains("fallback.mp4#t=0.5,1.5\""), "{player}");
    let title = content(&player, "class=\"embed-title\"><a href=\"");
    assert_eq!(title, format!("{base}/v/{video}?{clip}"));
}

#[tokio::test]
async fn a_clip_that_cannot_be_is_cut_to_what_there_is_or_left_out() {
    let (site, _, video) = rainy().await;
    let nobody = site.stranger();
    // Its length is two seconds.
    for (asked, told) in [
        ("from=1&to=500", "#t=1"),
        ("from=1.5&to=0.5", "#t=1.5"),
        ("from=1&to=1", "#t=1"),
        ("to=1", "#t=0,1"),
        ("from=x&to=1", "#t=0,1"),
        ("from=1&to=-3", "#t=1"),
        ("from=1&from=0&to=1.5&to=9", "#t=1,1.5"),
        ("from=0%3A01&to=", "#t=1"),
        ("from=%ff%00&to=%zz", ""),
        ("from=500&to=600", ""),
        ("from=99999999999999999999&to=1e9", ""),
        ("from=-1&to=NaN", ""),
        ("from=<script>&to=\"x", ""),
    ] {
        for page in ["v", "embed"] {
            let path = format!("/{page}/{video}?{asked}");
            let text = nobody.get(&path).await.expect(200).text();
            let source = content(&text, "<source src=\"");
            let expected = format!("/media/{video}/fallback.mp4{told}");
            assert_eq!(source, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn the_player_alone_may_stand_in_frames_and_nothing_else_may() {
    let (site, _, video) = rainy().await;
    let nobody = site.stranger();
    let player = nobody
        .get(&format!("/embed/{video}?t=1m3s"))
        .await
        .expect(200);
    let policy = text(&player, "content-security-policy");
    assert!(policy.contains("frame-ancestors *;") && policy.contains("trusted-types 'none'"));
    let page = player.text();
    assert!(page.contains(&format!("data-hls=\"/media/{video}/main.m3u8\"")));
    assert!(page.contains("fallback.mp4#t=63\""), "{page}");
    assert!(page.contains(&format!("href=\"{}/v/{video}\"", site.url())));
    let watch = nobody.get(&format!("/v/{video}")).await.expect(200);
    assert!(text(&watch, "content-security-policy").contains("frame-ancestors 'self';"));
    let card = nobody.get("/embed/00000000000").await.expect(404);
    assert!(text(&card, "content-security-policy").contains("frame-ancestors *;"));
    assert!(card.text().contains("cannot be shown"));

    let own = "https://school.example 'self'";
    let site = Site::of(VIRGA)
        .set("VIRGA_WEB__EMBED_ANCESTORS", own)
        .start();
    let card = site.stranger().get("/embed/x").await.expect(404);
    let policy = text(&card, "content-security-policy");
    assert!(
        policy.contains(&format!("frame-ancestors {own};")),
        "{policy}"
    );
    let bad = Site::of(VIRGA)
        .set("VIRGA_WEB__EMBED_ANCESTORS", "*; script-src *")
        .build();
    let (code, said) = bad.run(&["config", "check"]);
    assert!(code != 0 && said.contains("web.embed_ancestors"), "{said}");
}

/// Scripts of other sites may read public media, and nothing else.
async fn readable_elsewhere(ann: &Person, video: &str, public: bool) {
    let path = format!("/api/v1/videos/{video}/playback");
    let answer = ann.get(&path).await.expect(200);
    let playback = answer.json();
    let allowed = |answer: &Answer| answer.headers.contains_key("access-control-allow-origin");
    assert!(!allowed(&answer), "the API");
    let hls = playback["hls"].as_str().unwrap();
    let urls = hls.replace("main.m3u8", "urls.json");
    let main = ann.get(hls).await.text();
    let list = main.lines().find(|line| line.ends_with("index.m3u8"));
    let list = list.map(|line| hls.replace("main.m3u8", line));
    let init = list.as_ref().map(|it| it.replace("index.m3u8", "0.m4s"));
    let named = ["hls", "poster", "fallback"].map(|key| playback[key].as_str().map(str::to_owned));
    for path in named.into_iter().chain([list, init]).flatten() {
        let answer = ann.get(&path).await;
        assert_eq!(allowed(&answer), public, "{path}");
    }
    for path in [urls, format!("/v/{video}"), format!("/embed/{video}")] {
        assert!(!allowed(&ann.get(&path).await), "{path}");
    }
}

/// Whether an answer speaks of the video.
fn names(answer: &Answer, video: &str) -> bool {
    answer.text().contains(video) || answer.text().contains("wind")
}

#[tokio::test]
async fn nothing_private_and_nothing_unlisted_leaves_the_site_where_it_should_not() {
    let (site, ann, video) = rainy().await;
    let nobody = site.stranger();
    for visibility in ["public", "unlisted", "private"] {
        show_to(&ann, &video, visibility).await;
        readable_elsewhere(&ann, &video, visibility == "public").await;
        let linked = visibility != "private";
        let listed = visibility == "public";
        // The owner's own cookie opens none of these either.
        for (path, open) in [
            (oembed_path(&site, &video), linked),
            (format!("/embed/{video}"), linked),
        ] {
            let answers = [
                nobody.get(&path).await,
                with_cookie(&ann, &site.url(), &path).await,
                ann.get(&path).await,
            ];
            for answer in &answers {
                let status = if open { 200 } else { 404 };
                assert_eq!(answer.status, status, "{visibility} {path}");
                assert_eq!(names(answer, &video), open, "{visibility} {path}");
                // Not even read: pages of someone signed in are kept nowhere.
                let kept = |answer: &Answer| answer.headers.get("cache-control").cloned();
                assert_eq!(kept(answer), kept(&answers[0]), "{visibility} {path}");
            }
        }
        for path in ["/u/ann/feed.xml", "/sitemap.xml", "/api/v1/sitemap"] {
            for answer in [
                nobody.get(path).await,
                with_cookie(&ann, &site.url(), path).await,
            ] {
                let answer = answer.expect(200);
                assert_eq!(names(&answer, &video), listed, "{visibility} {path}");
            }
        }
        let page = ann.get(&format!("/v/{video}")).await.expect(200).text();
        for tag in ["\"og:", "\"twitter:", "json+oembed", "/embed/"] {
            assert_eq!(page.contains(tag), linked, "{visibility} {tag}");
        }
        // Beside another video only what is public stands.
        let other = ann.draft("Another", "public").await;
        let page = ann.get(&format!("/v/{other}")).await.expect(200);
        assert!(
            !page.text().contains("class=\"beside\""),
            "nothing stands beside a draft"
        );
    }
    show_to(&ann, &video, "public").await;
    let _ = ann
        .delete(&format!("/api/v1/videos/{video}"))
        .await
        .expect(200);
    for path in ["/u/ann/feed.xml", "/sitemap.xml"] {
        assert!(
            !names(&nobody.get(path).await.expect(200), &video),
            "{path}"
        );
    }
    for path in [oembed_path(&site, &video), format!("/embed/{video}")] {
        let answer = with_cookie(&ann, &site.url(), &path).await;
        assert!(!names(&answer.expect(404), &video), "{path}");
    }
}

#[tokio::test]
async fn feeds_are_xml_and_carry_the_configured_origin() {
    let site = Site::of(VIRGA)
        .set("VIRGA_HTTP__PUBLIC_URL", "https://rain.example")
        .start();
    let ann = site.register("云-ann").await;
    let video = ann.upload(TITLE, "public", &Clip::default().bytes()).await;
    let path = format!("/api/v1/videos/{video}");
    let words = json!({"description": "1 < 2 & \u{ffff}\nnext"});
    let _ = ann.patch(&path, words).await.expect(200);
    ann.wait_for(&video, &["ready"]).await;
    let nobody = site.stranger();
    let page = nobody.get("/u/%E4%BA%91-ann").await.expect(200).text();
    let at = page.split("type=\"application/rss+xml\"").nth(1).unwrap();
    let at = at
        .split("href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let feed = nobody.get(at).await.expect(200);
    assert_eq!(
        text(&feed, "content-type"),
        "application/rss+xml; charset=utf-8"
    );
    let xml = feed.text();
    let url = format!("https://rain.example/v/{video}");
    assert!(texts(&xml, "title").contains(&TITLE.to_owned()));
    assert!(texts(&xml, "link").contains(&url) && texts(&xml, "guid") == [url.clone()]);
    assert!(texts(&xml, "description").contains(&"1 &lt; 2 &amp; <br>\nnext".to_owned()));
    assert!(texts(&xml, "pubDate")[0].ends_with(" GMT"));
    assert!(
        xml.contains("xmlns:atom") && xml.contains("https://rain.example/u/%E4%BA%91-ann/feed.xml")
    );
    let map = nobody.get("/sitemap.xml").await.expect(200).text();
    assert_eq!(texts(&map, "loc"), std::slice::from_ref(&url));
    let _ = nobody.get("/sitemap.xml?page=1").await.expect(404);
    let robots = nobody.get("/robots.txt").await.expect(200).text();
    assert!(robots.contains("Sitemap: https://rain.example/sitemap.xml"));
    let _ = nobody.get("/u/nobody/feed.xml").await.expect(404);
    // The host that a request claims changes nothing.
    let lied = nobody.request(Method::GET, &format!("/v/{video}"));
    let lied = nobody.send(lied.header(header::HOST, "evil.example")).await;
    assert!(!lied.text().contains("evil.example"));
    assert!(
        lied.text()
            .contains("<meta name=\"twitter:card\" content=\"player\">")
    );
}

#[tokio::test]
async fn beside_a_video_stand_its_owners_others_then_the_newest() {
    let site = Site::of(VIRGA).start();
    let (ann, ben) = (site.register("ann").await, site.register("ben").await);
    let clip = Clip::default().bytes();
    let mut ids = Vec::new();
    for (who, title, visibility) in [
        (&ann, "First", "public"),
        (&ann, "Second", "public"),
        (&ann, "Hidden", "unlisted"),
        (&ben, "Third", "public"),
    ] {
        let video = who.upload(title, visibility, &clip).await;
        who.wait_for(&video, &["playable", "ready"]).await;
        ids.push(video);
    }
    let page = ann.get(&format!("/v/{}", ids[0])).await.expect(200).text();
    let beside = page.split("class=\"beside\"").nth(1).unwrap();
    let beside = beside.split("</aside>").next().unwrap();
    let place = |title: &str| beside.find(&format!("<bdi>{title}</bdi>"));
    assert!(place("Second").unwrap() < place("Third").unwrap());
    assert!(
        place("First").is_none() && place("Hidden").is_none(),
        "{beside}"
    );
    let told: Value = site
        .stranger()
        .get("/api/v1/sitemap")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&told["pages"], told["videos"].as_array().unwrap().len()),
        (&json!(1), 3)
    );
    assert_eq!(told["videos"][0]["id"], json!(ids[0]), "the oldest first");
}

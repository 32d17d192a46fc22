//! An owner rebuilds a video: what was made from its file is made again, by one form.

use reqwest::{Method, header};
use serde_json::Value;
use virga_testkit::{Answer, Clip, Person, Site};

use crate::VIRGA;

/// Presses the button of the edit page.
async fn press(who: &Person, site: &Site, video: &str) -> Answer {
    let request = who
        .request(Method::POST, &format!("/v/{video}/remake"))
        .header(header::ORIGIN, site.url())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    who.send(request).await
}

fn leads(answer: &Answer) -> &str {
    answer.headers[header::LOCATION].to_str().unwrap()
}

async fn edit_page(who: &Person, video: &str) -> String {
    let page = who.get(&format!("/v/{video}/edit")).await;
    page.expect(200).text()
}

async fn segments(who: &Person, video: &str) -> Vec<String> {
    let playback = who.playback(video).await;
    who.media_urls(playback["hls"].as_str().unwrap()).await
}

#[tokio::test]
async fn a_rebuilt_video_plays_from_new_objects_and_one_without_its_file_stays_as_it_is() {
    let site = Site::of(VIRGA).start();
    let (ann, eve) = (site.register("ann").await, site.register("eve").await);
    let draft = ann.draft("Nothing yet", "public").await;
    assert!(!edit_page(&ann, &draft).await.contains("/remake"));
    let refused = press(&ann, &site, &draft).await.expect(409);
    assert!(refused.text().contains("has no uploaded file"));

    let clip = Clip::default().seconds(1.0).bytes();
    let video = ann.upload("Rain", "public", &clip).await;
    let before = ann.wait_for(&video, &["ready"]).await;
    let old = segments(&ann, &video).await;
    assert!(edit_page(&ann, &video).await.contains("Rebuild this video"));

    let _ = press(&eve, &site, &video).await.expect(403);
    let stranger = press(&site.stranger(), &site, &video).await.expect(303);
    assert!(leads(&stranger).starts_with("/sign-in"));
    let done = press(&ann, &site, &video).await.expect(303);
    assert_eq!(leads(&done), "/my/videos?done=remade");
    let list = ann.get(leads(&done)).await.expect(200).text();
    assert!(list.contains("The video is being rebuilt."));
    let after = ann.wait_for(&video, &["ready"]).await;
    let version = |video: &Value| video["presentation_version"].as_u64().unwrap();
    assert!(version(&after) > version(&before));
    for key in ["title", "visibility", "published_at", "views"] {
        assert_eq!(after[key], before[key], "{key}");
    }
    let new = segments(&ann, &video).await;
    let is_segment = |url: &&String| url.split('.').next_back() == Some("m4s");
    assert!(new.iter().any(|url| is_segment(&url)), "{new:?}");
    let mut fresh = new.iter().filter(is_segment);
    assert!(fresh.all(|url| !old.contains(url)), "{new:?}");

    let objects = site.objects();
    let source = objects.iter().find(|path| path.ends_with("source"));
    std::fs::remove_file(source.unwrap()).unwrap();
    let refused = press(&ann, &site, &video).await.expect(409).text();
    assert!(
        refused.contains("missing or damaged") && refused.contains("value=\"Rain\""),
        "{refused}"
    );
    let kept = ann.get(&format!("/api/v1/videos/{video}")).await.json();
    assert_eq!(
        (&kept["state"], version(&kept)),
        (&after["state"], version(&after))
    );
    for url in new {
        let _ = ann.get(&url).await.expect(200);
    }
}

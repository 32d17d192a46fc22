//! Objects that are away: a bucket that is cut off, silent or slow, a folder that is gone or may
//! not be written. The site goes on with all that needs none.

use serde_json::json;
use std::{
    fs,
    time::{Duration, Instant},
};
use virga_testkit::{BucketServer, Clip, FaultyLine, Fronts, LineFault, Person, Role, Site};

use crate::{
    VIRGA,
    full_disk::{SmallDisk, readiness_says},
};

/// Roles that go on without objects.
const READY: [Role; 3] = [Role::Web, Role::Api, Role::Dispatcher];

/// Waits until `/readyz` has this status and says this.
async fn until_ready_says(who: &Person, status: u16, said: &str) {
    readiness_says(who, |answer| {
        let text = answer.text();
        // What is ready without more says one word.
        let right = text == said || (said != "ready\n" && text.contains(said));
        answer.status == status && right
    })
    .await;
}

async fn of_role(site: &Site, role: Role, status: u16, said: &str) {
    let who = Person::new(format!("http://127.0.0.1:{}", site.port(role)));
    until_ready_says(&who, status, said).await;
}

/// Sign-in, pages and comments.
async fn the_rest_works(stranger: &Person, ann: &Person, video: &str) {
    let name = json!({"name": "ann", "password": "ann has a password"});
    let _ = stranger.post("/api/v1/sessions", name).await.expect(201);
    let page = stranger.get(&format!("/v/{video}")).await.expect(200);
    assert!(page.text().contains("Bucket"));
    let comments = format!("/api/v1/videos/{video}/comments");
    let text = json!({"text": "Still here"});
    let _ = ann.post(&comments, text).await.expect(201);
}

// The faulty line runs in the test while the site starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_site_behind_haproxy_goes_on_without_its_bucket() {
    let bucket = BucketServer::start().await;
    bucket.bucket("site").await;
    let line = FaultyLine::to(bucket.port()).await;
    let fronts = Fronts::new();
    let mut site = fronts.site(VIRGA);
    let (access, secret) = bucket.key_files();
    for (key, value) in [
        ("KIND", "s3"),
        ("ENDPOINT", &format!("http://127.0.0.1:{}", line.port())),
        ("REGION", bucket.region()),
        ("BUCKET", "site"),
        ("ACCESS_KEY_FILE", &access.display().to_string()),
        ("SECRET_KEY_FILE", &secret.display().to_string()),
    ] {
        site.set(&format!("VIRGA_OBJECTS__{key}"), value);
    }
    for role in [Role::Api, Role::Stream, Role::Web, Role::Dispatcher] {
        site.start(role);
    }
    let balancer = fronts.balance("haproxy", &mut site, &[]);
    let stranger = Person::new(&balancer.url);
    stranger.wait_until_answered("/").await;
    let ann = site.register_by(&stranger, "ann").await;
    let video = ann
        .upload("Bucket", "unlisted", &Clip::default().bytes())
        .await;
    ann.wait_for(&video, &["ready"]).await;
    let playback = ann.playback(&video).await;
    let media = ann.media_urls(playback["hls"].as_str().unwrap()).await;

    let own = Person::new(format!("http://127.0.0.1:{}", site.port(Role::Stream)));
    for fault in [LineFault::Cut, LineFault::Frozen] {
        line.set(fault);
        // Nothing that this stream holds in memory is asked for.
        site.launch(Role::Stream);
        own.wait_until_answered("/livez").await;
        let asked = Instant::now();
        let refused = own.get(media.last().unwrap()).await.expect(503);
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(2), "{fault:?}: {took:?}");
        assert_eq!(refused.code(), "storage.unavailable");
        assert!(refused.headers.contains_key("retry-after"));
        for role in READY {
            let said = if role == Role::Web {
                "ready\n"
            } else {
                "without objects: "
            };
            of_role(&site, role, 200, said).await;
        }
        of_role(&site, Role::Stream, 503, "objects: ").await;
        the_rest_works(&stranger, &ann, &video).await;
        // Whoever asks by way of the balancer hears when to come again.
        let refused = stranger.get(media.last().unwrap()).await.expect(503);
        assert!(refused.headers.contains_key("retry-after"));
        line.set(LineFault::None);
        for role in [Role::Api, Role::Stream] {
            of_role(&site, role, 200, "ready\n").await;
        }
        let _ = own.get(media.last().unwrap()).await.expect(200);
    }
    // A slow bucket is none that is away.
    line.set(LineFault::Slow(Duration::from_millis(250)));
    site.launch(Role::Stream);
    own.wait_until_answered("/livez").await;
    let _ = own.get(media.last().unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_folder_of_objects_that_is_gone_is_named_and_not_made_anew() {
    let mut site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann
        .upload("Disk", "unlisted", &Clip::default().bytes())
        .await;
    ann.wait_for(&video, &["ready"]).await;
    let playback = ann.playback(&video).await;
    let media = ann.media_urls(playback["hls"].as_str().unwrap()).await;
    let draft = ann.draft("Part", "public").await;
    let upload = ann.open_upload(&draft, 8).await;
    let part = ann.part_url(upload["id"].as_str().unwrap(), 1).await;

    // As when its disk is unmounted: what is left is an empty folder.
    let (objects, aside) = (site.data().join("objects"), site.data().join("aside"));
    fs::rename(&objects, &aside).unwrap();
    fs::create_dir(&objects).unwrap();
    until_ready_says(
        &ann,
        200,
        "without objects: the folder of the objects is gone",
    )
    .await;
    site.kill(Role::Serve);
    let (code, said) = site.run(&["serve"]);
    assert!(code == 1 && said.contains("mount their disk"), "{said}");
    fs::remove_dir(&objects).unwrap();
    fs::rename(&aside, &objects).unwrap();
    site.start(Role::Serve);
    fs::rename(&objects, &aside).unwrap();
    fs::create_dir(&objects).unwrap();
    let refused = ann.get(media.last().unwrap()).await.expect(503);
    assert_eq!(refused.code(), "storage.unavailable");
    let refused = ann.put(&part, b"12345678".to_vec()).await.expect(503);
    assert_eq!(refused.code(), "storage.unavailable");
    let _ = ann.get("/").await.expect(200);
    assert!(fs::read_dir(&objects).unwrap().next().is_none());
    fs::remove_dir(&objects).unwrap();
    fs::rename(&aside, &objects).unwrap();
    until_ready_says(&ann, 200, "ready\n").await;
    let _ = ann.put(&part, b"12345678".to_vec()).await.expect(204);
    let _ = ann.get(media.last().unwrap()).await.expect(200);
}

#[tokio::test]
async fn an_upload_survives_that_its_disk_is_away() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let clip = Clip::default().bytes();
    let video = ann.draft("Away", "unlisted").await;
    let upload = ann.open_upload(&video, clip.len()).await;
    ann.send_parts(&upload, &clip).await;
    let upload = format!("/api/v1/uploads/{}", upload["id"].as_str().unwrap());
    let other = ann.draft("Begun while it is away", "unlisted").await;
    let begin = json!({"video_id": other, "file_name": "clip.mp4", "size": clip.len(),
        "content_type": "video/mp4", "fingerprint": "away"});

    let (objects, aside) = (site.data().join("objects"), site.data().join("aside"));
    fs::rename(&objects, &aside).unwrap();
    fs::create_dir(&objects).unwrap();
    let refused = [
        ann.get(&format!("{upload}/parts")).await,
        ann.post(&format!("{upload}/complete"), json!({})).await,
        ann.post("/api/v1/uploads", begin.clone()).await,
    ];
    for refused in refused {
        let refused = refused.expect(503);
        assert_eq!(refused.code(), "storage.unavailable");
    }
    assert!(fs::read_dir(&objects).unwrap().next().is_none());
    fs::rename(&aside, &objects).unwrap();

    until_ready_says(&ann, 200, "ready\n").await;
    let complete = format!("{upload}/complete");
    let deadline = Instant::now() + Duration::from_secs(60);
    // What began to complete it may hold it for the time of a lease.
    while ann.post(&complete, json!({})).await.status != 202 {
        assert!(Instant::now() < deadline, "the upload is lost");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ann.wait_for(&video, &["ready"]).await;
    let source = ann.source(&video).await.expect(200);
    assert!(source.body == clip, "the source is another file");
    let _ = ann.post("/api/v1/uploads", begin).await.expect(201);
}

#[tokio::test]
async fn a_folder_that_may_only_be_read_refuses_writes_and_its_job_waits() {
    let mut site = Site::of(VIRGA).build();
    let Some(disk) = SmallDisk::mount(&site.data().join("objects")) else {
        eprintln!("not run: mounting a small disk is not permitted here");
        return;
    };
    site.start(Role::Serve);
    let ann = site.register("ann").await;
    let clip = Clip::default().bytes();
    let video = ann.draft("Held", "public").await;
    let upload = ann.open_upload(&video, clip.len()).await;
    let id = upload["id"].as_str().unwrap();
    let part = ann.part_url(id, 1).await;
    disk.read_only(true);
    let refused = ann.put(&part, clip.clone()).await.expect(503);
    assert_eq!(refused.code(), "storage.read-only");
    until_ready_says(&ann, 200, "without objects: cannot").await;
    let _ = ann.get("/").await.expect(200);
    disk.read_only(false);
    let _ = ann.put(&part, clip).await.expect(204);
    let complete = format!("/api/v1/uploads/{id}/complete");
    let _ = ann.post(&complete, json!({})).await.expect(202);
    ann.wait_for(&video, &["ready"]).await;
}

//! A site with a read replica of its database: a MariaDB that really follows another.

use serde_json::json;
use std::time::{Duration, Instant};
use virga_testkit::{Clip, Person, Role, Site, SqlServer};

use crate::VIRGA;

const UP: &str = "lists read from it";
const BEHIND: &str = "the database's replica is behind";
const FAILED: &str = "the replica failed; the primary answers";

struct Followed {
    site: Site,
    primary: SqlServer,
    replica: SqlServer,
    ann: Person,
    stranger: Person,
}

impl Followed {
    async fn start() -> Self {
        let (primary, replica) = SqlServer::start_replicated().await;
        let url = primary.database("site").await;
        let other = url.replace(&primary.port().to_string(), &replica.port().to_string());
        let site = Site::of(VIRGA)
            .set("VIRGA_DATABASE__URL", &url)
            .set("VIRGA_DATABASE__REPLICA_URL", &other)
            .start();
        let ann = site.register("ann").await;
        let stranger = site.stranger();
        let followed = Self {
            site,
            primary,
            replica,
            ann,
            stranger,
        };
        followed.said(UP, 0).await;
        followed
    }

    /// How many times the log holds these words.
    fn times(&self, words: &str) -> usize {
        self.site.output().matches(words).count()
    }

    /// Waits until the log holds these words more than so many times.
    async fn said(&self, words: &str, before: usize) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.times(words) <= before {
            assert!(Instant::now() < until, "{words}: {}", self.site.output());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Titles of the public list and what the comments of this video are, as a stranger reads them.
    async fn seen(&self, video: &str) -> (Vec<String>, Vec<String>) {
        let text = |answer: virga_testkit::Answer, name: &str| -> Vec<String> {
            let items = answer.expect(200).json()["items"].clone();
            let items = items.as_array().unwrap().iter();
            let mut texts: Vec<_> = items
                .map(|it| it[name].as_str().unwrap().to_owned())
                .collect();
            texts.sort();
            texts
        };
        let list = self.stranger.get("/api/v1/videos").await;
        let path = format!("/api/v1/videos/{video}/comments");
        let comments = self.stranger.get(&path).await;
        (text(list, "title"), text(comments, "text"))
    }

    async fn until_seen(&self, video: &str, titles: &[&str], comments: &[&str]) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let seen = self.seen(video).await;
            if seen.0 == titles && seen.1 == comments {
                return;
            }
            assert!(Instant::now() < until, "{seen:?}\n{}", self.site.output());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn reads_of_the_replica(&self) -> u64 {
        let ask = "SELECT variable_value FROM information_schema.global_status \
                   WHERE variable_name = 'COM_SELECT'";
        self.replica.ask(ask).await[0].parse().unwrap()
    }

    async fn comment(&self, video: &str, text: &str) {
        let path = format!("/api/v1/videos/{video}/comments");
        let _ = self
            .ann
            .post(&path, json!({"text": text}))
            .await
            .expect(201);
    }
}

#[tokio::test]
async fn lists_read_a_replica_while_it_is_up_to_date_and_never_what_was_withdrawn() {
    let mut it = Followed::start().await;
    let clip = Clip::default().bytes();
    let rain = it.ann.upload("Rain", "public", &clip).await;
    let sun = it.ann.upload("Sun", "public", &clip).await;
    for video in [&rain, &sun] {
        it.ann.wait_for(video, &["ready"]).await;
    }
    it.comment(&rain, "One").await;
    it.until_seen(&rain, &["Rain", "Sun"], &["One"]).await;
    let before = it.reads_of_the_replica().await;
    for _ in 0..20 {
        it.seen(&rain).await;
    }
    let asked = it.reads_of_the_replica().await - before;
    assert!(asked >= 60, "the replica was asked {asked} times");

    // On a busy machine it may have been behind for a moment before.
    let behind = it.times(BEHIND);
    it.replica.execute("STOP SLAVE").await;
    // It is still read, and knows nothing of this.
    let private = json!({"visibility": "private"});
    let path = format!("/api/v1/videos/{sun}");
    let _ = it.ann.patch(&path, private).await.expect(200);
    assert_eq!(it.seen(&rain).await.0, ["Rain"]);
    it.comment(&rain, "Two").await;
    // Its writer sees it at once.
    let path = format!("/api/v1/videos/{rain}/comments");
    let own = it.ann.get(&path).await.expect(200).json();
    assert_eq!(own["items"].as_array().unwrap().len(), 2);
    it.said(BEHIND, behind).await;
    assert_eq!(it.seen(&rain).await.1, ["One", "Two"]);

    let up = it.times(UP);
    it.replica.execute("START SLAVE").await;
    it.said(UP, up).await;
    assert_eq!(it.seen(&rain).await.1, ["One", "Two"]);
    // It goes, and nobody notices.
    drop(it.replica);
    let list = it.stranger.get("/api/v1/videos").await.expect(200);
    assert_eq!(list.json()["items"][0]["title"], "Rain");
    assert!(it.site.output().contains(FAILED), "{}", it.site.output());
    it.site.terminate(Role::Serve);
    assert!(it.site.wait_ended(Role::Serve).success());
    drop(it.primary);
}

#[test]
fn a_replica_of_nothing_or_of_another_kind_is_refused() {
    let mut site = Site::of(VIRGA)
        .set("VIRGA_DATABASE__REPLICA_URL", "mysql://replica/site")
        .build();
    let (code, said) = site.run(&["serve"]);
    assert!(code == 1 && said.contains("database.replica_url"), "{said}");
    site.set("VIRGA_DATABASE__URL", "postgres://primary/site");
    let (code, said) = site.run(&["config", "check"]);
    let word = "database.replica_url: it is not the same kind of address as database.url";
    assert!(code == 1 && said.contains(word), "{said}");
}

//! A transaction that is cut off at one of its steps, or fails there: what was acknowledged is stored
//! once and whole, and nothing else is.

use reqwest::Method;
use serde_json::json;
use std::{fs, path::PathBuf};
use virga_testkit::{Answer, Person, Role, Site};

use crate::faults::virga;

/// A site whose places in `names` are armed: each as long as the file of its name is there.
fn armed(names: &[&str]) -> (tempfile::TempDir, Site) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &&str| format!("{name}={}", folder.path().join(name).display());
    let places: Vec<String> = names.iter().map(file).collect();
    let site = Site::of(virga()).set("VIRGA_FAILPOINTS", &places.join(","));
    (folder, site.start())
}

fn comments(video: &str) -> String {
    format!("/api/v1/videos/{video}/comments")
}

async fn send(who: &Person, video: &str, text: &str) -> reqwest::Result<Answer> {
    let request = who.request(Method::POST, &comments(video));
    let request = request.header("idempotency-key", text.replace(' ', "-"));
    who.try_send(request.json(&json!({ "text": text }))).await
}

/// The comments that are stored, in the order of their texts.
async fn stored(who: &Person, video: &str) -> Vec<String> {
    let page = who.get(&comments(video)).await.expect(200).json();
    let items = page["items"].as_array().unwrap();
    let texts = items.iter().map(|item| item["text"].as_str().unwrap());
    let mut texts: Vec<String> = texts.map(str::to_owned).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn a_kill_at_any_step_of_a_transaction_leaves_all_of_it_or_nothing() {
    const STEPS: [&str; 4] = [
        "tx.begun",
        "tx.statement",
        "tx.before-commit",
        "tx.committed",
    ];
    let (folder, mut site) = armed(&STEPS);
    let ann = site.register("ann").await;
    let video = ann.draft("Cut", "private").await;
    let mut sent: Vec<String> = Vec::new();
    for step in STEPS {
        let file: PathBuf = folder.path().join(step);
        fs::write(&file, "").unwrap();
        let text = format!("sent at {step}");
        let answer = send(&ann, &video, &text).await;
        assert!(answer.is_err(), "{step}: {answer:?}");
        let _ = site.wait_ended(Role::Serve);
        fs::remove_file(&file).unwrap();
        site.start(Role::Serve);
        let found = stored(&ann, &video).await;
        let before = found.len() == sent.len();
        assert!(before || step == "tx.committed", "{step}: {found:?}");
        // Who got no answer sends it again, and it is there once.
        let _ = send(&ann, &video, &text).await.unwrap().expect(201);
        sent.push(text);
        sent.sort();
        assert_eq!(stored(&ann, &video).await, sent, "{step}");
    }
    let shown = ann.get(&format!("/api/v1/videos/{video}")).await.json();
    assert_eq!(shown["comments"], STEPS.len());
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
}

#[tokio::test]
async fn a_transaction_that_runs_out_of_memory_spoils_no_later_one() {
    const STEPS: [&str; 2] = ["tx.statement-fails", "tx.commit-fails"];
    let (folder, mut site) = armed(&STEPS);
    let ann = site.register("ann").await;
    let video = ann.draft("Short", "private").await;
    let mut sent: Vec<String> = Vec::new();
    for step in STEPS {
        let file = folder.path().join(step);
        fs::write(&file, "").unwrap();
        for n in 0..5 {
            let answer = send(&ann, &video, &format!("{step} {n}")).await.unwrap();
            assert!(answer.status.is_server_error(), "{step}: {}", answer.text());
            assert_eq!(answer.headers["content-type"], "application/problem+json");
        }
        fs::remove_file(&file).unwrap();
        for n in 5..10 {
            let text = format!("{step} {n}");
            let _ = send(&ann, &video, &text).await.unwrap().expect(201);
            sent.push(text);
        }
        sent.sort();
        site.kill(Role::Serve);
        site.start(Role::Serve);
        assert_eq!(stored(&ann, &video).await, sent, "{step}");
    }
}

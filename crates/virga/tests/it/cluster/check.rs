//! Whether a cluster kept what it acknowledged.

use virga_testkit::{Cluster, Person, sha256};

use super::traffic::Traffic;

/// Everything that is wrong now, a sentence each.
pub(super) async fn faults(cluster: &Cluster, traffic: &Traffic) -> Vec<String> {
    let mut wrong = traffic.record.complaints();
    // What it copied a minute ago is no proof that a session is there.
    cluster.redis.ask(&["FLUSHALL"]);
    for (who, name) in &traffic.people {
        wrong.extend(traffic.me(who, name).await);
    }
    let stranger = Person::new(&cluster.balancer.url);
    let uploaded = traffic.uploaded.lock().unwrap().clone();
    for file in &uploaded {
        let video = &file.video;
        let source = file.owner.source(video).await;
        if source.status != 200 || sha256(&source.body) != file.digest {
            wrong.push(format!("{video}: its source is lost or altered"));
        }
        let playback = stranger
            .get(&format!("/api/v1/videos/{video}/playback"))
            .await;
        let Some(hls) = playback.json()["hls"].as_str().map(str::to_owned) else {
            wrong.push(format!("{video}: it does not play: {}", playback.text()));
            continue;
        };
        for url in stranger.media_urls(&hls).await {
            let status = stranger.get(&url).await.status;
            if status != 200 {
                wrong.push(format!("{video}: {status} for {url}"));
            }
        }
    }
    let twice = "SELECT video_id FROM site.tracks GROUP BY video_id, kind, height, source_key \
                 HAVING COUNT(*) > 1";
    for video in cluster.database.ask(twice).await {
        wrong.push(format!("{video}: a rung is published twice"));
    }
    let (code, report) = cluster.machines[0].run(&["fsck"]);
    if code != 0 {
        wrong.push(format!("fsck: {report}"));
    }
    wrong
}

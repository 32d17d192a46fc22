//! People who use a cluster all the while: they look at pages, ask the API, watch, and upload.

use reqwest::Method;
use serde_json::json;
use std::sync::{Arc, Mutex};
use virga_testkit::{Answer, Clip, Person, sha256};

use super::record::Record;
use crate::buckets::PART;

/// Who asks at once.
pub(super) const ASKERS: usize = 4;

/// A file that the site said it has, whole.
#[derive(Clone, Debug)]
pub(super) struct Uploaded {
    pub(super) owner: Person,
    pub(super) video: String,
    pub(super) digest: String,
}

/// What the site acknowledged, and so must keep.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) record: Record,
    pub(super) uploaded: Mutex<Vec<Uploaded>>,
    /// Everyone with a session, and their names.
    pub(super) people: Vec<(Person, String)>,
    /// A video that plays, and each of its addresses with the digest of what it answers.
    video: String,
    media: Vec<(String, String)>,
    clip: Vec<u8>,
}

impl Traffic {
    /// Signs people in and uploads what is watched.
    pub(super) async fn new(site: &str) -> Arc<Self> {
        let stranger = Person::new(site);
        let mut people = Vec::new();
        for n in 0..ASKERS {
            let name = format!("person{n}");
            people.push((stranger.register(&name).await, name));
        }
        let clip = Clip::default().bytes();
        let video = people[0].0.upload("Rain", "unlisted", &clip).await;
        people[0].0.wait_for(&video, &["ready"]).await;
        let playback = stranger.playback(&video).await;
        let mut media = Vec::new();
        for url in stranger.media_urls(playback["hls"].as_str().unwrap()).await {
            let bytes = stranger.get(&url).await.expect(200).body;
            media.push((url, sha256(&bytes)));
        }
        let digest = sha256(&clip);
        let uploaded = Mutex::new(vec![Uploaded {
            owner: people[0].0.clone(),
            video: video.clone(),
            digest,
        }]);
        Arc::new(Self {
            record: Record::default(),
            uploaded,
            people,
            video,
            media,
            clip,
        })
    }

    /// One person's requests, by turns, until it is over.
    pub(super) async fn ask(self: Arc<Self>, n: usize) {
        let (who, name) = &self.people[n];
        let get = |path: &str| who.request(Method::GET, path);
        for turn in n.. {
            if self.record.is_over() {
                return;
            }
            let ask = async |what, path: &str| self.record.ask(what, who, get(path), &[200]).await;
            match turn % 4 {
                0 => drop(ask("a page", &format!("/v/{}", self.video)).await),
                1 => drop(ask("the API", "/api/v1/videos").await),
                2 => {
                    let me = self.me(who, name).await;
                    if let Some(wrong) = me {
                        self.record.complain(wrong);
                    }
                }
                _ => {
                    let (url, digest) = &self.media[turn / 4 % self.media.len()];
                    let answer = ask("media", url).await;
                    if answer.is_some_and(|answer| sha256(&answer.body) != *digest) {
                        self.record.complain(format!("{url} answers other bytes"));
                    }
                }
            }
        }
    }

    /// Whether a session holds; what is wrong with it.
    pub(super) async fn me(&self, who: &Person, name: &str) -> Option<String> {
        let request = who.request(Method::GET, "/api/v1/users/me");
        let me = self
            .record
            .ask("a session", who, request, &[200, 401])
            .await?;
        (me.json()["name"] != name).then(|| format!("the session of {name} is lost"))
    }

    /// A file of several parts, other than all before; each step again until it is done.
    pub(super) async fn upload(self: Arc<Self>, n: usize) {
        let who = &self.people[n % ASKERS].0;
        let clip = self.long_clip(n);
        let post =
            async |what: &str, path: &str, body: serde_json::Value, right: &[u16]| -> Answer {
                let request = || who.request(Method::POST, path).json(&body);
                self.record.insist(what, who, request, right).await
            };
        let ask = json!({"title": format!("Clip {n}"), "visibility": "unlisted"});
        let video = post("a draft", "/api/v1/videos", ask, &[201]).await.json();
        let video = video["id"].as_str().unwrap().to_owned();
        let ask = json!({"video_id": video, "file_name": "clip.mp4", "size": clip.len(),
            "content_type": "video/mp4", "fingerprint": format!("clip{n}.mp4/{}/1", clip.len())});
        let upload = post("an upload", "/api/v1/uploads", ask, &[200, 201])
            .await
            .json();
        let id = upload["id"].as_str().unwrap();
        for (number, part) in (1..).zip(clip.chunks(PART)) {
            let ask = json!({"numbers": [number]});
            let sign = format!("/api/v1/uploads/{id}/parts/sign");
            let signed = post("a signature", &sign, ask, &[200]).await.json();
            let url = signed[0]["url"].as_str().unwrap().to_owned();
            let put = || who.request(Method::PUT, &url).body(part.to_vec());
            self.record.insist("a part", who, put, &[204]).await;
        }
        let complete = format!("/api/v1/uploads/{id}/complete");
        post("the end of an upload", &complete, json!({}), &[202]).await;
        let digest = sha256(&clip);
        let owner = who.clone();
        self.uploaded.lock().unwrap().push(Uploaded {
            owner,
            video,
            digest,
        });
    }

    /// The clip, and behind it what players pass over: a little more than a part.
    fn long_clip(&self, n: usize) -> Vec<u8> {
        let mut bytes = self.clip.clone();
        let rest = u32::try_from(PART + 1000 - bytes.len()).unwrap();
        bytes.extend_from_slice(&rest.to_be_bytes());
        bytes.extend_from_slice(b"free");
        bytes.resize(PART + 1000, u8::try_from(n % 256).unwrap());
        bytes
    }
}

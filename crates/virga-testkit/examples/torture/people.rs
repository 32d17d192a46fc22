//! People who upload, change and delete, and come back after whatever happened; and one who looks how far
//! everything is.

use reqwest::Method;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use virga_testkit::{Person, sha256};

use crate::{
    clips::Kind,
    ledger::{Film, Ledger},
    options::Choices,
    stage::PART,
};

/// So many videos may be unfinished before people wait with the next.
const BACKLOG: usize = 14;

const VISIBILITIES: [&str; 3] = ["public", "unlisted", "private"];

/// What somebody does with a video once its file is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Keep,
    /// Shown to all, to some, to nobody, and so on.
    Change,
    /// In the middle of its upload.
    GiveUp,
    /// In the middle of its processing.
    DeleteAtOnce,
    DeleteLater,
}

impl Fate {
    fn choose(choices: &mut Choices) -> Self {
        match choices.below(100) {
            0..8 => Self::GiveUp,
            8..20 => Self::DeleteAtOnce,
            20..32 => Self::DeleteLater,
            32..50 => Self::Change,
            _ => Self::Keep,
        }
    }
}

/// Somebody with an account.
#[derive(Debug)]
pub(crate) struct Uploader {
    pub(crate) who: Person,
    pub(crate) name: String,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) kinds: Arc<Vec<Kind>>,
    pub(crate) choices: Choices,
    /// Files get up to three times so many bytes more, to be of several parts.
    pub(crate) extra: usize,
}

impl Uploader {
    /// One video after the other until it is over.
    pub(crate) async fn run(mut self) {
        for n in 0.. {
            while self.unfinished() > BACKLOG && !self.ledger.is_over() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            if self.ledger.is_over() {
                return;
            }
            if self.video(n).await.is_none() {
                self.ledger
                    .violation(format!("{} cannot go on with video {n}", self.name));
            }
        }
    }

    fn unfinished(&self) -> usize {
        let films = self.ledger.films();
        films.iter().filter(|(_, film)| !film.is_settled()).count()
    }

    /// One video, and what is done with it; `None`: the site did not do as it should.
    async fn video(&mut self, n: u32) -> Option<()> {
        let kind = self.choices.below(u64::try_from(self.kinds.len()).ok()?);
        let kind = usize::try_from(kind).ok()?;
        let fate = Fate::choose(&mut self.choices);
        self.one(n, kind, fate).await
    }

    /// One of each kind, kept and left alone.
    pub(crate) async fn one_of_each(mut self) -> Option<()> {
        for kind in 0..self.kinds.len() {
            self.one(u32::try_from(kind).ok()?, kind, Fate::Keep)
                .await?;
        }
        Some(())
    }

    async fn one(&mut self, n: u32, kind: usize, fate: Fate) -> Option<()> {
        let visibility = *self.choices.one_of(&VISIBILITIES)?;
        let key = format!("{}-{n}", self.name);
        let title = format!("{} {key}", self.kinds[kind].name);
        let ask = json!({"title": title, "visibility": visibility});
        let made = self.post("a draft", "/api/v1/videos", &key, &ask).await?;
        let id = made["id"].as_str()?.to_owned();
        let film = Film {
            owner: self.who.clone(),
            kind,
            digest: None,
            visibility: Some(visibility),
            changes: 0,
            comments: 0,
            deleted: false,
            state: "draft".to_owned(),
            failure: String::new(),
            code: String::new(),
            warnings: Vec::new(),
            retried: false,
        };
        self.ledger.add(&id, film);
        let extra = usize::try_from(self.choices.below(4)).ok()? * self.extra;
        let fill = u8::try_from(n % 256).ok()?;
        let file = self.kinds[kind].longer_by(extra, fill);
        let arrives = self.kinds[kind].arrives;
        if !self.send(&id, &file, arrives, fate == Fate::GiveUp).await? {
            return self.delete(&id).await;
        }
        let digest = sha256(&file);
        self.ledger.note(&id, |film| {
            film.digest = Some(digest);
            "processing".clone_into(&mut film.state);
        });
        self.after(&id, &key, fate).await
    }

    /// Sends a file in parts and completes it; `false`: given up in the middle.
    async fn send(&mut self, id: &str, file: &[u8], arrives: bool, gives_up: bool) -> Option<bool> {
        let ask = json!({"video_id": id, "file_name": "clip", "size": file.len(),
            "content_type": "video/mp4", "part_size": PART,
            "fingerprint": format!("{id}/{}/1", file.len())});
        let upload = self.post("an upload", "/api/v1/uploads", "", &ask).await?;
        let upload_id = upload["id"].as_str()?.to_owned();
        let size = usize::try_from(upload["part_size"].as_u64()?).ok()?;
        let parts: Vec<&[u8]> = file.chunks(size).collect();
        let mut order: Vec<usize> = (0..parts.len()).collect();
        if arrives {
            // The last one early.
            order.rotate_right(1);
            order.swap(0, 1);
        } else if self.choices.percent(30) {
            order.reverse();
        }
        let middle = parts.len() / 2;
        for (sent, at) in order.iter().enumerate() {
            if gives_up && sent >= middle {
                return Some(false);
            }
            self.part(&upload_id, at + 1, parts[*at]).await?;
            if arrives {
                self.pause(1000).await;
            }
            // Somebody who comes back later, in another browser, asks what is there.
            if self.choices.percent(20) {
                self.are_held(&upload_id, &order[..=sent], &parts).await?;
            }
        }
        let complete = format!("/api/v1/uploads/{upload_id}/complete");
        let answer = self
            .ledger
            .post(
                "the end of an upload",
                &self.who,
                &complete,
                ("", &json!({})),
            )
            .await?;
        if answer.status != 202 {
            self.ledger.violation(format!(
                "{id}: its upload is not completed: {}",
                answer.text()
            ));
            return None;
        }
        Some(true)
    }

    /// One part; each retry gets a new signature.
    async fn part(&self, upload: &str, number: usize, bytes: &[u8]) -> Option<()> {
        let sign = format!("/api/v1/uploads/{upload}/parts/sign");
        for _ in 0..60 {
            let ask = json!({"numbers": [number]});
            let signed = self.post("a signature", &sign, "", &ask).await?;
            let url = signed[0]["url"].as_str()?;
            let put = self.who.request(Method::PUT, url).body(bytes.to_vec());
            let answer = self.ledger.ask("a part", &self.who, put).await;
            if answer.is_some_and(|answer| answer.status.is_success()) {
                return Some(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.ledger
            .violation(format!("upload {upload}: part {number} is never taken"));
        None
    }

    /// What was acknowledged is there.
    async fn are_held(&self, upload: &str, sent: &[usize], parts: &[&[u8]]) -> Option<()> {
        let path = format!("/api/v1/uploads/{upload}/parts");
        let answer = self.ledger.get("the parts", &self.who, &path).await?.json();
        let held: Vec<(u64, u64)> = answer
            .as_array()?
            .iter()
            .filter_map(|part| Some((part["number"].as_u64()?, part["size"].as_u64()?)))
            .collect();
        for at in sent {
            let number = u64::try_from(at + 1).ok()?;
            let size = u64::try_from(parts[*at].len()).ok()?;
            if !held.contains(&(number, size)) {
                self.ledger.violation(format!(
                    "upload {upload}: part {number} was acknowledged and is gone: {answer}"
                ));
            }
        }
        Some(())
    }

    async fn after(&mut self, id: &str, key: &str, fate: Fate) -> Option<()> {
        if self.choices.percent(30) {
            let path = format!("/api/v1/videos/{id}/comments");
            let text = json!({"text": format!("About {key}")});
            self.post("a comment", &path, &format!("{key}-comment"), &text)
                .await?;
            self.ledger.note(id, |film| film.comments += 1);
        }
        match fate {
            Fate::Keep | Fate::GiveUp => Some(()),
            Fate::Change => {
                for _ in 0..3 {
                    self.pause(1500).await;
                    self.show_to(id).await?;
                }
                Some(())
            }
            Fate::DeleteAtOnce => {
                self.pause(2500).await;
                self.delete(id).await
            }
            Fate::DeleteLater => {
                self.pause(20_000).await;
                self.delete(id).await
            }
        }
    }

    /// Up to so many milliseconds, by the seed.
    async fn pause(&mut self, most: u64) {
        tokio::time::sleep(Duration::from_millis(self.choices.below(most))).await;
    }

    async fn show_to(&mut self, id: &str) -> Option<()> {
        let visibility = *self.choices.one_of(&VISIBILITIES)?;
        let path = format!("/api/v1/videos/{id}");
        let change = json!({"visibility": visibility});
        self.ledger.note(id, |film| {
            film.visibility = None;
            film.changes += 1;
        });
        let ask = || self.who.request(Method::PATCH, &path).json(&change);
        let answer = self.ledger.insist("a change", &self.who, ask).await?;
        if answer.status == 200 {
            self.ledger
                .note(id, |film| film.visibility = Some(visibility));
            return Some(());
        }
        self.ledger
            .violation(format!("{id}: it is not changed: {}", answer.text()));
        None
    }

    async fn delete(&self, id: &str) -> Option<()> {
        delete(&self.ledger, &self.who, id).await
    }

    async fn post(&self, what: &str, path: &str, key: &str, body: &Value) -> Option<Value> {
        let answer = self.ledger.post(what, &self.who, path, (key, body)).await?;
        if answer.status.is_success() {
            return Some(answer.json());
        }
        self.ledger
            .violation(format!("{what}: {} {}", answer.status, answer.text()));
        None
    }
}

/// Deletes a video for good.
pub(crate) async fn delete(ledger: &Ledger, owner: &Person, id: &str) -> Option<()> {
    let path = format!("/api/v1/videos/{id}?now=true");
    let ask = || owner.request(Method::DELETE, &path);
    let answer = ledger.insist("a deletion", owner, ask).await?;
    if answer.status != 200 && answer.status != 404 {
        ledger.violation(format!("{id}: it is not deleted: {}", answer.text()));
        return None;
    }
    ledger.note(id, |film| film.deleted = true);
    Some(())
}

/// Looks how far each video is.
pub(crate) async fn look(ledger: &Ledger) {
    for (id, film) in ledger.films() {
        if film.is_settled() || film.digest.is_none() {
            continue;
        }
        let path = format!("/api/v1/videos/{id}");
        let ask = film.owner.request(Method::GET, &path);
        let Some(answer) = ledger.ask("a video", &film.owner, ask).await else {
            continue;
        };
        if answer.status == 200 {
            let shown = answer.json();
            let text = |field: &str| shown[field].as_str().unwrap_or_default().to_owned();
            ledger.note(&id, |film| {
                film.state = text("state");
                film.failure = text("failure");
                film.code = text("failure_code");
                let warnings = shown["warnings"].as_array();
                let codes = warnings
                    .into_iter()
                    .flatten()
                    .map(|it| it["code"].to_string());
                film.warnings = codes.collect();
            });
        } else if answer.status == 404 && !was_deleted(ledger, &id) {
            ledger.violation(format!("{id}: nobody deleted it, and it is gone"));
        }
    }
}

fn was_deleted(ledger: &Ledger, id: &str) -> bool {
    let mut films = ledger.films().into_iter();
    films.any(|(other, film)| other == id && film.deleted)
}

/// The same every second, until it is over.
pub(crate) async fn keep_looking(ledger: Arc<Ledger>) {
    while !ledger.is_over() {
        look(&ledger).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

//! People who watch: what plays, what still grows, and what they watched before.

use std::{sync::Arc, time::Duration};
use virga_testkit::{Person, playlist_addresses};

use crate::{
    ledger::{Film, Ledger},
    options::Choices,
};

/// Segments of a playlist that are looked at each time.
const SEGMENTS: usize = 3;

/// Somebody.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) choices: Choices,
}

impl Viewer {
    /// One video after the other until it is over.
    pub(crate) async fn run(mut self) {
        while !self.ledger.is_over() {
            let films = self.ledger.films();
            // The newest are the ones that change.
            let newest = films.len().saturating_sub(40);
            let all = self.choices.percent(20);
            let from = if all { 0 } else { newest };
            let Some((id, film)) = self.choices.one_of(&films[from..]).cloned() else {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            // Some play before their last byte is there.
            if !film.deleted {
                self.watch(&id, &film).await;
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }

    /// A playlist of each kind and some segments; what is refused is none of a viewer's business.
    async fn watch(&mut self, id: &str, film: &Film) -> Option<()> {
        let path = format!("/api/v1/videos/{id}/playback");
        let playback = self.fetch("playback", &film.owner, &path).await?;
        let playback: serde_json::Value = serde_json::from_slice(&playback).ok()?;
        let hls = playback["hls"].as_str()?;
        let master = self.fetch("a playlist", &film.owner, hls).await?;
        let playlists = addresses(hls, &master);
        for _ in 0..2 {
            let Some(playlist) = self.choices.one_of(&playlists).cloned() else {
                break;
            };
            let told = self.fetch("a playlist", &film.owner, &playlist).await?;
            let segments = addresses(&playlist, &told);
            for _ in 0..SEGMENTS {
                if let Some(segment) = self.choices.one_of(&segments).cloned() {
                    self.fetch("a segment", &film.owner, &segment).await;
                }
            }
        }
        Some(())
    }

    async fn fetch(&self, what: &str, who: &Person, path: &str) -> Option<Vec<u8>> {
        fetch(&self.ledger, what, who, path).await
    }
}

/// What an address answers, if it does; a segment's bytes are compared with those of before.
pub(crate) async fn fetch(
    ledger: &Ledger,
    what: &str,
    who: &Person,
    path: &str,
) -> Option<Vec<u8>> {
    let ask = who.request(reqwest::Method::GET, path);
    let answer = ledger.ask(what, who, ask).await?;
    if answer.status != 200 {
        return None;
    }
    if what == "a segment" {
        ledger.same_bytes(path, &answer.body);
    }
    Some(answer.body)
}

/// The addresses in a playlist, each once.
pub(crate) fn addresses(playlist: &str, text: &[u8]) -> Vec<String> {
    playlist_addresses(playlist, &String::from_utf8_lossy(text))
}

/// Every segment that a video plays now, each fetched; the addresses, or why it does not play.
pub(crate) async fn watch_all(
    ledger: &Ledger,
    id: &str,
    film: &Film,
) -> Result<Vec<String>, String> {
    let path = format!("/api/v1/videos/{id}/playback");
    let get = async |what: &str, path: &str| {
        let answer = ledger.get(what, &film.owner, path).await;
        let answer = answer.ok_or_else(|| format!("{path} does not answer"))?;
        if answer.status == 200 {
            return Ok(answer);
        }
        Err(format!("{} for {path}: {}", answer.status, answer.text()))
    };
    let playback = get("playback", &path).await?.json();
    let hls = playback["hls"].as_str().ok_or("no playlist")?;
    let mut seen = Vec::new();
    for playlist in addresses(hls, &get("a playlist", hls).await?.body) {
        for segment in addresses(&playlist, &get("a playlist", &playlist).await?.body) {
            if !seen.contains(&segment) {
                let body = get("a segment", &segment).await?.body;
                ledger.same_bytes(&segment, &body);
                seen.push(segment);
            }
        }
    }
    Ok(seen)
}

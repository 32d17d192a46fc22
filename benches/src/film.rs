//! What a film offers to players: its addresses by how large their bytes are.

use anyhow::Context;
use std::path::Path;
use virga_testkit::Person;

use crate::{Asked, upload};

/// A film that is ready.
#[derive(Debug)]
pub struct Film {
    /// Everything that its playlists name, themselves among it, and the bytes of each.
    pub urls: Vec<(String, usize)>,
    /// Its main playlist.
    pub hls: String,
}

impl Film {
    /// Uploads a clip and waits until it is ready. `viewer` asks stream.
    ///
    /// # Errors
    /// Where the upload fails.
    pub async fn upload(
        person: &Person,
        stream: &str,
        viewer: &Person,
        clip: &Path,
    ) -> anyhow::Result<Self> {
        let video = upload(person, stream, clip).await?;
        person.wait_for(&video, &["ready"]).await;
        let hls = person.playback(&video).await;
        let hls = hls["hls"].as_str().context("an address")?.to_owned();
        let mut urls = Vec::new();
        for url in viewer.media_urls(&hls).await {
            let size = viewer.get(&url).await.expect(200).body.len();
            urls.push((url, size));
        }
        Ok(Self { urls, hls })
    }

    /// The segment that is nearest to so many bytes.
    ///
    /// # Errors
    /// Where there is none.
    pub fn segment(&self, bytes: usize) -> anyhow::Result<Asked> {
        let segments = self.urls.iter().filter(|(url, _)| !url.contains(".m3u8"));
        let nearest = segments.min_by_key(|(_, size)| size.abs_diff(bytes));
        Ok(Asked {
            path: nearest.context("no segment")?.0.clone(),
            by_answers: false,
        })
    }
}

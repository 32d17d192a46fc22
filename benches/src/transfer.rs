//! Sending a file as the upload page does: parts of it side by side, never whole in memory.

use anyhow::{Context, ensure};
use reqwest::Method;
use serde_json::json;
use std::{io::SeekFrom, path::Path};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
    task::JoinSet,
};
use virga_testkit::Person;

/// Parts on their way at once, as in the page.
pub const IN_FLIGHT: usize = 3;

/// Uploads a file to a fresh public draft and completes it; the video's id. Part addresses are
/// paths on `stream` (`http://host:port`).
pub async fn upload(person: &Person, stream: &str, file: &Path) -> anyhow::Result<String> {
    let size = std::fs::metadata(file)?.len();
    let video = person.draft("Measured", "public").await;
    let upload = person.open_upload(&video, usize::try_from(size)?).await;
    let id = upload["id"].as_str().context("an upload")?;
    let part = upload["part_size"].as_u64().context("a part size")?;
    let numbers: Vec<u64> = (1..=size.div_ceil(part)).collect();
    let mut parts = JoinSet::new();
    for ahead in numbers.chunks(50) {
        let sign = format!("/api/v1/uploads/{id}/parts/sign");
        let signed = person.post(&sign, json!({"numbers": ahead})).await.json();
        for (number, signed) in ahead.iter().zip(signed.as_array().context("addresses")?) {
            let path = signed["url"].as_str().context("an address")?;
            let (offset, end) = ((number - 1) * part, (number * part).min(size));
            if parts.len() >= IN_FLIGHT {
                parts.join_next().await.context("a part")???;
            }
            parts.spawn(send(
                person.clone(),
                format!("{stream}{path}"),
                file.to_owned(),
                offset,
                usize::try_from(end - offset)?,
            ));
        }
    }
    while let Some(sent) = parts.join_next().await {
        sent??;
    }
    let path = format!("/api/v1/uploads/{id}/complete");
    let answer = person.post(&path, json!({})).await;
    ensure!(answer.status.as_u16() == 202, "{}", answer.text());
    Ok(video)
}

async fn send(
    person: Person,
    url: String,
    file: std::path::PathBuf,
    offset: u64,
    size: usize,
) -> anyhow::Result<()> {
    let mut file = File::open(file).await?;
    file.set_max_buf_size(1 << 20);
    file.seek(SeekFrom::Start(offset)).await?;
    let mut body = vec![0; size];
    file.read_exact(&mut body).await?;
    let answer = person
        .try_send(person.request(Method::PUT, &url).body(body))
        .await?;
    ensure!(answer.status.as_u16() == 204, "{}", answer.text());
    Ok(())
}

//! Sending a file as the upload page does: parts of it side by side, never whole in memory.

use anyhow::{Context, ensure};
use serde_json::json;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    net::TcpStream,
    ops::Range,
    path::Path,
};
use tokio::task::JoinSet;
use virga_testkit::Person;

/// Parts on their way at once, as in the page.
pub const IN_FLIGHT: usize = 3;

/// Uploads a file to a fresh public draft and completes it; the video's id. Part addresses are
/// paths on `stream` (`http://host:port`).
pub async fn upload(person: &Person, stream: &str, file: &Path) -> anyhow::Result<String> {
    let address = stream.strip_prefix("http://").context("plain http")?;
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
            let (address, path, file) = (address.to_owned(), path.to_owned(), file.to_owned());
            parts.spawn_blocking(move || send(&address, &path, &file, offset..end));
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

/// One part on a connection of its own. The system moves the file into the socket by itself
/// (`io::copy` is `sendfile` here): a sender would sit on another machine, so it should take little
/// of this one's processor.
fn send(address: &str, path: &str, file: &Path, span: Range<u64>) -> anyhow::Result<()> {
    let size = span.end - span.start;
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(span.start))?;
    let mut wire = TcpStream::connect(address)?;
    write!(
        wire,
        "PUT {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    )?;
    let sent = io::copy(&mut file.take(size), &mut wire)?;
    ensure!(sent == size, "{sent} of {size} bytes sent");
    let mut answer = String::new();
    BufReader::new(wire).read_line(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    Ok(())
}

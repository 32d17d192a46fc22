//! One part of a file, sent to wherever the site says: itself, or its bucket.

use anyhow::{Context, anyhow};
use futures_util::StreamExt;
use indicatif::ProgressBar;
use reqwest::{
    Body, Method, Response, StatusCode, header,
    multipart::{Form, Part},
};
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;
use virga_client::ApiCaller;
use virga_core::{
    UploadId,
    upload::PartSpan,
    wire::{PartNumbers, Problem, SignedPart},
};

use super::{TRIES, patiently, pause};

/// After so many failures in a row at the bucket the parts go through the site.
const STRAYS: usize = 3;
/// Sends parts of one file.
#[derive(Debug)]
pub(super) struct Sender<'a> {
    api: &'a ApiCaller,
    http: &'a reqwest::Client,
    site: &'a str,
    path: &'a Path,
    bar: &'a ProgressBar,
    strays: AtomicUsize,
}

impl<'a> Sender<'a> {
    pub(super) fn new(
        api: &'a ApiCaller,
        http: &'a reqwest::Client,
        site: &'a str,
        path: &'a Path,
        bar: &'a ProgressBar,
    ) -> Self {
        Self {
            api,
            http,
            site,
            path,
            bar,
            strays: AtomicUsize::new(0),
        }
    }

    /// Sends a part until it is taken, or refused for good.
    pub(super) async fn send(
        &self,
        upload: UploadId,
        number: u32,
        span: PartSpan,
    ) -> anyhow::Result<()> {
        for attempt in 0..TRIES {
            let proxied = self.strays.load(Ordering::Relaxed) >= STRAYS;
            let numbers = vec![number];
            let ask = PartNumbers { numbers, proxied };
            let signed = patiently(|| self.api.sign_parts(upload, &ask)).await?;
            let signed = signed.first().context("the site signed no part")?;
            let direct = !signed.url.starts_with('/');
            let sent = Arc::new(AtomicU64::new(0));
            let answer = self.put(signed, span, &sent).await;
            if answer
                .as_ref()
                .is_ok_and(|answer| is_taken(answer.status()))
            {
                if direct {
                    self.strays.store(0, Ordering::Relaxed);
                }
                return Ok(());
            }
            // What did not arrive was not sent.
            let at = self.bar.position();
            self.bar
                .set_position(at.saturating_sub(sent.load(Ordering::Relaxed)));
            if direct {
                self.strays.fetch_add(1, Ordering::Relaxed);
            } else if let Ok(answer) = answer {
                let status = answer.status().as_u16();
                let passing = matches!(status, 401 | 403 | 408 | 409 | 410 | 429)
                    || (status >= 500 && status != 507);
                if !passing {
                    return Err(refusal(answer).await);
                }
            }
            tokio::time::sleep(pause(attempt)).await;
        }
        Err(anyhow!("part {number} could not be sent"))
    }

    async fn put(
        &self,
        signed: &SignedPart,
        span: PartSpan,
        sent: &Arc<AtomicU64>,
    ) -> anyhow::Result<Response> {
        let mut file = tokio::fs::File::open(self.path).await?;
        file.seek(io::SeekFrom::Start(span.offset)).await?;
        let (bar, sent) = (self.bar.clone(), Arc::clone(sent));
        let part =
            ReaderStream::with_capacity(file.take(span.size), 1 << 16).inspect(move |piece| {
                let count = piece.as_ref().map_or(0, |piece| piece.len() as u64);
                bar.inc(count);
                sent.fetch_add(count, Ordering::Relaxed);
            });
        let url = if signed.url.starts_with('/') {
            format!("{}{}", self.site, signed.url)
        } else {
            signed.url.clone()
        };
        let method = Method::from_bytes(signed.method.as_bytes())?;
        let mut request = self.http.request(method, url);
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        let body = Body::wrap_stream(part);
        request = if signed.fields.is_empty() {
            request.header(header::CONTENT_LENGTH, span.size).body(body)
        } else {
            let file = Part::stream_with_length(body, span.size).file_name("file");
            let fields = signed.fields.iter().cloned();
            let form = fields.fold(Form::new(), |form, it| form.text(it.name, it.value));
            request.multipart(form.part("file", file))
        };
        Ok(request.send().await?)
    }
}

/// Kodo's 579 counts as success too: the object exists, only the callback to the site failed.
fn is_taken(status: StatusCode) -> bool {
    status.is_success() || status.as_u16() == 579
}

async fn refusal(answer: Response) -> anyhow::Error {
    let status = answer.status();
    match answer.json::<Problem>().await {
        Ok(problem) => anyhow!("{} ({})", problem.detail, problem.code),
        Err(_) => anyhow!("the site answered {status}"),
    }
}

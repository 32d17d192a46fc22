//! `virga upload`: sends files from this machine to a site, part by part. After an interruption the
//! same command resumes: the site recognises the file and reports the parts that it has.

mod part;

use anyhow::{Context, anyhow};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Uri;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fs::Metadata,
    net::Ipv4Addr,
    path::Path,
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use virga_client::{ApiCaller, ApiClient, Caller, ClientError};
use virga_core::{
    Code, OsEntropy, Retry, UploadId, VideoId,
    keys::{Voucher, hex},
    upload::{early_parts, part_span},
    wire::{HeldPart, NewUpload, NewVideo, Problem, Upload},
    with_causes,
};

use super::{complain, say};
use crate::cli::Upload as Options;

use self::part::Sender;

/// Parts at once.
const PARALLEL: usize = 3;
/// Tries of one call or part: with growing pauses about two minutes.
pub(crate) const TRIES: u32 = 9;
/// The longest wait that the site is granted, where it asks for one, before the next try.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A line that takes or brings nothing for so long is dead.
const STALL: Duration = Duration::from_secs(60);
/// Rounds of sending what the site says is missing.
const ROUNDS: usize = 3;

/// Sends all files, one after the other.
pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let site = options.server.trim_end_matches('/');
    let base = address(site)?;
    let token = std::fs::read_to_string(&options.token_file)
        .with_context(|| format!("cannot read --token-file {}", options.token_file.display()))?;
    let http = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .tcp_user_timeout(STALL)
        .read_timeout(STALL)
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let caller = Caller {
        token: token.lines().next().map(|line| line.trim().to_owned()),
        voucher: Voucher {
            address: Ipv4Addr::UNSPECIFIED.into(),
            request_id: String::new(),
        },
    };
    let api = ApiClient::from_outside(&base, http.clone()).as_caller(caller);
    let me = patiently(|| api.me())
        .await
        .map_err(|error| explain(site, &error))?;
    let mut failed = 0;
    for file in &options.files {
        let sent = async {
            let work = Work::open(&api, &http, site, file).await?;
            work.send(options).await
        };
        match sent.await {
            Ok(address) => say(format!("{}  {address}", file.display())),
            Err(error) => {
                failed += 1;
                complain(&error.context(format!("{} was not uploaded", file.display())));
            }
        }
    }
    if failed > 0 {
        let all = options.files.len();
        return Err(anyhow!(
            "{failed} of {all} files are not on the site (signed in as {}). Run the command again \
             with those that are missing: what the site holds of them is not sent twice",
            me.name
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the site is. Without its scheme a host and port are an address too, of nothing.
fn address(site: &str) -> anyhow::Result<Uri> {
    let base: Option<Uri> = site.parse().ok();
    base.filter(|it| matches!(it.scheme_str(), Some("http" | "https")) && it.host().is_some())
        .with_context(|| {
            format!("--server {site:?} is not an address such as https://videos.example")
        })
}

fn explain(site: &str, error: &ClientError) -> anyhow::Error {
    match error.status() {
        Some(401) => anyhow!(
            "{site} does not know this token: sign in again with POST /api/v1/sessions and keep the \
             answer's token in the file"
        ),
        _ => anyhow!("{site}: {}", with_causes(error)),
    }
}

/// Repeats a call over a bad line and a busy site.
async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    for attempt in 0.. {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let passing = match &error {
            ClientError::Problem(problem) => match problem.known() {
                Some(code) => code.retry() == Retry::Yes,
                None => problem.status == 429 || problem.status >= 500 && problem.status != 507,
            },
            ClientError::Unreachable(_) | ClientError::TimedOut => true,
            ClientError::Unreadable(..) => false,
        };
        if !passing || attempt + 1 >= TRIES {
            return Err(error);
        }
        let asked = error.problem().and_then(|problem| problem.retry_after);
        let asked = Duration::from_secs(asked.unwrap_or(0)).min(LONGEST_WAIT);
        let pause = pause(attempt).max(asked);
        // One failure is nothing to tell; who waits longer has to know for what.
        if attempt > 0 {
            complain(&anyhow!(
                "{}; trying again in {} s",
                with_causes(&error),
                pause.as_secs()
            ));
        }
        tokio::time::sleep(pause).await;
    }
    unreachable!("the last try returns")
}

/// 1, 2, 4 … 16 seconds.
pub(crate) fn pause(attempt: u32) -> Duration {
    Duration::from_secs(1 << attempt.min(4))
}

/// One file on its way.
struct Work<'a> {
    api: &'a ApiCaller,
    http: &'a reqwest::Client,
    site: &'a str,
    path: &'a Path,
    name: String,
    size: u64,
    fingerprint: String,
}

impl<'a> Work<'a> {
    async fn open(
        api: &'a ApiCaller,
        http: &'a reqwest::Client,
        site: &'a str,
        path: &'a Path,
    ) -> anyhow::Result<Self> {
        let found = tokio::fs::metadata(path).await?;
        if !found.is_file() {
            return Err(anyhow!("this is not a file"));
        }
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        Ok(Self {
            api,
            http,
            site,
            path,
            size: found.len(),
            fingerprint: fingerprint(&name, &found),
            name,
        })
    }

    /// The video's page.
    async fn send(&self, options: &Options) -> anyhow::Result<String> {
        let upload = self.upload(options).await?;
        let bar = self.bar();
        for _ in 0..ROUNDS {
            let held = patiently(|| self.api.parts(upload.id)).await?;
            self.verify(&upload, &held).await?;
            let held: BTreeSet<u32> = held.iter().map(|part| part.number).collect();
            self.send_missing(&upload, &held, &bar).await?;
            if self.complete(upload.id).await? {
                bar.finish_and_clear();
                return Ok(format!("{}/v/{}", self.site, upload.video_id));
            }
        }
        Err(anyhow!("the site lost parts that it had accepted"))
    }

    /// The open upload of this very file, or a new one for a new video.
    async fn upload(&self, options: &Options) -> anyhow::Result<Upload> {
        let open = patiently(|| self.api.uploads()).await?;
        let same = |it: &Upload| it.fingerprint == self.fingerprint && it.size == self.size;
        if let Some(upload) = open.into_iter().find(same) {
            return Ok(upload);
        }
        let stem = Path::new(&self.name).file_stem();
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
        let title = options.title.clone().or(stem).unwrap_or_default();
        let video = NewVideo {
            title,
            description: String::new(),
            visibility: options.visibility,
            publish_as: None,
        };
        // A video id's letters serve as a key: nobody else has them.
        let key = VideoId::random(&OsEntropy).to_string();
        let video = patiently(|| self.api.create_video_once(&video, &key)).await?;
        let new = NewUpload {
            video_id: video.id,
            file_name: self.name.clone(),
            size: self.size,
            content_type: String::new(),
            fingerprint: self.fingerprint.clone(),
            part_size: None,
        };
        match patiently(|| self.api.create_upload(&new)).await {
            Ok(upload) => Ok(upload),
            Err(error) => {
                // An empty draft is of no use to anybody.
                let _ = self.api.purge_video(video.id).await;
                Err(error.into())
            }
        }
    }

    /// Another file of the same name, size and time would make a broken video.
    async fn verify(&self, upload: &Upload, held: &[HeldPart]) -> anyhow::Result<()> {
        let Some((part, wanted)) = held
            .iter()
            .find_map(|it| Some((it.number, it.sha256.as_ref()?)))
        else {
            return Ok(());
        };
        let span = part_span(part, upload.size, upload.part_size)
            .ok_or_else(|| anyhow!("the site has a part that does not exist in this file"))?;
        let mut file = tokio::fs::File::open(self.path).await?;
        file.seek(std::io::SeekFrom::Start(span.offset)).await?;
        let (mut left, mut digest) = (file.take(span.size), Sha256::new());
        let mut buffer = vec![0; 1 << 16];
        loop {
            match left.read(&mut buffer).await? {
                0 => break,
                count => digest.update(&buffer[..count]),
            }
        }
        if hex(&digest.finalize()) == *wanted {
            return Ok(());
        }
        Err(anyhow!(
            "the site has parts of another file with the same name and size; cancel that upload under My videos"
        ))
    }

    async fn send_missing(
        &self,
        upload: &Upload,
        held: &BTreeSet<u32>,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        let count = u32::try_from(upload.size.div_ceil(upload.part_size))?;
        let span = |number| part_span(number, upload.size, upload.part_size);
        let there = held
            .iter()
            .filter_map(|&number| Some(span(number)?.size))
            .sum();
        bar.set_position(there);
        let sender = Sender::new(self.api, self.http, self.site, self.path, bar);
        // The beginning and the end first: by them the site shows the film while the rest comes.
        let early = early_parts(upload.size, upload.part_size);
        let rest = (1..=count).filter(|number| !early.contains(number));
        let missing = early.iter().copied().chain(rest);
        let missing = missing.filter(|number| !held.contains(number));
        let missing = missing.filter_map(|number| Some((number, span(number)?)));
        stream::iter(missing)
            .map(|(number, span)| sender.send(upload.id, number, span))
            .buffer_unordered(PARALLEL)
            .try_collect::<()>()
            .await
    }

    /// Whether it is whole; not where the site misses parts.
    async fn complete(&self, id: UploadId) -> anyhow::Result<bool> {
        match patiently(|| self.api.complete_upload(id)).await {
            Ok(()) => Ok(true),
            Err(error) => match error.problem().and_then(Problem::known) {
                Some(Code::UploadPartMissing) => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    /// Shown where a person looks on.
    fn bar(&self) -> ProgressBar {
        let style = "{msg}  {wide_bar}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta}";
        let style = ProgressStyle::with_template(style);
        let bar = ProgressBar::new(self.size).with_message(self.name.clone());
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

/// As browsers make it, so that either can resume the other's upload.
fn fingerprint(name: &str, found: &Metadata) -> String {
    let changed = found.modified().ok();
    let changed = changed.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let millis = changed.map_or(0, |since| since.as_millis());
    let text = format!("{}-{millis}-{name}", found.len());
    text.chars().take(128).collect()
}

//! Trying out a configured bucket: what a site will do with it, in small, and what to do where it
//! does not work. Everything that is written is removed again.

mod abort_rule;
mod browsers;

use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{Method, header};
use virga_core::{Clock, MediaKey, OsEntropy, SystemClock, Timestamp, UploadId, VideoId};

use super::{
    BucketStore, Dialect, MIB,
    client::BucketRequest,
    retry::{broken, unavailable},
    write, xml,
};
use virga_objects::{MediaStore, MultipartSessions, ObjectError, UploadPlan};

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What it is about: one word or two.
    pub about: &'static str,
    /// How it went.
    pub outcome: Outcome,
}

/// How a thing went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it must; what was seen.
    Right(String),
    /// Not so: what is wrong and what to do.
    Wrong(String),
    /// It works without, but less well: what is missing and what to do.
    Lacking(String),
    /// Was wrong or lacking and is right now.
    Mended(String),
    /// Not tried, and why.
    Skipped(String),
}

/// What may be set right.
#[derive(Clone, Debug, Default)]
pub struct ProbeOptions {
    /// Sets CORS and the abort rule where they are not as they should be.
    pub fix: bool,
    /// The origins of the site's pages; none: CORS is not tried.
    pub origins: Vec<String>,
}

/// Signed requests are refused beyond this difference of clocks.
const SKEW: Duration = Duration::from_secs(15 * 60);
/// And this much is worth a word.
const DRIFT: Duration = Duration::from_secs(60);
/// Where the error itself says what to do, that is said in place of the remedy at hand.
fn wrong(error: &ObjectError, remedy: &str) -> Outcome {
    let code = match error {
        ObjectError::Bucket { code, .. } | ObjectError::Denied { code } => code.as_str(),
        _ => "",
    };
    let remedy = match code {
        "PublicEndpointForbidden" => {
            "Aliyun gives this account's data out at public names of its own no more: let \
             objects.endpoint be the region's internal one (oss-REGION-internal.aliyuncs.com), or a \
             domain that is bound to the bucket, with objects.addressing = \"domain\""
        }
        "SecondLevelDomainForbidden" => "Set objects.addressing = \"virtual\"",
        "UserDisable" => "The account is out of credit or locked: check the service's console",
        _ => remedy,
    };
    Outcome::Wrong(format!("{error}. {remedy}"))
}

impl BucketStore {
    /// Tries everything; in under a minute where the bucket answers at all.
    pub async fn probe(&self, options: &ProbeOptions) -> Vec<Probe> {
        let mut probes = Vec::new();
        let mut told = |about, outcome| probes.push(Probe { about, outcome });
        let clock = self.probe_clock().await;
        let away = matches!(clock, Outcome::Wrong(_));
        told("clock", clock);
        if away {
            return probes;
        }
        let reach = self.probe_reach().await;
        let refused = matches!(reach, Outcome::Wrong(_));
        told("signature", reach);
        if refused {
            return probes;
        }
        let entropy = OsEntropy;
        let (video, upload) = (VideoId::random(&entropy), UploadId::random(&entropy));
        let small = MediaKey::presentation(video);
        told("objects", self.probe_objects(&small).await);
        told("ranges", self.probe_ranges(&small).await);
        told("create-only", self.probe_create_only().await);
        told("multipart", self.probe_multipart(video, upload).await);
        if self.public.is_some() {
            if let Some(outcome) = self.probe_domain() {
                told("custom domain", outcome);
            }
            told("presign", self.probe_presign(&small).await);
            told("form", self.probe_form(&small).await);
            told("cors", self.probe_cors(&small, options).await);
        } else {
            let why =
                "objects.public_endpoint is not set: browsers send and fetch through the site";
            told("presign", Outcome::Skipped(why.to_owned()));
            told("form", Outcome::Skipped(why.to_owned()));
            told("cors", Outcome::Skipped(why.to_owned()));
        }
        told("abort rule", self.probe_abort_rule(options.fix).await);
        let _ = self.abort(upload).await;
        let removed = self.delete_prefix(&MediaKey::prefix(video)).await;
        if let Err(error) = removed {
            let what = "Remove the objects just written under v/ by hand";
            told("removal", wrong(&error, what));
        }
        probes
    }

    /// Every answer contains the bucket's own time, even a refusal.
    async fn probe_clock(&self) -> Outcome {
        const DOING: &str = "reach the bucket";
        let url = self.client.address.of("", &[]);
        let asked = self
            .client
            .http
            .head(&url)
            .timeout(Duration::from_secs(10))
            .send();
        let answer = match asked.await {
            Ok(answer) => answer,
            Err(error) => {
                let error = broken(DOING, error);
                return wrong(
                    &error,
                    "Check objects.endpoint, that its name is known here, and what lies between \
                     (security group, firewall, objects.proxy)",
                );
            }
        };
        let date = answer
            .headers()
            .get(header::DATE)
            .and_then(|it| it.to_str().ok());
        let theirs = xml::header_moment(date);
        if theirs == Timestamp::default() {
            return Outcome::Lacking("the bucket does not report its time".to_owned());
        }
        let ours = SystemClock.now();
        let apart = ours.since(theirs).max(theirs.since(ours));
        let seconds = apart.as_secs();
        if apart > SKEW {
            Outcome::Wrong(format!(
                "this machine's clock and the bucket's differ by {seconds} s; signatures allow 900 s. \
                 Set this machine's time, for instance with systemd-timesyncd"
            ))
        } else if apart > DRIFT {
            Outcome::Lacking(format!(
                "the clocks differ by {seconds} s. Synchronise this machine with systemd-timesyncd or chrony"
            ))
        } else {
            Outcome::Right(format!("{seconds} s apart"))
        }
    }

    async fn probe_reach(&self) -> Outcome {
        let prefix = BucketRequest::new(Method::GET, "", "list objects")
            .query("list-type", "2")
            .query("max-keys", "1");
        match self.client.fetch_document::<xml::ObjectPage>(prefix).await {
            Ok(_) => {
                Outcome::Right("signature version 4 is accepted, the bucket exists".to_owned())
            }
            Err(error) => wrong(&error, reach_remedy(&error)),
        }
    }

    async fn probe_objects(&self, key: &MediaKey) -> Outcome {
        let tried = async {
            self.put(key, Bytes::from_static(b"0123456789")).await?;
            let read = self.read_all(key, 99).await?;
            let listed = self
                .list(&MediaKey::prefix(key.video()?))
                .try_next()
                .await?;
            Ok((
                read == "0123456789",
                listed.is_some_and(|it| it.key == *key),
            ))
        };
        match tried.await {
            Ok((true, true)) => Outcome::Right("written, read, listed".to_owned()),
            Ok((read, listed)) => Outcome::Wrong(format!(
                "what was written is {} and {}. Virga needs a store that shows at once what it took",
                if read { "read" } else { "not read as it was" },
                if listed { "listed" } else { "not listed" },
            )),
            Err(error) => {
                let error: ObjectError = error;
                wrong(
                    &error,
                    "The account must be allowed to read, write, list and delete",
                )
            }
        }
    }

    async fn probe_ranges(&self, key: &MediaKey) -> Outcome {
        let tried = async {
            let middle = self.read(key, 2..5).await?;
            Ok::<_, ObjectError>((middle == "234", self.read(key, 8..12).await))
        };
        match tried.await {
            Ok((true, Err(ObjectError::OutOfRange { size: 10 }))) => {
                Outcome::Right("ranges work, and one beyond the end is refused".to_owned())
            }
            Ok(_) => Outcome::Wrong(
                "ranges are not answered as they should be. Look for a proxy or cache in between \
                 that drops the header Range"
                    .to_owned(),
            ),
            Err(error) => wrong(&error, "Look for a proxy or cache in between"),
        }
    }

    async fn probe_create_only(&self) -> Outcome {
        let key = write::scratch_key();
        let put = |text| {
            let kind = "application/octet-stream";
            write::put(&self.client, &key, kind, Bytes::from_static(text), true)
        };
        let first = put(b"first").await;
        let second = put(b"second").await;
        let removed = write::delete(&self.client, &key).await;
        match (first, second, removed) {
            (Ok(()), Err(ObjectError::Conflict(_)), Ok(())) => {
                Outcome::Right("a second writer is refused".to_owned())
            }
            (Ok(()), Ok(()), _) => {
                let (name, remedy) = match self.client.dialect {
                    Dialect::Oss => (
                        "x-oss-forbid-overwrite",
                        "OSS does so in a bucket that keeps versions or has kept some: use one that \
                         never did",
                    ),
                    Dialect::S3 | Dialect::Kodo => (
                        "If-None-Match",
                        "Use a service or version that supports conditional writes",
                    ),
                };
                Outcome::Wrong(format!(
                    "{name} is ignored: of two that open one upload at once, both win and parts may \
                     be lost. {remedy}"
                ))
            }
            (first, second, removed) => {
                let error = first.and(second).and(removed).err();
                let error = error.unwrap_or_else(|| unavailable("write an object", "no reason"));
                let remedy = match self.client.dialect {
                    Dialect::Kodo => "Check objects.kodo_upload_endpoint and objects.kodo_bucket",
                    _ => "Use a service or version that supports conditional writes",
                };
                wrong(&error, remedy)
            }
        }
    }

    async fn probe_multipart(&self, video: VideoId, upload: UploadId) -> Outcome {
        let key = MediaKey::source(video, upload);
        let plan = UploadPlan::new(&key, 5 * MIB + 10, 5 * MIB);
        let tried = async {
            self.create(upload, &plan).await?;
            for number in [2, 1] {
                let span = plan.span(number).ok_or(ObjectError::WrongPart)?;
                let size = usize::try_from(span.size).unwrap_or(0);
                let body = futures_util::stream::iter([Ok(Bytes::from(vec![7; size]))]);
                self.put_part(upload, number, span, Box::pin(body)).await?;
            }
            let held = self.list_parts(upload).await?.bytes();
            let open = self.client.uploads(key.as_str()).await?.len();
            self.complete(upload, &plan).await?;
            self.complete(upload, &plan).await?;
            let size = self.stat(&key).await?.size;
            Ok::<_, ObjectError>((held == plan.total, open == 1, size == plan.total))
        };
        match tried.await {
            Ok((true, true, true)) => {
                Outcome::Right("parts in any order, listed, completed twice".to_owned())
            }
            Ok((held, open, whole)) => Outcome::Wrong(format!(
                "parts held are listed: {held}, open uploads are listed: {open}, the object is \
                 whole: {whole}. Use a service that keeps to S3's multipart uploads"
            )),
            Err(error) => wrong(
                &error,
                "The account must be allowed to list and abort multipart uploads as well",
            ),
        }
    }
}

fn reach_remedy(error: &ObjectError) -> &'static str {
    match error {
        ObjectError::Denied { code } if code == "SignatureDoesNotMatch" => {
            "The secret key is not that of the access key, objects.region is another, or something in between changes requests"
        }
        ObjectError::Denied { code } if code == "InvalidAccessKeyId" => {
            "The service does not know this access key: check objects.access_key_file"
        }
        ObjectError::Denied { .. } => {
            "Check objects.access_key_file, objects.secret_key_file, the account's rights, and that objects.endpoint is of the bucket's region"
        }
        ObjectError::Bucket { status: 404, .. } => {
            "Check objects.bucket; with objects.addressing = \"path\" the service must take the name in the path"
        }
        ObjectError::Bucket {
            status: 301 | 307 | 400,
            ..
        } => {
            "Check objects.region and objects.endpoint; a service that answers SecondLevelDomainForbidden wants objects.addressing = \"virtual\""
        }
        _ => "Check objects.endpoint, objects.region, objects.bucket and objects.addressing",
    }
}

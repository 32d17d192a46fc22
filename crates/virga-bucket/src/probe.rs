//! Trying out a configured bucket: what a site will do with it, in small, and what to do where it
//! does not work. Everything that is written is removed again.

use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::{Method, StatusCode, header};
use virga_core::{
    Clock, Entropy, MediaKey, OsEntropy, SystemClock, Timestamp, UploadId, VideoId,
    upload::part_span,
};

use super::{
    BucketAddressing, BucketStore, Dialect, MIB,
    client::{Ask, SHORT, broken, document, unavailable},
    kodo, write, xml,
};
use virga_objects::{
    CorsRule, DirectAccess, MediaStore, MultipartSessions, ObjectError, Result, SignedRequest,
    Validity,
};

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
/// The sweeper ends uploads of its own accord after 7 days without a part.
const ABORT_DAYS: u32 = 8;
const GOOD_FOR: Duration = Duration::from_secs(300);

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
                "this machine's clock and the bucket's differ by {seconds} s; signatures bear 900. \
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
        let prefix = Ask::new(Method::GET, "", "list objects")
            .query("list-type", "2")
            .query("max-keys", "1");
        match self.client.ask_document::<xml::ObjectPage>(prefix).await {
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

    /// What Aliyun asks of buckets in mainland China.
    fn probe_domain(&self) -> Option<Outcome> {
        let (endpoint, addressing) = self.options.public.as_ref()?;
        if self.client.dialect != Dialect::Oss {
            return None;
        }
        if *addressing == BucketAddressing::Domain {
            let seen = format!("browsers reach the bucket at {endpoint}");
            return Some(Outcome::Right(seen));
        }
        self.client.dialect.is_mainland_name(endpoint).then(|| {
            Outcome::Lacking(format!(
                "browsers reach the bucket at a name of Aliyun's. In mainland China it refuses that \
                 to accounts that began with OSS after 20 March 2025 (PublicEndpointForbidden), and \
                 lets others download only. Bind a domain with an ICP record to bucket {}, and set \
                 objects.public_endpoint to it with objects.public_addressing = \"domain\"",
                self.options.bucket
            ))
        })
    }

    async fn probe_create_only(&self) -> Outcome {
        let entropy: &dyn Entropy = &OsEntropy;
        let key = format!("u/.check-{}", virga_core::keys::hex(&entropy.bytes::<8>()));
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
        let (part, total) = (5 * MIB, 5 * MIB + 10);
        let tried = async {
            self.create(upload, &key, total, part).await?;
            for number in [2, 1] {
                let span = part_span(number, total, part).ok_or(ObjectError::WrongPart)?;
                let size = usize::try_from(span.size).unwrap_or(0);
                let body = futures_util::stream::iter([Ok(Bytes::from(vec![7; size]))]);
                self.put_part(upload, number, span, Box::pin(body)).await?;
            }
            let held = self.list_parts(upload).await?.bytes();
            let open = self.client.uploads(key.as_str()).await?.len();
            self.complete(upload, &key, total, part).await?;
            self.complete(upload, &key, total, part).await?;
            Ok::<_, ObjectError>((
                held == total,
                open == 1,
                self.stat(&key).await?.size == total,
            ))
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

    /// What a browser does, from here.
    async fn browse(&self, signed: &SignedRequest, body: Bytes) -> Result<StatusCode> {
        let method = signed.method.parse().unwrap_or(Method::GET);
        let asked = self.client.http.request(method, &signed.url).body(body);
        let answer = asked.timeout(Duration::from_secs(15)).send().await;
        let answer = answer.map_err(|error| broken("use a signed address", error))?;
        Ok(answer.status())
    }

    async fn probe_presign(&self, key: &MediaKey) -> Outcome {
        let good = Validity {
            from: SystemClock.now(),
            lasts: GOOD_FOR,
        };
        let past = Validity {
            from: SystemClock.now().minus(GOOD_FOR * 2),
            lasts: GOOD_FOR,
        };
        let tried = async {
            let get = self
                .browse(&self.sign_get(key, good).await?, Bytes::new())
                .await?;
            let late = self
                .browse(&self.sign_get(key, past).await?, Bytes::new())
                .await?;
            let put = self.sign_put(key, 10, good).await?;
            let longer = self.browse(&put, Bytes::from_static(b"01234567890")).await;
            let right = self.browse(&put, Bytes::from_static(b"0123456789")).await?;
            Ok::<_, ObjectError>((get, late, longer, right))
        };
        let remedy = "Check objects.public_endpoint and objects.public_addressing. A bucket in mainland \
             China is served to browsers through a custom domain only: bind one, and set it \
             with objects.public_addressing = \"domain\"";
        match tried.await {
            Ok((get, late, longer, put)) => {
                let longer_refused = !longer.is_ok_and(|status| status.is_success());
                if get.is_success() && put.is_success() && !late.is_success() && longer_refused {
                    Outcome::Right(
                        "a signed address works, for its time and its size only".to_owned(),
                    )
                } else if late.is_success() || !longer_refused {
                    Outcome::Wrong(
                        "the bucket takes addresses that are over, or bodies of another size: it does \
                         not check signatures. Do not use it"
                            .to_owned(),
                    )
                } else {
                    Outcome::Wrong(format!("reading gives {get}, writing {put}. {remedy}"))
                }
            }
            Err(error) => wrong(&error, remedy),
        }
    }

    /// Sends a form as a browser does, first with a byte too many.
    async fn probe_form(&self, key: &MediaKey) -> Outcome {
        let good = Validity {
            from: SystemClock.now(),
            lasts: GOOD_FOR,
        };
        let tried = async {
            let form = self.sign_form(key, 10, good, None).await?;
            let fields: Vec<_> = form.fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let send = async |file: &[u8]| {
                let (kind, body) = kodo::form_body(&fields, key.content_type(), file);
                let asked = self.client.http.post(&form.url).body(body);
                let asked = asked.header(header::CONTENT_TYPE, kind).timeout(SHORT);
                let answer = asked.send().await;
                let answer = answer.map_err(|error| broken("send a form", error))?;
                Ok::<_, ObjectError>(answer.status())
            };
            let longer = send(b"01234567890").await;
            Ok::<_, ObjectError>((longer, send(b"0123456789").await?))
        };
        let remedy = "Check objects.public_endpoint, on Kodo objects.kodo_upload_endpoint and \
                      objects.kodo_bucket, and that the service takes forms with a policy";
        match tried.await {
            Ok((Ok(longer), _)) if longer.is_success() => Outcome::Wrong(
                "a form takes a file of another size than was signed. Do not use this service"
                    .to_owned(),
            ),
            Ok((_, status)) if status.is_success() => {
                Outcome::Right("a signed form works, for its size only".to_owned())
            }
            Ok((_, status)) => Outcome::Wrong(format!("a signed form gives {status}. {remedy}")),
            Err(error) => wrong(&error, remedy),
        }
    }

    async fn probe_cors(&self, key: &MediaKey, options: &ProbeOptions) -> Outcome {
        if options.origins.is_empty() {
            return Outcome::Skipped("http.public_url is not set: no origin to try".to_owned());
        }
        let remedy = "Run `virga store check --fix`, or allow these origins GET, HEAD, PUT and POST \
                      with the headers range and content-type, exposing ETag, Content-Range and \
                      Content-Length";
        match self.cors_missing(key, &options.origins).await {
            Ok(None) => {
                return Outcome::Right("the site is allowed, another origin is not".to_owned());
            }
            Ok(Some(missing)) if !options.fix => {
                return Outcome::Wrong(format!("{missing}. {remedy}"));
            }
            Err(error) if !options.fix => return wrong(&error, remedy),
            _ => {}
        }
        let rule = CorsRule::of_site(options.origins.clone());
        if let Err(error) = self.set_cors(&[rule]).await {
            return wrong(
                &error,
                "Set it at the service's console: this account or API may not",
            );
        }
        match self.cors_missing(key, &options.origins).await {
            Ok(None) => {
                Outcome::Mended("the site is allowed now, another origin is not".to_owned())
            }
            Ok(Some(missing)) => Outcome::Wrong(format!("set, and still {missing}")),
            Err(error) => wrong(&error, remedy),
        }
    }

    /// Asks as a browser will; what is not as it must be.
    async fn cors_missing(&self, key: &MediaKey, origins: &[String]) -> Result<Option<String>> {
        let good = Validity {
            from: SystemClock.now(),
            lasts: GOOD_FOR,
        };
        let url = self.sign_get(key, good).await?.url;
        let ask = |method: Method, origin: &str| {
            let asked = self
                .client
                .http
                .request(method, &url)
                .header(header::ORIGIN, origin);
            asked
                .header(header::RANGE, "bytes=0-3")
                .timeout(Duration::from_secs(15))
        };
        let failed = |error| broken("ask as a browser", error);
        for origin in origins {
            for method in ["GET", "PUT"] {
                let asked = ask(Method::OPTIONS, origin)
                    .header(header::ACCESS_CONTROL_REQUEST_METHOD, method)
                    .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "range");
                let answer = asked.send().await.map_err(failed)?;
                if !answer.status().is_success() || !allows(&answer, origin) {
                    return Ok(Some(format!("{origin} may not {method} with a range")));
                }
            }
            let answer = ask(Method::GET, origin).send().await.map_err(failed)?;
            let exposed = text(&answer, header::ACCESS_CONTROL_EXPOSE_HEADERS).to_lowercase();
            let wanted = ["etag", "content-range", "content-length"];
            if let Some(name) = wanted.iter().find(|name| !exposed.contains(**name)) {
                return Ok(Some(format!("{name} is not exposed to {origin}")));
            }
        }
        let stranger = "https://not-this-site.invalid";
        let answer = ask(Method::GET, stranger).send().await.map_err(failed)?;
        Ok(allows(&answer, stranger).then(|| "any other site may read as well".to_owned()))
    }

    async fn probe_abort_rule(&self, fix: bool) -> Outcome {
        let remedy = "Run `virga store check --fix`, or set a rule that aborts incomplete multipart uploads \
                      after 8 days; Virga's own sweeper ends those that it knows";
        let right = |days| Outcome::Right(format!("incomplete uploads end after {days} days"));
        let rules = match self.lifecycle().await {
            Ok(rules) => rules,
            Err(error) => return Outcome::Lacking(format!("{error}. {remedy}")),
        };
        match rules.abort_days() {
            Some(days) if days >= ABORT_DAYS => return right(days),
            Some(days) => {
                return Outcome::Wrong(format!(
                    "incomplete uploads end after {days} days, while people may go on with them \
                     for 7 days after each part. Let the rule wait {ABORT_DAYS} days"
                ));
            }
            None if !fix => return Outcome::Lacking(format!("no such rule. {remedy}")),
            None => {}
        }
        if !rules.rule.is_empty() {
            return Outcome::Lacking(format!(
                "the bucket has other rules, which were kept. {remedy} in addition"
            ));
        }
        let set = async {
            const DOING: &str = "set the abort rule";
            let body = Bytes::from(xml::abort_rule(self.client.dialect, ABORT_DAYS));
            let (name, digest) = write::content_md5(&body);
            let ask = Ask::new(Method::PUT, "", DOING).query("lifecycle", "");
            let answer = self.client.ask(ask.header(name, digest).body(body)).await?;
            document(DOING, answer).await?;
            Ok::<_, ObjectError>(self.lifecycle().await?.abort_days())
        };
        match set.await {
            Ok(Some(days)) => Outcome::Mended(format!("incomplete uploads end after {days} days")),
            Ok(None) => Outcome::Lacking(format!("set, but the bucket did not keep it. {remedy}")),
            Err(error) => Outcome::Lacking(format!("{error}. {remedy}")),
        }
    }

    async fn lifecycle(&self) -> Result<xml::Lifecycle> {
        let ask = Ask::new(Method::GET, "", "read the abort rule").query("lifecycle", "");
        match self.client.ask_document(ask).await {
            Err(ObjectError::Bucket { code, .. })
                if matches!(
                    code.as_str(),
                    "NoSuchLifecycleConfiguration" | "NoSuchLifecycle"
                ) =>
            {
                Ok(xml::Lifecycle::default())
            }
            rules => rules,
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

fn text(answer: &reqwest::Response, name: header::HeaderName) -> &str {
    let value = answer.headers().get(name).and_then(|it| it.to_str().ok());
    value.unwrap_or_default()
}

fn allows(answer: &reqwest::Response, origin: &str) -> bool {
    let allowed = text(answer, header::ACCESS_CONTROL_ALLOW_ORIGIN);
    allowed == "*" || allowed == origin
}

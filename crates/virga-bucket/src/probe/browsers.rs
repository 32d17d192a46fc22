//! What browsers will do with the bucket: signed addresses, forms, requests of other origins.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use virga_core::{Clock, MediaKey, SystemClock};
use virga_objects::{CorsRule, DirectAccess, ObjectError, Result, SignedRequest, Validity};

use super::{Outcome, ProbeOptions, wrong};
use crate::{
    BucketAddressing, BucketStore, Dialect, client::SHORT, retry::broken, write::file_form,
};

const GOOD_FOR: Duration = Duration::from_secs(300);

impl BucketStore {
    /// What Aliyun asks of buckets in mainland China.
    pub(super) fn probe_domain(&self) -> Option<Outcome> {
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

    /// What a browser does, from here.
    async fn browse(&self, signed: &SignedRequest, body: Bytes) -> Result<StatusCode> {
        let method = signed.method.parse().unwrap_or(Method::GET);
        let asked = self.client.http.request(method, &signed.url).body(body);
        let answer = asked.timeout(Duration::from_secs(15)).send().await;
        let answer = answer.map_err(|error| broken("use a signed address", error))?;
        Ok(answer.status())
    }

    pub(super) async fn probe_presign(&self, key: &MediaKey) -> Outcome {
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
    pub(super) async fn probe_form(&self, key: &MediaKey) -> Outcome {
        let good = Validity {
            from: SystemClock.now(),
            lasts: GOOD_FOR,
        };
        let tried = async {
            let form = self.sign_form(key, 10, good, None).await?;
            let send = async |file: &'static [u8]| {
                let fields = form
                    .fields
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()));
                let sent = file_form(fields, key.content_type(), Bytes::from_static(file))?;
                let asked = self.client.http.post(&form.url).multipart(sent);
                let answer = asked.timeout(SHORT).send().await;
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

    pub(super) async fn probe_cors(&self, key: &MediaKey, options: &ProbeOptions) -> Outcome {
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
        let request = |method: Method, origin: &str| {
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
                let asked = request(Method::OPTIONS, origin)
                    .header(header::ACCESS_CONTROL_REQUEST_METHOD, method)
                    .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "range");
                let answer = asked.send().await.map_err(failed)?;
                if !answer.status().is_success() || !allows(&answer, origin) {
                    return Ok(Some(format!("{origin} may not {method} with a range")));
                }
            }
            let answer = request(Method::GET, origin).send().await.map_err(failed)?;
            let exposed = text(&answer, header::ACCESS_CONTROL_EXPOSE_HEADERS).to_lowercase();
            let wanted = ["etag", "content-range", "content-length"];
            if let Some(name) = wanted.iter().find(|name| !exposed.contains(**name)) {
                return Ok(Some(format!("{name} is not exposed to {origin}")));
            }
        }
        let stranger = "https://not-this-site.invalid";
        let answer = request(Method::GET, stranger)
            .send()
            .await
            .map_err(failed)?;
        Ok(allows(&answer, stranger).then(|| "any other site may read as well".to_owned()))
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

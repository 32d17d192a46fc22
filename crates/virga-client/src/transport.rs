//! The two ways to the API: the router of this process, or HTTP over a socket.

use std::{convert::Infallible, fmt};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use tower::{ServiceExt, service_fn, util::BoxCloneSyncService};
use virga_core::{
    SharedClock,
    keys::{KeyRing, VOUCHER_HEADER, Voucher},
};

use crate::{ApiCaller, Caller, TransportError};

/// A body, both directions.
pub type Body = UnsyncBoxBody<Bytes, TransportError>;

/// The API's router of this process, with its bodies boxed. Requests carry the caller's
/// [`Voucher`] as an extension.
pub type InProcess = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

pub(crate) type Service = BoxCloneSyncService<Request<Body>, Response<Body>, TransportError>;

/// The way to the API. Cheap to clone; holds no viewer.
#[derive(Clone)]
pub struct ApiClient {
    service: Service,
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiClient")
    }
}

impl ApiClient {
    /// Calls the router of this process.
    pub fn in_process(service: InProcess) -> Self {
        let service = service.map_err(|never: Infallible| match never {});
        Self {
            service: BoxCloneSyncService::new(service),
        }
    }

    /// Calls `base` (`http://host:port`) over `http`, which should be built without a time limit
    /// of its own below 40 s. Vouchers are sealed with `keys`, which the API shares.
    pub fn over_http(base: &Uri, http: reqwest::Client, keys: KeyRing, clock: SharedClock) -> Self {
        Self::sealing(base, http, move |voucher| {
            Some(voucher.seal(&keys, clock.now()))
        })
    }

    /// The same for who is no part of the site: a token is all that it shows.
    pub fn from_outside(base: &Uri, http: reqwest::Client) -> Self {
        Self::sealing(base, http, |_| None)
    }

    fn sealing(
        base: &Uri,
        http: reqwest::Client,
        seal: impl Fn(&Voucher) -> Option<String> + Clone + Send + Sync + 'static,
    ) -> Self {
        let base = base.to_string().trim_end_matches('/').to_owned();
        let service = service_fn(move |request: Request<Body>| {
            let (http, url) = (http.clone(), format!("{base}{}", request.uri()));
            let sealed = request.extensions().get::<Voucher>().and_then(&seal);
            async move {
                let (mut head, body) = request.into_parts();
                if let Some(sealed) = sealed {
                    head.headers.insert(
                        VOUCHER_HEADER,
                        HeaderValue::from_str(&sealed).map_err(TransportError::new)?,
                    );
                }
                let body = body.collect().await?.to_bytes();
                let answer = http
                    .request(head.method, url)
                    .headers(head.headers)
                    .body(body)
                    .send()
                    .await
                    .map_err(TransportError::new)?;
                let answer: Response<reqwest::Body> = answer.into();
                Ok::<_, TransportError>(
                    answer.map(|body| body.map_err(TransportError::new).boxed_unsync()),
                )
            }
        });
        Self {
            service: BoxCloneSyncService::new(service),
        }
    }

    /// The calls, made for this viewer.
    pub fn as_caller(&self, caller: Caller) -> ApiCaller {
        ApiCaller::new(self.service.clone(), caller)
    }
}

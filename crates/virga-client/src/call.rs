//! One call: sends the request, waits up to a time limit, and separates refusals from faults.

use std::{fmt, pin::Pin, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use serde::{Serialize, de::DeserializeOwned};
use tower::ServiceExt;
use virga_core::{keys::Voucher, paths, wire::Problem};

use crate::{ClientError, Result, TransportError, transport::Service};

/// Limit of every call but the long poll.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// Longest answer read, bytes: a page of a list stays far below.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// For whom a call is made.
#[derive(Clone)]
pub struct Caller {
    /// The viewer's session token, from the page's cookie.
    pub token: Option<String>,
    /// The viewer's address and the request's id.
    pub voucher: Voucher,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("signed_in", &self.token.is_some())
            .field("voucher", &self.voucher)
            .finish()
    }
}

/// The API as one viewer sees it: one method a route.
#[derive(Clone)]
pub struct ApiCaller {
    service: Service,
    caller: Caller,
    device: Option<HeaderValue>,
}

impl fmt::Debug for ApiCaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ApiCaller").field(&self.caller).finish()
    }
}

impl ApiCaller {
    pub(crate) fn new(service: Service, caller: Caller) -> Self {
        Self {
            service,
            caller,
            device: None,
        }
    }

    /// The viewer's browser, by its own `User-Agent`: named in the list of an account's sessions.
    #[must_use]
    pub fn with_device(mut self, device: Option<HeaderValue>) -> Self {
        self.device = device;
        self
    }

    /// For whom the calls are made.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let path = format!("{}{path}", paths::API);
        let bytes = self.send(Method::GET, &path, None, LIMIT).await?;
        read(&path, &bytes)
    }

    pub(crate) async fn internal<T: DeserializeOwned>(
        &self,
        path: &str,
        limit: Duration,
    ) -> Result<T> {
        let bytes = self.send(Method::GET, path, None, limit).await?;
        read(path, &bytes)
    }

    /// A call with a JSON body that answers JSON.
    pub(crate) async fn exchange<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<T> {
        let path = format!("{}{path}", paths::API);
        let body = write(&path, body)?;
        let bytes = self.send(method, &path, Some(body), LIMIT).await?;
        read(&path, &bytes)
    }

    /// The same with one more header.
    pub(crate) async fn exchange_with<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
        (name, value): (HeaderName, &str),
    ) -> Result<T> {
        let path = format!("{}{path}", paths::API);
        let mut request = self.request(method, &path, Some(write(&path, body)?))?;
        let value = HeaderValue::from_str(value).map_err(|error| unreadable(&path, error))?;
        request.headers_mut().insert(name, value);
        read(&path, &self.call(request, &path, LIMIT).await?)
    }

    /// A call with a JSON body whose answer says no more than that it was done.
    pub(crate) async fn send_json<B: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<()> {
        let path = format!("{}{path}", paths::API);
        let body = write(&path, body)?;
        self.send(method, &path, Some(body), LIMIT).await?;
        Ok(())
    }

    /// A call to another role of the site.
    pub(crate) async fn post_internal<B: Serialize + Sync>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<()> {
        let body = write(path, body)?;
        self.send(Method::POST, path, Some(body), LIMIT).await?;
        Ok(())
    }

    /// A call without a body whose answer says no more than that it was done.
    pub(crate) async fn send_empty(&self, method: Method, path: &str) -> Result<()> {
        let path = format!("{}{path}", paths::API);
        self.send(method, &path, None, LIMIT).await?;
        Ok(())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        limit: Duration,
    ) -> Result<Bytes> {
        let request = self.request(method, path, body)?;
        self.call(request, path, limit).await
    }

    async fn call(
        &self,
        request: Request<crate::Body>,
        path: &str,
        limit: Duration,
    ) -> Result<Bytes> {
        let answer = answer(self.service.clone(), request, path.to_owned());
        tokio::time::timeout(limit, answer)
            .await
            .map_err(|_| ClientError::TimedOut)?
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Request<crate::Body>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(device) = &self.device {
            request = request.header(header::USER_AGENT, device);
        }
        if let Some(token) = &self.caller.token {
            // A cookie that cannot stand in a header is no session: the call goes out without.
            if let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {token}")) {
                bearer.set_sensitive(true);
                request = request.header(header::AUTHORIZATION, bearer);
            }
        }
        let body = Full::new(body.unwrap_or_default())
            .map_err(|never| match never {})
            .boxed_unsync();
        let mut request = request
            .body(body)
            .map_err(|error| unreadable(path, error))?;
        request.extensions_mut().insert(self.caller.voucher.clone());
        Ok(request)
    }
}

/// Boxed: the compiler cannot show that futures over the erased service's error are `Send`.
fn answer(
    service: Service,
    request: Request<crate::Body>,
    path: String,
) -> Pin<Box<dyn Future<Output = Result<Bytes>> + Send>> {
    Box::pin(async move {
        let answer = service
            .oneshot(request)
            .await
            .map_err(ClientError::Unreachable)?;
        let status = answer.status();
        let bytes = match Limited::new(answer.into_body(), ANSWER_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Err(unreadable(&path, error)),
        };
        if status.is_success() {
            Ok(bytes)
        } else {
            Err(refusal(&path, status, &bytes))
        }
    })
}

fn unreadable(
    what: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ClientError {
    ClientError::Unreadable(what.to_owned(), Some(TransportError::new(error)))
}

fn write<B: Serialize>(path: &str, body: &B) -> Result<Bytes> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| unreadable(path, error))
}

fn read<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| unreadable(path, error))
}

/// A balancer in between answers its own 502-504 without problem details: the API is not there.
fn refusal(path: &str, status: StatusCode, bytes: &[u8]) -> ClientError {
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) if matches!(status.as_u16(), 502..=504) => {
            ClientError::Unreachable(TransportError::new(format!("{path} answered {status}")))
        }
        Err(error) => unreadable(&format!("{path} (status {})", status.as_u16()), error),
    }
}

//! Someone who uses a site over HTTP.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::Clip;

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: reqwest::header::HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The problem's code.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The body of a problem without its request's id, which no two answers share.
    ///
    /// # Panics
    /// Where it has none.
    pub fn without_request_id(&self) -> Value {
        let mut problem = self.json();
        let id = problem
            .as_object_mut()
            .and_then(|it| it.remove("request_id"));
        assert!(id.is_some(), "{}", self.text());
        problem
    }

    /// Where it leads.
    ///
    /// # Panics
    /// Where it leads nowhere.
    pub fn location(&self) -> &str {
        let location = self.headers.get("location");
        let location = location.and_then(|it| it.to_str().ok());
        location.expect("an address to go on to")
    }

    /// Demands a status.
    ///
    /// # Panics
    /// Where it is another.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

/// A client, signed in or not.
#[derive(Clone, Debug)]
pub struct Person {
    base: String,
    token: Option<String>,
    http: reqwest::Client,
}

impl Person {
    /// Someone without an account at this address.
    ///
    /// # Panics
    /// Where no client can be made.
    pub fn new(base: impl Into<String>) -> Self {
        Self::at(base, None)
    }

    /// The same, from this address of the machine.
    ///
    /// # Panics
    /// Where no client can be made.
    pub fn at(base: impl Into<String>, address: Option<IpAddr>) -> Self {
        Self::by(base, |client| client.local_address(address))
    }

    /// The same, by way of a proxy.
    ///
    /// # Panics
    /// Where no client can be made.
    pub fn behind(proxy: &str) -> Self {
        let proxy = reqwest::Proxy::all(proxy).expect("a proxy's address");
        Self::by("", |client| client.proxy(proxy))
    }

    /// The same over https, at this port of the machine, trusting this root alone.
    ///
    /// # Panics
    /// Where no client can be made.
    pub fn over_https(
        host: &str,
        port: u16,
        root: reqwest::Certificate,
        from: Option<IpAddr>,
    ) -> Self {
        let address = ([127, 0, 0, 1], port).into();
        Self::by(format!("https://{host}:{port}"), |client| {
            let client = client.tls_certs_only([root]).resolve(host, address);
            client.tls_info(true).local_address(from)
        })
    }

    fn by(
        base: impl Into<String>,
        way: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // A site that was killed leaves dead connections behind; none is used twice.
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(60));
        let http = way(http).build().expect("a client");
        Self {
            base: base.into(),
            token: None,
            http,
        }
    }

    /// The session's token.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// The same client with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// Registers and signs in.
    ///
    /// # Panics
    /// Where that fails.
    pub async fn register(&self, name: &str) -> Self {
        let ask = json!({"name": name, "password": format!("{name} has a password")});
        let answer = self.post("/api/v1/users", ask).await.expect(201);
        self.with_token(answer.json()["token"].as_str().unwrap_or_default())
    }

    /// Makes the first administrator, `root`, by the token of a one-time link; `None` where the
    /// token holds no more.
    ///
    /// # Panics
    /// Where that fails otherwise.
    pub async fn set_up(&self, token: &str) -> Option<Self> {
        let ask = json!({"token": token, "name": "root", "password": "root has a password",
            "site_name": "Virga", "registration": "open"});
        let answer = self.post("/api/v1/setup", ask).await;
        if answer.status == StatusCode::FORBIDDEN {
            return None;
        }
        let session = answer.expect(201).json();
        Some(self.with_token(session["token"].as_str().unwrap_or_default()))
    }

    /// A request to a path (or full URL) of the site.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        // A bucket is told nothing of the site's sessions.
        let token = self.token.as_ref().filter(|_| url.starts_with(&self.base));
        let request = self.http.request(method, url);
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Panics
    /// Where there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    /// Sends a request that may break off.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer {
            status,
            headers,
            body: response.bytes().await?.to_vec(),
        })
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// The file that a video was made of, from wherever the site leads.
    pub async fn source(&self, video: &str) -> Answer {
        let mut answer = self.get(&format!("/api/v1/videos/{video}/source")).await;
        while answer.status == StatusCode::FOUND {
            answer = self.get(answer.location()).await;
        }
        answer
    }

    /// `POST` of JSON.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body))
            .await
    }

    /// `PATCH` of JSON.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body))
            .await
    }

    /// `PUT` of bytes.
    pub async fn put(&self, path: &str, body: Vec<u8>) -> Answer {
        self.send(self.request(Method::PUT, path).body(body)).await
    }

    /// `PUT` of JSON.
    pub async fn put_json(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A draft; its id.
    ///
    /// # Panics
    /// Where that fails.
    pub async fn draft(&self, title: &str, visibility: &str) -> String {
        let ask = json!({"title": title, "visibility": visibility});
        let answer = self.post("/api/v1/videos", ask).await.expect(201);
        answer.json()["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Opens an upload for a file of `size` bytes.
    ///
    /// # Panics
    /// Where that fails.
    pub async fn open_upload(&self, video: &str, size: usize) -> Value {
        let ask = json!({"video_id": video, "file_name": "clip.mp4", "size": size,
            "content_type": "video/mp4", "fingerprint": format!("clip.mp4/{size}/1")});
        self.post("/api/v1/uploads", ask).await.expect(201).json()
    }

    /// Where and how to send a part.
    ///
    /// # Panics
    /// Where that fails.
    pub async fn sign_part(&self, upload: &str, number: u32) -> Value {
        let path = format!("/api/v1/uploads/{upload}/parts/sign");
        let ask = json!({"numbers": [number]});
        self.post(&path, ask).await.expect(200).json()[0].clone()
    }

    /// The signed address of a part.
    ///
    /// # Panics
    /// Where that fails.
    pub async fn part_url(&self, upload: &str, number: u32) -> String {
        let signed = self.sign_part(upload, number).await;
        signed["url"].as_str().unwrap_or_default().to_owned()
    }

    /// Sends a part as it was signed: as a body, or in a form as browsers do.
    pub async fn send_part(&self, signed: &Value, bytes: &[u8]) -> Answer {
        const EDGE: &str = "virga-edge-5e1c";
        let url = signed["url"].as_str().unwrap_or_default();
        let Some(fields) = signed["fields"].as_array() else {
            return self.put(url, bytes.to_vec()).await;
        };
        let mut body = Vec::new();
        for field in fields {
            let (name, value) = (field["name"].as_str(), field["value"].as_str());
            let (name, value) = (name.unwrap_or_default(), value.unwrap_or_default());
            let head = format!("--{EDGE}\r\nContent-Disposition: form-data; name=\"{name}\"");
            body.extend_from_slice(format!("{head}\r\n\r\n{value}\r\n").as_bytes());
        }
        let head = "Content-Disposition: form-data; name=\"file\"; filename=\"blob\"";
        body.extend_from_slice(format!("--{EDGE}\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(format!("\r\n--{EDGE}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={EDGE}");
        let request = self.request(Method::POST, url).header("content-type", kind);
        self.send(request.body(body)).await
    }

    /// Sends every part of a file, without completing.
    ///
    /// # Panics
    /// Where a part is refused.
    pub async fn send_parts(&self, upload: &Value, bytes: &[u8]) {
        let id = upload["id"].as_str().unwrap_or_default();
        let part = usize::try_from(upload["part_size"].as_u64().unwrap_or(1)).unwrap_or(1);
        for (number, piece) in (1..).zip(bytes.chunks(part)) {
            let signed = self.sign_part(id, number).await;
            let put = self.send_part(&signed, piece).await;
            assert!(put.status.is_success(), "{}", put.text());
        }
    }

    /// Uploads a file to a fresh draft and completes it; the video's id.
    ///
    /// # Panics
    /// Where that fails.
    pub async fn upload(&self, title: &str, visibility: &str, bytes: &[u8]) -> String {
        let video = self.draft(title, visibility).await;
        self.fill(&video, bytes).await;
        video
    }

    /// Uploads a file to a draft and completes it.
    ///
    /// # Panics
    /// Where that fails.
    pub async fn fill(&self, video: &str, bytes: &[u8]) {
        let upload = self.open_upload(video, bytes.len()).await;
        self.send_parts(&upload, bytes).await;
        let id = upload["id"].as_str().unwrap_or_default();
        let path = format!("/api/v1/uploads/{id}/complete");
        let _ = self.post(&path, json!({})).await.expect(202);
    }

    /// Uploads a short clip and waits until it plays; the video's id.
    ///
    /// # Panics
    /// Where that fails.
    pub async fn playable(&self, title: &str, visibility: &str) -> String {
        let clip = Clip::default().bytes();
        let video = self.upload(title, visibility, &clip).await;
        self.wait_for(&video, &["playable", "ready"]).await;
        video
    }

    /// Waits until a video is in one of these states; the video.
    ///
    /// # Panics
    /// Where it does not get there in two minutes.
    pub async fn wait_for(&self, video: &str, states: &[&str]) -> Value {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let shown = self.get(&format!("/api/v1/videos/{video}")).await;
            let state = shown.json()["state"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if states.contains(&state.as_str()) {
                return shown.json();
            }
            assert!(
                Instant::now() < deadline,
                "still {state:?}: {}",
                shown.text()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a video is purged.
    ///
    /// # Panics
    /// Where it is not in two minutes.
    pub async fn wait_gone(&self, video: &str) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.get(&format!("/api/v1/videos/{video}")).await.status != StatusCode::NOT_FOUND {
            assert!(Instant::now() < deadline, "the video is still there");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until something answers here.
    ///
    /// # Panics
    /// Where nothing does in half a minute.
    pub async fn wait_until_answered(&self, path: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self
            .try_send(self.request(Method::GET, path))
            .await
            .is_err()
        {
            assert!(Instant::now() < deadline, "nobody answers");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until an address is refused; within seconds, as withdrawals must be.
    ///
    /// # Panics
    /// Where it still answers after five seconds.
    pub async fn wait_until_refused(&self, path: &str) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.get(path).await.status.is_success() {
            assert!(Instant::now() < deadline, "{path} still answers");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The playback answer of a video.
    ///
    /// # Panics
    /// Where it does not play.
    pub async fn playback(&self, video: &str) -> Value {
        self.get(&format!("/api/v1/videos/{video}/playback"))
            .await
            .expect(200)
            .json()
    }

    /// Every address that playing a video leads to: playlists, init segments, segments.
    ///
    /// # Panics
    /// Where a playlist cannot be read.
    pub async fn media_urls(&self, hls: &str) -> Vec<String> {
        let mut urls = vec![hls.to_owned()];
        let mut at = 0;
        while let Some(url) = urls.get(at).cloned() {
            at += 1;
            if !url.contains(".m3u8") {
                continue;
            }
            let text = self.get(&url).await.expect(200).text();
            for whole in playlist_addresses(&url, &text) {
                if !urls.contains(&whole) {
                    urls.push(whole);
                }
            }
        }
        urls
    }
}

/// The addresses in a playlist, each once, relative ones completed by its own.
pub fn playlist_addresses(playlist: &str, text: &str) -> Vec<String> {
    let folder = playlist.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for line in text.lines() {
        let uri = match line.split_once("URI=\"") {
            Some((_, rest)) => rest.split('"').next().unwrap_or_default(),
            None if line.starts_with('#') || line.is_empty() => continue,
            None => line,
        };
        let whole = if uri.starts_with('/') {
            uri.to_owned()
        } else {
            format!("{folder}/{uri}")
        };
        if !found.contains(&whole) {
            found.push(whole);
        }
    }
    found
}

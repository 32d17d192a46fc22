//! What was asked of the site, what it acknowledged, and what it did wrong.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use virga_testkit::{Answer, Person, sha256};

/// A request that is not done after so long, again and again, never is.
const PATIENCE: Duration = Duration::from_secs(180);

/// A video as the site acknowledged it.
#[derive(Clone, Debug)]
pub(crate) struct Film {
    /// Its owner.
    pub(crate) owner: Person,
    /// Which of the kinds it is of.
    pub(crate) kind: usize,
    /// SHA-256 of its file, once all of that is acknowledged.
    pub(crate) digest: Option<String>,
    /// The visibility acknowledged last, where no other was asked for since.
    pub(crate) visibility: Option<&'static str>,
    /// How often its visibility was changed, or may have been.
    pub(crate) changes: u64,
    /// Comments acknowledged.
    pub(crate) comments: u64,
    /// Its deletion was acknowledged.
    pub(crate) deleted: bool,
    /// Its state as seen last.
    pub(crate) state: String,
    /// Why it failed, in words.
    pub(crate) failure: String,
    /// The same as a code.
    pub(crate) code: String,
    /// What could not be made of it besides, as codes.
    pub(crate) warnings: Vec<String>,
    /// Its owner had it tried again.
    pub(crate) retried: bool,
}

impl Film {
    /// Whether all that was to be done with it is done.
    pub(crate) fn is_settled(&self) -> bool {
        self.deleted || matches!(self.state.as_str(), "ready" | "failed")
    }
}

/// Grows while it all runs.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    films: Mutex<BTreeMap<String, Film>>,
    /// What each address of a segment answered: a digest.
    bytes: Mutex<HashMap<String, String>>,
    asked: Mutex<BTreeMap<String, BTreeMap<String, u64>>>,
    wrong: Mutex<Vec<String>>,
    over: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Notes a violation.
    pub(crate) fn violation(&self, what: String) {
        let mut wrong = locked(&self.wrong);
        if !wrong.contains(&what) {
            wrong.push(what);
        }
    }

    /// All violations.
    pub(crate) fn violations(&self) -> Vec<String> {
        locked(&self.wrong).clone()
    }

    /// Requests by what was asked and what came of it.
    pub(crate) fn requests(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        locked(&self.asked).clone()
    }

    /// Ends the traffic.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Whether the traffic ended.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Every video.
    pub(crate) fn films(&self) -> Vec<(String, Film)> {
        let films = locked(&self.films);
        films
            .iter()
            .map(|(id, it)| (id.clone(), it.clone()))
            .collect()
    }

    /// A new video.
    pub(crate) fn add(&self, id: &str, film: Film) {
        if locked(&self.films).insert(id.to_owned(), film).is_some() {
            self.violation(format!("{id}: two videos have this id"));
        }
    }

    /// Changes what is known of a video.
    pub(crate) fn note(&self, id: &str, change: impl FnOnce(&mut Film)) {
        if let Some(film) = locked(&self.films).get_mut(id) {
            change(film);
        }
    }

    /// One address has one content, whoever packaged or encoded it, and when.
    pub(crate) fn same_bytes(&self, url: &str, body: &[u8]) {
        let address = without_grant(url);
        let digest = sha256(body);
        let mut bytes = locked(&self.bytes);
        let before = bytes
            .entry(address.clone())
            .or_insert_with(|| digest.clone());
        if *before != digest {
            let length = body.len();
            drop(bytes);
            self.violation(format!(
                "{address} answers other bytes now ({length} of them)"
            ));
        }
    }

    /// How many addresses are known.
    pub(crate) fn addresses(&self) -> usize {
        locked(&self.bytes).len()
    }

    /// Sends a request once; the answer, if there is a whole one.
    pub(crate) async fn ask(
        &self,
        what: &str,
        who: &Person,
        ask: RequestBuilder,
    ) -> Option<Answer> {
        let answer = who.try_send(ask).await;
        let outcome = match &answer {
            Ok(answer) if answer.status.is_success() || answer.status.is_redirection() => {
                "done".to_owned()
            }
            Ok(answer) => format!("{} {}", answer.status.as_u16(), answer.code()),
            Err(_) => "broken off".to_owned(),
        };
        let answer = answer.ok();
        if let Some(answer) = answer.as_ref().filter(|it| it.status == 500) {
            self.violation(format!("{what}: 500 {}", answer.text()));
        }
        let mut asked = locked(&self.asked);
        let outcomes = asked.entry(what.to_owned()).or_default();
        *outcomes.entry(outcome.trim_end().to_owned()).or_default() += 1;
        answer
    }

    /// Sends it again, as browsers do, until it is done or refused for good.
    pub(crate) async fn insist(
        &self,
        what: &str,
        who: &Person,
        ask: impl Fn() -> RequestBuilder,
    ) -> Option<Answer> {
        let began = Instant::now();
        let mut last = String::new();
        while began.elapsed() < PATIENCE {
            if let Some(answer) = self.ask(what, who, ask()).await {
                let status = answer.status;
                if !status.is_server_error() && status != 429 {
                    return Some(answer);
                }
                last = format!("{status} {}", answer.text());
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        self.violation(format!("{what} is never done: {last}"));
        None
    }

    /// `GET` until it is answered.
    pub(crate) async fn get(&self, what: &str, who: &Person, path: &str) -> Option<Answer> {
        self.insist(what, who, || who.request(Method::GET, path))
            .await
    }

    /// `POST` of JSON under a name of its own, so that doing it again does nothing twice.
    pub(crate) async fn post(
        &self,
        what: &str,
        who: &Person,
        path: &str,
        (key, body): (&str, &Value),
    ) -> Option<Answer> {
        let ask = || {
            let ask = who.request(Method::POST, path).json(body);
            if key.is_empty() {
                ask
            } else {
                ask.header("idempotency-key", key)
            }
        };
        self.insist(what, who, ask).await
    }
}

/// The address without what says who may use it, which changes by the hour.
fn without_grant(url: &str) -> String {
    let Some(at) = url.find("/media/g/") else {
        return url.to_owned();
    };
    let rest = &url[at + "/media/g/".len()..];
    let (_, path) = rest.split_once('/').unwrap_or_default();
    format!("/media/{path}")
}

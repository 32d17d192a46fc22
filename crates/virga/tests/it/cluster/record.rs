//! What was asked of a cluster, by many at once, and what came of it.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use virga_testkit::{Answer, Person};

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was done.
    Done,
    /// It was not done.
    Failed,
    /// It changes something, and whether it did nobody said.
    Unknown,
}

#[derive(Clone, Debug)]
struct Operation {
    began: Instant,
    ended: Instant,
    outcome: Outcome,
    said: String,
}

/// Requests in a stretch of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Stretch {
    pub(super) asked: usize,
    /// Those that were not done, or nobody said.
    pub(super) failed: Vec<String>,
}

/// Grows while the traffic runs.
#[derive(Debug, Default)]
pub(super) struct Record {
    operations: Mutex<Vec<Operation>>,
    wrong: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl Record {
    /// Sends a request; the answer, where it has the right status.
    pub(super) async fn ask(
        &self,
        what: &str,
        who: &Person,
        request: reqwest::RequestBuilder,
        right: &[u16],
    ) -> Option<Answer> {
        let began = Instant::now();
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let reads = request.method() == reqwest::Method::GET;
        let request = reqwest::RequestBuilder::from_parts(client, request);
        let answer = who.try_send(request).await;
        let (outcome, said) = match &answer {
            Ok(answer) if right.contains(&answer.status.as_u16()) => (Outcome::Done, String::new()),
            Ok(answer) if reads || answer.status == 503 || answer.status.is_client_error() => {
                (Outcome::Failed, answer.status.to_string())
            }
            Err(error) if reads => (Outcome::Failed, format!("{error:?}")),
            Ok(answer) => (Outcome::Unknown, answer.status.to_string()),
            Err(error) => (Outcome::Unknown, format!("{error:?}")),
        };
        let operation = Operation {
            began,
            ended: Instant::now(),
            outcome,
            said: format!("{what}: {outcome:?} {said}"),
        };
        self.operations.lock().unwrap().push(operation);
        answer.ok().filter(|_| outcome == Outcome::Done)
    }

    /// Sends it again until it is done, as a browser does.
    pub(super) async fn insist(
        &self,
        what: &str,
        who: &Person,
        request: impl Fn() -> reqwest::RequestBuilder,
        right: &[u16],
    ) -> Answer {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(answer) = self.ask(what, who, request(), right).await {
                return answer;
            }
            assert!(Instant::now() < until, "{what} is never done");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Notes something that must never be.
    pub(super) fn complain(&self, wrong: String) {
        self.wrong.lock().unwrap().push(wrong);
    }

    /// What was noted.
    pub(super) fn complaints(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    /// Ends the traffic.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Whether it ended.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// What was still open at `from`, or asked between `from` and `to`.
    pub(super) fn between(&self, from: Instant, to: Option<Instant>) -> Stretch {
        let operations = self.operations.lock().unwrap();
        let within = operations.iter().filter(|operation| {
            operation.ended >= from && to.is_none_or(|to| operation.began < to)
        });
        let mut stretch = Stretch::default();
        for operation in within {
            stretch.asked += 1;
            if operation.outcome != Outcome::Done {
                stretch.failed.push(operation.said.clone());
            }
        }
        stretch
    }

    /// What was asked at `from` or later.
    pub(super) fn since(&self, from: Instant) -> Stretch {
        let operations = self.operations.lock().unwrap();
        let later = operations
            .iter()
            .filter(|operation| operation.began >= from);
        let mut stretch = Stretch::default();
        for operation in later {
            stretch.asked += 1;
            if operation.outcome != Outcome::Done {
                stretch.failed.push(operation.said.clone());
            }
        }
        stretch
    }

    /// Waits until this many were asked after `from`.
    pub(super) async fn until_asked(&self, from: Instant, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.since(from).asked < count {
            assert!(Instant::now() < deadline, "the traffic stands still");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the site does all that it is asked again.
    pub(super) async fn until_calm(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let from = Instant::now();
            self.until_asked(from, 100).await;
            let failed = self.since(from).failed;
            if failed.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "it does not heal: {failed:?}");
        }
    }
}

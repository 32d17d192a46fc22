//! Starting before the database answers: a role listens at once, says that it is not ready yet, and
//! is set up as soon as its tables are there.

use anyhow::Context;
use axum::{Router, extract::Request, response::IntoResponse};
use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tower::{ServiceExt, service_fn};
use virga_core::{Code, Failure, Kind};
use virga_db::{Db, DbError};
use virga_http::Error;

use crate::lifecycle::Lifecycle;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// A router that is put in place later. Until then everything is answered 503.
#[derive(Clone, Debug, Default)]
pub(crate) struct Later(Arc<OnceLock<Router>>);

impl Later {
    /// Puts it in place, once.
    pub(crate) fn set(&self, router: Router) {
        let _ = self.0.set(router);
    }

    /// What may be served already.
    pub(crate) fn router(&self) -> Router {
        let this = self.clone();
        let service = service_fn(move |request: Request| {
            let router = this.0.get().cloned();
            async move {
                match router {
                    Some(router) => router.oneshot(request).await,
                    None => Ok::<_, Infallible>(Error(starting()).into_response()),
                }
            }
        });
        Router::new().fallback_service(service)
    }
}

fn starting() -> Failure {
    let detail = "The site is starting, or its database does not answer. Try again in a moment.";
    Failure::new(Code::Starting, detail).after(2)
}

/// Brings the tables up to date and does `work`, again and again while the database is away; any
/// other fault ends it. `None` if the process stops first.
pub(crate) async fn once_answered<T, F>(
    db: &Db,
    life: &Lifecycle,
    work: impl Fn() -> F + Sync,
) -> anyhow::Result<Option<T>>
where
    F: Future<Output = anyhow::Result<T>> + Send,
{
    let attempt = || async {
        db.migrate()
            .await
            .context("cannot bring the database up to date")?;
        work().await
    };
    loop {
        match life.stop.run_until_cancelled(attempt()).await {
            None => return Ok(None),
            Some(Err(error)) if may_pass(&error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "not ready: waiting for the database");
            }
            Some(done) => return done.map(Some),
        }
        let paused = life.stop.run_until_cancelled(tokio::time::sleep(PAUSE));
        if paused.await.is_none() {
            return Ok(None);
        }
    }
}

/// Whether it may pass by itself.
fn may_pass(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let db = cause.downcast_ref::<DbError>();
        let failure = cause.downcast_ref::<Failure>();
        db.is_some_and(|error| {
            matches!(
                error,
                DbError::Away(_) | DbError::Busy(_) | DbError::Full(_)
            )
        }) || failure.is_some_and(|failure| failure.kind() == Kind::Unavailable)
    })
}

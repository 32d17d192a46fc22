//! Views are written in batches: a popular video costs one transaction every two seconds, not one
//! a viewer.

use std::{collections::HashSet, time::Duration};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use virga_app::App;
use virga_db::{DbError, views, views::ViewMark};

const EVERY: Duration = Duration::from_secs(2);
const MOST: usize = 1000;

/// Takes views in. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ViewBatch(mpsc::Sender<ViewMark>);

impl ViewBatch {
    pub(crate) fn start(app: &App, tracker: &TaskTracker, stop: CancellationToken) -> Self {
        let (sender, receiver) = mpsc::channel(MOST);
        tracker.spawn(run(app.clone(), receiver, stop));
        Self(sender)
    }

    /// Counts a view; under a flood that fills the queue, one is lost rather than a request held.
    pub(crate) fn note(&self, mark: ViewMark) {
        let _ = self.0.try_send(mark);
    }
}

async fn run(app: App, mut receiver: mpsc::Receiver<ViewMark>, stop: CancellationToken) {
    loop {
        let stopping = stop
            .run_until_cancelled(tokio::time::sleep(EVERY))
            .await
            .is_none();
        let mut marks = HashSet::new();
        while let Ok(mark) = receiver.try_recv() {
            marks.insert(mark);
        }
        if !marks.is_empty() {
            let marks: Vec<ViewMark> = marks.into_iter().collect();
            if let Err(error) = write(&app, &marks).await {
                tracing::warn!(%error, views = marks.len(), "views were not counted");
            }
        }
        if stopping {
            return;
        }
    }
}

async fn write(app: &App, marks: &[ViewMark]) -> Result<(), DbError> {
    app.transaction(|tx| async move {
        views::record(&tx, marks).await?;
        tx.store(()).await
    })
    .await
}

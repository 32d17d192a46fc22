//! Reading off what a refused sender still sends, so that it hears the refusal: a connection closed
//! with unread bytes is reset, and the answer with it.

use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use tokio::time::timeout;

/// No more than this is read off.
const MOST: usize = 16 * 1024 * 1024;
/// Nor for longer.
const LONGEST: Duration = Duration::from_secs(10);

/// Reads and drops the rest, within limits.
pub(crate) async fn drain(body: &mut BodyDataStream) {
    let mut left = MOST;
    let read_off = async {
        while let Some(Ok(bytes)) = body.next().await {
            left = left.saturating_sub(bytes.len());
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(LONGEST, read_off).await;
}

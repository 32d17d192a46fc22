//! Drains the rest of a refused body, so that the refusal reaches the sender: closing a connection
//! with unread bytes resets it and loses the answer.

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

//! Listing, a page at a time, and removing by prefix.

use std::{collections::VecDeque, sync::Arc};
use virga_core::MediaKey;

use futures_util::{StreamExt, TryStreamExt, stream};
use http::Method;

use super::{
    client::{BucketRequest, Client},
    write, xml,
};
use virga_objects::{Listed, ObjectListing, ObjectStat, Result};

/// One page; and where the next begins.
async fn page(
    client: &Client,
    prefix: &str,
    after: Option<&str>,
) -> Result<(Vec<xml::ObjectLine>, Option<String>)> {
    let mut request = BucketRequest::new(Method::GET, "", "list objects")
        .query("list-type", "2")
        .query("prefix", prefix)
        .query("max-keys", "1000");
    if let Some(after) = after {
        request = request.query("continuation-token", after);
    }
    let page: xml::ObjectPage = client.fetch_document(request).await?;
    let next = page.next_continuation_token.filter(|_| page.is_truncated);
    // Some servers list the folders that they make up.
    let lines = page
        .contents
        .into_iter()
        .filter(|line| line.key.starts_with(prefix) && !line.key.ends_with('/'));
    Ok((lines.collect(), next))
}

/// All lines under a prefix.
pub(super) fn lines(
    client: Arc<Client>,
    prefix: String,
) -> stream::BoxStream<'static, Result<xml::ObjectLine>> {
    /// What is read, and where more is.
    struct State {
        client: Arc<Client>,
        prefix: String,
        read: VecDeque<xml::ObjectLine>,
        more: bool,
        after: Option<String>,
    }
    let state = State {
        client,
        prefix,
        read: VecDeque::new(),
        more: true,
        after: None,
    };
    stream::try_unfold(state, |mut state| async move {
        loop {
            if let Some(line) = state.read.pop_front() {
                return Ok(Some((line, state)));
            }
            if !state.more {
                return Ok(None);
            }
            let after = state.after.as_deref();
            let (read, next) = page(&state.client, &state.prefix, after).await?;
            state.read = read.into();
            state.more = next.is_some();
            state.after = next;
        }
    })
    .boxed()
}

pub(super) fn objects(client: Arc<Client>, prefix: &str) -> ObjectListing {
    lines(client, prefix.to_owned())
        .try_filter_map(|line| async move {
            let Ok(key) = MediaKey::parse(&line.key) else {
                tracing::warn!(key = line.key, "an object in the bucket is not ours");
                return Ok(None);
            };
            let stat = ObjectStat {
                size: line.size,
                modified: xml::moment(Some(&line.last_modified)),
            };
            Ok(Some(Listed { key, stat }))
        })
        .boxed()
}

/// Removes all objects under a prefix, and uploads that would become some.
pub(super) async fn delete_prefix(client: Arc<Client>, prefix: &str) -> Result<u64> {
    client.give_up_all(prefix).await?;
    let mut removed = 0;
    let mut after = None;
    loop {
        let (lines, next) = page(&client, prefix, after.as_deref()).await?;
        let keys: Vec<String> = lines.into_iter().map(|line| line.key).collect();
        if !keys.is_empty() {
            write::delete_batch(&client, &keys).await?;
            removed += keys.len() as u64;
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(removed),
        }
    }
}

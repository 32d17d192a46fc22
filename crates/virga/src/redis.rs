//! Redis, where it is configured: opening it, and passing wake-ups on between processes.

use anyhow::Context;
use std::{fs, sync::Arc};
use virga_app::{Notifier, Notifiers};
use virga_cache::Cache;

use crate::{config::RedisConfig, lifecycle::Lifecycle};

const JOBS: &str = "jobs";
const CHANGES: &str = "changes";

/// A line to it, not yet connected.
pub(crate) fn open(config: &RedisConfig) -> anyhow::Result<Cache> {
    let Some(url) = &config.url else {
        return Ok(Cache::none());
    };
    let password = config.password_file.as_ref().map(|file| {
        let content = fs::read_to_string(file)
            .with_context(|| format!("cannot read redis.password_file {}", file.display()))?;
        anyhow::Ok(content.lines().next().unwrap_or_default().to_owned())
    });
    Cache::new(url, password.transpose()?.as_deref()).context("the setting `redis.url` is wrong")
}

/// Connects, and wakes this process and the others when there is something to do. Polling
/// continues independently.
pub(crate) fn start(cache: &Cache, wake: &Arc<Notifiers>, life: &Lifecycle) {
    if !cache.is_set() {
        return;
    }
    let (here, stop) = (Arc::clone(wake), life.stop.clone());
    let heard = move |word: &str| match word {
        JOBS => here.jobs.notify_here(),
        CHANGES => here.changes.notify_here(),
        _ => {}
    };
    life.tracker.spawn(cache.clone().keep(heard, stop));
    let (here, cache, stop) = (Arc::clone(wake), cache.clone(), life.stop.clone());
    life.tracker.spawn(async move {
        let both = async {
            tokio::join!(
                pass_on(&here.jobs, JOBS, &cache),
                pass_on(&here.changes, CHANGES, &cache),
            )
        };
        stop.run_until_cancelled(both).await;
    });
}

async fn pass_on(bell: &Notifier, word: &str, cache: &Cache) {
    loop {
        bell.notified_here().await;
        cache.publish(word).await;
    }
}

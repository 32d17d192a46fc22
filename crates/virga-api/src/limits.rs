//! Every counter that can refuse. Each counts in this process, and with Redis for all replicas
//! together as well; without it the first holds alone.

use std::{fmt::Debug, hash::Hash, net::IpAddr, time::Duration};
use virga_app::hash_token;
use virga_cache::Cache;
use virga_core::{Code, Result, Timestamp, UserId};
use virga_http::limit::{Limit, too_many};

use crate::{
    LimitsConfig,
    attempt_limit::{self, Failures},
};

const FIVE_MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);

/// The counters.
#[derive(Debug)]
pub(crate) struct RateLimits {
    /// What they were made of.
    of: LimitsConfig,
    pub(crate) reads: Shared<Limit<String>>,
    pub(crate) openings: Shared<Limit<String>>,
    pub(crate) writes: Shared<Limit<String>>,
    pub(crate) sign_ups: Shared<Limit<IpAddr>>,
    /// Comments written, by account.
    pub(crate) comments: Shared<Limit<UserId>>,
    /// Bytes of titles, descriptions and comments, by account.
    pub(crate) text: Shared<Limit<UserId>>,
    pub(crate) by_name: Shared<Failures<(IpAddr, String)>>,
    pub(crate) by_address: Shared<Failures<IpAddr>>,
    /// By the /48 of an IPv6 address.
    pub(crate) by_network: Shared<Failures<IpAddr>>,
    /// By name, from addresses at which it was not signed in before.
    pub(crate) by_strangers: Shared<Failures<String>>,
}

impl RateLimits {
    pub(crate) fn new(config: &LimitsConfig, cache: &Cache) -> Self {
        let (reads, writes) = (config.reads_per_second, config.writes_per_second);
        let burst = config.burst_seconds;
        let sign_ups = config.sign_ups_per_hour;
        let (name, address) = (
            config.failed_sign_ins_per_name,
            config.failed_sign_ins_per_address,
        );
        Self {
            of: config.clone(),
            reads: shared(cache, Limit::per_second(Code::RateReads, reads, burst)),
            openings: shared(
                cache,
                Limit::per_second(Code::RateOpenings, config.openings_per_second, burst),
            ),
            writes: shared(cache, Limit::per_second(Code::RateWrites, writes, burst)),
            sign_ups: shared(cache, Limit::per_window(Code::RateSignUps, sign_ups, HOUR)),
            comments: shared(
                cache,
                Limit::per_window(Code::RateComments, config.comments_per_hour, HOUR),
            ),
            text: shared(
                cache,
                Limit::per_window(Code::RateText, config.text_bytes_per_hour, HOUR),
            ),
            by_name: shared(cache, Failures::new("name", name, FIVE_MINUTES)),
            by_address: shared(cache, Failures::new("address", address, FIVE_MINUTES)),
            by_network: shared(
                cache,
                Failures::new("network", address.saturating_mul(4), FIVE_MINUTES),
            ),
            by_strangers: shared(
                cache,
                Failures::new(
                    "strangers",
                    config.failed_sign_ins_by_strangers,
                    FIVE_MINUTES,
                ),
            ),
        }
    }

    /// What they were made of.
    pub(crate) fn of(&self) -> &LimitsConfig {
        &self.of
    }

    /// Forgets keys that have been quiet; call now and then.
    pub(crate) fn shrink(&self) {
        self.reads.local.shrink();
        self.openings.local.shrink();
        self.writes.local.shrink();
        self.sign_ups.local.shrink();
        self.comments.local.shrink();
        self.text.local.shrink();
    }
}

/// A counter of this process, and the same in Redis.
#[derive(Debug)]
pub(crate) struct Shared<L> {
    local: L,
    cache: Cache,
}

fn shared<L>(cache: &Cache, local: L) -> Shared<L> {
    let cache = cache.clone();
    Shared { local, cache }
}

/// Redis is told neither names nor addresses.
fn key(counter: &str, of: &impl Debug) -> String {
    format!("virga:limit:{counter}:{}", hash_token(&format!("{of:?}")))
}

impl<K: Hash + Eq + Clone + Debug + Send + Sync> Shared<Limit<K>> {
    /// Takes one; refuses with the seconds to wait.
    pub(crate) async fn take(&self, of: &K) -> Result<()> {
        self.take_many(of, 1).await
    }

    /// Takes so many at once; refuses with the seconds to wait.
    pub(crate) async fn take_many(&self, of: &K, count: u32) -> Result<()> {
        self.local.take_many(of, count)?;
        if !self.cache.answers() {
            return Ok(());
        }
        let Limit {
            code, gap, most, ..
        } = self.local;
        let key = key(code.as_str(), of);
        match self.cache.take_paced(&key, count, gap, most.get()).await {
            Some(wait) => Err(too_many(code, wait)),
            None => Ok(()),
        }
    }
}

impl<K: Hash + Eq + Debug + Send + Sync> Shared<Failures<K>> {
    /// Counts a try, as [`Failures::take`].
    pub(crate) async fn take(&self, of: K, now: Timestamp) -> Result<()> {
        let key = key(self.local.name, &of);
        self.local.take(of, now)?;
        let Failures { most, window, .. } = self.local;
        match self.cache.take_counted(&key, most, window).await {
            Some(wait) => Err(attempt_limit::too_many(wait)),
            None => Ok(()),
        }
    }

    /// The try was right: it does not count.
    pub(crate) async fn give_back(&self, of: &K) {
        self.local.give_back(of);
        self.cache.give_back(&key(self.local.name, of)).await;
    }
}

//! Limits that all processes of the site share. Times are those of Redis, so that clocks of
//! machines do not matter; each script touches one key, which ends by itself.

use redis::Script;
use std::{sync::LazyLock, time::Duration};

use crate::{Cache, millis};

/// One every `gap`, saved up to `most`: the key holds when what was taken is paid off (GCRA).
/// Microseconds: count × gap, most × gap. Answers the time to wait, 0: taken.
static PACED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local t = redis.call('TIME')
         local now, gap, room = t[1] * 1000000 + t[2], tonumber(ARGV[1]), tonumber(ARGV[2])
         local paid = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
         paid = math.min(math.max(paid, now), now + room)
         local wait = paid + gap - room - now
         if wait > 0 then return math.ceil(wait) end
         local ends = math.ceil((paid + gap - now) / 1000)
         redis.call('SET', KEYS[1], string.format('%.0f', paid + gap), 'PX', ends)
         return 0",
    )
});

/// So many from the first one on for a window of milliseconds; answers the time to wait.
static COUNTED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local count = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
         if count >= tonumber(ARGV[1]) then
             local left = redis.call('PTTL', KEYS[1])
             if left > 0 then return left end
             redis.call('DEL', KEYS[1])
         end
         if redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
         return 0",
    )
});

/// Takes one back of what was counted.
static RETURNED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (tonumber(redis.call('GET', KEYS[1]) or '0') or 0) > 0 then
             redis.call('DECR', KEYS[1])
         end
         return 0",
    )
});

impl Cache {
    /// Takes `count` of those that come every `gap` and are saved up to `most`. The time to wait
    /// where there are too few; `None`: taken, or not known.
    pub async fn take_paced(
        &self,
        key: &str,
        count: u32,
        gap: Duration,
        most: u32,
    ) -> Option<Duration> {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let taken = gap.saturating_mul(count.min(most));
        let arguments = [micros(taken), micros(gap.saturating_mul(most))];
        let wait = self.run(&PACED, key, &arguments).await?;
        (wait > 0).then(|| Duration::from_micros(wait))
    }

    /// Counts one of at most so many in a window that begins with the first. Answers as
    /// [`Self::take_paced`].
    pub async fn take_counted(&self, key: &str, most: u32, window: Duration) -> Option<Duration> {
        let arguments = [u64::from(most), millis(window)];
        let wait = self.run(&COUNTED, key, &arguments).await?;
        (wait > 0).then(|| Duration::from_millis(wait))
    }

    /// One that was counted does not count.
    pub async fn give_back(&self, key: &str) {
        self.run(&RETURNED, key, &[]).await;
    }

    async fn run(&self, script: &Script, key: &str, arguments: &[u64]) -> Option<u64> {
        self.with(|mut line| async move {
            let mut call = script.key(key);
            for argument in arguments {
                call.arg(*argument);
            }
            call.invoke_async(&mut line).await
        })
        .await
    }
}

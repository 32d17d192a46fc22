//! What is looked up when somebody asks: jobs, uploads, room, connections, the counts that the parts
//! of the process keep.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};
use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use tokio::time::timeout;
use virga_core::{Clock, SystemClock, counts};
use virga_db::{Db, numbers};
use virga_objects::SharedStore;
use virga_tls::ServedCertificate;

use super::process::{self, as_float};

/// What each look may take: whoever scrapes waits about ten seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the numbers are looked up in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    pub(crate) db: Option<Db>,
    pub(crate) store: Option<SharedStore>,
    /// Folders of this machine by what they hold.
    pub(crate) folders: Vec<(&'static str, PathBuf)>,
    /// Where this process speaks https.
    pub(crate) certificate: Option<Arc<ServedCertificate>>,
}

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
type Counters = Family<Labels, Counter<f64, AtomicU64>>;

/// Looks everything up; what does not answer is left out.
pub(super) async fn collect(sources: &Sources) -> Registry {
    let mut registry = Registry::default();
    process::register(&mut registry);
    let site = registry.sub_registry_with_prefix("virga");
    let version = env!("CARGO_PKG_VERSION");
    let build = Info::new(vec![("version", version)]);
    site.register("build", "The program", build);
    parts(site);
    if let Some(certificate) = sources.certificate.as_ref().and_then(|it| it.get()) {
        let help = "When the certificate that is shown expires, Unix time";
        let at = as_float(u64::try_from(certificate.expires().seconds()).unwrap_or_default());
        gauges(site, "certificate_expires", help, vec![(Labels::new(), at)]);
    }
    if let Some(db) = &sources.db {
        rows(site, db).await;
    }
    room(site, sources).await;
    registry
}

fn gauges(registry: &mut Registry, name: &str, help: &str, values: Vec<(Labels, f64)>) {
    let family = Gauges::default();
    for (labels, value) in values {
        family.get_or_create(&labels).set(value);
    }
    registry.register(name, help, family);
}

fn counters(registry: &mut Registry, name: &str, help: &str, values: Vec<(Labels, f64)>) {
    let family = Counters::default();
    for (labels, value) in values {
        family.get_or_create(&labels).inc_by(value);
    }
    registry.register(name, help, family);
}

/// What the parts of this process counted.
fn parts(site: &mut Registry) {
    let one = |count: &counts::Count| vec![(Labels::new(), as_float(count.get()))];
    let help = "Failed requests to the bucket";
    counters(site, "bucket_errors", help, one(&counts::BUCKET_ERRORS));
    let help = "Requested segments that were sent from a file by the kernel";
    counters(site, "segment_files", help, one(&counts::SEGMENT_FILES));
    let help = "Requested blocks of segments that were in memory";
    counters(site, "segment_cache_hits", help, one(&counts::SEGMENT_HITS));
    let help = "Requested blocks of segments that had to be read";
    counters(
        site,
        "segment_cache_misses",
        help,
        one(&counts::SEGMENT_MISSES),
    );
    let help = "Pieces of media that waited for limits.egress";
    counters(site, "egress_waits", help, one(&counts::EGRESS_WAITS));
    let help = "Resyncs of the feed of changes";
    counters(site, "feed_resyncs", help, one(&counts::FEED_RESYNCS));
    let help = "Event streams that are open";
    gauges(
        site,
        "event_streams_open",
        help,
        one(&counts::EVENT_STREAMS),
    );
    let ended = counts::jobs_ended();
    let labels = |(kind, outcome): counts::JobEnd| {
        vec![("kind", kind.to_owned()), ("outcome", outcome.to_owned())]
    };
    let count = ended
        .iter()
        .map(|(end, count, _)| (labels(*end), as_float(*count)));
    let help = "Job attempts that ended in this process";
    counters(site, "job_tries", help, count.collect());
    let time = ended
        .iter()
        .map(|(end, _, time)| (labels(*end), time.as_secs_f64()));
    let help = "Total time of these attempts";
    counters(site, "job_try_seconds", help, time.collect());
}

async fn rows(site: &mut Registry, db: &Db) {
    let pools = numbers::pools(db);
    let of = |state: &str, count: fn(&numbers::Pool) -> f64| {
        let labels = |pool: &numbers::Pool| {
            vec![("pool", pool.name.to_owned()), ("state", state.to_owned())]
        };
        pools
            .iter()
            .map(|pool| (labels(pool), count(pool)))
            .collect::<Vec<_>>()
    };
    let mut connections = of("open", |pool| f64::from(pool.open));
    connections.extend(of("idle", |pool| f64::from(pool.idle)));
    let help = "Connections to the database; idle ones are open too";
    gauges(site, "database_connections", help, connections);
    let found = timeout(PATIENCE, async {
        let jobs = numbers::jobs(db.read()).await?;
        Ok::<_, virga_db::DbError>((jobs, numbers::open_uploads(db.read()).await?))
    });
    let Ok(Ok((jobs, uploads))) = found.await else {
        gauges(
            site,
            "database_answers",
            "Whether the database answers",
            vec![(Labels::new(), 0.0)],
        );
        return;
    };
    gauges(
        site,
        "database_answers",
        "Whether the database answers",
        vec![(Labels::new(), 1.0)],
    );
    let labels = |it: &numbers::Jobs| vec![("kind", it.kind.clone()), ("state", it.state.clone())];
    let now = SystemClock.now();
    let count = jobs
        .iter()
        .map(|it| (labels(it), as_float(it.count)))
        .collect();
    gauges(
        site,
        "jobs",
        "Jobs that are queued, leased or failed",
        count,
    );
    let open = jobs.iter().filter(|it| it.state != "failed");
    let ages = open
        .map(|it| (labels(it), now.since(it.oldest).as_secs_f64()))
        .collect();
    gauges(
        site,
        "job_oldest_seconds",
        "Age of the oldest job that is queued or leased",
        ages,
    );
    let open = jobs
        .iter()
        .filter(|it| it.state != "failed")
        .map(|it| it.count)
        .sum();
    gauges(
        site,
        "jobs_open",
        "Jobs queued or leased",
        vec![(Labels::new(), as_float(open))],
    );
    gauges(
        site,
        "uploads_open",
        "Uploads that are open",
        vec![(Labels::new(), as_float(uploads))],
    );
}

async fn room(site: &mut Registry, sources: &Sources) {
    let mut free = Vec::new();
    let mut total = Vec::new();
    let mut add = |place: &str, available: u64, all: u64| {
        let labels = || vec![("place", place.to_owned())];
        free.push((labels(), as_float(available)));
        total.push((labels(), as_float(all)));
    };
    if let Some(store) = &sources.store
        && let Ok(Ok(Some(room))) = timeout(PATIENCE, store.free_space()).await
    {
        add("objects", room.available, room.total);
    }
    for (place, folder) in &sources.folders {
        if let Ok(room) = rustix::fs::statvfs(folder) {
            let unit = room.f_frsize;
            add(
                place,
                room.f_bavail.saturating_mul(unit),
                room.f_blocks.saturating_mul(unit),
            );
        }
    }
    gauges(
        site,
        "room_free_bytes",
        "Bytes that can still be written",
        free,
    );
    gauges(site, "room_bytes", "Bytes of the file system", total);
}

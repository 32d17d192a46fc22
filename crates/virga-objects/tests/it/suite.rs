//! The conformance suite: the same cases on every kind of store, each in a store of its own and a test
//! of its own ([`cells`]). What a backend lacks has a reason in [`hole`].

mod broken;
mod cells;
mod direct;
mod objects;
mod sessions;

use std::{sync::Arc, time::Duration};

use futures_util::future::join;
use tempfile::TempDir;
use virga_bucket::{
    BucketAddressing, BucketCredentials, BucketOptions, BucketStore, Dialect, KodoForms,
};
use virga_core::{MediaKey, OsEntropy, UploadId, VideoId};
use virga_objects::{DiskOptions, DiskStore, SharedSessions, SharedStore};
use virga_testkit::{BucketDouble, BucketServer, S3sServer};

/// Where the cases run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Disk,
    Seaweed,
    /// Another server of the same dialect.
    S3s,
    /// A double, at the end of a proxy: real names, real addressing.
    Oss,
    /// Seaweed, except that forms and create-only writes go to a double of Kodo's own API.
    Kodo,
}

/// What a case works with.
struct Stand {
    store: SharedStore,
    sessions: SharedSessions,
    /// The same store as another process has it.
    elsewhere: SharedSessions,
    options: Option<BucketOptions>,
    video: VideoId,
    upload: UploadId,
    /// Bytes of a part: the least that the backend takes.
    part: u64,
    scratch: TempDir,
}

/// Where requests go in the end: the proxy, if it is for them.
fn way(options: &mut BucketOptions) -> &mut String {
    match (options.dialect, &mut options.proxy) {
        (Dialect::Oss, Some(proxy)) => proxy,
        _ => &mut options.endpoint,
    }
}

impl Stand {
    fn key(&self, name: &str) -> MediaKey {
        MediaKey::attempt(self.video, 1, 1, name).unwrap()
    }

    fn source(&self) -> MediaKey {
        MediaKey::source(self.video, self.upload)
    }

    /// Two parts and a half.
    fn total(&self) -> u64 {
        self.part * 5 / 2
    }
}

/// A case: what it is about, and its name.
type Case = (&'static str, &'static str);

/// Why a backend has no such case.
fn hole(backend: Backend, about: &str, case: &str) -> Option<&'static str> {
    match (backend, about, case) {
        (Backend::S3s, _, case) => lacking_in_s3s(case),
        (Backend::Disk, _, "a_half_made_session_is_found_and_dropped") => {
            Some("a folder is made by one rename (crash.rs)")
        }
        (Backend::Disk, _, "what_dead_writers_left_goes_and_live_sessions_stay") => {
            Some("writers are known by their lock (store.rs)")
        }
        (Backend::Disk, _, "what_another_process_has_just_completed_is_complete") => {
            Some("completing holds the session's lock")
        }
        (Backend::Disk, "direct", _) => Some("the site signs and serves `/up/` itself"),
        (Backend::Disk, "broken", _) => Some("a disk is not at the end of a line"),
        (
            Backend::Kodo,
            "direct",
            "a_form_takes_one_file_of_its_size_key_and_type"
            | "the_service_tells_of_a_form_and_nobody_else",
        ) => None,
        (Backend::Seaweed, _, "the_service_tells_of_a_form_and_nobody_else") => {
            Some("the S3 dialect tells nobody")
        }
        (Backend::Kodo, "objects" | "direct" | "broken", _) => {
            Some("the requests are those of Seaweed's cell, to the same server")
        }
        _ => None,
    }
}

/// What s3s-fs does not have of S3, or otherwise than S3's reference says.
fn lacking_in_s3s(case: &str) -> Option<&'static str> {
    match case {
        "what_is_not_there_is_said_before_the_first_byte" => {
            Some("it takes a folder of its disk for an object")
        }
        "a_stream_that_breaks_goes_on_where_it_broke" => Some("it reads whatever `If-Match` says"),
        "pages_of_the_site_may_use_the_bucket_and_others_not" => Some("it has no CORS rules"),
        "the_service_tells_of_a_form_and_nobody_else" => Some("the S3 dialect tells nobody"),
        "a_writer_that_is_dropped_leaves_nothing"
        | "listing_and_removal_keep_to_their_prefix"
        | "lists_and_removals_go_on_over_pages"
        | "the_store_answers_and_can_be_written"
        | "a_session_is_listed_and_dropped"
        | "a_half_made_session_is_found_and_dropped"
        | "what_dead_writers_left_goes_and_live_sessions_stay"
        | "nothing_is_read_or_listed_unsigned" => Some("it lists no uploads (501)"),
        "parts_in_any_order_become_the_file"
        | "a_session_goes_on_in_another_process"
        | "complete_may_be_said_again_and_says_when_parts_are_lost"
        | "what_another_process_has_just_completed_is_complete"
        | "complete_names_the_parts_that_are_missing"
        | "a_part_sent_again_replaces_the_first"
        | "the_same_part_sent_twice_at_once_is_one_whole_part"
        | "a_body_of_another_length_becomes_no_part"
        | "a_silent_or_broken_sender_is_dropped_and_may_come_again"
        | "two_that_open_a_session_at_once_have_one"
        | "signed_parts_become_the_file" => Some("it lists parts without their ETags"),
        _ => None,
    }
}

async fn disk() -> Stand {
    let scratch = tempfile::tempdir().unwrap();
    let options = DiskOptions {
        stall: Duration::from_millis(300),
        ..DiskOptions::default()
    };
    let folder = scratch.path().join("objects");
    let store = Arc::new(DiskStore::open(&folder, options).await.unwrap());
    let elsewhere = DiskStore::open(&folder, options).await.unwrap();
    Stand {
        sessions: Arc::clone(&store) as SharedSessions,
        store,
        elsewhere: Arc::new(elsewhere),
        options: None,
        video: VideoId::random(&OsEntropy),
        upload: UploadId::random(&OsEntropy),
        part: 100_000,
        scratch,
    }
}

const MIB: u64 = 1024 * 1024;

async fn seaweed(server: &BucketServer) -> Stand {
    stand(bucket(server, "films").await, 5 * MIB)
}

fn s3s(server: &S3sServer) -> Stand {
    let bucket = "films";
    server.bucket(bucket);
    let (access_key, secret_key) = server.key_files();
    let keys = BucketCredentials::Files {
        access_key,
        secret_key,
    };
    let mut options = BucketOptions::new(server.url(), "us-east-1", bucket, keys);
    options.public = Some((server.url().to_owned(), BucketAddressing::Path));
    stand(options, 5 * MIB)
}

async fn kodo(server: &BucketServer, double: &BucketDouble) -> Stand {
    let mut options = bucket(server, "films").await;
    double.kodo_bucket(&options.bucket, server).await;
    options.dialect = Dialect::Kodo;
    options.kodo_forms = Some(KodoForms {
        endpoint: "http://upload-z1.qiniup.com".to_owned(),
        bucket: options.bucket.clone(),
    });
    options.proxy = Some(double.proxy());
    stand(options, 5 * MIB)
}

async fn bucket(server: &BucketServer, bucket: &str) -> BucketOptions {
    server.bucket(bucket).await;
    let (access_key, secret_key) = server.key_files();
    let keys = BucketCredentials::Files {
        access_key,
        secret_key,
    };
    let mut options = BucketOptions::new(&server.url(), server.region(), bucket, keys);
    options.public = Some((server.url(), BucketAddressing::Path));
    options
}

/// As a site in mainland China: inside by the internal name, browsers by a domain of the bucket's.
async fn oss(double: &BucketDouble) -> Stand {
    let bucket = "films";
    let region = "cn-hangzhou";
    double.bucket(bucket, region).await;
    let (access_key, secret_key) = double.key_files();
    let keys = BucketCredentials::Files {
        access_key,
        secret_key,
    };
    let inside = format!("http://oss-{region}-internal.aliyuncs.com");
    let mut options = BucketOptions::new(&inside, region, bucket, keys);
    options.dialect = Dialect::Oss;
    options.addressing = BucketAddressing::Virtual;
    let public = format!("http://{bucket}.media.example");
    options.public = Some((public, BucketAddressing::Domain));
    options.proxy = Some(double.proxy());
    stand(options, 100 * 1024)
}

fn stand(mut options: BucketOptions, part: u64) -> Stand {
    options.part_size = part;
    options.stall = Duration::from_millis(300);
    options.leftover_age = Duration::ZERO;
    let store = Arc::new(BucketStore::new(options.clone()).unwrap());
    Stand {
        sessions: Arc::clone(&store) as SharedSessions,
        store,
        elsewhere: Arc::new(BucketStore::new(options.clone()).unwrap()),
        options: Some(options),
        video: VideoId::random(&OsEntropy),
        upload: UploadId::random(&OsEntropy),
        part,
        scratch: tempfile::tempdir().unwrap(),
    }
}

/// Runs a case in a store of its own.
async fn run<F: Future<Output = ()>>(backend: Backend, body: fn(Stand) -> F) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    match backend {
        Backend::Disk => body(disk().await).await,
        Backend::Seaweed => body(seaweed(&BucketServer::start().await).await).await,
        Backend::S3s => body(s3s(&S3sServer::start().await)).await,
        Backend::Oss => body(oss(&BucketDouble::start().await).await).await,
        Backend::Kodo => {
            let (server, double) = join(BucketServer::start(), BucketDouble::start()).await;
            body(kodo(&server, &double).await).await;
        }
    }
}

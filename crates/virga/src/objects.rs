//! Opening the store of objects that the settings name.

use anyhow::{Context, anyhow};
use std::{path::PathBuf, sync::Arc};
use virga_objects::{
    Addressing, BucketOptions, BucketStore, Credentials, DiskOptions, DiskStore, SharedSessions,
    SharedStore,
};

use crate::config::{Config, ObjectsConfig, StoreKind};

/// Objects and upload sessions, wherever they are.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    pub(crate) store: SharedStore,
    pub(crate) sessions: SharedSessions,
    /// The same, where it is a bucket.
    pub(crate) bucket: Option<BucketStore>,
    /// Where that is, in words.
    pub(crate) place: String,
}

/// Opens it. A bucket is not asked yet: a site starts before its bucket does.
pub(crate) async fn open(config: &Config) -> anyhow::Result<Objects> {
    match config.objects.kind {
        StoreKind::Disk => {
            let folder = config.data.dir.join("objects");
            let store = DiskStore::open(&folder, DiskOptions::default()).await;
            let store = store.with_context(|| {
                format!("cannot open the objects in {}", config.data.dir.display())
            })?;
            Ok(both(store, folder.display().to_string()))
        }
        StoreKind::S3 => {
            let options = options(&config.objects).context("in the settings objects.*")?;
            let place = format!("bucket {} at {}", options.bucket, options.endpoint);
            let store = BucketStore::new(options).context("in the settings objects.*")?;
            let bucket = Some(store.clone());
            Ok(Objects {
                bucket,
                ..both(store, place)
            })
        }
    }
}

fn both<S>(store: S, place: String) -> Objects
where
    S: virga_objects::MediaStore + virga_objects::MultipartSessions,
{
    let store = Arc::new(store);
    Objects {
        sessions: Arc::clone(&store) as SharedSessions,
        store,
        bucket: None,
        place,
    }
}

fn options(config: &ObjectsConfig) -> anyhow::Result<BucketOptions> {
    let missing = |key| anyhow!("objects.{key} is missing; kind = \"s3\" needs it");
    let region = config.region.as_ref().ok_or_else(|| missing("region"))?;
    let bucket = config.bucket.as_ref().ok_or_else(|| missing("bucket"))?;
    let amazon = format!("https://s3.{region}.amazonaws.com");
    let endpoint = config.endpoint.as_ref().unwrap_or(&amazon);
    let mut options = BucketOptions::new(endpoint, region, bucket, credentials(config)?);
    // Amazon wants the name in the host; servers of one's own rarely have a name for each bucket.
    options.addressing = config.addressing.unwrap_or(match config.endpoint {
        None => Addressing::Virtual,
        Some(_) => Addressing::Path,
    });
    options.public = config.public_endpoint.clone().map(|endpoint| {
        let addressing = config.public_addressing.unwrap_or(options.addressing);
        (endpoint, addressing)
    });
    options.part_size = config.part_size;
    options.proxy.clone_from(&config.proxy);
    Ok(options)
}

fn credentials(config: &ObjectsConfig) -> anyhow::Result<Credentials> {
    match (&config.access_key_file, &config.secret_key_file) {
        (Some(access_key), Some(secret_key)) => Ok(Credentials::Files {
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
        }),
        (None, None) => Ok(Credentials::Surroundings {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .filter(|(name, _)| name.starts_with("AWS_"))
                .collect(),
            home: std::env::var_os("HOME").map(PathBuf::from),
        }),
        _ => Err(anyhow!(
            "objects.access_key_file and objects.secret_key_file go together"
        )),
    }
}

//! Opening the store of objects that the settings name.

use anyhow::{Context, anyhow, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use virga_bucket::{BucketCredentials, BucketOptions, BucketStore, Dialect, KodoForms};
use virga_objects::{DiskOptions, DiskStore, GuardedStore, SharedSessions, SharedStore};

use crate::config::{Config, ObjectsConfig, StoreKind};

/// In the data folder: that the folder of the objects was made.
const NOTE: &str = "objects-made";

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

/// Whether the settings of a bucket are complete. Asks nobody.
pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    let Some((dialect, name)) = bucket_kind(config.objects.kind) else {
        return Ok(());
    };
    BucketStore::new(options(&config.objects, dialect, name)?)?;
    Ok(())
}

fn bucket_kind(kind: StoreKind) -> Option<(Dialect, &'static str)> {
    match kind {
        StoreKind::Disk => None,
        StoreKind::S3 => Some((Dialect::S3, "s3")),
        StoreKind::Oss => Some((Dialect::Oss, "oss")),
        StoreKind::Kodo => Some((Dialect::Kodo, "kodo")),
    }
}

/// The folder that holds them, where no bucket does.
fn folder(config: &Config) -> PathBuf {
    config.data.dir.join("objects")
}

/// Says what to do where the folder of the objects is not there: a command that makes an empty one
/// would report it as fine.
pub(crate) fn must_exist(config: &Config) -> anyhow::Result<()> {
    let folder = std::path::absolute(folder(config))?;
    ensure!(
        config.objects.kind != StoreKind::Disk || folder.exists(),
        "there is no folder {}. If it lies on a disk of its own, mount it; `virga serve` and \
         `virga migrate` make a new site",
        folder.display()
    );
    Ok(())
}

/// Opens it. A bucket is not asked yet: a site starts before its bucket does.
pub(crate) async fn open(config: &Config) -> anyhow::Result<Objects> {
    let Some((dialect, name)) = bucket_kind(config.objects.kind) else {
        let folder = folder(config);
        not_lost(config, &folder)?;
        let store = DiskStore::open(&folder, DiskOptions::default()).await;
        let store = store
            .with_context(|| format!("cannot open the objects in {}", config.data.dir.display()))?;
        note_made(config);
        let mut objects = both(store, folder.display().to_string());
        objects.store = Arc::new(GuardedStore::of_folder(objects.store, &folder));
        return Ok(objects);
    };
    let options = options(&config.objects, dialect, name).context("in the settings objects.*")?;
    let place = format!("bucket {} at {}", options.bucket, options.endpoint);
    let store = BucketStore::new(options).context("in the settings objects.*")?;
    let bucket = Some(store.clone());
    Ok(Objects {
        bucket,
        ..both(store, place)
    })
}

impl Objects {
    /// The store as viewers ask it: nobody waits for a bucket that is silent.
    pub(crate) fn for_viewers(&self) -> SharedStore {
        let store = Arc::clone(&self.store);
        match self.bucket {
            Some(_) => Arc::new(GuardedStore::of_bucket(store)),
            None => store,
        }
    }
}

/// Refuses to make an empty folder in the place of one that was there at the last start.
fn not_lost(config: &Config, folder: &Path) -> anyhow::Result<()> {
    let note = config.data.dir.join(NOTE);
    // Of several that start a new site at once, none finds the note of another before the folder: it
    // is written after the folder, and looked for first.
    let made = note.exists();
    ensure!(
        !made || folder.join("v").is_dir(),
        "the objects of this site are gone from {}: mount their disk. If you removed them on \
         purpose, remove {} too",
        folder.display(),
        note.display()
    );
    Ok(())
}

/// Notes that the folder of the objects is there.
fn note_made(config: &Config) {
    let note = config.data.dir.join(NOTE);
    if !note.exists() {
        let text = "The site made the folder `objects` beside this file. While that is missing, the \
                    site does not start.\n";
        // In a folder that cannot be written nothing else could be either.
        let _ = fs::write(&note, text);
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

fn options(config: &ObjectsConfig, dialect: Dialect, name: &str) -> anyhow::Result<BucketOptions> {
    let missing = |key| anyhow!("objects.{key} is missing; kind = \"{name}\" needs it");
    let endpoint = config.endpoint.as_deref();
    let region = config.region.clone();
    let region = region.or_else(|| dialect.region_of(endpoint?));
    let region = region.ok_or_else(|| missing("region"))?;
    let bucket = config.bucket.as_ref().ok_or_else(|| missing("bucket"))?;
    let endpoint = endpoint.map_or_else(|| dialect.endpoint(&region), str::to_owned);
    let credentials = credentials(config, dialect)?;
    let mut options = BucketOptions::new(&endpoint, &region, bucket, credentials);
    options.dialect = dialect;
    options.addressing = config
        .addressing
        .unwrap_or_else(|| dialect.addressing(config.endpoint.is_some()));
    options.public = config.public_endpoint.clone().map(|endpoint| {
        let addressing = config.public_addressing.unwrap_or(options.addressing);
        (endpoint, addressing)
    });
    let forms = config.kodo_upload_endpoint.clone();
    let forms = dialect.form_endpoint(&region).map(|usual| KodoForms {
        endpoint: forms.unwrap_or(usual),
        bucket: config
            .kodo_bucket
            .clone()
            .unwrap_or_else(|| bucket.to_owned()),
    });
    options.kodo_forms = forms;
    options.part_size = config.part_size;
    options.parallel_parts = config.parallel_parts;
    options.proxy.clone_from(&config.proxy);
    Ok(options)
}

/// What of the environment may name or lead to keys.
fn variables(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::S3 => &["AWS_"],
        Dialect::Oss => &["ALIBABA_CLOUD_", "OSS_"],
        Dialect::Kodo => &["QINIU_"],
    }
}

fn credentials(config: &ObjectsConfig, dialect: Dialect) -> anyhow::Result<BucketCredentials> {
    match (&config.access_key_file, &config.secret_key_file) {
        (Some(access_key), Some(secret_key)) => Ok(BucketCredentials::Files {
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
        }),
        (None, None) => Ok(BucketCredentials::Surroundings {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .filter(|(name, _)| variables(dialect).iter().any(|it| name.starts_with(it)))
                .collect(),
            home: std::env::var_os("HOME").map(PathBuf::from),
        }),
        _ => Err(anyhow!(
            "objects.access_key_file and objects.secret_key_file go together"
        )),
    }
}

#[cfg(test)]
mod tests {
    use virga_bucket::BucketAddressing;

    use super::*;

    fn of(config: &ObjectsConfig, dialect: Dialect) -> BucketOptions {
        options(config, dialect, "x").unwrap()
    }

    #[test]
    fn the_origins_setting_is_enough_for_oss() {
        let mut config = ObjectsConfig {
            bucket: Some("site".to_owned()),
            endpoint: Some("https://oss-cn-hangzhou-internal.aliyuncs.com".to_owned()),
            ..ObjectsConfig::default()
        };
        let oss = of(&config, Dialect::Oss);
        assert_eq!(oss.region, "cn-hangzhou");
        assert_eq!(oss.addressing, BucketAddressing::Virtual);
        assert_eq!(oss.kodo_forms, None);
        config.endpoint = Some("https://oss-accelerate.aliyuncs.com".to_owned());
        let error = options(&config, Dialect::Oss, "oss").unwrap_err();
        assert!(error.to_string().contains("objects.region"), "{error}");
    }

    #[test]
    fn a_region_is_enough_for_an_endpoint() {
        let config = ObjectsConfig {
            bucket: Some("site".to_owned()),
            region: Some("cn-east-1".to_owned()),
            ..ObjectsConfig::default()
        };
        assert_eq!(
            of(&config, Dialect::S3).endpoint,
            "https://s3.cn-east-1.amazonaws.com"
        );
        let kodo = of(&config, Dialect::Kodo);
        assert_eq!(kodo.endpoint, "https://s3.cn-east-1.qiniucs.com");
        assert_eq!(kodo.addressing, BucketAddressing::Virtual);
        let forms = kodo.kodo_forms.unwrap();
        assert_eq!(forms.endpoint, "https://upload.qiniup.com");
        assert_eq!(forms.bucket, "site");
    }
}

//! A second server of the S3 dialect, by other people than the first: s3s-fs, in this process.

use std::{fs, path::PathBuf};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use virga_objects::{Addressing, BucketOptions, Credentials};

const KEY: &str = "second";
const SECRET: &str = "second-secret-0123456789";

/// It ends with the test's runtime.
pub(super) struct Second {
    folder: TempDir,
    url: String,
}

impl Second {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("buckets");
        fs::create_dir(&root).unwrap();
        fs::write(folder.path().join("access"), KEY).unwrap();
        fs::write(folder.path().join("secret"), SECRET).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(&root).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    // Who hangs up has what they wanted.
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { folder, url }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A fresh bucket.
    pub(super) fn bucket(&self, name: &str) -> BucketOptions {
        fs::create_dir(self.at("buckets").join(name)).unwrap();
        let keys = Credentials::Files {
            access_key: self.at("access"),
            secret_key: self.at("secret"),
        };
        let mut options = BucketOptions::new(&self.url, "us-east-1", name, keys);
        options.public = Some((self.url.clone(), Addressing::Path));
        options
    }
}

//! A second server of the S3 dialect, by other people than the first: s3s-fs, in this process.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

const KEY: &str = "second";
const SECRET: &str = "second-secret-0123456789";

/// A running server; it ends when this is dropped. It has not all of S3.
#[derive(Debug)]
pub struct S3sServer {
    folder: TempDir,
    url: String,
    serving: JoinHandle<()>,
}

impl S3sServer {
    /// Starts one.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start() -> Self {
        match Self::try_start().await {
            Ok(server) => server,
            Err(error) => panic!("s3s-fs: {error:#}"),
        }
    }

    async fn try_start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("buckets");
        fs::create_dir(&root)?;
        fs::write(folder.path().join("access"), KEY)?;
        fs::write(folder.path().join("secret"), SECRET)?;
        let files = FileSystem::new(&root).ok().context("its folder")?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    // Who hangs up has what they wanted.
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Ok(Self {
            folder,
            url,
            serving,
        })
    }

    fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes an empty bucket.
    ///
    /// # Panics
    /// Where there is one of this name.
    pub fn bucket(&self, name: &str) {
        let made = fs::create_dir(self.at("buckets").join(name));
        made.unwrap_or_else(|error| panic!("no bucket {name}: {error}"));
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The files with the access key and the secret key.
    pub fn key_files(&self) -> (PathBuf, PathBuf) {
        (self.at("access"), self.at("secret"))
    }
}

impl Drop for S3sServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

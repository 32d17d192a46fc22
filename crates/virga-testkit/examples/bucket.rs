//! A bucket server for tests that are not in Rust: prints where it is as one line of JSON and ends
//! with its standard input.

use std::io::{Read, Write};

use virga_testkit::BucketServer;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let (access, secret) = server.key_files();
    let told = serde_json::json!({
        "url": server.url(),
        "region": server.region(),
        "bucket": "site",
        "access_key_file": access,
        "secret_key_file": secret,
    });
    writeln!(std::io::stdout(), "{told}")?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

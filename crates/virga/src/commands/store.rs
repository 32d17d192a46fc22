//! `store check`: tries the configured bucket out and says in words what is wrong with it.

use std::process::ExitCode;
use virga_bucket::{Outcome, ProbeOptions};

use super::say;
use crate::{cli::Store, config::Config, objects};

pub(crate) async fn run(config: &Config, store: &Store) -> anyhow::Result<ExitCode> {
    let Store::Check { fix } = store;
    objects::must_exist(config)?;
    let objects = objects::open(config).await?;
    let Some(bucket) = objects.bucket else {
        objects.store.check_writable().await?;
        say(format!(
            "right  objects: {} can be written; the other checks are for buckets",
            objects.place
        ));
        return Ok(ExitCode::SUCCESS);
    };
    let site = config.http.public_url.iter();
    let options = ProbeOptions {
        fix: *fix,
        origins: site
            .map(|url| url.trim_end_matches('/').to_owned())
            .collect(),
    };
    say(objects.place);
    let mut code = ExitCode::SUCCESS;
    for probe in bucket.probe(&options).await {
        let (word, what) = match probe.outcome {
            Outcome::Right(seen) => ("right ", seen),
            Outcome::Mended(seen) => ("mended", seen),
            Outcome::Skipped(why) => ("-     ", why),
            Outcome::Lacking(what) => ("LACKS ", what),
            Outcome::Wrong(what) => {
                code = ExitCode::FAILURE;
                ("WRONG ", what)
            }
        };
        say(format!("{word} {}: {what}", probe.about));
    }
    Ok(code)
}

//! `fsck`: prints what `virga_app::fsck` finds.

use std::process::ExitCode;

use indicatif::ProgressBar;
use virga_app::FsckReport;
use virga_db::DAMAGE_REMEDY;

use super::{complain, say};
use crate::{
    cli::Fsck,
    config::Config,
    objects,
    parts::{self, RoleParts},
};

/// Exit 0: nothing found, or all of it repaired; 1: something is wrong; 2: could not look.
pub(crate) async fn run(config: &Config, options: &Fsck) -> ExitCode {
    match look(config, options).await {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

async fn look(config: &Config, options: &Fsck) -> anyhow::Result<ExitCode> {
    let db = parts::existing_database(config).await?;
    objects::must_exist(config)?;
    if let [first, ..] = db.quick_check().await?.as_slice() {
        anyhow::bail!("the database file is damaged: {first}. {DAMAGE_REMEDY}");
    }
    let app = RoleParts::open(config.clone()).await?.app(db);
    // Shown on a terminal only.
    let bar = ProgressBar::new_spinner();
    let progress = |report: &FsckReport| {
        let read = report.bytes >> 20;
        bar.set_message(format!("{} videos, {read} MiB read", report.videos + 1));
        bar.tick();
    };
    let report = app.fsck(options.repair, options.deep, progress).await?;
    bar.finish_and_clear();
    if options.json {
        say(serde_json::to_string_pretty(&report)?);
    } else {
        for finding in &report.findings {
            say(finding.to_string());
        }
        let objects = report.objects;
        say(format!(
            "{} videos, {objects} objects, {} findings",
            report.videos,
            report.findings.len()
        ));
    }
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

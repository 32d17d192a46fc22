//! What people read while it runs and at its end.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use crate::{
    clips::Kind,
    ledger::{Film, Ledger},
    stage::Rows,
    trouble::Done,
};

/// How it went.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// What was done to the site.
    pub(crate) done: Done,
    /// The videos before the last deletion.
    pub(crate) films: Vec<(String, Film)>,
    /// Jobs of the videos that were kept, by kind and state.
    pub(crate) jobs: BTreeMap<String, u64>,
    /// Reasons of those that were tried again.
    pub(crate) retried: BTreeMap<String, u64>,
    /// What `fsck` said last of all kept videos.
    pub(crate) fsck: String,
}

/// A line on how far it is.
pub(crate) fn progress(ledger: &Ledger, jobs: u64, since: Duration) -> io::Result<()> {
    let films = ledger.films();
    let count = |is: &dyn Fn(&Film) -> bool| films.iter().filter(|(_, film)| is(film)).count();
    writeln!(
        io::stdout(),
        "{:>4} s: {jobs} jobs, {} videos ({} ready, {} failed, {} deleted), {} addresses, {} violations",
        since.as_secs(),
        films.len(),
        count(&|film| !film.deleted && film.state == "ready"),
        count(&|film| !film.deleted && film.state == "failed"),
        count(&|film| film.deleted),
        ledger.addresses(),
        ledger.violations().len()
    )
}

/// Jobs by kind, state and reason.
pub(crate) async fn jobs(rows: &Rows) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut jobs = BTreeMap::new();
    for row in rows
        .ask(&["kind", "state", "error_code", "attempts"], "FROM jobs")
        .await?
    {
        let word = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let again = row["attempts"].as_u64().unwrap_or(0) > 1 && row["kind"] != "purge";
        let again = if again { "more than one try" } else { "" };
        let line = [
            word("kind"),
            word("state"),
            word("error_code"),
            again.to_owned(),
        ];
        *jobs
            .entry(line.join(" ").trim_end().to_owned())
            .or_default() += 1;
    }
    Ok(jobs)
}

impl Summary {
    /// The table.
    pub(crate) fn print(&self, ledger: &Ledger, kinds: &[Kind], took: Duration) -> io::Result<()> {
        let mut out = io::stdout();
        let table = |title: &str, lines: &BTreeMap<String, u64>| {
            let mut out = io::stdout();
            writeln!(out, "\n{title}")?;
            for (what, count) in lines {
                writeln!(out, "{count:>8}  {what}")?;
            }
            io::Result::Ok(())
        };
        let mut films = BTreeMap::new();
        for (_, film) in &self.films {
            let state = if film.deleted { "deleted" } else { &film.state };
            let line = format!("{:<16} {state} {}", kinds[film.kind].name, film.code);
            *films.entry(line).or_default() += 1;
        }
        table("videos", &films)?;
        table(
            "jobs, of videos that were purged only the purges",
            &self.jobs,
        )?;
        table("tried again by their owners at the end", &self.retried)?;
        table("troubles", &self.done.counts)?;
        let mut requests = BTreeMap::new();
        for (what, outcomes) in ledger.requests() {
            for (outcome, count) in outcomes {
                requests.insert(format!("{what}: {outcome}"), count);
            }
        }
        table("requests", &requests)?;
        writeln!(out, "\nmost memory and open files of a process")?;
        for (role, (memory, files)) in &self.done.most {
            writeln!(out, "{memory:>8} MiB {files:>5}  {role}")?;
        }
        writeln!(out, "\nfsck: {}", self.fsck)?;
        let (count, wrong) = (ledger.addresses(), ledger.violations());
        writeln!(
            out,
            "{count} addresses of segments, each with one content unless said below"
        )?;
        writeln!(out, "{} violations in {} s", wrong.len(), took.as_secs())?;
        for wrong in wrong {
            writeln!(out, "  {wrong}")?;
        }
        Ok(())
    }
}

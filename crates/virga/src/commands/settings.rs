//! `config show`, `config check` and `config import`.

mod check;

use std::process::ExitCode;

use super::{import, say};
use crate::{
    cli::ConfigCommand,
    config::{Loaded, Shown, is_reloadable},
};

/// Settings were read before this runs: what no program could read was said already.
pub(crate) fn run(which: &ConfigCommand, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    match which {
        ConfigCommand::Check => return Ok(checked(loaded)),
        ConfigCommand::Import { file } => say(import::convert(file)?.trim_end()),
        ConfigCommand::Show => {
            let shown = &loaded.shown;
            let width = |of: fn(&Shown) -> usize| shown.iter().map(of).max().unwrap_or(0);
            let (keys, values) = (width(|line| line.key.len()), width(|line| line.value.len()));
            for Shown { key, value, layer } in shown {
                let when = if is_reloadable(key) { "" } else { ", at start" };
                say(format!("{key:keys$} = {value:values$}  # {layer}{when}"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Exit 0: a role would start with these settings; 1: it would not, a line for each reason.
fn checked(loaded: &Loaded) -> ExitCode {
    let findings = check::findings(&loaded.config);
    for finding in &findings {
        say(format!("WRONG  {finding}"));
    }
    if findings.is_empty() {
        say("The settings are fine.");
        return ExitCode::SUCCESS;
    }
    say(format!(
        "{} of the settings keep the site from starting.",
        findings.len()
    ));
    ExitCode::FAILURE
}

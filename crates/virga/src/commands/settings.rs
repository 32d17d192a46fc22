//! `config show`, `config check` and `config import`.

use std::process::ExitCode;

use super::{import, say};
use crate::{
    cli::ConfigCommand,
    config::{Shown, is_live},
};

/// Settings were read before this runs: what is wrong with them was said already.
pub(crate) fn run(which: &ConfigCommand, shown: &[Shown]) -> anyhow::Result<ExitCode> {
    match which {
        ConfigCommand::Check => say("The settings are fine."),
        ConfigCommand::Import { file } => say(import::convert(file)?.trim_end()),
        ConfigCommand::Show => {
            let width = |of: fn(&Shown) -> usize| shown.iter().map(of).max().unwrap_or(0);
            let (keys, values) = (width(|line| line.key.len()), width(|line| line.value.len()));
            for Shown { key, value, layer } in shown {
                let when = if is_live(key) { "" } else { ", at start" };
                say(format!("{key:keys$} = {value:values$}  # {layer}{when}"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

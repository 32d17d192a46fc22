//! `config show` and `config check`.

use std::process::ExitCode;

use super::say;
use crate::{cli::ConfigCommand, config::Shown};

/// Settings were read before this runs: what is wrong with them was said already.
pub(crate) fn run(which: &ConfigCommand, shown: &[Shown]) -> ExitCode {
    match which {
        ConfigCommand::Check => say("The settings are fine."),
        ConfigCommand::Show => {
            let width = |of: fn(&Shown) -> usize| shown.iter().map(of).max().unwrap_or(0);
            let (keys, values) = (width(|line| line.key.len()), width(|line| line.value.len()));
            for Shown { key, value, layer } in shown {
                say(format!("{key:keys$} = {value:values$}  # {layer}"));
            }
        }
    }
    ExitCode::SUCCESS
}

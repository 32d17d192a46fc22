//! Logs: one line an event on standard error, as text or JSON. Control characters are escaped by
//! the formatter, secrets never get that far.

use anyhow::Context;
use tracing_subscriber::{EnvFilter, Registry, fmt, prelude::*, reload};

use crate::config::LogConfig;

/// Changes how much is logged.
#[derive(Clone, Debug)]
pub(crate) struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    /// Takes another `log.level`.
    pub(crate) fn set(&self, level: EnvFilter) -> anyhow::Result<()> {
        Ok(self.0.reload(level)?)
    }
}

/// Reads a `log.level`.
pub(crate) fn level(text: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(text).with_context(|| format!("log.level {text:?} is not a log level"))
}

/// Starts logging.
pub(crate) fn start(config: &LogConfig) -> anyhow::Result<LogLevel> {
    let (filter, handle) = reload::Layer::new(level(&config.level)?);
    let registry = tracing_subscriber::registry().with(filter);
    if config.json {
        registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .try_init()?;
    } else {
        let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
        registry
            .with(fmt::layer().with_ansi(ansi).with_writer(std::io::stderr))
            .try_init()?;
    }
    Ok(LogLevel(handle))
}

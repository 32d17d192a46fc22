//! The two text formats. The library writes `OpenMetrics`; Prometheus's own tools, and people, read the
//! older one, in which a counter is declared by the name that its samples have.

use prometheus_client::{
    encoding::text::{encode_eof, encode_registry},
    registry::Registry,
};
use std::fmt;

pub(super) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(super) const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn write(registries: &[&Registry], open: bool) -> Result<String, fmt::Error> {
    let mut text = String::new();
    for registry in registries {
        encode_registry(&mut text, registry)?;
    }
    if open {
        encode_eof(&mut text)?;
        return Ok(text);
    }
    Ok(plain(&text))
}

/// `# HELP` and `# TYPE` of counters and infos with the suffix that their samples have.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut help: Option<(&str, &str)> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                other => ("", other),
            };
            if let Some((_, words)) = help.take() {
                plain += &format!("# HELP {name}{suffix} {words}\n");
            }
            plain += &format!("# TYPE {name}{suffix} {kind}\n");
        } else if !line.starts_with("# ") {
            plain += line;
            plain.push('\n');
        }
    }
    plain
}

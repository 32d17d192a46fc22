//! The process, as the kernel counts it, by the names that every Prometheus client uses.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use std::{fs, sync::atomic::AtomicU64};

/// Adds what can be read.
pub(super) fn register(registry: &mut Registry) {
    let registry = registry.sub_registry_with_prefix("process");
    let mut gauge = |name: &str, help: &str, value: f64| {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything: field 3 of proc_pid_stat(5) is the first.
    let behind = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = behind
        .split(' ')
        .map(|field| field.trim().parse().unwrap_or(0.0))
        .collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0.0);
    let page = as_float(rustix::param::page_size() as u64);
    let ticks = as_float(rustix::param::clock_ticks_per_second());
    gauge("resident_memory_bytes", "Resident memory", field(24) * page);
    gauge("virtual_memory_bytes", "Virtual memory", field(23));
    gauge("threads", "Threads", field(20));
    let booted = fs::read_to_string("/proc/stat").unwrap_or_default();
    let booted = booted
        .lines()
        .find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
    if let Some(booted) = booted {
        let started = booted + field(22) / ticks;
        gauge(
            "start_time_seconds",
            "When the process started, Unix time",
            started,
        );
    }
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    gauge("open_fds", "Open file descriptors", as_float(open as u64));
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if let Some(most) = limit.current {
        gauge("max_fds", "The most file descriptors", as_float(most));
    }
    let cpu = Counter::<f64, AtomicU64>::default();
    cpu.inc_by((field(14) + field(15)) / ticks);
    registry.register("cpu_seconds", "Processor time, user and system", cpu);
}

/// Exact up to 2^53, as every sample is.
#[expect(clippy::cast_precision_loss, reason = "samples are floats")]
pub(super) fn as_float(value: u64) -> f64 {
    value as f64
}

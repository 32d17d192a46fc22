//! The site from outside: the real binary, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod arriving;
mod bad_input;
mod bucket_faults;
mod buckets;
mod clouds;
mod cluster;
mod commands;
mod containers;
mod deploy;
mod direct;
mod doctor;
mod downloads;
mod egress;
mod engines;
mod faults;
mod feed;
mod forms;
mod fragmented;
mod full_disk;
mod future;
mod hostile;
mod installed;
mod interrupted;
mod journey;
mod listener;
mod matrix;
mod memory;
mod metrics;
mod origin_flaws;
mod publish;
mod quotas;
mod races;
mod rebuild;
mod redis;
mod reload;
mod replica;
mod roles;
mod sandbox;
mod secrets;
mod seeing;
mod sessions;
mod share;
mod signatures;
mod sockets;
mod tls;
mod upload_command;
mod without_objects;

/// The program under test.
const VIRGA: &str = env!("CARGO_BIN_EXE_virga");

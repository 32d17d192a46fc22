//! What a role would refuse at its start, all of it at once. Nothing is made, and no server is asked.

use rustix::fs::{Access, access};
use std::{
    fs,
    net::ToSocketAddrs,
    path::{Path, PathBuf},
};
use virga_core::paths::RoleName;
use virga_http::origin::SiteOrigin;

use crate::{
    config::{Config, RedisConfig, StoreKind},
    delivery, keys, listeners, objects, parts, redis, telemetry, tls,
};

/// A line for each.
pub(super) fn findings(config: &Config) -> Vec<String> {
    let mut found = Findings(Vec::new());
    found.files(config);
    found.addresses(config);
    found.take("log.level", telemetry::level(&config.log.level));
    // A password that cannot be read is named already.
    let redis = RedisConfig {
        password_file: None,
        ..config.redis.clone()
    };
    found.take("redis.url", redis::open(&redis));
    found.take("database.url", parts::check_database_url(config));
    found.take("database.replica_url", parts::check_replica_url(config));
    if config.objects.kind != StoreKind::Disk {
        found.take("objects", objects::check(config));
    }
    match parts::public_url(config) {
        Ok(url) => found.take(
            "delivery",
            delivery::options(&config.delivery, &SiteOrigin(url)),
        ),
        Err(error) => found.say("http.public_url", &error),
    }
    found.take("http.tls", tls::check(config));
    found.take("limits", parts::check_egress(config));
    found.data_folder(config);
    found.0.sort();
    found.0.dedup();
    found.0
}

struct Findings(Vec<String>);

impl Findings {
    fn say(&mut self, setting: &str, error: &anyhow::Error) {
        self.0.push(format!("{setting}: {error:#}"));
    }

    fn take<T>(&mut self, setting: &str, outcome: anyhow::Result<T>) {
        if let Err(error) = outcome {
            self.say(setting, &error);
        }
    }

    /// Secrets that are in files.
    fn files(&mut self, config: &Config) {
        let objects = &config.objects;
        for (setting, file) in [
            ("database.password_file", &config.database.password_file),
            ("redis.password_file", &config.redis.password_file),
            ("objects.access_key_file", &objects.access_key_file),
            ("objects.secret_key_file", &objects.secret_key_file),
            ("delivery.cdn_key_file", &config.delivery.cdn_key_file),
            ("metrics.token_file", &config.metrics.token_file),
        ] {
            let Some(file) = file else { continue };
            match fs::read_to_string(file) {
                Err(error) => self.0.push(format!(
                    "{setting}: {}: {error}. Run this as the user that the site runs as",
                    file.display()
                )),
                Ok(text) if text.lines().next().unwrap_or_default().trim().is_empty() => {
                    let file = file.display();
                    self.0
                        .push(format!("{setting}: the first line of {file} is empty"));
                }
                Ok(_) if setting == "metrics.token_file" => {
                    self.take(setting, listeners::token(&config.metrics));
                }
                Ok(_) => {}
            }
        }
        let keys = keys::file(config);
        if keys.exists() {
            self.take("keys.file", keys::read(&keys));
        }
    }

    fn addresses(&mut self, config: &Config) {
        if config.http.listen.is_some() {
            let address = listeners::address(&config.http, RoleName::Web);
            self.listen("http.listen", &address);
        }
        let redirect = config.http.redirect_listen.as_deref();
        if let Some(redirect) = redirect.filter(|it| !it.is_empty()) {
            self.listen("http.redirect_listen", redirect);
        }
        if let Some(listen) = &config.metrics.listen {
            match listeners::metrics_address(listen, RoleName::Dispatcher) {
                Ok(address) => self.listen("metrics.listen", &address),
                Err(error) => self.say("metrics.listen", &error),
            }
        }
        let api = &config.services.api;
        let url = api.parse::<http::Uri>().ok();
        let is_url = url.is_some_and(|url| url.scheme().is_some() && url.host().is_some());
        if !is_url {
            self.0.push(format!(
                "services.api: {api:?} is not a URL such as http://10.0.0.2:9000"
            ));
        }
    }

    fn listen(&mut self, setting: &str, address: &str) {
        if let Err(error) = address.to_socket_addrs() {
            self.0.push(format!(
                "{setting}: {address:?} is not an ADDRESS:PORT to listen on ({error})"
            ));
        }
    }

    /// The data folder, or the folder that it would be made in, can be written.
    fn data_folder(&mut self, config: &Config) {
        let there = |folder: &Path| folder.exists().then(|| folder.to_owned());
        let whole =
            std::path::absolute(&config.data.dir).unwrap_or_else(|_| config.data.dir.clone());
        let nearest: Option<PathBuf> = whole.ancestors().find_map(there);
        let Some(folder) = nearest else { return };
        if !folder.is_dir() {
            self.0
                .push(format!("data.dir: {} is not a folder", folder.display()));
        } else if let Err(error) = access(&folder, Access::WRITE_OK | Access::EXEC_OK) {
            self.0.push(format!(
                "data.dir: {} cannot be written: {error}. Run this as the user that the site runs as",
                folder.display()
            ));
        }
    }
}

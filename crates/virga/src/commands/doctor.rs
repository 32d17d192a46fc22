//! `doctor`: what Virga needs on this machine, a line each: right, or wrong and what to do.

mod connectivity;

use std::{io::ErrorKind, process::ExitCode, time::Duration};
use virga_core::{Clock, SystemClock, Timestamp, paths::RoleName};
use virga_db::{DAMAGE_REMEDY, accounts};
use virga_objects::ObjectError;

use super::say;
use crate::{
    config::{Config, TlsMode},
    keys, listeners, objects, parts, roles, tls,
};

/// What a running site gets to answer.
const ANSWER: Duration = Duration::from_secs(3);

/// A check's outcome: what is right, or what to do.
type Finding = Result<String, String>;

pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let mut wrong = 0;
    let mut line = |name: &str, finding: Finding| match finding {
        Ok(fine) => say(format!("right  {name}: {fine}")),
        Err(what) => {
            wrong += 1;
            say(format!("WRONG  {name}: {what}"));
        }
    };
    let settings = config.dispatcher.clone();
    let launcher = roles::launcher()?;
    let look = move || virga_dispatcher::check_programs(&settings, &launcher);
    let programs = tokio::task::spawn_blocking(look).await?;
    for (name, finding) in programs {
        line(&name, finding);
    }
    let found = database(config).await;
    let open = found.is_ok();
    line("database", found);
    line("objects", objects(config).await);
    if open {
        line("names", names(config).await);
    }
    line("keys", signing_keys(config));
    line("data folder", data_folder(config));
    line("clock", clock());
    line("port", port(config).await);
    match tls::check(config) {
        Ok(None) => {}
        Ok(Some(fine)) => line("certificate", Ok(fine)),
        Err(error) => line("certificate", Err(format!("{error:#}"))),
    }
    for (name, finding) in connectivity::check(config).await {
        line(&name, finding);
    }
    Ok(if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn database(config: &Config) -> Finding {
    parts::must_exist(config).map_err(|error| error.to_string())?;
    let look = async {
        let db = parts::open_database(config, parts::Ask::Now).await?;
        let pending = db.pending_migrations().await?;
        let damage = db.quick_check().await?;
        anyhow::Ok((db.engine(), db.version().await?, pending, damage))
    };
    match look.await {
        Ok((_, _, _, damage)) if !damage.is_empty() => Err(format!(
            "its file is damaged: {}. {DAMAGE_REMEDY}",
            damage.join("; ")
        )),
        Ok((engine, version, pending, _)) => {
            let is = format!("{engine} {}", version.text);
            match (version.too_old, pending) {
                (Some((major, minor)), _) => Err(format!(
                    "{is} is too old; Virga needs {major}.{minor} or newer"
                )),
                (None, 0) => Ok(format!("{is} answers, tables up to date")),
                (None, count) => Ok(format!(
                    "{is} answers; migrations that the next start will run: {count}"
                )),
            }
        }
        Err(error) => Err(format!(
            "{error:#}. Check database.url and database.password_file, or who may write the data \
             folder"
        )),
    }
}

/// Most look-alike names that are listed.
const NAMES: usize = 20;

/// Accounts of older releases whose names look like another's.
async fn names(config: &Config) -> Finding {
    let look = async {
        let db = parts::open_database(config, parts::Ask::Now).await?;
        if db.pending_migrations().await? > 0 {
            return Ok(vec!["not known before the next start".to_owned()]);
        }
        anyhow::Ok(look_alikes(&db).await?)
    };
    let found = look.await.map_err(|error| format!("{error:#}"))?;
    Ok(match found.as_slice() {
        [] => "no two look alike".to_owned(),
        found => format!(
            "accounts that look like another one: {}. Nothing is wrong if they belong to the same \
             person; otherwise block one of them",
            found.join(", ")
        ),
    })
}

async fn look_alikes(db: &virga_db::Db) -> virga_db::Result<Vec<String>> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let rows = accounts::without_skeleton(db.read(), &after, 100).await?;
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        after = last.id.to_string();
        for row in &rows {
            let Some(first) = accounts::by_skeleton(db.read(), &row.name).await? else {
                continue;
            };
            if found.len() == NAMES {
                found.push("and more".to_owned());
                return Ok(found);
            }
            found.push(format!("{} (like {})", row.name, first.name));
        }
    }
}

async fn objects(config: &Config) -> Finding {
    objects::must_exist(config).map_err(|error| error.to_string())?;
    let objects = objects::open(config)
        .await
        .map_err(|error| format!("{error:#}"))?;
    let look = async {
        objects.store.check_writable().await?;
        objects.store.free_space().await
    };
    let room = look
        .await
        .map_err(|error| format!("{}: {error}. {}", objects.place, remedy(config, &error)))?;
    let Some(room) = room else {
        return Ok(format!("{} can be written", objects.place));
    };
    let keep = config.storage.keep_free;
    if room.available <= keep {
        let (free, keep) = (room.available >> 20, keep >> 20);
        return Err(format!(
            "{free} MiB free, uploads stop below {keep} MiB. Free some space"
        ));
    }
    Ok(format!("writable, {} GiB free", room.available >> 30))
}

/// What to do about it.
fn remedy(config: &Config, error: &ObjectError) -> String {
    let dir = config.data.dir.display();
    match error {
        ObjectError::Denied { .. } => {
            "Check objects.access_key_file and objects.secret_key_file (or what the environment \
             says), objects.region, and that this account may read, write, list and delete in the \
             bucket"
        }
        ObjectError::ClockSkew => "For instance with systemd-timesyncd",
        ObjectError::Unavailable { .. } => "Check objects.endpoint and the network between",
        ObjectError::Bucket { .. } => {
            "Check objects.bucket, objects.region, objects.endpoint and objects.addressing"
        }
        ObjectError::NoRoom => return format!("Free some space on the disk of {dir}"),
        _ => return format!("Make {dir} writable for this user"),
    }
    .to_owned()
}

fn data_folder(config: &Config) -> Finding {
    let dir = config.data.dir.display();
    if !config.data.dir.exists() {
        return Ok(format!("{dir} will be created at the first start"));
    }
    parts::open_to_others(config).map_or(Ok(format!("{dir} is private")), Err)
}

fn signing_keys(config: &Config) -> Finding {
    let file = keys::file(config);
    if !file.exists() {
        return Ok("none yet; `virga migrate` or the first start creates them".to_owned());
    }
    keys::load(&file, &virga_core::OsEntropy)
        .map(|_| format!("{}", file.display()))
        .map_err(|error| format!("{error:#}"))
}

fn clock() -> Finding {
    // A machine without a clock starts in 1970 and would sign grants that are over.
    let now = SystemClock.now();
    let year_2026 = Timestamp::from_seconds(1_767_225_600);
    if now.since(year_2026) > Duration::ZERO {
        Ok(now.to_string())
    } else {
        Err(format!(
            "it says {now}. Set the machine's time, for instance with systemd-timesyncd"
        ))
    }
}

async fn port(config: &Config) -> Finding {
    let address = listeners::address(&config.http, RoleName::Web);
    match tokio::net::TcpListener::bind(&address).await {
        Ok(_) => Ok(format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            if is_running(&address, config.http.tls).await {
                return Ok(format!("{address}: Virga runs there"));
            }
            Err(format!(
                "{address}: taken by another program. Stop that, or set another http.listen"
            ))
        }
        Err(error) => Err(format!("{address}: {error}. Set another http.listen")),
    }
}

/// Whether it is Virga that has the port.
async fn is_running(address: &str, tls: TlsMode) -> bool {
    let scheme = match tls {
        TlsMode::Off => "http",
        TlsMode::Files | TlsMode::Auto => "https",
    };
    let ask = async {
        // It is asked by its address, for which no certificate is: nothing is told to it.
        let client = reqwest::Client::builder()
            .timeout(ANSWER)
            .no_proxy()
            .tls_danger_accept_invalid_certs(true)
            .build()?;
        let livez = format!("{scheme}://{address}/livez");
        let answer = client.get(livez).send().await?;
        answer.error_for_status()?.text().await
    };
    ask.await.is_ok_and(|text| text.trim() == "alive")
}

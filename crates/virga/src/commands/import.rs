//! `virga config import`: the configuration of the origin (`config.json` or `conf.json`, two
//! addresses) as one of ours. What it does not say is named with the key that says it.

use anyhow::{Context, anyhow};
use serde::Deserialize;
use std::{fmt::Write as _, fs, path::Path};

/// What the origin and those who copied it write.
#[derive(Debug, Deserialize)]
struct Origin {
    #[serde(alias = "lb_addr")]
    lb_address: Option<String>,
    #[serde(alias = "oss_addr")]
    oss_address: Option<String>,
}

/// The file as `virga.toml`.
pub(super) fn convert(file: &Path) -> anyhow::Result<String> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    toml_of(&text, &name.unwrap_or_default()).with_context(|| {
        format!(
            "{} is not a config.json or conf.json that can be imported",
            file.display()
        )
    })
}

fn toml_of(text: &str, name: &str) -> anyhow::Result<String> {
    let origin: Origin = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
    let lb = origin.lb_address.as_deref().map(host_of).transpose()?;
    let oss = origin.oss_address.as_deref().map(host_of).transpose()?;
    if lb.is_none() && oss.is_none() {
        return Err(anyhow!("it has neither lb_address nor oss_address"));
    }
    let mut toml = format!("# From {name}. Settings after # are missing there: set them.\n");
    toml.push_str(
        "\n[http]\n# public_url = \"https://…\"          # the site as its viewers open it\n\
         \n[database]\n# url = \"mysql://user@host/virga\"    # left out: SQLite in the data folder\n\
         # password_file = \"/etc/virga/database-password\"\n",
    );
    match lb {
        Some(host) => {
            let _ = write!(
                toml,
                "\n[services]\napi = \"http://{host}:9000\"\n\
                 \n[balancer]\napi_listen = \"{host}:9000\"\nstream_listen = \"{host}:9001\"\n\
                 # web = [], api = [], stream = []: the replicas, host:port, for `virga lb`\n"
            );
        }
        None => toml.push_str("\n[services]\n# api = \"http://…:9000\"             # lb_address\n"),
    }
    match oss {
        Some(host) => objects(&mut toml, &host)?,
        None => toml.push_str("\n# [objects]: no oss_address, so files are in the data folder\n"),
    }
    Ok(toml)
}

/// The host of an address, with or without scheme, port and path.
fn host_of(address: &str) -> anyhow::Result<String> {
    let address = address.trim();
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    let fine = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
    fine.then(|| host.to_owned())
        .ok_or_else(|| anyhow!("{address:?} is not an address"))
}

/// `[bucket.]oss-REGION[-internal].aliyuncs.com`.
fn objects(toml: &mut String, host: &str) -> anyhow::Result<()> {
    let bad = || {
        anyhow!("{host:?} is not an address of OSS such as oss-cn-hangzhou-internal.aliyuncs.com")
    };
    let names = host.strip_suffix(".aliyuncs.com").ok_or_else(bad)?;
    let (bucket, endpoint) = match names.split_once('.') {
        Some((bucket, endpoint)) => (Some(bucket), endpoint),
        None => (None, names),
    };
    let region = endpoint.strip_prefix("oss-").ok_or_else(bad)?;
    let region = region.strip_suffix("-internal").unwrap_or(region);
    let bucket = match bucket {
        Some(bucket) => format!("bucket = \"{bucket}\""),
        None => "# bucket = \"…\"".to_owned(),
    };
    let _ = write!(
        toml,
        "\n[objects]\nkind = \"oss\"\n{bucket}\nregion = \"{region}\"\n\
         endpoint = \"https://{endpoint}.aliyuncs.com\"\n\
         public_endpoint = \"https://oss-{region}.aliyuncs.com\"\n\
         # access_key_file = \"/etc/virga/access-key\"   # left out: the machine's RAM role\n\
         # secret_key_file = \"/etc/virga/secret-key\"\n"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "\
# From config.json. Settings after # are missing there: set them.

[http]
# public_url = \"https://…\"          # the site as its viewers open it

[database]
# url = \"mysql://user@host/virga\"    # left out: SQLite in the data folder
# password_file = \"/etc/virga/database-password\"
";

    const BALANCER: &str = "
[services]
api = \"http://10.0.0.9:9000\"

[balancer]
api_listen = \"10.0.0.9:9000\"
stream_listen = \"10.0.0.9:9001\"
# web = [], api = [], stream = []: the replicas, host:port, for `virga lb`
";

    const OBJECTS: &str = "
[objects]
kind = \"oss\"
# bucket = \"…\"
region = \"cn-beijing\"
endpoint = \"https://oss-cn-beijing-internal.aliyuncs.com\"
public_endpoint = \"https://oss-cn-beijing.aliyuncs.com\"
# access_key_file = \"/etc/virga/access-key\"   # left out: the machine's RAM role
# secret_key_file = \"/etc/virga/secret-key\"
";

    #[test]
    fn the_four_forms_of_the_origin_become_the_same_settings() {
        let whole = format!("{HEAD}{BALANCER}{OBJECTS}");
        for text in [
            r#"{"lb_address": "10.0.0.9", "oss_address": "oss-cn-beijing-internal.aliyuncs.com"}"#,
            r#"{"lb_addr": "10.0.0.9", "oss_addr": "oss-cn-beijing-internal.aliyuncs.com"}"#,
            r#"{"lb_address": "http://10.0.0.9:80/", "oss_addr": "https://oss-cn-beijing-internal.aliyuncs.com/"}"#,
        ] {
            assert_eq!(toml_of(text, "config.json").unwrap(), whole, "{text}");
        }
        let named = r#"{"lb_addr": "10.0.0.9", "oss_addr": "films.oss-cn-beijing.aliyuncs.com"}"#;
        let public = whole
            .replace("config.json", "conf.json")
            .replace("# bucket = \"…\"", "bucket = \"films\"")
            .replace("-internal", "");
        assert_eq!(toml_of(named, "conf.json").unwrap(), public);
    }

    #[test]
    fn half_a_file_says_what_is_missing_and_no_file_why() {
        let half = toml_of(r#"{"lb_address": "10.0.0.9"}"#, "config.json").unwrap();
        assert!(half.contains("files are in the data folder"), "{half}");
        let half = toml_of(r#"{"oss_address": "oss-cn-beijing.aliyuncs.com"}"#, "c").unwrap();
        assert!(half.contains("# api = \"http://…:9000\""), "{half}");
        for text in [
            "",
            "[]",
            "{}",
            r#"{"lb_address": ""}"#,
            r#"{"lb_address": "a\"\napi = \"b"}"#,
            r#"{"oss_address": "s3.example"}"#,
            r#"{"oss_address": "films.aliyuncs.com"}"#,
        ] {
            assert!(toml_of(text, "config.json").is_err(), "{text}");
        }
    }
}

//! The session cookie: its name by scheme, reading and writing it.

use http::{HeaderMap, HeaderValue, header};
use virga_core::Timestamp;

/// Over https: bound to this host, this path, secure.
pub const SECURE_NAME: &str = "__Host-virga";
/// Over plain http, with a warning at start.
pub const PLAIN_NAME: &str = "virga";

/// The cookie's name for the site's scheme.
pub fn name(https: bool) -> &'static str {
    if https { SECURE_NAME } else { PLAIN_NAME }
}

/// The value of a cookie of the request.
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// `Set-Cookie` for a session that ends at `expires`.
pub fn set(token: &str, https: bool, now: Timestamp, expires: Timestamp) -> HeaderValue {
    write(token, https, expires.since(now).as_secs())
}

/// `Set-Cookie` that removes the session.
pub fn clear(https: bool) -> HeaderValue {
    write("", https, 0)
}

fn write(value: &str, https: bool, max_age: u64) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let text = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}",
        name(https)
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

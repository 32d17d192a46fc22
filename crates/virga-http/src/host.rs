//! `Host` as RFC 9112 §3.2 wants it: one line with a valid host and port. A target in absolute form
//! names the host itself, and then the header is set to it, so that everything behind reads the same.

use axum::extract::Request;
use http::{HeaderMap, HeaderValue, Method, Uri, Version, header};
use std::net::Ipv6Addr;
use virga_core::{Code, Failure};

use crate::Error;

/// Refuses a request whose host is missing, doubled or malformed: 400.
pub(crate) fn settle(request: &mut Request) -> Result<(), Error> {
    checked(request).map_err(|detail| Error(Failure::new(Code::HostInvalid, detail)))
}

fn checked(request: &mut Request) -> Result<(), &'static str> {
    // HTTP/1.0 knows no Host.
    let required = request.version() >= Version::HTTP_11;
    check_header(request.headers(), required)?;
    let uri = request.uri();
    let Some(authority) = uri.authority() else {
        let asterisk = uri.path() == "*" && request.method() == Method::OPTIONS;
        return if uri.path().starts_with('/') || asterisk {
            Ok(())
        } else {
            Err("The request target must be a path or a whole http address.")
        };
    };
    let scheme = uri.scheme_str();
    if !matches!(scheme, Some("http" | "https")) || !is_host(authority.as_str()) {
        return Err("The request target must be a path or a whole http address.");
    }
    let host = HeaderValue::from_str(authority.as_str())
        .map_err(|_| "The request target names no valid host.")?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path: Uri = path
        .parse()
        .map_err(|_| "The request target must be a path or a whole http address.")?;
    *request.uri_mut() = path;
    request.headers_mut().insert(header::HOST, host);
    Ok(())
}

fn check_header(headers: &HeaderMap, required: bool) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if required => Err("The request needs a Host header."),
        (None, _) => Ok(()),
        (Some(_), Some(_)) => Err("The request has more than one Host header."),
        (Some(host), None) if host.to_str().is_ok_and(is_host) => Ok(()),
        (Some(_), None) => Err("The Host header is not a host name with an optional port."),
    }
}

/// `uri-host [ ":" port ]` of RFC 9110 §7.2, but not empty, as §4.2.1 wants for http.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => (None, port),
            _ => return false,
        },
        None => match text.find(':') {
            Some(colon) => (Some(&text[..colon]), &text[colon..]),
            None => (Some(text), ""),
        },
    };
    let port_is_right = match port.strip_prefix(':') {
        Some(digits) => digits.is_empty() || digits.parse::<u16>().is_ok() && !digits.contains('+'),
        None => port.is_empty(),
    };
    port_is_right && host.is_none_or(is_name)
}

/// `reg-name` of RFC 3986 §3.2.2; an IPv4 address is one too.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let right = match byte {
            b'%' => {
                let mut digit = || bytes.next().is_some_and(|it| it.is_ascii_hexdigit());
                digit() && digit()
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
        };
        if !right {
            return false;
        }
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_a_port_or_none() {
        for right in [
            "a",
            "a.example:8080",
            "127.0.0.1",
            "[::1]",
            "[2001:db8::1]:443",
            "a:",
            "a_b",
            "%41b",
        ] {
            assert!(is_host(right), "{right}");
        }
        for wrong in [
            "", ":80", "a b", "a/b", "x@a", "a:b", "a:99999", "a:+1", "a:1:2", "::1", "[::1",
            "[a]", "[::1]a", "%4", "a\"b", "a<b", "a,b c",
        ] {
            assert!(!is_host(wrong), "{wrong}");
        }
    }
}

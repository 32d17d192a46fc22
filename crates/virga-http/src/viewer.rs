//! Who calls: the network address, and the session token that was presented.

use axum::extract::Request;
use http::{HeaderMap, header};
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Once,
};

use crate::cookie;

/// The other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub SocketAddr);

/// The viewer's address: the peer, or what a configured proxy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientIp(pub IpAddr);

impl ClientIp {
    /// What the address counts as for limits: an IPv6 host is its /64.
    pub fn bucket(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                let masked = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(masked.into())
            }
            v4 @ IpAddr::V4(_) => v4,
        }
    }

    /// The network that a provider gives to one customer, where that is wider than
    /// [`bucket`](Self::bucket): the /48 of an IPv6 host.
    pub fn wide(self) -> Option<IpAddr> {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                let masked = u128::from(address) >> 80 << 80;
                Some(IpAddr::V6(masked.into()))
            }
            IpAddr::V4(_) => None,
        }
    }

    /// The address of a request that came through a listener; unspecified where none is known.
    pub fn of(request: &Request) -> Self {
        request
            .extensions()
            .get::<Self>()
            .copied()
            .unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }
}

/// The nearest address that is not one of our own proxies, read from the right of
/// `X-Forwarded-For`. Without configured proxies the header is never believed.
pub fn resolve(peer: SocketAddr, headers: &HeaderMap, proxies: &[IpNet]) -> ClientIp {
    let trusted = |address: &IpAddr| proxies.iter().any(|net| net.contains(address));
    let mut nearest = peer.ip().to_canonical();
    if !trusted(&nearest) {
        return ClientIp(nearest);
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in forwarded.iter().rev() {
        let Some(address) = hop_address(hop.trim()) else {
            static WARNED: Once = Once::new();
            WARNED.call_once(|| {
                tracing::warn!(
                    "a trusted proxy sends an X-Forwarded-For that cannot be read: its viewers \
                     count as the proxy; let it send plain addresses"
                );
            });
            break;
        };
        nearest = address.to_canonical();
        if !trusted(&nearest) {
            break;
        }
    }
    ClientIp(nearest)
}

/// An address as proxies write it: plain, with a port, in brackets, with a zone.
fn hop_address(text: &str) -> Option<IpAddr> {
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => match text.find(':') {
            // One colon: IPv4 and a port.
            Some(colon) if text.rfind(':') == Some(colon) => text.split_at(colon),
            _ => (text, ""),
        },
    };
    let is_port = |port: &str| port.strip_prefix(':')?.parse::<u16>().ok();
    if !port.is_empty() {
        is_port(port)?;
    }
    let (address, zone) = address.split_once('%').unwrap_or((address, ""));
    let address: IpAddr = address.parse().ok()?;
    (zone.is_empty() || address.is_ipv6()).then_some(address)
}

/// A session token as presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresentedToken {
    /// None.
    Nothing,
    /// `Authorization: Bearer`: cannot be forged across sites.
    Bearer(String),
    /// The cookie: the browser sends it by itself, so unsafe methods need the site's origin.
    Cookie(String),
}

impl PresentedToken {
    /// Reads it off the headers; a bearer wins. On an https site only the cookie that is bound to
    /// the host counts: a plain one may have been planted from elsewhere.
    pub fn read(headers: &HeaderMap, https: bool) -> Self {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim().to_owned());
        if let Some(token) = bearer {
            return Self::Bearer(token);
        }
        cookie::read(headers, cookie::name(https))
            .map_or(Self::Nothing, |token| Self::Cookie(token.to_owned()))
    }

    /// The token.
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Bearer(token) | Self::Cookie(token) => Some(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        [(
            http::HeaderName::from_static("x-forwarded-for"),
            value.parse().unwrap(),
        )]
        .into_iter()
        .collect()
    }

    #[test]
    fn forwarded_addresses_are_believed_from_our_proxies_only() {
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let from = |peer: &str, forwarded: &str, proxies: &[IpNet]| {
            resolve(
                SocketAddr::new(peer.parse().unwrap(), 1),
                &headers(forwarded),
                proxies,
            )
            .0
            .to_string()
        };
        assert_eq!(from("203.0.113.9", "1.1.1.1", &proxies), "203.0.113.9");
        assert_eq!(
            from("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", &proxies),
            "198.51.100.7"
        );
        for unreadable in [
            "nonsense",
            "unknown",
            "1.1.1.1:x",
            "1.1.1.1%a",
            "[1::1",
            "[1::1]x",
        ] {
            assert_eq!(from("10.0.0.1", unreadable, &proxies), "10.0.0.1");
        }
        for (text, address) in [
            ("203.0.113.9:44", "203.0.113.9"),
            ("[2001:db8::1]:55", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1%eth0", "2001:db8::1"),
            ("[2001:db8::1%eth0]:55", "2001:db8::1"),
            ("203.0.113.9:44, 10.0.0.2:80", "203.0.113.9"),
        ] {
            assert_eq!(from("10.0.0.1", text, &proxies), address, "{text}");
        }
        assert_eq!(from("10.0.0.1", "1.1.1.1", &[]), "10.0.0.1");
    }

    #[test]
    fn an_ipv6_host_counts_as_its_64() {
        let bucket = |text: &str| ClientIp(text.parse().unwrap()).bucket();
        assert_eq!(bucket("2001:db8::1"), bucket("2001:db8::ffff"));
        assert_ne!(bucket("2001:db8::1"), bucket("2001:db8:0:1::1"));
        assert_eq!(bucket("::ffff:192.0.2.1"), bucket("192.0.2.1"));
    }
}

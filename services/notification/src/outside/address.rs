//! Which addresses may be called: users name targets, and must not reach what only this network
//! can.
//!
//! The check is made where names are resolved, and the connection goes to what was checked: a name
//! can't point elsewhere between the two. Addresses in a URL are never resolved, so they are
//! checked on their own.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// An address that must not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PrivateAddress;

impl fmt::Display for PrivateAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the address itself: it would tell what this network's names are.
        formatter.write_str("the address is not on the public internet")
    }
}

impl Error for PrivateAddress {}

/// Whether an address is on the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// IANA's registry of special-purpose addresses, as far as they are not globally reachable.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        (0 | 10 | 127, _, _) => true,
        (100, 64..=127, _) => true,
        (169, 254, _) => true,
        (172, 16..=31, _) => true,
        (192, 0, 0 | 2) => true,
        (192, 88, 99) => true,
        (192, 168, _) => true,
        (198, 18 | 19, _) => true,
        (198, 51, 100) => true,
        (203, 0, 113) => true,
        // Multicast, reserved, broadcast.
        (224..=255, _, _) => true,
        _ => false,
    };
    !special
}

/// Only what is given out to the internet (2000::/3), without the parts in it that are special or
/// carry an IPv4 address: so addresses that are mapped, translated or local are not.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    match a {
        // Protocol assignments, as Teredo and ORCHID; documentation.
        0x2001 => b >= 0x0200 && b != 0x0db8,
        // 6to4.
        0x2002 => false,
        // Documentation.
        0x3fff => b >= 0x1000,
        0x2000..=0x3ffe => true,
        _ => false,
    }
}

/// Whether a URL names a host by an address that must not be called.
pub(super) fn names_private_address(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse().is_ok_and(|address| !is_public(address))
}

/// Resolves names to public addresses only. A name that also has another one is refused: nobody
/// who means well has such a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is put in by who connects.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            if found.iter().any(|address| !is_public(address.ip())) {
                return Err(PrivateAddress.into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_the_internet_is_refused() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::a00:1",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn the_internet_is_let_through() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450:4001:81b::200e",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_is_seen_however_it_is_written() {
        for (url, private) in [
            ("https://127.0.0.1/x", true),
            ("https://2130706433/x", true),
            ("https://0x7f.1/x", true),
            ("https://017700000001/x", true),
            ("https://[::1]:8443/", true),
            ("https://[::ffff:10.0.0.1]/", true),
            ("https://1.1.1.1/", false),
            ("https://example.com/", false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(names_private_address(&url), private, "{url}");
        }
    }
}

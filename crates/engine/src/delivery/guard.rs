//! May a delivery connect to this address? Pure.
//!
//! Users tell this server where to send requests, so it must not become a way into the operator's own network.
//! The check is made on the address that is connected to, after DNS, so that a name cannot turn round between
//! check and use. The ranges are those of the IANA special-purpose address registries (RFC 6890 and updates).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use ipnet::IpNet;
use thiserror::Error;
use url::{Host, Url};

/// Says which addresses may be connected to.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow: Vec<IpNet>,
}

/// An address that may not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "{address} is {kind}. This server sends to public addresses only; its operator can allow it with `egress.allow`"
)]
pub struct Forbidden {
    /// The address.
    pub address: IpAddr,
    /// What is special about it, for example "a private address".
    pub kind: &'static str,
}

impl Guard {
    /// A guard that lets through public addresses and those in `allow`.
    pub const fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    /// Whether `address` may be connected to.
    pub fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        if self.allow.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        let embedded = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => embedded_v4(v6),
        };
        if let Some(v4) = embedded
            && self.allow.iter().any(|network| network.contains(&IpAddr::V4(v4)))
        {
            return Ok(());
        }
        let kind = match (address, embedded) {
            (_, Some(v4)) | (IpAddr::V4(v4), None) => special_v4(v4),
            (IpAddr::V6(v6), None) => special_v6(v6),
        };
        kind.map_or(Ok(()), |kind| Err(Forbidden { address, kind }))
    }

    /// Whether a URL whose host is an address, in whatever spelling, may be connected to. Names pass: they are
    /// checked when they are resolved.
    pub fn check_literal(&self, url: &Url) -> Result<(), Forbidden> {
        match url.host() {
            Some(Host::Ipv4(v4)) => self.check(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => self.check(IpAddr::V6(v6)),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

/// The IPv4 address that packets to `v6` would end up at: mapped, compatible, NAT64 (64:ff9b::/96), 6to4 (2002::/16).
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = v6.segments();
    let from = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(from(high, low))
        }
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

fn special_v4(v4: Ipv4Addr) -> Option<&'static str> {
    Some(match v4.octets() {
        [169, 254, 169, 254] | [100, 100, 100, 200] | [168, 63, 129, 16] => "a cloud metadata address",
        [127, ..] => "a loopback address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [169, 254, ..] => "a link-local address",
        [100, 64..=127, ..] => "a shared address (RFC 6598)",
        [0, ..] => "an address of this network",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "an address for documentation",
        [198, 18..=19, ..] => "an address for benchmarks",
        [224..=239, ..] => "a multicast address",
        [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => "a reserved address",
        _ => return None,
    })
}

fn special_v6(v6: Ipv6Addr) -> Option<&'static str> {
    let segments = v6.segments();
    Some(match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback address",
        [0, 0, 0, 0, 0, 0, 0, 0] => "the unspecified address",
        [0xfd00, 0x0ec2, ..] => "a cloud metadata address",
        [first, ..] if first & 0xfe00 == 0xfc00 => "a private address",
        [first, ..] if first & 0xffc0 == 0xfe80 => "a link-local address",
        [first, ..] if first & 0xffc0 == 0xfec0 => "a private address",
        [first, ..] if first & 0xff00 == 0xff00 => "a multicast address",
        [0x2001, 0x0db8, ..] | [0x3fff, ..] => "an address for documentation",
        [0x64, 0xff9b, 1, ..] => "a private address",
        [0x0100, 0, 0, 0, ..] => "a discard address",
        [0x2001, second, ..] if second < 0x0200 => "a reserved address",
        // Only 2000::/3 is given out as global unicast.
        [first, ..] if first & 0xe000 != 0x2000 => "a reserved address",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<&'static str> {
        let address: IpAddr = text.parse().expect("an address");
        Guard::default().check(address).err().map(|forbidden| forbidden.kind)
    }

    #[test]
    fn addresses_that_are_not_public_are_refused() {
        for text in [
            "127.0.0.1",
            "127.255.0.1",
            "10.0.0.5",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "203.0.113.7",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
            "2001:db8::1",
            "fec0::1",
            "64:ff9b:1::1",
            "2001::1",
            "4000::1",
        ] {
            assert!(kind(text).is_some(), "{text}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for text in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
        {
            assert_eq!(kind(text), None, "{text}");
        }
    }

    #[test]
    fn the_operator_can_allow_networks() {
        let guard = Guard::new(vec!["127.0.0.0/8".parse().expect("a network")]);
        for text in ["127.0.0.1", "::ffff:127.0.0.1"] {
            assert_eq!(guard.check(text.parse().expect("an address")), Ok(()), "{text}");
        }
        assert!(guard.check("::1".parse().expect("an address")).is_err());
        assert!(guard.check("10.0.0.1".parse().expect("an address")).is_err());
    }

    #[test]
    fn literals_are_seen_in_every_spelling() {
        for text in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "http://①②⑦.0.0.1/",
            "http://127.0.0.1./",
        ] {
            let url = Url::parse(text).expect("a URL");
            assert!(Guard::default().check_literal(&url).is_err(), "{text}");
        }
        assert!(Guard::default().check_literal(&Url::parse("http://localhost/").expect("a URL")).is_ok());
    }
}

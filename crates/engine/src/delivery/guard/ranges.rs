//! Which addresses are not public.
//!
//! All of the IANA registries of special-purpose addresses (RFC 6890 and updates), of multicast, and of what IPv6 has not
//! given out. Also refused is what those registries call globally reachable (AS112, AMT, the anycast addresses of
//! 192.0.0.0/24 and 2001:1::/32, 6to4): no receiver of webhooks is there, and anycast leads to the nearest, which is one in
//! the operator's own network. Two ranges are but another way to write an IPv4 address, and are judged by that: mapped
//! ones, and those of the well-known prefix of NAT64.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const METADATA: &str = "a cloud metadata address";
const LOOPBACK: &str = "a loopback address";
const PRIVATE: &str = "a private address";
const LINK_LOCAL: &str = "a link-local address";
const SHARED: &str = "a shared address (RFC 6598)";
const THIS_NETWORK: &str = "an address of this network";
const DOCUMENTATION: &str = "an address for documentation";
const BENCHMARKS: &str = "an address for benchmarks";
const MULTICAST: &str = "a multicast address";
const RESERVED: &str = "a reserved address";
const UNSPECIFIED: &str = "the unspecified address";
const DISCARD: &str = "a discard address";
const TUNNEL: &str = "an address of a tunnel";
const SEGMENT: &str = "an address for segment routing";

/// First address, length of the prefix, what it is. The first that fits says what an address is.
const V4: [(Ipv4Addr, u32, &str); 26] = [
    // AWS, Google, Azure, Oracle, DigitalOcean, Hetzner, OpenStack.
    (Ipv4Addr::new(169, 254, 169, 254), 32, METADATA),
    // The credentials of AWS's containers.
    (Ipv4Addr::new(169, 254, 170, 2), 32, METADATA),
    (Ipv4Addr::new(169, 254, 170, 23), 32, METADATA),
    // Tencent, Scaleway.
    (Ipv4Addr::new(169, 254, 0, 23), 32, METADATA),
    (Ipv4Addr::new(169, 254, 42, 42), 32, METADATA),
    // Alibaba.
    (Ipv4Addr::new(100, 100, 100, 200), 32, METADATA),
    // Azure, whose WireServer has an address that looks public.
    (Ipv4Addr::new(168, 63, 129, 16), 32, METADATA),
    // Oracle, in former days.
    (Ipv4Addr::new(192, 0, 0, 192), 32, METADATA),
    (Ipv4Addr::UNSPECIFIED, 8, THIS_NETWORK),
    (Ipv4Addr::new(10, 0, 0, 0), 8, PRIVATE),
    (Ipv4Addr::new(100, 64, 0, 0), 10, SHARED),
    (Ipv4Addr::new(127, 0, 0, 0), 8, LOOPBACK),
    (Ipv4Addr::new(169, 254, 0, 0), 16, LINK_LOCAL),
    (Ipv4Addr::new(172, 16, 0, 0), 12, PRIVATE),
    (Ipv4Addr::new(192, 0, 0, 0), 24, RESERVED),
    (Ipv4Addr::new(192, 0, 2, 0), 24, DOCUMENTATION),
    // AS112, AMT, the relays of 6to4, AS112 again.
    (Ipv4Addr::new(192, 31, 196, 0), 24, RESERVED),
    (Ipv4Addr::new(192, 52, 193, 0), 24, RESERVED),
    (Ipv4Addr::new(192, 88, 99, 0), 24, RESERVED),
    (Ipv4Addr::new(192, 175, 48, 0), 24, RESERVED),
    (Ipv4Addr::new(192, 168, 0, 0), 16, PRIVATE),
    (Ipv4Addr::new(198, 18, 0, 0), 15, BENCHMARKS),
    (Ipv4Addr::new(198, 51, 100, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(203, 0, 113, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(224, 0, 0, 0), 4, MULTICAST),
    (Ipv4Addr::new(240, 0, 0, 0), 4, RESERVED),
];

const V6: [(Ipv6Addr, u32, &str); 22] = [
    (Ipv6Addr::UNSPECIFIED, 128, UNSPECIFIED),
    (Ipv6Addr::LOCALHOST, 128, LOOPBACK),
    // AWS, Google, Scaleway; OpenStack has 169.254.169.254 at its end.
    (Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0), 32, METADATA),
    (Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254), 128, METADATA),
    (Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042), 128, METADATA),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe), 128, METADATA),
    // The IPv4-compatible addresses of former days.
    (Ipv6Addr::UNSPECIFIED, 96, RESERVED),
    // NAT64 for local use, whose prefixes lead wherever its operator has them lead.
    (Ipv6Addr::new(0x0064, 0xff9b, 1, 0, 0, 0, 0, 0), 48, PRIVATE),
    (Ipv6Addr::new(0x0100, 0, 0, 0, 0, 0, 0, 0), 64, DISCARD),
    (Ipv6Addr::new(0x0100, 0, 0, 1, 0, 0, 0, 0), 64, DISCARD),
    // Teredo, and all that IETF protocols have beside it.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, TUNNEL),
    (Ipv6Addr::new(0x2001, 0x0002, 0, 0, 0, 0, 0, 0), 48, BENCHMARKS),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, RESERVED),
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32, DOCUMENTATION),
    // 6to4.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, TUNNEL),
    // AS112.
    (Ipv6Addr::new(0x2620, 0x004f, 0x8000, 0, 0, 0, 0, 0), 48, RESERVED),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, DOCUMENTATION),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, SEGMENT),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, PRIVATE),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, LINK_LOCAL),
    // Site-local, in former days.
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, PRIVATE),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, MULTICAST),
];

/// What is special about an address; `None` for one that is public.
pub(super) fn kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => match inner_v4(address) {
            Some(v4) => kind_v4(v4),
            None => kind_v6(v6),
        },
    }
}

/// The IPv4 address that an IPv6 address is another way to write: a mapped one, or one for NAT64 (64:ff9b::/96).
pub(super) fn inner_v4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        _ => None,
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

fn kind_v4(address: Ipv4Addr) -> Option<&'static str> {
    let is_in =
        |first: Ipv4Addr, length: u32| (address.to_bits() ^ first.to_bits()).leading_zeros() >= length;
    V4.into_iter().find(|&(first, length, _)| is_in(first, length)).map(|(_, _, kind)| kind)
}

fn kind_v6(address: Ipv6Addr) -> Option<&'static str> {
    let is_in =
        |first: Ipv6Addr, length: u32| (address.to_bits() ^ first.to_bits()).leading_zeros() >= length;
    let known = V6.into_iter().find(|&(first, length, _)| is_in(first, length)).map(|(_, _, kind)| kind);
    known.or_else(|| match address.segments() {
        // Only 2000::/3 is given out.
        [first, ..] if first & 0xe000 != 0x2000 => Some(RESERVED),
        // ISATAP, which any network may have: its routers take packets to the IPv4 address at the end.
        [.., 0x0000 | 0x0200, 0x5efe, high, low] => kind_v4(v4(high, low)),
        _ => None,
    })
}

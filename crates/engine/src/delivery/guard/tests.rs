//! The guard against the registries as they are published, written down once more and in another way.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use super::*;

/// IANA, "IPv4 Special-Purpose Address Space", and 224.0.0.0/4.
const V4: [&str; 25] = [
    "0.0.0.0/8",
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/31",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
];

/// IANA, "IPv6 Special-Purpose Address Space" but for what is judged by the IPv4 address in it, and "Internet Protocol
/// Version 6 Address Space" but for 2000::/3.
const V6: [&str; 41] = [
    "::1/128",
    "::/128",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001::/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:1::3/128",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    // The address space.
    "::/8",
    "100::/8",
    "200::/7",
    "400::/6",
    "800::/5",
    "1000::/4",
    "4000::/3",
    "6000::/3",
    "8000::/3",
    "a000::/3",
    "c000::/3",
    "e000::/4",
    "f000::/5",
    "f800::/6",
    "fe00::/9",
    "fec0::/10",
    "ff00::/8",
    // IPv4-compatible.
    "::/96",
];

/// What looks public and is the metadata service of a cloud.
const METADATA: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

fn v4() -> impl Iterator<Item = Ipv4Net> {
    V4.iter().map(|text| text.parse().expect("a network"))
}

fn v6() -> impl Iterator<Item = Ipv6Net> {
    V6.iter().map(|text| text.parse().expect("a network"))
}

/// As the table has it.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address != METADATA && !v4().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            let [.., a, b, c, d] = address.octets();
            let text = address.to_string();
            let is_other_v4 = text.starts_with("::ffff:") && address.to_ipv4_mapped().is_some();
            let nat64: Ipv6Net = "64:ff9b::/96".parse().expect("a network");
            if is_other_v4 || nat64.contains(&address) {
                return is_public(Ipv4Addr::new(a, b, c, d).into());
            }
            let segments = address.segments();
            let is_isatap = matches!(segments[4], 0 | 0x200) && segments[5] == 0x5efe;
            !(v6().any(|network| network.contains(&address))
                || (is_isatap && !is_public(Ipv4Addr::new(a, b, c, d).into())))
        }
    }
}

fn target(address: impl Into<IpAddr>) -> SocketAddr {
    SocketAddr::new(address.into(), 443)
}

fn passes(address: impl Into<IpAddr>) -> bool {
    Guard::default().check(target(address)).is_ok()
}

fn guard(rules: &[&str]) -> Guard {
    Guard::new(rules.iter().map(|rule| rule.parse().expect("a rule")).collect())
}

/// Both ends of every range are refused, and what is beside it is as the whole table says.
#[test]
fn every_range_is_refused_to_its_boundaries_and_not_beyond() {
    let bounds = v4()
        .map(|network| (IpAddr::V4(network.network()), IpAddr::V4(network.broadcast())))
        .chain(v6().map(|network| (IpAddr::V6(network.network()), IpAddr::V6(network.broadcast()))));
    let mut beyond = 0;
    for (first, last) in bounds {
        // The beginning of ::/8 has what is judged by the IPv4 address in it; it ends with none.
        assert!(!passes(first) && !passes(last), "{first} to {last}");
        for neighbour in [before(first), after(last)].into_iter().flatten() {
            assert_eq!(passes(neighbour), is_public(neighbour), "{neighbour}");
            beyond += usize::from(is_public(neighbour));
        }
    }
    assert!(beyond > 30, "only {beyond} neighbours are public");
}

fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => v4.to_bits().checked_sub(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(v6) => v6.to_bits().checked_sub(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => v4.to_bits().checked_add(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(v6) => v6.to_bits().checked_add(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

#[test]
fn every_metadata_service_is_called_one() {
    for text in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.0.23",
        "169.254.42.42",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:42::42",
        "fe80::a9fe:a9fe",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
    ] {
        let refused = Guard::default().check(target(text.parse::<IpAddr>().expect("an address")));
        assert!(
            matches!(refused, Err(Forbidden::Address { kind: "a cloud metadata address", .. })),
            "{text}: {refused:?}"
        );
    }
}

#[test]
fn what_is_another_way_to_write_an_ipv4_address_is_judged_by_it() {
    for (text, is_public) in [
        ("::ffff:8.8.8.8", true),
        ("::ffff:10.0.0.1", false),
        ("64:ff9b::8.8.8.8", true),
        ("64:ff9b::10.0.0.1", false),
        ("2a00:1450::5efe:8.8.8.8", true),
        ("2a00:1450::5efe:10.0.0.1", false),
        ("2a00:1450::200:5efe:127.0.0.1", false),
        // These are refused whatever is in them.
        ("::8.8.8.8", false),
        ("::ffff:0:8.8.8.8", false),
        ("64:ff9b:1::8.8.8.8", false),
        ("2002:808:808::1", false),
        ("2001:0:808:808::1", false),
    ] {
        assert_eq!(passes(text.parse::<IpAddr>().expect("an address")), is_public, "{text}");
    }
    let guard = guard(&["127.0.0.0/8"]);
    for text in ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"] {
        let checked = guard.check(target(text.parse::<IpAddr>().expect("an address")));
        assert_eq!(checked, Ok(Reach::Allowed), "{text}");
    }
    for text in ["::1", "10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2a00:1450::5efe:127.0.0.1"] {
        assert!(guard.check(target(text.parse::<IpAddr>().expect("an address"))).is_err(), "{text}");
    }
}

#[test]
fn a_rule_with_a_port_is_for_that_port_alone() {
    let guard = guard(&["10.0.0.5:8443", "[fd00::1]:8080"]);
    let check = |text: &str| guard.check(text.parse().expect("an address")).is_ok();
    assert!(check("10.0.0.5:8443") && check("[::ffff:10.0.0.5]:8443") && check("[fd00::1]:8080"));
    for text in ["10.0.0.5:443", "10.0.0.6:8443", "[fd00::1]:80", "[fd00::2]:8080"] {
        assert!(!check(text), "{text}");
    }
}

#[test]
fn a_port_that_other_services_have_takes_a_rule_that_names_it() {
    let service = |guard: &Guard, text: &str| match guard.check(text.parse().expect("an address")) {
        Err(Forbidden::Port { service, .. }) => Some(service),
        Ok(_) | Err(_) => None,
    };
    assert_eq!(service(&Guard::default(), "8.8.8.8:6379"), Some("Redis"));
    assert_eq!(service(&Guard::default(), "[2606:4700::1111]:25"), Some("SMTP"));
    let wide = guard(&["10.0.0.0/8", "0.0.0.0/0"]);
    assert_eq!(service(&wide, "10.0.0.5:6379"), Some("Redis"), "a network alone lifts no port");
    let named = guard(&["10.0.0.5:6379", "8.8.8.8:6379"]);
    for text in ["10.0.0.5:6379", "8.8.8.8:6379"] {
        // Not for everybody's eyes either, though the second is a public address.
        assert_eq!(named.check(text.parse().expect("an address")), Ok(Reach::Allowed), "{text}");
    }
    assert_eq!(service(&named, "8.8.4.4:6379"), Some("Redis"));
    assert_eq!(named.check("8.8.8.8:443".parse().expect("an address")), Ok(Reach::Public));
}

#[test]
fn nothing_that_is_allowed_lets_this_server_send_to_itself() {
    let own = "127.0.0.1:3000".parse().expect("an address");
    let guard = guard(&["0.0.0.0/0", "::/0", "127.0.0.1:3000"]).apart_from([own]);
    for text in
        ["127.0.0.1:3000", "0.0.0.0:3000", "[::]:3000", "[::ffff:127.0.0.1]:3000", "[64:ff9b::7f00:1]:3000"]
    {
        assert_eq!(guard.check(text.parse().expect("an address")), Err(Forbidden::Own), "{text}");
    }
    assert_eq!(guard.check("127.0.0.1:4000".parse().expect("an address")), Ok(Reach::Allowed));
}

#[test]
fn each_refusal_says_cause_and_remedy() {
    let own = "127.0.0.1:3000".parse().expect("an address");
    let guard = guard(&["127.0.0.0/8"]).apart_from([own]);
    for (url, parts) in [
        ("http://10.0.0.5/x", ["10.0.0.5", "private", "egress.allow"]),
        ("https://example.com:6379/", ["6379", "Redis", "egress.allow"]),
        ("http://127.0.0.1:11211/", ["11211", "memcached", "egress.allow"]),
        ("http://127.1:3000/", ["this server", "your receiver", "inbox"]),
    ] {
        let refused = guard.check_url(&Url::parse(url).expect("a URL")).expect_err(url).to_string();
        for part in parts {
            assert!(refused.contains(part), "no {part} in {refused:?}");
        }
    }
    assert_eq!(guard.check_url(&Url::parse("http://localhost/").expect("a URL")), Ok(()));
}

fn near_a_boundary() -> impl Strategy<Value = IpAddr> {
    let v4 = (0..V4.len(), any::<u32>(), -2..=2_i64).prop_map(|(at, random, step)| {
        let network = v4().nth(at).expect("is there");
        let inside = network.network().to_bits() | (random & network.hostmask().to_bits());
        let from = [network.network().to_bits(), network.broadcast().to_bits(), inside][random as usize % 3];
        IpAddr::V4(Ipv4Addr::from_bits(from.wrapping_add_signed(step.try_into().expect("small"))))
    });
    let v6 = (0..V6.len(), any::<u128>(), -2..=2_i128).prop_map(|(at, random, step)| {
        let network = v6().nth(at).expect("is there");
        let inside = network.network().to_bits() | (random & network.hostmask().to_bits());
        let from = [network.network().to_bits(), network.broadcast().to_bits(), inside];
        let from = from[usize::try_from(random % 3).expect("small")];
        IpAddr::V6(Ipv6Addr::from_bits(from.wrapping_add_signed(step)))
    });
    // IPv4 addresses inside IPv6 ones, in all ways there are.
    let inner = (0..6_usize, any::<u32>(), any::<u64>()).prop_map(|(way, v4, random)| {
        let v4 = u128::from(v4);
        let prefix = [
            0xffff << 32,
            0x0064_ff9b << 96,
            0,
            0x2002 << 112 | v4 << 80,
            0x0064_ff9b_0001 << 80,
            u128::from(random) << 64 | 0x5efe << 32,
        ];
        IpAddr::V6(Ipv6Addr::from_bits(prefix[way] | v4))
    });
    prop_oneof![v4, v6, inner]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn any_address_passes_only_if_the_registries_say_that_it_is_public(address: IpAddr) {
        prop_assert_eq!(passes(address), is_public(address));
    }

    #[test]
    fn so_does_any_address_near_a_boundary_or_with_another_in_it(address in near_a_boundary()) {
        prop_assert_eq!(passes(address), is_public(address), "{}", address);
    }

    /// Whatever way an IPv4 address is written in a URL, it is the same address to the guard.
    #[test]
    fn an_ipv4_address_is_judged_alike_in_every_spelling(bits: u32, way in 0..9_usize) {
        let address = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = address.octets();
        let host = match way {
            0 => bits.to_string(),
            1 => format!("0x{bits:x}"),
            2 => format!("0{bits:o}"),
            3 => format!("{a}.{}", bits & 0x00ff_ffff),
            4 => format!("0x{a:X}.0{b:o}.{}", bits & 0xffff),
            5 => format!("{a}.{b}.{c}.{d}."),
            6 => address.to_string().chars().map(full_width).collect(),
            7 => percent_encoded(&address.to_string()),
            _ => format!("[::ffff:{a:02x}{b:02x}:{c:02x}{d:02x}]"),
        };
        let url = Url::parse(&format!("https://{host}/")).expect("a URL");
        prop_assert_eq!(Guard::default().check_url(&url).is_ok(), passes(address), "{}", url);
    }

    /// Rules only add: what passes without them passes with them, and what passes by them they cover.
    #[test]
    fn a_rule_allows_what_it_covers_and_nothing_else(address: IpAddr, network: IpAddr, length in 0..=32_u8) {
        let network = IpNet::new(network, length).expect("a network").trunc();
        let ruled = guard(&[&network.to_string()]);
        let covered = network.contains(&address) || network.contains(&address.to_canonical());
        prop_assert_eq!(ruled.check(target(address)).is_ok(), is_public(address) || covered);
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |done, byte| format!("{done}%{byte:02x}"))
}

/// A character of an address in the forms that East Asian keyboards give; IDNA makes the usual ones of them.
fn full_width(character: char) -> char {
    match character {
        '.' => '。',
        digit => char::from_u32(u32::from(digit) - u32::from('0') + u32::from('０')).unwrap_or(digit),
    }
}

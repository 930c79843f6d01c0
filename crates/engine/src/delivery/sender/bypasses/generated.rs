//! Addresses of the inside in generated spellings, and names that lead there, each tried with the real client: a listener
//! on all addresses of this machine knows whether it was reached.

use std::net::{Ipv6Addr, UdpSocket};

use ipnet::Ipv4Net;
use proptest::array::uniform4;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};
use tokio::runtime::Runtime;

use super::*;

/// What is never to be reached.
const INSIDE: [&str; 8] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "255.255.255.255/32",
];

/// This machine's own address in its network, where it has one that is not public.
fn own() -> Ipv4Addr {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    // Nothing is sent by that; it only says from where something would be.
    let found = socket.connect("8.8.8.8:53").and_then(|()| socket.local_addr()).map(|address| address.ip());
    match found {
        Ok(IpAddr::V4(address)) if Guard::default().check((address, 443).into()).is_err() => address,
        _ => Ipv4Addr::LOCALHOST,
    }
}

fn loopback() -> impl Strategy<Value = Ipv4Addr> {
    prop_oneof![Just(Ipv4Addr::LOCALHOST), any::<u32>().prop_map(|bits| within("127.0.0.0/8", bits))]
}

fn inside() -> impl Strategy<Value = Ipv4Addr> {
    let others = (0..INSIDE.len(), any::<u32>()).prop_map(|(at, bits)| within(INSIDE[at], bits));
    prop_oneof![2 => loopback(), 1 => Just(own()), 1 => Just(Ipv4Addr::UNSPECIFIED), 3 => others]
}

fn within(network: &str, bits: u32) -> Ipv4Addr {
    let network: Ipv4Net = network.parse().expect("a network");
    Ipv4Addr::from_bits(network.network().to_bits() | (bits & network.hostmask().to_bits()))
}

/// How an IPv4 address is written in a URL.
#[derive(Debug, Clone)]
struct Spelling {
    /// One to four: the last one has all the bits that are left.
    parts: usize,
    /// Of each part.
    base: [u8; 4],
    zeros: [usize; 4],
    has_dot_at_end: bool,
    /// Of each character, over and over.
    disguises: Vec<u8>,
}

fn spelling() -> impl Strategy<Value = Spelling> {
    let disguises = prop_oneof![Just(vec![0]), proptest::collection::vec(0..5_u8, 1..20)];
    (1..=4_usize, uniform4(0..4_u8), uniform4(0..3_usize), any::<bool>(), disguises).prop_map(
        |(parts, base, zeros, has_dot_at_end, disguises)| Spelling {
            parts,
            base,
            zeros,
            has_dot_at_end,
            disguises,
        },
    )
}

impl Spelling {
    fn host(&self, address: Ipv4Addr) -> String {
        let last = self.parts - 1;
        let octets = address.octets();
        let rest = octets[last..].iter().fold(0_u32, |rest, octet| rest << 8 | u32::from(*octet));
        let numbers = octets[..last].iter().map(|octet| u32::from(*octet)).chain([rest]);
        let written = numbers.zip(self.base.iter().zip(self.zeros)).map(|(number, (base, zeros))| {
            let zeros = "0".repeat(zeros);
            match base {
                0 => number.to_string(),
                1 => format!("0x{zeros}{number:x}"),
                2 => format!("0X{zeros}{number:X}"),
                _ => format!("0{zeros}{number:o}"),
            }
        });
        let plain = written.collect::<Vec<_>>().join(".") + if self.has_dot_at_end { "." } else { "" };
        let disguised = plain.chars().zip(self.disguises.iter().cycle());
        disguised.map(|(character, disguise)| disguise_of(character, *disguise)).collect()
    }
}

/// A character of an address as something that browsers and libraries take for it.
fn disguise_of(character: char, disguise: u8) -> String {
    let moved = |from: char, to: char| {
        let moved = u32::from(to) + u32::from(character) - u32::from(from);
        char::from_u32(moved).unwrap_or(character).to_string()
    };
    match (disguise, character) {
        (1, _) => format!("%{:02x}", u32::from(character)),
        (2, '.') => "。".to_owned(),
        (3, '.') => "．".to_owned(),
        (2 | 3, '0'..='9') => moved('0', '０'),
        (2 | 3, 'A'..='Z') => moved('A', 'Ａ'),
        (2 | 3, 'a'..='z') => moved('a', 'ａ'),
        (4, '0') => "⓪".to_owned(),
        (4, '1'..='9') => moved('1', '①'),
        (4, 'a'..='z') => moved('a', 'ⓐ'),
        _ => character.to_string(),
    }
}

/// IPv6 addresses that lead to an IPv4 one, or may in some network.
fn wrapped(address: Ipv4Addr, way: u8, random: u64) -> Ipv6Addr {
    let v4 = u128::from(address.to_bits());
    Ipv6Addr::from_bits(match way {
        0 => 0xffff << 32 | v4,
        1 => 0x0064_ff9b << 96 | v4,
        2 => v4,
        3 => 0x2002 << 112 | v4 << 80 | u128::from(random),
        4 => 0x0064_ff9b_0001 << 80 | v4,
        // Of a public network, as ISATAP has it.
        _ => 0x2a00_1450 << 96 | 0x5efe << 32 | v4,
    })
}

fn in_brackets(address: Ipv6Addr, form: u8) -> String {
    let [.., a, b, c, d] = address.octets();
    let groups = address.segments();
    let joined =
        |groups: &[u16]| groups.iter().map(|group| format!("{group:04X}")).collect::<Vec<_>>().join(":");
    match form {
        0 => format!("[{address}]"),
        1 => format!("[{}]", joined(&groups)),
        _ => format!("[{}:{a}.{b}.{c}.{d}]", joined(&groups[..6])),
    }
}

/// A real client, and a listener that all addresses of this machine lead to.
struct Ground {
    runtime: Runtime,
    listener: Listener,
    sender: Sender,
    zone: Arc<Zone>,
}

impl Ground {
    fn new(allow: &[&str], zone: Zone) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let entered = runtime.enter();
        let (sender, zone) = sender(allow, zone);
        drop(entered);
        let listener = runtime.block_on(Listener::at(Ipv4Addr::UNSPECIFIED, 0, OK)).expect("a free port");
        Self { runtime, listener, sender, zone }
    }

    fn send(&self, host: &str) -> Exchanged {
        let url = format!("http://{host}:{}/", self.listener.port());
        self.runtime.block_on(send_to(&self.sender, &url))
    }
}

fn every<S: Strategy>(cases: u32, strategy: &S, holds: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    match TestRunner::new(config).run(strategy, holds) {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("{why}: {case:?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

#[test]
fn an_address_of_the_inside_is_reached_in_no_spelling() {
    let ground = Ground::new(&[], Zone::default());
    every(2_000, &(inside(), spelling()), |(address, spelling)| {
        let host = spelling.host(address);
        let exchanged = ground.send(&host);
        prop_assert_eq!(class(&exchanged), Some(FailureClass::Blocked), "{}: {:?}", host, exchanged);
        Ok(())
    });
    every(1_000, &(inside(), 0..6_u8, any::<u64>(), 0..3_u8), |(address, way, random, form)| {
        let host = in_brackets(wrapped(address, way, random), form);
        let exchanged = ground.send(&host);
        prop_assert_eq!(class(&exchanged), Some(FailureClass::Blocked), "{}: {:?}", host, exchanged);
        Ok(())
    });
    assert_eq!(ground.zone.asked.load(Ordering::SeqCst), 0, "something was looked up");
    assert_eq!(ground.listener.connections(), 0);
}

/// So the spellings are of addresses that would have been reached.
#[test]
fn where_the_operator_allows_it_every_spelling_leads_there() {
    let ground = Ground::new(&["127.0.0.0/8"], Zone::default());
    every(100, &(loopback(), spelling()), |(address, spelling)| {
        let host = spelling.host(address);
        let exchanged = ground.send(&host);
        prop_assert_eq!(exchanged.status, Some(200), "{}: {:?}", host, exchanged);
        Ok(())
    });
    assert!(ground.listener.connections() > 0);
}

/// Many at a time: what does not resolve takes its time.
#[test]
fn no_name_leads_to_an_address_of_the_inside_however_many_it_has() {
    let either = (inside(), 0..8_u8, any::<u64>()).prop_map(|(address, way, random)| match way {
        0..6 => IpAddr::V6(wrapped(address, way, random)),
        _ => IpAddr::V4(address),
    });
    let addresses = proptest::collection::vec(either, 1..4);
    every(4, &proptest::collection::vec(addresses, 100), |names| {
        let name = |number: usize| format!("inside-{number}.example");
        let zone = names.iter().enumerate().fold(Zone::default(), |zone, (number, addresses)| {
            zone.with(&name(number), &[Record::Addresses(addresses.clone())])
        });
        let ground = Ground::new(&[], zone);
        let port = ground.listener.port();
        let tries = (0..names.len())
            .map(async |number| send_to(&ground.sender, &format!("http://{}:{port}/", name(number))).await);
        let exchanged = ground.runtime.block_on(futures::future::join_all(tries));
        for (exchanged, addresses) in exchanged.iter().zip(&names) {
            prop_assert_eq!(class(exchanged), Some(FailureClass::Dns), "{:?}: {:?}", addresses, exchanged);
        }
        prop_assert_eq!(ground.zone.asked.load(Ordering::SeqCst), names.len());
        prop_assert_eq!(ground.listener.connections(), 0);
        Ok(())
    });
}

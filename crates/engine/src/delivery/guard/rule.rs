//! An entry of `egress.allow`: a network, with a port or for all of them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use thiserror::Error;

/// What the operator allows besides public addresses.
///
/// `127.0.0.0/8`, `10.0.0.5`, `10.0.0.5:8443`, `10.0.0.0/8:8443`; an IPv6 address stands in brackets when it has a port,
/// and may without one: `fd00::/8`, `[fd00::]/8`, `[fd00::1]:8080`, `[fd00::]/8:8080`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    network: IpNet,
    port: Option<u16>,
}

/// A text is no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "must be a network or an address, with a port or without: 127.0.0.0/8, 10.0.0.5:8443, fd00::/8, [fd00::1]:8080 or \
     [fd00::]/8:8080"
)]
pub struct InvalidRule;

impl Rule {
    /// Whether an address is in its network.
    pub fn covers(&self, address: IpAddr) -> bool {
        self.network.contains(&address)
    }

    /// Whether it allows this port.
    pub fn is_for(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    /// Whether it names a port, and so lifts what is said against that port.
    pub const fn has_port(&self) -> bool {
        self.port.is_some()
    }
}

impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let (address, rest): (IpAddr, &str) = if let Some(bracketed) = text.strip_prefix('[') {
            let (address, rest) = bracketed.split_once(']').ok_or(InvalidRule)?;
            (IpAddr::V6(address.parse().map_err(|_| InvalidRule)?), rest)
        } else {
            // Without brackets nobody could say where an IPv6 address ends and its port begins: there is no port.
            let is_v6 = text.matches(':').count() > 1;
            let end = text.find(|c| c == '/' || (c == ':' && !is_v6)).unwrap_or(text.len());
            (text[..end].parse().map_err(|_| InvalidRule)?, &text[end..])
        };
        let (length, port) = match rest.split_once(':') {
            Some((length, port)) => (length, Some(port)),
            None => (rest, None),
        };
        let network = match length.strip_prefix('/') {
            Some(length) => IpNet::new(address, number(length)?).map_err(|_| InvalidRule)?,
            None if length.is_empty() => address.into(),
            None => return Err(InvalidRule),
        };
        match port.map(number).transpose()? {
            Some(0) => Err(InvalidRule),
            port => Ok(Self { network: network.trunc(), port }),
        }
    }
}

/// Digits only: the standard library takes a plus before them.
fn number<T: FromStr>(digits: &str) -> Result<T, InvalidRule> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidRule);
    }
    digits.parse().map_err(|_| InvalidRule)
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.network, self.port) {
            (network, None) => write!(formatter, "{network}"),
            (IpNet::V4(network), Some(port)) => write!(formatter, "{network}:{port}"),
            (IpNet::V6(network), Some(port)) => {
                write!(formatter, "[{}]/{}:{port}", network.addr(), network.prefix_len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rule_is_a_network_with_or_without_a_port() {
        for (text, shown) in [
            ("127.0.0.0/8", "127.0.0.0/8"),
            ("10.0.0.5", "10.0.0.5/32"),
            ("10.0.0.5:8443", "10.0.0.5/32:8443"),
            ("10.0.0.0/8:8443", "10.0.0.0/8:8443"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::1", "::1/128"),
            ("[::1]", "::1/128"),
            ("fd00::/8", "fd00::/8"),
            ("[fd00::]/8", "fd00::/8"),
            ("[fd00::1]:8080", "[fd00::1]/128:8080"),
            ("[fd00::]/8:8080", "[fd00::]/8:8080"),
        ] {
            let rule: Rule = text.parse().expect(text);
            assert_eq!(rule.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(rule), "{shown}");
        }
        // Not a port, but the end of the address.
        let rule: Rule = "fd00::1:8080".parse().expect("an address");
        assert!(rule.is_for(1) && rule.covers("fd00::1:8080".parse().expect("an address")));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            " ",
            "localhost",
            "example.com:80",
            "10.0.0.0/33",
            "10.0.0.5:",
            "10.0.0.5:0",
            "10.0.0.5:65536",
            "10.0.0.5:+80",
            "10.0.0.5/+8",
            "10.0.0.5/",
            "10.0.0",
            "[10.0.0.5]:80",
            "[fd00::1",
            "[fd00::1]8080",
            "[fd00::/8]:80",
            "fd00::/8:80:90",
            "fd00::/129",
            "10.0.0.5:80/8",
            "0x7f.1",
            "*",
            "10.0.0.5:80:90",
        ] {
            assert_eq!(text.parse::<Rule>(), Err(InvalidRule), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_rule_is_read_as_it_is_written(address: IpAddr, length in 0..=128_u8, port: Option<u16>) {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let network = IpNet::new(address, length.min(most)).expect("a network").trunc();
            let rule = Rule { network, port: port.filter(|port| *port != 0) };
            prop_assert_eq!(rule.to_string().parse(), Ok(rule));
        }

        #[test]
        fn no_text_makes_the_reader_fall_over(text in "[0-9a-f:./\\[\\]%+ ]{0,40}") {
            let _ = text.parse::<Rule>();
        }
    }
}

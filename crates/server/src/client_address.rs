//! Which address a request comes from: the connection's, or behind trusted proxies what these say of it.
//!
//! Each proxy appends whom it was called by, so the list is believed from its end for as long as a trusted proxy speaks.
//! What a client writes into the headers itself stands further to the left, and is never reached.

mod hops;

use std::net::IpAddr;

use anyhow::Context as _;
use http::header::{FORWARDED, HeaderName};
use http::{Extensions, HeaderMap};
use ipnet::IpNet;

use self::hops::{forwarded, x_forwarded_for};
use crate::http::AppState;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection that a request came on. Every request carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Where a request comes from, as an address to count by and to write down. An IPv4 address is never in the form of an
/// IPv6 one, so that nobody has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address of the request with these headers and extensions. It is worked out only when it is asked for: of
    /// events nobody wants to know.
    pub fn of(state: &AppState, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let Peer(peer) = extensions.get().expect("the front gives every request its peer");
        state.trusted_proxies.client(*peer, headers)
    }
}

/// The networks whose word about others counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads networks, or single addresses; a flag's list goes before the file's.
    pub fn parse(flag: Option<&str>, file: &[String]) -> anyhow::Result<Self> {
        let texts: Vec<&str> = match flag {
            Some(list) => list.split(',').collect(),
            None => file.iter().map(String::as_str).collect(),
        };
        let texts = texts.into_iter().map(str::trim).filter(|text| !text.is_empty());
        let network = |text: &str| {
            text.parse()
                .or_else(|_| text.parse().map(|address: IpAddr| address.to_canonical().into()))
                .with_context(|| format!("trusted_proxies: `{text}` is no network such as 10.0.0.0/8"))
        };
        Ok(Self(texts.map(network).collect::<anyhow::Result<_>>()?))
    }

    /// As they are written in the settings.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who is behind `peer`. Of two headers that say different things, one may be the client's own, passed on by a proxy
    /// that writes only the other; neither counts then.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        if self.0.is_empty() || !self.has(peer) {
            return ClientAddress(peer);
        }
        let behind = |name: HeaderName, hops: fn(&str) -> Vec<Option<IpAddr>>| {
            let mut found = None;
            let said = headers.get_all(name).iter();
            let said: Vec<_> = said.flat_map(|value| hops(value.to_str().unwrap_or_default())).collect();
            for hop in said.into_iter().rev() {
                // Something that is no address: the proxy does not know, or does not say.
                let Some(hop) = hop else { break };
                found = Some(hop);
                if !self.has(hop) {
                    break;
                }
            }
            found
        };
        ClientAddress(match (behind(X_FORWARDED_FOR, x_forwarded_for), behind(FORWARDED, forwarded)) {
            (Some(one), Some(other)) if one != other => peer,
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => peer,
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const PROXIES: &str = "10.0.0.0/8, 2001:db8:ffff::/48,192.0.2.1";

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let proxies = TrustedProxies::parse(Some(PROXIES), &[]).expect("networks");
        let headers = headers.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header's value"))
        });
        proxies.client(peer.parse().expect("an address"), &headers.collect()).0.to_string()
    }

    #[test]
    fn what_a_stranger_says_of_himself_counts_for_nothing() {
        let spoofed = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(client("203.0.113.7", &spoofed), "203.0.113.7");
        assert_eq!(client("::ffff:203.0.113.7", &spoofed), "203.0.113.7");
        let nobody = TrustedProxies::default();
        let headers = HeaderMap::from_iter([(X_FORWARDED_FOR, HeaderValue::from_static("198.51.100.1"))]);
        let peer = "127.0.0.1".parse().expect("an address");
        assert_eq!(nobody.client(peer, &headers), ClientAddress(peer));
    }

    #[test]
    fn what_a_client_wrote_before_the_proxy_did_is_not_reached() {
        for (said, wanted) in [
            ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
            ("10.0.0.9, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
            ("203.0.113.7:4711", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[2001:db8::7]:4711, 2001:db8:ffff::1", "2001:db8::7"),
            // All of them are proxies of ours: the request began at the first.
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            // What is no address ends what can be believed.
            ("203.0.113.7, unknown, 10.0.0.2", "10.0.0.2"),
            ("203.0.113.7, ", "10.0.0.1"),
            ("", "10.0.0.1"),
            ("203.0.113.7 198.51.100.1", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", said)]), wanted, "{said}");
        }
        let two_lines = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7")];
        assert_eq!(client("192.0.2.1", &two_lines), "203.0.113.7", "lines are one list");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_header_of_the_standard_is_read_as_well() {
        for (said, wanted) in [
            ("for=198.51.100.1, For=203.0.113.7;proto=https;by=10.0.0.1", "203.0.113.7"),
            ("for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("proto=http; for=\"203.0.113.7\"", "203.0.113.7"),
            ("for=203.0.113.7, for=_hidden", "10.0.0.1"),
            ("for=203.0.113.7, for=unknown, for=10.0.0.2", "10.0.0.2"),
            ("for=203.0.113.7, proto=https", "10.0.0.1"),
            ("for=198.51.100.1;for=203.0.113.7", "10.0.0.1"),
            // A quote of the client's must not make the proxy's entry a part of his.
            ("for=\"198.51.100.1, for=203.0.113.7", "10.0.0.1"),
            ("for=198.51.100.1;by=\"a, for=203.0.113.7", "10.0.0.1"),
            (r#"for=198.51.100.1;by="a\", for=203.0.113.7"#, "10.0.0.1"),
            ("by=\"a,for=198.51.100.1\";for=203.0.113.7", "203.0.113.7"),
            (r#"by="a\",for=198.51.100.1";for=203.0.113.7"#, "203.0.113.7"),
        ] {
            assert_eq!(client("10.0.0.1", &[("forwarded", said)]), wanted, "{said}");
        }
    }

    #[test]
    fn headers_that_contradict_each_other_count_for_nothing() {
        let both = |one, other| client("10.0.0.1", &[("x-forwarded-for", one), ("forwarded", other)]);
        assert_eq!(both("203.0.113.7", "for=203.0.113.7"), "203.0.113.7");
        assert_eq!(both("203.0.113.7", "for=198.51.100.1"), "10.0.0.1");
        assert_eq!(both("198.51.100.1", "for=203.0.113.7"), "10.0.0.1");
    }

    #[test]
    fn networks_are_read_as_written() {
        let file = ["10.0.0.0/8".to_owned(), "::1".to_owned()];
        let texts = |flag| TrustedProxies::parse(flag, &file).expect("networks").texts();
        assert_eq!(texts(None), ["10.0.0.0/8", "::1/128"]);
        assert_eq!(texts(Some("192.0.2.1")), ["192.0.2.1/32"]);
        let error = TrustedProxies::parse(Some("proxy.example"), &[]).expect_err("a name").to_string();
        assert!(error.contains("trusted_proxies") && error.contains("10.0.0.0/8"), "{error}");
    }

    proptest! {
        #[test]
        fn networks_are_read_as_they_are_shown_or_refused(
            text in prop_oneof![any::<String>(), "([0-9a-f.:/ ]{0,20},?){0,3}"],
        ) {
            if let Ok(proxies) = TrustedProxies::parse(Some(&text), &[]) {
                let again = TrustedProxies::parse(Some(&proxies.texts().join(",")), &[]);
                prop_assert_eq!(again.ok(), Some(proxies));
            }
        }
    }
}

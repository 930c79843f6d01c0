//! May a delivery connect to this address? Pure, but for asking the system which addresses are this machine's.
//!
//! Users tell this server where to send requests, so it must not become a way into the operator's own network.
//! The check is made on the address and port that are connected to, after DNS, so that a name cannot turn round between
//! check and use. Three things are refused: addresses that are not public (`guard/ranges.rs`), ports of services that
//! take a request for something else (`guard/ports.rs`), and this server's own listener (`guard/own.rs`). The operator
//! can allow the first two with rules (`guard/rule.rs`), never the third.

mod own;
mod ports;
mod ranges;
mod rule;

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;
use url::{Host, Url};

use self::own::OwnListener;
pub use self::rule::{InvalidRule, Rule};
use crate::config::EngineConfig;

/// Says which addresses may be connected to.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow: Vec<Rule>,
    own: Vec<OwnListener>,
}

/// What an address that may be connected to is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A public address: anybody can connect to it.
    Public,
    /// One that this server reaches only because its operator allows it. What answers there is not for everybody's eyes.
    Allowed,
}

/// Why something may not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Forbidden {
    /// The address is not public.
    #[error(
        "{address} is {kind}. This server sends to public addresses only; its operator can allow it with `egress.allow`"
    )]
    Address {
        /// The address.
        address: IpAddr,
        /// What is special about it, for example "a private address".
        kind: &'static str,
    },
    /// The port is one that other services have.
    #[error(
        "Port {port} is that of {service}, which may take a request for a command. Let the receiver listen on another \
         port; the server's operator can allow this one with an entry of `egress.allow` that names it"
    )]
    Port {
        /// The port.
        port: u16,
        /// Whose it is.
        service: &'static str,
    },
    /// It is where this server listens.
    #[error(
        "This is the address of this server, which does not send to itself. Enter the URL of your receiver; to look at \
         requests, use the program's inbox"
    )]
    Own,
}

impl Guard {
    /// A guard that lets through public addresses and those in `allow`.
    pub const fn new(allow: Vec<Rule>) -> Self {
        Self { allow, own: Vec::new() }
    }

    /// The same, but for the server that listens on these addresses, whatever is allowed.
    #[must_use]
    pub fn apart_from(self, own: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { own: own.into_iter().map(OwnListener::new).collect(), ..self }
    }

    /// Whether `target` may be connected to, and what it is.
    pub fn check(&self, target: SocketAddr) -> Result<Reach, Forbidden> {
        let (address, port) = (target.ip(), target.port());
        let inner = ranges::inner_v4(address).map(IpAddr::V4);
        let both = || std::iter::once(address).chain(inner);
        if self.own.iter().any(|own| both().any(|address| own.is_at(address, port))) {
            return Err(Forbidden::Own);
        }
        let fitting = || {
            self.allow.iter().filter(|rule| both().any(|address| rule.covers(address)) && rule.is_for(port))
        };
        let kind = ranges::kind(address);
        if let Some(kind) = kind
            && fitting().next().is_none()
        {
            return Err(Forbidden::Address { address, kind });
        }
        let service = ports::service(port);
        if let Some(service) = service
            && !fitting().any(Rule::has_port)
        {
            return Err(Forbidden::Port { port, service });
        }
        Ok(if kind.or(service).is_none() { Reach::Public } else { Reach::Allowed })
    }

    /// Whether a URL may be sent to as far as it tells by itself: by its port, and by its host if that is an address, in
    /// whatever spelling. Names pass: they are checked when they are resolved.
    pub fn check_url(&self, url: &Url) -> Result<(), Forbidden> {
        // Only http and https come here, and both have one.
        let port = url.port_or_known_default().unwrap_or_default();
        let address = match url.host() {
            Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
            Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
            Some(Host::Domain(_)) | None => return self.check_port(port),
        };
        self.check(SocketAddr::new(address, port)).map(drop)
    }

    /// Whether a name may have this port. When it does only by a rule, that rule's addresses are all it may lead to.
    fn check_port(&self, port: u16) -> Result<(), Forbidden> {
        match ports::service(port) {
            Some(service) if !self.allow.iter().any(|rule| rule.has_port() && rule.is_for(port)) => {
                Err(Forbidden::Port { port, service })
            }
            _ => Ok(()),
        }
    }
}

impl From<&EngineConfig> for Guard {
    fn from(config: &EngineConfig) -> Self {
        Self::new(config.egress_allow.clone()).apart_from(config.own_listeners.iter().copied())
    }
}

#[cfg(test)]
mod tests;

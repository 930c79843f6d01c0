//! Where it listens, and where it is reached.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use groundswell_cli::{Probe, probe};
use url::{Host, Url};

use super::Finding;
use crate::config::Config;

const LISTEN: &str = "listen";
const PUBLIC_URL: &str = "public URL";

/// What is known after looking at the address to listen on.
pub struct Listening {
    pub listen: Finding,
    /// The date of a server that answered there, as in HTTP.
    pub date: Option<String>,
    pub server: Server,
}

/// Whether a Groundswell answers there, ready or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Answers,
    Absent,
}

/// Whether the address is free, or who has it.
pub fn listening(config: &Config) -> Listening {
    let address = config.listen;
    let bound = TcpListener::bind(address);
    let listen = match bound.map_err(|error| error.kind()) {
        Ok(_) => Finding::ok(LISTEN, format!("{address} is free; no server runs there")),
        Err(ErrorKind::AddrInUse) => return taken(address),
        Err(ErrorKind::PermissionDenied) => Finding::fail(
            LISTEN,
            format!("this user may not listen on {address}"),
            "Take a port from 1024 on with --listen or GROUNDSWELL_LISTEN, or give the right \
             (`setcap cap_net_bind_service=+ep`).",
        ),
        Err(ErrorKind::AddrNotAvailable) => Finding::fail(
            LISTEN,
            format!("{} is no address of this machine", address.ip()),
            "Take 127.0.0.1, 0.0.0.0 for all, or one that `ip address` shows, with --listen or GROUNDSWELL_LISTEN.",
        ),
        Err(kind) => Finding::fail(
            LISTEN,
            format!("{address} cannot be listened on: {kind}"),
            "Take another address with --listen or GROUNDSWELL_LISTEN.",
        ),
    };
    Listening { listen, date: None, server: Server::Absent }
}

fn taken(address: SocketAddr) -> Listening {
    let reached = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    let url = format!("http://{}", SocketAddr::new(reached, address.port()));
    match probe(&url) {
        Probe::Groundswell { is_ready: true, date } => {
            let listen = Finding::ok(LISTEN, format!("Groundswell answers on {address} and is ready"));
            Listening { listen, date, server: Server::Answers }
        }
        Probe::Groundswell { is_ready: false, date } => {
            let listen = Finding::warn(
                LISTEN,
                format!("Groundswell answers on {address} but is not ready"),
                "Its log says why; most often the database is away.",
            );
            Listening { listen, date, server: Server::Answers }
        }
        Probe::Other(_) | Probe::Nothing(_) => {
            let listen = Finding::fail(
                LISTEN,
                format!("another program listens on {address}"),
                "Stop it (`ss -ltnp` names it), or take another port with --listen or GROUNDSWELL_LISTEN.",
            );
            Listening { listen, date: None, server: Server::Absent }
        }
    }
}

/// Whether links lead here.
pub fn public_url(config: &Config, server: Server) -> Finding {
    let Some(url) = &config.public_url else {
        let said = "none is set: links are built from the address listened on";
        return if config.listen.ip().is_loopback() {
            Finding::ok(PUBLIC_URL, said)
        } else {
            Finding::warn(
                PUBLIC_URL,
                said,
                "Set GROUNDSWELL_PUBLIC_URL to what people and inboxes reach it at, for example https://webhooks.example.com.",
            )
        };
    };
    leading(url, probe(url), server)
}

/// What a public URL leads to.
fn leading(url: &str, found: Probe, server: Server) -> Finding {
    match found {
        Probe::Groundswell { .. } if !is_secure(url) => Finding::warn(
            PUBLIC_URL,
            format!("{url} leads here, but without TLS: cookies and keys can be read on the way"),
            "Put a proxy with a certificate before it, and set an https:// URL.",
        ),
        Probe::Groundswell { .. } => Finding::ok(PUBLIC_URL, format!("{url} leads to a Groundswell")),
        Probe::Other(status @ 502..=504) if server == Server::Absent => Finding::warn(
            PUBLIC_URL,
            format!("{url} leads to a proxy that finds nobody behind it ({status})"),
            "Start the server, and look again.",
        ),
        Probe::Other(status) => Finding::fail(
            PUBLIC_URL,
            format!("{url} leads to something else, which answered {status} to /readyz"),
            "Check GROUNDSWELL_PUBLIC_URL and the proxy before this server: it must pass all paths on.",
        ),
        // Many networks do not lead back to themselves, and only from inside it cannot be reached.
        Probe::Nothing(why) if server == Server::Answers => Finding::warn(
            PUBLIC_URL,
            format!("{url} does not lead to this server from here: {why}"),
            "Look from outside. If it is not reached from there either, check the name, the proxy and the firewall.",
        ),
        Probe::Nothing(why) => Finding::warn(
            PUBLIC_URL,
            format!("{url} is not answered: {why}"),
            "Start the server, and look again.",
        ),
    }
}

/// With TLS, or never on a network.
fn is_secure(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let is_local = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || is_local
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn what_is_no_mistake_of_the_settings_is_no_failure() {
        let level = |found, server| leading("https://a.example", found, server).level;
        let nothing = || Probe::Nothing("no answer".to_owned());
        assert_eq!(level(Probe::Other(502), Server::Absent), Level::Warn, "its proxy finds nobody");
        assert_eq!(level(Probe::Other(502), Server::Answers), Level::Fail, "its proxy leads elsewhere");
        assert_eq!(level(Probe::Other(404), Server::Absent), Level::Fail);
        let inside = leading("https://a.example", nothing(), Server::Answers);
        assert_eq!((inside.level, level(nothing(), Server::Absent)), (Level::Warn, Level::Warn));
        assert!(inside.advice.is_some_and(|advice| advice.starts_with("Look from outside")));
    }

    #[test]
    fn a_public_url_without_tls_is_good_for_this_machine_only() {
        let secure = ["https://a.example", "http://localhost:3000", "http://[::1]", "http://127.0.0.1:1"];
        assert!(secure.iter().all(|url| is_secure(url)));
        assert!(!is_secure("http://a.example") && !is_secure("http://192.168.0.9"));
    }
}

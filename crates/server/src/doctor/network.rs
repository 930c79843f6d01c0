//! Where it listens, where it is reached, where it may send to, and whether the clock is right.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::UNIX_EPOCH;

use groundswell_cli::{Probe, probe};
use groundswell_engine::clock::Clock;
use url::{Host, Url};

use super::Finding;
use crate::config::Config;

/// 2025-01-01T00:00:00Z. Before this program was made no clock can be right.
const EARLIEST_MS: i64 = 1_735_689_600_000;

/// Receivers usually allow five minutes; a warning comes long before that.
const DOUBTFUL_OFF_MS: i64 = 10_000;

const WRONG_OFF_MS: i64 = 120_000;

const LISTEN: &str = "listen";
const PUBLIC_URL: &str = "public URL";

/// What is known after looking at the address to listen on.
pub struct Listening {
    pub listen: Finding,
    pub clock: Option<Finding>,
    /// A Groundswell answers there.
    pub is_running: bool,
}

/// Whether the address is free, or who has it.
pub fn listening(config: &Config) -> Listening {
    let address = config.listen;
    let now_ms = Clock::system().now_ms();
    let bound = TcpListener::bind(address);
    let listen = match bound.map_err(|error| error.kind()) {
        Ok(_) => Finding::ok(LISTEN, format!("{address} is free; no server runs there")),
        Err(ErrorKind::AddrInUse) => return taken(address, now_ms),
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
    Listening { listen, clock: Some(clock(now_ms, None)), is_running: false }
}

fn taken(address: SocketAddr, now_ms: i64) -> Listening {
    let reached = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    let url = format!("http://{}", SocketAddr::new(reached, address.port()));
    let (listen, date) = match probe(&url) {
        Probe::Groundswell { is_ready: true, date } => {
            return Listening {
                listen: Finding::ok(LISTEN, format!("Groundswell answers on {address} and is ready")),
                clock: Some(clock(now_ms, date.as_deref())),
                is_running: true,
            };
        }
        Probe::Groundswell { is_ready: false, date } => (
            Finding::warn(
                LISTEN,
                format!("Groundswell answers on {address} but is not ready"),
                "Its log says why; most often the database is away.",
            ),
            date,
        ),
        Probe::Other(_) | Probe::Nothing(_) => (
            Finding::fail(
                LISTEN,
                format!("another program listens on {address}"),
                "Stop it (`ss -ltnp` names it), or take another port with --listen or GROUNDSWELL_LISTEN.",
            ),
            None,
        ),
    };
    Listening { listen, clock: Some(clock(now_ms, date.as_deref())), is_running: false }
}

/// Signatures carry the time, and receivers refuse what is off by minutes. `date` is another's, as in HTTP.
fn clock(now_ms: i64, date: Option<&str>) -> Finding {
    const NAME: &str = "clock";
    const ADVICE: &str = "Set it and keep it right, for example with `timedatectl set-ntp true`: receivers refuse signatures \
                          from another time.";
    if now_ms < EARLIEST_MS {
        return Finding::fail(NAME, "the clock is before 2025", ADVICE);
    }
    let theirs = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let theirs_ms =
        theirs.and_then(|time| i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok());
    // A date in HTTP has no milliseconds.
    let off_ms = theirs_ms.map(|theirs_ms| (now_ms - theirs_ms - 500).abs());
    match off_ms {
        None => Finding::ok(NAME, "the clock is plausible; there is no other one to compare it with"),
        Some(WRONG_OFF_MS..) => Finding::fail(NAME, off_by(off_ms), ADVICE),
        Some(DOUBTFUL_OFF_MS..) => Finding::warn(NAME, off_by(off_ms), ADVICE),
        Some(_) => Finding::ok(NAME, "the clock agrees with the server's"),
    }
}

fn off_by(off_ms: Option<i64>) -> String {
    format!("the clock and the server's differ by {} s", off_ms.unwrap_or_default() / 1000)
}

/// Whether links lead here.
pub fn public_url(config: &Config, is_running: bool) -> Finding {
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
    match probe(url) {
        Probe::Groundswell { .. } if !is_secure(url) => Finding::warn(
            PUBLIC_URL,
            format!("{url} leads here, but without TLS: cookies and keys can be read on the way"),
            "Put a proxy with a certificate before it, and set an https:// URL.",
        ),
        Probe::Groundswell { .. } => Finding::ok(PUBLIC_URL, format!("{url} leads to a Groundswell")),
        Probe::Other(status) => Finding::fail(
            PUBLIC_URL,
            format!("{url} leads to something else, which answered {status} to /readyz"),
            "Check GROUNDSWELL_PUBLIC_URL and the proxy before this server: it must pass all paths on.",
        ),
        Probe::Nothing(why) if is_running => Finding::fail(
            PUBLIC_URL,
            format!("{url} does not lead to this server: {why}"),
            "Check the name, the proxy and the firewall. From outside it may work all the same, if this network does not \
             lead back to itself.",
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

/// What deliveries may reach besides public addresses.
pub fn egress(config: &Config) -> Finding {
    const NAME: &str = "egress";
    /// Where clouds tell machines their secrets.
    const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
    let allowed = &config.engine.egress_allow;
    if allowed.is_empty() {
        return Finding::ok(NAME, "deliveries reach public addresses only");
    }
    let rules: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    let said = format!("deliveries reach public addresses, and {}", rules.join(", "));
    if allowed.iter().any(|rule| rule.covers(METADATA)) {
        return Finding::warn(
            NAME,
            said,
            "That includes 169.254.169.254, where clouds hand out credentials: whoever may set a webhook's URL could read \
             them. Allow only the networks that receivers are in.",
        );
    }
    Finding::ok(NAME, said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_clock_is_compared_with_another_one() {
        // 2026-03-01T00:00:00Z
        let (now_ms, date) = (1_772_323_200_000, "Sun, 01 Mar 2026 00:00:00 GMT");
        let level = |now_ms, date| clock(now_ms, date).level;
        assert_eq!(level(0, None), Level::Fail);
        assert_eq!(level(now_ms, None), Level::Ok);
        assert_eq!(level(now_ms + 999, Some(date)), Level::Ok);
        assert_eq!(level(now_ms - 20_000, Some(date)), Level::Warn);
        assert_eq!(level(now_ms + 600_000, Some(date)), Level::Fail);
    }

    #[test]
    fn a_public_url_without_tls_is_good_for_this_machine_only() {
        let secure = ["https://a.example", "http://localhost:3000", "http://[::1]", "http://127.0.0.1:1"];
        assert!(secure.iter().all(|url| is_secure(url)));
        assert!(!is_secure("http://a.example") && !is_secure("http://192.168.0.9"));
    }
}

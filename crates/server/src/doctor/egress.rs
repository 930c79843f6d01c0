//! Whether deliveries can go out: what they may reach, whether names are found and connections made, and what would be in
//! their way.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use groundswell_engine::delivery::guard::{Forbidden, Guard};
use url::Url;

use super::{Finding, Level};
use crate::config::Config;

/// So many receivers are tried.
const TRIED: usize = 5;

/// For finding a name and for connecting, each.
const LIMIT: Duration = Duration::from_secs(4);

/// Proxies that are set for other programs, and that deliveries will not go through.
pub fn proxies(names: &[&str]) -> Option<Finding> {
    (!names.is_empty()).then(|| {
        Finding::warn(
            "proxy",
            format!("{} is set, but deliveries are made directly, never through a proxy", names.join(", ")),
            "If this machine has no direct way out, give it one (for example a NAT gateway) to ports 443 and 80: what is \
             behind a proxy could not be checked, and addresses that must not be reached are refused by address.",
        )
    })
}

/// What deliveries may reach besides public addresses.
pub fn rules(config: &Config) -> Finding {
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

/// Whether the receivers of enabled webhooks can be reached from here, and may be. Nothing is sent to them.
pub fn receivers(config: &Config, urls: &[String]) -> Finding {
    const NAME: &str = "receivers";
    let guard =
        Guard::from(&config.engine).apart_from([config.listen].into_iter().chain(config.metrics_listen));
    let inboxes = inboxes(config);
    let others = urls.iter().filter(|url| !inboxes.as_ref().is_some_and(|prefix| url.starts_with(prefix)));
    let mut places: Vec<(String, u16)> = Vec::new();
    for place in others.filter_map(|url| place(url)) {
        if places.len() < TRIED && !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() {
        return Finding::ok(
            NAME,
            "no webhook is enabled that leads elsewhere; there is nothing to connect to",
        );
    }
    let tried: Vec<_> =
        places.iter().cloned().map(|place| (place.clone(), in_time(guard.clone(), place))).collect();
    let troubles: Vec<(String, Trouble)> = tried
        .into_iter()
        .filter_map(|((host, port), outcome)| {
            let outcome = outcome.recv_timeout(2 * LIMIT).unwrap_or(Some(Trouble::NoName));
            outcome.map(|trouble| (format!("{host}:{port}"), trouble))
        })
        .collect();
    let (all, bad) = (places.len(), troubles.len());
    if bad == 0 {
        return Finding::ok(NAME, format!("{all} of {all} tried accept connections"));
    }
    let said: Vec<String> =
        troubles.iter().map(|(place, trouble)| format!("{place} {}", trouble.said())).collect();
    let is_any = |wanted: fn(&Trouble) -> bool| troubles.iter().any(|(_, trouble)| wanted(trouble));
    let advice = if is_any(|trouble| matches!(trouble, Trouble::Forbidden(_))) {
        "Every delivery to it fails. Allow only what is meant with GROUNDSWELL_EGRESS_ALLOW, or have its owner enter another URL."
    } else if is_any(|trouble| matches!(trouble, Trouble::NoName)) {
        "Check the name server of this machine (/etc/resolv.conf, `getent hosts NAME`), and the names in the webhooks."
    } else {
        "If none is reached, check the firewall's rules for what goes out, and the default route; if it is one, its owner's \
         server is down."
    };
    Finding { name: NAME, level: Level::Warn, said: said.join("; "), advice: Some(advice.to_owned()) }
}

/// What the URLs of this server's own inboxes begin with. Nothing is connected to for those.
fn inboxes(config: &Config) -> Option<String> {
    let url = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    let url = Url::parse(&url).ok()?;
    Some(format!("{}/inbox/", url.as_str().trim_end_matches('/')))
}

/// Only where it is: in the rest of a URL there may be secrets.
fn place(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    Some((url.host_str()?.trim_matches(['[', ']']).to_owned(), url.port_or_known_default()?))
}

#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    NoName,
    Forbidden(Forbidden),
    NoConnection(String),
}

impl Trouble {
    fn said(&self) -> String {
        match self {
            Self::NoName => "has a name that is not found".to_owned(),
            Self::Forbidden(why) => format!("is never sent to ({why})"),
            Self::NoConnection(why) => format!("takes no connection ({why})"),
        }
    }
}

/// Tries a place on a thread of its own: the system's search for a name has no limit.
fn in_time(guard: Guard, place: (String, u16)) -> mpsc::Receiver<Option<Trouble>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(trouble(&guard, &place)));
    told
}

/// As deliveries connect: to those addresses of a name that may be connected to.
fn trouble(guard: &Guard, (host, port): &(String, u16)) -> Option<Trouble> {
    let found = (host.as_str(), *port).to_socket_addrs().into_iter().flatten();
    let mut trouble = Trouble::NoName;
    let mut open: Vec<SocketAddr> = Vec::new();
    for address in found {
        match guard.check(address) {
            Ok(_) => open.push(address),
            Err(why) => trouble = Trouble::Forbidden(why),
        }
    }
    for address in open.iter().take(2) {
        match TcpStream::connect_timeout(address, LIMIT / 2) {
            Ok(_) => return None,
            Err(error) => trouble = Trouble::NoConnection(error.kind().to_string()),
        }
    }
    Some(trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_only_the_place_is_shown() {
        let of = |url| place(url).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(of("https://me:s3cret@a.example/hook?token=s3cret").as_deref(), Some("a.example 443"));
        assert_eq!(of("http://[::1]:8080/x").as_deref(), Some("::1 8080"));
        assert_eq!(of("no url"), None);
    }

    #[test]
    fn a_place_that_answers_is_told_from_one_that_does_not_and_from_a_name_that_is_not_there() {
        let guard = Guard::new(vec!["127.0.0.0/8".parse().expect("a rule")]);
        let listening = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listening.local_addr().expect("bound");
        let local = ("127.0.0.1".to_owned(), address.port());
        assert_eq!(trouble(&guard, &local), None);
        assert!(matches!(trouble(&Guard::default(), &local), Some(Trouble::Forbidden(_))), "it is not asked");
        let own = guard.clone().apart_from([address]);
        assert_eq!(trouble(&own, &local), Some(Trouble::Forbidden(Forbidden::Own)));
        drop(listening);
        let refused = trouble(&guard, &local);
        assert!(matches!(refused, Some(Trouble::NoConnection(_))), "{refused:?}");
        assert_eq!(trouble(&guard, &("nowhere.invalid".to_owned(), 443)), Some(Trouble::NoName));
    }
}

//! Addresses: where deliveries go, whose inbox a URL is, and whom proxies say a request is from.

#![no_main]

#[path = "../../crates/server/src/client_address/hops.rs"]
mod hops;

use std::net::{IpAddr, Ipv4Addr};

use groundswell_engine::delivery::guard::{Forbidden, Guard};
use groundswell_engine::fuzzing::inbox_at;
use groundswell_types::{PayloadUrl, ProgramId};
use libfuzzer_sys::fuzz_target;
use url::{Host, Url};

fuzz_target!(|text: &str| {
    if let Ok(url) = PayloadUrl::parse(text) {
        let verdict = Guard::default().check_url(url.url());
        // A name that everything else takes for an address must not pass as a name.
        if let Some(Host::Domain(name)) = url.url().host() {
            assert!(name.parse::<IpAddr>().is_err(), "{name}");
            assert!(matches!(verdict, Ok(()) | Err(Forbidden::Port { .. })), "{name}: {verdict:?}");
        }
        let base = Url::parse("https://webhooks.example.com/hooks").expect("a URL");
        let program = ProgramId::parse("p1").expect("a valid id");
        let is_inbox = inbox_at(&base, (&program, "token"), url.url()).is_some();
        assert_eq!(is_inbox, url.url().as_str() == "https://webhooks.example.com/hooks/inbox/token");
    }
    // Whatever a client begins with, what the proxy appends is not taken for somebody else.
    let client = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
    let hops = hops::x_forwarded_for(&format!("{text}, {client}"));
    assert_eq!(hops.last(), Some(&Some(client)));
    let hops = hops::forwarded(&format!("{text}, for={client};proto=https"));
    assert!(matches!(hops.last(), Some(None)) || hops.last() == Some(&Some(client)), "{hops:?}");
});

//! What is asked of a node that does not lead: whoever asks sees no difference.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Nodes;
use crate::browser::Browser;
use crate::client::Call;
use crate::live::Stream;

/// The words of a page, without what is different each time it is made.
fn words(page: &str) -> String {
    let (_, body) = page.split_once("<body").expect("a page");
    let mut words = String::new();
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        if !tag.starts_with("script") {
            words.push_str(text.trim());
            words.push('\n');
        }
    }
    words
}

#[test]
fn pages_say_the_same_at_every_node_and_what_is_changed_at_one_is_said_by_the_other() {
    let nodes = Nodes::start(2);
    let (leader, follower) = (nodes.leader(), nodes.follower());
    let program = nodes.client(follower).program("REFERRAL");
    let own = Browser::signed_in(&nodes.servers[follower]);
    let other = own.at(&nodes.servers[leader]);
    let paths =
        ["/", "/sign-in", &format!("/programs/{program}/options"), "/settings/account", "/nothing-here"];
    let said = |browser: &Browser| paths.map(|path| words(&browser.page(path)));
    let before = said(&own);
    assert_eq!(before, said(&other));
    assert!(before[0].contains("Pied Piper"), "{}", before[0]);
    let rename = |node: usize, name: &str| {
        nodes.client(node).patch(&format!("/v2/campaign/{program}"), &json!({ "name": name })).ok();
    };
    for (node, name) in [(follower, "Hooli"), (leader, "Raviga")] {
        rename(node, name);
        for browser in [&own, &other] {
            let page = words(&browser.page("/"));
            assert!(page.contains(name) && !page.contains("Pied Piper"), "{page}");
        }
    }
    own.post("/sign-out", "");
    assert_ne!(said(&other)[0], before[0], "nobody is signed in anywhere");
}

#[test]
fn an_open_page_of_a_node_that_does_not_lead_is_told_what_changes() {
    let nodes = Nodes::start(2);
    let (leader, follower) = (nodes.leader(), nodes.follower());
    let program = nodes.client(follower).program("REFERRAL");
    let browser = Browser::signed_in(&nodes.servers[follower]);
    let mut page = Stream::standing(&browser, &format!("/programs/{program}/live"));
    for node in [leader, follower] {
        let name = format!("by {node}");
        nodes.client(node).patch(&format!("/v2/campaign/{program}"), &json!({ "name": name })).ok();
        page.tells(&["program"]);
    }
}

#[test]
fn a_request_comes_from_its_client_whichever_node_has_passed_it_on() {
    let mut nodes = Nodes::none();
    nodes.join();
    // Whoever asks there comes from another address than a node does that asks the other one.
    nodes.join_with(&[("GROUNDSWELL_LISTEN", "[::1]:0")]);
    let forged = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.1")];
    let body = json!({ "type": "REFERRAL", "name": "Pied Piper" }).to_string();
    for (node, address) in [(1, "::1"), (0, "127.0.0.1")] {
        let headers = [&forged[..], &[("content-type", "application/json")]].concat();
        let call = Call { method: "POST", path: "/v2/campaigns", headers: &headers, body: body.as_bytes() };
        nodes.client(node).send(call).ok();
        let log = nodes.client(node).get("/v2/audit-log?limit=1").ok();
        assert_eq!(log["entries"][0]["address"], address, "{log}");
    }
}

#[test]
fn slow_bodies_keep_nobody_waiting() {
    let nodes = Nodes::start(2);
    let follower = nodes.follower();
    let address = &nodes.servers[follower].url()["http://".len()..];
    let slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut connection = TcpStream::connect(address).expect("it listens");
            let head = "POST /v2/campaigns HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{";
            connection.write_all(head.as_bytes()).expect("it listens");
            connection
        })
        .collect();
    let began = Instant::now();
    nodes.client(follower).program("REFERRAL");
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    drop(slow);
}

#[test]
fn what_is_not_passed_on_is_answered_like_everything_else() {
    let nodes = Nodes::start(2);
    let follower = &nodes.servers[nodes.follower()];
    let large = "x".repeat(3 * 1024 * 1024);
    let api = follower.client().post_text("/v2/campaigns", &large, &[]);
    api.refused(413, "PAYLOAD_TOO_LARGE");
    let form = follower.client().post_text("/sign-in", &large, &[]);
    assert_eq!((form.status, form.text.as_str()), (413, "The body is larger than 2 MiB.\n"));
    assert!(form.header("permissions-policy").is_some(), "{form:?}");
    for answer in [&api, &form] {
        for name in ["x-request-id", "x-content-type-options", "content-security-policy", "cache-control"] {
            assert!(answer.header(name).is_some(), "no {name} in {answer:?}");
        }
    }
    assert_eq!(api.json()["requestId"], api.header("x-request-id").expect("an id"));
    let counted = "groundswell_http_requests_total{route=\"none\",method=\"POST\",status=\"4xx\"}";
    assert_eq!(super::metric(follower, counted), Some(2));
}

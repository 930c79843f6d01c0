//! Which URLs can be saved, and that what cannot be saved cannot be reached by a detour either.

use serde_json::{Value, json};

use crate::client::Client;
use crate::receiver::Receiver;
use crate::server::{QUICK_RETRY, Server};

/// Addresses that only an operator can allow, in every spelling a browser takes.
const FORBIDDEN_HOSTS: [&str; 43] = [
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "127.0.0.1",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7F.1",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "１２７.０.０.１",
    "127。0。0。1",
    "%31%32%37.0.0.1",
    "0.0.0.0",
    "0",
    "169.254.169.254",
    "169.254.0.1",
    "2852039166",
    "0xa9fea9fe",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::7f00:1]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
];

/// A server that allows nothing beyond public addresses, with a program.
fn strict() -> (Server, Client, String) {
    let mut settings = QUICK_RETRY.to_vec();
    settings.push(("GROUNDSWELL_EGRESS_ALLOW", ""));
    let server = Server::with(&settings);
    let client = server.client();
    let program = client.program("REFERRAL");
    (server, client, program)
}

#[test]
fn forbidden_addresses_are_refused_in_any_spelling() {
    let (_server, client, program) = strict();
    let path = format!("/v2/campaign/{program}/webhooks");
    let id = client.webhook(&program, "https://example.com/hook", Value::Null);
    for host in FORBIDDEN_HOSTS {
        for url in [format!("http://{host}/hook"), format!("https://{host}:8443/")] {
            for answer in [
                client.post(&path, &json!({ "payloadUrl": url })),
                client.patch(&format!("{path}/{id}"), &json!({ "payloadUrl": url })),
            ] {
                assert_eq!(answer.status, 400, "{url} was accepted: {}", answer.text);
                assert_eq!(answer.refused(400, "BAD_REQUEST"), ["/payloadUrl"], "{url}");
            }
        }
    }
    assert_eq!(client.webhook_view(&program, &id)["payloadUrl"], "https://example.com/hook");
}

#[test]
fn a_refused_address_comes_with_cause_and_remedy() {
    let (_server, client, program) = strict();
    let answer = client
        .post(&format!("/v2/campaign/{program}/webhooks"), &json!({ "payloadUrl": "http://10.0.0.5/x" }));
    let message = answer.json()["errors"][0]["message"].as_str().expect("a message").to_owned();
    for part in ["10.0.0.5", "private", "egress.allow"] {
        assert!(message.contains(part), "no {part} in {message:?}");
    }
}

#[test]
fn urls_that_cannot_work_are_refused() {
    let (_server, client, program) = strict();
    let path = format!("/v2/campaign/{program}/webhooks");
    let long = format!("https://example.com/{}", "x".repeat(2048));
    for url in [
        "",
        " ",
        "example.com",
        "example.com/hook",
        "//example.com",
        "/hook",
        "ftp://example.com",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/plain,x",
        "ws://example.com",
        "gopher://example.com",
        "http://",
        "https:///",
        "https://me@example.com",
        "https://me:pw@example.com",
        "https://:pw@example.com",
        "https://exa mple.com",
        "https://example.com/#part",
        "http://[::1",
        "http://300.300.300.300",
        "https://example.com:99999",
        &long,
    ] {
        assert_eq!(
            client.post(&path, &json!({ "payloadUrl": url })).refused(400, "BAD_REQUEST"),
            ["/payloadUrl"],
            "{url}"
        );
    }
}

#[test]
fn public_urls_are_kept_as_they_were_typed() {
    let (_server, client, program) = strict();
    let path = format!("/v2/campaign/{program}/webhooks");
    let id = client.webhook(&program, "https://example.com", Value::Null);
    for url in [
        "https://example.com",
        "http://Example.COM:8080/a%20b?c=d&e",
        "https://8.8.8.8/",
        "https://172.32.0.1/",
        "https://[2606:4700::1111]/",
        "https://例え.example/パス",
        "https://localhost.example.com/",
    ] {
        let patched = client.patch(&format!("{path}/{id}"), &json!({ "payloadUrl": url })).ok();
        assert_eq!(patched["payloadUrl"], url);
    }
}

#[test]
fn what_the_operator_allows_can_be_reached_and_the_rest_cannot() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let receiver = Receiver::start();
    let port = receiver.port();
    let path = format!("/v2/campaign/{program}/webhooks");
    for (at, host) in ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "localhost"].into_iter().enumerate() {
        let id = client.webhook(&program, &format!("http://{host}:{port}/{at}"), Value::Null);
        let result = client.post(&format!("{path}/{id}/test"), &json!({})).ok();
        assert_eq!(result["success"], true, "{host}: {result}");
    }
    for host in ["10.0.0.1", "[fe80::1]", "169.254.169.254"] {
        let answer =
            client.patch(&format!("{path}/primary"), &json!({ "payloadUrl": format!("http://{host}/") }));
        assert_eq!(answer.refused(400, "BAD_REQUEST"), ["/payloadUrl"], "{host}");
    }
}

#[test]
fn a_name_that_leads_to_a_forbidden_address_is_like_one_that_leads_nowhere() {
    let (_server, client, program) = strict();
    let receiver = Receiver::start();
    let path = format!("/v2/campaign/{program}/webhooks");
    let test = |url: &str| {
        let id = client.webhook(&program, url, Value::Null);
        let result = client.post(&format!("{path}/{id}/test"), &json!({})).ok();
        assert_eq!(result["success"], false, "{result}");
        result["response"]["msg"].as_str().expect("a message").to_owned()
    };
    let forbidden = test(&format!("http://localhost:{}/", receiver.port()));
    let nowhere = test("http://no-such-name.invalid/");
    assert_eq!(forbidden.replace("localhost", ""), nowhere.replace("no-such-name.invalid", ""));
    assert!(!forbidden.contains("127.") && !forbidden.contains("::1"), "{forbidden}");
    assert_eq!(receiver.connections(), 0);
}

#[test]
fn an_address_that_is_no_longer_allowed_is_not_reached_any_more() {
    let mut server = Server::start();
    let receiver = Receiver::start();
    let program = server.client().program("REFERRAL");
    let id = server.client().webhook(&program, &receiver.url("/"), Value::Null);
    server.kill();
    server.set("GROUNDSWELL_EGRESS_ALLOW", "");
    server.restart();
    let client = server.client();
    let event = client.join(&program, "p1");
    let delivery = crate::waiting::until("the attempt is logged", || {
        Some(client.delivery_of(&program, &event)).filter(|delivery| delivery["attempts"].as_i64() > Some(0))
    });
    assert_eq!(delivery["lastFailure"], "blocked", "{delivery}");
    let test = client.post(&format!("/v2/campaign/{program}/webhooks/{id}/test"), &json!({})).ok();
    assert_eq!(test["success"], false, "{test}");
    let msg = test["response"]["msg"].as_str();
    assert!(msg.is_some_and(|msg| msg.contains("public address")), "{test}");
    assert_eq!(receiver.connections(), 0);
}

//! The egress guard as the binary has it: no proxy of the environment, not to itself, few tests.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::Client;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::{ADMIN_KEY, QUICK_RETRY, Server};

fn with(more: &[(&str, &str)]) -> (Server, Client, String) {
    let settings: Vec<_> = QUICK_RETRY.iter().chain(more).copied().collect();
    let server = Server::with(&settings);
    let client = server.client();
    let program = client.program("REFERRAL");
    (server, client, program)
}

fn test_of(program: &str, webhook: &str) -> String {
    format!("/v2/campaign/{program}/webhooks/{webhook}/test")
}

#[test]
fn a_proxy_in_the_environment_gets_nothing() {
    let (proxy, receiver) = (Receiver::start(), Receiver::start());
    let url = proxy.url("/");
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let mut settings: Vec<(&str, &str)> = names.iter().map(|name| (*name, url.as_str())).collect();
    settings.extend([("NO_PROXY", ""), ("no_proxy", "")]);
    let (_server, client, program) = with(&settings);
    let id = client.webhook(&program, &receiver.url("/"), Value::Null);
    assert_eq!(client.post(&test_of(&program, &id), &json!({})).ok()["success"], true);
    client.join(&program, "p1");
    receiver.request_about("p1");
    // What cannot be reached without a proxy, a client that uses one would give to it.
    for url in ["http://no-such-name.invalid/", "https://no-such-name.invalid/"] {
        client.patch(&format!("/v2/campaign/{program}/webhooks/{id}"), &json!({ "payloadUrl": url })).ok();
        assert_eq!(client.post(&test_of(&program, &id), &json!({})).ok()["success"], false);
    }
    assert_eq!(proxy.connections(), 0);
}

/// Allowed is everything; what listens on the same machine is reached, this server is not.
#[test]
fn a_server_never_sends_to_itself_whatever_it_listens_on_and_whatever_is_allowed() {
    for listen in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
        let everything = ("GROUNDSWELL_EGRESS_ALLOW", "0.0.0.0/0,::/0");
        let (server, client, program) = with(&[("GROUNDSWELL_LISTEN", listen), everything]);
        let (_, port) = server.url().rsplit_once(':').expect("a port");
        let path = format!("/v2/campaign/{program}/webhooks");
        let mut hosts = vec!["127.0.0.1", "127.1", "0x7f000001", "0.0.0.0", "[::ffff:127.0.0.1]", "[::]"];
        if listen != "127.0.0.1:0" {
            hosts.extend(["127.0.0.2", "127.255.255.254", "[::1]"]);
        }
        for host in hosts {
            let answer = client.post(&path, &json!({ "payloadUrl": format!("http://{host}:{port}/readyz") }));
            assert_eq!(answer.refused(400, "BAD_REQUEST"), ["/payloadUrl"], "{listen}: {host}");
            assert!(answer.text.contains("this server"), "{}", answer.text);
        }
        let id = client.webhook(&program, &format!("http://localhost:{port}/readyz"), Value::Null);
        let tested = client.post(&test_of(&program, &id), &json!({})).ok();
        assert_eq!(tested["response"]["statusCode"], Value::Null, "{tested}");
        let message = "The host name does not resolve to a public address.";
        assert_eq!(tested["response"]["msg"], message);
        let receiver = Receiver::start();
        let id = client.webhook(&program, &receiver.url("/"), Value::Null);
        assert_eq!(client.post(&test_of(&program, &id), &json!({})).ok()["success"], true, "{listen}");
    }
}

/// As another node is one: where it listens the guard does not know.
#[test]
fn a_delivery_does_nothing_at_another_server_but_in_its_inboxes() {
    let (_server, client, program) = with(&[]);
    let (other, of_other, _) = with(&[]);
    let url = format!("{}/v2/campaigns?type=REFERRAL", other.url());
    let key = json!({ "authorization": format!("Bearer {ADMIN_KEY}") });
    let id = client.webhook(&program, &url, json!({ "headers": key }));
    let before = of_other.get("/v2/campaigns").ok();
    let tested = client.post(&test_of(&program, &id), &json!({})).ok();
    assert_eq!(tested["response"]["statusCode"], 403, "{tested}");
    assert_eq!(of_other.get("/v2/campaigns").ok(), before);

    let theirs = of_other.program("REFERRAL");
    let inbox = of_other.get(&format!("/v2/campaign/{theirs}/inbox")).ok()["url"].clone();
    client
        .patch(
            &format!("/v2/campaign/{program}/webhooks/{id}"),
            &json!({ "payloadUrl": inbox, "headers": {} }),
        )
        .ok();
    assert_eq!(client.post(&test_of(&program, &id), &json!({})).ok()["success"], true);
}

#[test]
fn a_port_of_another_service_is_refused_unless_a_rule_names_it() {
    let (mut server, client, program) = with(&[]);
    let path = format!("/v2/campaign/{program}/webhooks");
    for url in ["http://127.0.0.1:6379/", "https://example.com:25/", "http://cache.example.com:11211/"] {
        let answer = client.post(&path, &json!({ "payloadUrl": url }));
        assert_eq!(answer.refused(400, "BAD_REQUEST"), ["/payloadUrl"], "{url}");
        for part in ["another port", "egress.allow"] {
            assert!(answer.text.contains(part), "no {part} in {}", answer.text);
        }
    }
    server.kill();
    server.set("GROUNDSWELL_EGRESS_ALLOW", "127.0.0.0/8,127.0.0.1:6379");
    server.restart();
    let client = server.client();
    client.webhook(&program, "http://127.0.0.1:6379/", Value::Null);
    let answer = client.post(&path, &json!({ "payloadUrl": "http://127.0.0.2:6379/" }));
    assert_eq!(answer.refused(400, "BAD_REQUEST"), ["/payloadUrl"]);
}

#[test]
fn the_twenty_first_test_in_a_minute_is_refused_over_rest_and_on_the_page() {
    let (server, client, program) = with(&[]);
    let receiver = Receiver::start();
    let id = client.webhook(&program, &receiver.url("/"), Value::Null);
    for _ in 0..20 {
        client.post(&test_of(&program, &id), &json!({})).ok();
    }
    let answer = client.post(&test_of(&program, &id), &json!({}));
    answer.refused(429, "RATE_LIMIT");
    assert_eq!(answer.json()["policyName"], "TESTS_PER_MINUTE");
    let wait_s: i64 = answer.header("retry-after").and_then(|value| value.parse().ok()).expect("a time");
    assert!((1..=60).contains(&wait_s), "{wait_s}");
    let milliseconds = answer.header("growsurf-retry-after-minute-milliseconds").expect("a time");
    assert!((1..=60_000).contains(&milliseconds.parse::<i64>().expect("a number")), "{milliseconds}");
    // Another program's are its own.
    let other = client.program("REFERRAL");
    let webhook = client.webhook(&other, &receiver.url("/"), Value::Null);
    client.post(&test_of(&other, &webhook), &json!({})).ok();

    let browser = Browser::signed_in(&server);
    let form = format!(
        "version=0&row=primary&url.primary={}&enabled.primary=on&event.primary=NEW_PARTICIPANT_ADDED&secret.primary=&\
         intent=test%3Aprimary%3ANEW_PARTICIPANT_ADDED",
        receiver.url("/").replace(':', "%3A").replace('/', "%2F"),
    );
    let page = browser.post(&format!("/programs/{program}/options/webhooks"), &form);
    assert!(page.contains("A program can send 20 tests a minute. Try again in "), "{page}");
    assert_eq!(receiver.requests().len(), 21);
}

#[test]
fn the_log_says_which_answers_are_not_for_everybody() {
    let (_server, client, program) = with(&[]);
    let receiver = Receiver::that(|_| Reaction::Answer(Reply::status(200)));
    client.webhook(&program, &receiver.url("/"), Value::Null);
    let event = client.join(&program, "p1");
    let delivery = crate::waiting::until("it is delivered", || {
        Some(client.delivery_of(&program, &event)).filter(|delivery| delivery["state"] == "delivered")
    });
    let id = delivery["id"].as_str().expect("an id");
    let detail = client.get(&format!("/v2/campaign/{program}/deliveries/{id}")).ok();
    let response = &detail["attemptLog"][0]["response"];
    assert_eq!((&response["restricted"], &response["withheld"]), (&json!(true), &json!(false)), "{response}");
    assert_eq!(response["body"], "noted");
}

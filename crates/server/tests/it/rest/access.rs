//! Who may call, and what errors look like.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::client::Call;
use crate::server::{ADMIN_KEY, Server};

#[test]
fn without_a_valid_key_everything_is_401() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let calls = [
        ("GET", "/v2/campaigns".to_owned()),
        ("POST", "/v2/campaigns".to_owned()),
        ("GET", format!("/v2/campaign/{program}")),
        ("PATCH", format!("/v2/campaign/{program}")),
        ("GET", format!("/v2/campaign/{program}/webhooks")),
        ("POST", format!("/v2/campaign/{program}/webhooks")),
        ("PATCH", format!("/v2/campaign/{program}/webhooks/primary")),
        ("DELETE", format!("/v2/campaign/{program}/webhooks/primary")),
        ("POST", format!("/v2/campaign/{program}/webhooks/primary/test")),
        ("POST", format!("/v2/campaign/{program}/events")),
        ("GET", format!("/v2/campaign/{program}/deliveries")),
        ("GET", format!("/v2/campaign/{program}/deliveries/dlv_0000000000000")),
        ("POST", "/v2/sign-in-links".to_owned()),
        // Whoever has no key learns nothing about which programs there are.
        ("GET", "/v2/campaign/nosuchprogram".to_owned()),
    ];
    let longer = format!("Bearer {ADMIN_KEY}x");
    let shorter = format!("Bearer {}", &ADMIN_KEY[1..]);
    let basic = format!("Basic {ADMIN_KEY}");
    let authorizations =
        [None, Some("Bearer"), Some("Bearer "), Some(&longer), Some(&shorter), Some(&basic), Some(ADMIN_KEY)];
    for authorization in authorizations {
        let stranger = client.authorized_by(authorization);
        for (method, path) in &calls {
            let headers = &[("content-type", "application/json")];
            let body: &[u8] = if *method == "GET" || *method == "DELETE" { b"" } else { b"{}" };
            let answer = stranger.send(Call { method, path, headers, body });
            assert_eq!(answer.refused(401, "UNAUTHORIZED"), Vec::<String>::new());
        }
    }
    assert_eq!(client.authorized_by(Some(&format!("bearer {ADMIN_KEY}"))).get("/v2/campaigns").status, 200);
    assert!(!server.log().contains(ADMIN_KEY), "the log has the admin key in it");
}

/// The calls for events have a way of their own, which a path with an encoded character does not take.
#[test]
fn the_address_of_whoever_has_no_key_is_logged_and_only_proxies_say_whose_it_is() {
    const LOG: (&str, &str) = ("GROUNDSWELL_LOG", "groundswell=debug");
    let address_said_by = |settings: &[(&str, &str)], path: &str| {
        let server = Server::with(&[settings, &[LOG]].concat());
        let headers = &[("x-forwarded-for", "198.51.100.1, 203.0.113.7")];
        let call = Call { method: "POST", path, headers, body: b"{}" };
        assert_eq!(server.client().authorized_by(None).send(call).status, 401);
        let log = server.log();
        let line = log.lines().find(|line| line.contains("without a valid key"));
        let (_, said) = line.expect("it is logged").split_once("client.address=").expect("an address");
        said.split_whitespace().next().expect("an address").to_owned()
    };
    for path in ["/v2/campaigns", "/v2/campaign/any/events"] {
        assert_eq!(address_said_by(&[], path), "127.0.0.1");
        let trusting = [("GROUNDSWELL_TRUSTED_PROXIES", "127.0.0.0/8")];
        assert_eq!(address_said_by(&trusting, path), "203.0.113.7");
    }
}

const FOR_BROWSERS: [&str; 5] = [
    "cache-control",
    "content-security-policy",
    "cross-origin-resource-policy",
    "referrer-policy",
    "x-frame-options",
];

#[test]
fn the_calls_for_events_are_answered_alike_on_both_ways_to_them() {
    let server = Server::with(&[("GROUNDSWELL_RATE_LIMIT", "900/9000/90000")]);
    let client = server.client();
    let program = client.program("REFERRAL");
    let key = client.post("/v2/api-keys", &json!({ "name": "both ways" })).json()["key"].clone();
    let keyed = client.authorized_by(Some(&format!("Bearer {}", key.as_str().expect("a key"))));
    let first = program.as_bytes()[0];
    let encoded = format!("%{first:02x}{}", &program[1..]);
    let event: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;
    let bodies: [&[u8]; 4] = [event, b"{}", b"no json", b""];
    let strangers = [&client, &keyed, &client.authorized_by(None)];
    for (call, body, caller) in ["events", "events/batch"]
        .iter()
        .flat_map(|call| bodies.map(|body| (call, body)))
        .flat_map(|(call, body)| strangers.map(|caller| (call, body, caller)))
    {
        let answers = [&program, &encoded, "nosuchprogram", "no%20such"].map(|id| {
            let path = format!("/v2/campaign/{id}/{call}");
            let headers = &[("content-type", "application/json"), ("idempotency-key", "one")];
            caller.send(Call { method: "POST", path: &path, headers, body })
        });
        let [direct, routed, unknown, routed_unknown] = answers.map(|answer| {
            // What only browsers heed is left out where it would cost an allocation for each event (`headers.rs`).
            let is_for_all = |name: &String| !FOR_BROWSERS.contains(&name.as_str());
            let mut names: Vec<String> =
                answer.headers.keys().map(ToString::to_string).filter(is_for_all).collect();
            names.sort_unstable();
            assert!(answer.header("x-request-id").is_some(), "{call} {body:?}");
            (answer.status, names)
        });
        assert_eq!(direct, routed, "{call} {body:?}");
        assert_eq!(unknown, routed_unknown, "{call} {body:?}");
    }
    assert_eq!(client.get(&format!("/v2/campaign/{program}/events")).status, 405);
}

/// A refusal needs no body, which may still be on its way when it is answered.
#[test]
fn a_connection_goes_on_after_a_refusal() {
    let server = Server::start();
    let address = server.url().strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("an open connection");
    let mut answers = BufReader::new(stream.try_clone().expect("an open connection"));
    let refused = [
        ("POST", "campaigns", "wrong", 401),
        ("POST", "campaign/x/events", "wrong", 401),
        ("POST", "no-such-path", ADMIN_KEY, 404),
        ("POST", "team", ADMIN_KEY, 501),
        ("PUT", "campaigns", ADMIN_KEY, 405),
        ("PATCH", "campaign/%20/webhooks/%20", ADMIN_KEY, 404),
    ];
    for (method, path, key, status) in refused.into_iter().cycle().take(120) {
        let head = format!(
            "{method} /v2/{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\ncontent-length: 2\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("the server reads");
        stream.write_all(b"{}").expect("the server still reads");
        let head: Vec<String> = (&mut answers)
            .lines()
            .map(|line| line.expect("the server answers"))
            .take_while(|line| !line.is_empty())
            .collect();
        assert!(head.first().is_some_and(|line| line.contains(&format!(" {status} "))), "{path}: {head:?}");
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        answers.read_exact(&mut vec![0; length.parse().expect("a number")]).expect("a body");
    }
}

#[test]
fn health_is_open_to_everybody() {
    let server = Server::start();
    let stranger = server.client().authorized_by(None);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(stranger.get(path).status, 200, "{path}");
    }
}

#[test]
fn an_error_says_what_is_wrong_in_the_documented_shape() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let not_found = [
        "/v2/campaign/nosuchprogram".to_owned(),
        "/v2/campaign/nosuchprogram/webhooks".to_owned(),
        "/v2/campaign/nosuchprogram/deliveries".to_owned(),
        format!("/v2/campaign/{program}/deliveries/dlv_0000000000000"),
        format!("/v2/campaign/{program}/deliveries/no-such-id"),
        "/v2/no-such-path".to_owned(),
        "/v2".to_owned(),
        "/v2/".to_owned(),
        "/v2/campaigns/".to_owned(),
        "/v2/campaign/%ff".to_owned(),
        format!("/v2/campaign/{program}/deliveries/%ff"),
        "/v2/%ff".to_owned(),
    ];
    for path in not_found {
        assert_eq!(client.get(&path).refused(404, "NOT_FOUND"), Vec::<String>::new(), "{path}");
    }
    let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p1" } });
    client.post("/v2/campaign/nosuchprogram/events", &event).refused(404, "NOT_FOUND");
    client.patch("/v2/campaign/nosuchprogram", &json!({ "name": "x" })).refused(404, "NOT_FOUND");
    let webhook = json!({ "payloadUrl": "https://example.com" });
    client.post("/v2/campaign/nosuchprogram/webhooks", &webhook).refused(404, "NOT_FOUND");
    for path in
        [format!("/v2/campaign/{program}/webhooks/none"), format!("/v2/campaign/{program}/webhooks/primary")]
    {
        client.patch(&path, &json!({})).refused(404, "NOT_FOUND");
        client.delete(&path).refused(404, "NOT_FOUND");
        client.post(&format!("{path}/test"), &json!({})).refused(404, "NOT_FOUND");
    }
}

/// With 404 a client would say that there is no such participant.
#[test]
fn a_part_of_the_hosted_product_that_is_not_here_is_501_and_not_asked_for_again() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    for (method, path) in [
        ("GET", "/v2/team".to_owned()),
        ("POST", "/v2/api-key/rotate".to_owned()),
        ("GET", format!("/v2/campaign/{program}/participants")),
        ("DELETE", format!("/v2/campaign/{program}/participant/p1")),
        ("PATCH", "/v2/campaign/nosuchprogram/reward-configs/r1".to_owned()),
    ] {
        let answer = client.send(Call { method, path: &path, headers: &[], body: b"" });
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{method} {path}");
        assert!(answer.text.contains(&format!("{method} {path} ")), "{}", answer.text);
        assert_eq!(answer.refused(501, "NOT_IMPLEMENTED"), Vec::<String>::new(), "{method} {path}");
    }
    let stranger = client.authorized_by(None);
    assert_eq!(stranger.get("/v2/team").refused(401, "UNAUTHORIZED"), Vec::<String>::new());
    // An account is what one asks for without a key.
    let account = stranger.post("/v2/accounts", &json!({ "email": "ada@example.com" }));
    assert_eq!(account.refused(501, "NOT_IMPLEMENTED"), Vec::<String>::new());
}

#[test]
fn another_method_is_405() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    for (method, path) in [
        ("PUT", "/v2/campaigns".to_owned()),
        ("DELETE", format!("/v2/campaign/{program}")),
        ("PUT", format!("/v2/campaign/{program}/webhooks")),
        ("GET", format!("/v2/campaign/{program}/events")),
        ("GET", format!("/v2/campaign/{program}/webhooks/primary/test")),
    ] {
        let answer = client.send(Call { method, path: &path, headers: &[], body: b"" });
        assert_eq!(answer.refused(405, "METHOD_NOT_ALLOWED"), Vec::<String>::new(), "{method} {path}");
    }
}

#[test]
fn a_body_that_is_no_json_object_is_400() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let id = client.webhook(&program, "https://example.com/hook", Value::Null);
    let webhook = format!("/v2/campaign/{program}/webhooks/{id}");
    let calls = [
        ("POST", "/v2/campaigns".to_owned()),
        ("PATCH", format!("/v2/campaign/{program}")),
        ("POST", format!("/v2/campaign/{program}/webhooks")),
        ("PATCH", webhook.clone()),
        ("POST", format!("{webhook}/test")),
        ("POST", format!("/v2/campaign/{program}/events")),
    ];
    for (method, path) in &calls {
        for body in ["{", "[]", "\"x\"", "7", "{\"name\":}", "{\"a\":\"\\ud800\"}", "nul"] {
            let headers = &[("content-type", "application/json")];
            let answer = client.send(Call { method, path, headers, body: body.as_bytes() });
            assert!(!answer.refused(400, "BAD_REQUEST").is_empty(), "{method} {path} {body} names nothing");
        }
        let headers = &[("content-type", "application/json")];
        let answer = client.send(Call { method, path, headers, body: b"{\"name\":\"\xff\"}" });
        answer.refused(400, "BAD_REQUEST");
    }
}

#[test]
fn a_sign_in_link_leads_to_this_server_once() {
    let server = Server::start();
    let client = server.client();
    let link = client.post("/v2/sign-in-links", &json!({})).ok();
    let url = link["url"].as_str().expect("a URL");
    assert!(url.starts_with(server.url()), "{url}");
    let left_ms = link["expiresAt"].as_i64().expect("a time") - crate::waiting::now_ms();
    assert!(left_ms > 0, "{link}");
    let other = client.post("/v2/sign-in-links", &json!({})).ok();
    assert_ne!(link["url"], other["url"]);
    let token = url.rsplit(['=', '/']).next().expect("a token");
    assert!(token.len() >= 32, "{url}");
    assert!(!server.log().contains(token), "the log has the sign-in token in it");
}

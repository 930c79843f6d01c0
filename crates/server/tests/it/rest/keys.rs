//! API keys: what each may do, where, and how often.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Call, Client};
use crate::server::Server;

/// A client with a key of its own.
fn keyed(admin: &Client, key: &Value) -> Client {
    let made = admin.post("/v2/api-keys", key).ok();
    admin.authorized_by(Some(&format!("Bearer {}", made["key"].as_str().expect("a key"))))
}

/// One call of each kind, with what it needs.
fn calls(program: &str) -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("GET", "/v2/campaigns".to_owned(), "read"),
        ("POST", "/v2/campaigns".to_owned(), "webhooks"),
        ("GET", format!("/v2/campaign/{program}"), "read"),
        ("PATCH", format!("/v2/campaign/{program}"), "webhooks"),
        ("GET", format!("/v2/campaign/{program}/webhooks"), "read"),
        ("POST", format!("/v2/campaign/{program}/webhooks"), "webhooks"),
        ("PATCH", format!("/v2/campaign/{program}/webhooks/none"), "webhooks"),
        ("DELETE", format!("/v2/campaign/{program}/webhooks/none"), "webhooks"),
        ("POST", format!("/v2/campaign/{program}/webhooks/none/test"), "webhooks"),
        ("DELETE", format!("/v2/campaign/{program}/webhooks/none/old-secret"), "webhooks"),
        ("POST", format!("/v2/campaign/{program}/events"), "events"),
        ("POST", format!("/v2/campaign/{program}/events/batch"), "events"),
        ("GET", format!("/v2/campaign/{program}/notices"), "read"),
        ("GET", format!("/v2/campaign/{program}/inbox"), "read"),
        ("POST", format!("/v2/campaign/{program}/inbox/address"), "webhooks"),
        ("DELETE", format!("/v2/campaign/{program}/inbox/requests"), "webhooks"),
        ("GET", format!("/v2/campaign/{program}/inbox/requests/none"), "read"),
        ("GET", format!("/v2/campaign/{program}/deliveries"), "read"),
        ("GET", format!("/v2/campaign/{program}/deliveries/export?format=csv"), "read"),
        ("GET", format!("/v2/campaign/{program}/deliveries/none"), "read"),
        ("POST", format!("/v2/campaign/{program}/deliveries/none/resend"), "webhooks"),
        ("GET", format!("/v2/campaign/{program}/resends"), "read"),
        ("POST", format!("/v2/campaign/{program}/resends"), "webhooks"),
        ("GET", format!("/v2/campaign/{program}/resends/none"), "read"),
        ("DELETE", format!("/v2/campaign/{program}/resends/none"), "webhooks"),
        ("POST", format!("/v2/campaign/{program}/editor-link"), "webhooks"),
        ("DELETE", format!("/v2/campaign/{program}/editor-link/none"), "webhooks"),
        ("GET", "/v2/api-keys".to_owned(), "admin"),
        ("POST", "/v2/api-keys".to_owned(), "admin"),
        ("DELETE", "/v2/api-keys/none".to_owned(), "admin"),
        ("GET", "/v2/audit-log".to_owned(), "admin"),
        ("GET", "/v2/audit-log/export?format=csv".to_owned(), "admin"),
        ("GET", format!("/v2/campaign/{program}/erasures"), "admin"),
        ("POST", format!("/v2/campaign/{program}/erasures"), "admin"),
        ("GET", format!("/v2/campaign/{program}/erasures/none"), "admin"),
        ("GET", "/v2/teams".to_owned(), "admin"),
        ("PATCH", "/v2/teams/team_first".to_owned(), "admin"),
        ("GET", "/v2/teams/team_first/members".to_owned(), "admin"),
        ("PATCH", "/v2/teams/team_first/members/none".to_owned(), "admin"),
        ("DELETE", "/v2/teams/team_first/members/none".to_owned(), "admin"),
        ("GET", "/v2/teams/team_first/invitations".to_owned(), "admin"),
        ("POST", "/v2/teams/team_first/invitations".to_owned(), "admin"),
        ("DELETE", "/v2/teams/team_first/invitations/none".to_owned(), "admin"),
    ]
}

fn status(client: &Client, method: &str, path: &str) -> u16 {
    let body: &[u8] = if matches!(method, "GET" | "DELETE") { b"" } else { b"{\"dryRun\":7}" };
    client.send(Call { method, path, headers: &[("content-type", "application/json")], body }).status
}

#[test]
fn a_key_is_told_that_what_is_the_whole_servers_takes_the_admin_key() {
    let server = Server::start();
    let key = keyed(&server.client(), &json!({ "name": "a", "scopes": ["admin"] }));
    for path in ["/metrics", "/v2/log-level", "/v2/rejected-events"] {
        let answer = key.get(path);
        answer.refused(403, "FORBIDDEN");
        let message = answer.json()["message"].as_str().expect("a message").to_owned();
        assert!(message.contains("GROUNDSWELL_ADMIN_KEY") && message.contains("its team"), "{message}");
    }
    // A session of whoever runs the server would be all of that.
    let answer = key.post("/v2/sign-in-links", &json!({}));
    answer.refused(403, "FORBIDDEN");
    let message = answer.json()["message"].as_str().expect("a message").to_owned();
    assert!(message.contains("GROUNDSWELL_ADMIN_KEY"), "{message}");
}

#[test]
fn a_key_may_do_what_its_scopes_say_and_nothing_else() {
    let server = Server::start();
    let admin = server.client();
    let program = admin.program("REFERRAL");
    let included = |scope: &str, needed: &str| {
        scope == needed || scope == "admin" || (scope == "webhooks" && needed == "read")
    };
    for scope in ["read", "events", "webhooks", "admin"] {
        let client = keyed(&admin, &json!({ "name": scope, "scopes": [scope] }));
        for (method, path, needed) in calls(&program) {
            let got = status(&client, method, &path);
            if included(scope, needed) {
                assert!(got != 401 && got != 403, "{scope}: {method} {path} is {got}");
            } else {
                assert_eq!(got, 403, "{scope}: {method} {path}");
            }
        }
    }
    let refused = keyed(&admin, &json!({ "name": "r", "scopes": ["read"] }));
    let answer = refused.post(&format!("/v2/campaign/{program}/events"), &json!({}));
    assert!(answer.text.contains("needs events"), "{}", answer.text);
    answer.refused(403, "FORBIDDEN");
}

#[test]
fn a_key_for_one_program_knows_of_no_other() {
    let server = Server::start();
    let admin = server.client();
    let (own, other) = (admin.program("REFERRAL"), admin.program("AFFILIATE"));
    let key = json!({ "name": "one", "scopes": ["admin"], "campaignId": own });
    let client = keyed(&admin, &key);
    for (method, path, _) in calls(&other).into_iter().filter(|(_, path, _)| path.contains(&other)) {
        let answer = client.send(Call { method, path: &path, headers: &[], body: b"" });
        let unknown = path.replace(&other, "nosuchprogram");
        let unknown = client.send(Call { method, path: &unknown, headers: &[], body: b"" });
        assert_eq!((answer.status, unknown.status), (404, 404), "{method} {path}");
        assert_eq!(answer.json()["message"], unknown.json()["message"], "{method} {path}");
    }
    for (method, path, _) in calls(&own).into_iter().filter(|(_, path, _)| path.contains(&own)) {
        assert!(!matches!(status(&client, method, &path), 401 | 403), "{method} {path}");
    }
    let campaigns = client.get("/v2/campaigns").ok();
    assert_eq!(campaigns["campaigns"].as_array().expect("a list").len(), 1);
    assert_eq!(campaigns["campaigns"][0]["id"], own);
    client.post("/v2/campaigns", &json!({ "type": "REFERRAL" })).refused(403, "FORBIDDEN");
    client.post("/v2/sign-in-links", &json!({})).refused(403, "FORBIDDEN");

    // Keys that it makes reach no further, and it sees no others.
    let team = admin.post("/v2/api-keys", &json!({ "name": "team" })).ok();
    client.post("/v2/api-keys", &json!({ "name": "b", "campaignId": other })).refused(403, "FORBIDDEN");
    let made = client.post("/v2/api-keys", &json!({ "name": "c", "scopes": ["events"] })).ok();
    assert_eq!(made["campaignId"], own);
    let names: Vec<Value> = client.get("/v2/api-keys").ok()["apiKeys"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|key| key["name"].clone())
        .collect();
    assert_eq!(names, ["one", "c"]);
    client.delete(&format!("/v2/api-keys/{}", team["id"].as_str().expect("an id"))).refused(404, "NOT_FOUND");
    client.delete(&format!("/v2/api-keys/{}", made["id"].as_str().expect("an id"))).ok();
}

#[test]
fn a_key_for_one_program_makes_none_that_may_do_more_or_more_often() {
    let server = Server::with(&[("GROUNDSWELL_RATE_LIMIT", "off")]);
    let admin = server.client();
    let own = admin.program("REFERRAL");
    let limit = |most: u32| json!({ "second": most, "minute": most, "hour": most });
    let key = |name: &str, most| json!({ "name": name, "scopes": ["admin"], "rateLimit": limit(most) });
    let mut bound = key("bound", 150);
    bound["campaignId"] = json!(own);
    let bound = keyed(&admin, &bound);
    bound.post("/v2/api-keys", &key("faster", 151)).refused(403, "FORBIDDEN");
    assert_eq!(bound.post("/v2/api-keys", &key("slower", 149)).ok()["rateLimit"], limit(149));
    assert_eq!(bound.post("/v2/api-keys", &json!({ "name": "same" })).ok()["rateLimit"], limit(150));
    for number in 3..100 {
        bound.post("/v2/api-keys", &json!({ "name": format!("{number}") })).ok();
    }
    bound.post("/v2/api-keys", &json!({ "name": "one too many" })).refused(409, "CONFLICT");
    admin.post("/v2/api-keys", &json!({ "name": "of the team" })).ok();
    // Its own limits hold where the server has none.
    assert_eq!(admin.get("/v2/campaigns").header("growsurf-ratelimit-hour-limit"), None);
    assert_eq!(bound.get("/v2/campaigns").header("growsurf-ratelimit-hour-limit"), Some("150"));
}

#[test]
fn a_key_is_shown_once_kept_as_its_hash_and_stops_at_once() {
    let mut server = Server::start();
    let admin = server.client();
    let wanted = json!({
        "name": "shop", "scopes": ["events", "read"], "rateLimit": { "second": 5, "minute": 50, "hour": 500 },
    });
    let mut made = admin.post("/v2/api-keys", &wanted).ok();
    let text = made["key"].as_str().expect("a key").to_owned();
    assert!(groundswell_engine::api_keys::is_well_formed(&text), "{text}");
    assert_eq!(made["endsWith"], text[text.len() - 4..]);
    assert_eq!(made["scopes"], json!(["read", "events"]));
    assert_eq!(made["lastUsedAt"], Value::Null);
    made.as_object_mut().expect("an object").remove("key");

    let list = admin.get("/v2/api-keys");
    assert!(!list.text.contains(&text));
    assert_eq!(list.ok()["apiKeys"], json!([made]));
    let client = admin.authorized_by(Some(&format!("Bearer {text}")));
    assert_eq!(client.get("/v2/campaigns").status, 200);
    let used = admin.get("/v2/api-keys").ok()["apiKeys"][0]["lastUsedAt"].as_i64().expect("it was used");
    assert!((crate::waiting::now_ms() - used).abs() < 60_000, "{used}");

    // What is known of it outlives the process, what it said does not appear anywhere.
    server.terminate();
    assert!(server.wait(Duration::from_secs(30)).success());
    server.restart();
    let again = server.client().get("/v2/api-keys").ok();
    assert_eq!(again["apiKeys"][0]["lastUsedAt"], used);
    assert!(!server.log().contains(&text), "the log has a key in it");
    let client = server.client().authorized_by(Some(&format!("Bearer {text}")));
    assert_eq!(client.get("/v2/campaigns").status, 200);
    server.client().delete(&format!("/v2/api-keys/{}", made["id"].as_str().expect("an id"))).ok();
    client.get("/v2/campaigns").refused(401, "UNAUTHORIZED");
}

#[test]
fn everything_that_is_wrong_with_a_key_is_named() {
    let server = Server::start();
    let admin = server.client();
    for (key, pointers) in [
        (json!({}), vec!["/name"]),
        (json!({ "name": " " }), vec!["/name"]),
        (json!({ "name": "n".repeat(101), "scopes": [] }), vec!["/name", "/scopes"]),
        (json!({ "name": 7, "scopes": ["read", "all", 7] }), vec!["/name", "/scopes/1", "/scopes/2"]),
        (json!({ "name": "x", "campaignId": "nosuch" }), vec!["/campaignId"]),
        (
            json!({ "name": "x", "rateLimit": { "second": 0, "minute": 1 } }),
            vec!["/rateLimit/second", "/rateLimit/hour"],
        ),
    ] {
        assert_eq!(admin.post("/v2/api-keys", &key).refused(400, "BAD_REQUEST"), pointers, "{key}");
    }
}

#[test]
fn each_key_has_its_own_limits_and_every_answer_says_what_is_left() {
    let server = Server::with(&[("GROUNDSWELL_RATE_LIMIT", "900/9000/90000")]);
    let admin = server.client();
    let own = json!({ "name": "slow", "rateLimit": { "second": 900, "minute": 2, "hour": 1000 } });
    let (slow, usual) = (keyed(&admin, &own), keyed(&admin, &json!({ "name": "usual", "scopes": ["read"] })));
    let answers: Vec<_> = (0..4).map(|_| slow.get("/v2/campaigns")).collect();
    // A minute may begin in between.
    let refused = answers.iter().find(|answer| answer.status == 429).expect("one is over the limit");
    assert_eq!(refused.json()["code"], "RATE_LIMIT");
    assert_eq!(refused.json()["policyName"], "MINUTE");
    assert!(refused.json()["requestId"].is_string());
    assert_eq!(refused.header("growsurf-ratelimit-minute-limit"), Some("2"));
    assert_eq!(refused.header("growsurf-ratelimit-minute-remaining"), Some("0"));
    assert!(refused.header("retry-after").is_some());
    assert!(refused.header("growsurf-retry-after-minute-milliseconds").is_some());
    assert_eq!(usual.get("/v2/campaigns").header("growsurf-ratelimit-minute-limit"), Some("9000"));
    // A refusal counts, too, so that nobody tries scopes without end.
    let forbidden = usual.post("/v2/campaigns", &json!({}));
    assert_eq!(forbidden.header("growsurf-ratelimit-hour-remaining"), Some("89998"));
    forbidden.refused(403, "FORBIDDEN");
}

#[test]
fn an_error_is_problem_details_for_those_who_ask_for_it() {
    let server = Server::with(&[("GROUNDSWELL_RATE_LIMIT", "1000/1000/1000")]);
    let admin = server.client();
    let headers = &[("accept", "application/problem+json"), ("content-type", "application/json")];
    let call = Call { method: "POST", path: "/v2/campaigns", headers, body: b"{\"type\":7,\"name\":8}" };
    let answer = admin.send(call);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["title"], "Bad Request");
    assert_eq!(problem["status"], 400);
    assert_eq!(problem["detail"], problem["message"]);
    assert_eq!(problem["code"], "BAD_REQUEST");
    let id = problem["requestId"].as_str().expect("an id");
    assert_eq!(problem["instance"], format!("urn:groundswell:request:{id}"));
    let pointers: Vec<&Value> =
        problem["errors"].as_array().expect("a list").iter().map(|one| &one["pointer"]).collect();
    assert_eq!(pointers, ["/type", "/name"]);
    for client in [admin.authorized_by(None), keyed(&admin, &json!({ "name": "x", "scopes": ["read"] }))] {
        let answer = client.send(call);
        assert!(matches!(answer.status, 401 | 403));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    // A success is what it always is.
    let answer = admin.send(Call { method: "GET", path: "/v2/campaigns", headers, body: b"" });
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

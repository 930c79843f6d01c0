//! The description of the API, as it is served: to anybody, from any page, and only when it is not there yet.

use groundswell_types::EventKind;
use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::server::Server;

fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    client.send(Call { method: "GET", path, headers, body: &[] })
}

#[test]
fn the_document_is_open_to_everybody_and_names_this_server() {
    let server = Server::with(&[("GROUNDSWELL_PUBLIC_URL", "https://hooks.example.com")]);
    let stranger = server.client().authorized_by(None);
    let answer = get(&stranger, "/v2/openapi.json", &[("origin", "https://viewer.example")]);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"], json!([{ "url": "https://hooks.example.com" }]));
    assert_eq!(document["webhooks"].as_object().map(serde_json::Map::len), Some(EventKind::every().count()));
    let wrong_key = stranger.authorized_by(Some("Bearer wrong"));
    assert_eq!(get(&wrong_key, "/v2/openapi.json", &[]).status, 200);
    // Nothing else is open, and no other page may read it.
    let refused = get(&stranger, "/v2/campaigns", &[("origin", "https://viewer.example")]);
    refused.refused(401, "UNAUTHORIZED");
    assert_eq!(refused.header("access-control-allow-origin"), None);
}

#[test]
fn each_event_has_its_schema() {
    let server = Server::start();
    let stranger = server.client().authorized_by(None);
    let document = get(&stranger, "/v2/openapi.json", &[]).json();
    let names: Vec<&String> = document["webhooks"].as_object().expect("webhooks").keys().collect();
    assert_eq!(names.len(), EventKind::every().count());
    for name in names {
        let answer = get(&stranger, &format!("/v2/schemas/{name}.json"), &[]);
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/schema+json"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let schema = answer.json();
        assert_eq!(schema["properties"]["event"]["const"], **name);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
    for path in
        ["NO_SUCH_EVENT.json", "CAMPAIGN_ENDED", "campaign_ended.json", "%FF", "CAMPAIGN%5FENDED.json"]
    {
        get(&stranger, &format!("/v2/schemas/{path}"), &[]).refused(404, "NOT_FOUND");
    }
    let posted = stranger.post("/v2/schemas/CAMPAIGN_ENDED.json", &Value::Null);
    posted.refused(405, "METHOD_NOT_ALLOWED");
    assert_eq!(posted.header("allow"), Some("GET,HEAD"));
}

#[test]
fn who_has_the_document_is_not_sent_it_again() {
    let server = Server::start();
    let stranger = server.client().authorized_by(None);
    for path in ["/v2/openapi.json", "/v2/schemas/CAMPAIGN_ENDED.json"] {
        let first = get(&stranger, path, &[]);
        let tag = first.header("etag").expect("a tag").to_owned();
        assert!(first.header("cache-control").is_some_and(|caching| caching.contains("max-age=")));
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let answer = get(&stranger, path, &[("if-none-match", &known)]);
            assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{known}");
            assert_eq!(answer.header("etag"), Some(tag.as_str()));
        }
        let other = get(&stranger, path, &[("if-none-match", "\"other\"")]);
        assert_eq!((other.status, &other.text), (200, &first.text));
    }
    let tags = ["/v2/openapi.json", "/v2/schemas/CAMPAIGN_ENDED.json", "/v2/schemas/NEW_PAYOUT_ISSUED.json"]
        .map(|path| get(&stranger, path, &[]).header("etag").map(str::to_owned));
    assert!(tags[0] != tags[1] && tags[1] != tags[2], "{tags:?}");
}

/// What the document says of keys is what the server does with them: a call is forbidden exactly to keys whose scopes do
/// not have the one that the document names, and open to everybody exactly where it names none.
#[test]
fn each_call_needs_the_scope_that_is_described() {
    let server = Server::start();
    let admin = server.client();
    let scopes = ["read", "events", "webhooks", "admin"];
    let keys = scopes.map(|scope| {
        let made = admin.post("/v2/api-keys", &json!({ "name": scope, "scopes": [scope] })).ok();
        admin.authorized_by(Some(&format!("Bearer {}", made["key"].as_str().expect("a key"))))
    });
    let document = admin.get("/v2/openapi.json").ok();
    let mut calls = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, call) in methods.as_object().expect("methods") {
            // Nobody has an id or an address like this, so no call does anything.
            let path = path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
            let path = path.collect::<Vec<_>>().join("/");
            let method = method.to_uppercase();
            let is_operators_only = call["x-operators-only"] == true;
            let needed = call["security"][0]["apiKey"][0].as_str();
            let send = |client: &Client| {
                // A link without an address is for who runs the server, which is no key's.
                let body: &[u8] =
                    if path == "/v2/sign-in-links" { br#"{"email":"nobody@example.org"}"# } else { b"" };
                let headers = &[("content-type", "application/json")];
                client.send(Call { method: &method, path: &path, headers, body }).status
            };
            assert_eq!(send(&admin.authorized_by(None)) == 401, needed.is_some(), "{method} {path}");
            for (scope, key) in scopes.iter().zip(&keys) {
                let is_allowed = !is_operators_only
                    && needed.is_none_or(|needed| {
                        needed == *scope || *scope == "admin" || (needed == "read" && *scope == "webhooks")
                    });
                assert_eq!(send(key) != 403, is_allowed, "{method} {path} with {scope}");
            }
            calls += 1;
        }
    }
    assert!(calls > 30, "only {calls} calls were made");
}

//! The audit log, erasing a participant's data and retention by program, over the real server.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::Client;
use crate::server::Server;
use crate::waiting::until;

fn keyed(admin: &Client, key: &Value) -> Client {
    let made = admin.post("/v2/api-keys", key).ok();
    admin.authorized_by(Some(&format!("Bearer {}", made["key"].as_str().expect("a key"))))
}

fn entries(client: &Client, query: &str) -> Vec<Value> {
    let page = client.get(&format!("/v2/audit-log{query}")).ok();
    page["entries"].as_array().expect("entries").clone()
}

fn names(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().expect("a name")).collect()
}

#[test]
fn each_change_leaves_one_entry_with_who_and_from_where() {
    let server = Server::start();
    let admin = server.client();
    let program = admin.program("REFERRAL");
    let path = format!("/v2/campaign/{program}/webhooks");
    let hook =
        json!({ "payloadUrl": "https://example.com/hooks", "events": [], "secret": "a planted secret" });
    let editor = keyed(&admin, &json!({ "name": "Editor", "scopes": ["webhooks"] }));
    let id = editor.post(&path, &hook).ok()["id"].as_str().expect("an id").to_owned();
    editor.patch(&format!("{path}/{id}"), &json!({ "secret": "another planted secret" })).ok();
    editor.delete(&format!("{path}/{id}")).ok();
    assert_eq!(editor.delete(&format!("{path}/{id}")).status, 404);

    let all = entries(&admin, "");
    let wanted = ["webhook.deleted", "secret.replaced", "webhook.created", "key.created", "program.created"];
    assert_eq!(names(&all), wanted, "the second deletion changed nothing");
    for entry in &all[..3] {
        assert_eq!(entry["actor"]["kind"], "key");
        assert_eq!(entry["actor"]["name"], "Editor");
        assert_eq!(entry["address"], "127.0.0.1");
        assert_eq!(entry["campaignId"], program.as_str());
        assert_eq!(entry["target"], id.as_str());
        assert_eq!(entry["outcome"], "done");
    }
    assert_eq!(all[4]["actor"]["kind"], "operator");
    assert!(!json!(all).to_string().contains("planted"), "{all:?}");

    assert_eq!(names(&entries(&admin, "?action=key.created")), ["key.created"]);
    assert_eq!(entries(&admin, "?actor=operator").len(), 2);
    assert_eq!(entries(&admin, &format!("?campaign={program}&to=1")), Vec::<Value>::new());
    let first = admin.get("/v2/audit-log?limit=2").ok();
    let next = first["nextId"].as_str().expect("more");
    assert_eq!(names(&entries(&admin, &format!("?limit=2&nextId={next}"))), wanted[2..4]);
    for wrong in ["?limit=0", "?action=nonsense", "?nextId=1", "?from=yesterday", "?campaign=a/b"] {
        assert_eq!(admin.get(&format!("/v2/audit-log{wrong}")).status, 400, "{wrong}");
    }
    for scope in ["read", "events", "webhooks"] {
        let client = keyed(&admin, &json!({ "name": scope, "scopes": [scope] }));
        for path in ["/v2/audit-log", "/v2/audit-log/export?format=csv"] {
            assert_eq!(client.get(path).status, 403, "{scope}: {path}");
        }
        assert_eq!(client.get(&format!("/v2/campaign/{program}/erasures")).status, 403, "{scope}");
    }
}

#[test]
fn the_log_is_exported_and_that_is_an_entry_too() {
    let server = Server::start();
    let admin = server.client();
    admin.post("/v2/api-keys", &json!({ "name": "=1+1" })).ok();
    let made = entries(&admin, "")[0].clone();
    let export = admin.get("/v2/audit-log/export?format=ndjson");
    let lines: Vec<Value> =
        export.text.lines().map(|line| serde_json::from_str(line).expect("is JSON")).collect();
    assert_eq!(names(&lines), ["audit.exported", "key.created"]);
    assert_eq!(lines[1], made);

    let browser = Browser::signed_in(&server);
    let csv = browser.page("/settings/audit-log/export?format=csv&action=key.created");
    assert!(csv.contains("id,at,action,actorKind"), "{csv}");
    assert_eq!(csv.matches("key.created").count(), 1, "{csv}");
    let page = browser.page("/settings/audit-log");
    for words in ["Exported the audit log", "Made an API key", "Operator of the server"] {
        assert!(page.contains(words), "{words} in {page}");
    }
    let out = Browser::signed_out(&server);
    assert!(!out.page("/settings/audit-log").contains("Made an API key"));
    assert!(!out.page("/settings/audit-log/export?format=csv").contains("key.created"));
}

#[test]
fn a_participants_data_is_erased_and_nothing_of_it_is_left_in_the_files() {
    let server = Server::start();
    let admin = server.client();
    let program = admin.program("REFERRAL");
    let event = json!({
        "event": "NEW_PARTICIPANT_ADDED",
        "data": { "id": "p1", "email": "planted.person@example.com" },
    });
    admin.post(&format!("/v2/campaign/{program}/events"), &event).ok();
    let path = format!("/v2/campaign/{program}/erasures");
    for wrong in [
        json!({}),
        json!({ "email": "p1" }),
        json!({ "participantId": "p", "email": "a@b" }),
        json!({ "emial": "a@b" }),
    ] {
        assert_eq!(admin.post(&path, &wrong).status, 400, "{wrong}");
    }
    let begun = admin.post(&path, &json!({ "email": "Planted.Person@example.com" }));
    assert_eq!(begun.status, 202);
    let id = begun.ok()["id"].as_str().expect("an id").to_owned();
    let shown = until("the erasure is done", || {
        let shown = admin.get(&format!("{path}/{id}")).ok();
        (shown["state"] == "done").then_some(shown)
    });
    assert_eq!(shown["events"], 1);
    let done = entries(&admin, "?action=data.erased");
    assert_eq!(done[0]["details"]["subjectHash"], shown["subjectHash"]);
    let has_it = |path: &std::path::Path| {
        std::fs::read(path)
            .is_ok_and(|bytes| bytes.windows(14).any(|part| part.eq_ignore_ascii_case(b"planted.person")))
    };
    let database = server.database();
    until("nothing of it is left", || {
        let files = std::fs::read_dir(database.parent().expect("a directory")).expect("reads");
        let left = files.map(|file| file.expect("reads").path()).any(|path| has_it(&path));
        (!left).then_some(())
    });
    assert!(!server.log().contains("planted.person"));
}

#[test]
fn a_program_says_how_long_it_keeps_its_data() {
    let server = Server::start();
    let admin = server.client();
    let program = admin.program("REFERRAL");
    let path = format!("/v2/campaign/{program}");
    let change = |body: &Value| admin.patch(&path, body);
    assert_eq!(admin.get(&path).ok()["retentionDays"], Value::Null);
    assert_eq!(change(&json!({ "retentionDays": 7 })).ok()["retentionDays"], 7);
    assert_eq!(change(&json!({ "name": "Other" })).ok()["retentionDays"], 7, "it stays when it is not named");
    for wrong in [json!(0), json!(366), json!("7"), json!(1.5)] {
        assert_eq!(change(&json!({ "retentionDays": wrong })).status, 400, "{wrong}");
    }
    assert_eq!(change(&json!({ "retentionDays": null })).ok()["retentionDays"], Value::Null);
}

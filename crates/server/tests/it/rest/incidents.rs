//! `/v2/incidents` and `/v2/maintenances`: everybody with a key reads, the operator alone writes.

use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::server::Server;

fn patch(client: &Client, path: &str, body: &Value) -> Answer {
    let headers = &[("content-type", "application/json")];
    client.send(Call { method: "PATCH", path, headers, body: body.to_string().as_bytes() })
}

fn late() -> Value {
    json!({
        "name": "Deliveries are late",
        "message": "We look into it.",
        "components": [
            { "component": "retry_queue", "status": "major_outage" },
            { "component": "delivery", "status": "degraded_performance" },
        ],
    })
}

#[test]
fn an_incident_is_reported_corrected_continued_and_resolved() {
    let server = Server::start();
    let client = server.client();
    let made = client.post("/v2/incidents", &late());
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!((&made["status"], &made["impact"]), (&json!("investigating"), &json!("minor")));
    assert_eq!(made["components"][0]["component"], "delivery", "in the order in which they are always shown");
    assert_eq!(made["schedule"], Value::Null);
    let path = format!("/v2/incidents/{}", made["id"].as_str().expect("an id"));
    assert_eq!(client.get(&path).ok(), made);

    let corrected =
        patch(&client, &path, &json!({ "name": "Some deliveries are late", "impact": "major" })).ok();
    assert_eq!(
        (&corrected["name"], &corrected["impact"]),
        (&json!("Some deliveries are late"), &json!("major"))
    );
    assert_eq!(corrected["updates"], made["updates"]);
    let said = client.post(&format!("{path}/updates"), &json!({ "message": "Still.", "components": [] }));
    assert_eq!(said.status, 201, "{}", said.text);
    assert_eq!((&said.json()["components"], &said.json()["status"]), (&json!([]), &json!("investigating")));
    let over = client.post(&format!("{path}/updates"), &json!({ "status": "resolved", "message": "Over." }));
    assert!(over.json()["endedAt"].is_i64(), "{}", over.text);
    client.post(&format!("{path}/updates"), &json!({ "message": "x" })).refused(409, "CONFLICT");

    // It is no maintenance, and gone once it was taken away.
    client.get(&path.replace("incidents", "maintenances")).refused(404, "NOT_FOUND");
    assert_eq!(client.delete(&path).ok()["success"], true);
    client.get(&path).refused(404, "NOT_FOUND");
    client.delete(&path).refused(404, "NOT_FOUND");
}

#[test]
fn maintenance_is_announced_moved_and_ended() {
    let server = Server::start();
    let client = server.client();
    let now_ms = client.post("/v2/incidents", &late()).json()["createdAt"].as_i64().expect("a time");
    let (from, until) = (now_ms + 3_600_000, now_ms + 7_200_000);
    let work = json!({
        "name": "A larger disk",
        "message": "Deliveries wait.",
        "scheduledFrom": from,
        "scheduledUntil": until,
        "components": ["delivery"],
    });
    let made = client.post("/v2/maintenances", &work);
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!(
        (&made["status"], &made["schedule"]),
        (&json!("scheduled"), &json!({ "from": from, "until": until }))
    );
    let path = format!("/v2/maintenances/{}", made["id"].as_str().expect("an id"));
    let moved = patch(&client, &path, &json!({ "scheduledUntil": until + 1 })).ok();
    assert_eq!(moved["schedule"]["until"], until + 1);
    let begun =
        client.post(&format!("{path}/updates"), &json!({ "status": "in_progress", "message": "Now." }));
    assert_eq!(begun.json()["components"][0]["status"], "under_maintenance");
    let back = json!({ "status": "scheduled", "message": "Not yet." });
    client.post(&format!("{path}/updates"), &back).refused(409, "CONFLICT");
    let ended =
        client.post(&format!("{path}/updates"), &json!({ "status": "completed", "message": "Done." }));
    assert!(ended.json()["endedAt"].is_i64());
    assert_eq!(client.get("/v2/maintenances").ok()["maintenances"].as_array().map(Vec::len), Some(1));
    assert_eq!(client.get("/v2/incidents").ok()["incidents"].as_array().map(Vec::len), Some(1));
}

#[test]
fn every_problem_with_a_body_is_named() {
    let server = Server::start();
    let client = server.client();
    let wrong = json!({
        "name": 5,
        "message": "x",
        "impact": "maintenance",
        "status": "scheduled",
        "components": [{ "component": "delivery" }, "api"],
    });
    let pointers = client.post("/v2/incidents", &wrong).refused(400, "BAD_REQUEST");
    let all = [
        "/name",
        "/impact",
        "/status",
        "/components/0/status",
        "/components/1/component",
        "/components/1/status",
    ];
    assert_eq!(pointers, all);
    assert_eq!(client.post("/v2/incidents", &json!({})).refused(400, "BAD_REQUEST"), ["/name", "/message"]);
    let wrong = json!({ "name": "x", "message": "x", "scheduledFrom": "soon", "components": ["everything"] });
    let pointers = client.post("/v2/maintenances", &wrong).refused(400, "BAD_REQUEST");
    assert_eq!(pointers, ["/scheduledFrom", "/scheduledUntil", "/components/0"]);
    for query in ["limit=0", "limit=51", "nextId=inc_1"] {
        client.get(&format!("/v2/incidents?{query}")).refused(400, "BAD_REQUEST");
    }
}

#[test]
fn lists_are_paged() {
    let server = Server::start();
    let client = server.client();
    let ids: Vec<Value> =
        (0..3).map(|_| client.post("/v2/incidents", &late()).json()["id"].clone()).collect();
    let first = client.get("/v2/incidents?limit=2").ok();
    let listed = |page: &Value| -> Vec<Value> {
        page["incidents"].as_array().expect("a list").iter().map(|one| one["id"].clone()).collect()
    };
    assert_eq!(listed(&first), [ids[2].clone(), ids[1].clone()]);
    let next = first["nextId"].as_str().expect("there is more");
    let second = client.get(&format!("/v2/incidents?limit=2&nextId={next}")).ok();
    assert_eq!((listed(&second), &second["nextId"]), (vec![ids[0].clone()], &Value::Null));
}

#[test]
fn keys_read_and_only_the_operator_writes() {
    let server = Server::start();
    let operator = server.client();
    let id = operator.post("/v2/incidents", &late()).json()["id"].as_str().expect("an id").to_owned();
    for scopes in [json!(["read"]), json!(["admin"])] {
        let key = operator.post("/v2/api-keys", &json!({ "name": "k", "scopes": scopes })).ok();
        let key = operator.authorized_by(Some(&format!("Bearer {}", key["key"].as_str().expect("a key"))));
        assert_eq!(key.get(&format!("/v2/incidents/{id}")).status, 200);
        key.post("/v2/incidents", &late()).refused(403, "FORBIDDEN");
        key.post(&format!("/v2/incidents/{id}/updates"), &json!({ "message": "x" }))
            .refused(403, "FORBIDDEN");
        patch(&key, &format!("/v2/incidents/{id}"), &json!({ "name": "x" })).refused(403, "FORBIDDEN");
        key.delete(&format!("/v2/incidents/{id}")).refused(403, "FORBIDDEN");
        // It says so before it looks at what was sent, or whether it is there.
        key.post("/v2/maintenances", &json!({})).refused(403, "FORBIDDEN");
        key.post("/v2/maintenances/none/updates", &json!({})).refused(403, "FORBIDDEN");
    }
}

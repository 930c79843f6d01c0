//! Programs, "campaigns" in the API.

use serde_json::{Value, json};

use crate::client::Client;
use crate::receiver::Receiver;
use crate::server::Server;

const STATUSES: [&str; 6] = ["DRAFT", "IN_PROGRESS", "PENDING", "CANCELLED", "COMPLETE", "DELETED"];

fn get(client: &Client, id: &str) -> Value {
    client.get(&format!("/v2/campaign/{id}")).ok()
}

#[test]
fn a_created_program_has_everything_clients_expect() {
    let server = Server::start();
    let client = server.client();
    let made = client
        .post("/v2/campaigns", &json!({ "type": "AFFILIATE", "name": "Hooli", "currencyISO": "EUR" }))
        .ok();
    assert_eq!(
        (&made["type"], &made["name"], &made["currencyISO"]),
        (&json!("AFFILIATE"), &json!("Hooli"), &json!("EUR"))
    );
    assert!(STATUSES.contains(&made["status"].as_str().expect("a status")), "{made}");
    for counter in ["participantCount", "referralCount", "impressionCount", "inviteCount", "winnerCount"] {
        assert_eq!(made[counter], 0, "{counter}");
    }
    assert!(made["rewards"].is_array());
    let id = made["id"].as_str().expect("an id");
    assert_eq!(get(&client, id), made);
}

#[test]
fn only_the_type_is_required_and_other_keys_are_kept_out() {
    let server = Server::start();
    let client = server.client();
    let other = json!({ "type": "REFERRAL", "companyName": "Pied Piper", "goal": "USERS", "rewards": [{ "type": "MILESTONE" }], "id": "mine" });
    let made = client.post("/v2/campaigns", &other).ok();
    assert_eq!(made["currencyISO"], "USD");
    assert!(made["name"].as_str().is_some_and(|name| !name.is_empty()), "{made}");
    assert_ne!(made["id"], "mine");
    assert_eq!((made.get("companyName"), made.get("goal")), (None, None));
    assert_eq!(made["rewards"], json!([]));
}

#[test]
fn what_is_wrong_with_a_new_program_is_named() {
    let server = Server::start();
    let client = server.client();
    for (body, wrong) in [
        (json!({}), vec!["/type"]),
        (json!({ "type": "LOYALTY" }), vec!["/type"]),
        (json!({ "type": 7 }), vec!["/type"]),
        (json!({ "type": null }), vec!["/type"]),
        (json!({ "type": "referral" }), vec!["/type"]),
        (json!({ "type": "REFERRAL", "name": 7 }), vec!["/name"]),
        (json!({ "type": "REFERRAL", "name": " " }), vec!["/name"]),
        (json!({ "type": "REFERRAL", "currencyISO": "EURO" }), vec!["/currencyISO"]),
        (json!({ "type": "REFERRAL", "currencyISO": 978 }), vec!["/currencyISO"]),
        (json!({ "name": [], "currencyISO": "" }), vec!["/currencyISO", "/name", "/type"]),
    ] {
        let mut named = client.post("/v2/campaigns", &body).refused(400, "BAD_REQUEST");
        named.sort();
        assert_eq!(named, wrong, "{body}");
    }
    assert_eq!(client.get("/v2/campaigns").ok(), json!({ "campaigns": [] }));
}

#[test]
fn all_programs_are_listed() {
    let server = Server::start();
    let client = server.client();
    let mut made: Vec<String> = (0..3).map(|_| client.program("REFERRAL")).collect();
    let list = client.get("/v2/campaigns").ok();
    let listed = list["campaigns"].as_array().expect("a list");
    let mut ids: Vec<&str> = listed.iter().map(|program| program["id"].as_str().expect("an id")).collect();
    ids.sort_unstable();
    made.sort();
    assert_eq!(ids, made);
    for program in listed {
        assert_eq!(&get(&client, program["id"].as_str().expect("an id")), program);
    }
}

#[test]
fn a_program_is_renamed_started_and_ended() {
    let server = Server::start();
    let client = server.client();
    let id = client.program("REFERRAL");
    let path = format!("/v2/campaign/{id}");
    for (patch, key, value) in [
        (json!({ "name": "Aviato" }), "name", "Aviato"),
        (json!({ "status": "IN_PROGRESS" }), "status", "IN_PROGRESS"),
        (json!({ "status": "COMPLETE" }), "status", "COMPLETE"),
        (json!({ "status": "IN_PROGRESS", "name": "Again" }), "status", "IN_PROGRESS"),
    ] {
        let patched = client.patch(&path, &patch).ok();
        assert_eq!(patched[key], value, "{patch}");
        assert_eq!(get(&client, &id), patched);
    }
    assert_eq!(get(&client, &id)["name"], "Again");
    let before = get(&client, &id);
    assert_eq!(client.patch(&path, &json!({})).ok(), before);
}

#[test]
fn a_program_gets_no_other_status() {
    let server = Server::start();
    let client = server.client();
    let id = client.program("REFERRAL");
    let path = format!("/v2/campaign/{id}");
    let before = get(&client, &id);
    for status in [
        json!("DRAFT"),
        json!("PENDING"),
        json!("CANCELLED"),
        json!("DELETED"),
        json!("PAUSED"),
        json!(1),
        json!(""),
    ] {
        let named =
            client.patch(&path, &json!({ "name": "New", "status": status })).refused(400, "BAD_REQUEST");
        assert_eq!(named, ["/status"]);
        assert_eq!(get(&client, &id), before, "half of a refused change was made");
    }
    for name in [json!(""), json!(7), json!("x".repeat(201))] {
        let named =
            client.patch(&path, &json!({ "name": name, "status": "COMPLETE" })).refused(400, "BAD_REQUEST");
        assert_eq!(named, ["/name"]);
    }
    assert_eq!(get(&client, &id), before);
}

#[test]
fn type_and_currency_never_change() {
    let server = Server::start();
    let client = server.client();
    let id = client.program("REFERRAL");
    client.patch(&format!("/v2/campaign/{id}"), &json!({ "type": "AFFILIATE", "currencyISO": "EUR" }));
    let after = get(&client, &id);
    assert_eq!((&after["type"], &after["currencyISO"]), (&json!("REFERRAL"), &json!("USD")));
}

#[test]
fn ending_a_program_sends_nothing_by_itself() {
    let server = Server::start();
    let client = server.client();
    let receiver = Receiver::start();
    let program = client.program("REFERRAL");
    client.webhook(
        &program,
        &receiver.url("/"),
        json!({ "events": ["CAMPAIGN_ENDED", "NEW_PARTICIPANT_ADDED"] }),
    );
    client.patch(&format!("/v2/campaign/{program}"), &json!({ "status": "COMPLETE" })).ok();
    // An ended program still takes events, the one that says so among them.
    let ended = json!({ "event": "CAMPAIGN_ENDED", "data": { "id": program, "status": "COMPLETE" } });
    assert_eq!(client.post(&format!("/v2/campaign/{program}/events"), &ended).status, 202);
    client.join(&program, "late");
    receiver.request_about("late");
    receiver.request_about(&program);
    assert_eq!(receiver.requests().len(), 2, "{:?}", receiver.requests());
}

#[test]
fn programs_survive_a_kill() {
    let mut server = Server::start();
    let id = server.client().program("AFFILIATE");
    let webhook = server.client().webhook(&id, "https://example.com/hook", json!({ "secret": "hunter2" }));
    let before = (get(&server.client(), &id), server.client().webhook_view(&id, &webhook));
    server.kill();
    server.restart();
    assert_eq!((get(&server.client(), &id), server.client().webhook_view(&id, &webhook)), before);
}

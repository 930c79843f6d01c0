//! How the service is, as programs, readers of feeds and other sites get it: to anybody, in a Statuspage's shapes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::server::Server;
use crate::waiting;

const SCHEMA: &str = include_str!("statuspage/schema.json");

const KEPT: &str = "public, max-age=15, stale-while-revalidate=60";

/// The documents, with their members.
const DOCUMENTS: [(&str, &[&str]); 8] = [
    ("summary.json", &["page", "components", "incidents", "scheduled_maintenances", "status"]),
    ("status.json", &["page", "status"]),
    ("components.json", &["page", "components"]),
    ("incidents.json", &["page", "incidents"]),
    ("incidents/unresolved.json", &["page", "incidents"]),
    ("scheduled-maintenances.json", &["page", "scheduled_maintenances"]),
    ("scheduled-maintenances/upcoming.json", &["page", "scheduled_maintenances"]),
    ("scheduled-maintenances/active.json", &["page", "scheduled_maintenances"]),
];

fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    client.send(Call { method: "GET", path, headers, body: &[] })
}

/// A document, if it is as it has to be.
fn document(client: &Client, name: &str) -> Value {
    let answer = get(client, &format!("/api/v2/{name}"), &[]);
    assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    let document = answer.json();
    let schema = serde_json::from_str(SCHEMA).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let problems: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new(), "{name}: {document}");
    let members: Vec<&String> = document.as_object().expect("an object").keys().collect();
    let (_, wanted) = DOCUMENTS.iter().find(|(known, _)| *known == name).expect("it is listed");
    assert_eq!(members, *wanted, "{name}");
    document
}

fn names(document: &Value, list: &str) -> Vec<String> {
    let list = document[list].as_array().expect("a list").iter();
    list.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

/// The server's time.
fn now_ms(client: &Client) -> i64 {
    client.get("/v2/none").json()["timestamp"].as_i64().expect("a time")
}

fn report(client: &Client, name: &str) -> String {
    let incident = json!({
        "name": name,
        "message": "We look into it.\n<b>More</b> & soon.",
        "impact": "major",
        "components": [{ "component": "delivery", "status": "partial_outage" }],
    });
    let made = client.post("/v2/incidents", &incident);
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_str().expect("an id").to_owned()
}

fn announce(client: &Client, (name, from, until): (&str, i64, i64)) -> String {
    let work = json!({
        "name": name,
        "message": "Deliveries wait meanwhile.",
        "scheduledFrom": from,
        "scheduledUntil": until,
        "components": ["retry_queue"],
    });
    let made = client.post("/v2/maintenances", &work);
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_str().expect("an id").to_owned()
}

#[test]
fn the_documents_have_the_shape_of_a_statuspage_before_during_and_after_an_incident() {
    let server = Server::start();
    let (operator, nobody) = (server.client(), server.client().authorized_by(None));
    for (name, _) in DOCUMENTS {
        document(&nobody, name);
    }
    assert_eq!(document(&nobody, "status.json")["status"]["description"], "All Systems Operational");

    let id = report(&operator, "Deliveries are late");
    announce(&operator, ("A larger disk", now_ms(&operator) + 3_600_000, now_ms(&operator) + 7_200_000));
    for (name, _) in DOCUMENTS {
        document(&nobody, name);
    }
    let summary = document(&nobody, "summary.json");
    assert_eq!(summary["status"], json!({ "indicator": "major", "description": "Partial System Outage" }));
    let ids: Vec<&str> = summary["components"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["id"].as_str())
        .collect();
    assert_eq!(ids, ["events", "delivery", "retry_queue", "editor", "api"]);
    assert_eq!(summary["components"][1]["status"], "partial_outage");
    assert_eq!(summary["components"][2]["status"], "operational", "the work has not begun");
    let incident = &summary["incidents"][0];
    assert_eq!(incident["id"], id.as_str());
    assert_eq!(incident["shortlink"], format!("{}/status/incidents/{id}", server.url()));
    let affected = json!([{
        "code": "delivery",
        "name": "Delivering",
        "old_status": "operational",
        "new_status": "partial_outage",
    }]);
    assert_eq!(incident["incident_updates"][0]["affected_components"], affected);
    assert_eq!(names(&summary, "scheduled_maintenances"), ["A larger disk"]);
    let upcoming = document(&nobody, "scheduled-maintenances/upcoming.json");
    assert_eq!(names(&upcoming, "scheduled_maintenances"), ["A larger disk"]);

    let over = json!({ "status": "resolved", "message": "It is mended." });
    assert_eq!(operator.post(&format!("/v2/incidents/{id}/updates"), &over).status, 201);
    for (name, _) in DOCUMENTS {
        document(&nobody, name);
    }
    assert_eq!(document(&nobody, "status.json")["status"]["indicator"], "none");
    assert!(names(&document(&nobody, "incidents/unresolved.json"), "incidents").is_empty());
    let all = document(&nobody, "incidents.json");
    let updates = &all["incidents"][0]["incident_updates"];
    assert_eq!([&updates[0]["status"], &updates[1]["status"]], ["resolved", "investigating"]);
    assert_eq!(updates[0]["affected_components"][0]["old_status"], "partial_outage");
    assert_eq!(updates[0]["affected_components"][0]["new_status"], "operational");
}

#[test]
fn an_update_says_of_what_it_no_longer_concerns_that_it_is_well_corrected_or_not() {
    let server = Server::start();
    let client = server.client();
    let id = report(&client, "Deliveries are late");
    let affected = || {
        document(&client, "incidents.json")["incidents"][0]["incident_updates"][0]["affected_components"]
            .clone()
    };
    let entry = |code: &str, name: &str, [old, new]: [&str; 2]| json!({ "code": code, "name": name, "old_status": old, "new_status": new });
    let well = entry("delivery", "Delivering", ["partial_outage", "operational"]);
    let events = json!([{ "component": "events", "status": "degraded_performance" }]);
    let update = json!({ "message": "It is something else.", "components": events });
    assert_eq!(client.post(&format!("/v2/incidents/{id}/updates"), &update).status, 201);
    let slow = entry("events", "Accepting events", ["operational", "degraded_performance"]);
    assert_eq!(affected(), json!([slow, well]));
    client.patch(&format!("/v2/incidents/{id}"), &json!({ "components": [] })).ok();
    assert_eq!(affected(), json!([well]));
}

#[test]
fn maintenance_begins_and_ends_by_itself() {
    let server = Server::start();
    let client = server.client();
    let id = announce(&client, ("A restart", now_ms(&client) + 500, now_ms(&client) + 2_500));
    waiting::within(Duration::from_secs(30), "the maintenance begins", || {
        let active = document(&client, "scheduled-maintenances/active.json");
        (names(&active, "scheduled_maintenances") == ["A restart"]).then_some(())
    });
    let summary = document(&client, "summary.json");
    if summary["scheduled_maintenances"][0]["status"] == "in_progress" {
        assert_eq!(summary["components"][2]["status"], "under_maintenance");
        assert_eq!(summary["status"]["indicator"], "maintenance");
    }
    let ended = waiting::within(Duration::from_secs(30), "the maintenance ends", || {
        let shown = client.get(&format!("/v2/maintenances/{id}")).ok();
        (shown["status"] == "completed").then_some(shown)
    });
    assert_eq!(ended["updates"].as_array().map(Vec::len), Some(3));
    assert!(names(&document(&client, "summary.json"), "scheduled_maintenances").is_empty());
    assert_eq!(
        names(&document(&client, "scheduled-maintenances.json"), "scheduled_maintenances"),
        ["A restart"]
    );
}

#[test]
fn a_reader_of_feeds_reads_both_of_them() {
    let server = Server::start();
    let client = server.client();
    let id = report(&client, "Deliveries <are> late & \u{fffe}odd");
    announce(&client, ("A larger disk", now_ms(&client) + 3_600_000, now_ms(&client) + 7_200_000));
    for (path, content_type) in [
        ("/status/history.rss", "application/rss+xml; charset=utf-8"),
        ("/status/history.atom", "application/atom+xml; charset=utf-8"),
    ] {
        let answer = get(&client.authorized_by(None), path, &[]);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)));
        let feed = feed_rs::parser::parse(answer.text.as_bytes()).expect("a reader reads it");
        assert_eq!(
            feed.title.as_ref().map(|title| title.content.as_str()),
            Some("Groundswell System Status")
        );
        assert!(feed.updated.is_some(), "{path}");
        let links: Vec<&str> = feed.links.iter().map(|link| link.href.as_str()).collect();
        assert!(links.contains(&format!("{}/status", server.url()).as_str()), "{links:?}");
        let titles: Vec<&str> = feed
            .entries
            .iter()
            .filter_map(|entry| entry.title.as_ref())
            .map(|title| title.content.as_str())
            .collect();
        assert_eq!(titles, ["A larger disk", "Deliveries <are> late & \u{fffd}odd"], "{path}");
        let entry = &feed.entries[1];
        let url = format!("{}/status/incidents/{id}", server.url());
        assert_eq!((entry.id.as_str(), entry.links[0].href.as_str()), (url.as_str(), url.as_str()), "{path}");
        assert!(entry.published.is_some(), "{path}");
        let content = entry.content.as_ref().and_then(|content| content.body.clone());
        let content = content.or_else(|| entry.summary.as_ref().map(|text| text.content.clone()));
        let content = content.expect("there is something to read");
        assert!(content.contains("<strong>Investigating</strong>"), "{content}");
        // What was typed is text, also for readers that show HTML.
        assert!(content.contains("We look into it.<br>&lt;b&gt;More&lt;/b&gt; &amp; soon."), "{content}");
    }
}

#[test]
fn an_entry_of_a_feed_moves_to_the_top_with_a_new_date_when_something_is_said_of_it() {
    let server = Server::start();
    let client = server.client();
    let id = report(&client, "Deliveries are late");
    report(&client, "The editor is slow");
    let entry = |path: &str| {
        let feed = get(&client, path, &[]).text;
        let mut entries = feed_rs::parser::parse(feed.as_bytes()).expect("a reader reads it").entries;
        assert_eq!(entries.len(), 2);
        let first = entries.swap_remove(0);
        (first.title.expect("a title").content, first.updated.or(first.published).expect("a date"))
    };
    let feeds = ["/status/history.rss", "/status/history.atom"];
    let page = get(&client, "/status", &[]).text;
    for kind in ["application/rss+xml", "application/atom+xml"] {
        assert!(page.contains(&format!("type=\"{kind}\"")), "readers of feeds find it: {kind}");
    }
    let before = feeds.map(&entry);
    assert!(before.iter().all(|(title, _)| title == "The editor is slow"), "{before:?}");
    // The dates of RSS are in seconds.
    let second = now_ms(&client) / 1_000;
    waiting::until("the second is over", || (now_ms(&client) / 1_000 > second).then_some(()));
    let said = json!({ "message": "Still." });
    assert_eq!(client.post(&format!("/v2/incidents/{id}/updates"), &said).status, 201);
    for (path, (_, then)) in feeds.iter().zip(before) {
        let (title, now) = entry(path);
        assert_eq!(title, "Deliveries are late", "{path}");
        assert!(now > then, "{path}: {now} after {then}");
    }
}

#[test]
fn the_badge_says_in_a_word_how_the_service_is() {
    let server = Server::start();
    let client = server.client();
    let badge = || get(&client.authorized_by(None), "/status/badge.svg", &[("origin", "https://a.example")]);
    let well = badge();
    assert_eq!((well.status, well.header("content-type")), (200, Some("image/svg+xml; charset=utf-8")));
    assert_eq!(well.header("cache-control"), Some(KEPT));
    assert_eq!(well.header("cross-origin-resource-policy"), Some("cross-origin"), "other sites show it");
    assert!(well.text.contains("<title id=\"title\">Groundswell system status: operational</title>"));
    assert!(well.text.contains("role=\"img\" aria-labelledby=\"title\""), "{}", well.text);
    report(&client, "Deliveries are late");
    let ill = badge();
    assert!(ill.text.contains("system status: partial outage</title>"), "{}", ill.text);
    assert_ne!(well.header("etag"), ill.header("etag"));
}

#[test]
fn everybody_may_read_it_from_anywhere_and_loads_it_only_when_it_is_different() {
    let server = Server::start();
    let nobody = server.client().authorized_by(None);
    for path in ["/api/v2/summary.json", "/status/history.rss"] {
        let first =
            get(&nobody, path, &[("origin", "https://viewer.example"), ("sec-fetch-site", "cross-site")]);
        assert_eq!((first.status, first.header("access-control-allow-origin")), (200, Some("*")));
        assert_eq!(first.header("cache-control"), Some(KEPT));
        let tag = first.header("etag").expect("a tag").to_owned();
        let again = get(&nobody, path, &[("if-none-match", &tag)]);
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{path}");
        assert_eq!(again.header("access-control-allow-origin"), Some("*"));
        report(&server.client(), "Deliveries are late");
        assert_eq!(get(&nobody, path, &[("if-none-match", &tag)]).status, 200, "{path}");
    }
    let posted = nobody.post("/api/v2/summary.json", &json!({}));
    assert_eq!(posted.status, 405);
}

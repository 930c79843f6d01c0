//! What requests are about: a program of a team with one of everything, and ids that nothing has.

use std::collections::HashMap;

use groundswell_types::signature::hex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::ground::{Ground, address};
use super::recipes::{Make, Recipe};
use super::somebody::Somebody;
use crate::waiting::{self, now_ms};

/// The team that is there from the beginning.
pub const FIRST_TEAM: &str = "team_first";

/// What names things of a team, and nobody else is to learn of.
pub const IDS: [&str; 18] = [
    "team",
    "program",
    "webhook",
    "row",
    "delivery",
    "event",
    "job",
    "test",
    "request",
    "key",
    "link",
    "erasure",
    "recipient",
    "invitation",
    "user",
    "leaver",
    "member",
    "session",
];

/// What is for everybody's eyes, or no name of anything.
const OPEN: [&str; 8] =
    ["incident", "maintenance", "address", "receiver", "soon", "soon_minute", "later", "later_minute"];

/// What a request is about. Made anew for each that changes something.
#[derive(Debug, Clone)]
pub struct Things(HashMap<&'static str, String>);

impl Things {
    /// Everything by its name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// What has that name; nothing where it was not asked for.
    pub fn of(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// These with one of the others', by its name.
    pub fn with(&self, name: &'static str, others: &Self) -> Self {
        let mut things = self.clone();
        things.0.insert(name, others.of(name).to_owned());
        things
    }

    /// Ids of the same form, and as long, that nothing has.
    pub fn absent(&self) -> Self {
        let absent = |(name, value): (&&'static str, &String)| {
            let value = if IDS.contains(name) { absent(value) } else { value.clone() };
            (*name, value)
        };
        Self(self.0.iter().map(absent).collect())
    }
}

fn absent(id: &str) -> String {
    if let Some(rest) = id.strip_prefix("somebody") {
        return format!("nobodyat{rest}");
    }
    let Some(end) = id.len().checked_sub(1) else { return String::new() };
    let begin = end.saturating_sub(5);
    // Not the last character: of a delivery it says the webhook.
    format!("{}{}{}", &id[..begin], "7".repeat(end - begin), &id[end..])
}

impl Ground {
    /// What requests are about that change nothing.
    pub fn shared(&self) -> Things {
        self.shared.borrow_mut().get_or_insert_with(|| self.make_for(FIRST_TEAM, &everything())).clone()
    }

    /// One of everything of another team.
    pub fn of_other_team(&self) -> Things {
        self.settled(self.make_for(&self.foreign_team, &everything()))
    }

    /// One of everything of another program of the team.
    pub fn of_other_program(&self) -> Things {
        self.settled(self.make_for(FIRST_TEAM, &everything()))
    }

    /// What a request is about.
    pub fn things_for(&self, recipe: &Recipe) -> Things {
        match recipe.make {
            Make::Shared => self.shared(),
            Make::Anew => self.make_for(FIRST_TEAM, &format!("{}{}", recipe.sent(), recipe.body)),
        }
    }

    /// All that is known of them, to see whether it changes.
    pub fn standing(&self, things: &Things) -> String {
        let client = self.server.client();
        let (team, program, webhook) = (things.of("team"), things.of("program"), things.of("webhook"));
        let recipients = format!("/webhooks/{webhook}/recipients");
        let of_program =
            ["", "/webhooks", "/deliveries?limit=100", "/resends", "/inbox", "/erasures", &recipients]
                .map(|path| format!("/v2/campaign/{program}{path}"));
        // Requests of its own people change the first team.
        let lists: &[&str] = if team == FIRST_TEAM { &[] } else { &["members", "invitations"] };
        let of_team = lists.iter().map(|list| format!("/v2/teams/{team}/{list}"));
        let paths = of_program.into_iter().chain(of_team);
        let mut standing: Vec<String> = paths.map(|path| client.get(&path).ok().to_string()).collect();
        let keys = client.get("/v2/api-keys").ok();
        let key =
            keys["apiKeys"].as_array().expect("a list").iter().find(|key| key["id"] == things.of("key"));
        standing.push(format!("{key:?}"));
        standing.join("\n")
    }

    /// The same once nothing goes on with them any more.
    fn settled(&self, things: Things) -> Things {
        let (client, program) = (self.server.client(), things.of("program"));
        let job = format!("/v2/campaign/{program}/resends/{}", things.of("job"));
        waiting::until("nothing goes on", || {
            let is_delivered = |one: &Value| one["state"] == "delivered";
            let is_done = client.get(&job).ok()["state"] != "running"
                && client.deliveries(program, "").iter().all(is_delivered);
            is_done.then_some(())
        });
        things
    }

    /// A program with two webhooks, and with what this text names: there are many requests, and each has its own.
    fn make_for(&self, team: &str, wanted: &str) -> Things {
        let client = self.server.client();
        let program = client.post("/v2/campaigns", &json!({ "type": "REFERRAL", "teamId": team })).ok();
        let program = said(&program["id"]);
        let wants = |names: &[&str]| names.iter().any(|name| wanted.contains(&format!("{{{name}}}")));
        // The first webhook of each program has one name.
        let first = if wants(&["request"]) {
            let inbox = client.get(&format!("/v2/campaign/{program}/inbox")).ok();
            said(&inbox["url"])
        } else {
            self.receiver.url("/first")
        };
        client.webhook(&program, &first, Value::Null);
        let secret = json!({ "secret": "s3cret-of-this-test" });
        let webhook = client.webhook(&program, &self.receiver.url("/"), secret);
        let mut things = HashMap::from([
            ("team", team.to_owned()),
            ("program", program),
            ("webhook", webhook),
            ("address", address()),
            ("receiver", self.receiver.url("/").replace(':', "%3A").replace('/', "%2F")),
        ]);
        if wants(&["event", "delivery", "job", "request"]) {
            things.extend(self.events_of(&things));
        }
        if wants(&["row", "test"]) {
            things.extend(self.tests_of(&things));
        }
        if wants(&["user", "member", "recipient", "invitation", "leaver", "session"]) {
            things.extend(self.people_of(&things, wanted));
        }
        if wants(&["key", "link", "erasure"]) {
            things.extend(self.others_of(&things));
        }
        things.extend(times());
        things.extend(self.incidents(wanted));
        let is_known = |name: &&str| IDS.contains(name) || OPEN.contains(name);
        assert!(things.keys().all(is_known), "{things:?}");
        Things(things)
    }

    /// What an event leads to.
    fn events_of(&self, things: &HashMap<&str, String>) -> [(&'static str, String); 4] {
        let (client, program) = (self.server.client(), &things["program"]);
        let at = |path: &str| format!("/v2/campaign/{program}{path}");
        let event = client.join(program, "p1");
        let deliveries = waiting::until("everything is delivered", || {
            let deliveries = client.deliveries(program, "");
            let is_done = deliveries.len() == 2 && deliveries.iter().all(|one| one["state"] == "delivered");
            is_done.then_some(deliveries)
        });
        let delivery = said(&deliveries[0]["id"]);
        let job = client.post(&at("/resends"), &json!({ "deliveries": [delivery] })).ok();
        let requests = client.get(&at("/inbox")).ok();
        let request = requests["requests"][0]["id"].as_str().unwrap_or_default().to_owned();
        [("event", event), ("delivery", delivery), ("job", said(&job["id"])), ("request", request)]
    }

    /// A row of the panel, and a test of it.
    fn tests_of(&self, things: &HashMap<&str, String>) -> [(&'static str, String); 2] {
        let (team, program) = (&things["team"], &things["program"]);
        let panel = self.told_to_owner(team, "get_panel", &json!({ "id": program }));
        let rows = panel["rows"].as_array().expect("a list");
        let row = rows.iter().find(|row| row["live"]["webhookId"] == things["webhook"].as_str());
        let row = said(&row.expect("it is there")["row"]["key"]);
        let test = json!({ "id": program, "row_key": row, "event": null });
        let test = self.told_to_owner(team, "test_webhook", &test);
        [("row", row), ("test", said(&test["id"]))]
    }

    fn others_of(&self, things: &HashMap<&str, String>) -> [(&'static str, String); 3] {
        let (client, program) = (self.server.client(), &things["program"]);
        let key = json!({ "name": "to be revoked", "campaignId": program });
        let key = client.post("/v2/api-keys", &key).ok();
        let link = client.post(&format!("/v2/campaign/{program}/editor-link"), &json!({})).ok();
        let erasure = json!({ "participantId": "nobody" });
        let erasure = client.post(&format!("/v2/campaign/{program}/erasures"), &erasure).ok();
        [("key", said(&key["id"])), ("link", said(&link["id"])), ("erasure", said(&erasure["id"]))]
    }

    /// Of a team that has a viewer and an editor: people, and what is theirs.
    fn people_of(&self, things: &HashMap<&str, String>, wanted: &str) -> Vec<(&'static str, String)> {
        let client = self.server.client();
        let (team, program, webhook) = (&things["team"], &things["program"], &things["webhook"]);
        let members = || {
            let members = client.get(&format!("/v2/teams/{team}/members")).ok();
            members["members"].as_array().expect("a list").clone()
        };
        let found = members();
        let with_role = |role| found.iter().find(|member| member["role"] == role).expect("somebody has it");
        let (viewer, editor) = (with_role("viewer"), with_role("editor"));
        let recipients = format!("/v2/campaign/{program}/webhooks/{webhook}/recipients");
        let recipient = client.post(&recipients, &json!({ "email": viewer["email"] })).ok();
        let mut people = vec![
            ("user", said(&viewer["id"])),
            ("member", said(&editor["email"])),
            ("recipient", said(&recipient["id"])),
        ];
        // A team has room for so many of them.
        if wanted.contains("{invitation}") {
            let invitation = json!({ "email": address(), "role": "viewer" });
            let invitation = client.post(&format!("/v2/teams/{team}/invitations"), &invitation).ok();
            people.push(("invitation", said(&invitation["id"])));
        }
        if wanted.contains("{leaver}") {
            let email = address();
            self.member((team, &email), "editor");
            let leaver = members().into_iter().find(|member| member["email"] == email.as_str());
            people.push(("leaver", said(&leaver.expect("they have come")["id"])));
        }
        if wanted.contains("{session}") {
            let owner = if team == FIRST_TEAM { Somebody::Owner } else { Somebody::Stranger };
            people.push(("session", session_id(&self.anew(owner))));
        }
        people
    }

    /// Of requests that were made before.
    fn take_open_incidents_away(&self) {
        let client = self.server.client();
        for list in ["incidents", "maintenances"] {
            let page = client.get(&format!("/v2/{list}?limit=50")).ok();
            for one in page[list].as_array().expect("a list") {
                if one["endedAt"].is_null() {
                    client.delete(&format!("/v2/{list}/{}", said(&one["id"]))).ok();
                }
            }
        }
    }

    /// An incident and a maintenance. Only so many can be open, so those that nothing more is said of are over.
    fn incidents(&self, wanted: &str) -> Vec<(&'static str, String)> {
        if !wanted.contains("{incident}") && !wanted.contains("{maintenance}") {
            return Vec::new();
        }
        let client = self.server.client();
        let is_open = wanted.contains("update");
        if is_open {
            self.take_open_incidents_away();
        }
        let status = if is_open { "investigating" } else { "resolved" };
        let incident = json!({ "name": "Late", "message": "We look into it.", "status": status });
        let incident = client.post("/v2/incidents", &incident).ok();
        let maintenance = json!({
            "name": "Disk",
            "message": "Soon.",
            "scheduledFrom": now_ms() + SOON_MS,
            "scheduledUntil": now_ms() + LATER_MS,
            "components": ["api"],
        });
        let maintenance = client.post("/v2/maintenances", &maintenance).ok();
        let (incident, maintenance) = (said(&incident["id"]), said(&maintenance["id"]));
        if !is_open {
            let over = json!({ "status": "completed", "message": "Not needed." });
            client.post(&format!("/v2/maintenances/{maintenance}/updates"), &over).ok();
        }
        vec![("incident", incident), ("maintenance", maintenance)]
    }
}

const SOON_MS: i64 = 3_600_000;
const LATER_MS: i64 = 7_200_000;

/// For maintenances that are announced.
fn times() -> [(&'static str, String); 4] {
    let minute = |at_ms| {
        let time = chrono::DateTime::from_timestamp_millis(at_ms).expect("a time");
        time.format("%Y-%m-%dT%H:%M").to_string()
    };
    let (soon, later) = (now_ms() + SOON_MS, now_ms() + LATER_MS);
    [
        ("soon", soon.to_string()),
        ("later", later.to_string()),
        ("soon_minute", minute(soon)),
        ("later_minute", minute(later)),
    ]
}

fn everything() -> String {
    let names: Vec<String> = IDS.iter().chain(&["incident"]).map(|name| format!("{{{name}}}")).collect();
    names.concat()
}

/// What the list of sessions calls the one that this cookie is of.
fn session_id(cookie: &str) -> String {
    let token = cookie.split_once('=').expect("a cookie").1;
    let hash = |text: &str| hex(&Sha256::digest(text.as_bytes()));
    format!("ses_{}", &hash(&hash(token))[..16])
}

#[track_caller]
fn said(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

//! A server with two teams, everybody who can ask it for something, and what there is to ask for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::recipes::{Make, Recipe};
use crate::receiver::Receiver;
use crate::server::{ADMIN_KEY, QUICK_RETRY, Server};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Somebody {
    Nobody,
    /// Signed in, without a key.
    OwnersSession,
    ReadKey,
    EventsKey,
    WebhooksKey,
    AdminKey,
    /// Of the program itself, with the scope `admin`.
    ProgramsKey,
    /// The same of another program of the team.
    OtherProgramsKey,
    /// Of another team, with the scope `admin`.
    ForeignKey,
    /// The admin key of the configuration.
    Operator,
    /// The owner of another team.
    Stranger,
    Viewer,
    Editor,
    Owner,
    /// Who came by an editor link of the program.
    Link,
    /// The same of another program.
    OtherLink,
}

impl Somebody {
    pub const OVER_REST: [Self; 10] = [
        Self::Nobody,
        Self::OwnersSession,
        Self::ReadKey,
        Self::EventsKey,
        Self::WebhooksKey,
        Self::AdminKey,
        Self::ProgramsKey,
        Self::OtherProgramsKey,
        Self::ForeignKey,
        Self::Operator,
    ];

    pub const IN_BROWSERS: [Self; 7] =
        [Self::Nobody, Self::Operator, Self::Link, Self::Stranger, Self::Viewer, Self::Editor, Self::Owner];

    pub const IN_FRAMES: [Self; 5] = [Self::Nobody, Self::Operator, Self::Owner, Self::Link, Self::OtherLink];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::OwnersSession => "session",
            Self::ReadKey => "read",
            Self::EventsKey => "events",
            Self::WebhooksKey => "webhooks",
            Self::AdminKey => "admin",
            Self::ProgramsKey => "program",
            Self::OtherProgramsKey => "sibling",
            Self::ForeignKey => "foreign",
            Self::Operator => "operator",
            Self::Stranger => "stranger",
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
            Self::Link => "link",
            Self::OtherLink => "other link",
        }
    }
}

/// What a request is about. Made anew for each that changes something.
#[derive(Debug, Clone, Default)]
pub struct Things {
    pub program: String,
    /// Of the program's team.
    pub named: HashMap<&'static str, String>,
}

/// See the module.
pub struct Ground {
    server: Server,
    receiver: Receiver,
    /// The `Authorization` or `Cookie` of each.
    credentials: RefCell<HashMap<Somebody, (&'static str, String)>>,
    other_program: String,
    foreign_team: String,
    /// The addresses of those who can sign in.
    people: HashMap<Somebody, String>,
    shared: RefCell<Option<Things>>,
}

/// The answer to a request.
pub struct Answer {
    pub status: u16,
    text: String,
    secrets: Vec<String>,
}

impl Answer {
    /// What two answers that tell nothing have in common: all but ids of the request and times.
    pub fn comparable(&self, _: &Ground) -> String {
        let (_, body) = self.text.split_once("\r\n\r\n").unwrap_or_default();
        let mut body = body.to_owned();
        for id in &self.secrets {
            body = body.replace(id, "{id}");
        }
        let is_changing =
            |name: &str| ["requestId", "timestamp", "x-request-id", "date", "nonce"].contains(&name);
        match serde_json::from_str::<Value>(&body) {
            Ok(Value::Object(mut members)) => {
                members.retain(|name, _| !is_changing(name));
                Value::Object(members).to_string()
            }
            _ => without_nonces(&body),
        }
    }
}

/// A page has a nonce of its own each time.
fn without_nonces(page: &str) -> String {
    let mut rest = page;
    let mut text = String::new();
    while let Some(at) = rest.find("nonce=\"") {
        let (before, behind) = rest.split_at(at);
        text.push_str(before);
        rest = behind["nonce=\"".len()..].split_once('"').map_or("", |(_, rest)| rest);
    }
    text + rest
}

impl Ground {
    pub fn new() -> Self {
        let mut settings = QUICK_RETRY.to_vec();
        settings.push(("GROUNDSWELL_LOG", "info,groundswell::routes=debug"));
        let server = Server::with(&settings);
        let receiver = Receiver::start();
        let operator = server.client();
        let other_program = operator.program("REFERRAL");
        let foreign = operator.post("/v2/teams", &json!({ "name": "Others" })).ok();
        let foreign_team = foreign["id"].as_str().expect("an id").to_owned();
        let foreign_program = json!({ "type": "REFERRAL", "teamId": foreign_team });
        let foreign_program = operator.post("/v2/campaigns", &foreign_program).ok();
        let mut ground = Self {
            server,
            receiver,
            credentials: RefCell::default(),
            other_program,
            foreign_team,
            people: HashMap::new(),
            shared: RefCell::default(),
        };
        let key = |scopes: &str, program: Option<&str>| {
            let new = json!({ "name": "key", "scopes": [scopes], "campaignId": program });
            let made = operator.post("/v2/api-keys", &new).ok();
            ("authorization", format!("Bearer {}", made["key"].as_str().expect("a key")))
        };
        let foreign_program = foreign_program["id"].as_str().expect("an id");
        let first = "team_first";
        let credentials = [
            (Somebody::ReadKey, key("read", None)),
            (Somebody::EventsKey, key("events", None)),
            (Somebody::WebhooksKey, key("webhooks", None)),
            (Somebody::AdminKey, key("admin", None)),
            (Somebody::OtherProgramsKey, key("admin", Some(&ground.other_program))),
            (Somebody::ForeignKey, key("admin", Some(foreign_program))),
            (Somebody::Operator, ("authorization", format!("Bearer {ADMIN_KEY}"))),
            (Somebody::OtherLink, ("cookie", ground.link_to(&ground.other_program))),
        ];
        ground.credentials.borrow_mut().extend(credentials);
        for (somebody, team, role) in [
            (Somebody::Stranger, ground.foreign_team.clone(), "owner"),
            (Somebody::Viewer, first.to_owned(), "viewer"),
            (Somebody::Editor, first.to_owned(), "editor"),
            (Somebody::Owner, first.to_owned(), "owner"),
            (Somebody::OwnersSession, first.to_owned(), "owner"),
        ] {
            let email = address();
            let cookie = ground.member((&team, &email), role);
            ground.credentials.borrow_mut().insert(somebody, ("cookie", cookie));
            ground.people.insert(somebody, email);
        }
        ground
    }

    /// The cookie of a new member of a team.
    fn member(&self, (team, email): (&str, &str), role: &str) -> String {
        let invitation = json!({ "email": email, "role": role });
        let made = self.server.client().post(&format!("/v2/teams/{team}/invitations"), &invitation).ok();
        let token = made["url"].as_str().expect("a URL").split_once("token=").expect("a token").1.to_owned();
        let form = format!("intent=new&token={token}&name={role}&password=correct+horse+battery+staple");
        let cookie = self.cookie(("POST", "/invitation"), &form);
        // Whoever reads the letters there has said so; this server has no mail server that could ask.
        let theirs = "INSERT OR IGNORE INTO mail_address (user_id, email, token, state, at_ms)
                      SELECT id, email, NULL, 'theirs', 0 FROM user_account WHERE email = ?1";
        let database = Connection::open(self.server.database()).expect("it is there");
        database.busy_timeout(Duration::from_secs(10)).expect("a time");
        database.execute(theirs, [email]).expect("written");
        cookie
    }

    fn own_origin(&self) -> (&'static str, &str) {
        ("origin", self.server.url())
    }

    /// The cookie of somebody who came by a link to that program.
    fn link_to(&self, program: &str) -> String {
        let made = self.server.client().post(&format!("/v2/campaign/{program}/editor-link"), &json!({}));
        if made.status == 404 {
            return String::new();
        }
        let url = made.ok()["url"].as_str().expect("a URL").to_owned();
        let token =
            url.split_once("token=").expect("a token").1.split('&').next().unwrap_or_default().to_owned();
        self.cookie(("POST", "/embed"), &format!("token={token}"))
    }

    /// What the panel calls the program's first webhook.
    fn row(&self, program: &str) -> String {
        let credentials = self.credentials.borrow();
        let Some((name, cookie)) = credentials.get(&Somebody::Owner) else { return String::new() };
        let headers = [(*name, cookie.as_str()), ("content-type", "application/json"), self.own_origin()];
        let panel = self.raw(("POST", "/_fn/get_panel"), &headers, &json!({ "id": program }).to_string());
        let (_, key) = panel.text.split_once("\"key\":\"").unwrap_or_else(|| panic!("{}", panel.text));
        key.split('"').next().expect("a key").to_owned()
    }

    /// Another session of somebody.
    fn anew(&self, somebody: Somebody) -> String {
        let email = &self.people[&somebody];
        let form = format!("email={email}&password=correct+horse+battery+staple");
        self.cookie(("POST", "/sign-in"), &form)
    }

    /// The cookie that a form is answered with.
    fn cookie(&self, call: (&str, &str), form: &str) -> String {
        let answer = self.raw(call, &[FORM, self.own_origin()], form);
        assert!((300..400).contains(&answer.status), "{}", answer.text);
        let lines = answer.text.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        let mut cookies = lines.filter(|line| line.contains("session=") || line.contains("editor="));
        let cookie = cookies.next().unwrap_or_else(|| panic!("no cookie in {}", answer.text));
        cookie.split(';').next().expect("a cookie").to_owned()
    }

    /// Every route, as `METHOD path`.
    pub fn routes(&self) -> Vec<String> {
        let log = self.server.log();
        let routes = log.lines().filter(|line| line.contains("a route is served"));
        let routes =
            routes.filter_map(|line| line.split_once("route=")).map(|(_, route)| route.trim().to_owned());
        routes.collect()
    }

    /// Makes the request of `recipe` as somebody.
    pub fn send(&self, recipe: &Recipe, somebody: Somebody) -> Answer {
        let things = if recipe.make == Make::Anew { self.make(recipe) } else { self.shared() };
        let answer = self.send_about(recipe, somebody, &things);
        self.clear_up(recipe, &things);
        answer
    }

    /// The same about things that are not there.
    pub fn send_to_nowhere(&self, recipe: &Recipe, somebody: Somebody) -> Answer {
        let mut things = if recipe.make == Make::Anew { self.make(recipe) } else { self.shared() };
        // As long as real ones, so that answers have one length.
        "nowhere0".clone_into(&mut things.program);
        things.named.insert("team", "team_nowhr".to_owned());
        let answer = self.send_about(recipe, somebody, &things);
        self.clear_up(recipe, &things);
        answer
    }

    /// There may be 1,000 API keys, and there are more requests. The recipe may have revoked its own.
    fn clear_up(&self, recipe: &Recipe, things: &Things) {
        if recipe.make == Make::Anew {
            let gone = self.server.client().delete(&format!("/v2/api-keys/{}", things.named["key"]));
            assert!(matches!(gone.status, 200 | 404), "{}", gone.text);
        }
    }

    fn send_about(&self, recipe: &Recipe, somebody: Somebody, things: &Things) -> Answer {
        let (path, body) = (recipe.path(things), recipe.body(things));
        let mut own_key = None;
        let credential: Option<(&str, String)> = match somebody {
            Somebody::Nobody => None,
            Somebody::ProgramsKey => {
                let new = json!({ "name": "own", "scopes": ["admin"], "campaignId": things.program });
                let made = self.server.client().post("/v2/api-keys", &new).ok();
                own_key = made["id"].as_str().map(str::to_owned);
                Some(("authorization", format!("Bearer {}", made["key"].as_str().expect("a key"))))
            }
            Somebody::Link => Some(("cookie", self.link_to(&things.program))),
            person if recipe.is_about_session() && self.people.contains_key(&person) => {
                Some(("cookie", self.anew(person)))
            }
            other => self.credentials.borrow().get(&other).cloned(),
        };
        let mut headers = vec![recipe.content_type(), self.own_origin()];
        headers.extend(credential.as_ref().map(|(name, value)| (*name, value.as_str())));
        let mut answer = self.raw((recipe.method, &path), &headers, &body);
        if let Some(own) = own_key {
            self.server.client().delete(&format!("/v2/api-keys/{own}"));
        }
        if body.contains("end-others") && self.people.contains_key(&somebody) {
            self.credentials.borrow_mut().insert(somebody, ("cookie", self.anew(somebody)));
        }
        let all = things.named.values().cloned().chain([things.program.clone()]);
        answer.secrets = all.filter(|text| !text.is_empty()).collect();
        answer
    }

    fn raw(&self, (method, path): (&str, &str), headers: &[(&str, &str)], body: &str) -> Answer {
        let address = &self.server.url()["http://".len()..];
        let mut connection = TcpStream::connect(address).expect("it listens");
        connection.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        for (name, value) in headers {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        let _ = write!(request, "content-length: {}\r\n\r\n{body}", body.len());
        connection.write_all(request.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        let mut part = [0; 16 * 1024];
        loop {
            let is_stream = String::from_utf8_lossy(&answer).contains("text/event-stream");
            // A stream has no end.
            let has_head = answer.windows(4).any(|four| four == b"\r\n\r\n");
            if is_stream && has_head {
                break;
            }
            match connection.read(&mut part).expect("it answers") {
                0 => break,
                count => answer.extend_from_slice(&part[..count]),
            }
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer to {method} {path}: {text:?}"));
        Answer { status, text, secrets: Vec::new() }
    }

    /// What requests are about that change nothing.
    fn shared(&self) -> Things {
        self.shared.borrow_mut().get_or_insert_with(|| self.make_for("")).clone()
    }

    /// A program with one of everything.
    fn make(&self, recipe: &Recipe) -> Things {
        self.make_for(&format!("{}{}", recipe.path, recipe.body))
    }

    /// The same for a request that wants what is named in this text.
    fn make_for(&self, wanted: &str) -> Things {
        let client = self.server.client();
        let program = client.program("REFERRAL");
        let at = |path: &str| format!("/v2/campaign/{program}{path}");
        let secret = json!({ "secret": "s3cret-of-this-test" });
        let webhook = client.webhook(&program, &self.receiver.url("/"), secret);
        let inbox = client.get(&at("/inbox")).ok();
        let inbox_webhook = client.webhook(&program, inbox["url"].as_str().expect("a URL"), Value::Null);
        let event = client.join(&program, "p1");
        let deliveries = crate::waiting::until("everything is delivered", || {
            let deliveries = client.deliveries(&program, "");
            let is_done = deliveries.len() == 2 && deliveries.iter().all(|one| one["state"] == "delivered");
            is_done.then_some(deliveries)
        });
        let delivery = deliveries[0]["id"].as_str().expect("an id").to_owned();
        let job = client.post(&at("/resends"), &json!({ "deliveries": [delivery] })).ok();
        let test = client.post(&at(&format!("/webhooks/{webhook}/test")), &json!({})).ok();
        let requests = client.get(&at("/inbox")).ok();
        let key =
            client.post("/v2/api-keys", &json!({ "name": "to be revoked", "campaignId": program })).ok();
        // A team has room for so many of them.
        let invitation = if wanted.contains("{invitation}") {
            let invitation = json!({ "email": address(), "role": "viewer" });
            client.post("/v2/teams/team_first/invitations", &invitation).ok()
        } else {
            Value::Null
        };
        let link = client.post(&at("/editor-link"), &json!({})).ok();
        let erasure = client.post(&at("/erasures"), &json!({ "participantId": "nobody" })).ok();
        let members = client.get("/v2/teams/team_first/members").ok();
        let members = members["members"].as_array().expect("a list").clone();
        let user = members.iter().find(|member| member["role"] == "viewer").expect("a viewer");
        let created_at = key["createdAt"].as_i64().expect("a time");
        let (soon, later) = (created_at + 3_600_000, created_at + 7_200_000);
        let member = members.iter().find(|member| member["role"] == "editor").expect("an editor");
        let recipients = at(&format!("/webhooks/{webhook}/recipients"));
        let recipient = client.post(&recipients, &json!({ "email": user["email"] })).ok();
        let row = self.row(&program);
        let said = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
        let mut named = HashMap::from([
            ("row", row),
            ("link", said(&link["id"])),
            ("erasure", said(&erasure["id"])),
            ("user", said(&user["id"])),
            ("address", address()),
            ("member", said(&member["email"])),
            ("recipient", said(&recipient["id"])),
            ("webhook", webhook),
            ("inbox_webhook", inbox_webhook),
            ("event", event),
            ("delivery", delivery),
            ("job", said(&job["id"])),
            ("test", said(&test["id"])),
            ("request", said(&requests["requests"][0]["id"])),
            ("key", said(&key["id"])),
            ("team", "team_first".to_owned()),
            ("invitation", said(&invitation["id"])),
        ]);
        for (name, minute, at) in [("soon", "soon_minute", soon), ("later", "later_minute", later)] {
            let time = chrono::DateTime::from_timestamp_millis(at).expect("a time");
            named.insert(name, at.to_string());
            named.insert(minute, time.format("%Y-%m-%dT%H:%M").to_string());
        }
        named.extend(self.incidents(wanted, (soon, later)));
        Things { program, named }
    }

    /// Of requests that were made before.
    fn take_open_incidents_away(&self) {
        let client = self.server.client();
        for list in ["incidents", "maintenances"] {
            let page = client.get(&format!("/v2/{list}?limit=50")).ok();
            for one in page[list].as_array().expect("a list") {
                if one["endedAt"].is_null() {
                    let id = one["id"].as_str().expect("an id");
                    client.delete(&format!("/v2/{list}/{id}")).ok();
                }
            }
        }
    }

    /// An incident and a maintenance. Only so many can be open, so those that nothing more is said of are over.
    fn incidents(&self, wanted: &str, (soon, later): (i64, i64)) -> Vec<(&'static str, String)> {
        let is_wanted =
            wanted.is_empty() || wanted.contains("{incident}") || wanted.contains("{maintenance}");
        if !is_wanted {
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
            "scheduledFrom": soon,
            "scheduledUntil": later,
            "components": ["api"],
        });
        let maintenance = client.post("/v2/maintenances", &maintenance).ok();
        let said = |value: &Value| value["id"].as_str().expect("an id").to_owned();
        let (incident, maintenance) = (said(&incident), said(&maintenance));
        if !is_open {
            let over = json!({ "status": "completed", "message": "Not needed." });
            client.post(&format!("/v2/maintenances/{maintenance}/updates"), &over).ok();
        }
        vec![("incident", incident), ("maintenance", maintenance)]
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// An address that nobody has.
fn address() -> String {
    format!("somebody{}@example.com", NEXT.next())
}

struct Next(std::sync::atomic::AtomicUsize);

impl Next {
    fn next(&self) -> usize {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}

/// So that no two addresses are the same.
static NEXT: Next = Next(std::sync::atomic::AtomicUsize::new(1));

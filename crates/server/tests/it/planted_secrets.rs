//! Secrets are planted wherever one can go in; then everything the server has written and sent is searched for them, in
//! every spelling they could have there: files and log, answers, requests to receivers and to the provider, letters, traces.
//! What may be where is said where it is planted, each with its reason.
//!
//! Idempotency keys are none: whoever has one can do nothing with it without an API key.

mod outside;
mod people;
mod search;
mod tap;

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use serde_json::{Value, json};

use self::outside::Outside;
use self::search::Search;
use self::tap::Tap;
use crate::browser::Browser;
use crate::client::{Call, Client};
use crate::receiver::{Reaction, Receiver, Reply, Request};
use crate::server::{ADMIN_KEY, QUICK_RETRY, Server};
use crate::waiting;

// With characters in them that every spelling writes in its own way.
const TYPED: &str = "planted & \"typed\" secret+1";
const REPLACED: &str = "planted & \"replaced\" secret+2";
const DRAFTED: &str = "planted & \"drafted\" secret+3";
const HEADER: &str = "Bearer planted&\"header\"+4";
const CHANGED_HEADER: &str = "planted&\"changed-header\"+5";
const DRAFTED_HEADER: &str = "planted&\"drafted-header\"+6";
const QUERY: &str = "planted-query-7";

/// A secret, and where it may be.
struct Secret {
    name: &'static str,
    value: String,
    allowed: Vec<Allowed>,
}

/// Where a secret may be, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    /// In so many of the server's answers.
    Answers(usize, &'static str),
    /// In any answer and in the database.
    AnswersAndDatabase(&'static str),
    /// In requests to receivers.
    Requests(&'static str),
    /// In the file of this name.
    File(&'static str, &'static str),
    /// In letters to this address, and in the database, from which they are written.
    Letters(String, &'static str),
    /// In requests to the provider.
    Provider(&'static str),
}

/// Where something goes that nobody has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    Receiver,
    Provider,
    /// To this address.
    Letter(String),
    Traces,
}

/// A server that logs everything there is to be logged, with everything it says on the record.
struct Fixture {
    server: Server,
    tap: Tap,
    /// Calls through the tap.
    client: Client,
    receiver: Receiver,
    outside: Outside,
    program: String,
    secrets: Vec<Secret>,
}

impl Fixture {
    fn new() -> Self {
        let outside = Outside::start();
        let own = outside.settings();
        let mut settings = [&QUICK_RETRY[..], &[("GROUNDSWELL_LOG", "trace")]].concat();
        settings.extend(own.iter().map(|(name, value)| (*name, value.as_str())));
        let server = Server::with(&settings);
        let tap = Tap::to(server.url());
        let client = Client::new(&tap.url(), ADMIN_KEY);
        let program = client.program("REFERRAL");
        let (receiver, secrets) = (Receiver::that(echo), Vec::new());
        let mut fixture = Self { server, tap, client, receiver, outside, program, secrets };
        fixture.plant("admin key", ADMIN_KEY, &[]);
        let file = format!("{}.key", fixture.server.database().display());
        let key = fs::read_to_string(&file).expect("it is made at the first start");
        let log = fixture.server.log();
        let token =
            log.split_once("token=").and_then(|(_, rest)| rest.lines().next()).expect("the first link");
        let printed =
            Allowed::File("log-1.txt", "who starts the server for the first time is told how to sign in");
        fixture.plant("first sign-in token", token, &[printed]);
        fixture.plant("secrets key", key.trim(), &[Allowed::File("groundswell.db.key", "it is kept there")]);
        fixture
    }

    fn plant(&mut self, name: &'static str, value: &str, allowed: &[Allowed]) {
        self.secrets.push(Secret { name, value: value.to_owned(), allowed: allowed.to_vec() });
    }

    fn path(&self, rest: &str) -> String {
        format!("/v2/campaign/{}{rest}", self.program)
    }

    /// Webhooks with secrets and headers: one that works, one that fails, one that leads to the inbox over the network.
    fn webhooks(&mut self) {
        let for_receivers = [Allowed::Requests("the receiver is who it is for")];
        for (name, value) in [("typed secret", TYPED), ("replaced secret", REPLACED)] {
            self.plant(name, value, &[]);
        }
        for (name, value) in [("header", HEADER), ("changed header", CHANGED_HEADER)] {
            self.plant(name, value, &for_receivers);
        }
        let shown = Allowed::AnswersAndDatabase("who may see a program sees its webhooks' URLs");
        self.plant("query of a URL", QUERY, &[shown, for_receivers[0].clone()]);

        let url = self.receiver.url(&format!("/works?key={QUERY}"));
        let headers = json!({ "authorization": HEADER, "x-odd": HEADER });
        self.client.webhook(&self.program, &url, json!({ "secret": REPLACED, "headers": headers }));
        let change = json!({ "secret": TYPED, "secretOverlapSeconds": 86_400 });
        self.client.patch(&self.path("/webhooks/primary"), &change).ok();
        let headers = json!({ "x-secret-of-its-own": HEADER });
        let failing = json!({ "secret": TYPED, "headers": headers });
        self.client.webhook(&self.program, &self.receiver.url("/fails"), failing);
        let inbox = self.client.get(&self.path("/inbox")).ok();
        let address = inbox["url"].as_str().expect("an address");
        let to_inbox = json!({ "secret": TYPED, "headers": { "x-secret-of-its-own": HEADER } });
        self.client.webhook(&self.program, address, to_inbox);
        // And over the network, as from another server that has the same webhook.
        let path = &address[address.find("/inbox/").expect("a path")..];
        let headers = &[("content-type", "application/json"), ("x-secret-of-its-own", HEADER)];
        let sent = self.client.authorized_by(None).send(Call { method: "POST", path, headers, body: b"{}" });
        assert_eq!(sent.status, 200, "{}", sent.text);
    }

    /// What a person does in the Program Editor.
    fn pages(&mut self) -> Browser {
        let once = |reason| Allowed::Answers(1, reason);
        let link = self.client.post("/v2/sign-in-links", &json!({})).ok();
        let token =
            link["url"].as_str().and_then(|url| url.split_once("token=")).expect("a link").1.to_owned();
        self.plant("sign-in token", &token, &[once("the answer that makes the link")]);
        let browser = Browser { address: self.tap.address(), cookie: String::new() };
        let answer = browser.post("/sign-in", &format!("token={token}"));
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        let cookie = cookie.split(';').next().expect("a cookie").to_owned();
        let session = cookie.split_once('=').expect("a value").1.to_owned();
        self.plant("session token", &session, &[once("the answer that sets the cookie")]);
        Browser { cookie, ..browser }
    }

    /// A draft with secrets that nobody publishes, and a generated one.
    fn draft(&mut self, browser: &Browser) {
        self.plant("drafted secret", DRAFTED, &[]);
        self.plant(
            "drafted header",
            DRAFTED_HEADER,
            &[Allowed::Requests("a test of a draft sends what the draft has")],
        );
        let function = |name: &str, arguments: Value| -> Value {
            let answer = browser.call(&format!("/_fn/{name}"), &arguments);
            let body = answer.split_once("\r\n\r\n").expect("an answer").1;
            assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
            let body = body.split("\r\n").find(|line| line.starts_with(['{', '"', '['])).unwrap_or("null");
            serde_json::from_str(body).unwrap_or_else(|error| panic!("{name}: {error} in {body}"))
        };
        let id = self.program.clone();
        let generated = function("generate_secret", json!({}));
        let generated = generated.as_str().expect("a secret").to_owned();
        self.plant(
            "generated secret",
            &generated,
            &[Allowed::Answers(1, "the answer that makes it shows it")],
        );

        let panel = function("get_panel", json!({ "id": id }));
        let mut rows: Vec<Value> =
            panel["rows"].as_array().expect("rows").iter().map(|row| row["row"].clone()).collect();
        rows[0]["headers"] =
            json!([{ "key": "new-1", "name": "x-drafted", "value": DRAFTED_HEADER, "state": "missing" }]);
        let keys: Vec<String> =
            rows.iter().map(|row| row["key"].as_str().expect("a key").to_owned()).collect();
        let mut saved = function("save_draft", json!({ "id": id, "seen": seen(&panel), "rows": rows }));
        for (key, secret) in keys.iter().zip([DRAFTED, &generated]) {
            let edit =
                json!({ "rowKey": key, "change": { "set": secret }, "draftVersion": saved["version"] });
            saved = function("change_secret", json!({ "id": id, "edit": edit }));
        }
        let test = json!({ "id": id, "row_key": keys[0], "event": "NEW_PARTICIPANT_ADDED" });
        function("test_webhook", test);
        for name in ["get_panel", "get_program"] {
            function(name, json!({ "id": id }));
        }
        function("get_history", json!({ "id": id, "before": null }));
    }

    /// Events that arrive, that fail, and that end in the inbox; tests; a resend.
    fn deliveries(&mut self) {
        let event = self.client.join(&self.program, "p1");
        let webhooks = self.client.get(&self.path("/webhooks")).ok();
        let webhooks = webhooks["webhooks"].as_array().expect("webhooks");
        for webhook in webhooks.iter().map(|webhook| webhook["id"].as_str().expect("an id")) {
            self.client.post(&self.path(&format!("/webhooks/{webhook}/test")), &json!({})).ok();
        }
        let deliveries = waiting::until("every webhook was sent to", || {
            let all = self.client.deliveries(&self.program, "");
            let is_tried = |one: &Value| one["attempts"].as_i64().is_some_and(|attempts| attempts > 0);
            (all.len() == 3 && all.iter().all(is_tried)).then_some(all)
        });
        for delivery in &deliveries {
            let id = delivery["id"].as_str().expect("an id");
            self.client.get(&self.path(&format!("/deliveries/{id}"))).ok();
        }
        let delivered = deliveries.iter().find(|one| one["state"] == "delivered").expect("one is");
        let id = delivered["id"].as_str().expect("an id");
        self.client.post(&self.path(&format!("/deliveries/{id}/resend")), &json!({})).ok();
        let changed = json!({ "headers": { "x-changed": CHANGED_HEADER } });
        self.client.patch(&self.path("/webhooks/primary"), &changed).ok();
        self.client.join(&self.program, "p2");
        self.receiver.request_about("p2");
        assert!(event.starts_with("evt"), "{event}");
    }

    /// Everything that can be read.
    fn read(&self, browser: &Browser) {
        for path in [
            "",
            "/webhooks",
            "/deliveries",
            "/deliveries/export?format=csv",
            "/deliveries/export?format=ndjson",
            "/notices",
            "/inbox",
            "/resends",
            "/erasures",
            "/webhooks/primary/recipients",
        ] {
            let answer = self.client.get(&self.path(path));
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        }
        let inbox = self.client.get(&self.path("/inbox")).ok();
        let requests = inbox["requests"].as_array().expect("requests");
        assert!(!requests.is_empty(), "the inbox got what was sent to it");
        for request in requests {
            let id = request["id"].as_str().expect("an id");
            let detail = self.client.get(&self.path(&format!("/inbox/requests/{id}"))).ok();
            assert!(detail.to_string().contains("x-secret-of-its-own") || request["own"] == true, "{detail}");
        }
        for path in [
            "/v2/campaigns",
            "/v2/api-keys",
            "/v2/openapi.json",
            "/v2/log-level",
            "/v2/teams/team_first/members",
            "/v2/teams/team_first/invitations",
            "/readyz",
            "/metrics",
        ] {
            assert_eq!(self.client.get(path).status, 200, "{path}");
        }
        for path in ["?limit=100", "/export?format=csv", "/export?format=ndjson"] {
            let log = self.client.get(&format!("/v2/audit-log{path}")).text;
            assert!(log.contains("link.used") && log.contains("session.failed"), "{log}");
        }
        let program = format!("/programs/{}", self.program);
        for path in ["options", "options/webhooks", "options/webhooks/history", "deliveries", "inbox"] {
            let page = browser.page(&format!("{program}/{path}"));
            assert!(page.starts_with("HTTP/1.1 200"), "{path}: {page}");
        }
        for path in [
            "/",
            "/docs",
            "/status",
            "/settings/account",
            "/settings/api-keys",
            "/settings/audit-log",
            "/settings/audit-log/export?format=csv",
            "/settings/members",
            "/settings/privacy",
        ] {
            let page = browser.page(path);
            assert!(page.starts_with("HTTP/1.1 200"), "{path}: {page}");
        }
        // And what is refused, with secrets in the places they may be put into by mistake.
        for (path, body) in [
            (
                self.path("/webhooks"),
                json!({ "payloadUrl": "nowhere", "secret": TYPED, "headers": { "a b": HEADER } }),
            ),
            (
                self.path("/webhooks"),
                json!({ "payloadUrl": 1, "secret": [TYPED], "headers": { "host": HEADER } }),
            ),
            (self.path("/events"), json!({ "event": "NEW_PARTICIPANT_ADDED", "data": 1 })),
        ] {
            let refused = self.client.post(&path, &body);
            assert!((400..500).contains(&refused.status), "{path}: {}", refused.text);
        }
        let broken = format!("{{\"payloadUrl\": \"https://example.com\", \"secret\": \"{QUERY}\", ");
        self.client.post_text(&self.path("/webhooks"), &broken, &[]);
        let wrong = Client::new(&self.tap.url(), "a-wrong-key");
        assert_eq!(wrong.get(&self.path("")).status, 401);
    }

    /// Looks for everything everywhere.
    fn search(&self, when: &str) {
        let search = Search::of(self.secrets.iter().map(|secret| secret.value.as_str()));
        let directory = self.server.database().parent().expect("a directory").to_owned();
        let (mut wrong, mut went) = (Vec::new(), vec![Vec::new(); self.secrets.len()]);
        for (path, bytes) in files(&directory) {
            for (at, spelling) in search.in_bytes(&bytes) {
                if !self.secrets[at].may_be_in(&path) {
                    wrong.push(format!("{} as {spelling} in {path}", self.secrets[at].name));
                }
            }
        }
        for (way, bytes) in self.sent() {
            for (at, spelling) in search.in_bytes(&bytes) {
                if !self.secrets[at].may_go(&way) {
                    wrong.push(format!(
                        "{} as {spelling} in {way:?}: {}",
                        self.secrets[at].name,
                        excerpt(&bytes)
                    ));
                }
                went[at].push(way.clone());
            }
        }
        let mut answers = vec![Vec::new(); self.secrets.len()];
        for answer in self.tap.answers() {
            for (at, spelling) in search.in_bytes(&answer) {
                answers[at].push(format!("as {spelling} in {}", excerpt(&answer)));
            }
        }
        for ((secret, answers), went) in self.secrets.iter().zip(answers).zip(went) {
            if !secret.answers().contains(&answers.len()) {
                wrong.push(format!("{} in {} answers: {answers:#?}", secret.name, answers.len()));
            }
            // What is nowhere was not planted.
            if !secret.ways().all(|way| went.contains(&way)) {
                wrong.push(format!("{} only in {went:?}", secret.name));
            }
        }
        assert!(wrong.is_empty(), "{when}:\n{}", wrong.join("\n"));
    }

    /// Everything that was sent to others than who asked for it.
    fn sent(&self) -> Vec<(Way, Vec<u8>)> {
        let requests = self.receiver.requests().into_iter().map(|request| (Way::Receiver, whole(&request)));
        let asked = self.outside.provider.requests().into_iter();
        let asked = asked.map(|request| (Way::Provider, whole(&request)));
        let letters = self.outside.letters().into_iter();
        let letters = letters.map(|(to, letter)| (Way::Letter(to), letter.into_bytes()));
        let traces = self.outside.traces().into_iter().map(|trace| (Way::Traces, trace));
        requests.chain(asked).chain(letters).chain(traces).collect()
    }
}

impl Secret {
    fn may_be_in(&self, path: &str) -> bool {
        let is_database = !path.contains("/log-") && !path.contains(".key");
        self.allowed.iter().any(|allowed| match allowed {
            Allowed::File(name, _) => path.ends_with(&format!("/{name}")),
            Allowed::AnswersAndDatabase(_) | Allowed::Letters(..) => is_database,
            _ => false,
        })
    }

    /// The ways it may go, and must.
    fn ways(&self) -> impl Iterator<Item = Way> {
        self.allowed.iter().filter_map(|allowed| match allowed {
            Allowed::Requests(_) => Some(Way::Receiver),
            Allowed::Provider(_) => Some(Way::Provider),
            Allowed::Letters(to, _) => Some(Way::Letter(to.clone())),
            Allowed::Answers(..) | Allowed::AnswersAndDatabase(_) | Allowed::File(..) => None,
        })
    }

    fn may_go(&self, way: &Way) -> bool {
        self.ways().any(|allowed| allowed == *way)
    }

    /// So many answers it must be in.
    fn answers(&self) -> RangeInclusive<usize> {
        let mut counts = self.allowed.iter().filter_map(|allowed| match allowed {
            Allowed::Answers(count, _) => Some(*count..=*count),
            Allowed::AnswersAndDatabase(_) => Some(1..=usize::MAX),
            _ => None,
        });
        counts.next_back().unwrap_or(0..=0)
    }
}

/// A receiver that shows what it got, as those do that people try webhooks with.
fn echo(request: &Request) -> Reaction {
    let status = if request.path.starts_with("/fails") { 500 } else { 200 };
    let mut reply = Reply::status(status);
    reply.body = json!({ "headers": request.headers, "body": request.text() }).to_string().into_bytes();
    let value = request.header("x-odd").unwrap_or("none").to_owned();
    // As Go, a page and a URL have it.
    for (and, quotation_mark) in [(r"\u0026", r#"\""#), ("&amp;", "&quot;"), ("%26", "%22")] {
        let escaped = value.replace('&', and).replace('"', quotation_mark);
        reply.body.extend_from_slice(format!("\n{escaped}").as_bytes());
    }
    Reaction::Answer(reply.header("x-echo", value))
}

fn whole(request: &Request) -> Vec<u8> {
    let headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let head = format!("{} {}\n{}\n\n", request.method, request.path, headers.join("\n"));
    [head.as_bytes(), &request.body].concat()
}

fn seen(panel: &Value) -> Value {
    json!({ "draftVersion": panel["draftVersion"], "liveVersion": panel["liveVersion"] })
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).expect("readable");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter_map(|path| Some((path.display().to_string(), fs::read(&path).ok()?))).collect()
}

fn excerpt(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).chars().take(3000).collect()
}

#[test]
fn nothing_that_is_secret_is_in_anything_the_server_writes_or_sends() {
    let mut fixture = Fixture::new();
    fixture.webhooks();
    let made = fixture.client.post("/v2/api-keys", &json!({ "name": "planted" })).ok();
    let key = made["key"].as_str().expect("a key").to_owned();
    fixture.plant("API key", &key, &[Allowed::Answers(1, "the answer that makes it shows it")]);
    let browser = fixture.pages();
    fixture.passwords();
    fixture.provider();
    fixture.editor_link();
    fixture.letters();
    fixture.deliveries();
    fixture.draft(&browser);
    fixture.read(&browser);
    fixture.search("while it runs");

    fixture.server.kill();
    fixture.search("after a kill");
    fixture.server.restart();
    fixture.tap.lead_to(fixture.server.url());
    let used = Client::new(&fixture.tap.url(), &key);
    assert_eq!(used.get(&fixture.path("")).status, 200);
    fixture.read(&browser);
    fixture.search("after a restart");
    fixture.server.terminate();
    assert!(fixture.server.wait(waiting::PATIENCE).success());
    fixture.search("after a stop");

    let traces = fixture.outside.traces().concat();
    assert!(String::from_utf8_lossy(&traces).contains("POST /v2/campaign/{id}/events"), "it was traced");
    let log = fixture.server.log();
    assert!(log.contains("TRACE") && log.contains("DEBUG"), "it was told to log everything");
    assert!(!log.contains("panicked"), "nothing has panicked");
}

#[test]
fn a_password_of_a_database_is_in_nothing_a_server_says_that_cannot_reach_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let password = "planted-password-8";
    let url = format!("postgres://me:{password}@127.0.0.1:1/groundswell");
    for command in ["serve", "migrate", "doctor", "check-config"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_groundswell"))
            .args([command, "--listen", "127.0.0.1:0"])
            .current_dir(directory.path())
            .env_clear()
            .envs([("GROUNDSWELL_DATABASE_URL", url.as_str()), ("GROUNDSWELL_LOG", "trace")])
            .output()
            .expect("the binary starts");
        for said in [output.stdout, output.stderr] {
            assert!(Search::of([password]).in_bytes(&said).is_empty(), "{command}: {}", excerpt(&said));
        }
    }
}

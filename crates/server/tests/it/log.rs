//! The log of the binary: what is in it, in which form, and what a crash leaves behind.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::Call;
use crate::receiver::Receiver;
use crate::server::Server;
use crate::waiting;

/// A line of its own in the log, red on a terminal, and written backwards.
const HOSTILE: &str = "a\n2026-01-01T00:00:00Z ERROR forged\u{1b}[31m\u{9b}1m\u{202e}b\u{7f}";

/// What the binary logs when a name that it logs is hostile.
fn logged(format: &str) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = std::fs::File::create(directory.path().join("log.txt")).expect("a new file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_groundswell"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log-format", format])
        .current_dir(directory.path())
        .env_clear()
        .env("GROUNDSWELL_DATABASE_URL", format!("sqlite://{HOSTILE}.db"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .expect("the binary starts");
    let read = || std::fs::read_to_string(directory.path().join("log.txt")).expect("is there");
    let log = waiting::until("it has made its key", || {
        let log = read();
        log.lines().any(|line| line.contains("keep a copy of it")).then_some(log)
    });
    child.kill().expect("it runs");
    child.wait().expect("it was started here");
    log
}

#[test]
fn a_name_cannot_forge_a_line_or_command_a_terminal() {
    let log = logged("human");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("forged")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains(r"a\n2026-01-01T00:00:00Z ERROR forged\u{1b}[31m\u{9b}1m\u{202e}b\u{7f}.db.key"),
        "{log}"
    );
    assert!(!log.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{log:?}");
}

#[test]
fn a_log_in_json_stays_json_whatever_is_in_it() {
    let log = logged("json");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let said = lines.iter().filter_map(|line| line["fields"]["message"].as_str());
    assert!(said.into_iter().any(|message| message.contains(HOSTILE)), "{log}");
    assert!(!log.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7f}']), "{log:?}");
}

/// The hard limit of a core dump of a process.
#[cfg(target_os = "linux")]
fn core_limit(pid: u32) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).expect("it has one");
    line.split_whitespace().nth(5).expect("the hard limit").to_owned()
}

/// They have keys in memory as a server has.
#[cfg(target_os = "linux")]
#[test]
fn no_command_leaves_a_core_dump() {
    // A database that takes connections and says nothing.
    let database = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("postgres://a@{}/b", database.local_addr().expect("an address"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_groundswell"))
        .args(["migrate", "--database-url", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let connection = database.accept().expect("it connects");
    let limit = core_limit(child.id());
    child.kill().expect("it runs");
    child.wait().expect("it was started here");
    drop(connection);
    assert_eq!(limit, "0");
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_leaves_no_core_dump_unless_it_is_told_to() {
    let limit = |server: &Server| core_limit(server.pid());
    assert_eq!(limit(&Server::start()), "0");
    let own = std::fs::read_to_string("/proc/self/limits").expect("Linux has it");
    let own = own.lines().find(|line| line.starts_with("Max core file size")).expect("it has one");
    let own = own.split_whitespace().nth(5).expect("the hard limit");
    assert_eq!(limit(&Server::with(&[("GROUNDSWELL_ALLOW_CORE_DUMPS", "true")])), own);
}

fn in_json(filter: &str) -> Server {
    Server::with(&[("GROUNDSWELL_LOG_FORMAT", "json"), ("GROUNDSWELL_LOG", filter)])
}

/// The lines of a log in JSON, without those that are for the person who starts the server.
fn lines(server: &Server) -> Vec<Value> {
    server.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The targets of the lines about a request.
fn targets(server: &Server, request: &str) -> Vec<String> {
    let lines = lines(server);
    let own = lines.iter().filter(|line| line["request.id"] == request);
    own.map(|line| line["target"].as_str().expect("a target").to_owned()).collect()
}

#[test]
fn every_line_about_a_request_has_the_id_that_its_answer_has() {
    let server = in_json("debug");
    let client = server.client();
    let refused = client.authorized_by(None).get("/v2/campaigns");
    let refused = refused.header("x-request-id").expect("an id").to_owned();
    let program = client.program("REFERRAL");
    let listed = client.get(&format!("/v2/campaign/{program}/deliveries"));
    let listed = listed.header("x-request-id").expect("an id").to_owned();
    let browser = Browser::signed_in(&server);
    let page = browser.ask(&format!("GET /programs/{program}/deliveries"), &[], "");
    let page = page.get("x-request-id").expect("an id").to_owned();
    let arguments = [("content-type", "application/x-www-form-urlencoded")];
    let function = browser.ask("POST /_fn/get_programs", &arguments, "");
    let function = function.get("x-request-id").expect("an id").to_owned();
    let too_long = "a".repeat(9_000);
    let too_long = Call { method: "GET", path: &format!("/{too_long}"), headers: &[], body: &[] };
    assert!(client.send(too_long).header("x-request-id").is_some());
    for (request, target) in [
        (&refused, "groundswell::rest::auth"),
        (&listed, "groundswell::request"),
        (&page, "groundswell::request"),
        (&function, "groundswell::request"),
    ] {
        waiting::until(format!("a line of {target} about {request}"), || {
            targets(&server, request).iter().any(|known| known == target).then_some(())
        });
    }
    // From a request's id to the event that it brought, and so to its attempts.
    let event = client.join(&program, "p1");
    let line = waiting::until("the event is in the log", || {
        let is_of_event = |line: &Value| line["target"] == "groundswell::rest::events";
        lines(&server).into_iter().rfind(is_of_event)
    });
    assert_eq!(line["fields"]["event.id"], event);
    assert!(line["request.id"].is_string(), "{line}");
}

#[test]
fn in_lines_for_people_a_requests_id_is_at_the_end() {
    let server = Server::with(&[("GROUNDSWELL_LOG", "debug")]);
    let refused = server.client().authorized_by(None).get("/v2/campaigns");
    let id = refused.header("x-request-id").expect("an id").to_owned();
    let line = waiting::until("the refusal is in the log", || {
        let log = server.log();
        log.lines().find(|line| line.contains("without a valid key")).map(str::to_owned)
    });
    assert!(line.ends_with(&format!(" client.address=127.0.0.1 request.id={id}")), "{line}");
}

#[test]
fn lines_about_a_delivery_have_the_ids_of_event_and_delivery() {
    let server = in_json("info,groundswell_engine::delivery=debug");
    let receiver = Receiver::start();
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), Value::Null);
    let event = server.client().join(&program, "p1");
    let line = waiting::until("the attempt is in the log", || {
        lines(&server).into_iter().find(|line| line["fields"]["message"] == "an attempt was made")
    });
    assert_eq!(line["fields"]["event.id"], event);
    let delivery = server.client().delivery_of(&program, &event)["id"].clone();
    assert_eq!(line["fields"]["delivery.id"], delivery);
    assert_eq!(line["request.id"], Value::Null, "it is about no request any more");
}

#[test]
fn what_is_logged_can_be_changed_while_the_server_runs_by_operators_alone() {
    let server = in_json("info");
    let client = server.client();
    let put = |client: &crate::client::Client, filter: &str| {
        let body = json!({ "filter": filter }).to_string();
        client.send(Call {
            method: "PUT",
            path: "/v2/log-level",
            headers: &[("content-type", "application/json")],
            body: body.as_bytes(),
        })
    };
    let refusals = |server: &Server| {
        let lines = lines(server);
        lines.iter().filter(|line| line["target"] == "groundswell::rest::auth").count()
    };
    let stranger = client.authorized_by(None);
    stranger.get("/v2/campaigns");
    assert_eq!(client.get("/v2/log-level").ok()["filter"], "info");
    assert_eq!(
        put(&client, "info,groundswell::rest::auth=debug").ok()["filter"],
        "groundswell::rest::auth=debug,info"
    );
    assert_eq!(refusals(&server), 0);
    stranger.get("/v2/campaigns");
    waiting::until("the refusal is in the log", || (refusals(&server) == 1).then_some(()));
    put(&client, "info").ok();
    stranger.get("/v2/campaigns");
    assert_eq!(client.get("/v2/log-level").ok()["filter"], "info");
    assert_eq!(refusals(&server), 1);
    put(&client, "groundswell=loudly").refused(400, "BAD_REQUEST");
    put(&stranger, "info").refused(401, "UNAUTHORIZED");
    let key = client.post("/v2/api-keys", &json!({ "name": "k", "scopes": ["admin"] })).ok();
    let key = format!("Bearer {}", key["key"].as_str().expect("a key"));
    put(&client.authorized_by(Some(&key)), "trace").refused(403, "FORBIDDEN");

    let told = client.get("/v2/audit-log?action=log.level_changed").ok();
    let filters: Vec<&Value> = told["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| &entry["details"]["filter"])
        .collect();
    assert_eq!(filters, ["info", "groundswell::rest::auth=debug,info"], "what was refused is no change");
    assert_eq!(told["entries"][0]["actor"]["kind"], "operator");
}

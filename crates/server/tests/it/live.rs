//! The streams that tell open pages what changed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::Client;
use crate::passing_time::Sessions;
use crate::receiver::Receiver;
use crate::server::{ADMIN_KEY, Server};
use crate::server_sent;
use crate::waiting;

/// An open stream.
pub struct Stream(BufReader<TcpStream>);

impl Stream {
    /// The head of the answer, and what follows.
    fn open(browser: &Browser, path: &str) -> (String, Self) {
        let mut connection = browser.connect();
        let Browser { address, cookie } = browser;
        write!(connection, "GET {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\n\r\n")
            .expect("it listens");
        let mut reader = BufReader::new(connection);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).expect("it answers"), 0, "{head}");
        }
        (head, Self(reader))
    }

    /// A stream that stands.
    pub fn standing(browser: &Browser, path: &str) -> Self {
        let (head, mut stream) = Self::open(browser, path);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(stream.next(), Some(json!([])), "the first message says that it stands");
        stream
    }

    /// What the next message says; none when the stream has ended in order.
    pub fn next(&mut self) -> Option<Value> {
        loop {
            let line = server_sent::line(&mut self.0)?;
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).expect("JSON"));
            }
        }
    }

    /// Reads until all of these were told.
    pub fn tells(&mut self, wanted: &[&str]) {
        let mut missing = wanted.to_vec();
        while !missing.is_empty() {
            let told = self.next().expect("it goes on");
            missing.retain(|one| !told.as_array().expect("a list").contains(&json!(one)));
        }
    }
}

fn program_with_webhook(client: &Client, url: &str) -> String {
    let program = client.program("REFERRAL");
    client.webhook(&program, url, Value::Null);
    program
}

#[test]
fn an_open_page_is_told_what_changed_and_of_its_own_program() {
    let server = Server::start();
    let receiver = Receiver::that(|_| 200.into());
    let client = server.client();
    let (program, other) = (program_with_webhook(&client, &receiver.url("/")), client.program("REFERRAL"));
    let browser = Browser::signed_in(&server);
    let (head, mut page) = Stream::open(&browser, &format!("/programs/{program}/live"));
    for wanted in ["text/event-stream", "no-store", "x-accel-buffering: no", "nosniff"] {
        assert!(head.to_lowercase().contains(wanted), "no {wanted} in {head}");
    }
    assert!(!head.contains("content-encoding") && !head.contains("content-length"), "{head}");
    assert_eq!(page.next(), Some(json!([])));
    let mut list = Stream::standing(&browser, "/programs/live");
    let mut elsewhere = Stream::standing(&browser, &format!("/programs/{other}/live"));

    client.patch(&format!("/v2/campaign/{program}/webhooks/primary"), &json!({ "isEnabled": false })).ok();
    page.tells(&["webhooks"]);
    list.tells(&["webhooks"]);
    client.patch(&format!("/v2/campaign/{program}"), &json!({ "name": "Hooli" })).ok();
    page.tells(&["program"]);
    list.tells(&["program"]);
    client.patch(&format!("/v2/campaign/{program}/webhooks/primary"), &json!({ "isEnabled": true })).ok();
    let body = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p1" } });
    client.post(&format!("/v2/campaign/{program}/events"), &body);
    page.tells(&["webhooks", "deliveries"]);
    client.patch(&format!("/v2/campaign/{other}"), &json!({ "name": "Raviga" })).ok();
    assert_eq!(elsewhere.next(), Some(json!(["program"])), "nothing of the other program");
}

#[test]
fn only_who_is_signed_in_is_told_and_no_longer_once_signed_out() {
    let server = Server::start();
    let program = server.client().program("REFERRAL");
    let path = format!("/programs/{program}/live");
    let (signed_out, browser) = (Browser::signed_out(&server), Browser::signed_in(&server));
    let head = |browser: &Browser, path: &str| Stream::open(browser, path).0;
    assert!(head(&signed_out, &path).starts_with("HTTP/1.1 401 "));
    assert!(head(&signed_out, "/programs/live").starts_with("HTTP/1.1 401 "));
    assert!(head(&browser, "/programs/nowhere/live").starts_with("HTTP/1.1 404 "));
    let (mut page, mut list) =
        (Stream::standing(&browser, &path), Stream::standing(&browser, "/programs/live"));
    let mut stays = Stream::standing(&Browser::signed_in(&server), &path);
    browser.post("/sign-out", "");
    assert_eq!((page.next(), list.next()), (None, None));
    server.client().patch(&format!("/v2/campaign/{program}"), &json!({ "name": "Hooli" })).ok();
    stays.tells(&["program"]);
}

#[test]
fn a_stop_ends_the_streams_and_does_not_wait_for_them() {
    let mut server = Server::start();
    let browser = Browser::signed_in(&server);
    let mut open: Vec<Stream> = (0..20).map(|_| Stream::standing(&browser, "/programs/live")).collect();
    server.terminate();
    assert!(open.iter_mut().all(|stream| stream.next().is_none()));
    // Requests would have ten seconds to come to their end.
    assert!(server.wait(Duration::from_secs(8)).success());
}

/// Somebody new in a team, in a browser of their own.
fn member(server: &Server, team: &str, name: &str) -> Browser {
    let invitation = json!({ "email": format!("{name}@example.com"), "role": "viewer" });
    let made = server.client().post(&format!("/v2/teams/{team}/invitations"), &invitation).ok();
    let (_, token) = made["url"].as_str().expect("a link").split_once("?token=").expect("a token");
    let browser = Browser::signed_out(server);
    let form = format!("intent=new&token={token}&name={name}&password=apple+river+stone+lamp");
    let answer = browser.post("/invitation", &form);
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    Browser { cookie: cookie.split(';').next().expect("a cookie").to_owned(), ..browser }
}

#[test]
fn there_is_room_for_a_thousand_streams_and_what_is_beyond_is_told_to_come_back() {
    let server = Server::start();
    let other = server.client().post("/v2/teams", &json!({ "name": "Partners" })).ok();
    let teams = ["team_first", other["id"].as_str().expect("an id")];
    let people = |team: &'static str, id: &str| {
        (0..10).map(|number| member(&server, id, &format!("{team}{number}"))).collect::<Vec<_>>()
    };
    let (ours, theirs) = (people("a", teams[0]), people("b", teams[1]));
    let refused = |browser: &Browser, status: u16| {
        let (head, _) = Stream::open(browser, "/programs/live");
        let is_refused = head.starts_with(&format!("HTTP/1.1 {status} ")) && head.contains("retry-after: ");
        assert!(is_refused, "{head}");
    };
    let mut open: Vec<Stream> = Vec::new();
    let mut all_of = |browser: &Browser| {
        open.extend((0..50).map(|_| Stream::standing(browser, "/programs/live")));
    };
    all_of(&ours[0]);
    refused(&ours[0], 429);
    ours[1..].iter().for_each(&mut all_of);
    let late = Browser::signed_in(&server);
    refused(&late, 429);
    Stream::standing(&theirs[0], "/programs/live");
    waiting::until("the stream that was tried has ended", || {
        Stream::open(&theirs[0], "/programs/live").0.starts_with("HTTP/1.1 200 ").then_some(())
    });
    theirs.iter().for_each(&mut all_of);
    let third = server.client().post("/v2/teams", &json!({ "name": "Others" })).ok();
    let newcomer = member(&server, third["id"].as_str().expect("an id"), "c");
    refused(&newcomer, 503);
    assert_eq!(Client::new(server.url(), ADMIN_KEY).get("/readyz").status, 200);
    open.clear();
    waiting::until("there is room again", || {
        Stream::open(&newcomer, "/programs/live").0.starts_with("HTTP/1.1 200 ").then_some(())
    });
}

#[test]
fn an_open_page_keeps_no_session_and_its_stream_ends_with_it() {
    const DAY_MS: i64 = 86_400_000;
    let server = Server::start();
    let program = server.client().program("REFERRAL");
    let (page, path) = (Browser::signed_in(&server), format!("/programs/{program}/live"));
    let sessions = Sessions::of(&server);
    let (pass, seen) = (|days: i64| sessions.were_not_used_for(days * DAY_MS), || sessions.last_used_at_ms());
    // Whoever comes and goes has the streams of all others ask again.
    let ask_again = || Browser::signed_in(&server).post("/sign-out", "");
    let called = || {
        let answer = page.call("/_fn/get_program", &json!({ "id": program }));
        answer["HTTP/1.1 ".len()..][..3].to_owned()
    };

    pass(6);
    let before = seen();
    let mut stream = Stream::standing(&page, &path);
    ask_again();
    assert_eq!(called(), "200");
    server.client().patch(&format!("/v2/campaign/{program}"), &json!({ "name": "Hooli" })).ok();
    stream.tells(&["program"]);
    assert_eq!(seen(), before, "nobody was there");
    assert_eq!(page.ask("POST /seen", &[], "").status, 204);
    assert!(seen() > before + 5 * DAY_MS, "somebody is");
    pass(6);
    let before = seen();
    assert!(page.page(&format!("/programs/{program}/options")).starts_with("HTTP/1.1 200"));
    assert!(seen() > before + 5 * DAY_MS, "a page is asked for by somebody");

    pass(8);
    ask_again();
    assert_eq!(stream.next(), None);
    assert_eq!(called(), "401");
    assert_eq!(page.ask("POST /seen", &[], "").status, 401);
    assert!(page.page("/").starts_with("HTTP/1.1 401"));
}

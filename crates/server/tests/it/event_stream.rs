//! The stream of a program's events over REST.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::server::{ADMIN_KEY, Server, on};
use crate::server_sent;
use crate::waiting::{self, PATIENCE};

/// An open stream.
pub struct Stream(BufReader<TcpStream>);

/// A message: its id, and its data if it has any.
pub type Message = (String, Option<Value>);

impl Stream {
    /// The head of the answer, and what follows.
    fn open(server: &Server, key: &str, path: &str) -> (String, Self) {
        Self::open_with(server, path, &format!("authorization: Bearer {key}\r\n"))
    }

    pub fn open_with(server: &Server, path: &str, headers: &str) -> (String, Self) {
        let address = server.url().trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).expect("it listens");
        connection.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
        write!(connection, "GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n").expect("it reads");
        let mut reader = BufReader::new(connection);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).expect("it answers"), 0, "{head}");
        }
        (head, Self(reader))
    }

    /// A stream that stands, and where it begins.
    fn standing(server: &Server, program: &str, query: &str) -> (String, Self) {
        Self::standing_with(server, ADMIN_KEY, &path(program, query))
    }

    pub fn standing_with(server: &Server, key: &str, path: &str) -> (String, Self) {
        let (head, mut stream) = Self::open(server, key, path);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let (id, data) = stream.next().expect("it begins");
        assert_eq!(data, None, "the first message says where it begins");
        (id, stream)
    }

    /// The next message; none when the stream has ended in order.
    pub fn next(&mut self) -> Option<Message> {
        let (mut id, mut data) = (None, None);
        loop {
            let line = server_sent::line(&mut self.0)?;
            if let Some(value) = line.strip_prefix("id: ") {
                id = Some(value.trim_end().to_owned());
            } else if let Some(value) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(value).expect("JSON"));
            } else if line == "\n"
                && let Some(id) = id.take()
            {
                return Some((id, data));
            }
        }
    }

    /// The next event.
    pub fn event(&mut self) -> Value {
        loop {
            let (id, data) = self.next().expect("it goes on");
            if let Some(data) = data {
                assert_eq!(data["id"], id);
                return data;
            }
        }
    }
}

pub fn path(program: &str, query: &str) -> String {
    format!("/v2/campaign/{program}/events/stream{query}")
}

fn post(client: &Client, program: &str, event: &Value) -> String {
    let answer = client.post(&format!("/v2/campaign/{program}/events"), event).ok();
    answer["id"].as_str().expect("an id").to_owned()
}

fn events_come_and_are_found_again(server: &Server) {
    let client = server.client();
    let (program, other) = (client.program("REFERRAL"), client.program("REFERRAL"));
    client.join(&program, "before");
    let (begin, mut stream) = Stream::standing(server, &program, "");
    let (_, mut ended) = Stream::standing(server, &program, "?events=CAMPAIGN_ENDED,NEW_PAYOUT_ISSUED");
    client.join(&other, "elsewhere");
    let joined = client.join(&program, "ann");
    let end = json!({ "event": "CAMPAIGN_ENDED", "createdAt": 5, "data": { "ä\n": 1.50, "id": "p" } });
    let end = post(&client, &program, &end);
    let first = stream.event();
    assert_eq!((&first["id"], &first["event"]), (&json!(joined), &json!("NEW_PARTICIPANT_ADDED")));
    let body = "{\"event\":\"CAMPAIGN_ENDED\",\"createdAt\":5,\"data\":{\"ä\\n\":1.5,\"id\":\"p\"}}";
    let second = json!({ "id": end, "event": "CAMPAIGN_ENDED", "createdAt": 5, "body": body });
    assert_eq!((stream.event(), ended.event()), (second.clone(), second.clone()));

    let (at, mut again) = Stream::standing(server, &program, &format!("?after={begin}"));
    assert_eq!(at, begin);
    assert_eq!((again.event(), again.event()), (first, second.clone()));
    let headers = format!("authorization: Bearer {ADMIN_KEY}\r\nlast-event-id: {joined}\r\n");
    let (_, mut browser) = Stream::open_with(server, &path(&program, &format!("?after={begin}")), &headers);
    assert_eq!(browser.event(), second);
}

#[test]
fn events_come_as_they_are_accepted_with_their_bytes_and_are_found_behind_an_id() {
    events_come_and_are_found_again(&Server::start());
}

#[test]
fn events_come_from_postgresql_as_well() {
    let (name, url) = on(private_postgres::Server::shared());
    events_come_and_are_found_again(&Server::with(&[(name, &url)]));
}

#[test]
fn a_stream_is_for_keys_that_may_read_that_program() {
    let server = Server::start();
    let client = server.client();
    let (program, other) = (client.program("REFERRAL"), client.program("REFERRAL"));
    let key = |scopes: Value, campaign: Option<&str>| {
        let wanted = json!({ "name": "k", "scopes": scopes, "campaignId": campaign });
        client.post("/v2/api-keys", &wanted).ok()["key"].as_str().expect("a key").to_owned()
    };
    let head = |key: &str, path: &str| Stream::open(&server, key, path).0.to_lowercase();
    let status = |key: &str, path: &str| head(key, path)[9..12].to_owned();
    assert_eq!(status("wrong", &path(&program, "")), "401");
    assert_eq!(status(ADMIN_KEY, &path("nowhere", "")), "404");
    assert_eq!(status(ADMIN_KEY, &path(&program, "?events=NO&after=x")), "400");
    assert_eq!(status(&key(json!(["events"]), None), &path(&program, "")), "403");
    let own = key(json!(["read"]), Some(&program));
    assert_eq!(status(&own, &path(&other, "")), "404");
    let good = head(&own, &path(&program, ""));
    for wanted in ["http/1.1 200 ", "text/event-stream", "no-store", "x-accel-buffering: no"] {
        assert!(good.contains(wanted), "no {wanted} in {good}");
    }
    assert!(!good.contains("content-encoding") && !good.contains("content-length"), "{good}");
}

#[test]
fn a_stream_says_every_while_where_it_is_and_ends_at_once_with_its_key() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let key = client.post("/v2/api-keys", &json!({ "name": "k" })).ok();
    let text = key["key"].as_str().expect("a key");
    let (_, mut stream) = Stream::open(&server, text, &path(&program, ""));
    let (begin, _) = stream.next().expect("it begins");
    let elsewhere = client.join(&client.program("REFERRAL"), "ann");
    // The connection would time out after a minute of silence.
    let (place, data) = stream.next().expect("it says where it is");
    assert!(data.is_none() && place >= begin && place >= elsewhere, "{begin} {elsewhere} {place}");
    let removed = Instant::now();
    client.delete(&format!("/v2/api-keys/{}", key["id"].as_str().expect("an id"))).ok();
    assert_eq!(stream.next(), None);
    assert!(removed.elapsed() < Duration::from_secs(5), "{:?}", removed.elapsed());
}

/// Ten clients with one key ask for much and read nothing.
#[test]
fn one_key_has_ten_streams_and_whoever_takes_nothing_loses_its_own() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let key = client.post("/v2/api-keys", &json!({ "name": "k" })).ok();
    let key = key["key"].as_str().expect("a key");
    let large =
        json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p", "notes": "n".repeat(3 << 20) } });
    for _ in 0..4 {
        post(&client, &program, &large);
    }
    let everything = path(&program, "?after=evt_0000000000000");
    let idle: Vec<Stream> = (0..10).map(|_| Stream::open(&server, key, &everything).1).collect();
    let status = |key: &str| Stream::open(&server, key, &path(&program, "")).0[9..12].to_owned();
    let (refused, _) = Stream::open(&server, key, &path(&program, ""));
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("retry-after: 15"), "{refused}");
    assert_eq!(status(ADMIN_KEY), "200", "others have room");
    waiting::within(Duration::from_secs(90), "there is room again", || (status(key) == "200").then_some(()));
    drop(idle);
}

#[test]
fn a_stop_ends_streams_and_there_is_room_for_as_many_as_each_may_have() {
    let mut server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let key = || {
        let made = client.post("/v2/api-keys", &json!({ "name": "k" })).ok();
        made["key"].as_str().expect("a key").to_owned()
    };
    let (keys, stream) = ([key(), key(), key()], path(&program, ""));
    let of_team = keys.iter().flat_map(|key| (0..10).map(|_| key.as_str())).take(25);
    let all = of_team.chain((0..50).map(|_| ADMIN_KEY));
    let mut open: Vec<Stream> = all.map(|key| Stream::standing_with(&server, key, &stream).1).collect();
    for (key, whose) in [(keys[2].as_str(), "25 streams"), (ADMIN_KEY, "50 streams")] {
        let (head, mut refused) = Stream::open(&server, key, &stream);
        assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("retry-after: 15"), "{head}");
        let mut body = Vec::new();
        refused.0.read_until(b'}', &mut body).expect("a body");
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains(whose), "{body}");
    }
    drop(open.pop());
    waiting::within(PATIENCE, "there is room again", || {
        // Noticed when something is to be written.
        server.client().join(&program, "ann");
        let (head, _) = Stream::open(&server, ADMIN_KEY, &stream);
        head.starts_with("HTTP/1.1 200 ").then_some(())
    });
    server.terminate();
    for stream in &mut open {
        while stream.next().is_some() {}
    }
    assert!(server.wait(Duration::from_secs(8)).success());
}

//! More than the server can take: it says so, keeps its memory, and keeps what it accepted.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::server::{ADMIN_KEY, Server};
use crate::waiting;

/// The largest event there can be.
const LARGEST: usize = 4 << 20;

/// So many of the largest have room while they are received.
const ROOM_FOR: usize = 16;

/// A producer that sends the largest event but for its last byte.
fn begin(server: &Server, path: &str, key: &str) -> TcpStream {
    let address = server.url().strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {LARGEST}\r\n\r\n"
    );
    let body = vec![b'x'; LARGEST - 1];
    stream.write_all(&[head.as_bytes(), &body].concat()).expect("the server reads");
    stream
}

fn post(client: &Client, path: &str) -> Answer {
    client.post(path, &json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p1" } }))
}

#[test]
fn while_there_is_no_room_for_bodies_events_are_refused_with_503_and_when_to_come_back() {
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    let path = format!("/v2/campaign/{program}/events");
    let mut unfinished: Vec<TcpStream> = (0..ROOM_FOR).map(|_| begin(&server, &path, ADMIN_KEY)).collect();
    let refused = waiting::until("an event is refused", || {
        let answer = post(&client, &path);
        if answer.status == 503 {
            return Some(answer);
        }
        assert_eq!(answer.status, 202, "{}", answer.text);
        // This very event may have had the last of the room when one of the large ones asked for it.
        unfinished.push(begin(&server, &path, ADMIN_KEY));
        None
    });
    assert_eq!(refused.refused(503, "OVERLOADED"), Vec::<String>::new());
    assert_eq!(refused.header("retry-after"), Some("1"));
    // What needs no body is answered as ever.
    assert_eq!(client.get("/v2/campaigns").status, 200);
    drop(unfinished);
    waiting::until("events are accepted again", || (post(&client, &path).status == 202).then_some(()));
}

#[test]
fn a_team_whose_keys_have_half_of_the_room_for_bodies_is_told_to_wait_and_others_have_the_rest() {
    let server = Server::start();
    let client = server.client();
    let team = client.post("/v2/teams", &json!({ "name": "Others" })).ok();
    // A program, and keys that are good for it.
    let program = |team: &Value| {
        let program = client.post("/v2/campaigns", &json!({ "type": "REFERRAL", "teamId": team })).ok();
        let program = program["id"].as_str().expect("an id");
        let key = || {
            let made = client.post("/v2/api-keys", &json!({ "name": "k", "campaignId": program })).ok();
            made["key"].as_str().expect("a key").to_owned()
        };
        (format!("/v2/campaign/{program}/events"), [key(), key()])
    };
    let (greedy_path, greedy) = program(&Value::Null);
    let (path, other) = program(&team["id"]);
    let [greedy_client, other_client] = [&greedy[1], &other[0]].map(|key| Client::new(server.url(), key));
    // Half of it by one key; the other key of the team has no more.
    let begun = (0..ROOM_FOR / 2).map(|_| begin(&server, &greedy_path, &greedy[0]));
    let unfinished: Vec<TcpStream> = begun.collect();
    let refused = waiting::until("the team has its share", || {
        let answer = post(&greedy_client, &greedy_path);
        (answer.status != 202).then_some(answer)
    });
    refused.refused(429, "RATE_LIMIT");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.text.contains("BODIES_OF_A_TEAM"), "{}", refused.text);
    assert_eq!(post(&other_client, &path).status, 202);
    let large = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p1", "note": "x".repeat(LARGEST - 100) } });
    assert_eq!(other_client.post(&path, &large).status, 202);
    drop(unfinished);
    waiting::until("it may send again", || (post(&greedy_client, &greedy_path).status == 202).then_some(()));
}

#[test]
fn a_flood_of_large_events_is_refused_in_part_and_what_was_accepted_is_stored() {
    const PRODUCERS: usize = 120;
    let server = Server::start();
    let client = server.client();
    let program = client.program("REFERRAL");
    // Disabled, so that each accepted event is listed and none is sent.
    client.webhook(&program, "https://example.com/", json!({ "isEnabled": false }));
    let path = format!("/v2/campaign/{program}/events");
    let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p1", "note": "x".repeat(LARGEST - 100) } });
    let body = event.to_string();
    let (accepted, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..PRODUCERS {
            scope.spawn(|| {
                let answer = client.post_text(&path, &body, &[]);
                if answer.status == 202 {
                    accepted.fetch_add(1, Ordering::Relaxed);
                } else {
                    answer.refused(503, "OVERLOADED");
                    assert_eq!(answer.header("retry-after"), Some("1"));
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (accepted, refused) = (accepted.into_inner(), refused.into_inner());
    assert!(accepted >= ROOM_FOR && refused > 0, "{accepted} accepted, {refused} refused");
    assert_eq!(listed(&client, &program), accepted, "exactly what was accepted is stored");
    let peak = peak_mib(server.pid());
    assert!(
        peak < PEAK_MIB,
        "{peak} MiB were used for {PRODUCERS} bodies of 4 MiB; {accepted} were accepted"
    );
}

/// Sixteen bodies of 4 MiB, each also as the tree it was read into and as the bytes that wait to be stored, and what the
/// server needs anyway. All 120 of them would be 1,440 MiB.
const PEAK_MIB: usize = 400;

fn listed(client: &Client, program: &str) -> usize {
    let mut count = 0;
    let mut next = String::new();
    loop {
        let page = client.get(&format!("/v2/campaign/{program}/deliveries?limit=100{next}")).ok();
        count += page["deliveries"].as_array().map_or(0, Vec::len);
        match &page["nextId"] {
            Value::String(id) => next = format!("&nextId={id}"),
            _ => return count,
        }
    }
}

/// The most memory the process ever had.
fn peak_mib(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib / 1024
}

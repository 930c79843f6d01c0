//! Limits of keys hold for all servers together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Nodes;
use crate::client::Client;

/// Of a key, a second.
const LIMIT: usize = 40;

/// How long is posted.
const SECONDS: usize = 6;

fn limited_key(nodes: &Nodes) -> String {
    let limit = json!({ "second": LIMIT, "minute": 100_000, "hour": 100_000 });
    let new = json!({ "name": "a", "scopes": ["events"], "rateLimit": limit });
    nodes.client(0).post("/v2/api-keys", &new).ok()["key"].as_str().expect("a key").to_owned()
}

fn with(nodes: &Nodes, node: usize, key: &str) -> Client {
    nodes.client(node).authorized_by(Some(&format!("Bearer {key}")))
}

/// Two producers at each of these nodes post as fast as they can; how many events were accepted in [`SECONDS`] after the first second.
fn accepted(nodes: &Nodes, at: &[usize], (program, key): (&str, &str)) -> usize {
    let (path, accepted) = (format!("/v2/campaign/{program}/events"), AtomicUsize::new(0));
    let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p" } });
    let began = Instant::now();
    thread::scope(|scope| {
        for node in at.iter().chain(at) {
            let (path, event, accepted) = (&path, &event, &accepted);
            scope.spawn(move || {
                let client = with(nodes, *node, key);
                while began.elapsed() < Duration::from_secs(SECONDS as u64 + 1) {
                    let is_counted = began.elapsed() >= Duration::from_secs(1);
                    match client.post(path, event).status {
                        202 => _ = accepted.fetch_add(usize::from(is_counted), Ordering::SeqCst),
                        429 => thread::sleep(Duration::from_millis(5)),
                        other => panic!("{other}"),
                    }
                }
            });
        }
    });
    accepted.into_inner()
}

#[test]
fn a_keys_limit_is_one_limit_whichever_servers_are_asked() {
    let nodes = Nodes::start(2);
    let program = nodes.client(0).program("REFERRAL");
    let key = limited_key(&nodes);
    crate::waiting::until("every node knows of the key", || {
        let knows = |node| {
            let answer = with(&nodes, node, &key).post("/v2/campaign/x/events", &Value::Null);
            answer.status != 401
        };
        (knows(0) && knows(1)).then_some(())
    });
    for at in [&[0_usize][..], &[1], &[0, 1]] {
        let (found, wanted) = (accepted(&nodes, at, (&program, &key)), LIMIT * SECONDS);
        assert!(found * 10 >= wanted * 8 && found * 10 <= wanted * 12, "at {at:?}: {found} of {wanted}");
    }
}

//! The inbox of a program whose webhook is delivered to by a server that does not lead.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Nodes, metric};
use crate::browser::Browser;
use crate::client::Call;
use crate::live::Stream;
use crate::waiting;

/// An open page says within this time what has come.
const SOON: Duration = Duration::from_secs(2);

const DELIVERED: &str = "groundswell_attempts_total{outcome=\"success\"}";

/// Two servers that are reached at one address.
fn nodes() -> Nodes {
    let mut nodes = Nodes::none();
    for _ in 0..2 {
        nodes.join_with(&[("GROUNDSWELL_PUBLIC_URL", "http://127.0.0.1:1")]);
    }
    nodes.wait_for_balance();
    nodes
}

fn inbox(nodes: &Nodes, program: &str) -> Value {
    nodes.client(0).get(&format!("/v2/campaign/{program}/inbox")).ok()
}

fn requests(nodes: &Nodes, program: &str) -> usize {
    inbox(nodes, program)["requests"].as_array().expect("a list").len()
}

/// A program with a webhook to its inbox that this server delivers to; the inbox has got something.
fn program_delivered_to_by(nodes: &Nodes, node: usize) -> String {
    waiting::until("a webhook is that server's", || {
        let client = nodes.client(node);
        let program = client.program("REFERRAL");
        let url = inbox(nodes, &program)["url"].as_str().expect("an address").to_owned();
        client.webhook(&program, &url, Value::Null);
        let delivered = || metric(&nodes.servers[node], DELIVERED).unwrap_or(0);
        let before = delivered();
        let event = client.join(&program, "first");
        waiting::until("it is delivered", || {
            (client.delivery_of(&program, &event)["state"] == "delivered").then_some(())
        });
        (delivered() > before).then_some(program)
    })
}

/// Each of these streams says within [`SOON`] that there is something new in the inbox, and so there is: it has `count` requests.
fn are_told(pages: &mut [Stream], (nodes, program, count): (&Nodes, &str, usize)) {
    let began = Instant::now();
    for page in pages {
        loop {
            // Nothing new is said every 20 seconds at the latest.
            let told = page.next().expect("it goes on");
            let took = began.elapsed();
            assert!(took < SOON, "it took {took:?}");
            // What came before may be said only now.
            if told.as_array().expect("a list").contains(&json!("inbox")) && requests(nodes, program) == count
            {
                break;
            }
        }
    }
}

#[test]
fn an_open_inbox_is_told_of_what_another_server_hands_over_or_is_posted_to() {
    let nodes = nodes();
    let (leader, follower) = (nodes.leader(), nodes.follower());
    let program = program_delivered_to_by(&nodes, follower);
    let browser = Browser::signed_in(&nodes.servers[leader]);
    let path = format!("/programs/{program}/live");
    // One at the server that leads, one that another one has passed on.
    let mut pages = [leader, follower].map(|node| Stream::standing(&browser.at(&nodes.servers[node]), &path));
    let url = inbox(&nodes, &program)["url"].as_str().expect("an address").to_owned();
    let post_path = url["http://127.0.0.1:1".len()..].to_owned();
    let mut count = requests(&nodes, &program);
    for node in [leader, follower, leader] {
        nodes.client(node).join(&program, "p");
        count += 1;
        are_told(&mut pages, (&nodes, &program, count));
    }
    for node in [leader, follower] {
        let call = Call { method: "POST", path: &post_path, headers: &[], body: b"{}" };
        assert_eq!(nodes.client(node).authorized_by(None).send(call).status, 200);
        count += 1;
        are_told(&mut pages, (&nodes, &program, count));
    }
}

//! What is parked is sent or kept by the node that serves its webhook, whichever is asked.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::faults::{AT_MOST_DOUBLES, GRACE, say};
use super::{LEASE_MS, Nodes, PATHS, SHARDS, metric, program_with_webhooks, shards};
use crate::browser::Browser;
use crate::crash::auditor::is_success;
use crate::receiver::{Exchange, Reaction, Receiver};
use crate::waiting;

/// Far from the minute after which a node looks everything through.
const PROMPT: Duration = Duration::from_secs(5);

/// Programs with webhooks that have something parked, at two nodes.
struct Parked {
    nodes: Nodes,
    database: String,
    receiver: Receiver,
    /// Each with the keys of its webhooks' rows in the editor.
    programs: Vec<(String, Vec<String>)>,
    events: usize,
}

impl Parked {
    /// So many events for each of so many programs. All webhooks are enabled again.
    fn set_up(programs: usize, events: usize) -> Self {
        let postgres = private_postgres::Server::shared();
        let database = postgres.create(None);
        let nodes = Nodes::at(postgres.url(&database), &[Vec::new(), Vec::new()]);
        let receiver = Receiver::that(|_| Reaction::from(500));
        let client = nodes.client(0);
        let programs: Vec<String> =
            (0..programs).map(|_| program_with_webhooks(&client, &receiver)).collect();
        for program in &programs {
            enable_all(&nodes, program, false);
            let event =
                |number| json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": format!("p{number}") } });
            let lines: Vec<String> = (0..events).map(|number| event(number).to_string()).collect();
            for (number, part) in lines.chunks(100).enumerate() {
                assert_eq!(nodes.client(number % 2).post_lines(program, &part.join("\n")).status, 202);
            }
        }
        receiver.behave(|_| Reaction::from(200));
        for program in &programs {
            enable_all(&nodes, program, true);
        }
        let browser = Browser::signed_in(&nodes.servers[0]);
        let with_rows = |program: String| {
            let panel = told(&browser, "get_panel", &json!({ "id": program })).expect("a panel");
            let rows = panel["rows"].as_array().expect("a list").iter();
            let keys = rows.map(|row| row["row"]["key"].as_str().expect("a key").to_owned()).collect();
            (program, keys)
        };
        let programs = programs.into_iter().map(with_rows).collect();
        let parked = Self { nodes, database, receiver, programs, events };
        assert_eq!(parked.waiting(), (parked.total(), 0));
        parked
    }

    fn total(&self) -> usize {
        self.programs.len() * PATHS.len() * self.events
    }

    /// Deliveries that are parked, and those that wait otherwise.
    fn waiting(&self) -> (usize, usize) {
        let counts = "SELECT COUNT(*) FILTER (WHERE due_at_ms > 5000000000000), \
            COUNT(*) FILTER (WHERE due_at_ms <= 5000000000000) FROM pending";
        let counts = private_postgres::Server::shared().sql(&self.database, counts);
        let (parked, others) = counts.split_once('|').expect("two columns");
        [parked, others].map(|count| count.parse().expect("a number")).into()
    }

    /// Asks a node to send what is parked at every webhook; for how many that was promised.
    fn release(&self, node: usize) -> usize {
        let browser = Browser::signed_in(&self.nodes.servers[node]);
        let rows =
            self.programs.iter().flat_map(|(program, keys)| keys.iter().map(move |key| (program, key)));
        let asked = rows.map(|(program, key)| json!({ "id": program, "row_key": key }));
        asked.filter(|asked| told(&browser, "release_parked", asked).is_some()).count()
    }

    fn arrived(&self) -> usize {
        self.receiver.look(|all| all.iter().filter(|one| is_success(one)).count())
    }

    /// Of them, those that are the first of their delivery.
    fn arrived_once(&self) -> usize {
        self.receiver.look(|all| {
            let key = |one: &Exchange| (one.request.path.clone(), one.request.webhook_id().to_owned());
            all.iter().filter(|one| is_success(one)).map(key).collect::<HashSet<_>>().len()
        })
    }
}

/// What a server function answers; none if it says that it cannot.
fn told(browser: &Browser, function: &str, arguments: &Value) -> Option<Value> {
    let answer = browser.call(&format!("/_fn/{function}"), arguments);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    if head.starts_with("HTTP/1.1 200 ") { serde_json::from_str(body).ok() } else { None }
}

fn enable_all(nodes: &Nodes, program: &str, is_enabled: bool) {
    let client = nodes.client(0);
    let path = format!("/v2/campaign/{program}/webhooks");
    let webhooks = client.get(&path).ok()["webhooks"].as_array().expect("a list").clone();
    for webhook in webhooks {
        let id = webhook["id"].as_str().expect("an id");
        client.patch(&format!("{path}/{id}"), &json!({ "isEnabled": is_enabled })).ok();
    }
}

fn successes(nodes: &Nodes) -> Vec<i64> {
    let made = |server| metric(server, "groundswell_attempts_total{outcome=\"success\"}").unwrap_or(0);
    nodes.servers.iter().map(made).collect()
}

#[test]
fn what_is_parked_goes_out_at_once_whichever_node_is_asked_and_whichever_serves_it() {
    for through_leader in [true, false] {
        let parked = Parked::set_up(4, 10);
        let asked = if through_leader { parked.nodes.leader() } else { parked.nodes.follower() };
        let began = Instant::now();
        assert_eq!(parked.release(asked), 4 * PATHS.len(), "every webhook's node has heard it");
        let promised = began.elapsed();
        waiting::within(PROMPT, "everything has arrived", || {
            (parked.arrived() == parked.total()).then_some(())
        });
        let made = successes(&parked.nodes);
        say(format_args!(
            "released through the {}: promised in {promised:.0?}, all {} there in {:.0?}, sent by each node: {made:?}",
            if through_leader { "leader" } else { "other node" },
            parked.total(),
            began.elapsed(),
        ));
        assert!(made.iter().all(|made| *made > 0), "each node has delivered its part: {made:?}");
        waiting::until("all has ended", || (parked.waiting() == (0, 0)).then_some(()));
        assert_eq!(parked.arrived(), parked.total(), "and nothing twice");
    }
}

#[test]
fn what_a_killed_node_was_to_release_stays_parked_until_it_is_released_again() {
    let mut parked = Parked::set_up(2, 600);
    let (leader, follower) = (parked.nodes.leader(), parked.nodes.follower());
    // It has heard the word for all of its webhooks, and has moved the first rows of some.
    assert_eq!(parked.release(leader), 2 * PATHS.len());
    parked.nodes.servers.remove(follower).kill();
    let killed = Instant::now();
    let early = parked.release(0);
    waiting::within(Duration::from_millis(LEASE_MS) + GRACE, "the other one serves all", || {
        (shards(&parked.nodes.servers[0]) == SHARDS).then_some(())
    });
    let taken_over = killed.elapsed();
    // Nothing is on its way any more, and nothing has got lost on it.
    let left = waiting::until("what was released has arrived", || {
        let (left, others) = parked.waiting();
        (others == 0).then_some(left)
    });
    assert_eq!(parked.arrived_once(), parked.total() - left, "what is not parked has arrived");
    let began = Instant::now();
    assert_eq!(parked.release(0), 2 * PATHS.len());
    waiting::until("everything has arrived", || (parked.waiting() == (0, 0)).then_some(()));
    assert_eq!(parked.arrived_once(), parked.total());
    let doubles = parked.arrived() - parked.total();
    say(format_args!(
        "killed with the word: {left} of {} still parked, taken over in {taken_over:.1?}, meanwhile {early} of {} webhooks \
         took the wish, the rest in {:.1?}, {doubles} doubles",
        parked.total(),
        2 * PATHS.len(),
        began.elapsed(),
    ));
    assert!(doubles <= AT_MOST_DOUBLES * 2, "{doubles}");
}

//! Several servers on one PostgreSQL.

mod clocks;
mod cut;
mod database;
mod failover;
mod faults;
mod handover;
mod inbox;
mod limits;
mod parked;
mod passing;
mod proxy;
mod strangers;
mod streams;
mod upgrade;

use std::collections::BTreeSet;
use std::time::Duration;

use groundswell_engine::cluster::{NodeId, Placement, Shard};
use serde_json::{Value, json};

use crate::client::Client;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::{QUICK_RETRY, Server, previous};
use crate::waiting;

/// What all nodes seal secrets with.
const SECRETS_KEY: &str = "c2VjcmV0cyBvZiBub2RlcyBhcmUgc2VhbGVkIGhlcmU";

/// How long a node's shards stay with it when it is not heard of.
const LEASE_MS: u64 = 5_000;

/// All shards.
const SHARDS: i64 = 256;

/// Nodes that live, each with -1, and shards with whoever holds them.
const PLACES: &str = "WITH now AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms)
    SELECT -1, id FROM node, now WHERE presence = 'staying' AND expires_at_ms > ms
    UNION ALL SELECT shard, owner FROM shard_lease, now WHERE owner IS NOT NULL AND expires_at_ms > ms";

/// Servers on a database of their own.
struct Nodes {
    /// Its name.
    database: String,
    url: String,
    servers: Vec<Server>,
}

impl Nodes {
    /// So many, each with its share.
    fn start(count: usize) -> Self {
        let mut nodes = Self::none();
        for _ in 0..count {
            nodes.join();
        }
        nodes.wait_for_balance();
        nodes
    }

    /// One on this database for each of these, which are settings of its own.
    fn at(url: String, own: &[Vec<(&str, String)>]) -> Self {
        let database = url.rsplit('/').next().unwrap_or_default().to_owned();
        let mut nodes = Self { url, database, servers: Vec::new() };
        for own in own {
            let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
            nodes.join_with(&own);
        }
        nodes.wait_for_balance();
        nodes
    }

    /// A database for them.
    fn none() -> Self {
        let postgres = private_postgres::Server::shared();
        let database = postgres.create(None);
        Self { url: postgres.url(&database), database, servers: Vec::new() }
    }

    fn join(&mut self) {
        self.join_with(&[]);
    }

    /// One with more settings.
    fn join_with(&mut self, more: &[(&str, &str)]) {
        let server = self.server(Server::with, more);
        self.servers.push(server);
    }

    /// One of the version before.
    fn join_previous(&mut self) {
        let server = self.server(|settings| Server::of(previous(), settings), &[]);
        self.servers.push(server);
    }

    fn server(&self, start: impl FnOnce(&[(&str, &str)]) -> Server, more: &[(&str, &str)]) -> Server {
        let lease = LEASE_MS.to_string();
        let own = [
            ("GROUNDSWELL_DATABASE_URL", self.url.as_str()),
            ("GROUNDSWELL_SECRETS_KEY", SECRETS_KEY),
            ("GROUNDSWELL_NODE_LEASE_MS", &lease),
            ("GROUNDSWELL_PROBE_BASE_MS", "200"),
            ("GROUNDSWELL_PROBE_CAP_MS", "500"),
        ];
        start(&[QUICK_RETRY.as_slice(), &own, more].concat())
    }

    /// Waits until those that live have their parts of all shards, and serve them: nothing moves any more.
    fn wait_for_balance(&self) {
        waiting::within(Duration::from_mins(2), "the shards are divided among the nodes", || {
            let is_served = || self.servers.iter().map(shards).sum::<i64>() == SHARDS;
            (self.is_placed()? && is_served()).then_some(())
        });
    }

    /// Whether as many nodes live as there are servers, and each shard is with the one that ought to have it. That does not divide them
    /// evenly: nobody has more than a quarter above its share, and of four nodes one in thirty starts has one with less than three
    /// quarters of it.
    fn is_placed(&self) -> Option<bool> {
        let rows = private_postgres::Server::shared().try_sql(&self.url, PLACES).ok()?;
        let rows: Vec<[i64; 2]> = rows.lines().map(numbers).collect();
        let (living, held): (Vec<[i64; 2]>, Vec<[i64; 2]>) =
            rows.into_iter().partition(|[shard, _]| *shard < 0);
        let living: BTreeSet<NodeId> = living.iter().map(|[_, node]| NodeId::new(*node)).collect();
        let placement = Placement::over(&living);
        let is_right = |[shard, node]: &[i64; 2]| {
            let shard = Shard::new(u8::try_from(*shard).expect("the number of a shard"));
            placement.owner(shard) == Some(NodeId::new(*node))
        };
        Some(living.len() == self.servers.len() && held.len() == Shard::COUNT && held.iter().all(is_right))
    }

    fn client(&self, node: usize) -> Client {
        self.servers[node].client()
    }

    /// The place of the one that leads.
    fn leader(&self) -> usize {
        waiting::until("a node leads", || {
            self.servers.iter().position(|server| metric(server, "groundswell_leading") == Some(1))
        })
    }

    fn follower(&self) -> usize {
        let leader = self.leader();
        (0..self.servers.len()).find(|node| *node != leader).expect("there are others")
    }
}

/// A line of an answer in two columns.
fn numbers(line: &str) -> [i64; 2] {
    let (first, second) = line.split_once('|').expect("two columns");
    [first, second].map(|number| number.parse().expect("a number"))
}

fn shards(server: &Server) -> i64 {
    metric(server, "groundswell_shards").unwrap_or(0)
}

fn metric(server: &Server, name: &str) -> Option<i64> {
    let text = server.client().get("/metrics").text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))?;
    line.strip_suffix(".0").unwrap_or(&line).parse().ok()
}

/// A program with a webhook at each of five paths, so that there are some at each node.
fn program_with_webhooks(client: &Client, receiver: &Receiver) -> String {
    let program = client.program("REFERRAL");
    for path in PATHS {
        client.webhook(&program, &receiver.url(path), Value::Null);
    }
    program
}

const PATHS: [&str; 5] = ["/a", "/b", "/c", "/d", "/e"];

#[test]
fn what_any_node_accepts_is_delivered_once_by_whichever_has_the_webhook() {
    let nodes = Nodes::start(2);
    let receiver = Receiver::start();
    let programs = [(); 4].map(|()| program_with_webhooks(&nodes.client(0), &receiver));
    for number in 0..40 {
        nodes.client(number / 4 % 2).join(&programs[number % 4], &format!("p{number}"));
    }
    receiver.answered(40 * PATHS.len());
    let made = |node: usize| metric(&nodes.servers[node], "groundswell_attempts_total{outcome=\"success\"}");
    assert!(made(0) > Some(0) && made(1) > Some(0), "both delivered: {:?} and {:?}", made(0), made(1));
    assert_eq!(receiver.requests().len(), 40 * PATHS.len(), "and nothing twice");
    // What is shown is the same wherever it is asked for.
    for node in 0..2 {
        let deliveries = nodes.client(node).deliveries(&programs[0], "?limit=100");
        assert!(deliveries.iter().all(|one| one["state"] == "delivered"), "{deliveries:?}");
    }
}

#[test]
fn an_event_that_the_other_node_accepts_goes_out_at_once() {
    let nodes = Nodes::start(2);
    let receiver = Receiver::start();
    let program = program_with_webhooks(&nodes.client(0), &receiver);
    nodes.client(0).join(&program, "first");
    receiver.answered(PATHS.len());
    let mut latencies: Vec<i64> = Vec::new();
    for number in 0..100 {
        let posted_ms = waiting::now_ms();
        nodes.client(number % 2).join(&program, &format!("p{number}"));
        let arrived = receiver.answered((number + 2) * PATHS.len());
        let of_this = arrived.iter().filter(|one| one.request.json()["data"]["id"] == format!("p{number}"));
        latencies.extend(of_this.map(|one| one.request.arrived_at_ms - posted_ms));
    }
    latencies.sort_unstable();
    let median = latencies[latencies.len() / 2];
    assert!(median <= 100, "half of the deliveries took longer than {median} ms");
}

#[test]
fn settings_are_the_same_at_every_node_once_they_are_published() {
    let nodes = Nodes::start(2);
    let receiver = Receiver::start();
    let (leader, follower) = (nodes.leader(), nodes.follower());
    let program = nodes.client(follower).program("REFERRAL");
    let webhook = nodes.client(follower).webhook(&program, &receiver.url("/one"), Value::Null);
    // Whatever a node is told before it accepts an event, it accepts it by the settings as they are.
    for round in 0..10 {
        let path = format!("/round-{round}");
        let change = json!({ "payloadUrl": receiver.url(&path) });
        let by = if round % 2 == 0 { leader } else { follower };
        nodes.client(by).patch(&format!("/v2/campaign/{program}/webhooks/{webhook}"), &change).ok();
        nodes.client(1 - by).join(&program, &format!("p{round}"));
        let request = receiver.request_about(&format!("p{round}"));
        assert_eq!(request.path, path, "round {round}");
    }
}

#[test]
fn a_new_key_opens_every_node_and_a_revoked_one_none() {
    let nodes = Nodes::start(2);
    let receiver = Receiver::start();
    let follower = nodes.follower();
    let program = program_with_webhooks(&nodes.client(follower), &receiver);
    let key = nodes.client(follower).post("/v2/api-keys", &json!({ "name": "a", "scopes": ["events"] })).ok();
    let (id, key) = (key["id"].as_str().expect("an id"), key["key"].as_str().expect("a key"));
    let path = format!("/v2/campaign/{program}/events");
    let event = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p" } });
    let statuses = |wanted: u16| {
        for server in &nodes.servers {
            let client = server.client().authorized_by(Some(&format!("Bearer {key}")));
            waiting::within(Duration::from_secs(2), "every node knows of the key", || {
                (client.post(&path, &event).status == wanted).then_some(())
            });
        }
    };
    statuses(202);
    assert!(nodes.client(follower).delete(&format!("/v2/api-keys/{id}")).status < 300);
    statuses(401);
}

#[test]
fn a_webhook_that_fails_at_another_node_is_disabled_by_the_one_that_leads() {
    let nodes = Nodes::start(2);
    let receiver = Receiver::that(|_| Reaction::from(410));
    let program = program_with_webhooks(&nodes.client(0), &receiver);
    nodes.client(0).join(&program, "p");
    waiting::until("every webhook is disabled", || {
        let list = nodes.client(1).get(&format!("/v2/campaign/{program}/webhooks")).ok();
        let webhooks = list["webhooks"].as_array().expect("a list").clone();
        // One that is not told of at once is with the next attempt.
        nodes.client(1).join(&program, "again");
        webhooks.iter().all(|webhook| webhook["isEnabled"] == false).then_some(())
    });
}

#[test]
fn what_waits_at_another_node_is_parked_and_cancelled_through_any() {
    let nodes = Nodes::start(2);
    let receiver = Receiver::that(|_| Reaction::from(500));
    let program = program_with_webhooks(&nodes.client(0), &receiver);
    let list = nodes.client(0).get(&format!("/v2/campaign/{program}/webhooks")).ok();
    let ids = list["webhooks"].as_array().expect("a list").clone();
    let paths: Vec<String> = ids
        .iter()
        .map(|webhook| format!("/v2/campaign/{program}/webhooks/{}", webhook["id"].as_str().expect("an id")))
        .collect();
    for number in 0..10 {
        nodes.client(number % 2).join(&program, &format!("p{number}"));
    }
    receiver.answered(PATHS.len());
    let all = |state: &str| {
        waiting::until(format!("every delivery is {state}"), || {
            let found = nodes.client(1).deliveries(&program, &format!("?limit=100&state={state}"));
            (found.len() == 10 * PATHS.len()).then_some(())
        });
    };
    for path in &paths {
        nodes.client(0).patch(path, &json!({ "isEnabled": false })).ok();
    }
    all("parked");
    receiver.behave(|_| Reaction::from(200));
    for path in &paths {
        nodes.client(1).patch(path, &json!({ "isEnabled": true })).ok();
    }
    // What is new is delivered, what is parked stays.
    let new = nodes.client(0).join(&program, "new");
    receiver.until("the new one is delivered everywhere", |all| {
        (all.iter().filter(|one| one.request.webhook_id() == new).count() == PATHS.len()).then_some(())
    });
    all("parked");
    for path in &paths {
        assert!(nodes.client(0).delete(path).status < 300);
    }
    all("cancelled");
}

#[test]
fn a_delivery_that_another_node_sends_just_now_is_shown_as_being_sent() {
    let nodes = Nodes::start(2);
    let receiver = Receiver::that(|_| Reaction::AnswerAfter(Duration::from_secs(10), Reply::status(200)));
    let program = program_with_webhooks(&nodes.client(0), &receiver);
    nodes.client(1).join(&program, "p");
    receiver.until("all have got it", |all| (all.len() == PATHS.len()).then_some(()));
    for node in 0..2 {
        let deliveries = nodes.client(node).deliveries(&program, "?limit=100");
        let states: Vec<&Value> = deliveries.iter().map(|one| &one["state"]).collect();
        assert_eq!(states, ["sending"; PATHS.len()], "asked at {node}");
        let id = deliveries[0]["id"].as_str().expect("an id");
        assert_eq!(
            nodes.client(node).get(&format!("/v2/campaign/{program}/deliveries/{id}")).ok()["state"],
            "sending"
        );
        let found = nodes.client(node).deliveries(&program, "?limit=100&state=sending");
        assert_eq!(found.len(), PATHS.len());
    }
    let made = |node: usize| metric(&nodes.servers[node], "groundswell_slots_in_use");
    assert!(made(0) > Some(0) && made(1) > Some(0), "both send: {:?} and {:?}", made(0), made(1));
}

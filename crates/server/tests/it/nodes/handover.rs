//! What becomes of requests and streams when another node leads.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use groundswell_engine::cluster::Shard;
use groundswell_engine::nodes::LEAD;
use groundswell_engine::store::EndpointId;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{LEASE_MS, Nodes};
use crate::browser::Browser;
use crate::live::Stream;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::Server;
use crate::waiting;

fn signal(server: &Server, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(server.pid()).expect("a pid")).expect("not 0");
    kill_process(pid, signal).expect("it runs");
}

/// A program with a webhook that is in another shard than the lead goes with.
fn program_beside_the_lead(nodes: &Nodes, url: &str) -> String {
    waiting::until("a webhook is in another shard", || {
        let program = nodes.client(0).program("REFERRAL");
        nodes.client(0).webhook(&program, url, Value::Null);
        let id = private_postgres::Server::shared()
            .sql(&nodes.database, &format!("SELECT id FROM endpoint WHERE program_id = '{program}'"));
        let id = EndpointId(id.trim().parse().expect("a number"));
        (Shard::of(id) != LEAD).then_some(program)
    })
}

#[test]
fn while_one_that_leads_stops_another_does_what_is_asked() {
    let mut nodes = Nodes::start(2);
    let receiver = Receiver::that(|_| Reaction::AnswerAfter(Duration::from_secs(8), Reply::status(200)));
    let program = program_beside_the_lead(&nodes, &receiver.url("/"));
    nodes.client(0).join(&program, "p");
    waiting::until("an attempt is under way", || (!receiver.requests().is_empty()).then_some(()));
    let leader = nodes.leader();
    let mut stopped = nodes.servers.remove(leader);
    // A request that is begun and does not end.
    let mut open = TcpStream::connect(&stopped.url()["http://".len()..]).expect("it listens");
    let head = "POST /v2/campaigns HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{";
    open.write_all(head.as_bytes()).expect("it listens");
    nodes.client(0).get("/v2/campaigns").ok();
    stopped.terminate();
    let began = Instant::now();
    nodes.client(0).patch(&format!("/v2/campaign/{program}"), &json!({ "name": "Hooli" })).ok();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "it took {took:?}");
    assert!(stopped.is_running(), "it has an attempt under way");
    assert!(stopped.wait(Duration::from_secs(30)).success());
    drop(open);
    // It was waited for, and is not made again.
    waiting::until("the delivery is done", || {
        (nodes.client(0).deliveries(&program, "")[0]["state"] == "delivered").then_some(())
    });
    assert_eq!(receiver.requests().len(), 1);
}

#[test]
fn while_one_that_leads_hangs_nobody_waits_for_it_for_ever() {
    let mut nodes = Nodes::start(2);
    let program = nodes.client(0).program("REFERRAL");
    let leader = nodes.leader();
    let hangs = nodes.servers.remove(leader);
    let client = nodes.client(0);
    client.get("/v2/campaigns").ok();
    signal(&hangs, Signal::STOP);
    let began = Instant::now();
    let asks = {
        let (client, program) = (client.clone(), program.clone());
        thread::spawn(move || client.get(&format!("/v2/campaign/{program}")))
    };
    let changes =
        thread::spawn(move || client.patch(&format!("/v2/campaign/{program}"), &json!({ "name": "Hooli" })));
    let lease = Duration::from_millis(LEASE_MS);
    asks.join().expect("no panic").ok();
    assert!(began.elapsed() < lease + Duration::from_secs(10), "it took {:?}", began.elapsed());
    let answer = changes.join().expect("no panic");
    assert!(answer.refused(504, "OUTCOME_UNKNOWN").is_empty());
    assert!(began.elapsed() < lease + Duration::from_secs(20), "it took {:?}", began.elapsed());
    assert!(answer.header("x-request-id").is_some(), "{answer:?}");
    signal(&hangs, Signal::CONT);
}

#[test]
fn a_stream_of_one_that_does_not_lead_any_more_ends() {
    let mut nodes = Nodes::start(2);
    let leader = nodes.leader();
    let mut open = Stream::standing(&Browser::signed_in(&nodes.servers[leader]), "/programs/live");
    let hangs = nodes.servers.remove(leader);
    signal(&hangs, Signal::STOP);
    nodes.leader();
    signal(&hangs, Signal::CONT);
    // It may have had something to say before.
    let ends = (0..2).any(|_| open.next().is_none());
    assert!(ends, "it goes on, and nobody tells it anything");
}

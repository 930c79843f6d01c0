//! The process: one per file, orderly stops.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Call, Client};
use crate::ports;
use crate::receiver::{Reaction, Receiver, Reply};
use crate::server::{ADMIN_KEY, Server, on};
use crate::waiting;

#[test]
fn a_second_process_on_the_same_file_is_refused_and_told_who_holds_it() {
    let server = Server::start();
    let (status, said) = server.second_on_the_same_database();
    assert!(!status.success(), "{said}");
    let file = server.database();
    let name = file.file_name().and_then(|name| name.to_str()).expect("a plain name");
    for part in [name, &server.pid().to_string()] {
        assert!(said.contains(part), "no {part} in {said:?}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(server.client().get("/readyz").status, 200, "the first goes on");
}

#[test]
fn a_process_whose_place_in_the_database_is_gone_stops_and_says_why() {
    let postgres = private_postgres::Server::shared();
    let database = postgres.create(None);
    let url = postgres.url(&database);
    let mut server = Server::with(&[("GROUNDSWELL_DATABASE_URL", &url)]);
    postgres.sql(&database, "DELETE FROM node");
    let status = server.wait(Duration::from_secs(30));
    assert!(!status.success());
    let said = server.log();
    assert!(said.contains("its row in the table node is gone"), "{said}");
}

#[test]
fn after_a_kill_the_next_process_at_the_same_address_need_not_wait_for_the_lease() {
    let (name, url) = on(private_postgres::Server::shared());
    let receiver = Receiver::start();
    // Only at the port that the first one had the next one is sure that it is gone.
    let address = format!("127.0.0.1:{}", ports::kept());
    let own = [(name, url.as_str()), ("GROUNDSWELL_LISTEN", &address)];
    let mut server = Server::with(&[own.as_slice(), &[("GROUNDSWELL_NODE_LEASE_MS", "60000")]].concat());
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), Value::Null);
    server.kill();
    server.restart();
    server.client().join(&program, "somebody");
    receiver.answered(1);
}

#[test]
fn a_server_that_cannot_come_up_delivers_nothing() {
    // The system takes connections for it, and nobody answers them.
    let receiver = TcpListener::bind("127.0.0.1:0").expect("a free port");
    receiver.set_nonblocking(true).expect("a socket");
    let address = |listener: &TcpListener| listener.local_addr().expect("it is bound").to_string();
    let mut server = Server::start();
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &format!("http://{}/", address(&receiver)), Value::Null);
    server.client().join(&program, "somebody");
    waiting::until("it is being delivered", || receiver.accept().ok());
    server.kill();
    while receiver.accept().is_ok() {}

    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    server.set("GROUNDSWELL_METRICS_LISTEN", &address(&taken));
    for _ in 0..3 {
        let (status, said) = server.second_on_the_same_database();
        assert!(!status.success(), "{said}");
        assert!(said.contains(&format!("cannot listen on {} for metrics", address(&taken))), "{said}");
        receiver.accept().expect_err("nothing is sent");
    }
    drop(taken);
    server.restart();
    waiting::until("what waited is delivered", || receiver.accept().ok());
}

#[test]
fn a_postgresql_is_free_again_after_a_stop() {
    let (name, url) = on(private_postgres::Server::shared());
    let mut server = Server::with(&[(name, &url)]);
    server.client().program("REFERRAL");
    server.terminate();
    assert!(server.wait(Duration::from_secs(30)).success());
    server.restart();
    assert_eq!(server.client().get("/readyz").status, 200);
}

#[test]
fn a_file_is_free_again_after_a_kill_and_after_a_stop() {
    let mut server = Server::start();
    server.kill();
    server.restart();
    server.terminate();
    assert!(server.wait(Duration::from_secs(30)).success());
    server.restart();
    assert_eq!(server.client().get("/readyz").status, 200);
}

#[test]
fn a_stop_under_load_is_orderly_and_loses_nothing() {
    let mut server = Server::start();
    let receiver = Receiver::that(|request| {
        let delay = Duration::from_millis(20 + u64::try_from(request.number % 7).expect("small") * 40);
        Reaction::AnswerAfter(delay, Reply::status(if request.number.is_multiple_of(5) { 500 } else { 200 }))
    });
    let program = server.client().program("REFERRAL");
    server.client().webhook(&program, &receiver.url("/"), Value::Null);
    let stop = AtomicBool::new(false);
    let posted = AtomicUsize::new(0);
    let accepted: Vec<String> = std::thread::scope(|scope| {
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let client = Client::keeping_connections(server.url(), ADMIN_KEY);
                let (path, stop, posted) = (format!("/v2/campaign/{program}/events"), &stop, &posted);
                scope.spawn(move || {
                    let mut accepted = Vec::new();
                    for number in 0.. {
                        let data = json!({ "id": format!("p{producer}-{number}") });
                        let body = json!({ "event": "NEW_PARTICIPANT_ADDED", "data": data }).to_string();
                        let headers = &[("content-type", "application/json")];
                        let call = Call { method: "POST", path: &path, headers, body: body.as_bytes() };
                        match client.try_send(call) {
                            Ok(answer) if answer.status == 202 => {
                                accepted.push(answer.json()["id"].as_str().expect("an id").to_owned());
                                posted.fetch_add(1, Ordering::SeqCst);
                            }
                            // It is stopping, and says so or hangs up.
                            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text),
                            Err(_) => {}
                        }
                        if stop.load(Ordering::SeqCst) {
                            return accepted;
                        }
                    }
                    accepted
                })
            })
            .collect();
        waiting::until("there is load", || (posted.load(Ordering::SeqCst) > 200).then_some(()));
        server.terminate();
        let status = server.wait(Duration::from_secs(30));
        stop.store(true, Ordering::SeqCst);
        assert_eq!(status.code(), Some(0), "an orderly stop ends with 0, not {status}");
        producers.into_iter().flat_map(|producer| producer.join().expect("no panic")).collect()
    });
    let before: Vec<String> = delivered(&receiver);
    receiver.behave(|_| Reaction::from(200));
    server.restart();
    receiver.within(Duration::from_mins(2), "every accepted event arrives", |exchanges| {
        let arrived: std::collections::HashSet<&str> = exchanges
            .iter()
            .filter(|exchange| exchange.answered.is_some_and(|answered| answered.status == 200))
            .map(|exchange| exchange.request.webhook_id())
            .collect();
        accepted.iter().all(|id| arrived.contains(id.as_str())).then_some(())
    });
    // An orderly stop writes down the outcome of every attempt, so nothing is sent twice.
    let after = delivered(&receiver);
    let mut repeated: Vec<&String> = after[before.len()..].iter().filter(|id| before.contains(id)).collect();
    repeated.sort();
    assert_eq!(repeated, Vec::<&String>::new());
}

/// The ids of events that were answered with 200, in order.
fn delivered(receiver: &Receiver) -> Vec<String> {
    let exchanges = receiver.exchanges();
    let successes =
        exchanges.iter().filter(|exchange| exchange.answered.is_some_and(|answered| answered.status == 200));
    successes.map(|exchange| exchange.request.webhook_id().to_owned()).collect()
}

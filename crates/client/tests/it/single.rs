//! One event at a time.

use std::error::Error as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::future::join_all;
use groundswell_client::types::ErrorCode;
use groundswell_client::types::payload::NewParticipantAdded;
use groundswell_client::{
    Client, ErrorAnswer, Failure, IdempotencyKey, MAX_EVENT_BYTES, NewEvent, RetryPolicy, SetupError,
    SubmitError,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::server::{API_KEY, Ledger, QUICK, Reply, TestServer, error, joined, program};

/// Answers once as `first` says, and then accepts.
async fn flaky(first: fn(&Ledger, &str) -> Reply) -> TestServer {
    let ledger = Ledger::default();
    TestServer::start(move |number, seen| match number {
        1 => first(&ledger, seen.key()),
        _ => Reply::Answer(202, ledger.accept(seen.key()).to_string()),
    })
    .await
}

/// Whether two requests arrived that are the same event for the server.
fn was_repeated(server: &TestServer) {
    let [first, second] = &server.seen()[..] else { panic!("{:?}", server.seen()) };
    assert_eq!((first.key(), &first.body), (second.key(), &second.body));
}

#[tokio::test]
async fn a_typed_event_arrives_as_the_server_reads_it() {
    let server = TestServer::start(|_, _| {
        Reply::Answer(
            202,
            json!({"id": "evt_0000000000001", "deliveries": 3, "duplicate": false}).to_string(),
        )
    })
    .await;
    let gavin = NewParticipantAdded { id: "gavin".to_owned(), ..NewParticipantAdded::default() };
    let event = NewEvent::from(gavin).with_key(IdempotencyKey::parse("order-1").expect("a key")).at(5);
    let accepted = server.client().submit(&program(), event).await.expect("accepted");
    assert_eq!((accepted.id.number(), accepted.deliveries, accepted.duplicate), (1, 3, false));
    let seen = &server.seen()[0];
    assert_eq!((seen.path.as_str(), seen.key()), ("/v2/campaign/4pdlhb/events", "order-1"));
    assert_eq!(seen.headers["authorization"], format!("Bearer {API_KEY}"));
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.body, r#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"gavin"},"createdAt":5}"#);
}

#[tokio::test]
async fn a_server_that_is_overloaded_is_asked_again_when_it_wants_with_the_same_key() {
    let server = flaky(|_, _| Reply::NotNow).await;
    let accepted = server.client().submit(&program(), joined("a")).await.expect("accepted");
    assert!(!accepted.duplicate);
    was_repeated(&server);
    let seen = server.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1), "{seen:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_server_has_the_event_leaves_it_there_once() {
    let server = flaky(|ledger, key| {
        ledger.accept(key);
        Reply::Cut
    })
    .await;
    let accepted = server.client().submit(&program(), joined("a")).await.expect("accepted");
    assert!(accepted.duplicate);
    was_repeated(&server);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for_too_long() {
    let server = flaky(|_, _| Reply::Nothing).await;
    let client = server.builder().attempt_timeout(Duration::from_millis(300)).build().expect("a client");
    client.submit(&program(), joined("a")).await.expect("accepted");
    was_repeated(&server);
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_asked_for_again() {
    let server = flaky(|_, _| Reply::Answer(200, "<html>".to_owned())).await;
    server.client().submit(&program(), joined("a")).await.expect("accepted");
    was_repeated(&server);
}

#[tokio::test]
async fn a_refusal_says_why_and_is_not_repeated() {
    static REFUSAL: LazyLock<Value> = LazyLock::new(|| {
        error(400, "BAD_REQUEST", &json!([{"pointer": "/data/id", "message": "is required: a string"}]))
    });
    let server = TestServer::start(|_, _| Reply::Answer(400, REFUSAL.to_string())).await;
    let refused = server.client().submit(&program(), joined("a")).await.expect_err("refused");
    assert!(matches!(refused, SubmitError::Refused { .. }), "{refused:?}");
    let answer = refused.answer().expect("an answer");
    assert_eq!((answer.status, answer.code()), (400, Some(ErrorCode::BadRequest)));
    assert_eq!(answer.problems()[0].pointer, "/data/id");
    assert_eq!(server.seen().len(), 1);
    assert_eq!(refused.key().as_str(), server.seen()[0].key());
}

#[tokio::test]
async fn giving_up_keeps_the_last_cause_and_the_key() {
    let server =
        TestServer::start(|_, _| Reply::Answer(507, error(507, "STORAGE_FULL", &json!([])).to_string()))
            .await;
    let policy = RetryPolicy { give_up_after: Duration::from_millis(200), ..QUICK };
    let client = server.builder().retry(policy).build().expect("a client");
    let gave_up = client.submit(&program(), joined("a")).await.expect_err("gave up");
    let SubmitError::GaveUp { attempts, key, .. } = &gave_up else { panic!("{gave_up:?}") };
    assert_eq!(*attempts as usize, server.seen().len());
    assert!(*attempts > 1);
    assert!(server.seen().iter().all(|seen| seen.key() == key.as_str()));
    assert_eq!(gave_up.answer().and_then(ErrorAnswer::code), Some(ErrorCode::StorageFull));
}

#[tokio::test]
async fn a_wish_to_come_back_after_the_deadline_ends_it_at_once() {
    let server = TestServer::start(|_, _| Reply::NotNow).await;
    let policy = RetryPolicy { give_up_after: Duration::from_millis(900), ..QUICK };
    let client = server.builder().retry(policy).build().expect("a client");
    let gave_up = client.submit(&program(), joined("a")).await.expect_err("gave up");
    assert!(matches!(gave_up, SubmitError::GaveUp { attempts: 1, .. }), "{gave_up:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_as_the_cause() {
    let server = flaky(|_, _| Reply::Cut).await;
    let policy = RetryPolicy { give_up_after: Duration::from_millis(100), ..QUICK };
    let client = server.builder().retry(policy).build().expect("a client");
    drop(server);
    let gave_up = client.submit(&program(), joined("a")).await.expect_err("gave up");
    let SubmitError::GaveUp { last, .. } = &gave_up else { panic!("{gave_up:?}") };
    // A server that is just going away may still take the connection.
    assert!(matches!(**last, Failure::Connection(_) | Failure::Timeout), "{last:?}");
    assert!(gave_up.source().is_some());
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_the_client_may_have() {
    let (ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(0)));
    let held = Arc::clone(&gate);
    let server = TestServer::start(move |_, seen| {
        Reply::When(Arc::clone(&held), 202, ledger.accept(seen.key()).to_string())
    })
    .await;
    let client = server.builder().in_flight(2).build().expect("a client");
    let here = program();
    let all = join_all((0..6).map(|n| client.submit(&here, joined(&n.to_string()))));
    let open = async {
        for arrived in [2, 3, 4, 5, 6, 6] {
            server.arrived(arrived).await;
            gate.add_permits(1);
        }
    };
    let (all, ()) = futures::future::join(all, open).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(server.most_at_once(), 2);
}

#[tokio::test]
async fn an_event_that_is_too_large_is_not_sent() {
    let server = flaky(|_, _| Reply::Cut).await;
    let large = joined(&"x".repeat(MAX_EVENT_BYTES));
    let refused = server.client().submit(&program(), large).await.expect_err("refused");
    assert!(matches!(refused, SubmitError::TooLarge { .. }), "{refused}");
    assert!(server.seen().is_empty());
}

#[test]
fn a_client_needs_an_address_and_a_key_and_shows_no_key() {
    assert!(matches!(Client::new("localhost", API_KEY), Err(SetupError::Url(_))));
    for key in ["", "a b", "a\n", "ä"] {
        assert!(matches!(Client::new("http://localhost", key), Err(SetupError::Key)), "{key:?}");
    }
    let builder = Client::builder("http://localhost", API_KEY);
    assert!(!format!("{builder:?}{:?}", builder.clone().build()).contains(API_KEY));
}

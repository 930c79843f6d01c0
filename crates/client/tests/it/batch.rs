//! Events in batches: each gets its own result, and only what has to be is sent again.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use groundswell_client::types::ErrorCode;
use groundswell_client::{Accepted, Batcher, ErrorAnswer, Pending, Report, RetryPolicy, SubmitError};
use serde_json::json;

use super::server::{Ledger, QUICK, Reply, TestServer, answer_lines, error, joined, program};

/// Lingers long enough for what one test enqueues in a row to be one batch.
const TOGETHER: Duration = Duration::from_millis(200);

async fn enqueue(batcher: &Batcher, ids: &[&str]) -> Vec<Pending> {
    let mut pending = Vec::new();
    for id in ids {
        pending.push(batcher.enqueue(joined(id)).await.expect("taken"));
    }
    pending
}

async fn results(pending: Vec<Pending>) -> Vec<Result<Accepted, SubmitError>> {
    join_all(pending).await
}

#[tokio::test]
async fn each_event_gets_its_own_result_and_only_what_may_pass_is_sent_again() {
    let ledger = Ledger::default();
    let server = TestServer::start(move |number, seen| {
        let lines = seen.ids().into_iter().zip(seen.line_keys());
        answer_lines(
            207,
            lines.map(|(id, key)| match id.as_str() {
                "bad" => json!({"error": error(400, "BAD_REQUEST", &json!([{"pointer": "/data/id", "message": "is bad"}]))}),
                "later" if number < 3 => json!({"error": error(503, "OVERLOADED", &json!([]))}),
                _ => ledger.accept(&key),
            }),
        )
    })
    .await;
    let batcher = Batcher::builder(&server.client(), &program()).linger(TOGETHER).start();
    let pending = enqueue(&batcher, &["a", "bad", "later", "b"]).await;
    let keys: Vec<String> = pending.iter().map(|pending| pending.key().to_string()).collect();
    let results = results(pending).await;
    let numbers: Vec<Option<i64>> =
        results.iter().map(|result| result.as_ref().ok().map(|accepted| accepted.id.number())).collect();
    assert_eq!(numbers, [Some(0), None, Some(2), Some(1)]);
    let refused = results[1].as_ref().expect_err("refused");
    let answer = refused.answer().expect("an answer");
    assert_eq!(
        (answer.code(), answer.problems()[0].pointer.as_str()),
        (Some(ErrorCode::BadRequest), "/data/id")
    );
    assert_eq!(refused.key().as_str(), keys[1]);
    assert_eq!(batcher.close().await, Report { accepted: 3, duplicates: 0, failed: 1 });
    let seen = server.seen();
    assert_eq!(seen[0].path, "/v2/campaign/4pdlhb/events/batch");
    assert_eq!(seen[0].headers["content-type"], "application/x-ndjson");
    assert_eq!(seen[0].line_keys(), keys);
    let repeated: Vec<_> = seen[1..].iter().map(super::server::Seen::line_keys).collect();
    assert_eq!(repeated, [[keys[2].clone()], [keys[2].clone()]]);
}

#[tokio::test]
async fn a_batch_whose_answer_is_lost_is_stored_once() {
    let ledger = Ledger::default();
    let server = TestServer::start(move |number, seen| {
        let answer = ledger.accept_all(seen);
        assert_eq!(ledger.len(), 3);
        if number == 1 { Reply::Cut } else { answer }
    })
    .await;
    let batcher = Batcher::builder(&server.client(), &program()).linger(TOGETHER).start();
    let results = results(enqueue(&batcher, &["a", "b", "c"]).await).await;
    let numbers: Vec<i64> = results.iter().flatten().map(|accepted| accepted.id.number()).collect();
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(batcher.close().await, Report { accepted: 3, duplicates: 3, failed: 0 });
    let seen = server.seen();
    assert_eq!((seen.len(), &seen[0].body), (2, &seen[1].body));
}

#[tokio::test]
async fn an_overloaded_server_says_when_the_whole_batch_comes_again() {
    let ledger = Ledger::default();
    let server = TestServer::start(move |number, seen| match number {
        1 => Reply::NotNow,
        _ => ledger.accept_all(seen),
    })
    .await;
    let batcher = Batcher::start(&server.client(), &program());
    batcher.submit(joined("a")).await.expect("accepted");
    let seen = server.seen();
    assert_eq!(seen[0].body, seen[1].body);
    assert!(seen[1].at - seen[0].at >= Duration::from_secs(1), "{seen:?}");
}

#[tokio::test]
async fn a_line_without_a_result_is_sent_again() {
    let ledger = Ledger::default();
    let server = TestServer::start(move |number, seen| {
        let Reply::Answer(status, answer) = ledger.accept_all(seen) else { unreachable!("it answers") };
        // The second line, something that is no line, and one that was never sent.
        let cut = answer.lines().nth(1).map(|line| format!("{line}\n[]\n{{\"index\":9}}\n"));
        Reply::Answer(status, if number == 1 { cut.unwrap_or_default() } else { answer })
    })
    .await;
    let batcher = Batcher::builder(&server.client(), &program()).linger(TOGETHER).start();
    let results = results(enqueue(&batcher, &["a", "b", "c"]).await).await;
    let duplicates: Vec<bool> = results.iter().flatten().map(|accepted| accepted.duplicate).collect();
    assert_eq!(duplicates, [true, false, true]);
    let keys = server.seen()[0].line_keys();
    assert_eq!(server.seen()[1].line_keys(), [keys[0].clone(), keys[2].clone()]);
}

#[tokio::test]
async fn a_refused_batch_is_a_refusal_for_each_event() {
    let server =
        TestServer::start(|_, _| Reply::Answer(401, error(401, "UNAUTHORIZED", &json!([])).to_string()))
            .await;
    let batcher = Batcher::builder(&server.client(), &program()).linger(TOGETHER).start();
    for result in results(enqueue(&batcher, &["a", "b"]).await).await {
        let refused = result.expect_err("refused");
        assert!(matches!(refused, SubmitError::Refused { .. }), "{refused:?}");
        assert_eq!(refused.answer().and_then(ErrorAnswer::code), Some(ErrorCode::Unauthorized));
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn what_fails_until_the_deadline_is_given_up_with_its_cause() {
    let ledger = Ledger::default();
    let server = TestServer::start(move |_, seen| {
        let lines = seen.ids().into_iter().zip(seen.line_keys());
        answer_lines(
            207,
            lines.map(|(id, key)| match id.as_str() {
                "never" => json!({"error": error(507, "STORAGE_FULL", &json!([]))}),
                _ => ledger.accept(&key),
            }),
        )
    })
    .await;
    let policy = RetryPolicy { give_up_after: Duration::from_millis(400), ..QUICK };
    let client = server.builder().retry(policy).build().expect("a client");
    let batcher = Batcher::builder(&client, &program()).linger(TOGETHER).start();
    let results = results(enqueue(&batcher, &["a", "never"]).await).await;
    assert!(results[0].is_ok());
    let gave_up = results[1].as_ref().expect_err("gave up");
    let SubmitError::GaveUp { attempts, .. } = gave_up else { panic!("{gave_up:?}") };
    assert_eq!(*attempts as usize, server.seen().len());
    assert_eq!(gave_up.answer().and_then(ErrorAnswer::code), Some(ErrorCode::StorageFull));
}

#[tokio::test]
async fn batches_keep_to_the_numbers_and_bytes_the_server_takes() {
    let ledger = Ledger::default();
    let server = TestServer::start(move |_, seen| ledger.accept_all(seen)).await;
    let ids: Vec<String> = (0..2_500).map(|n| n.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let batcher = Batcher::builder(&server.client(), &program()).linger(TOGETHER).start();
    let by_number = results(enqueue(&batcher, &ids).await).await;
    assert!(by_number.iter().all(Result::is_ok));
    assert_eq!(batcher.close().await.accepted, 2_500);
    let sizes: Vec<usize> = server.seen().iter().map(|seen| seen.ids().len()).collect();
    assert_eq!((sizes.iter().sum::<usize>(), sizes.iter().max()), (2_500, Some(&1_000)));
    let arrived: HashSet<String> = server.seen().iter().flat_map(super::server::Seen::ids).collect();
    assert_eq!(arrived.len(), 2_500);

    let before = server.seen().len();
    let small = Batcher::builder(&server.client(), &program()).linger(TOGETHER).max_bytes(1_000).start();
    let large = "x".repeat(2_000);
    let by_bytes = results(enqueue(&small, &[&ids[..50], &[&large], &ids[50..60]].concat()).await).await;
    assert!(by_bytes.iter().all(Result::is_ok));
    let seen = &server.seen()[before..];
    assert_eq!(seen.iter().map(|seen| seen.ids().len()).sum::<usize>(), 61);
    assert!(seen.iter().all(|seen| seen.body.len() <= 1_000 || seen.ids() == [large.clone()]));
    assert!(seen.len() < 20, "{}", seen.len());
}

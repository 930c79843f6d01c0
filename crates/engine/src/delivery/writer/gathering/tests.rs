//! How much is committed together, and when.

use bytes::Bytes;

use super::super::commit::tests::failed;
use super::super::tests::{Fixture, fixture};
use super::*;
use crate::delivery::runtime::Message;

const NOTHING: Bytes = Bytes::from_static(b"{}");

#[tokio::test(start_paused = true)]
async fn a_rest_is_as_long_as_the_commit_and_five_milliseconds_at_most() {
    assert_eq!(Rest::default().left(), None);
    assert_eq!(Rest::after(Duration::ZERO).left(), None);
    let rest = Rest::after(Duration::from_millis(3));
    assert_eq!(rest.left(), Some(Duration::from_millis(3)));
    tokio::time::advance(Duration::from_millis(2)).await;
    assert_eq!(rest.left(), Some(Duration::from_millis(1)));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(rest.left(), None);
    assert_eq!(Rest::after(Duration::from_secs(1)).left(), Some(LONGEST_REST));
}

#[tokio::test(start_paused = true)]
async fn the_writer_rests_after_outcomes_and_not_after_events() {
    let mut writer = fixture().await.writer;
    writer.rest_after(0, LONGEST_REST);
    assert_eq!(writer.rest.left(), None);
    writer.rest_after(1, LONGEST_REST);
    writer.rest_after(0, Duration::ZERO);
    assert_eq!(writer.rest.left(), Some(LONGEST_REST), "an event does not end it");
}

#[tokio::test]
async fn of_many_who_wait_half_are_answered_together_and_of_few_all() {
    let mut fixture = fixture().await;
    let mut calls = Vec::new();
    let mut gather = async |fixture: &mut Fixture, more: usize| {
        calls.extend(fixture.hand_over(more, &NOTHING).await);
        let (mut jobs, mut finished) = (Vec::new(), Vec::new());
        fixture.writer.gather(&mut jobs, &mut finished);
        jobs.len()
    };
    assert_eq!(gather(&mut fixture, SMALL_BATCH_JOBS).await, SMALL_BATCH_JOBS);
    // Those who were answered will be back.
    assert_eq!(gather(&mut fixture, 200).await, 116);
    assert_eq!(gather(&mut fixture, 0).await, 84);
    assert_eq!(gather(&mut fixture, 116).await, 100);
    assert_eq!(gather(&mut fixture, 84).await, 100, "from now on in turns");
    assert_eq!(gather(&mut fixture, 3).await, 3);
    assert_eq!(gather(&mut fixture, SMALL_BATCH_JOBS + 1).await, SMALL_BATCH_JOBS);
}

#[tokio::test]
async fn what_could_not_be_written_before_stands_before_what_was_received() {
    let mut writer = fixture().await.writer;
    writer.unwritten.give_back(vec![(0, failed(1))]);
    writer.unwritten.retry_now();
    let mut finished = vec![failed(2)];
    writer.gather(&mut Vec::new(), &mut finished);
    let deliveries: Vec<i64> = finished.iter().map(|one| one.attempt.delivery_id.number()).collect();
    assert_eq!(deliveries, [1, 2]);
}

/// Two outcomes, one after the other, while the writer rests after a commit of a second. When the first of them is written, and how
/// many are then, with `events` that are accepted meanwhile.
async fn written_while_resting(events: usize) -> (Duration, usize) {
    let mut fixture = fixture().await;
    fixture.writer.rest = Rest::after(Duration::from_secs(1));
    let handle = fixture.handle.clone();
    let (calls, mut inbox) = (fixture.hand_over(events, &NOTHING).await, fixture.inbox);
    let began = Stopwatch::start();
    let writer = tokio::spawn(fixture.writer.run());
    for delivery in [1, 2] {
        handle.room().await.expect("it runs").send(failed(delivery));
    }
    let message = inbox.recv().await.expect("it runs");
    let Message::Settled(settled) = message else { panic!("something else is told first") };
    let took = began.elapsed();
    for call in calls {
        call.await.expect("no panic").expect("accepted");
    }
    fixture.stop.cancel();
    writer.await.expect("no panic");
    (took, settled.len())
}

#[tokio::test(start_paused = true)]
async fn outcomes_gather_while_the_writer_rests_and_go_along_with_an_event() {
    let (took, count) = written_while_resting(0).await;
    assert_eq!(count, 2);
    assert!((LONGEST_REST..=2 * LONGEST_REST).contains(&took), "{took:?}");
    assert_eq!(written_while_resting(1).await, (Duration::ZERO, 2));
}

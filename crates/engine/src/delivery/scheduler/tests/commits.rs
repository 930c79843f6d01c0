//! What is sent while nothing is committed.

use super::*;

/// Ends everything that is sent at once, and returns what was sent in a time.
fn sent_within(scheduler: &mut Scheduler, from_ms: i64, until_ms: i64) -> Vec<Pending> {
    let mut all = Vec::new();
    for now_ms in from_ms..until_ms {
        let sent = sends(scheduler.poll(now_ms));
        for one in &sent {
            scheduler.finished(one.key, QUICK, now_ms);
        }
        all.extend(sent);
    }
    all
}

fn with_waiting(count: i64) -> Scheduler {
    let mut scheduler = proven(128, 8, 2);
    for number in 0..count {
        scheduler.accepted(item(pending(1, 0, number)), FlowId(1), 0);
    }
    scheduler
}

#[test]
fn while_commits_are_late_twice_what_is_under_way_at_once_has_no_outcome_at_most() {
    let mut scheduler = with_waiting(1);
    let first = sent_within(&mut scheduler, 0, 1_000);
    for number in 1..100 {
        scheduler.accepted(item(pending(1, 0, number)), FlowId(1), 1_000);
    }
    let more = sent_within(&mut scheduler, 1_000, 60_000);
    assert_eq!(first.len() + more.len(), 2 * 8);

    // Each commit makes room; the first says that they come again.
    scheduler.settled(first[0].key, None, 60_000);
    assert_eq!(sent_within(&mut scheduler, 60_000, 60_200).len(), 84);
}

#[test]
fn commits_that_come_in_time_bound_nothing() {
    let mut scheduler = with_waiting(100);
    assert_eq!(sent_within(&mut scheduler, 0, 200).len(), 100);
}

#[test]
fn what_another_endpoint_waits_for_is_sent_although_commits_are_late() {
    let mut scheduler = with_waiting(100);
    sent_within(&mut scheduler, 0, 1_000);
    scheduler.accepted(item(pending(0, 1_000, 1_000)), FlowId(0), 1_000);
    assert_eq!(sent_within(&mut scheduler, 1_000, 1_010).len(), 1);
}

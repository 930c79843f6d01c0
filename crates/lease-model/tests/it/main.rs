//! The protocol as it is, within bounds, and everything that is built wrong, which must be noticed.
//!
//! `cargo test -p groundswell-lease-model -- --nocapture` says how many states there are.

#![expect(clippy::print_stdout, reason = "how far the check went, for whoever asks")]

use std::collections::BTreeSet;
use std::time::Instant;

use groundswell_lease_model::{
    Bounds, Clocks, DECIDED_BY_CURRENT, DECIDED_ONCE, EPOCHS_GROW, Flaw, LeaseModel, NOTHING_FORGOTTEN,
    ONE_SERVER, OVER_IS_OVER, SEEN, SUCCESSOR_WRITES,
};
use stateright::{Checker, HasDiscoveries, Model};

/// One delivery, one shard, one disturbance, for so long that a shard is taken from a node and taken back.
const USUAL: Bounds = Bounds {
    shards: 1,
    deliveries: 1,
    horizon_ms: 7,
    accept_until_ms: 7,
    disturbances: 1,
    clocks: Clocks::GoOn,
};

/// Goes through all states, and returns the promises that were broken in any.
fn broken(bounds: Bounds) -> BTreeSet<&'static str> {
    let began = Instant::now();
    let model = LeaseModel { bounds, flaw: None, watches: false };
    let checker = model.checker().spawn_bfs().join();
    println!(
        "{} states, {} steps, at most {} to a state, in {:?}: {bounds:?}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        began.elapsed()
    );
    checker.discoveries().into_keys().collect()
}

/// That a flaw breaks a promise, in the shortest way it can.
fn assert_caught(flaw: Flaw, promise: &'static str, bounds: Bounds) {
    let model = LeaseModel { bounds, flaw: Some(flaw), watches: false };
    let finds = HasDiscoveries::AnyOf([promise].into());
    let checker = model.checker().finish_when(finds).spawn_bfs().join();
    let Some(path) = checker.discovery(promise) else { panic!("{flaw:?} is not noticed") };
    println!("{flaw:?} breaks \"{promise}\" after {} states:", checker.unique_state_count());
    println!("    {:?}", path.into_actions());
}

#[test]
fn every_promise_is_kept_whatever_is_disturbed_once() {
    assert_eq!(broken(USUAL), BTreeSet::new());
}

#[test]
fn leases_keep_their_promises_whatever_is_disturbed_twice() {
    assert_eq!(broken(Bounds { deliveries: 0, horizon_ms: 4, disturbances: 2, ..USUAL }), BTreeSet::new());
}

#[test]
fn two_deliveries_of_one_shard_do_not_get_into_each_others_way() {
    assert_eq!(broken(Bounds { deliveries: 2, disturbances: 0, ..USUAL }), BTreeSet::new());
}

#[test]
fn two_shards_do_not_get_into_each_others_way() {
    let bounds = Bounds { shards: 2, deliveries: 2, disturbances: 0, accept_until_ms: 3, ..USUAL };
    assert_eq!(broken(bounds), BTreeSet::new());
}

/// What is stored depends on no clock. Only a node whose clock stood still with it may not notice in time that it ought
/// not to begin anything any more.
#[test]
fn a_clock_that_stands_still_harms_nothing_that_is_stored() {
    let broken = broken(Bounds { clocks: Clocks::StandStill, horizon_ms: 5, ..USUAL });
    assert_eq!(broken, [ONE_SERVER, SUCCESSOR_WRITES].into());
}

#[test]
fn what_the_promises_are_about_can_happen() {
    let model = LeaseModel { bounds: USUAL, flaw: None, watches: true };
    let checker = model.checker().finish_when(HasDiscoveries::AllOf(SEEN.into())).spawn_bfs().join();
    for sight in SEEN {
        assert!(checker.discovery(sight).is_some(), "{sight}");
    }
}

#[test]
fn statements_that_compare_no_epochs_are_noticed() {
    assert_caught(Flaw::NoEpochCheck, DECIDED_ONCE, USUAL);
}

#[test]
fn statements_on_a_nodes_own_clock_are_noticed() {
    assert_caught(Flaw::OwnClock, SUCCESSOR_WRITES, USUAL);
}

#[test]
fn a_deadline_that_is_counted_from_the_answer_is_noticed() {
    assert_caught(Flaw::DeadlineFromAnswer, SUCCESSOR_WRITES, USUAL);
}

#[test]
fn a_deadline_that_is_not_looked_at_is_noticed() {
    assert_caught(Flaw::NoDeadline, SUCCESSOR_WRITES, USUAL);
}

#[test]
fn a_reschedule_without_a_fence_is_noticed() {
    assert_caught(Flaw::RescheduleWithoutFence, DECIDED_BY_CURRENT, USUAL);
    assert_caught(Flaw::RescheduleWithoutFence, DECIDED_ONCE, USUAL);
}

#[test]
fn a_reschedule_of_what_is_over_is_noticed() {
    assert_caught(Flaw::RescheduleWithoutRow, OVER_IS_OVER, USUAL);
}

#[test]
fn a_cursor_without_reconciling_is_noticed() {
    let bounds = Bounds { deliveries: 2, disturbances: 0, ..USUAL };
    assert_caught(Flaw::CursorWithoutReconcile, NOTHING_FORGOTTEN, bounds);
}

#[test]
fn an_epoch_that_does_not_grow_is_noticed() {
    assert_caught(Flaw::EpochStays, EPOCHS_GROW, USUAL);
    assert_caught(Flaw::EpochStays, DECIDED_ONCE, USUAL);
}

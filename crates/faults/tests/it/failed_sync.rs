//! A failed fsync: nothing is acknowledged or written any more, and what was acknowledged is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use groundswell_engine::store::Store as _;
use groundswell_faults::{Crashes, Disk, Draw, Operation};
use groundswell_types::EventId;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tempfile::TempDir;

use crate::running::{Expected, Receiver, fault, set_up, start, submit};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_fsync_nothing_is_acknowledged_or_written_and_nothing_is_lost() {
    let receiver = Receiver::default();
    let url = receiver.start().await;
    // Fsyncs of commits, of the log's copying, and of its new beginning.
    for good_syncs in [0, 3, 12, 13, 14, 15, 16, 40] {
        fail(&url, good_syncs).await;
    }
}

/// One life of the engine that ends with the failure of the fsync after so many.
async fn fail(url: &str, good_syncs: usize) {
    let directory = TempDir::new().expect("there is a temporary directory");
    let disk = Disk::watch(directory.path());
    let (engine, store) = start(directory.path()).await;
    let (program, _) = set_up(&engine, url).await;
    disk.fail_syncs_after(good_syncs);
    let submitting: Vec<_> = (0..4_usize)
        .map(|producer| {
            let (engine, disk, program) = (Arc::clone(&engine), Arc::clone(&disk), program.clone());
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for number in 0.. {
                    match submit(&engine, &disk, &program, number * 4 + producer).await {
                        Ok(one) => acknowledged.push(one),
                        Err(_) => break,
                    }
                }
                acknowledged
            })
        })
        .collect();
    tokio::time::timeout(Duration::from_secs(30), engine.failed())
        .await
        .expect("the engine says that it failed");
    let mut acknowledged = Vec::new();
    for one in submitting {
        acknowledged.extend(one.await.expect("no panic"));
    }
    assert!(!engine.is_ready());
    let ids: Vec<EventId> = acknowledged.iter().map(|one| one.id).collect();
    let mut bodies = BTreeMap::new();
    for some in ids.chunks(256) {
        bodies.extend(store.bodies(some).await.expect("reading goes on"));
    }
    // The disk works again, but what was to be synced is forgotten: nobody may believe it now.
    disk.mend();
    assert!(
        engine.create_sign_in_token(&groundswell_types::UserId::first()).await.is_err(),
        "nothing is written"
    );
    engine.shut_down().await;

    let record = disk.record();
    let is_failure = |operation: &Operation| matches!(operation, Operation::FailedSync { .. });
    let failure = record.iter().position(is_failure).expect("it failed");
    assert_eq!(
        record[failure + 1..],
        [],
        "nothing is written after the failure, {good_syncs} syncs were good"
    );

    let scratch = TempDir::new().expect("there is a temporary directory");
    let _scratch = Disk::scratch(scratch.path());
    let mut rng = SmallRng::seed_from_u64(3);
    let mut crashes = Crashes::of(&record);
    crashes.advance_to(record.len());
    let expected = Expected { acknowledged: &acknowledged, bodies: &bodies, settled: 0 };
    for draw in [Draw::Nothing, Draw::Everything].into_iter().chain([Draw::Any; 10]) {
        crashes.draw(draw, &mut rng).write_to(scratch.path()).expect("the state is written");
        assert_eq!(fault(scratch.path(), &expected).await, None, "{good_syncs} good syncs, {draw:?}");
    }
}

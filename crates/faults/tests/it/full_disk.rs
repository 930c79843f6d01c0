//! A full disk: what fits into the room that the files have is still written.

use bytes::Bytes;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::store::{Accept, Batch, Forget, Store, StoreError};
use groundswell_faults::Disk;
use groundswell_types::{EventId, EventKind, ProgramId};
use tempfile::TempDir;

use crate::running::database;

fn accepts(numbers: std::ops::Range<i64>) -> Batch {
    let accept = |number| Accept {
        event_id: EventId::from_number(number),
        program_id: ProgramId::parse("program1").expect("a valid id"),
        kind: EventKind::NewParticipantAdded,
        occurred_at_ms: 1,
        accepted_at_ms: 1,
        expires_at_ms: 2,
        body: Bytes::from(vec![b'x'; 3000]),
        targets: Vec::new(),
        idempotency: None,
    };
    Batch { accepts: numbers.map(accept).collect(), ..Batch::default() }
}

fn forget(numbers: std::ops::Range<i64>) -> Forget {
    Forget { events: numbers.map(EventId::from_number).collect(), ..Forget::default() }
}

/// Whether there was no room at first. The next try must find some.
async fn at_the_second_try<T>(call: impl AsyncFn() -> Result<T, StoreError>) -> bool {
    match call().await {
        Ok(_) => return false,
        Err(error) => assert!(matches!(error, StoreError::Full(_)), "{error:?}"),
    }
    call().await.expect("the log has begun anew");
    true
}

/// A server that has run for a while has room inside its files: of what retention removed, and the log's own. On a full
/// disk it lives on that.
#[tokio::test]
async fn on_a_full_disk_the_log_begins_anew_in_the_room_it_has() {
    let directory = TempDir::new().expect("there is a temporary directory");
    let disk = Disk::watch(directory.path());
    // Never copied because of its length.
    let options = Options { checkpoint_pages: 1_000_000, ..crate::options() };
    let store = Sqlite::open(&database(directory.path()), options).await.expect("opens");
    store.commit(&accepts(0..400)).await.expect("commits");
    store.forget(&forget(0..400)).await.expect("commits");
    store.checkpoint().await.expect("copies");
    disk.fill(true);
    let mut full = 0;
    for round in 1..60 {
        let numbers = round * 400..round * 400 + 50;
        let commit = async || store.commit(&accepts(numbers.clone())).await;
        full += i32::from(at_the_second_try(commit).await);
        let forget = async || store.forget(&forget(numbers.clone())).await;
        full += i32::from(at_the_second_try(forget).await);
    }
    assert!(full >= 3, "the log was full {full} times");
    // What does not fit is refused, and leaves no trace.
    let too_much = accepts(100_000..104_000);
    for _ in 0..3 {
        let result = store.commit(&too_much).await;
        assert!(matches!(result, Err(StoreError::Full(_))), "{result:?}");
    }
    disk.fill(false);
    store.commit(&too_much).await.expect("there is room");
    store.close().await;
}

//! Commits of an embedded database keep their thread. Nobody else's.

use std::sync::Arc;
use std::time::Duration;

use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::{Engine, EngineParts};
use groundswell_types::{Currency, ProgramType};
use tempfile::TempDir;

use crate::store::vault;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn everybody_else_goes_on_while_a_commit_waits() {
    let directory = TempDir::new().expect("there is a temporary directory");
    let path = directory.path().join("groundswell.db");
    let options = Options { busy_timeout: PATIENCE, ..Options::new(0, vault(1)) };
    let store = Sqlite::open(&path, options).await.expect("opens");
    let parts =
        EngineParts { store: Arc::new(store), config: EngineConfig::default(), clock: Clock::system() };
    let engine = Engine::start(parts).await.expect("starts");
    let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    let program = engine.create_program(new).await.expect("created").id;

    let other = rusqlite::Connection::open(&path).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let submitting = tokio::spawn({
        let engine = Arc::clone(&engine);
        async move {
            engine.submit(&program, br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"a"}}"#, None).await
        }
    });
    // On the only thread that the runtime has for tasks.
    let going_on = tokio::spawn(async {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    tokio::time::timeout(PATIENCE / 3, going_on).await.expect("in time").expect("no panic");
    assert!(!submitting.is_finished(), "what the disk has not got is not acknowledged");
    drop(other);
    let receipt = submitting.await.expect("no panic").expect("accepted");
    assert_eq!(receipt.deliveries, 0);
    engine.shut_down().await;
}

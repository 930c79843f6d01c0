//! Commits keep their thread. Nobody else's.

use std::sync::Arc;
use std::time::Duration;

use groundswell_types::{Currency, ProgramType};
use rusqlite::Connection;

use super::{File, options};
use crate::clock::Clock;
use crate::config::EngineConfig;
use crate::programs::NewProgram;
use crate::store::sqlite::{Options, Sqlite};
use crate::{Engine, EngineParts};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn everybody_else_goes_on_while_a_commit_waits() {
    let file = File::new();
    let options = Options { busy_timeout: PATIENCE, ..options() };
    let store = Arc::new(Sqlite::open(&file.path(), options).await.expect("opens"));
    let parts = EngineParts { store, config: EngineConfig::default(), clock: Clock::system() };
    let engine = Engine::start(parts).await.expect("starts");
    let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    let program = engine.create_program(new).await.expect("created").id;

    let other = Connection::open(file.path()).expect("opens");
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

/// As when a test fails, or whatever runs the engine.
#[test]
fn a_runtime_ends_although_nobody_has_shut_its_engine_down() {
    let (ended, is_over) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let file = File::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let engine = runtime.block_on(async {
            let store = Arc::new(Sqlite::open(&file.path(), options()).await.expect("opens"));
            let parts = EngineParts { store, config: EngineConfig::default(), clock: Clock::system() };
            Engine::start(parts).await.expect("starts")
        });
        drop(engine);
        drop(runtime);
        ended.send(()).expect("somebody waits");
    });
    is_over.recv_timeout(PATIENCE).expect("its writer ends, too");
}

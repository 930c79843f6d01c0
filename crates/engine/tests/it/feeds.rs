//! Following a program's events, on every store.

mod nodes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::feeds::{FollowedEvent, Follower};
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::Store;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::{Currency, EventId, EventKind, ProgramId, ProgramType};

use crate::store::database::Database;

/// Nothing that works takes so long.
const PATIENCE: Duration = Duration::from_mins(1);

async fn start_with(store: Arc<dyn Store>, config: EngineConfig) -> Arc<Engine> {
    Engine::start(EngineParts { store, config, clock: Clock::system() }).await.expect("starts")
}

async fn start(store: Arc<dyn Store>) -> Arc<Engine> {
    let engine = start_with(store, EngineConfig::default()).await;
    // Where there may be several nodes, one more step makes this one the one that leads.
    let leads = async {
        while !engine.is_leading() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, leads).await.expect("leads in time");
    engine
}

async fn program(engine: &Engine) -> ProgramId {
    let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    engine.create_program(new).await.expect("created").id
}

fn event(participant: &str) -> Vec<u8> {
    format!(r#"{{"event":"NEW_PARTICIPANT_ADDED","data":{{"id":"{participant}"}}}}"#).into_bytes()
}

/// A hundred events at a time, each of a line.
fn lines(count: usize) -> Vec<u8> {
    (0..count).flat_map(|number| [event(&format!("p{number}")), vec![b'\n']].concat()).collect()
}

async fn next(follower: &mut Follower) -> Vec<FollowedEvent> {
    tokio::time::timeout(PATIENCE, follower.next()).await.expect("in time").expect("readable")
}

/// Follows until `last` was given.
async fn until(follower: &mut Follower, last: EventId) -> Vec<EventId> {
    let mut ids = Vec::new();
    while ids.last() != Some(&last) {
        ids.extend(next(follower).await.into_iter().map(|event| event.id));
    }
    assert!(follower.reached() >= last);
    ids
}

async fn submit(engine: &Engine, program: &ProgramId, count: usize) -> Vec<EventId> {
    let answers = engine.submit_batch(program, &lines(count)).await.expect("accepted");
    answers.into_iter().map(|answer| answer.expect("accepted").id).collect()
}

#[tokio::test]
async fn events_of_one_program_and_of_the_kinds_wanted_come_with_their_bytes() {
    let engine = start(Arc::new(Memory::new())).await;
    let (one, other) = (program(&engine).await, program(&engine).await);
    submit(&engine, &one, 1).await;
    let mut all = engine.follow(&one, None, Vec::new()).await.expect("there");
    let mut ended = engine.follow(&one, None, vec![EventKind::CampaignEnded]).await.expect("there");
    submit(&engine, &other, 3).await;
    let joined = engine.submit(&one, &event("ann"), None).await.expect("accepted").id;
    let text = br#"{"event":"CAMPAIGN_ENDED","createdAt":5,"data":{"id":"p","x":[1.0]}}"#;
    let end = engine.submit(&one, text, None).await.expect("accepted").id;
    assert_eq!(until(&mut all, end).await, [joined, end]);
    let body = (&br#"{"event":"CAMPAIGN_ENDED","createdAt":5,"data":{"id":"p","x":[1]}}"#[..]).into();
    let wanted = FollowedEvent { id: end, kind: EventKind::CampaignEnded, created_at_ms: 5, body };
    assert_eq!(next(&mut ended).await, [wanted]);
    engine.shut_down().await;
}

#[tokio::test]
async fn a_repeat_with_the_same_key_is_no_event() {
    let engine = start(Arc::new(Memory::new())).await;
    let one = program(&engine).await;
    let mut follower = engine.follow(&one, None, Vec::new()).await.expect("there");
    let first = engine.submit(&one, &event("ann"), Some("key")).await.expect("accepted").id;
    engine.submit(&one, &event("ann"), Some("key")).await.expect("accepted");
    let last = engine.submit(&one, &event("bob"), None).await.expect("accepted").id;
    assert_eq!(until(&mut follower, last).await, [first, last]);
    engine.shut_down().await;
}

#[tokio::test]
async fn what_was_accepted_before_is_found_behind_an_id_also_by_the_next_process() {
    let store = Arc::new(Memory::new());
    let engine = start(Arc::clone(&store) as Arc<dyn Store>).await;
    let (one, other) = (program(&engine).await, program(&engine).await);
    let mut ids = Vec::new();
    for _ in 0..5 {
        submit(&engine, &other, 300).await;
        ids.extend(submit(&engine, &one, 150).await);
    }
    let (first, last) = (ids[0], *ids.last().expect("some"));
    let mut follower = engine.follow(&one, Some(first), Vec::new()).await.expect("there");
    assert_eq!(until(&mut follower, last).await, ids[1..]);
    engine.shut_down().await;

    let engine = start(store).await;
    let mut follower = engine.follow(&one, Some(follower.reached()), Vec::new()).await.expect("there");
    let after = submit(&engine, &one, 1).await;
    assert_eq!(until(&mut follower, after[0]).await, after);
    // Of an id that was never made nothing can be known; everything new comes.
    let never = EventId::from_number(i64::MAX >> 3);
    let mut follower = engine.follow(&one, Some(never), Vec::new()).await.expect("there");
    let after = submit(&engine, &one, 1).await;
    assert_eq!(until(&mut follower, after[0]).await, after);
    engine.shut_down().await;
}

#[tokio::test]
async fn who_takes_nothing_for_long_gets_everything_all_the_same() {
    let engine = start(Arc::new(Memory::new())).await;
    let one = program(&engine).await;
    let mut follower = engine.follow(&one, None, Vec::new()).await.expect("there");
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.extend(submit(&engine, &one, 1000).await);
    }
    assert_eq!(until(&mut follower, ids[ids.len() - 1]).await, ids);
    engine.shut_down().await;
}

#[tokio::test]
async fn large_events_come_a_few_at_a_time_and_all_of_them() {
    let engine = start(Arc::new(Memory::new())).await;
    let one = program(&engine).await;
    let mut follower = engine.follow(&one, None, Vec::new()).await.expect("there");
    let large = event(&"x".repeat(3 << 20));
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(engine.submit(&one, &large, None).await.expect("accepted").id);
    }
    let mut found = Vec::new();
    while found.len() < ids.len() {
        let events = next(&mut follower).await;
        assert!(events.len() <= 2, "{} of 3 MiB each", events.len());
        found.extend(events.into_iter().map(|event| event.id));
    }
    assert_eq!(found, ids);
    engine.shut_down().await;
}

#[tokio::test]
async fn where_a_quiet_program_stands_moves_on_with_the_others() {
    let engine = start(Arc::new(Memory::new())).await;
    let (quiet, busy) = (program(&engine).await, program(&engine).await);
    let mut follower = engine.follow(&quiet, None, Vec::new()).await.expect("there");
    let busy = submit(&engine, &busy, 10).await;
    assert!(follower.reached() >= busy[9]);
    engine.shut_down().await;
}

#[tokio::test]
async fn there_is_nothing_to_follow_of_a_program_that_is_not_there() {
    let engine = start(Arc::new(Memory::new())).await;
    let nowhere = ProgramId::parse("nowhere").expect("valid");
    assert!(matches!(engine.follow(&nowhere, None, Vec::new()).await, Err(EngineError::NotFound("program"))));
    engine.shut_down().await;
}

/// What a follower is told until it loses patience.
async fn what_comes_within(follower: &mut Follower, patience: Duration) -> Vec<EventId> {
    let mut found = Vec::new();
    let gives_up = tokio::time::timeout(patience, async {
        loop {
            let events = follower.next().await.expect("readable");
            found.extend(events.into_iter().map(|event| event.id));
        }
    });
    let _ = gives_up.await;
    found
}

/// Follows behind `reached` for a while, gives up, and begins again after a while in which nobody follows, until it is
/// over and nothing comes any more; answers what came.
async fn follow_on_and_off(
    engine: Arc<Engine>,
    program: ProgramId,
    mut reached: EventId,
    is_over: Arc<AtomicBool>,
) -> Vec<EventId> {
    let mut found = Vec::new();
    for round in 0.. {
        // Read before looking: what is not found after that was not accepted before.
        let is_last = is_over.load(Ordering::SeqCst);
        let mut follower = engine.follow(&program, Some(reached), Vec::new()).await.expect("there");
        let patience = Duration::from_millis(if is_last { 3_000 } else { round % 5 * 4 });
        found.extend(what_comes_within(&mut follower, patience).await);
        reached = follower.reached();
        drop(follower);
        if is_last {
            break;
        }
        tokio::time::sleep(Duration::from_millis(round % 3 * 3)).await;
    }
    found
}

/// Producers of two programs at once, and for each a follower that comes and goes: it gets every event once, in order.
async fn nothing_is_missed_under_load(store: Arc<dyn Store>) {
    const PRODUCERS: usize = 8;
    const EVENTS: usize = 150;
    let engine = start(store).await;
    let programs = [program(&engine).await, program(&engine).await];
    let is_over = Arc::new(AtomicBool::new(false));
    let begin = engine.submit(&programs[0], &event("first"), None).await.expect("accepted").id;
    let followers = programs.clone().map(|program| {
        tokio::spawn(follow_on_and_off(Arc::clone(&engine), program, begin, Arc::clone(&is_over)))
    });
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|number| {
            let (engine, programs) = (Arc::clone(&engine), programs.clone());
            tokio::spawn(async move {
                let mut ids = [Vec::new(), Vec::new()];
                for at in 0..EVENTS {
                    let text = event(&format!("p{number}-{at}"));
                    for (program, ids) in programs.iter().zip(&mut ids) {
                        ids.push(engine.submit(program, &text, None).await.expect("accepted").id);
                    }
                }
                ids
            })
        })
        .collect();
    let mut accepted = [BTreeSet::new(), BTreeSet::new()];
    for producer in producers {
        for (all, ids) in accepted.iter_mut().zip(producer.await.expect("no panic")) {
            all.extend(ids);
        }
    }
    is_over.store(true, Ordering::SeqCst);
    for (follower, accepted) in followers.into_iter().zip(accepted) {
        let accepted: Vec<EventId> = accepted.into_iter().collect();
        assert_eq!(accepted.len(), PRODUCERS * EVENTS);
        let found = follower.await.expect("no panic");
        assert!(found.is_sorted_by(|a, b| a < b), "twice, or not in order");
        assert_eq!(found, accepted);
    }
    engine.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_and_nothing_comes_twice_under_load_in_memory() {
    nothing_is_missed_under_load(Arc::new(Memory::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_and_nothing_comes_twice_under_load_on_sqlite() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = Sqlite::open(&directory.path().join("g.db"), Options::new(0, crate::store::vault(1)))
        .await
        .expect("opens");
    nothing_is_missed_under_load(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_and_nothing_comes_twice_under_load_on_postgresql() {
    let database = Database::new().await;
    nothing_is_missed_under_load(Arc::new(database.open().await)).await;
}

/// Whoever begins while a commit is under way begins before it: what it accepts is still to come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_begins_is_behind_nothing_that_is_not_stored_yet() {
    const BEGINNINGS: usize = 200;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = Sqlite::open(&directory.path().join("g.db"), Options::new(0, crate::store::vault(1)))
        .await
        .expect("opens");
    let store: Arc<dyn Store> = Arc::new(store);
    let engine = start(Arc::clone(&store)).await;
    let program = program(&engine).await;
    submit(&engine, &program, 1).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let producer = tokio::spawn({
        let (engine, program, is_over) = (Arc::clone(&engine), program.clone(), Arc::clone(&is_over));
        async move {
            while !is_over.load(Ordering::Relaxed) {
                submit(&engine, &program, 20).await;
            }
        }
    });
    for _ in 0..BEGINNINGS {
        let reached = engine.follow(&program, None, Vec::new()).await.expect("there").reached();
        assert!(store.event(reached).await.expect("readable").is_some(), "{reached} is not stored yet");
        tokio::task::yield_now().await;
    }
    is_over.store(true, Ordering::Relaxed);
    producer.await.expect("it ends");
    engine.shut_down().await;
}

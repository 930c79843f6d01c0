//! Following a program at any of several nodes that all accept events.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use groundswell_engine::Engine;
use groundswell_engine::clock::Clock;
use groundswell_engine::cluster::NodeId;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{Batch, Store, StoreError};
use groundswell_types::{EventId, ProgramId};

use super::{PATIENCE, event, lines, program, start_with, submit, until, what_comes_within};
use crate::store::database::Database;

const LEASE_MS: i64 = 1_500;

/// Engines at these stores, of which one leads, and a program that both know.
async fn both(stores: [Arc<dyn Store>; 2]) -> ([Arc<Engine>; 2], ProgramId) {
    let [one, two] = stores;
    let config = || EngineConfig { lease_ms: LEASE_MS, ..EngineConfig::default() };
    let engines = [start_with(one, config()).await, start_with(two, config()).await];
    let leads = async {
        loop {
            if let Some(leader) = engines.iter().find(|engine| engine.is_leading()) {
                return leader;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let leader = tokio::time::timeout(PATIENCE, leads).await.expect("one leads in time");
    let program = program(leader).await;
    let known = async {
        for engine in &engines {
            while engine.follow(&program, None, Vec::new()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, known).await.expect("both know of it in time");
    (engines, program)
}

fn joined() -> [Arc<dyn Store>; 2] {
    let (memory, clock) = (Memory::new(), Clock::system());
    [1, 2].map(|number| {
        let store = memory.joined(NodeId::new(number), &format!("http://10.0.0.{number}"), &clock);
        Arc::new(store) as Arc<dyn Store>
    })
}

/// Follows behind `reached` for moments, now at one node and now at the other, until it is over and nothing comes any more.
async fn follow_here_and_there(
    engines: [Arc<Engine>; 2],
    program: ProgramId,
    mut reached: EventId,
    is_over: Arc<AtomicBool>,
) -> Vec<EventId> {
    let mut found = Vec::new();
    for round in 0.. {
        let is_last = is_over.load(Ordering::SeqCst);
        let at = &engines[usize::try_from(round % 2).expect("small")];
        let mut follower = at.follow(&program, Some(reached), Vec::new()).await.expect("there");
        let patience = Duration::from_millis(if is_last { 4_000 } else { round % 7 * 60 });
        found.extend(what_comes_within(&mut follower, patience).await);
        reached = follower.reached();
        if is_last {
            break;
        }
        drop(follower);
        tokio::time::sleep(Duration::from_millis(round % 3 * 20)).await;
    }
    found
}

/// Producers at both nodes at once; each of some followers gets every event once, in order.
async fn nothing_is_missed(stores: [Arc<dyn Store>; 2]) {
    const PRODUCERS: usize = 6;
    const ROUNDS: usize = 120;
    let (engines, program) = both(stores).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut first = engines[1].follow(&program, None, Vec::new()).await.expect("there");
    let begin = engines[0].submit(&program, &event("first"), None).await.expect("accepted").id;
    // Who is told of it knows that whatever is accepted from now on, at any node, has a higher id.
    until(&mut first, begin).await;
    drop(first);
    let followers: Vec<_> = (0..3)
        .map(|number| {
            let mut engines = engines.clone();
            engines.rotate_left(number % 2);
            tokio::spawn(follow_here_and_there(engines, program.clone(), begin, Arc::clone(&is_over)))
        })
        .collect();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|number| {
            let (engine, program) = (Arc::clone(&engines[number % 2]), program.clone());
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for round in 0..ROUNDS {
                    // Single ones and many at once, so that some commits take longer than others.
                    let many = lines(1 + (round * 7 + number) % 3 * 10);
                    let answers = engine.submit_batch(&program, &many).await.expect("accepted");
                    ids.extend(answers.into_iter().map(|answer| answer.expect("accepted").id));
                    tokio::time::sleep(Duration::from_millis((round + number) as u64 % 11)).await;
                }
                ids
            })
        })
        .collect();
    let mut accepted = BTreeSet::new();
    for producer in producers {
        accepted.extend(producer.await.expect("no panic"));
    }
    is_over.store(true, Ordering::SeqCst);
    let accepted: Vec<EventId> = accepted.into_iter().collect();
    for follower in followers {
        let found = follower.await.expect("no panic");
        assert!(found.is_sorted_by(|a, b| a < b), "twice, or not in order");
        let is_missed = |(_, id): &(usize, &EventId)| found.binary_search(id).is_err();
        let missed: Vec<usize> = accepted.iter().enumerate().filter(is_missed).map(|(at, _)| at).collect();
        assert_eq!(missed, Vec::<usize>::new(), "of {}", accepted.len());
        assert_eq!(found, accepted);
    }
    for engine in engines {
        engine.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_two_nodes_nothing_is_missed_and_nothing_comes_twice_in_memory() {
    nothing_is_missed(joined()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_two_nodes_nothing_is_missed_and_nothing_comes_twice_on_postgresql() {
    let database = Database::new().await;
    nothing_is_missed([Arc::new(database.join(1).await), Arc::new(database.join(2).await)]).await;
}

/// What the other node accepts comes within a moment although this one accepts nothing.
async fn what_the_other_accepts_comes_soon(stores: [Arc<dyn Store>; 2]) {
    let (engines, program) = both(stores).await;
    let mut slowest = Duration::ZERO;
    for (here, there) in [(0, 1), (1, 0)] {
        let mut follower = engines[here].follow(&program, None, Vec::new()).await.expect("there");
        for _ in 0..5 {
            let new = submit(&engines[there], &program, 1).await;
            let began = std::time::Instant::now();
            assert_eq!(until(&mut follower, new[0]).await.last(), new.last());
            slowest = slowest.max(began.elapsed());
        }
    }
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    for engine in engines {
        engine.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_node_accepts_comes_soon() {
    what_the_other_accepts_comes_soon(joined()).await;
    let database = Database::new().await;
    what_the_other_accepts_comes_soon([Arc::new(database.join(1).await), Arc::new(database.join(2).await)])
        .await;
}

/// A node is in the middle of accepting and not heard of any more: those who follow wait until its time is over, and then it
/// cannot commit what has an id that they are past.
async fn who_comes_back_accepts_nothing_that_others_are_past(
    stores: [Arc<dyn Store>; 2],
    paused: Arc<dyn Store>,
) {
    let (engines, program) = both(stores).await;
    let cluster = paused.cluster().expect("of several");
    let low = cluster.enter().await.expect("enters");
    // As one that has taken part, and has a short time left.
    let asked = groundswell_engine::cluster::Asked {
        node: cluster.node(),
        presence: groundswell_engine::cluster::Presence::Staying,
        leases: Vec::new(),
        ttl_ms: 1_500,
        sent_ms: 0,
    };
    cluster.renew(&asked).await.expect("renews");
    let mut follower = engines[0].follow(&program, None, Vec::new()).await.expect("there");
    let new = submit(&engines[1], &program, 1).await;
    let waited = tokio::time::timeout(Duration::from_millis(700), follower.next()).await;
    assert!(waited.is_err(), "the third node may still commit something lower");
    assert_eq!(until(&mut follower, new[0]).await, new);

    let accept = |id: EventId| {
        let record = groundswell_engine::store::Accept {
            event_id: id,
            program_id: program.clone(),
            kind: groundswell_types::EventKind::NewParticipantAdded,
            occurred_at_ms: 0,
            accepted_at_ms: 0,
            expires_at_ms: i64::MAX,
            body: b"{}".as_slice().into(),
            targets: Vec::new(),
            idempotency: None,
        };
        Batch { accepts: vec![record], settled: Some(id), ..Batch::default() }
    };
    let lower = EventId::from_number(low.number() + 1);
    assert!(lower < new[0]);
    assert!(matches!(cluster.commit(&accept(lower)).await, Err(StoreError::Outdated)));
    assert!(matches!(cluster.settle(lower).await, Err(StoreError::Outdated)));
    cluster.renew(&asked).await.expect("renews");
    let high = cluster.enter().await.expect("enters again");
    assert!(high >= new[0]);
    assert!(matches!(cluster.commit(&accept(lower)).await, Err(StoreError::Outdated)));
    let higher = EventId::from_number(high.number() + 1);
    cluster.commit(&accept(higher)).await.expect("commits");
    assert_eq!(until(&mut follower, higher).await, [higher]);
    for engine in engines {
        engine.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_not_heard_of_is_waited_for_until_its_time_is_over() {
    let (memory, clock) = (Memory::new(), Clock::system());
    let store = |number: i64| {
        Arc::new(memory.joined(NodeId::new(number), &format!("http://10.0.0.{number}"), &clock))
            as Arc<dyn Store>
    };
    who_comes_back_accepts_nothing_that_others_are_past([store(1), store(2)], store(3)).await;
    let database = Database::new().await;
    let stores: [Arc<dyn Store>; 2] = [Arc::new(database.join(1).await), Arc::new(database.join(2).await)];
    who_comes_back_accepts_nothing_that_others_are_past(stores, Arc::new(database.join(3).await)).await;
}

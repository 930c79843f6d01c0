//! Producers: they send events in bursts, some with idempotency keys, and send again what was not acknowledged.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use groundswell_engine::{Engine, EngineError};
use groundswell_types::ProgramId;
use rand::Rng;

use crate::ledger::{EventState, Shared};
use crate::store::UNSTORABLE;
use crate::trace::{Fact, Tag};
use crate::world::{World, locked};

/// Producers give up waiting for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event on its way to the engine.
pub(crate) struct Submission {
    tag: Tag,
    program: ProgramId,
    text: String,
    key: Option<String>,
}

/// Sends bursts until things stop going wrong.
pub(crate) async fn produce(world: &Arc<World>, engine: &Arc<Engine>, ledger: &Shared) {
    // What the life before left unanswered.
    send_again(world, engine, ledger).await;
    while locked(ledger).bursts_left > 0 {
        let left_ms = (world.plan.chaos_ms - world.now_ms()).max(1);
        let most_ms = 2 * left_ms / i64::from(locked(ledger).bursts_left);
        let gap_ms = world.draw(|rng| match rng.random_range(0..4) {
            0 => 0,
            1 => rng.random_range(0..1_000),
            _ => rng.random_range(0..=most_ms),
        });
        tokio::time::sleep(Duration::from_millis(gap_ms.unsigned_abs())).await;
        locked(ledger).bursts_left -= 1;
        let burst = burst(world, ledger);
        send(world, engine, ledger, burst).await;
        send_again(world, engine, ledger).await;
    }
}

/// Sends again until everything that has a key is acknowledged.
pub(crate) async fn insist(world: &Arc<World>, engine: &Arc<Engine>, ledger: &Shared) {
    while !unanswered(ledger, usize::MAX).is_empty() {
        send_again(world, engine, ledger).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// New events for one program; for the one whose waits are measured only one now and then.
pub(crate) fn burst(world: &World, ledger: &Shared) -> Vec<Submission> {
    let mut ledger = locked(ledger);
    let (program, count) = world.draw(|rng| {
        let program = rng.random_range(0..ledger.programs.len());
        let is_measured = world.plan.is_fair && program == 0;
        (program, if is_measured { 1 } else { rng.random_range(1..=world.plan.burst_size) })
    });
    let tags: Vec<Tag> = (0..count)
        .map(|_| {
            let tag = Tag::try_from(ledger.events.len()).unwrap_or(Tag::MAX);
            let (has_key, extra) = world.draw(|rng| {
                let extra = match rng.random_range(0..100) {
                    0..5 if !world.plan.is_fair => format!(",\"note\":\"{UNSTORABLE}\""),
                    5..12 => ",\"note\":\"poisoned\"".to_owned(),
                    // Larger than what is kept in memory until it is sent.
                    12..20 => format!(",\"note\":\"{}\"", "long ".repeat(5_000)),
                    _ => String::new(),
                };
                (rng.random_bool(0.7), extra)
            });
            let text = format!(r#"{{"event":"NEW_PARTICIPANT_ADDED","data":{{"id":"p{tag}"{extra}}}}}"#);
            ledger.add_event(program, text, has_key)
        })
        .collect();
    tags.into_iter().filter_map(|tag| submission(&ledger, tag)).collect()
}

fn submission(ledger: &crate::ledger::Ledger, tag: Tag) -> Option<Submission> {
    let event = ledger.events.get(usize::try_from(tag).ok()?)?;
    let program = ledger.programs[event.program].id.clone()?;
    let key = event.has_key.then(|| format!("key {tag}"));
    Some(Submission { tag, program, text: event.text.clone(), key })
}

/// What has a key and no answer yet, at most so many.
pub(crate) fn unanswered(ledger: &Shared, most: usize) -> Vec<Submission> {
    let ledger = locked(ledger);
    let open =
        ledger.events.iter().zip(0..).filter(|(event, _)| event.has_key && event.state == EventState::Open);
    open.take(most).filter_map(|(_, tag)| submission(&ledger, tag)).collect()
}

/// Tries what is unanswered once more, and now and then something that is not.
async fn send_again(world: &Arc<World>, engine: &Arc<Engine>, ledger: &Shared) {
    let mut again = unanswered(ledger, 50);
    {
        let ledger = locked(ledger);
        let repeated = world.draw(|rng| {
            (rng.random_bool(0.2) && !ledger.events.is_empty())
                .then(|| rng.random_range(0..ledger.events.len()))
        });
        let tag = repeated.filter(|at| ledger.events[*at].has_key).and_then(|at| Tag::try_from(at).ok());
        again.extend(tag.and_then(|tag| submission(&ledger, tag)));
    }
    send(world, engine, ledger, again).await;
}

/// Sends, all at once or as a batch.
async fn send(world: &Arc<World>, engine: &Arc<Engine>, ledger: &Shared, all: Vec<Submission>) {
    join_all(all.iter().map(|one| submit(world, engine, ledger, one))).await;
}

/// Sends one; what is answered is noted.
pub(crate) async fn submit(world: &World, engine: &Engine, ledger: &Shared, one: &Submission) {
    let Submission { tag, program, text, key } = one;
    let tag = *tag;
    world.note(Fact::Submitted { tag, has_key: key.is_some() });
    let answer =
        tokio::time::timeout(PATIENCE, engine.submit(program, text.as_bytes(), key.as_deref())).await;
    let Ok(answer) = answer else { return };
    if world.power().is_out() {
        return;
    }
    match answer {
        Ok(receipt) => {
            world.note(Fact::Acknowledged { tag, event: receipt.id, is_duplicate: receipt.is_duplicate });
            locked(ledger).set_state(tag, EventState::Acknowledged);
        }
        Err(EngineError::Overloaded | EngineError::StorageFull) => world.note(Fact::Declined { tag }),
        Err(EngineError::Refused(_)) => {
            world.note(Fact::Declined { tag });
            locked(ledger).set_state(tag, EventState::Refused);
        }
        // Whether it was taken nobody knows.
        Err(_) => {}
    }
}

//! The in-memory store with everything that can go wrong with a disk. What it holds is what is on disk: it outlives
//! the engine. Each call passes points at which the power can be cut, before and after it takes effect.

mod addresses;
mod audit;
mod editor_links;
mod erasure;
mod first_steps;
mod forward;
mod health;
mod incidents;
mod joining;
mod people;
mod telling;

use std::sync::Arc;

use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{
    Accept, Accepted, Batch, BoxError, Forget, Move, MoveStep, Moved, ResendBatch, SettingsChange, Store,
    StoreError,
};
use rand::Rng;

use crate::plan::Sabotage;
use crate::trace::{ChangeFact, Fact, Tag};
use crate::world::{World, read_url};

/// A disk.
pub(crate) struct Disk {
    pub(crate) memory: Arc<Memory>,
    pub(crate) world: Arc<World>,
}

/// Marks an event that the database cannot take.
pub(crate) const UNSTORABLE: &str = "unstorable";

/// What goes wrong with a write.
enum Fault {
    None,
    /// Nothing is written.
    Before(StoreError),
    /// It is written, but nobody can say.
    After(StoreError),
}

fn cause(text: &'static str) -> BoxError {
    text.into()
}

impl Disk {
    /// Everything a write goes through before it takes effect.
    async fn before_write(&self) -> Fault {
        let world = &self.world;
        world.power().point().await;
        world.pause(0..=world.plan.store.commit_ms).await;
        world.power().point().await;
        if world.is_calm() {
            return Fault::None;
        }
        let plan = &world.plan.store;
        let now_ms = world.now_ms();
        if plan.outages.iter().any(|(from_ms, until_ms)| (*from_ms..*until_ms).contains(&now_ms)) {
            return Fault::Before(StoreError::Full(cause("no room")));
        }
        let (kind, is_written) = world.draw(|rng| (rng.random::<f64>(), rng.random_bool(0.5)));
        if kind < plan.unavailable {
            Fault::Before(StoreError::Unavailable(cause("the database is busy")))
        } else if kind < plan.unavailable + plan.full {
            Fault::Before(StoreError::Full(cause("no room")))
        } else if kind < plan.unavailable + plan.full + plan.fatal {
            let error = StoreError::Fatal(cause("the fsync failed"));
            if is_written { Fault::After(error) } else { Fault::Before(error) }
        } else {
            Fault::None
        }
    }

    /// It has taken effect; the answer is on its way.
    async fn after_write(&self) {
        self.world.power().point().await;
        self.world.pause(0..=2).await;
        self.world.power().point().await;
    }

    /// Carries out one write.
    async fn write<T>(
        &self,
        effect: impl Future<Output = Result<T, StoreError>>,
        note: impl FnOnce(&T),
    ) -> Result<T, StoreError> {
        let fault = self.before_write().await;
        if let Fault::Before(error) = fault {
            return Err(error);
        }
        let result = effect.await;
        if let Ok(done) = &result {
            note(done);
        }
        self.after_write().await;
        match fault {
            Fault::After(error) if result.is_ok() => Err(error),
            _ => result,
        }
    }

    /// Everything a read goes through; what it found is old by the time it is answered.
    async fn read<T>(&self, effect: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let world = &self.world;
        world.power().point().await;
        let plan = &world.plan.store;
        if !world.is_calm() && world.happens(plan.unavailable / 2.0) {
            world.pause(0..=100).await;
            return Err(StoreError::Unavailable(cause("the database is busy")));
        }
        world.pause(0..=1).await;
        let result = effect.await;
        if !world.is_calm() && world.happens(plan.slow) {
            world.pause(0..=3_000).await;
        }
        world.power().point().await;
        result
    }

    async fn commit_batch(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        let is_unstorable =
            |accept: &Accept| contains(&accept.body, UNSTORABLE.as_bytes()) && !self.world.is_calm();
        if batch.accepts.iter().any(is_unstorable) {
            self.world.power().point().await;
            return Err(StoreError::Rejected(cause("an unstorable event")));
        }
        let sabotaged = self.sabotaged(batch);
        let batch = sabotaged.as_ref().unwrap_or(batch);
        if self.world.plan.sabotage == Some(Sabotage::AnswersEarly) && batch.outcomes.is_empty() {
            return Ok(self.answer_early(batch));
        }
        self.write(self.memory.commit(batch), |accepted| note_commit(&self.world, batch, accepted)).await
    }

    /// The batch without some of its outcomes, if that is what is broken.
    fn sabotaged(&self, batch: &Batch) -> Option<Batch> {
        if self.world.plan.sabotage != Some(Sabotage::LosesOutcomes) {
            return None;
        }
        let mut batch = batch.clone();
        batch.outcomes.retain(|_| !self.world.happens(0.05));
        Some(batch)
    }

    fn answer_early(&self, batch: &Batch) -> Vec<Accepted> {
        let (memory, world, batch) = (Arc::clone(&self.memory), Arc::clone(&self.world), batch.clone());
        let answers = batch.accepts.iter().map(|_| Accepted::New).collect();
        tokio::spawn(async move {
            world.pause(1..=50).await;
            if let Ok(accepted) = memory.commit(&batch).await {
                note_commit(&world, &batch, &accepted);
            }
        });
        answers
    }

    async fn apply_change(&self, change: &SettingsChange) -> Result<(), StoreError> {
        let world = &self.world;
        self.write(self.memory.apply(change), |()| note_change(world, change)).await?;
        if let SettingsChange::Webhooks(_) = change {
            world.note(Fact::Live);
        }
        Ok(())
    }

    async fn make_step(&self, step: &MoveStep) -> Result<Moved, StoreError> {
        if step.kind == Move::Park && self.world.plan.sabotage == Some(Sabotage::ParksNothing) {
            return Ok(Moved { rows: 0, next: None });
        }
        let note = |moved: &Moved| self.world.note(Fact::Moved(Box::new(step.clone()), moved.next));
        self.write(self.memory.move_pending(step), note).await
    }

    async fn commit_resends(&self, batch: &ResendBatch) -> Result<(), StoreError> {
        let note = |(): &()| self.world.note(Fact::Resent(Box::new(batch.clone())));
        self.write(self.memory.resend(batch), note).await
    }

    async fn commit_forgetting(&self, forget: &Forget) -> Result<u64, StoreError> {
        let note = |_: &u64| {
            if !forget.events.is_empty() || !forget.parked.is_empty() {
                self.world.note(Fact::Forgotten(Box::new(forget.clone())));
            }
        };
        self.write(self.memory.forget(forget), note).await
    }
}

fn note_commit(world: &World, batch: &Batch, accepted: &[Accepted]) {
    for (accept, answer) in batch.accepts.iter().zip(accepted) {
        if *answer == Accepted::New {
            let tag = tag_of(&accept.body);
            world.note(Fact::Accepted { tag, event: accept.event_id, accept: Box::new(accept.into()) });
        }
    }
    for outcome in &batch.outcomes {
        world.note(Fact::Outcome(Box::new(outcome.into())));
    }
    for (endpoint, health) in &batch.health {
        world.note(Fact::Health(*endpoint, *health));
    }
}

fn note_change(world: &World, change: &SettingsChange) {
    let SettingsChange::Webhooks(change) = change else { return };
    let mut upserts = Vec::new();
    for record in &change.upserts {
        if let Some((_, hook)) = read_url(&record.url) {
            world.name(hook, record.id);
            upserts.push((hook, record.clone()));
        }
    }
    world.note(Fact::Changed(Box::new(ChangeFact { upserts, change: change.clone() })));
}

/// The number its producer gave an event.
fn tag_of(body: &[u8]) -> Tag {
    const BEFORE: &[u8] = b"\"id\":\"p";
    let at =
        body.windows(BEFORE.len()).position(|part| part == BEFORE).map_or(body.len(), |at| at + BEFORE.len());
    let digits = body[at..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |tag, digit| tag * 10 + Tag::from(digit - b'0'))
}

fn contains(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|part| part == word)
}

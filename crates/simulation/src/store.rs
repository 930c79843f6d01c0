//! The in-memory store with everything that can go wrong with a disk. What it holds is what is on disk: it outlives
//! the engine. Each call passes points at which the power can be cut, before and after it takes effect.

mod addresses;
mod audit;
mod cluster;
mod editor_links;
mod erasure;
mod first_steps;
mod forward;
mod health;
mod incidents;
mod joining;
pub(crate) mod line;
mod people;
mod telling;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use groundswell_engine::cluster::Snapshot;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{
    Accept, Accepted, Batch, BoxError, Forget, Move, MoveStep, Moved, ResendBatch, SettingsChange, Store,
    StoreError,
};
use rand::Rng;

use self::line::Line;
use crate::plan::Sabotage;
use crate::trace::{ChangeFact, Fact, Tag};
use crate::world::{World, read_url};

/// A disk, or what one node has of a database that several share.
pub(crate) struct Disk {
    memory: Arc<Memory>,
    world: Arc<World>,
    /// The way there, where there are several nodes.
    line: Option<Arc<Line>>,
    /// How leases were last seen, for those that renew them by themselves.
    seen: Mutex<Snapshot>,
    /// When shards were last taken, milliseconds since the world began.
    took_at_ms: AtomicI64,
}

/// A statement waits so long for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The usual longest wait for a commit while nothing is wrong, where there are several nodes; milliseconds.
const CALM_COMMIT_MS: u64 = 20;

/// What became of a write is found out within this time, or not at all.
const CLEARING_UP: Duration = Duration::from_mins(2);

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
    /// A disk of one's own.
    pub(crate) fn alone(memory: Arc<Memory>, world: Arc<World>) -> Self {
        Self { memory, world, line: None, seen: Mutex::default(), took_at_ms: AtomicI64::new(0) }
    }

    /// A node's handle on what several share.
    pub(crate) fn of_node(memory: Arc<Memory>, world: Arc<World>, line: Arc<Line>) -> Self {
        Self { line: Some(line), ..Self::alone(memory, world) }
    }

    /// Whether the database can be reached, sooner or later.
    async fn reaches(&self, patience: Duration) -> bool {
        match &self.line {
            Some(line) => line.is_whole_within(patience).await,
            None => true,
        }
    }

    fn tick(&self) {
        if let Some(line) = &self.line {
            line.tick(self.world.true_ms());
        }
    }

    /// Everything a write goes through before it takes effect.
    async fn before_write(&self) -> Fault {
        let world = &self.world;
        world.power().point().await;
        // Of several nodes it is measured how soon they do things when all is well.
        let most_ms = if world.is_calm() && self.line.is_some() { CALM_COMMIT_MS } else { u64::MAX };
        world.pause(0..=world.plan.store.commit_ms.min(most_ms)).await;
        world.power().point().await;
        if !self.reaches(PATIENCE).await {
            return Fault::Before(StoreError::Unavailable(cause("the database is far away")));
        }
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

    /// It has taken effect; the answer is on its way. What became of it is found out once the database can be reached again.
    async fn after_write(&self) -> Result<(), StoreError> {
        self.world.power().point().await;
        self.world.pause(0..=2).await;
        self.world.power().point().await;
        if self.reaches(CLEARING_UP).await {
            Ok(())
        } else {
            Err(StoreError::Fatal(cause("the database has been away for too long")))
        }
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
        self.tick();
        let result = effect.await;
        if let Ok(done) = &result {
            note(done);
        }
        self.after_write().await?;
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
        if !self.reaches(PATIENCE).await {
            return Err(StoreError::Unavailable(cause("the database is far away")));
        }
        let result = effect.await;
        if !world.is_calm() && world.happens(plan.slow) {
            world.pause(0..=3_000).await;
        }
        world.power().point().await;
        if !self.reaches(PATIENCE).await {
            return Err(StoreError::Unavailable(cause("the database is far away")));
        }
        result
    }

    fn is_unstorable(&self, batch: &Batch) -> bool {
        let is_marked = |accept: &Accept| contains(&accept.body, UNSTORABLE.as_bytes());
        !self.world.is_calm() && batch.accepts.iter().any(is_marked)
    }

    /// Whether the queues of this node's shards are looked at only when it takes them, since looking is broken.
    fn looks_at_nothing(&self) -> bool {
        /// A node that has taken shards reads what waits there within this time.
        const TAKING_MS: i64 = 1_000;
        let took_ms = self.took_at_ms.load(Ordering::Relaxed);
        self.world.plan.sabotage == Some(Sabotage::LooksAtNothing)
            && self.world.now_ms() - took_ms > TAKING_MS
    }

    async fn commit_batch(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        if self.is_unstorable(batch) {
            self.world.power().point().await;
            return Err(StoreError::Rejected(cause("an unstorable event")));
        }
        let sabotaged = self.sabotaged(batch);
        let batch = sabotaged.as_ref().unwrap_or(batch);
        if self.world.plan.sabotage == Some(Sabotage::AnswersEarly) && batch.outcomes.is_empty() {
            return Ok(self.answer_early(batch));
        }
        self.write(Store::commit(self.memory.as_ref(), batch), |accepted| {
            note_commit(&self.world, batch, accepted);
        })
        .await
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
            if let Ok(accepted) = Store::commit(memory.as_ref(), &batch).await {
                note_commit(&world, &batch, &accepted);
            }
        });
        answers
    }

    async fn apply_change(&self, change: &SettingsChange) -> Result<(), StoreError> {
        let world = &self.world;
        self.be_leader().await;
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
        let note = |moved: &Moved| note_moved(&self.world, step, moved);
        self.write(Store::move_pending(self.memory.as_ref(), step), note).await
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

fn note_moved(world: &World, step: &MoveStep, moved: &Moved) {
    world.note(Fact::Moved(Box::new(step.clone()), moved.next));
}

fn note_accepts(world: &World, batch: &Batch, accepted: &[Accepted]) {
    for (accept, answer) in batch.accepts.iter().zip(accepted) {
        if *answer == Accepted::New {
            let tag = tag_of(&accept.body);
            world.note(Fact::Accepted { tag, event: accept.event_id, accept: Box::new(accept.into()) });
        }
    }
}

fn note_commit(world: &World, batch: &Batch, accepted: &[Accepted]) {
    note_accepts(world, batch, accepted);
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

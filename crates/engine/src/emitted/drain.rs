//! The task that takes what waits, in order, in small batches, on the way that events over REST take.
//!
//! An event is accepted, or rejected, in the transaction that ends its waiting (`store/postgres/emit.rs`). So whatever
//! happens between two of them, it is accepted once, and which node drains is a matter of speed alone.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Stopwatch;
use crate::delivery::writer::{NewEvent, Receipt};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{EmitStore, EmittedId, EmittedRecord, Rejection};

/// Events of one step.
const STEP: usize = 500;

/// So often it is looked whether anything waits.
const PAUSE: Duration = Duration::from_millis(250);

/// After a step that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Between two looks from the beginning so many times as long as one takes.
const LOOK_SHARE: u32 = 10;

/// Reasons are kept up to here, in characters.
const MAX_REASON_CHARS: usize = 2_000;

/// Takes what waits, until stopped. Where nothing can be emitted it ends at once. Of several processes one does this; should
/// two of them for a moment, the second finds nothing to take.
pub(crate) async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    if engine.store.emits().is_none() {
        return;
    }
    let (mut place, mut pause) = (Place::default(), PAUSE);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match engine.drain(&mut place).await {
            Ok(Drained::More) => Duration::ZERO,
            Ok(Drained::All) => PAUSE,
            Err(error) => {
                tracing::debug!(%error, "emitted events were not taken; they wait, and are tried again");
                AFTER_FAILURE
            }
        };
    }
}

/// What a step has left.
enum Drained {
    More,
    All,
}

/// Where the next look begins. Only ever a matter of speed: a transaction that commits late has lower ids than what was seen
/// already, so every look that begins in the middle is followed by one from the beginning, soon. While somebody holds a
/// snapshot, that walks over all that was taken since; so it has a tenth of the time.
#[derive(Debug, Default)]
struct Place {
    after: EmittedId,
    last_whole: Option<(Stopwatch, Duration)>,
}

impl Place {
    /// Whether it is time for a look from the beginning.
    fn is_whole_due(&self) -> bool {
        self.last_whole.as_ref().is_none_or(|(since, took)| since.elapsed() >= *took * LOOK_SHARE)
    }
}

impl Engine {
    /// Takes the next events that wait.
    async fn drain(&self, place: &mut Place) -> Result<Drained, EngineError> {
        let Some(emits) = self.store.emits() else { return Ok(Drained::All) };
        let (is_whole, watch) = (place.is_whole_due(), Stopwatch::start());
        let after = if is_whole { EmittedId::default() } else { place.after };
        let waiting = emits.emitted(after, STEP).await?;
        if is_whole {
            place.last_whole = Some((Stopwatch::start(), watch.elapsed()));
        }
        let Some(last) = waiting.last() else { return Ok(Drained::All) };
        let last = last.id;
        self.take(emits, waiting).await?;
        place.after = place.after.max(last);
        Ok(Drained::More)
    }

    /// Accepts what can be accepted, and rejects the rest.
    async fn take(&self, emits: &dyn EmitStore, waiting: Vec<EmittedRecord>) -> Result<(), EngineError> {
        let (mut events, mut rejected) = (Vec::with_capacity(waiting.len()), Rejected::default());
        for record in waiting {
            match self.prepare_emitted(&record) {
                Ok(event) => events.push((event, record)),
                Err(error) => rejected.add(&record, &error),
            }
        }
        let (events, records): (Vec<NewEvent>, Vec<EmittedRecord>) = events.into_iter().unzip();
        let answers = if events.is_empty() { Ok(Vec::new()) } else { self.writer.accept(events).await };
        let answers = answers.and_then(|answers| rejected.refused(&records, answers));
        self.reject(emits, rejected).await?;
        answers
    }

    async fn reject(&self, emits: &dyn EmitStore, rejected: Rejected) -> Result<(), EngineError> {
        let Rejected { rejections, for_nobody, conflicts } = rejected;
        if !rejections.is_empty() {
            emits.reject(&rejections, self.clock.now_ms()).await?;
        }
        let unknown = for_nobody.len() as u64;
        self.meters.emitted_for_nobody.add(unknown);
        self.meters.emitted_rejected.add(rejections.len() as u64 + conflicts - unknown);
        if let Some(program) = for_nobody.first() {
            tracing::warn!(
                program.id = ?program,
                events = unknown,
                "events were emitted for programs that there are not; GET /v2/rejected-events has them"
            );
        }
        Ok(())
    }
}

/// What of a step is not accepted.
#[derive(Debug, Default)]
struct Rejected {
    rejections: Vec<Rejection>,
    /// Programs that there are not, once for each event.
    for_nobody: Vec<String>,
    /// Rejected by the commit itself, since their keys were used before.
    conflicts: u64,
}

impl Rejected {
    /// Takes up why an event is rejected.
    fn add(&mut self, record: &EmittedRecord, error: &EngineError) {
        let keeps_content = !matches!(error, EngineError::NotFound("program"));
        let reason = match error {
            EngineError::Invalid(problems) => {
                let each = problems.iter().map(|problem| format!("{} {}", problem.pointer, problem.message));
                each.collect::<Vec<_>>().join("; ")
            }
            EngineError::NotFound("program") => {
                self.for_nobody.push(record.program_id.clone());
                "There is no such program.".to_owned()
            }
            other => other.to_string(),
        };
        // PostgreSQL's texts have no NUL.
        let reason: String = reason.replace('\0', "\u{fffd}").chars().take(MAX_REASON_CHARS).collect();
        self.rejections.push(Rejection { id: record.id, reason, keeps_content });
    }

    /// What the commit did not take.
    fn refused(
        &mut self,
        records: &[EmittedRecord],
        answers: Vec<Result<Receipt, EngineError>>,
    ) -> Result<(), EngineError> {
        let mut later = Ok(());
        for (record, answer) in records.iter().zip(answers) {
            match answer {
                // Another node has taken it.
                Ok(_) | Err(EngineError::NotFound("emitted event")) => {}
                Err(EngineError::IdempotencyConflict) => self.conflicts += 1,
                Err(error @ (EngineError::NotFound(_) | EngineError::Refused(_))) => self.add(record, &error),
                Err(error) => later = Err(error),
            }
        }
        later
    }
}

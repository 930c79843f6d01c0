//! Events that producers emit in SQL, where they wait in the database: what could not be accepted of them, for people, and
//! forgetting and erasing it. What is accepted is an event like any other.

mod drain;

use groundswell_types::{ProgramId, RejectedEvent, Subject};
use tokio_util::sync::CancellationToken;

pub(crate) use self::drain::run;
use crate::engine::Engine;
use crate::erasures;
use crate::error::EngineError;
use crate::store::{Emitted, EmittedId, RejectedSearch};

/// Rejected events of a page.
const SHOWN: usize = 100;

/// Rows that are read, or forgotten, in one step.
const STEP: usize = 100;

impl Engine {
    /// Events that were emitted for a program and rejected, newest first, those before `before`; at most 100.
    pub async fn rejected_events(
        &self,
        program: &ProgramId,
        before: Option<EmittedId>,
    ) -> Result<Vec<RejectedEvent>, EngineError> {
        self.program_entry(program)?;
        self.rejected(Some(program.as_str()), before, SHOWN).await
    }

    /// Those of all programs, and those emitted for programs that there are not.
    pub async fn all_rejected_events(
        &self,
        before: Option<EmittedId>,
    ) -> Result<Vec<RejectedEvent>, EngineError> {
        self.rejected(None, before, SHOWN).await
    }

    async fn rejected(
        &self,
        program: Option<&str>,
        before: Option<EmittedId>,
        limit: usize,
    ) -> Result<Vec<RejectedEvent>, EngineError> {
        let Some(emits) = self.store.emits() else { return Ok(Vec::new()) };
        Ok(emits.rejected(RejectedSearch { program, before, limit }).await?)
    }

    /// Forgets events, of one program or of all, that were rejected before then.
    pub(crate) async fn forget_rejected(
        &self,
        program: Option<&ProgramId>,
        before_ms: i64,
        stop: &CancellationToken,
    ) -> Result<(), EngineError> {
        let Some(emits) = self.store.emits() else { return Ok(()) };
        while !stop.is_cancelled() {
            if emits.forget_rejected(program, before_ms, STEP).await? < STEP as u64 {
                break;
            }
        }
        Ok(())
    }

    /// Removes what waits of a program and is about somebody; says how many events there were.
    pub(crate) async fn erase_emitted(
        &self,
        program: &ProgramId,
        subject: &Subject,
    ) -> Result<i64, EngineError> {
        let Some(emits) = self.store.emits() else { return Ok(0) };
        let (mut after, mut erased) = (EmittedId::default(), 0);
        loop {
            let waiting = emits.emitted_of(program, after, STEP).await?;
            let Some(last) = waiting.last() else { return Ok(erased) };
            after = last.id;
            let about = waiting.iter().filter(|event| {
                // What is too large will be rejected, and is not kept then.
                event.data.as_deref().is_some_and(|data| erasures::is_about(&event.event, data, subject))
            });
            let about: Vec<EmittedId> = about.map(|event| event.id).collect();
            if !about.is_empty() {
                erased += count(emits.erase_emitted(Emitted::Waiting, &about).await?);
            }
        }
    }

    /// Removes what was rejected of a program and says somebody's id or address; says how many events there were.
    pub(crate) async fn erase_rejected(
        &self,
        program: &ProgramId,
        subject: &Subject,
    ) -> Result<i64, EngineError> {
        let Some(emits) = self.store.emits() else { return Ok(0) };
        let (mut before, mut erased) = (None, 0);
        loop {
            let rejected = self.rejected(Some(program.as_str()), before, STEP).await?;
            let Some(last) = rejected.last() else { return Ok(erased) };
            before = Some(EmittedId(last.id));
            let says = |text: &String| erasures::says(text, subject);
            let about = rejected.iter().filter(|event| {
                [event.data.as_ref(), event.idempotency_key.as_ref(), Some(&event.reason)]
                    .into_iter()
                    .flatten()
                    .any(says)
            });
            let about: Vec<EmittedId> = about.map(|event| EmittedId(event.id)).collect();
            if !about.is_empty() {
                erased += count(emits.erase_emitted(Emitted::Rejected, &about).await?);
            }
        }
    }
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

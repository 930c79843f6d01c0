//! Use cases on sending deliveries again: one at once, many in the background.
//!
//! A job keeps its place in the log with what it has queued, in one transaction, so it goes on after a restart where it
//! was. It goes from the newest delivery to the oldest and never meets its own resends.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use groundswell_types::{
    DeliveryId, DeliveryState, DeliveryView, EventId, MAX_SELECTED, Problem, ProgramId, ResendJob,
    ResendJobId, ResendSelection, ResendState,
};
use tokio_util::sync::CancellationToken;

use crate::deliveries::{Part, Search};
use crate::delivery::writer::NewResends;
use crate::directory::ProgramEntry;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{EndpointId, ResendJobRecord, ResendRecord, StoreError};

/// Jobs of a page.
const JOBS_SHOWN: usize = 50;

/// What has not ended will be delivered anyway.
const ENDED: [DeliveryState; 3] =
    [DeliveryState::Delivered, DeliveryState::Undeliverable, DeliveryState::Cancelled];

/// Of deliveries that are named one by one so many are looked at in one go.
const NAMED_PER_PART: usize = 100;

/// The selection of a job that has ended.
const NO_SELECTION: &str = "{}";

/// A selection on its way through a program's log.
enum Chosen {
    /// Newest first, each once.
    Named(Arc<ProgramEntry>, Vec<DeliveryId>),
    Matching(Search),
}

impl Engine {
    /// Queues one delivery again; returns the new delivery.
    pub async fn resend(&self, program: &ProgramId, id: DeliveryId) -> Result<DeliveryView, EngineError> {
        let entry = self.program_entry(program)?;
        let (endpoint, view) = self.delivery_in_brief(&entry, id).await?;
        if !ENDED.contains(&view.state) {
            return Err(EngineError::Refused(format!(
                "This delivery has not ended: it is {}. Resend it once it has.",
                view.state.as_str()
            )));
        }
        self.must_have_data(view.event_id).await?;
        let resend = self.resend_of(&entry, endpoint, &view);
        let new_id = resend.id;
        let new = NewResends { resends: vec![resend], expires_at_ms: self.deadline_ms(), job: None };
        if self.writer.resend(new).await? == 0 {
            return Err(EngineError::Refused(
                "The webhook of this delivery was deleted, so there is nowhere to send it.".to_owned(),
            ));
        }
        Ok(self.delivery_in_brief(&entry, new_id).await?.1)
    }

    /// How many deliveries a selection matches now.
    pub async fn count_resends(
        &self,
        program: &ProgramId,
        selection: &ResendSelection,
    ) -> Result<i64, EngineError> {
        check(selection)?;
        let chosen = self.chosen(program, selection).await?;
        let mut cursor = Some(DeliveryId::from_number(i64::MAX));
        let mut count = 0;
        while let Some(from) = cursor {
            let part = self.part(&chosen, from).await?;
            count += part.matching.len();
            cursor = part.next;
        }
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Begins to send everything that a selection matches again.
    pub async fn begin_resends(
        &self,
        program: &ProgramId,
        selection: &ResendSelection,
    ) -> Result<ResendJob, EngineError> {
        let total = self.count_resends(program, selection).await?;
        let id = self.ids.resend_job();
        let selection = serde_json::to_string(selection)
            .map_err(|error| StoreError::Damaged(format!("a selection cannot be stored: {error}")))?;
        let job = ResendJobRecord {
            id,
            program_id: program.clone(),
            selection,
            state: ResendState::Running,
            total,
            done: 0,
            // What is accepted from now on is not meant.
            cursor: DeliveryId::new(EventId::from_number(id.number()), 0),
            created_at_ms: self.clock.now_ms(),
            ended_at_ms: None,
        };
        self.save_job(job.clone(), Vec::new()).await?;
        self.jobs.resends_wanted.notify_one();
        Ok(shown(&job))
    }

    /// A program's resend jobs, newest first.
    pub async fn resend_jobs(&self, program: &ProgramId) -> Result<Vec<ResendJob>, EngineError> {
        self.program_entry(program)?;
        Ok(self.store.resend_jobs(program, JOBS_SHOWN).await?.iter().map(shown).collect())
    }

    /// A resend job.
    pub async fn resend_job(&self, program: &ProgramId, id: ResendJobId) -> Result<ResendJob, EngineError> {
        Ok(shown(&self.job_record(program, id).await?))
    }

    /// Stops a resend job; what it has queued is sent all the same.
    pub async fn cancel_resends(
        &self,
        program: &ProgramId,
        id: ResendJobId,
    ) -> Result<ResendJob, EngineError> {
        let _steps = self.jobs.resend_steps.lock().await;
        let job = self.job_record(program, id).await?;
        if job.state != ResendState::Running {
            return Ok(shown(&job));
        }
        let job = self.ended(job, ResendState::Cancelled);
        self.save_job(job.clone(), Vec::new()).await?;
        Ok(shown(&job))
    }

    async fn job_record(&self, program: &ProgramId, id: ResendJobId) -> Result<ResendJobRecord, EngineError> {
        self.program_entry(program)?;
        let job = self.store.resend_job(id).await?.filter(|job| job.program_id == *program);
        job.ok_or(EngineError::NotFound("resend job"))
    }

    /// The job at its end. What it looked for may name somebody, and is of no use any more.
    fn ended(&self, job: ResendJobRecord, state: ResendState) -> ResendJobRecord {
        let selection = NO_SELECTION.to_owned();
        ResendJobRecord { state, selection, ended_at_ms: Some(self.clock.now_ms()), ..job }
    }

    async fn save_job(&self, job: ResendJobRecord, resends: Vec<ResendRecord>) -> Result<usize, EngineError> {
        let new = NewResends { resends, expires_at_ms: self.deadline_ms(), job: Some(job) };
        self.writer.resend(new).await
    }

    fn deadline_ms(&self) -> i64 {
        self.clock.now_ms().saturating_add(self.config.retry.deadline_ms)
    }

    fn resend_of(&self, entry: &ProgramEntry, endpoint_id: EndpointId, view: &DeliveryView) -> ResendRecord {
        ResendRecord {
            id: self.ids.resend(),
            program_id: entry.record.id.clone(),
            event_id: view.event_id,
            original_id: view.id,
            endpoint_id,
            accepted_at_ms: self.clock.now_ms(),
        }
    }

    /// Begins to go through what a selection matches.
    async fn chosen(&self, program: &ProgramId, selection: &ResendSelection) -> Result<Chosen, EngineError> {
        Ok(match &selection.deliveries {
            Some(named) => {
                let mut named = named.clone();
                named.sort_unstable_by(|a, b| b.cmp(a));
                named.dedup();
                Chosen::Named(self.program_entry(program)?, named)
            }
            None => Chosen::Matching(self.search(program, selection.filter()).await?),
        })
    }

    /// The next part of what a selection matches, of deliveries up to `from`.
    async fn part(&self, chosen: &Chosen, from: DeliveryId) -> Result<Part, EngineError> {
        let mut part = match chosen {
            Chosen::Matching(search) => self.next_part(search, from).await?,
            Chosen::Named(entry, named) => {
                let named: Vec<DeliveryId> = named.iter().copied().filter(|id| *id <= from).collect();
                let of_part = &named[..named.len().min(NAMED_PER_PART)];
                Part {
                    matching: self.deliveries_in_brief(entry, of_part).await?,
                    next: named.get(NAMED_PER_PART).copied(),
                }
            }
        };
        let is_live = |endpoint: EndpointId| self.directory.endpoint(endpoint).is_some();
        part.matching.retain(|(endpoint, view)| ENDED.contains(&view.state) && is_live(*endpoint));
        let events: Vec<EventId> = part.matching.iter().map(|(_, view)| view.event_id).collect();
        let mut erased = Vec::new();
        for chunk in events.chunks(512) {
            erased.extend(self.store.erased(chunk).await?);
        }
        part.matching.retain(|(_, view)| !erased.contains(&view.event_id));
        if let Chosen::Matching(search) = chosen {
            self.leave_out_recovered(search.entry(), &mut part).await?;
        }
        Ok(part)
    }

    /// Leaves out what failed and was sent again since, if that has arrived or is on its way. It stays undeliverable in the log,
    /// so everything undeliverable would mean, each time, everything that ever was.
    async fn leave_out_recovered(&self, entry: &ProgramEntry, part: &mut Part) -> Result<(), EngineError> {
        let failed = part.matching.iter().filter(|(_, view)| has_failed(view)).map(|(_, view)| view.event_id);
        let failed: Vec<EventId> = failed.collect();
        let mut again = Vec::new();
        for chunk in failed.chunks(NAMED_PER_PART) {
            again.extend(self.store.resends_of(chunk).await?.into_iter().map(|resend| resend.id));
        }
        let mut recovered = HashSet::new();
        for chunk in again.chunks(NAMED_PER_PART) {
            let resends = self.deliveries_in_brief(entry, chunk).await?;
            let well = resends.into_iter().filter(|(_, view)| !has_failed(view));
            recovered.extend(well.map(|(endpoint, view)| (endpoint, view.event_id)));
        }
        part.matching
            .retain(|(endpoint, view)| !has_failed(view) || !recovered.contains(&(*endpoint, view.event_id)));
        Ok(())
    }

    /// Queues the next part of a job; says whether there is more.
    async fn step(&self, id: ResendJobId) -> Result<bool, EngineError> {
        let _steps = self.jobs.resend_steps.lock().await;
        let Some(job) = self.store.resend_job(id).await?.filter(|job| job.state == ResendState::Running)
        else {
            return Ok(false);
        };
        let entry = self.program_entry(&job.program_id)?;
        let selection: ResendSelection = serde_json::from_str(&job.selection)
            .map_err(|error| StoreError::Damaged(format!("the selection of {id} cannot be read: {error}")))?;
        let chosen = match self.chosen(&job.program_id, &selection).await {
            // The webhook that it names was deleted since: there is nowhere to send the rest.
            Err(EngineError::NotFound(_)) => {
                self.save_job(self.ended(job, ResendState::Cancelled), Vec::new()).await?;
                return Ok(false);
            }
            chosen => chosen?,
        };
        let part = self.part(&chosen, job.cursor).await?;
        let resends: Vec<ResendRecord> =
            part.matching.iter().map(|(endpoint, view)| self.resend_of(&entry, *endpoint, view)).collect();
        let done = job.done + i64::try_from(resends.len()).unwrap_or(i64::MAX);
        let job = match part.next {
            Some(cursor) => ResendJobRecord { done, cursor, ..job },
            None => self.ended(ResendJobRecord { done, ..job }, ResendState::Done),
        };
        self.save_job(job, resends).await?;
        Ok(part.next.is_some())
    }
}

/// Works through all running jobs, those of before a restart first, until stopped.
pub(crate) async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    const AFTER_FAILURE: Duration = Duration::from_secs(1);
    loop {
        let (mut has_more, mut has_failed) = (false, false);
        let jobs = engine.store.running_resend_jobs().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "resend jobs cannot be read; they are looked for again");
            has_failed = true;
            Vec::new()
        });
        // A step of each in turn, so that a large one does not make a small one wait.
        for job in jobs {
            if stop.is_cancelled() {
                return;
            }
            match engine.step(job.id).await {
                Ok(more) => has_more |= more,
                Err(error) => {
                    tracing::warn!(%error, job.id = %job.id, "a step of a resend job failed; it is tried again");
                    has_failed = true;
                }
            }
        }
        if has_failed {
            // Once for all that failed: those that did not wait behind them.
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(AFTER_FAILURE) => {}
            }
        } else if !has_more {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = engine.jobs.resends_wanted.notified() => {}
            }
        }
    }
}

fn check(selection: &ResendSelection) -> Result<(), EngineError> {
    let mut problems = Vec::new();
    let mut problem = |pointer: &str, message: &str| {
        problems.push(Problem::new(pointer.to_owned(), message.to_owned()));
    };
    if selection.state.is_some_and(|state| !ENDED.contains(&state)) {
        problem("/state", "must be delivered, undeliverable or cancelled: only what has ended is sent again");
    }
    if let (Some(since), Some(until)) = (selection.since, selection.until)
        && since >= until
    {
        problem("/until", "must be later than since");
    }
    if let Some(named) = &selection.deliveries {
        if named.is_empty() || named.len() > MAX_SELECTED {
            problem("/deliveries", "must be from 1 to 1000 ids");
        }
        let alone =
            ResendSelection { deliveries: selection.deliveries.clone(), ..ResendSelection::default() };
        if *selection != alone {
            problem("/deliveries", "cannot be given together with a filter");
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(EngineError::Invalid(problems)) }
}

/// Whether it ended without having arrived.
const fn has_failed(view: &DeliveryView) -> bool {
    matches!(view.state, DeliveryState::Undeliverable | DeliveryState::Cancelled)
}

fn shown(job: &ResendJobRecord) -> ResendJob {
    ResendJob {
        id: job.id,
        state: job.state,
        total: job.total,
        queued: job.done,
        created_at: job.created_at_ms,
        ended_at: job.ended_at_ms,
    }
}

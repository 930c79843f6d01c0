//! Use cases on sending deliveries again: one at once, many in the background.
//!
//! A job keeps its place in the log with what it has queued, in one transaction, so it goes on after a restart where it
//! was. It goes from the newest delivery to the oldest and never meets its own resends.

use std::sync::Arc;
use std::time::Duration;

use groundswell_types::{
    DeliveryId, DeliveryState, DeliveryView, EventId, MAX_SELECTED, Problem, ProgramId, ResendJob,
    ResendJobId, ResendSelection, ResendState,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

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

/// A part of what a job goes through.
struct Part {
    matching: Vec<(EndpointId, DeliveryView)>,
    next: Option<DeliveryId>,
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
        let entry = self.program_entry(program)?;
        let mut cursor = Some(DeliveryId::from_number(i64::MAX));
        let mut count = 0;
        while let Some(from) = cursor {
            let part = self.part(&entry, selection, from).await?;
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
        self.resends_wanted.notify_one();
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
        let _steps = self.resend_steps.lock().await;
        let job = self.job_record(program, id).await?;
        if job.state != ResendState::Running {
            return Ok(shown(&job));
        }
        let job =
            ResendJobRecord { state: ResendState::Cancelled, ended_at_ms: Some(self.clock.now_ms()), ..job };
        self.save_job(job.clone(), Vec::new()).await?;
        Ok(shown(&job))
    }

    async fn job_record(&self, program: &ProgramId, id: ResendJobId) -> Result<ResendJobRecord, EngineError> {
        self.program_entry(program)?;
        let job = self.store.resend_job(id).await?.filter(|job| job.program_id == *program);
        job.ok_or(EngineError::NotFound("resend job"))
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

    /// The next part of what a selection matches, of deliveries up to `from`.
    async fn part(
        &self,
        entry: &ProgramEntry,
        selection: &ResendSelection,
        from: DeliveryId,
    ) -> Result<Part, EngineError> {
        const NAMED_PER_PART: usize = 100;
        let is_live = |endpoint: EndpointId| self.directory.endpoint(endpoint).is_some();
        if let Some(named) = &selection.deliveries {
            let mut named: Vec<DeliveryId> = named.iter().copied().filter(|id| *id <= from).collect();
            named.sort_unstable_by(|a, b| b.cmp(a));
            named.dedup();
            let next = named.get(NAMED_PER_PART).copied();
            let mut matching = Vec::new();
            for id in named.into_iter().take(NAMED_PER_PART) {
                match self.delivery_in_brief(entry, id).await {
                    Ok((endpoint, view)) if ENDED.contains(&view.state) && is_live(endpoint) => {
                        matching.push((endpoint, view));
                    }
                    Ok(_) | Err(EngineError::NotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(Part { matching, next });
        }
        let before = EventId::from_number(from.event().number().saturating_add(1));
        let scan = self.scan(entry, Some(before), selection.event).await?;
        let is_wanted = |endpoint: EndpointId, view: &DeliveryView| {
            view.id <= from
                && ENDED.contains(&view.state)
                && is_live(endpoint)
                && selection.state.is_none_or(|state| state == view.state)
                && selection.webhook_id.as_ref().is_none_or(|id| view.webhook_id.as_ref() == Some(id))
                && selection.since.is_none_or(|since| view.accepted_at >= since)
                && selection.until.is_none_or(|until| view.accepted_at < until)
        };
        // The log goes back in time, so behind `since` there is nothing more.
        let is_behind = scan
            .found
            .last()
            .is_some_and(|(_, view)| selection.since.is_some_and(|since| view.accepted_at < since));
        let next = scan.next.filter(|_| !is_behind);
        let next = next.map(|next| DeliveryId::new(EventId::from_number(next.number() - 1), 7));
        let matching = scan.found.into_iter().filter(|(endpoint, view)| is_wanted(*endpoint, view)).collect();
        Ok(Part { matching, next })
    }

    /// Queues the next part of a job; says whether there is more.
    async fn step(&self, id: ResendJobId) -> Result<bool, EngineError> {
        let _steps = self.resend_steps.lock().await;
        let Some(job) = self.store.resend_job(id).await?.filter(|job| job.state == ResendState::Running)
        else {
            return Ok(false);
        };
        let entry = self.program_entry(&job.program_id)?;
        let selection: ResendSelection = serde_json::from_str(&job.selection)
            .map_err(|error| StoreError::Damaged(format!("the selection of {id} cannot be read: {error}")))?;
        let part = self.part(&entry, &selection, job.cursor).await?;
        let resends: Vec<ResendRecord> =
            part.matching.iter().map(|(endpoint, view)| self.resend_of(&entry, *endpoint, view)).collect();
        let done = job.done + i64::try_from(resends.len()).unwrap_or(i64::MAX);
        let job = match part.next {
            Some(cursor) => ResendJobRecord { done, cursor, ..job },
            None => ResendJobRecord {
                done,
                state: ResendState::Done,
                ended_at_ms: Some(self.clock.now_ms()),
                ..job
            },
        };
        self.save_job(job, resends).await?;
        Ok(part.next.is_some())
    }
}

/// Works through all running jobs, those of before a restart first, until stopped.
pub(crate) async fn run(engine: Arc<Engine>, wanted: Arc<Notify>, stop: CancellationToken) {
    const AFTER_FAILURE: Duration = Duration::from_secs(1);
    loop {
        let jobs = match engine.store.running_resend_jobs().await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::warn!(%error, "resend jobs cannot be read");
                Vec::new()
            }
        };
        let mut has_more = false;
        // A step of each in turn, so that a large one does not make a small one wait.
        for job in jobs {
            if stop.is_cancelled() {
                return;
            }
            match engine.step(job.id).await {
                Ok(more) => has_more |= more,
                Err(error) => {
                    tracing::warn!(%error, job.id = %job.id, "a step of a resend job failed; it is tried again");
                    has_more = true;
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
        if !has_more {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = wanted.notified() => {}
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

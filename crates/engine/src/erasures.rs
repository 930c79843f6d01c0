//! Use cases on erasing a participant's data from what a program has stored.
//!
//! A job goes through the program's events, oldest first, in small steps of the writer's lowest queue, and keeps its place, so
//! it goes on after a restart where it was. Of an event that is about the participant the body becomes an envelope that says
//! `erased`, and of its attempts goes what receivers answered, who may have repeated what they got. Ids, times and states
//! stay. What still waits is cancelled: the contract is to deliver what was accepted, but nobody may be sent a person's data
//! who has asked for it to be erased, and a body without it would be one that the producer never sent. It is not sent again
//! later either.
//!
//! What was emitted in SQL and not accepted yet is removed at once, before the events are gone through; what was rejected, at
//! the end.
//!
//! What is not touched: idempotency keys, which have a SHA-256 of the whole event and go after seven days, since a producer
//! that repeats an event in that time would otherwise bring back what was erased; and tests, which send made-up people.
//!
//! Who it was is remembered as an HMAC under a key that is in the database and nowhere else. A plain hash of an e-mail address
//! can be found by trying, and the audit log is exported. Asked for once more the same participant has the same hash, which
//! tells which of the earlier entries is theirs.

mod find;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod posted;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use groundswell_types::json::Json;
use groundswell_types::signature::{hex, hmac_sha256};
use groundswell_types::{
    AuditAction, AuditActor, DeliveryId, Erasure, ErasureId, EventId, InboxRequestId, ProgramId, Subject,
};
use tokio_util::sync::CancellationToken;

use crate::audit::{By, Deed, Trace};
use crate::clock::Stopwatch;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::id;
use crate::nodes::Word;
use crate::store::{
    After, AttemptRecord, Batch, EraseStep, ErasureRecord, EventRecord, Outcome, Pending, PendingKey,
};

/// Events that are looked at in one step.
const STEP: usize = 50;

/// A job that finds nothing keeps its place after so many steps.
const STEPS_KEPT: usize = 40;

/// After each step a rest of so many times as long as the step took.
const REST: u32 = 2;

/// Jobs of a page.
const JOBS_SHOWN: usize = 50;

/// Of one program at once.
const MAX_RUNNING: usize = 20;

/// So often, and so long between, it is looked whether attempts are still under way. An attempt takes 30 s at most, and its
/// outcome is committed soon.
const UNDER_WAY_LOOKS: usize = 900;
const UNDER_WAY_WAIT: Duration = Duration::from_millis(50);

/// Why a delivery was cancelled. Shown on pages, so its translations are in the catalogue.
const ERASED: &str = "The participant's data was erased before it was delivered.";

/// Why an event is not sent again. The same.
pub(crate) const NOTHING_TO_SEND: &str =
    "The data of this event was erased, so there is nothing left to send.";

/// Who asks for an erasure, for the record of it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub actor: AuditActor,
    pub address: Option<String>,
}

/// What came of a step.
enum Step {
    /// The job as it is now.
    More(ErasureRecord),
    /// Somebody is still reading what was there before; the same once more, later.
    NotYet(ErasureRecord),
    Done,
}

impl Engine {
    /// What somebody is remembered as once their data is gone: hexadecimal.
    pub(crate) async fn subject_hash(
        &self,
        program: &ProgramId,
        subject: &Subject,
    ) -> Result<String, EngineError> {
        let key = self.store.erasure_key(id::random_bytes()).await?;
        let kind = subject.kind().as_str().as_bytes();
        let parts: [&[u8]; 5] =
            [program.as_str().as_bytes(), b"\n", kind, b"\n", subject.expose().as_bytes()];
        Ok(hex(&hmac_sha256(&key, &parts)))
    }

    /// Begins to erase somebody's data from everything that the program has accepted so far.
    pub async fn begin_erasure(
        &self,
        program: &ProgramId,
        subject: Subject,
        asked: Asked,
    ) -> Result<Erasure, EngineError> {
        self.program_entry(program)?;
        let running = self.store.running_erasures().await?;
        if running.iter().filter(|job| job.program_id == *program).count() >= MAX_RUNNING {
            let message =
                "Data of 20 participants is being erased already. Ask again once some of it is done.";
            return Err(EngineError::Conflict(message.to_owned()));
        }
        // What is accepted meanwhile has its id by then.
        let waiting = self.erase_emitted(program, &subject).await?;
        let own = self.ids.latest_event();
        // What has its id is committed by then.
        self.writer.note(Batch::default()).await?;
        // Another node's clock may be ahead, and so the ids of what it has accepted.
        let until = self.store.highest_event_id().await?.map_or(own, |highest| highest.max(own));
        let job = ErasureRecord {
            id: self.ids.erasure(),
            program_id: program.clone(),
            kind: subject.kind(),
            subject_hash: self.subject_hash(program, &subject).await?,
            subject: Some(subject),
            actor: asked.actor,
            address: asked.address,
            cursor: EventId::from_number(0),
            until,
            events: waiting,
            attempts: 0,
            cancelled: 0,
            inbox_requests: 0,
            created_at_ms: self.clock.now_ms(),
            ended_at_ms: None,
        };
        self.store.save_erasure(&job).await?;
        self.jobs.erasures_wanted.notify_one();
        Ok(job.view())
    }

    /// A program's erasures, newest first.
    pub async fn erasures(&self, program: &ProgramId) -> Result<Vec<Erasure>, EngineError> {
        self.program_entry(program)?;
        Ok(self.store.erasures(program, JOBS_SHOWN).await?.iter().map(ErasureRecord::view).collect())
    }

    /// An erasure.
    pub async fn erasure(&self, program: &ProgramId, id: ErasureId) -> Result<Erasure, EngineError> {
        self.program_entry(program)?;
        let job = self.store.erasure(id).await?.filter(|job| job.program_id == *program);
        job.map(|job| job.view()).ok_or(EngineError::NotFound("erasure"))
    }

    /// Fails when the data of an event was erased.
    pub(crate) async fn must_have_data(&self, event: EventId) -> Result<(), EngineError> {
        if self.store.erased(&[event]).await?.is_empty() {
            return Ok(());
        }
        Err(EngineError::Refused(NOTHING_TO_SEND.to_owned()))
    }

    /// Looks at the next events of a job, and erases what is about its subject.
    async fn erase_next(&self, mut job: ErasureRecord, is_kept: &mut usize) -> Result<Step, EngineError> {
        let Some(subject) = job.subject.clone() else { return Ok(Step::Done) };
        let mut events = self.store.events_in_order(&job.program_id, job.cursor, STEP).await?;
        let is_short = events.len() < STEP;
        events.retain(|event| event.id <= job.until);
        if let Some(last) = events.last() {
            job.cursor = last.id;
        }
        let is_last = is_short || events.is_empty();
        let found = self.about(&subject, events).await?;
        if !found.is_empty() {
            job = self.erase_events(job, found).await?;
            *is_kept = 0;
        } else if is_last {
            return self.end_erasure(job, &subject).await;
        } else {
            *is_kept += 1;
            if *is_kept >= STEPS_KEPT {
                *is_kept = 0;
                let (events, deliveries) = (Vec::new(), Vec::new());
                self.writer.erase(EraseStep { job: job.clone(), events, deliveries, audit: None }).await?;
            }
        }
        Ok(Step::More(job))
    }

    /// Those of `events` that are about somebody.
    async fn about(
        &self,
        subject: &Subject,
        events: Vec<EventRecord>,
    ) -> Result<Vec<EventRecord>, EngineError> {
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        let mut small = self.store.small_bodies(&ids).await?;
        small.sort_unstable_by_key(|(id, _)| *id);
        let mut found = Vec::new();
        for event in events {
            let body = match small.binary_search_by_key(&event.id, |(id, _)| *id) {
                Ok(at) => Some(small[at].1.clone()),
                // Large bodies one at a time: each can have 4 MiB.
                Err(_) => self.store.bodies(&[event.id]).await?.pop().map(|(_, body)| body),
            };
            if body.is_some_and(|body| find::concerns(&body, subject)) {
                found.push(event);
            }
        }
        Ok(found)
    }

    /// Erases these events, once nothing of them is under way.
    async fn erase_events(
        &self,
        job: ErasureRecord,
        events: Vec<EventRecord>,
    ) -> Result<ErasureRecord, EngineError> {
        let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
        self.erased.add(ids.iter().copied());
        // Resends that were let through before are committed by then.
        self.writer.note(Batch::default()).await?;
        let (_, deliveries) = self.waiting_of(events.clone()).await?;
        self.until_none_is_under_way(&deliveries).await?;
        self.nodes.say_to_each(&self.store, &Word::Erasing(ids.clone(), deliveries)).await?;
        let (waiting, deliveries) = self.waiting_of(events.clone()).await?;
        let cancelled = i64::try_from(waiting.len()).unwrap_or(i64::MAX);
        if !waiting.is_empty() {
            let now_ms = self.clock.now_ms();
            let outcomes = waiting.into_iter().map(|waiting| cancelled_for(waiting, now_ms)).collect();
            self.writer.note(Batch { outcomes, ..Batch::default() }).await?;
        }
        let job = ErasureRecord {
            events: job.events + i64::try_from(ids.len()).unwrap_or(i64::MAX),
            cancelled: job.cancelled + cancelled,
            ..job
        };
        let bodies = events.iter().map(|event| (event.id, envelope(event))).collect();
        let step = EraseStep { job: job.clone(), events: bodies, deliveries, audit: None };
        self.writer.erase(step).await?;
        // With the attempts that the store has counted.
        Ok(self.store.erasure(job.id).await?.unwrap_or(job))
    }

    /// Another node erases these events.
    pub(crate) async fn stop_sending(
        &self,
        events: Vec<EventId>,
        deliveries: &[DeliveryId],
    ) -> Result<(), EngineError> {
        self.erased.add(events);
        self.until_none_is_under_way(deliveries).await
    }

    /// The outcome of what is under way would bring back what a receiver answered.
    async fn until_none_is_under_way(&self, deliveries: &[DeliveryId]) -> Result<(), EngineError> {
        for _ in 0..UNDER_WAY_LOOKS {
            if self.under_way.among(deliveries).is_empty() {
                return Ok(());
            }
            tokio::time::sleep(UNDER_WAY_WAIT).await;
        }
        Err(EngineError::Overloaded)
    }

    /// Everything was looked at but the inbox.
    async fn end_erasure(&self, mut job: ErasureRecord, subject: &Subject) -> Result<Step, EngineError> {
        let mut about: Vec<InboxRequestId> = Vec::new();
        for request in self.store.inbox_requests(&job.program_id, i64::MIN).await? {
            let whole = self.store.inbox_request(&job.program_id, request.id).await?;
            if whole.is_some_and(|whole| posted::is_about(&whole, subject)) {
                about.push(request.id);
            }
        }
        if !about.is_empty() {
            let removed = self.store.delete_inbox_requests(&job.program_id, &about).await?;
            job.inbox_requests += i64::try_from(removed).unwrap_or(i64::MAX);
            self.inboxes.tell(&job.program_id);
        }
        job.events += self.erase_rejected(&job.program_id, subject).await?;
        if !self.store.scrub().await? {
            return Ok(Step::NotYet(job));
        }
        job.subject = None;
        job.ended_at_ms = Some(self.clock.now_ms());
        let audit = self.record_of_erasure(&job);
        let (events, deliveries) = (Vec::new(), Vec::new());
        self.writer.erase(EraseStep { job, events, deliveries, audit }).await?;
        Ok(Step::Done)
    }

    fn record_of_erasure(&self, job: &ErasureRecord) -> Option<crate::store::AuditRecord> {
        let entry = self.directory.program(&job.program_id);
        let teams = entry.map(|entry| entry.record.team_id.clone()).into_iter().collect();
        let trace = Trace::of(job.id)
            .with("by", job.kind.as_str())
            .with("subjectHash", &job.subject_hash)
            .with("events", job.events)
            .with("attempts", job.attempts)
            .with("cancelled", job.cancelled)
            .with("inboxRequests", job.inbox_requests);
        let program = Some(job.program_id.clone());
        let deed = Deed { action: AuditAction::DataErased, teams, program, trace };
        self.audit_records(&By { actor: job.actor.clone(), address: job.address.clone() }, deed).pop()
    }
}

pub(crate) use self::posted::says;

/// Whether what was emitted in SQL is about somebody.
pub(crate) fn is_about(event: &str, data: &str, subject: &Subject) -> bool {
    let name = Json::string(event).render();
    let envelope = [br#"{"event":"#, &name[..], br#","data":"#, data.as_bytes(), b"}"].concat();
    find::concerns(&envelope, subject)
}

/// What is left of an event's body: an envelope like any other.
fn envelope(event: &EventRecord) -> Bytes {
    let (kind, created_at) = (event.kind.name(), event.occurred_at_ms);
    format!(r#"{{"event":"{kind}","createdAt":{created_at},"data":{{"erased":true}}}}"#).into()
}

/// The end of a delivery that waits.
fn cancelled_for((pending, remove): (Pending, Vec<PendingKey>), now_ms: i64) -> Outcome {
    let attempt = AttemptRecord {
        delivery_id: pending.key.delivery_id,
        endpoint_id: pending.key.endpoint_id,
        number: 0,
        started_at_ms: now_ms,
        duration_ms: 0,
        failure: None,
        status_code: None,
        message: ERASED.to_owned(),
        response_head: String::new(),
        response_body: Bytes::new(),
        is_response_truncated: false,
        is_response_restricted: false,
        after: After::Cancelled,
    };
    Outcome { attempt, remove, insert: None }
}

/// Works through all jobs, one after the other, those of before a restart first, until stopped.
pub(crate) async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    const AFTER_FAILURE: Duration = Duration::from_secs(1);
    const UNTIL_SCRUBBED: Duration = Duration::from_millis(200);
    let mut has_erased = false;
    loop {
        let jobs = match engine.store.running_erasures().await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::warn!(%error, "erasures cannot be read; they are looked for again");
                pause(AFTER_FAILURE, &stop).await;
                if stop.is_cancelled() {
                    return;
                }
                continue;
            }
        };
        let is_idle = jobs.is_empty();
        for mut job in jobs {
            let mut is_kept = 0;
            while !stop.is_cancelled() {
                let watch = Stopwatch::start();
                let id = job.id;
                match engine.erase_next(job, &mut is_kept).await {
                    Ok(Step::More(next)) => job = next,
                    Ok(Step::NotYet(next)) => {
                        job = next;
                        pause(UNTIL_SCRUBBED, &stop).await;
                    }
                    Ok(Step::Done) => {
                        has_erased = true;
                        break;
                    }
                    Err(error) => {
                        tracing::warn!(%error, erasure.id = %id, "a step of an erasure failed; it is tried again");
                        pause(AFTER_FAILURE, &stop).await;
                        break;
                    }
                }
                pause(watch.elapsed() * REST, &stop).await;
            }
        }
        // Whom it was about stood in the job itself.
        if has_erased && matches!(engine.store.scrub().await, Ok(true)) {
            has_erased = false;
        }
        if stop.is_cancelled() {
            return;
        }
        if is_idle {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = engine.jobs.erasures_wanted.notified() => {}
                () = tokio::time::sleep(UNTIL_SCRUBBED), if has_erased => {}
            }
        }
    }
}

async fn pause(duration: Duration, stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = tokio::time::sleep(duration) => {}
    }
}

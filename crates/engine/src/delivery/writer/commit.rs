//! One cycle: commit, then tell producers and the runtime. An item the database rejects fails alone.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use groundswell_types::DeliveryId;

use super::batch::Consequences;
use super::{AcceptJob, FinishedAttempt, NewEvent, Receipt, Writer};
use crate::clock::Stopwatch;
use crate::cluster::{Lease, Shard};
use crate::delivery::runtime::{Message, Settled};
use crate::delivery::scheduler::{Body, Item};
use crate::error::EngineError;
use crate::store::{
    Accept, Accepted, Batch, Committed, EndpointId, Pending, PendingKey, SMALL_BODY, StoreError,
};

/// So often in a row nobody changes settings while a batch is written; then something else is wrong, and whoever waits is told so.
const MOST_ROUNDS: u32 = 20;

/// What became of one item of a batch.
#[derive(Debug)]
enum Fate<T> {
    Committed(T),
    /// The database will never take it.
    Rejected,
    /// Not written, for this reason.
    NotNow(Reason),
}

impl<T> Fate<T> {
    const fn is_committed(&self) -> bool {
        matches!(self, Self::Committed(_))
    }
}

/// Whose a delivery was when the outcome of an attempt was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    /// Another node had taken it over.
    Another,
    /// Nobody's any more: another node had ended it.
    Nobody,
}

/// Of each accept and of each outcome.
type Fates = (Vec<Fate<Accepted>>, Vec<Fate<Whose>>);

/// What a cycle has come to.
struct Decided {
    batch: Batch,
    /// For each event of each job: its place among the accepts, or why it has none.
    places: Vec<Vec<Result<usize, EngineError>>>,
    consequences: Consequences,
    fates: Fates,
    /// The commit.
    took: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Reason {
    Full,
    Away,
    /// Nobody can say whether it was.
    Unclear,
    Stopping,
}

impl Writer {
    /// Commits what was gathered and answers everybody.
    pub(super) async fn cycle(&mut self, jobs: Vec<AcceptJob>, finished: Vec<FinishedAttempt>) {
        self.meters.writing.begin();
        let Decided { batch, places, consequences, fates, took } =
            self.decide_and_commit(&jobs, &finished).await;
        let (accept_fates, outcome_fates) = fates;
        // Else health, too, is written with the next outcome.
        let is_whole = outcome_fates.iter().all(Fate::is_committed);
        if is_whole {
            self.tell_of_health(&consequences.health);
            self.directory.set_health(&consequences.health);
        }
        self.tell_of_deliveries(&batch);

        let mut committed_items = Vec::new();
        for (job, of_job) in jobs.into_iter().zip(places) {
            let mut answers = Vec::with_capacity(of_job.len());
            for (event, place) in job.events.iter().zip(of_job) {
                answers.push(place.and_then(|at| {
                    let accept = &batch.accepts[at];
                    let receipt = receipt(accept, &accept_fates[at])?;
                    // A repeated event is not committed: what is still to come of it is in the first one's trace.
                    if let Some(request) = job.trace
                        && !receipt.is_duplicate
                    {
                        self.traces.committed(request, receipt.id, took);
                    }
                    if !receipt.is_duplicate {
                        let flow = self.directory.program(&event.program_id).map(|entry| entry.flow);
                        committed_items.extend(
                            flow.into_iter()
                                .flat_map(|flow| items(accept, event).map(move |item| (item, flow))),
                        );
                    }
                    Ok(receipt)
                }));
            }
            // The producer may have hung up; its event is stored all the same.
            let _ = job.reply.send(answers);
        }
        self.hand_on(committed_items).await;
        if is_whole {
            for (endpoint, gate) in &consequences.gates {
                self.send(Message::Gate(*endpoint, *gate)).await;
            }
        }
        self.rest_after(finished.len(), took);
        self.settle((finished, took), &batch, outcome_fates).await;
        if is_whole {
            self.follow(consequences).await;
        }
        self.meters.outcomes_unwritten.set(i64::try_from(self.unwritten.len()).unwrap_or(i64::MAX));
        self.meters.writing.end();
    }

    /// Says where each event goes and what each outcome does, by the settings as they are now, and commits that. Where
    /// another node has changed them it is decided anew.
    async fn decide_and_commit(&mut self, jobs: &[AcceptJob], finished: &[FinishedAttempt]) -> Decided {
        let mut rounds_left = MOST_ROUNDS;
        loop {
            rounds_left -= 1;
            let (mut accepts, mut emitted) = (Vec::new(), Vec::new());
            let mut places = Vec::with_capacity(jobs.len());
            for job in jobs {
                let place = |event: &NewEvent| {
                    let accept = self.accept_of(event)?;
                    accepts.push(accept);
                    emitted.push(event.emitted);
                    Ok(accepts.len() - 1)
                };
                places.push(job.events.iter().map(place).collect::<Vec<_>>());
            }
            let (mut batch, consequences) = self.batch_of(accepts, finished);
            batch.emitted = emitted;
            let watch = Stopwatch::start();
            if let Some(fates) = self.commit_or_bisect(&batch).await {
                return Decided { batch, places, consequences, fates, took: watch.elapsed() };
            }
            // Not decided anew as long as it cannot be said what has changed, or nothing may be accepted; why is noted.
            if rounds_left == 0 || self.catch_up().await.is_err() || self.enter().await.is_err() {
                let accepts = batch.accepts.iter().map(|_| Fate::NotNow(Reason::Away)).collect();
                let outcomes = batch.outcomes.iter().map(|_| Fate::NotNow(Reason::Away)).collect();
                return Decided {
                    batch,
                    places,
                    consequences,
                    fates: (accepts, outcomes),
                    took: watch.elapsed(),
                };
            }
        }
    }

    async fn follow(&mut self, consequences: Consequences) {
        for (endpoint, kind, at_ms) in consequences.disable {
            if !self.nodes.leads() {
                self.ask_to_disable(endpoint, kind, at_ms);
                continue;
            }
            self.disable(endpoint, kind, at_ms).await;
        }
        for endpoint in consequences.advance {
            let at_ms = self.directory.health(endpoint).last_success_at_ms.unwrap_or_default();
            self.advance(endpoint, at_ms);
        }
    }

    /// Tells of outcomes, after a commit that took so long.
    async fn settle(
        &mut self,
        (finished, took): (Vec<FinishedAttempt>, Duration),
        batch: &Batch,
        fates: Vec<Fate<Whose>>,
    ) {
        if fates.iter().any(Fate::is_committed) {
            self.unwritten.retry_now();
        }
        let committed = batch.outcomes.iter().zip(&fates).filter(|(_, fate)| fate.is_committed());
        let committed = committed.map(|(outcome, _)| &outcome.attempt);
        self.tally.count(committed.inspect(|attempt| self.meters.settled(attempt)));
        let mut settled = Vec::with_capacity(finished.len());
        let mut taken_anew = BTreeSet::new();
        let mut not_now = Vec::new();
        let outcomes = finished.into_iter().zip(&batch.outcomes).zip(fates);
        for (place, ((one, outcome), fate)) in outcomes.enumerate() {
            let key = one.item.pending.key;
            match fate {
                Fate::Committed(whose) => {
                    self.nodes.served.ended(key.endpoint_id);
                    if let Some(attempted) = one.trace {
                        self.traces.settled(attempted, &outcome.attempt, took);
                    }
                    if whose == Whose::Another && self.nodes.served.has(key.endpoint_id) {
                        taken_anew.insert(key.endpoint_id);
                    }
                    let is_to_be_sent = |pending: &Pending| {
                        whose == Whose::Ours && pending.key.due_at_ms != crate::store::PARKED_DUE_MS
                    };
                    let retry = outcome.insert.filter(is_to_be_sent);
                    if let Some(Pending { key, .. }) = retry {
                        self.moves.retried(key.endpoint_id, key.delivery_id);
                    }
                    settled.push(Settled { old: key, retry });
                }
                Fate::Rejected => {
                    self.nodes.served.ended(key.endpoint_id);
                    tracing::error!(
                        event.id = event_of(key.delivery_id),
                        delivery.id = %key.delivery_id,
                        "the outcome of an attempt cannot be stored; the delivery is tried again after a restart"
                    );
                }
                Fate::NotNow(_) => not_now.push((place, one)),
            }
        }
        self.unwritten.give_back(not_now);
        if !settled.is_empty() {
            self.send(Message::Settled(settled)).await;
        }
        // The shard was this node's again before that was committed. Its rows stand as they were, and what was read when it
        // was taken left out what was still to be settled.
        for endpoint in taken_anew {
            self.send(Message::Opened(endpoint)).await;
        }
    }

    /// Commits the batch; when the database rejects something in it, halves it until the culprit stands alone. When
    /// the disk is full, outcomes are tried without the events: they take less room, and free some. None if nothing was
    /// written because another node had changed the settings, or went on without this one.
    async fn commit_or_bisect(&self, batch: &Batch) -> Option<Fates> {
        let mut accept_fates: Vec<Fate<Accepted>> = Vec::with_capacity(batch.accepts.len());
        let mut outcome_fates: Vec<Fate<Whose>> = Vec::with_capacity(batch.outcomes.len());
        let whole = Part { accepts: (0, batch.accepts.len()), outcomes: (0, batch.outcomes.len()) };
        // Depth first and in order, so that fates are pushed in the order of the items.
        let mut parts = vec![whole];
        while let Some(part) = parts.pop() {
            let watch = Stopwatch::start();
            let result = if part == whole {
                self.commit_part(batch).await
            } else {
                self.commit_part(&part.of(batch)).await
            };
            self.measure(part, watch, &result);
            match result {
                Ok(Committed { accepted, stale, ended }) => {
                    // Outcomes alone find room where events do not.
                    if part.accept_count() > 0 && self.is_full.swap(false, Ordering::Relaxed) {
                        tracing::info!("there is room on the disk again");
                    }
                    accept_fates.extend(accepted.into_iter().map(Fate::Committed));
                    let fate = |at| Fate::Committed(whose_outcome(batch, at, (&stale, &ended)));
                    outcome_fates.extend((part.outcomes.0..part.outcomes.1).map(fate));
                    if !stale.is_empty() {
                        self.nodes.fenced(&stale);
                    }
                }
                Err(StoreError::Outdated) if part == whole => return None,
                Err(error @ StoreError::Full(_)) if part.accept_count() > 0 && part.outcome_count() > 0 => {
                    self.note(error);
                    accept_fates.extend((0..part.accept_count()).map(|_| Fate::NotNow(Reason::Full)));
                    parts.push(part.outcomes_only());
                }
                Err(StoreError::NoRoom(_)) if part.len() > 1 => {
                    let (first, second) = part.halves();
                    parts.extend([second, first]);
                }
                Err(StoreError::Rejected(error)) if part.len() > 1 => {
                    tracing::warn!(%error, "the database rejected an item; looking for it in a batch of {}", part.len());
                    let (first, second) = part.halves();
                    parts.extend([second, first]);
                }
                Err(StoreError::Rejected(error)) => {
                    tracing::error!(%error, "the database rejects an item");
                    accept_fates.extend((0..part.accept_count()).map(|_| Fate::Rejected));
                    outcome_fates.extend((0..part.outcome_count()).map(|_| Fate::Rejected));
                }
                Err(error) => {
                    let reason = match &error {
                        StoreError::Full(_) => Reason::Full,
                        StoreError::Unavailable(_) | StoreError::NoRoom(_) | StoreError::Outdated => {
                            Reason::Away
                        }
                        StoreError::Fatal(_) => Reason::Unclear,
                        _ => Reason::Stopping,
                    };
                    self.note(error);
                    accept_fates.extend((0..part.accept_count()).map(|_| Fate::NotNow(reason)));
                    outcome_fates.extend((0..part.outcome_count()).map(|_| Fate::NotNow(reason)));
                }
            }
        }
        Some((accept_fates, outcome_fates))
    }

    async fn commit_part(&self, batch: &Batch) -> Result<Committed, StoreError> {
        if let Some(cluster) = self.store.cluster() {
            return cluster.commit(batch).await;
        }
        Ok(Committed { accepted: self.store.commit(batch).await?, ..Committed::default() })
    }

    /// Counts a commit, and what it did.
    fn measure(&self, part: Part, watch: Stopwatch, result: &Result<Committed, StoreError>) {
        let meters = &self.meters;
        meters.commit_seconds.observe(watch.elapsed().as_secs_f64());
        match result {
            Ok(Committed { accepted, .. }) => {
                meters.commit_rows.observe(f64::from(u32::try_from(part.len()).unwrap_or(u32::MAX)));
                let count =
                    |kind: fn(&Accepted) -> bool| accepted.iter().filter(|one| kind(one)).count() as u64;
                meters.events_accepted.add(count(|one| matches!(one, Accepted::New)));
                meters.events_repeated.add(count(|one| matches!(one, Accepted::Duplicate { .. })));
            }
            Err(error) => meters.failed_commits.of(error).add(1),
        }
    }

    /// Logs a failure of the store, stops the engine when it is fatal, and turns it into a use case's error.
    pub(super) fn note(&self, error: StoreError) -> EngineError {
        match &error {
            StoreError::Full(_) => {
                if !self.is_full.swap(true, Ordering::Relaxed) {
                    tracing::error!("the disk is full: new events are refused until there is room");
                }
            }
            StoreError::NoRoom(cause) => tracing::error!(%cause, "there is no place for an item"),
            StoreError::Unavailable(cause) => tracing::warn!(%cause, "the database did not answer in time"),
            // Of this one thing: everything else can be stored as before.
            StoreError::Rejected(cause) => tracing::error!(%cause, "the database rejects an item"),
            StoreError::Outdated | StoreError::Fenced => {
                tracing::info!(%error, "nothing was written");
            }
            StoreError::Fatal(cause) => {
                tracing::error!(%cause, "it is not known whether a commit reached the disk; stopping, start again to recover");
                self.fatal.cancel();
            }
            other => {
                tracing::error!(error = %other, "the store failed; stopping");
                self.fatal.cancel();
            }
        }
        EngineError::from(error)
    }
}

/// Whose the outcome at a place of a batch was, when these leases were found stale, and these deliveries ended.
fn whose_outcome(batch: &Batch, at: usize, (stale, ended): (&[Lease], &[(EndpointId, DeliveryId)])) -> Whose {
    let Some(epoch) = batch.epochs.get(at) else { return Whose::Ours };
    let attempt = &batch.outcomes[at].attempt;
    let lease = Lease { shard: Shard::of(attempt.endpoint_id), epoch: *epoch };
    if stale.contains(&lease) {
        Whose::Another
    } else if ended.binary_search(&(attempt.endpoint_id, attempt.delivery_id)).is_ok() {
        Whose::Nobody
    } else {
        Whose::Ours
    }
}

/// For the log. A resend's id does not tell it.
fn event_of(delivery: DeliveryId) -> Option<String> {
    (!delivery.is_resend()).then(|| delivery.event().to_string())
}

fn receipt(accept: &Accept, fate: &Fate<Accepted>) -> Result<Receipt, EngineError> {
    match fate {
        Fate::Committed(Accepted::New) => Ok(Receipt {
            id: accept.event_id,
            deliveries: i64::try_from(accept.targets.len()).unwrap_or(i64::MAX),
            is_duplicate: false,
        }),
        Fate::Committed(Accepted::Duplicate { event_id, deliveries }) => {
            Ok(Receipt { id: *event_id, deliveries: *deliveries, is_duplicate: true })
        }
        Fate::Committed(Accepted::Conflict) => Err(EngineError::IdempotencyConflict),
        Fate::Committed(Accepted::Taken) => Err(EngineError::NotFound("emitted event")),
        Fate::Rejected => Err(EngineError::Refused("The database rejects this event.".to_owned())),
        Fate::NotNow(Reason::Full) => Err(EngineError::StorageFull),
        Fate::NotNow(Reason::Away) => Err(EngineError::Away),
        Fate::NotNow(Reason::Unclear) => Err(EngineError::Unclear),
        Fate::NotNow(Reason::Stopping) => Err(EngineError::Stopping),
    }
}

/// The deliveries of a committed event that are to be sent now.
fn items(accept: &Accept, event: &NewEvent) -> impl Iterator<Item = Item> {
    let body =
        (event.body.len() <= SMALL_BODY).then(|| Body { event: accept.event_id, bytes: event.body.clone() });
    accept.targets.iter().zip(0_u8..).filter(|(target, _)| !target.is_parked).map(move |(target, slot)| {
        Item {
            pending: Pending {
                key: PendingKey {
                    endpoint_id: target.endpoint_id,
                    due_at_ms: accept.accepted_at_ms,
                    delivery_id: DeliveryId::new(accept.event_id, slot),
                },
                attempts: 0,
                accepted_at_ms: accept.accepted_at_ms,
                expires_at_ms: accept.expires_at_ms,
            },
            body: body.clone(),
            is_probe: false,
            has_waited_for_receiver: false,
        }
    })
}

/// A contiguous part of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part {
    accepts: (usize, usize),
    outcomes: (usize, usize),
}

impl Part {
    const fn accept_count(self) -> usize {
        self.accepts.1 - self.accepts.0
    }

    const fn outcome_count(self) -> usize {
        self.outcomes.1 - self.outcomes.0
    }

    const fn len(self) -> usize {
        self.accept_count() + self.outcome_count()
    }

    /// Two parts, neither of them empty; accepts before outcomes.
    const fn halves(self) -> (Self, Self) {
        let ((a, b), (c, d)) = (self.accepts, self.outcomes);
        if self.accept_count() > 0 && self.outcome_count() > 0 {
            return (Self { accepts: (a, b), outcomes: (c, c) }, Self { accepts: (b, b), outcomes: (c, d) });
        }
        let (middle_accept, middle_outcome) = (a.midpoint(b), c.midpoint(d));
        (
            Self { accepts: (a, middle_accept), outcomes: (c, middle_outcome) },
            Self { accepts: (middle_accept, b), outcomes: (middle_outcome, d) },
        )
    }

    const fn outcomes_only(self) -> Self {
        Self { accepts: (self.accepts.1, self.accepts.1), outcomes: self.outcomes }
    }

    /// The part as a batch of its own. Health goes with all outcomes or none: else it is written with the next one.
    fn of(self, batch: &Batch) -> Batch {
        let is_all = self.outcomes == (0, batch.outcomes.len());
        Batch {
            accepts: batch.accepts[self.accepts.0..self.accepts.1].to_vec(),
            outcomes: batch.outcomes[self.outcomes.0..self.outcomes.1].to_vec(),
            health: if is_all { batch.health.clone() } else { Vec::new() },
            notices: if is_all { batch.notices.clone() } else { Vec::new() },
            emitted: batch.emitted.get(self.accepts.0..self.accepts.1).unwrap_or_default().to_vec(),
            epochs: batch.epochs.get(self.outcomes.0..self.outcomes.1).unwrap_or_default().to_vec(),
            settings: batch.settings,
            // Those of the next part have higher ids, and lower ones than what the whole batch says.
            settled: batch
                .settled
                .and(batch.accepts[self.accepts.0..self.accepts.1].last())
                .map(|accept| accept.event_id),
        }
    }
}

#[cfg(test)]
pub mod tests;

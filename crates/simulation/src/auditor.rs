//! Reads a trace and says what of the delivery contract was broken. Pure, and independent of the engine: what it
//! knows of deliveries it works out from what reached the disk.
//!
//! - No accepted event is lost: acknowledged means stored, stored means delivered, ended for a reason, or parked.
//! - Every attempt is recorded, or the attempt after it says "possibly sent before".
//! - Nothing is sent after a delivery has ended, nor twice at once: without a crash nothing comes twice, and after one
//!   only what was under way or not yet committed.
//! - Settings hold from the moment they are answered.
//! - A well receiver that is hardly used is served within one timeout, whatever others do.

mod gates;
mod model;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use groundswell_engine::store::{PARKED_DUE_MS, Pending};
use groundswell_types::{DeliveryId, DeliveryState, EventId};

use self::gates::Gates;
use self::model::{Ending, Model};
use self::requests::Requests;
use crate::plan::Plan;
use crate::trace::{End, Entry, Fact, ShownAttempt, Tag};

/// What was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// One seed gives one trace.
    OneTrace,
    /// Acknowledged means on disk.
    AcknowledgedIsStored,
    /// A key stands for one event; what was declined is not stored.
    StoredOnce,
    /// Rows are moved and removed as outcomes and settings say.
    RowsAreKept,
    /// Nothing is sent that has ended or is under way.
    SentIsOpen,
    /// Nothing is sent to what is disabled or deleted, nor to an old URL.
    SettingsHold,
    /// Nothing but single probes goes to what is failing, and nothing to what asked for a pause.
    GatesHold,
    /// Requests are signed with the webhook's secret.
    SignedRight,
    /// A recorded attempt was made, and a success was answered with 2xx.
    RecordsAreTrue,
    /// Deliveries end as undeliverable or cancelled for a reason.
    EndsForAReason,
    /// Attempts without a record are owned up to.
    UnknownIsSaid,
    /// In the end nothing waits that is due.
    Drains,
    /// The log shows what is.
    LogIsTrue,
    /// Nobody waits for others.
    Fair,
    /// Of several nodes one has a shard.
    OneOwner,
    /// Of several nodes one leads, and changes what all have.
    OneLeads,
    /// A node sends what is of its shards, before its time is over.
    SentUnderLease,
    /// A turn of a delivery is decided once, by the node that has its shard.
    OneDecides,
    /// After a crash others go on.
    ServedAgain,
    /// What one node accepts another one sends at once.
    FoundSoon,
    /// And within a minute, if it is told nothing.
    FoundInAMinute,
}

/// One breach.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    pub rule: Rule,
    pub text: String,
}

impl Violation {
    pub(crate) fn diverged(one: Option<&Entry>, other: Option<&Entry>) -> Self {
        let text = format!("the first run has\n{one:?}\nthe second\n{other:?}");
        Self { rule: Rule::OneTrace, text }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.rule, self.text)
    }
}

/// What is wrong with a trace; empty is well.
pub fn audit(plan: &Plan, trace: &[Entry]) -> Vec<Violation> {
    let mut auditor = Auditor::new(plan);
    let last = trace.iter().rposition(|entry| matches!(entry.fact, Fact::Ended(_)));
    for (at, entry) in trace.iter().enumerate() {
        auditor.read(entry, Some(at) == last);
    }
    auditor.close();
    auditor.violations
}

struct Auditor<'a> {
    plan: &'a Plan,
    model: Model,
    requests: Requests,
    gates: Gates,
    tags: BTreeMap<Tag, TagBook>,
    life_began_at_ms: i64,
    shown: BTreeMap<DeliveryId, Vec<ShownAttempt>>,
    left: BTreeMap<DeliveryId, Pending>,
    violations: Vec<Violation>,
}

/// What is known of an event by its producer's number.
#[derive(Default)]
struct TagBook {
    events: Vec<EventId>,
    has_key: bool,
    is_declined: bool,
}

impl<'a> Auditor<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            model: Model::default(),
            requests: Requests::default(),
            gates: Gates::default(),
            tags: BTreeMap::new(),
            life_began_at_ms: 0,
            shown: BTreeMap::new(),
            left: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    fn read(&mut self, entry: &Entry, is_last_end: bool) {
        match &entry.fact {
            Fact::Began => {
                self.life_began_at_ms = entry.at_ms;
                _ = self.model.go_live();
                self.gates.life_began();
            }
            Fact::Ended(end) => self.ended(*end, entry, is_last_end),
            Fact::Submitted { tag, has_key } => self.tags.entry(*tag).or_default().has_key = *has_key,
            Fact::Acknowledged { tag, event, .. } => self.acknowledged(entry, *tag, *event),
            Fact::Declined { tag } => self.tags.entry(*tag).or_default().is_declined = true,
            Fact::Accepted { tag, event, accept } => {
                self.tags.entry(*tag).or_default().events.push(*event);
                self.model.accepted(*event, accept, entry.at_ms);
            }
            Fact::Resent(batch) => {
                for (resend, pending) in batch.resends.iter().zip(&batch.pending) {
                    let result = self.model.resent(resend, *pending);
                    self.note(entry, result);
                }
            }
            Fact::Outcome(outcome) => {
                let request = self.requests.recorded(&self.model, outcome);
                let result = request.and_then(|request| self.model.outcome(entry.clock_ms, outcome, request));
                self.note(entry, result);
            }
            Fact::Health(endpoint, health) => self.gates.changed(*endpoint, *health, entry.at_ms),
            Fact::Changed(change) => self.model.changed(change),
            Fact::Live => {
                for endpoint in self.model.go_live() {
                    self.gates.renewed(endpoint);
                }
            }
            Fact::Moved(step, up_to) => self.model.moved(step, *up_to),
            Fact::Forgotten(forget) => {
                let result = self.model.forgotten(forget, entry.clock_ms - self.plan.config.retention_ms);
                self.note(entry, result);
            }
            Fact::Sent { request, event, hook } => {
                let result = self.requests.sent(&self.model, entry, (*request, *event, *hook));
                self.note(entry, result);
                if let Some((endpoint, _)) = self.model.endpoint_of(*hook) {
                    let result = self.gates.sent(endpoint, entry, self.plan.has_jumps);
                    self.note(entry, result);
                }
                self.waited(entry, *event);
            }
            Fact::Arrived { is_genuine: false, .. } => {
                self.breach(entry, Rule::SignedRight, "a signature does not fit the webhook's secret");
            }
            Fact::Answered { request, answer } => self.requests.answered(*request, *answer),
            Fact::Shown { delivery, state, attempts } => {
                self.shown_as(entry, *delivery, *state);
                self.shown.insert(*delivery, attempts.clone());
            }
            Fact::Left(pending) => _ = self.left.insert(pending.key.delivery_id, *pending),
            // There is one node.
            Fact::Arrived { .. } | Fact::OfNodes(_) => {}
        }
    }

    fn breach(&mut self, entry: &Entry, rule: Rule, text: impl fmt::Display) {
        self.violations.push(Violation { rule, text: format!("{text}\n  at {entry}") });
    }

    fn note(&mut self, entry: &Entry, result: Result<(), (Rule, String)>) {
        if let Err((rule, text)) = result {
            self.breach(entry, rule, text);
        }
    }

    fn ended(&mut self, end: End, entry: &Entry, is_last: bool) {
        let lost = self.requests.life_ended(&self.model);
        // With a store that is well, stopping in order loses nothing.
        let plan = &self.plan.store;
        let is_well = is_last
            || (plan.unavailable == 0.0 && plan.full == 0.0 && plan.fatal == 0.0 && plan.outages.is_empty());
        if end == End::Stopped && is_well && lost > 0 {
            self.breach(
                entry,
                Rule::UnknownIsSaid,
                format!("{lost} attempts were not recorded before stopping"),
            );
        }
    }

    fn acknowledged(&mut self, entry: &Entry, tag: Tag, event: EventId) {
        let is_stored = self.tags.get(&tag).is_some_and(|book| book.events.contains(&event));
        if !is_stored {
            self.breach(
                entry,
                Rule::AcknowledgedIsStored,
                format!("event {tag} is acknowledged as {event} but not stored"),
            );
        }
    }

    /// From commit, or start, to the first request. Who is hardly used is next in turn, so at worst all slots are
    /// held by requests that were begun before it came, and none of them lasts longer than the timeout.
    fn waited(&mut self, entry: &Entry, event: EventId) {
        /// For commits and reads before and behind it, which take some milliseconds each here.
        const SLACK_MS: i64 = 1_000;
        if !self.plan.is_fair {
            return;
        }
        let Some(since_ms) = self.model.take_first_wait(event) else { return };
        let waited_ms = entry.at_ms - since_ms.max(self.life_began_at_ms);
        let timeout_ms = i64::try_from(self.plan.config.sending.total_timeout_ms).unwrap_or(i64::MAX);
        if waited_ms > timeout_ms + SLACK_MS {
            self.breach(entry, Rule::Fair, format!("{event} waited {waited_ms} ms for its first attempt"));
        }
    }

    fn shown_as(&mut self, entry: &Entry, id: DeliveryId, state: DeliveryState) {
        let Some(delivery) = self.model.deliveries.get(&id) else {
            return self.breach(entry, Rule::LogIsTrue, format!("{id} is shown but was never stored"));
        };
        let is_parked = delivery.row.is_some_and(|row| row.key.due_at_ms == PARKED_DUE_MS);
        let is_true = match state {
            DeliveryState::Delivered => delivery.end == Some(Ending::Delivered),
            DeliveryState::Undeliverable => delivery.end == Some(Ending::Undeliverable),
            DeliveryState::Cancelled => delivery.end == Some(Ending::Cancelled),
            DeliveryState::Parked => delivery.end.is_none() && is_parked,
            _ => delivery.end.is_none() && delivery.row.is_some() && !is_parked,
        };
        if !is_true {
            let (end, row) = (delivery.end, delivery.row);
            self.breach(
                entry,
                Rule::LogIsTrue,
                format!("{id} is shown as {state:?} but is {end:?}, {row:?}"),
            );
        }
    }

    /// What can be said only in the end.
    fn close(&mut self) {
        let mut found = Vec::new();
        for (tag, book) in &self.tags {
            if book.has_key
                && book.events.len() > 1
                && self.plan.chaos_ms < groundswell_engine::events::IDEMPOTENCY_MS / 2
            {
                found.push((Rule::StoredOnce, format!("event {tag} is stored as {:?}", book.events)));
            }
            if !book.has_key && book.is_declined && !book.events.is_empty() {
                found.push((Rule::StoredOnce, format!("event {tag} was declined but is stored")));
            }
        }
        for (id, delivery) in &self.model.deliveries {
            let left = self.left.get(id);
            if left != delivery.row.as_ref() {
                found.push((Rule::RowsAreKept, format!("{id} has the row {left:?}, not {:?}", delivery.row)));
            }
            match delivery.row {
                None if delivery.end.is_none() => {
                    found.push((Rule::RowsAreKept, format!("{id} has neither a row nor an end")));
                }
                Some(row) if row.key.due_at_ms < PARKED_DUE_MS => {
                    found.push((Rule::Drains, format!("{id} still waits: {row:?}")));
                }
                _ => {}
            }
        }
        let unknown = self.left.keys().filter(|id| !self.model.deliveries.contains_key(id));
        found.extend(unknown.map(|id| (Rule::RowsAreKept, format!("{id} waits but was never stored"))));
        for (id, number) in self.requests.unrecorded() {
            let shown = self.shown.get(&id).and_then(|all| all.iter().find(|one| one.number == number));
            if shown.is_some_and(|attempt| !attempt.possibly_sent_before) {
                let text = format!("attempt {number} of {id} went out before, which the log does not say");
                found.push((Rule::UnknownIsSaid, text));
            }
        }
        self.violations.extend(found.into_iter().map(|(rule, text)| Violation { rule, text }));
    }
}

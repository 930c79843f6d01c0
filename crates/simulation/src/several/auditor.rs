//! Reads a trace of several nodes and says what was broken. Pure; what it knows of leases and deliveries it works out from
//! what was executed in the database, whoever was told of it.
//!
//! - No accepted event is lost: acknowledged means stored, stored means delivered, ended for a reason, or parked.
//! - A shard is one node's at a time, and nothing is sent but by the node that has it, before its time is over.
//! - A turn of a delivery is decided once, and in one epoch sent once: so it is sent no more often than there were epochs.
//! - What has ended does not wait again, and what waits in the database is what must wait.
//! - Settings are changed by the node that leads. Events are accepted by settings as they are; what is sent is by settings
//!   that a node may not know yet for a while.
//! - After a crash all shards are served again within the time of a lease and two seconds.
//! - When nothing is wrong, events accepted anywhere are sent within seconds, and within a minute if nobody is told.

mod deliveries;
mod leases;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use groundswell_engine::cluster::{Lease, Shard};
use groundswell_engine::nodes::LEAD;
use groundswell_engine::store::{EndpointId, PARKED_DUE_MS, Pending};
use groundswell_types::{DeliveryId, DeliveryState, EventId};

use self::deliveries::{Deliveries, Ending};
use self::leases::Leases;
use self::requests::Requests;
use super::plan::Several;
use crate::auditor::{Rule, Violation};
use crate::trace::{Entry, Fact, Hook, NodeFact, RequestId, Tag};

/// After a crash alone, all shards are served again so long after the time of a lease.
const TAKING_MS: i64 = 2_000;

/// While things go wrong, a node goes by settings that were changed for no longer than a lease and this.
const CATCHING_UP_MS: i64 = 20_000;

/// The same when nothing is wrong.
const WELL_CATCHING_UP_MS: i64 = 2_000;

/// After the chaos it takes a while until nothing of it is left.
const RECOVERY_MS: i64 = 30_000;

/// When nothing is wrong, what is accepted anywhere is sent within this.
const SOON_MS: i64 = 3_000;

/// And if nobody is told of it, within this.
const MINUTE_MS: i64 = 62_000;

type Broken = Result<(), (Rule, String)>;

/// What is wrong with a trace; empty is well.
pub fn audit(several: &Several, trace: &[Entry]) -> Vec<Violation> {
    let mut auditor = Auditor::new(several);
    for entry in trace {
        auditor.read(entry);
    }
    auditor.close();
    auditor.violations
}

struct Auditor<'a> {
    several: &'a Several,
    leases: Leases,
    deliveries: Deliveries,
    requests: Requests,
    tags: BTreeMap<Tag, TagBook>,
    /// After a crash: when these shards must be others', milliseconds since the world began.
    unserved: Option<(i64, BTreeSet<Shard>)>,
    calm_since_ms: Option<i64>,
    is_well: bool,
    /// What was accepted when nothing was wrong, and was not sent yet; with the time, milliseconds since the world began.
    unsent: BTreeMap<(EventId, EndpointId), i64>,
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
    fn new(several: &'a Several) -> Self {
        Self {
            several,
            leases: Leases::default(),
            deliveries: Deliveries::default(),
            requests: Requests::default(),
            tags: BTreeMap::new(),
            unserved: None,
            calm_since_ms: None,
            is_well: false,
            unsent: BTreeMap::new(),
            left: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    fn read(&mut self, entry: &Entry) {
        if let Some((_, unserved)) = self.unserved.take_if(|(by_ms, _)| entry.at_ms >= *by_ms)
            && let Some(first) = unserved.first()
        {
            let text = format!("nobody has taken {} shards, like {first}", unserved.len());
            self.breach(entry, Rule::ServedAgain, text);
        }
        let node = entry.life;
        match &entry.fact {
            Fact::Submitted { tag, has_key } => self.tags.entry(*tag).or_default().has_key = *has_key,
            Fact::Acknowledged { tag, event, .. } => self.acknowledged(entry, *tag, *event),
            Fact::Declined { tag } => self.tags.entry(*tag).or_default().is_declined = true,
            Fact::Accepted { tag, event, accept } => {
                self.tags.entry(*tag).or_default().events.push(*event);
                if self.is_well {
                    let enabled = accept.targets.iter().filter(|target| !target.is_parked);
                    self.unsent.extend(enabled.map(|target| ((*event, target.endpoint_id), entry.at_ms)));
                }
                let result = self.deliveries.accepted(*event, accept);
                self.note(entry, result);
            }
            Fact::Resent(batch) => {
                self.must_lead(entry);
                for (resend, pending) in batch.resends.iter().zip(&batch.pending) {
                    let result = self.deliveries.resent(resend, *pending);
                    self.note(entry, result);
                }
            }
            Fact::Changed(change) => {
                self.must_lead(entry);
                self.deliveries.changed(change, entry.at_ms);
            }
            Fact::Moved(step, up_to) => {
                if !self.leases.is_of(Shard::of(step.endpoint_id), node) {
                    self.breach(entry, Rule::OneDecides, "rows of a shard of another's are moved");
                }
                self.deliveries.moved(step, *up_to);
            }
            Fact::Sent { request, event, hook } => self.sent(entry, (*request, *event, *hook)),
            Fact::Arrived { is_genuine: false, .. } => {
                self.breach(entry, Rule::SignedRight, "a signature does not fit the webhook's secret");
            }
            Fact::Answered { request, answer } => self.requests.answered(*request, answer.status),
            Fact::Shown { delivery, state, .. } => self.shown(entry, *delivery, *state),
            Fact::Left(pending) => _ = self.left.insert(pending.key.delivery_id, *pending),
            Fact::OfNodes(fact) => self.read_of_nodes(entry, fact),
            Fact::Began
            | Fact::Ended(_)
            | Fact::Arrived { .. }
            | Fact::Health(..)
            | Fact::Live
            | Fact::Outcome(_)
            | Fact::Forgotten(_) => {}
        }
    }

    fn read_of_nodes(&mut self, entry: &Entry, fact: &NodeFact) {
        let node = entry.life;
        match fact {
            NodeFact::Took(taken, ttl_ms) => {
                if let Some((_, unserved)) = &mut self.unserved {
                    unserved.retain(|shard| !taken.iter().any(|lease| lease.shard == *shard));
                }
                let result = self.leases.took(node, taken, (entry.at_ms, *ttl_ms));
                self.note(entry, result);
            }
            NodeFact::Renewed(renewed, ttl_ms) => {
                self.leases.renewed(node, renewed, entry.at_ms + ttl_ms);
            }
            NodeFact::Released(released) => self.leases.released(node, released),
            NodeFact::Outcome(outcome, epoch) => {
                let shard = Shard::of(outcome.endpoint);
                let event = self.deliveries.all.get(&outcome.delivery).map(|one| one.event);
                let event = event.unwrap_or_else(|| outcome.delivery.event());
                let result = self.requests.recorded((node, *epoch), (event, outcome));
                self.note(entry, result);
                let result = if self.leases.is_current(Lease { shard, epoch: *epoch }) {
                    self.deliveries.outcome(outcome)
                } else {
                    self.deliveries.late_outcome(outcome)
                };
                self.note(entry, result);
            }
            NodeFact::CrashesAlone => {
                let by_ms = entry.at_ms + self.several.plan.config.lease_ms + TAKING_MS;
                self.unserved = Some((by_ms, self.leases.all_of(node)));
            }
            NodeFact::Calm => self.calm_since_ms = Some(entry.at_ms),
            NodeFact::Well => self.is_well = true,
            NodeFact::Unreadable => self.breach(entry, Rule::LogIsTrue, "it cannot be read"),
            NodeFact::Reaches(_) | NodeFact::Stops(_) => {}
        }
    }

    fn breach(&mut self, entry: &Entry, rule: Rule, text: impl fmt::Display) {
        self.violations.push(Violation { rule, text: format!("{text}\n  at {entry}") });
    }

    fn note(&mut self, entry: &Entry, result: Broken) {
        if let Err((rule, text)) = result {
            self.breach(entry, rule, text);
        }
    }

    fn must_lead(&mut self, entry: &Entry) {
        if !self.leases.is_of(LEAD, entry.life) {
            let leads = self.leases.of(LEAD).copied();
            self.breach(entry, Rule::OneLeads, format!("it is not the node that leads: {leads:?}"));
        }
    }

    fn acknowledged(&mut self, entry: &Entry, tag: Tag, event: EventId) {
        if !self.tags.get(&tag).is_some_and(|book| book.events.contains(&event)) {
            let text = format!("event {tag} is acknowledged as {event} but not stored");
            self.breach(entry, Rule::AcknowledgedIsStored, text);
        }
    }

    fn sent(&mut self, entry: &Entry, (request, event, hook): (RequestId, EventId, Hook)) {
        let Some((endpoint, settings)) = self.deliveries.endpoint_of(hook) else {
            return self.breach(entry, Rule::SettingsHold, format!("there is no webhook {hook:?}"));
        };
        let is_as_set = settings.is_enabled && !settings.is_deleted && settings.hook == hook;
        let is_recovered = self.calm_since_ms.is_some_and(|since_ms| entry.at_ms > since_ms + RECOVERY_MS);
        let grace_ms = if is_recovered {
            WELL_CATCHING_UP_MS
        } else {
            self.several.plan.config.lease_ms + CATCHING_UP_MS
        };
        if !is_as_set && entry.at_ms > settings.changed_at_ms + grace_ms {
            let text = format!("{event} is sent to {hook:?}, which is {settings:?}");
            self.breach(entry, Rule::SettingsHold, text);
        }
        let row = self.leases.of(Shard::of(endpoint)).copied();
        match row {
            Some(row) if row.owner == entry.life && row.expires_at_ms > entry.at_ms => {
                let begun = (request, event, endpoint, row.epoch);
                let result = self.requests.sent(&self.deliveries, entry, begun);
                self.note(entry, result);
            }
            row => self.breach(entry, Rule::SentUnderLease, format!("its shard is so: {row:?}")),
        }
        if let Some(since_ms) = self.unsent.remove(&(event, endpoint)) {
            self.waited(entry, event, entry.at_ms - since_ms);
        }
    }

    fn waited(&mut self, entry: &Entry, event: EventId, waited_ms: i64) {
        if waited_ms > MINUTE_MS {
            self.breach(
                entry,
                Rule::FoundInAMinute,
                format!("{event} waited {waited_ms} ms, and nothing was wrong"),
            );
        } else if waited_ms > SOON_MS {
            self.breach(
                entry,
                Rule::FoundSoon,
                format!("{event} waited {waited_ms} ms, and nothing was wrong"),
            );
        }
    }

    fn shown(&mut self, entry: &Entry, id: DeliveryId, state: DeliveryState) {
        let Some(delivery) = self.deliveries.all.get(&id) else {
            return self.breach(entry, Rule::LogIsTrue, format!("{id} is shown but was never stored"));
        };
        let is_parked = delivery.row.is_some_and(|row| row.key.due_at_ms == PARKED_DUE_MS);
        let is_true = match state {
            DeliveryState::Delivered => {
                matches!(delivery.end, Some(Ending::Delivered | Ending::DeliveredLate))
            }
            DeliveryState::Undeliverable => delivery.end == Some(Ending::Undeliverable),
            DeliveryState::Cancelled => delivery.end == Some(Ending::Cancelled),
            DeliveryState::Parked => delivery.end.is_none() && is_parked,
            _ => delivery.end.is_none() && delivery.row.is_some() && !is_parked,
        };
        if !is_true && !delivery.is_disputed {
            let text = format!("{id} is shown as {state:?} but is {delivery:?}");
            self.breach(entry, Rule::LogIsTrue, text);
        }
    }

    /// What can be said only in the end.
    fn close(&mut self) {
        let mut found = Vec::new();
        for (tag, book) in &self.tags {
            if book.has_key && book.events.len() > 1 {
                found.push((Rule::StoredOnce, format!("event {tag} is stored as {:?}", book.events)));
            }
            if !book.has_key && book.is_declined && !book.events.is_empty() {
                found.push((Rule::StoredOnce, format!("event {tag} was declined but is stored")));
            }
        }
        for (id, delivery) in &self.deliveries.all {
            let left = self.left.get(id);
            if left != delivery.row.as_ref() {
                found
                    .push((Rule::RowsAreKept, format!("{id} has the row {left:?}; it must be {delivery:?}")));
            }
            match left {
                None if delivery.end.is_none() => {
                    found.push((Rule::RowsAreKept, format!("{id} has neither a row nor an end")));
                }
                Some(row) if row.key.due_at_ms < PARKED_DUE_MS => {
                    found.push((Rule::Drains, format!("{id} still waits: {row:?}")));
                }
                Some(row) if delivery.end.is_some() => {
                    found.push((Rule::RowsAreKept, format!("{id} has ended, and waits: {row:?}")));
                }
                _ => {}
            }
        }
        let unknown = self.left.keys().filter(|id| !self.deliveries.all.contains_key(id));
        found.extend(unknown.map(|id| (Rule::RowsAreKept, format!("{id} waits but was never stored"))));
        self.violations.extend(found.into_iter().map(|(rule, text)| Violation { rule, text }));
    }
}

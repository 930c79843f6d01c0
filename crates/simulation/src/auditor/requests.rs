//! Requests against records: what was sent, what came of it, and what nobody can say.

use std::collections::BTreeMap;

use groundswell_engine::delivery::policy::MAX_RETRY_AFTER_MS;
use groundswell_engine::store::{After, EndpointId};
use groundswell_types::{DeliveryId, EventId};

use super::Rule;
use super::model::Model;
use crate::trace::{Answer, Entry, Hook, OutcomeFact, RequestId};

/// A request that was sent.
#[derive(Debug)]
pub(super) struct Request {
    /// On the engine's clock, Unix milliseconds.
    started_at_ms: i64,
    answer: Option<Answer>,
}

impl Request {
    /// Whether the receiver asked to wait until after that time.
    pub(super) fn asked_to_wait_until(&self, deadline_ms: i64) -> bool {
        // A date has whole seconds, and the answer took some milliseconds to arrive.
        const ROUNDING_MS: i64 = 1_010;
        let asked = self.answer.and_then(|answer| answer.wait_until_ms);
        asked.is_some_and(|until_ms| until_ms + ROUNDING_MS > deadline_ms)
            && deadline_ms - self.started_at_ms < MAX_RETRY_AFTER_MS + 20_000
    }
}

impl Request {
    /// Whether the next attempt is not before the receiver wants it, within a day.
    pub(super) fn is_respected_by(&self, due_at_ms: i64) -> bool {
        const ROUNDING_MS: i64 = 1_010;
        let asked = self.answer.and_then(|answer| answer.wait_until_ms);
        asked.is_none_or(|until_ms| {
            due_at_ms + ROUNDING_MS >= until_ms.min(self.started_at_ms + MAX_RETRY_AFTER_MS)
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct Requests {
    all: BTreeMap<RequestId, Request>,
    /// Of the present life, without a record yet.
    under_way: BTreeMap<(EventId, EndpointId), Vec<RequestId>>,
    /// Attempts that went out and have no record: the delivery, and the number the next attempt has.
    unrecorded: Vec<(DeliveryId, i64)>,
}

impl Requests {
    pub(super) fn sent(
        &mut self,
        model: &Model,
        entry: &Entry,
        (id, event, hook): (RequestId, EventId, Hook),
    ) -> Result<(), (Rule, String)> {
        let Some((endpoint, known)) = model.endpoint_of(hook) else {
            return Err((Rule::SettingsHold, format!("there is no webhook {hook:?}")));
        };
        let request = Request { started_at_ms: entry.clock_ms, answer: None };
        self.all.insert(id, request);
        let under_way = self.under_way.entry((event, endpoint)).or_default();
        under_way.push(id);
        let open = model.open(event, endpoint).count();
        if under_way.len() > open {
            let text =
                format!("{} requests are under way for {open} open deliveries of {event}", under_way.len());
            return Err((Rule::SentIsOpen, text));
        }
        if known.is_deleted || !known.is_enabled || known.hook != hook {
            return Err((Rule::SettingsHold, format!("{event} is sent to {hook:?}, which is now {known:?}")));
        }
        Ok(())
    }

    pub(super) fn answered(&mut self, id: RequestId, answer: Answer) {
        if let Some(request) = self.all.get_mut(&id) {
            request.answer = Some(answer);
        }
    }

    /// Finds the request a record is about; endings have none.
    pub(super) fn recorded(
        &mut self,
        model: &Model,
        outcome: &OutcomeFact,
    ) -> Result<Option<&Request>, (Rule, String)> {
        let OutcomeFact { delivery, number, started_at_ms, endpoint, .. } = *outcome;
        if number == 0 {
            return Ok(None);
        }
        let event = model.deliveries.get(&delivery).map_or(delivery.event(), |delivery| delivery.event);
        let under_way = self.under_way.entry((event, endpoint)).or_default();
        // Several of one event may have begun in one millisecond; then the answer tells which it was.
        let is_it = |id: &&RequestId| self.all[*id].started_at_ms == started_at_ms;
        let answer = |id: &&RequestId| self.all[*id].answer.map(|answer| answer.status);
        let found = under_way.iter().filter(is_it).find(|id| answer(id) == outcome.status);
        let found = found.or_else(|| under_way.iter().find(is_it)).copied();
        let Some(at) = found.and_then(|found| under_way.iter().position(|id| *id == found)) else {
            return Err((Rule::RecordsAreTrue, format!("attempt {number} of {delivery} was never sent")));
        };
        let request = &self.all[&under_way.remove(at)];
        let is_success = request.answer.is_some_and(|answer| (200..300).contains(&answer.status));
        if outcome.after == After::Delivered && !is_success {
            return Err((Rule::RecordsAreTrue, format!("{delivery} was delivered by {request:?}")));
        }
        Ok(Some(request))
    }

    /// What is under way is lost; returns how many attempts have no record.
    pub(super) fn life_ended(&mut self, model: &Model) -> usize {
        let mut lost = 0;
        for ((event, endpoint), requests) in std::mem::take(&mut self.under_way) {
            lost += requests.len();
            let open: Vec<DeliveryId> = model.open(event, endpoint).collect();
            // With several of one event it cannot be told which of them it was.
            if let [only] = open[..]
                && !requests.is_empty()
            {
                self.unrecorded.push((only, model.deliveries[&only].attempts + 1));
            }
        }
        lost
    }

    /// Attempts that went out and have no record, and the number of the attempt that must say so.
    pub(super) fn unrecorded(&self) -> impl Iterator<Item = (DeliveryId, i64)> {
        self.unrecorded.iter().copied()
    }
}

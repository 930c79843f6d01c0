//! What the log's filters ask.

use std::collections::BTreeSet;

use groundswell_types::DeliveryId;

use super::state::State;
use crate::store::{After, AttemptRecord, DeliverySearch, EventSearch, EventsFound, Unsuccessful, says};

impl State {
    pub(super) fn find_events(&self, search: &EventSearch) -> EventsFound {
        let newest_first = self.events.range(search.from..search.before).rev().map(|(_, event)| event);
        let logged = newest_first
            .filter(|event| event.record.program_id == search.program_id && !event.record.targets.is_empty());
        let mut found = EventsFound::default();
        for (looked_at, event) in (1..).zip(logged) {
            let record = &event.record;
            let is_wanted = search.kind.is_none_or(|kind| kind == record.kind)
                && search.endpoint.is_none_or(|endpoint| record.targets.contains(&endpoint))
                && search.text.as_ref().is_none_or(|text| says(&event.body, text));
            if is_wanted {
                found.events.push(record.clone());
            }
            if looked_at == search.look_at || found.events.len() == search.limit {
                found.reached = Some(record.id);
                break;
            }
        }
        found
    }

    pub(super) fn unsuccessful(&self, search: DeliverySearch, wanted: Unsuccessful) -> Vec<DeliveryId> {
        let range = (search.from, i64::MIN)..=(search.to, i64::MAX);
        let is_wanted = |attempt: &&AttemptRecord| {
            attempt.endpoint_id == search.endpoint_id
                && attempt.after != After::Delivered
                && match wanted {
                    Unsuccessful::Any => true,
                    Unsuccessful::Undeliverable => attempt.after == After::Undeliverable,
                    Unsuccessful::Answered(range) => {
                        attempt.status_code.is_some_and(|status| range.contains(status))
                    }
                }
        };
        let attempts = self.attempts.range(range).map(|(_, attempt)| attempt).filter(is_wanted);
        let ids: BTreeSet<DeliveryId> = attempts.map(|attempt| attempt.delivery_id).collect();
        ids.into_iter().rev().take(search.limit).collect()
    }

    pub(super) fn pending_deliveries(&self, search: DeliverySearch) -> Vec<DeliveryId> {
        let ids = self.queue(search.endpoint_id).map(|pending| pending.key.delivery_id);
        let ids: BTreeSet<DeliveryId> = ids.filter(|id| search.from <= *id && *id <= search.to).collect();
        ids.into_iter().rev().take(search.limit).collect()
    }
}

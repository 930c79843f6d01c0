//! Requests, by the epoch in which they were begun: in one epoch one node has a delivery, and has one request of it under
//! way at most; so of one turn there are no more than epochs.

use std::collections::BTreeMap;

use groundswell_engine::cluster::Epoch;
use groundswell_engine::store::{After, EndpointId};
use groundswell_types::EventId;

use super::Broken;
use super::deliveries::Deliveries;
use crate::auditor::Rule;
use crate::trace::{Entry, OutcomeFact, RequestId};

#[derive(Debug)]
struct Request {
    started_at_ms: i64,
    node: u32,
    status: Option<u16>,
}

#[derive(Debug, Default)]
pub(super) struct Requests {
    all: BTreeMap<RequestId, Request>,
    /// Without a record yet.
    under_way: BTreeMap<(EventId, EndpointId, Epoch), Vec<RequestId>>,
}

impl Requests {
    pub(super) fn sent(
        &mut self,
        deliveries: &Deliveries,
        entry: &Entry,
        (id, event, endpoint, epoch): (RequestId, EventId, EndpointId, Epoch),
    ) -> Broken {
        let request = Request { started_at_ms: entry.clock_ms, node: entry.life, status: None };
        self.all.insert(id, request);
        let under_way = self.under_way.entry((event, endpoint, epoch)).or_default();
        under_way.push(id);
        let open = deliveries.may_be_open(event, endpoint);
        if under_way.len() > open {
            let text = format!(
                "in {epoch:?} {} requests have no record yet, for {open} open deliveries of {event}",
                under_way.len()
            );
            return Err((Rule::SentIsOpen, text));
        }
        Ok(())
    }

    pub(super) fn answered(&mut self, id: RequestId, status: u16) {
        if let Some(request) = self.all.get_mut(&id) {
            request.status = Some(status);
        }
    }

    /// A record is of a request of that node, begun in that epoch; endings have none.
    pub(super) fn recorded(
        &mut self,
        (node, epoch): (u32, Epoch),
        (event, outcome): (EventId, &OutcomeFact),
    ) -> Broken {
        let OutcomeFact { delivery, number, started_at_ms, endpoint, .. } = *outcome;
        if number == 0 {
            return Ok(());
        }
        let under_way = self.under_way.entry((event, endpoint, epoch)).or_default();
        let is_it = |id: &&RequestId| {
            let request = &self.all[*id];
            request.started_at_ms == started_at_ms && request.node == node
        };
        // Several of one event may have begun in one millisecond; then the answer tells which it was.
        let found = under_way.iter().filter(is_it).find(|id| self.all[*id].status == outcome.status);
        let found = found.or_else(|| under_way.iter().find(is_it)).copied();
        let Some(at) = found.and_then(|found| under_way.iter().position(|id| *id == found)) else {
            let text = format!("attempt {number} of {delivery} was never sent by node {node} in {epoch:?}");
            return Err((Rule::RecordsAreTrue, text));
        };
        let request = &self.all[&under_way.remove(at)];
        let is_success = request.status.is_some_and(|status| (200..300).contains(&status));
        if outcome.after == After::Delivered && !is_success {
            return Err((Rule::RecordsAreTrue, format!("{delivery} was delivered by {request:?}")));
        }
        Ok(())
    }
}

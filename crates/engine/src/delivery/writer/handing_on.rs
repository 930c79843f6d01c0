//! To whom committed deliveries go: the runtime here, or the node that delivers to their endpoint.

use std::collections::BTreeMap;

use super::Writer;
use crate::delivery::runtime::Message;
use crate::delivery::scheduler::{FlowId, Item};
use crate::nodes::FOUND_MS;
use crate::store::Pending;

impl Writer {
    /// What was committed goes to the runtime, or to the node that delivers to its endpoint.
    pub(super) async fn hand_on(&self, mut items: Vec<(Item, FlowId)>) {
        if self.nodes.served.is_shared() {
            let is_elsewhere =
                |(item, _): &mut (Item, FlowId)| !self.nodes.served.has(item.pending.key.endpoint_id);
            let elsewhere: Vec<(Item, FlowId)> = items.extract_if(.., is_elsewhere).collect();
            let mut late = BTreeMap::new();
            for Pending { key, accepted_at_ms, .. } in elsewhere.iter().map(|(item, _)| item.pending) {
                if self.ids.since_ms(accepted_at_ms) > FOUND_MS {
                    let first_ms: &mut i64 = late.entry(key.endpoint_id).or_insert(key.due_at_ms);
                    *first_ms = key.due_at_ms.min(*first_ms);
                }
            }
            self.nodes.late(late);
            let endpoint = |(item, _): &(Item, FlowId)| item.pending.key.endpoint_id;
            self.nodes.waiting_elsewhere(elsewhere.iter().map(endpoint));
        }
        if !items.is_empty() {
            self.send(Message::Committed(items)).await;
        }
    }
}

//! The rows that a batch makes, whatever database they go to.

use std::collections::BTreeMap;
use std::fmt::Write;

use groundswell_types::DeliveryId;

use super::{Accept, Outcome, PARKED_DUE_MS, Pending, PendingKey};

/// The pending rows of new events, in the order of their key, so that rows of one page are next to each other.
pub(super) fn pending_rows(accepts: &[&Accept]) -> Vec<Pending> {
    let mut rows: Vec<_> = accepts.iter().flat_map(|accept| pending(accept)).collect();
    rows.sort_unstable_by_key(|pending| pending.key);
    rows
}

fn pending(accept: &Accept) -> impl Iterator<Item = Pending> {
    (0..).zip(&accept.targets).map(|(slot, target)| Pending {
        key: PendingKey {
            endpoint_id: target.endpoint_id,
            due_at_ms: if target.is_parked { PARKED_DUE_MS } else { accept.accepted_at_ms },
            delivery_id: DeliveryId::new(accept.event_id, slot),
        },
        attempts: 0,
        accepted_at_ms: accept.accepted_at_ms,
        expires_at_ms: accept.expires_at_ms,
    })
}

/// Endpoint ids in slot order, comma-separated.
pub(super) fn targets_text(accept: &Accept) -> String {
    let mut targets = String::new();
    for target in &accept.targets {
        let comma = if targets.is_empty() { "" } else { "," };
        write!(targets, "{comma}{}", target.endpoint_id.0).expect("writing to a string cannot fail");
    }
    targets
}

/// What all outcomes together do to the pending rows: first these are deleted, then these are written. The last one
/// counts where one outcome touches what an earlier one did. Written rows are deleted first, too, so that a row that
/// is there already is replaced. In the order of the key, so that rows of one page are next to each other.
pub(super) fn changes<'a>(
    outcomes: impl IntoIterator<Item = &'a Outcome>,
) -> (Vec<PendingKey>, Vec<Pending>) {
    let mut last = BTreeMap::new();
    for outcome in outcomes {
        last.extend(outcome.remove.iter().map(|key| (*key, None)));
        last.extend(outcome.insert.iter().map(|pending| (pending.key, Some(*pending))));
    }
    (last.keys().copied().collect(), last.into_values().flatten().collect())
}

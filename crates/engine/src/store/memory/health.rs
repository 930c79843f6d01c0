//! How the server has been, as plain maps.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Memory;
use crate::store::{
    Beat, EndpointId, HEALTH_ROWS, HealthStore, HeartbeatRecord, StoreError, TroubleRecord, WaitRecord,
};

#[derive(Debug, Clone, Default)]
pub(super) struct Healths {
    heartbeats: BTreeMap<i64, HeartbeatRecord>,
    troubles: BTreeMap<i64, TroubleRecord>,
    /// By slot and bound.
    waits: BTreeMap<(i64, i64), i64>,
}

/// The newest, by their beginning.
fn newest<T: Clone>(all: &BTreeMap<i64, T>, began_at_ms: impl Fn(&T) -> i64) -> Vec<T> {
    let mut rows: Vec<_> = all.iter().map(|(id, row)| (began_at_ms(row), *id, row.clone())).collect();
    rows.sort_unstable_by_key(|(began_at_ms, id, _)| (*began_at_ms, *id));
    let skipped = rows.len().saturating_sub(HEALTH_ROWS);
    rows.into_iter().skip(skipped).map(|(_, _, row)| row).collect()
}

#[async_trait]
impl HealthStore for Memory {
    async fn beat(&self, beat: &Beat) -> Result<(), StoreError> {
        let healths = &mut self.state().healths;
        healths.heartbeats.extend(beat.heartbeats.iter().map(|one| (one.id, *one)));
        healths.troubles.extend(beat.troubles.iter().map(|trouble| (trouble.id, *trouble)));
        for WaitRecord { slot, up_to_us, deliveries } in &beat.waits {
            *healths.waits.entry((*slot, *up_to_us)).or_default() += deliveries;
        }
        healths.heartbeats.retain(|_, one| one.last_at_ms >= beat.forget_before_ms);
        healths.troubles.retain(|_, one| one.until_ms >= beat.forget_before_ms);
        healths.waits.retain(|(slot, _), _| *slot >= beat.forget_before_slot);
        Ok(())
    }

    async fn heartbeats(&self) -> Result<Vec<HeartbeatRecord>, StoreError> {
        Ok(newest(&self.state().healths.heartbeats, |one| one.began_at_ms))
    }

    async fn troubles(&self) -> Result<Vec<TroubleRecord>, StoreError> {
        Ok(newest(&self.state().healths.troubles, |one| one.began_at_ms))
    }

    async fn waits(&self, first_slot: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        let mut sums = BTreeMap::new();
        for ((_, up_to_us), deliveries) in self.state().healths.waits.range((first_slot, i64::MIN)..) {
            *sums.entry(*up_to_us).or_default() += deliveries;
        }
        Ok(sums.into_iter().collect())
    }

    async fn count_due(&self, endpoints: &[EndpointId], by_ms: i64, cap: i64) -> Result<i64, StoreError> {
        let state = self.state();
        let cap = usize::try_from(cap).unwrap_or(usize::MAX);
        let due = |id: &EndpointId| {
            state.queue(*id).take_while(|pending| pending.key.due_at_ms <= by_ms).take(cap).count()
        };
        Ok(i64::try_from(endpoints.iter().map(due).sum::<usize>()).unwrap_or(i64::MAX))
    }
}

//! What is remembered: what the store has, with what is known and not written yet, and what follows from it.

use groundswell_types::{ComponentHistory, Downtime, EventId, Health};

use super::{catch_up, days, waits};
use crate::id::made_at_ms;
use crate::store::{HeartbeatRecord, Store, StoreError, TroubleRecord};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Past {
    heartbeats: Vec<HeartbeatRecord>,
    troubles: Vec<TroubleRecord>,
    /// Deliveries by how long they waited at most.
    waits: Vec<(i64, i64)>,
    histories: Vec<ComponentHistory>,
    last_downtime: Option<Downtime>,
}

impl Past {
    pub(super) async fn read(store: &dyn Store, now_ms: i64) -> Result<Self, StoreError> {
        let (mut heartbeats, troubles) = (store.heartbeats().await?, store.troubles().await?);
        heartbeats.iter_mut().for_each(date);
        let waits = store.waits(waits::first_shown(now_ms)).await?;
        Ok(Self { heartbeats, troubles, waits, ..Self::default() })
    }

    /// Takes what is known better.
    pub(super) fn add(
        &mut self,
        heartbeats: impl Iterator<Item = HeartbeatRecord>,
        troubles: impl Iterator<Item = TroubleRecord>,
    ) {
        for one in heartbeats {
            replace(&mut self.heartbeats, one, |old| old.id == one.id);
        }
        for one in troubles {
            replace(&mut self.troubles, one, |old| old.id == one.id);
        }
    }

    /// Works out days and downtime anew.
    pub(super) fn reckon(&mut self, now_ms: i64) {
        self.histories = days::histories(&self.heartbeats, &self.troubles, now_ms);
        let gap = days::downtimes(&days::running(&self.heartbeats, now_ms)).pop();
        self.last_downtime = gap.map(|(from, until)| {
            let after = self.heartbeats.iter().find(|one| one.began_at_ms == until);
            Downtime {
                from,
                until,
                waiting: catch_up::shown(after.map_or(0, |one| one.waiting)),
                left: None,
                caught_up_at: after.and_then(|one| one.caught_up_at_ms),
            }
        });
    }

    /// As it is shown.
    pub(super) fn shown(&self, at_ms: i64, bounds: &'static [f64]) -> Health {
        Health {
            at: at_ms,
            histories: self.histories.clone(),
            first_attempts: waits::shown(&self.waits, bounds),
            last_downtime: self.last_downtime,
            ..Health::default()
        }
    }
}

/// Earlier versions wrote no beginning for a node that led again. Its id says when that was.
const fn date(heartbeat: &mut HeartbeatRecord) {
    if heartbeat.began_at_ms == 0 {
        heartbeat.began_at_ms = made_at_ms(EventId::from_number(heartbeat.id));
    }
}

fn replace<T>(all: &mut Vec<T>, one: T, is_old: impl Fn(&T) -> bool) {
    match all.iter_mut().find(|old| is_old(old)) {
        Some(old) => *old = one,
        None => all.push(one),
    }
}

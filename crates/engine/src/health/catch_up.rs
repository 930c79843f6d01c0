//! What was due when this server began to run, and how much of it has been tried.
//!
//! Webhooks that are off, or have been held for a while, have something that is due, too, but that waits for somebody else. It is
//! left out whenever it is looked for: a single receiver that fails would else keep this from being over for days.

use std::collections::HashSet;

use groundswell_types::Waiting;

use crate::delivery::breaker::Gate;
use crate::directory::Directory;
use crate::store::{EndpointId, Store, StoreError};

/// Not more than so many are counted.
const COUNTED: i64 = 100_000;

/// Receivers that fail, or ask for a pause, for longer than this are not waited for. Many do so for a moment, and it is looked
/// in that moment, too.
const PATIENCE_MS: i64 = 60_000;

/// Endpoints of one read.
const STEP: usize = 64;

/// What is to be caught up with.
#[derive(Debug, Clone)]
pub(crate) struct CatchUp {
    /// What was due then, Unix milliseconds.
    pub(crate) by_ms: i64,
    /// How much there was.
    pub(crate) waiting: i64,
    /// How much of it had not been tried when it was last looked for.
    pub(crate) left: i64,
    endpoints: Vec<EndpointId>,
}

impl CatchUp {
    /// A run that begins at a time, with nothing to be caught up with.
    pub(crate) const fn nothing(by_ms: i64) -> Self {
        Self { by_ms, waiting: 0, left: 0, endpoints: Vec::new() }
    }

    /// Counts what is due by a time at those whose earliest due time is given.
    pub(crate) async fn count(
        (store, directory): (&dyn Store, &Directory),
        due: &[(EndpointId, i64)],
        by_ms: i64,
    ) -> Result<Self, StoreError> {
        let due = due.iter().filter(|(_, due_at_ms)| *due_at_ms <= by_ms).map(|(id, _)| *id);
        let endpoints = willing(directory, due, by_ms);
        let waiting = count_due(store, &endpoints, by_ms).await?;
        Ok(Self { by_ms, waiting, left: waiting, endpoints })
    }

    /// The same at all webhooks.
    pub(crate) async fn count_all(
        (store, directory): (&dyn Store, &Directory),
        by_ms: i64,
    ) -> Result<Self, StoreError> {
        let due = store.earliest_due(&directory.enabled_endpoints()).await?;
        Self::count((store, directory), &due, by_ms).await
    }

    /// How much of it has not been tried by now that could be. What was tried and failed is due later.
    pub(crate) async fn count_left(
        &self,
        (store, directory): (&dyn Store, &Directory),
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let due = store.earliest_due(&willing(directory, self.endpoints.iter().copied(), now_ms)).await?;
        let due: Vec<EndpointId> =
            due.into_iter().filter(|(_, due_at_ms)| *due_at_ms <= self.by_ms).map(|(id, _)| id).collect();
        // What is released from parking is due at its acceptance, and what was held is due as it was: neither was counted
        // before.
        Ok(count_due(store, &due, self.by_ms).await?.min(self.left))
    }
}

async fn count_due(store: &dyn Store, endpoints: &[EndpointId], by_ms: i64) -> Result<i64, StoreError> {
    let mut count = 0;
    for some in endpoints.chunks(STEP) {
        count += store.count_due(some, by_ms, COUNTED).await?;
        if count >= COUNTED {
            break;
        }
    }
    Ok(count.min(COUNTED))
}

/// A count as it is shown.
pub(super) const fn shown(count: i64) -> Waiting {
    Waiting { count, is_exact: count < COUNTED }
}

/// How many deliveries wait at all, for whatever reason but that their webhook is off.
pub(super) async fn backlog(store: &dyn Store, directory: &Directory) -> Result<Waiting, StoreError> {
    let mut waiting = 0;
    for some in directory.enabled_endpoints().chunks(STEP) {
        let backlogs = store.backlog(some, COUNTED).await?;
        waiting += backlogs.iter().map(|backlog| backlog.pending).sum::<i64>();
        if waiting >= COUNTED {
            break;
        }
    }
    Ok(shown(waiting.min(COUNTED)))
}

fn willing(
    directory: &Directory,
    endpoints: impl Iterator<Item = EndpointId>,
    now_ms: i64,
) -> Vec<EndpointId> {
    let has_failed_for_long = |id: EndpointId| {
        let opened_at_ms = directory.health(id).opened_at_ms;
        opened_at_ms.is_none_or(|opened_at_ms| now_ms.saturating_sub(opened_at_ms) > PATIENCE_MS)
    };
    let is_away = |(id, gate): &(EndpointId, Gate)| {
        let left_ms = gate.paused_until_ms.map_or(0, |until_ms| until_ms.saturating_sub(now_ms));
        left_ms > PATIENCE_MS || (gate.held.is_some() && has_failed_for_long(*id))
    };
    let away: HashSet<EndpointId> = directory.gates().into_iter().filter(is_away).map(|(id, _)| id).collect();
    let is_enabled = |id: &EndpointId| directory.endpoint(*id).is_some_and(|one| one.record.is_enabled);
    endpoints.filter(|id| !away.contains(id)).filter(is_enabled).collect()
}

//! What was due when this server began to run, and whether all of it has been tried.
//!
//! Webhooks that are off or held have something that is due, too, but that waits for somebody else.

use std::collections::HashSet;

use groundswell_types::Waiting;

use crate::directory::Directory;
use crate::store::{EndpointId, Store, StoreError};

/// Not more than so many are counted.
const COUNTED: i64 = 100_000;

/// Endpoints of one read.
const STEP: usize = 64;

/// What is to be caught up with.
#[derive(Debug, Clone, Default)]
pub(crate) struct CatchUp {
    /// What was due then, Unix milliseconds.
    pub(crate) by_ms: i64,
    /// How much there was.
    pub(crate) waiting: i64,
    endpoints: Vec<EndpointId>,
}

impl CatchUp {
    /// Counts what is due by a time at those whose earliest due time is given.
    pub(crate) async fn count(
        (store, directory): (&dyn Store, &Directory),
        due: &[(EndpointId, i64)],
        by_ms: i64,
    ) -> Result<Self, StoreError> {
        let due = due.iter().filter(|(_, due_at_ms)| *due_at_ms <= by_ms).map(|(id, _)| *id);
        let endpoints = willing(directory, due);
        let mut waiting = 0;
        for some in endpoints.chunks(STEP) {
            waiting += store.count_due(some, by_ms, COUNTED).await?;
            if waiting >= COUNTED {
                break;
            }
        }
        Ok(Self { by_ms, waiting: waiting.min(COUNTED), endpoints })
    }

    /// The same at all webhooks.
    pub(crate) async fn count_all(
        (store, directory): (&dyn Store, &Directory),
        by_ms: i64,
    ) -> Result<Self, StoreError> {
        let due = store.earliest_due(&directory.enabled_endpoints()).await?;
        Self::count((store, directory), &due, by_ms).await
    }

    /// Whether nothing of it waits any more.
    pub(crate) async fn has_ended(
        &self,
        store: &dyn Store,
        directory: &Directory,
    ) -> Result<bool, StoreError> {
        let due = store.earliest_due(&willing(directory, self.endpoints.iter().copied())).await?;
        Ok(due.iter().all(|(_, due_at_ms)| *due_at_ms > self.by_ms))
    }
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

fn willing(directory: &Directory, endpoints: impl Iterator<Item = EndpointId>) -> Vec<EndpointId> {
    let held: HashSet<EndpointId> = directory.gates().into_iter().map(|(id, _)| id).collect();
    let is_enabled = |id: &EndpointId| directory.endpoint(*id).is_some_and(|one| one.record.is_enabled);
    endpoints.filter(|id| is_enabled(id) && !held.contains(id)).collect()
}

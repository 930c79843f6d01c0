//! Incidents and maintenance. Part of [`super::Store`].

use async_trait::async_trait;
use groundswell_types::{Incident, IncidentId, IncidentKind, IncidentUpdate};

use super::StoreError;

/// A part of them, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncidentSearch {
    pub kind: IncidentKind,
    /// Those with lower ids.
    pub before: Option<IncidentId>,
    pub limit: usize,
}

/// See the module. All of it may be called by anybody, but of two changes of one incident the second wins.
#[async_trait]
pub trait IncidentStore: Send + Sync + 'static {
    /// Keeps a new one, with its updates.
    async fn add_incident(&self, incident: &Incident) -> Result<(), StoreError>;

    /// Makes one what it is here, but for the updates it has had, and adds an update, if there is one; of one that it has the
    /// components become what they are here. Says whether it is there.
    async fn change_incident(
        &self,
        incident: &Incident,
        update: Option<&IncidentUpdate>,
    ) -> Result<bool, StoreError>;

    /// Removes one with its updates; says whether it was there.
    async fn delete_incident(&self, id: IncidentId) -> Result<bool, StoreError>;

    /// One of them.
    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError>;

    /// A part of them.
    async fn incidents(&self, search: IncidentSearch) -> Result<Vec<Incident>, StoreError>;

    /// All that have not ended, newest first.
    async fn open_incidents(&self) -> Result<Vec<Incident>, StoreError>;
}

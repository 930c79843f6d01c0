//! Incidents: nothing of the contract is about them, so they go to the memory as they are.

use async_trait::async_trait;
use groundswell_engine::store::{IncidentSearch, IncidentStore, StoreError};
use groundswell_types::{Incident, IncidentId, IncidentUpdate};

use super::Disk;

#[async_trait]
impl IncidentStore for Disk {
    async fn add_incident(&self, incident: &Incident) -> Result<(), StoreError> {
        self.memory.add_incident(incident).await
    }

    async fn change_incident(
        &self,
        incident: &Incident,
        update: Option<&IncidentUpdate>,
    ) -> Result<bool, StoreError> {
        self.memory.change_incident(incident, update).await
    }

    async fn delete_incident(&self, id: IncidentId) -> Result<bool, StoreError> {
        self.memory.delete_incident(id).await
    }

    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        self.memory.incident(id).await
    }

    async fn incidents(&self, search: IncidentSearch) -> Result<Vec<Incident>, StoreError> {
        self.memory.incidents(search).await
    }

    async fn open_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        self.memory.open_incidents().await
    }
}

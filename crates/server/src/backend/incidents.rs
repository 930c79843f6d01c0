//! Incidents and maintenance, for the pages.

use async_trait::async_trait;
use groundswell_app::backend::incidents::{IncidentBackend, IncidentRef};
use groundswell_app::failure::Failure;
use groundswell_engine::incidents;
use groundswell_types::{Incident, IncidentChange, IncidentId, NewIncident, NewIncidentUpdate};

use super::PageBackend;

const fn engines(of: IncidentRef) -> incidents::IncidentRef {
    incidents::IncidentRef { kind: of.kind, id: of.id }
}

#[async_trait]
impl IncidentBackend for PageBackend {
    async fn check_operator(&self) -> Result<(), Failure> {
        self.engine().await?.check_operator().map_err(|error| self.failure(error))
    }

    fn shown_incidents(&self) -> Vec<Incident> {
        self.state.engine.shown_incidents().to_vec()
    }

    async fn incident(&self, id: IncidentId) -> Result<Incident, Failure> {
        self.state.engine.incident(id).await.map_err(|error| self.failure(error))
    }

    async fn create_incident(&self, new: NewIncident) -> Result<Incident, Failure> {
        self.engine().await?.create_incident(new).await.map_err(|error| self.failure(error))
    }

    async fn update_incident(&self, of: IncidentRef, new: NewIncidentUpdate) -> Result<(), Failure> {
        let updated = self.engine().await?.update_incident(engines(of), new).await;
        updated.map(drop).map_err(|error| self.failure(error))
    }

    async fn change_incident(&self, of: IncidentRef, change: IncidentChange) -> Result<(), Failure> {
        let changed = self.engine().await?.change_incident(engines(of), change).await;
        changed.map(drop).map_err(|error| self.failure(error))
    }

    async fn delete_incident(&self, of: IncidentRef) -> Result<(), Failure> {
        self.engine().await?.delete_incident(engines(of)).await.map_err(|error| self.failure(error))
    }
}

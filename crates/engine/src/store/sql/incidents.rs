//! Incidents and maintenance on an SQL database.

use async_trait::async_trait;
use groundswell_types::{Incident, IncidentId, IncidentUpdate};

use super::{Database, Transaction as _};
use crate::store::query::incidents;
use crate::store::{IncidentSearch, IncidentStore, StoreError};

#[async_trait]
impl<D: Database> IncidentStore for D {
    async fn add_incident(&self, incident: &Incident) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = incidents::add(&mut *db, incident).await;
        db.finish(result).await
    }

    async fn change_incident(
        &self,
        incident: &Incident,
        update: Option<&IncidentUpdate>,
    ) -> Result<bool, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = incidents::change(&mut *db, incident, update).await;
        db.finish(result).await
    }

    async fn delete_incident(&self, id: IncidentId) -> Result<bool, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = incidents::delete(&mut *db, id).await;
        db.finish(result).await
    }

    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        incidents::one(&mut *Database::reader(self).await?, id).await
    }

    async fn incidents(&self, search: IncidentSearch) -> Result<Vec<Incident>, StoreError> {
        incidents::find(&mut *Database::reader(self).await?, search).await
    }

    async fn open_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        incidents::open(&mut *Database::reader(self).await?).await
    }
}

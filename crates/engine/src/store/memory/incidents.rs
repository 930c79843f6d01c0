//! Incidents and maintenance as a plain map.

use std::collections::BTreeMap;

use async_trait::async_trait;
use groundswell_types::{Incident, IncidentId, IncidentUpdate};

use super::Memory;
use crate::store::{IncidentSearch, IncidentStore, StoreError};

/// By id.
pub(super) type Incidents = BTreeMap<IncidentId, Incident>;

#[async_trait]
impl IncidentStore for Memory {
    async fn add_incident(&self, incident: &Incident) -> Result<(), StoreError> {
        let incidents = &mut self.state().incidents;
        if incidents.contains_key(&incident.id) {
            return Err(StoreError::Rejected("the id is used".into()));
        }
        incidents.insert(incident.id, incident.clone());
        Ok(())
    }

    async fn change_incident(
        &self,
        incident: &Incident,
        update: Option<&IncidentUpdate>,
    ) -> Result<bool, StoreError> {
        let incidents = &mut self.state().incidents;
        let Some(kept) = incidents.get_mut(&incident.id) else { return Ok(false) };
        let mut updates = std::mem::take(&mut kept.updates);
        if let Some(update) = update {
            match updates.iter_mut().find(|one| one.id == update.id) {
                Some(known) => known.components.clone_from(&update.components),
                None => updates.insert(0, update.clone()),
            }
        }
        *kept = Incident { updates, ..incident.clone() };
        Ok(true)
    }

    async fn delete_incident(&self, id: IncidentId) -> Result<bool, StoreError> {
        Ok(self.state().incidents.remove(&id).is_some())
    }

    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        Ok(self.state().incidents.get(&id).cloned())
    }

    async fn incidents(&self, search: IncidentSearch) -> Result<Vec<Incident>, StoreError> {
        let state = self.state();
        let before = search.before.unwrap_or(IncidentId::from_number(i64::MAX));
        let newest = state.incidents.range(..before).rev().map(|(_, incident)| incident);
        Ok(newest.filter(|incident| incident.kind() == search.kind).take(search.limit).cloned().collect())
    }

    async fn open_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        let state = self.state();
        let newest = state.incidents.values().rev();
        Ok(newest.filter(|incident| incident.ended_at.is_none()).cloned().collect())
    }
}

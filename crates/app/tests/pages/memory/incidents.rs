//! Incidents and maintenance. Owners run the server.

use async_trait::async_trait;
use groundswell_app::backend::incidents::{IncidentBackend, IncidentRef};
use groundswell_app::failure::Failure;
use groundswell_types::{
    Incident, IncidentChange, IncidentId, IncidentUpdate, IncidentUpdateId, NewIncident, NewIncidentUpdate,
    Role, Schedule,
};

use super::{Memory, NOW, State};

impl State {
    fn must_operate(&self) -> Result<(), Failure> {
        let is_owner = self.viewer.as_ref().is_some_and(|viewer| viewer.role == Some(Role::Owner));
        let why = "Only those who run this server can do that: owners of its first team.";
        if is_owner { Ok(()) } else { Err(Failure::Forbidden(why.to_owned())) }
    }

    fn incident(&mut self, id: IncidentId) -> Result<&mut Incident, Failure> {
        self.incidents.iter_mut().find(|incident| incident.id == id).ok_or(Failure::NotFound)
    }
}

#[async_trait]
impl IncidentBackend for Memory {
    async fn check_operator(&self) -> Result<(), Failure> {
        self.with(|state| state.must_operate())
    }

    fn shown_incidents(&self) -> Vec<Incident> {
        self.state.lock().expect("not poisoned").incidents.clone()
    }

    async fn incident(&self, id: IncidentId) -> Result<Incident, Failure> {
        self.state.lock().expect("not poisoned").incident(id).cloned()
    }

    async fn create_incident(&self, new: NewIncident) -> Result<Incident, Failure> {
        self.with(|state| {
            state.must_operate()?;
            let number = i64::try_from(state.incidents.len()).expect("there are few") + 1;
            let NewIncident { name, status, impact, components, schedule, message } = new;
            let id = IncidentUpdateId::from_number(1);
            let update = IncidentUpdate { id, at: NOW, status, message, components: components.clone() };
            let incident = Incident {
                id: IncidentId::from_number(number),
                name,
                status,
                impact,
                components,
                schedule,
                created_at: NOW,
                updated_at: NOW,
                started_at: None,
                monitoring_at: None,
                ended_at: status.has_ended().then_some(NOW),
                updates: vec![update],
            };
            state.incidents.insert(0, incident.clone());
            Ok(incident)
        })
    }

    async fn update_incident(&self, of: IncidentRef, new: NewIncidentUpdate) -> Result<(), Failure> {
        self.with(|state| {
            state.must_operate()?;
            let incident = state.incident(of.id)?;
            let status = new.status.unwrap_or(incident.status);
            let components = new.components.unwrap_or_default();
            let id = IncidentUpdateId::from_number(2);
            incident
                .updates
                .insert(0, IncidentUpdate { id, at: NOW, status, message: new.message, components });
            incident.status = status;
            incident.ended_at = status.has_ended().then_some(NOW);
            Ok(())
        })
    }

    async fn change_incident(&self, of: IncidentRef, change: IncidentChange) -> Result<(), Failure> {
        self.with(|state| {
            state.must_operate()?;
            let incident = state.incident(of.id)?;
            let IncidentChange { name, impact, components, from, until } = change;
            incident.name = name.unwrap_or_else(|| incident.name.clone());
            incident.impact = impact.unwrap_or(incident.impact);
            incident.components = components.unwrap_or_else(|| incident.components.clone());
            incident.schedule = incident
                .schedule
                .map(|old| Schedule { from: from.unwrap_or(old.from), until: until.unwrap_or(old.until) });
            Ok(())
        })
    }

    async fn delete_incident(&self, of: IncidentRef) -> Result<(), Failure> {
        self.with(|state| {
            state.must_operate()?;
            state.incident(of.id)?;
            state.incidents.retain(|incident| incident.id != of.id);
            Ok(())
        })
    }
}

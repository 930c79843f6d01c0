//! What those who run the server do: they say incidents and maintenance, of which everybody may know, and what is logged.

use groundswell_types::{
    AuditAction, Incident, IncidentChange, IncidentKind, NewIncident, NewIncidentUpdate, TeamId,
};

use super::Acting;
use crate::audit::{Deed, Trace};
use crate::error::EngineError;
use crate::incidents::IncidentRef;
use crate::store::IncidentSearch;

impl Acting {
    /// Fails when the actor is none of those who run the server.
    pub fn check_operator(&self) -> Result<(), EngineError> {
        self.actor.check_operator()
    }

    /// At most so many of all there are, newest first.
    pub async fn incidents(&self, search: IncidentSearch) -> Result<Vec<Incident>, EngineError> {
        self.engine.incidents(search).await
    }

    /// One of them.
    pub async fn incident(&self, of: IncidentRef) -> Result<Incident, EngineError> {
        self.engine.incident_of(of).await
    }

    /// See `Engine::create_incident`.
    pub async fn create_incident(&self, new: NewIncident) -> Result<Incident, EngineError> {
        let action = match new.schedule {
            None => AuditAction::IncidentCreated,
            Some(_) => AuditAction::MaintenanceCreated,
        };
        let trace = Trace::default().with("status", new.status.as_str());
        self.recorded((action, trace), self.engine.create_incident(new)).await
    }

    /// See `Engine::update_incident`.
    pub async fn update_incident(
        &self,
        of: IncidentRef,
        new: NewIncidentUpdate,
    ) -> Result<Incident, EngineError> {
        let action = match of.kind {
            IncidentKind::Incident => AuditAction::IncidentUpdated,
            IncidentKind::Maintenance => AuditAction::MaintenanceUpdated,
        };
        let trace = match new.status {
            Some(status) => Trace::of(of.id).with("status", status.as_str()),
            None => Trace::of(of.id),
        };
        self.recorded((action, trace), self.engine.update_incident(of, new)).await
    }

    /// See `Engine::change_incident`.
    pub async fn change_incident(
        &self,
        of: IncidentRef,
        change: IncidentChange,
    ) -> Result<Incident, EngineError> {
        let action = match of.kind {
            IncidentKind::Incident => AuditAction::IncidentChanged,
            IncidentKind::Maintenance => AuditAction::MaintenanceChanged,
        };
        self.recorded((action, Trace::of(of.id)), self.engine.change_incident(of, change)).await
    }

    /// See `Engine::delete_incident`.
    pub async fn delete_incident(&self, of: IncidentRef) -> Result<(), EngineError> {
        let action = match of.kind {
            IncidentKind::Incident => AuditAction::IncidentDeleted,
            IncidentKind::Maintenance => AuditAction::MaintenanceDeleted,
        };
        self.recorded((action, Trace::of(of.id)), self.engine.delete_incident(of)).await
    }

    /// Changes what the server logs to `filter`, by `change`, since the log is the caller's.
    pub async fn change_log_level(
        &self,
        filter: &str,
        change: impl FnOnce() -> Result<(), EngineError> + Send,
    ) -> Result<(), EngineError> {
        let trace = Trace::default().with("filter", filter);
        self.recorded((AuditAction::LogLevelChanged, trace), async { change() }).await
    }

    /// Does it for those who run the server, in the log of the first team, whose owners they are.
    async fn recorded<T: crate::audit::Traced>(
        &self,
        (action, trace): (AuditAction, Trace),
        work: impl Future<Output = Result<T, EngineError>> + Send,
    ) -> Result<T, EngineError> {
        self.actor.check_operator()?;
        let deed = Deed { action, teams: vec![TeamId::first()], program: None, trace };
        self.engine.recorded(&self.actor, deed, work).await
    }
}

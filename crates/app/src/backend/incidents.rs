//! What the pages of incidents need.

use async_trait::async_trait;
use groundswell_types::{Incident, IncidentChange, IncidentId, IncidentKind, NewIncident, NewIncidentUpdate};

use crate::failure::Failure;

/// One of the incidents, or of the maintenances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncidentRef {
    /// Which of the two.
    pub kind: IncidentKind,
    /// Its id.
    pub id: IncidentId,
}

/// See the module. Everybody may read, signed in or not; those who run the server write.
#[async_trait]
pub trait IncidentBackend: Send + Sync {
    /// Fails when whoever asks is none of those who run the server.
    async fn check_operator(&self) -> Result<(), Failure>;

    /// All that is open, and the newest of what is over; newest first.
    fn shown_incidents(&self) -> Vec<Incident>;

    /// One of all there are.
    async fn incident(&self, id: IncidentId) -> Result<Incident, Failure>;

    /// Reports an incident, or announces maintenance.
    async fn create_incident(&self, new: NewIncident) -> Result<Incident, Failure>;

    /// Says something new of one that is open.
    async fn update_incident(&self, of: IncidentRef, new: NewIncidentUpdate) -> Result<(), Failure>;

    /// Changes what one is, without saying anything new of it.
    async fn change_incident(&self, of: IncidentRef, change: IncidentChange) -> Result<(), Failure>;

    /// Takes one away.
    async fn delete_incident(&self, of: IncidentRef) -> Result<(), Failure>;
}

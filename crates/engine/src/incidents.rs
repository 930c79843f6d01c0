//! Use cases on incidents and maintenance: what those who run the server say of it, for everybody to read.
//!
//! What is shown is kept in memory, so that a status page that everybody looks at costs the database nothing: all that are
//! open, and of each kind the newest that have ended. Changes are made one after another, first in the store and then here.
//! Maintenance begins and ends by itself, at its times; what was missed because nothing ran is made up for at the start.

mod check;
mod system;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use groundswell_types::{
    AffectedComponent, ComponentStatus, Incident, IncidentChange, IncidentId, IncidentKind, IncidentStatus,
    IncidentUpdate, MAX_INCIDENT_UPDATES, MAX_OPEN_INCIDENTS, MaintenanceStatus, NewIncident,
    NewIncidentUpdate, Progress, Schedule,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use self::system::{ComponentState, SystemStatus};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{IncidentSearch, Store, StoreError};

/// So many of each kind that have ended are shown.
const ENDED_SHOWN: usize = 50;

/// The clock of the machine can be set, so the times of maintenance are looked at at least so often.
const LONGEST_REST_MS: i64 = 30_000;

/// After a change could not be written.
const RETRY_MS: i64 = 1000;

/// Shown on pages, as what follows, so their translations are in the catalogue.
const HAS_BEGUN: &str = "The maintenance has begun.";
const HAS_ENDED: &str = "The maintenance has ended.";

const IS_OVER: &str = "It is over, so nothing more can be said of it. Report a new one.";
const TOO_MANY_UPDATES: &str = "It has 100 updates, which is the most. End it, and report a new one.";
const TOO_MANY_OPEN: &str = "50 incidents and maintenances are open, which is the most. End one first.";
const CANNOT_GO_BACK: &str = "The maintenance has begun and cannot be only announced again.";
const HAS_PASSED: &str = "The maintenance has begun: when it began can no longer be changed.";

/// One of the incidents, or of the maintenances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncidentRef {
    pub kind: IncidentKind,
    pub id: IncidentId,
}

/// What is shown, and whose turn it is to change it.
#[derive(Debug)]
pub(crate) struct Incidents {
    /// Newest first.
    shown: RwLock<Arc<[Incident]>>,
    /// Held while one is changed.
    changes: tokio::sync::Mutex<()>,
    changed: Notify,
    states: system::States,
}

impl Incidents {
    /// Reads what is to be shown.
    pub(crate) async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        Ok(Self {
            shown: RwLock::new(read(store).await?),
            changes: tokio::sync::Mutex::default(),
            changed: Notify::new(),
            states: system::States::default(),
        })
    }

    /// Reads what another node has left.
    pub(crate) async fn read_again(&self, store: &dyn Store) -> Result<(), StoreError> {
        let shown = read(store).await?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
        Ok(())
    }

    /// What is shown, newest first.
    pub(crate) fn shown(&self) -> Arc<[Incident]> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on, this one is shown as it is here, or not any more.
    fn show(&self, id: IncidentId, now: Option<&Incident>) {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        let others = shown.iter().filter(|incident| incident.id != id);
        let all = others.chain(now).cloned().collect();
        *shown = to_show(all);
        drop(shown);
        self.changed.notify_one();
    }
}

/// In order, and of what has ended the newest alone.
fn to_show(mut incidents: Vec<Incident>) -> Arc<[Incident]> {
    incidents.sort_unstable_by_key(|incident| std::cmp::Reverse(incident.id));
    let mut left = [ENDED_SHOWN; 2];
    incidents.retain(|incident| {
        let left = &mut left[usize::from(incident.kind() == IncidentKind::Maintenance)];
        let is_shown = incident.ended_at.is_none() || *left > 0;
        *left = left.saturating_sub(usize::from(incident.ended_at.is_some()));
        is_shown
    });
    incidents.into()
}

/// What is shown of what the store has.
async fn read(store: &dyn Store) -> Result<Arc<[Incident]>, StoreError> {
    let mut incidents = store.open_incidents().await?;
    for kind in [IncidentKind::Incident, IncidentKind::Maintenance] {
        // As many as can be open may be among them.
        let limit = ENDED_SHOWN + MAX_OPEN_INCIDENTS;
        let found = store.incidents(IncidentSearch { kind, before: None, limit }).await?;
        incidents.extend(found.into_iter().filter(|incident| incident.ended_at.is_some()));
    }
    Ok(to_show(incidents))
}

/// Begins and ends maintenance at its times, until stopped.
pub(crate) async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    loop {
        let wait_ms = match engine.keep_schedules().await {
            Ok(next_ms) => next_ms.map(|at_ms| at_ms.saturating_sub(engine.clock.now_ms())),
            Err(error) => {
                tracing::warn!(%error, "maintenance was not begun or ended in time; the next try follows");
                Some(RETRY_MS)
            }
        };
        let rest = async {
            match wait_ms {
                Some(wait_ms) => {
                    let rest = wait_ms.clamp(1, LONGEST_REST_MS).unsigned_abs();
                    tokio::time::sleep(Duration::from_millis(rest)).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = engine.incidents.changed.notified() => {}
            () = rest => {}
        }
    }
}

impl Engine {
    /// What the status page shows, newest first: all that is open, and the newest of what is over. For everybody.
    pub fn shown_incidents(&self) -> Arc<[Incident]> {
        self.incidents.shown()
    }

    /// One of all there are. For everybody.
    pub async fn incident(&self, id: IncidentId) -> Result<Incident, EngineError> {
        if let Some(incident) = self.incidents.shown().iter().find(|incident| incident.id == id) {
            return Ok(incident.clone());
        }
        self.store.incident(id).await?.ok_or(EngineError::NotFound("incident"))
    }

    /// At most so many of all there are, newest first. For everybody.
    pub(crate) async fn incidents(&self, search: IncidentSearch) -> Result<Vec<Incident>, EngineError> {
        Ok(self.store.incidents(search).await?)
    }

    /// Reports an incident, or announces maintenance.
    pub(crate) async fn create_incident(&self, new: NewIncident) -> Result<Incident, EngineError> {
        let _turn = self.incidents.changes.lock().await;
        let now_ms = self.clock.now_ms();
        let new = check::new_incident(new, now_ms)?;
        let shown = self.incidents.shown();
        if shown.iter().filter(|incident| incident.ended_at.is_none()).count() >= MAX_OPEN_INCIDENTS {
            return Err(EngineError::Refused(TOO_MANY_OPEN.to_owned()));
        }
        let update = IncidentUpdate {
            id: self.ids.incident_update(),
            at: now_ms,
            status: new.status,
            message: new.message,
            components: as_of(new.status, new.components),
        };
        let before = Incident {
            id: self.ids.incident(),
            name: new.name,
            status: new.status,
            impact: new.impact,
            components: Vec::new(),
            schedule: new.schedule,
            created_at: now_ms,
            updated_at: now_ms,
            started_at: None,
            monitoring_at: None,
            ended_at: None,
            updates: Vec::new(),
        };
        let incident = after(before, update);
        self.store.add_incident(&incident).await?;
        self.incidents.show(incident.id, Some(&incident));
        Ok(incident)
    }

    /// Says something new of one that is open.
    pub(crate) async fn update_incident(
        &self,
        of: IncidentRef,
        new: NewIncidentUpdate,
    ) -> Result<Incident, EngineError> {
        let _turn = self.incidents.changes.lock().await;
        let incident = self.incident_of(of).await?;
        let new = check::new_update(of.kind, new)?;
        if incident.ended_at.is_some() {
            return Err(EngineError::Refused(IS_OVER.to_owned()));
        }
        let status = new.status.unwrap_or(incident.status);
        // It is told to end it, so that must go.
        if incident.updates.len() >= MAX_INCIDENT_UPDATES && !status.has_ended() {
            return Err(EngineError::Refused(TOO_MANY_UPDATES.to_owned()));
        }
        if status == Progress::Maintenance(MaintenanceStatus::Scheduled) && incident.started_at.is_some() {
            return Err(EngineError::Refused(CANNOT_GO_BACK.to_owned()));
        }
        let components = new.components.unwrap_or_else(|| incident.components.clone());
        self.say(incident, (status, new.message, components)).await
    }

    /// Changes what one is, without saying anything new of it.
    pub(crate) async fn change_incident(
        &self,
        of: IncidentRef,
        change: IncidentChange,
    ) -> Result<Incident, EngineError> {
        let _turn = self.incidents.changes.lock().await;
        let before = self.incident_of(of).await?;
        let change = check::change(change, (&before, self.clock.now_ms()))?;
        let schedule = before.schedule.map(|old| Schedule {
            from: change.from.unwrap_or(old.from),
            until: change.until.unwrap_or(old.until),
        });
        if schedule != before.schedule {
            if before.ended_at.is_some() {
                return Err(EngineError::Refused(IS_OVER.to_owned()));
            }
            let is_begun = before.started_at.is_some();
            if is_begun && schedule.map(|new| new.from) != before.schedule.map(|old| old.from) {
                return Err(EngineError::Refused(HAS_PASSED.to_owned()));
            }
        }
        let components = as_of(before.status, change.components.unwrap_or(before.components));
        let mut updates = before.updates;
        // What was said of them last was wrong as well.
        let corrected = updates.first_mut().filter(|newest| newest.components != components).map(|newest| {
            newest.components.clone_from(&components);
            newest.clone()
        });
        let incident = Incident {
            name: change.name.unwrap_or(before.name),
            impact: change.impact.unwrap_or(before.impact),
            components,
            schedule,
            updated_at: self.clock.now_ms(),
            updates,
            ..before
        };
        self.keep(&incident, corrected.as_ref()).await?;
        Ok(incident)
    }

    /// Takes one away, as if it had never been.
    pub(crate) async fn delete_incident(&self, of: IncidentRef) -> Result<(), EngineError> {
        let _turn = self.incidents.changes.lock().await;
        self.incident_of(of).await?;
        if !self.store.delete_incident(of.id).await? {
            return Err(EngineError::NotFound("incident"));
        }
        self.incidents.show(of.id, None);
        Ok(())
    }

    /// One of that kind.
    pub(crate) async fn incident_of(&self, of: IncidentRef) -> Result<Incident, EngineError> {
        let incident = self.incident(of.id).await?;
        if incident.kind() == of.kind { Ok(incident) } else { Err(EngineError::NotFound("incident")) }
    }

    /// Begins and ends maintenance whose time has come. Answers when the next one's does, if there is one.
    pub async fn keep_schedules(&self) -> Result<Option<i64>, EngineError> {
        let _turn = self.incidents.changes.lock().await;
        let mut next_ms: Option<i64> = None;
        for incident in self.incidents.shown().iter() {
            let mut incident = incident.clone();
            while let Some((at_ms, status)) = next_step(&incident) {
                if at_ms > self.clock.now_ms() {
                    next_ms = Some(next_ms.map_or(at_ms, |next_ms| next_ms.min(at_ms)));
                    break;
                }
                let message = if Progress::Maintenance(status).has_ended() { HAS_ENDED } else { HAS_BEGUN };
                tracing::info!(incident.id = %incident.id, incident.status = %status, "{message}");
                let components = incident.components.clone();
                let said = (Progress::Maintenance(status), message.to_owned(), components);
                incident = self.say(incident, said).await?;
            }
        }
        Ok(next_ms)
    }

    /// Adds an update. The caller has the turn.
    async fn say(
        &self,
        incident: Incident,
        (status, message, components): (Progress, String, Vec<AffectedComponent>),
    ) -> Result<Incident, EngineError> {
        let update = IncidentUpdate {
            id: self.ids.incident_update(),
            at: self.clock.now_ms(),
            status,
            message,
            components: as_of(status, components),
        };
        let incident = after(incident, update);
        self.keep(&incident, incident.updates.first()).await?;
        Ok(incident)
    }

    /// Writes it, with an update that is new or corrected, if there is one.
    async fn keep(&self, incident: &Incident, update: Option<&IncidentUpdate>) -> Result<(), EngineError> {
        if !self.store.change_incident(incident, update).await? {
            return Err(EngineError::NotFound("incident"));
        }
        self.incidents.show(incident.id, Some(incident));
        Ok(())
    }
}

/// What becomes of maintenance by itself, and when.
fn next_step(incident: &Incident) -> Option<(i64, MaintenanceStatus)> {
    let (Progress::Maintenance(status), Some(schedule)) = (incident.status, incident.schedule) else {
        return None;
    };
    match status {
        MaintenanceStatus::Scheduled => Some((schedule.from, MaintenanceStatus::InProgress)),
        MaintenanceStatus::InProgress | MaintenanceStatus::Verifying => {
            Some((schedule.until, MaintenanceStatus::Completed))
        }
        MaintenanceStatus::Completed => None,
    }
}

/// How components are because of it: well before it begins and once it is over, under maintenance meanwhile.
fn as_of(status: Progress, mut components: Vec<AffectedComponent>) -> Vec<AffectedComponent> {
    for affected in &mut components {
        if !status.is_running() {
            affected.status = ComponentStatus::Operational;
        } else if status.kind() == IncidentKind::Maintenance {
            affected.status = ComponentStatus::UnderMaintenance;
        }
    }
    components
}

/// What an update makes of it.
fn after(incident: Incident, update: IncidentUpdate) -> Incident {
    let at = update.at;
    let is_monitoring = update.status == Progress::Incident(IncidentStatus::Monitoring);
    let begins = update.status.is_running() || update.status.kind() == IncidentKind::Incident;
    let mut updates = incident.updates;
    let (status, components) = (update.status, update.components.clone());
    updates.insert(0, update);
    Incident {
        status,
        components,
        updated_at: at,
        started_at: incident.started_at.or_else(|| begins.then_some(at)),
        monitoring_at: incident.monitoring_at.or_else(|| is_monitoring.then_some(at)),
        ended_at: status.has_ended().then_some(at),
        updates,
        ..incident
    }
}

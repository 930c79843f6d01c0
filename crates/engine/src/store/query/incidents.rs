//! Incidents and maintenance, which is what has a schedule. Few rows, seldom read: the server keeps what it shows.

use groundswell_types::{
    AffectedComponent, Impact, Incident, IncidentId, IncidentKind, IncidentUpdate, IncidentUpdateId,
    Progress, Schedule,
};

use super::deliveries::limit_of;
use super::{Columns, Connection, Value, damaged};
use crate::store::{IncidentSearch, StoreError};

const ADD: &str = "
    INSERT INTO incident
        (id, name, status, impact, components, scheduled_from_ms, scheduled_until_ms, created_at_ms, updated_at_ms,
            started_at_ms, monitoring_at_ms, ended_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

const SAVE_UPDATE: &str = "
    INSERT INTO incident_update (incident_id, id, at_ms, status, message, components)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (incident_id, id) DO UPDATE SET components = excluded.components";

const CHANGE: &str = "
    UPDATE incident SET name = $2, status = $3, impact = $4, components = $5, scheduled_from_ms = $6,
        scheduled_until_ms = $7, created_at_ms = $8, updated_at_ms = $9, started_at_ms = $10, monitoring_at_ms = $11,
        ended_at_ms = $12
    WHERE id = $1";

const DELETE: &str = "DELETE FROM incident WHERE id = $1";

const DELETE_UPDATES: &str = "DELETE FROM incident_update WHERE incident_id = $1";

const ONE: &str = "
    SELECT id, name, status, impact, components, scheduled_from_ms, scheduled_until_ms, created_at_ms, updated_at_ms,
        started_at_ms, monitoring_at_ms, ended_at_ms
    FROM incident WHERE id = $1";

const INCIDENTS: &str = "
    SELECT id, name, status, impact, components, scheduled_from_ms, scheduled_until_ms, created_at_ms, updated_at_ms,
        started_at_ms, monitoring_at_ms, ended_at_ms
    FROM incident WHERE id < $1 AND scheduled_from_ms IS NULL
    ORDER BY id DESC
    LIMIT $2";

const MAINTENANCES: &str = "
    SELECT id, name, status, impact, components, scheduled_from_ms, scheduled_until_ms, created_at_ms, updated_at_ms,
        started_at_ms, monitoring_at_ms, ended_at_ms
    FROM incident WHERE id < $1 AND scheduled_from_ms IS NOT NULL
    ORDER BY id DESC
    LIMIT $2";

const OPEN: &str = "
    SELECT id, name, status, impact, components, scheduled_from_ms, scheduled_until_ms, created_at_ms, updated_at_ms,
        started_at_ms, monitoring_at_ms, ended_at_ms
    FROM incident WHERE ended_at_ms IS NULL
    ORDER BY id DESC";

const UPDATES: &str = "
    SELECT id, at_ms, status, message, components
    FROM incident_update WHERE incident_id = $1
    ORDER BY id DESC";

/// Within the caller's transaction, as what follows.
pub(in crate::store) async fn add(db: &mut impl Connection, incident: &Incident) -> Result<(), StoreError> {
    db.execute(ADD, values(incident)?).await?;
    for update in incident.updates.iter().rev() {
        save_update(db, incident.id, update).await?;
    }
    Ok(())
}

pub(in crate::store) async fn change(
    db: &mut impl Connection,
    incident: &Incident,
    update: Option<&IncidentUpdate>,
) -> Result<bool, StoreError> {
    if db.execute(CHANGE, values(incident)?).await? == 0 {
        return Ok(false);
    }
    if let Some(update) = update {
        save_update(db, incident.id, update).await?;
    }
    Ok(true)
}

pub(in crate::store) async fn delete(db: &mut impl Connection, id: IncidentId) -> Result<bool, StoreError> {
    db.execute(DELETE_UPDATES, [id.number().into()]).await?;
    Ok(db.execute(DELETE, [id.number().into()]).await? > 0)
}

pub(in crate::store) async fn one(
    db: &mut impl Connection,
    id: IncidentId,
) -> Result<Option<Incident>, StoreError> {
    let rows = db.fetch(ONE, vec![id.number().into()]).await?;
    Ok(with_updates(db, all_of(&rows)?).await?.pop())
}

pub(in crate::store) async fn find(
    db: &mut impl Connection,
    search: IncidentSearch,
) -> Result<Vec<Incident>, StoreError> {
    let statement = match search.kind {
        IncidentKind::Incident => INCIDENTS,
        IncidentKind::Maintenance => MAINTENANCES,
    };
    let before = search.before.map_or(i64::MAX, IncidentId::number);
    let rows = db.fetch(statement, vec![before.into(), limit_of(search.limit)]).await?;
    with_updates(db, all_of(&rows)?).await
}

pub(in crate::store) async fn open(db: &mut impl Connection) -> Result<Vec<Incident>, StoreError> {
    let rows = db.fetch(OPEN, vec![]).await?;
    with_updates(db, all_of(&rows)?).await
}

async fn save_update(
    db: &mut impl Connection,
    incident: IncidentId,
    update: &IncidentUpdate,
) -> Result<(), StoreError> {
    let values = [
        incident.number().into(),
        update.id.number().into(),
        update.at.into(),
        update.status.as_str().into(),
        update.message.as_str().into(),
        components_text(&update.components)?.as_str().into(),
    ];
    db.execute(SAVE_UPDATE, values).await?;
    Ok(())
}

fn all_of<Row: Columns>(rows: &[Row]) -> Result<Vec<Incident>, StoreError> {
    rows.iter().map(incident_of).collect()
}

async fn with_updates(
    db: &mut impl Connection,
    mut incidents: Vec<Incident>,
) -> Result<Vec<Incident>, StoreError> {
    for incident in &mut incidents {
        let updates = db.fetch(UPDATES, vec![incident.id.number().into()]).await?;
        incident.updates = updates.iter().map(update_of).collect::<Result<_, _>>()?;
    }
    Ok(incidents)
}

fn values(incident: &Incident) -> Result<[Value; 12], StoreError> {
    Ok([
        incident.id.number().into(),
        incident.name.as_str().into(),
        incident.status.as_str().into(),
        incident.impact.as_str().into(),
        components_text(&incident.components)?.as_str().into(),
        incident.schedule.map(|schedule| schedule.from).into(),
        incident.schedule.map(|schedule| schedule.until).into(),
        incident.created_at.into(),
        incident.updated_at.into(),
        incident.started_at.into(),
        incident.monitoring_at.into(),
        incident.ended_at.into(),
    ])
}

fn components_text(components: &[AffectedComponent]) -> Result<String, StoreError> {
    serde_json::to_string(components)
        .map_err(|error| damaged(format!("components of an incident cannot be stored: {error}")))
}

fn incident_of(row: &impl Columns) -> Result<Incident, StoreError> {
    let schedule = match (row.optional_int(5)?, row.optional_int(6)?) {
        (Some(from), Some(until)) => Some(Schedule { from, until }),
        (None, None) => None,
        _ => return Err(damaged("an incident has half of a schedule".to_owned())),
    };
    Ok(Incident {
        id: IncidentId::from_number(row.int(0)?),
        name: row.text(1)?,
        status: row.parsed(2, Progress::parse)?,
        impact: row.parsed(3, Impact::parse)?,
        components: row.parsed(4, |text| serde_json::from_str(text).ok())?,
        schedule,
        created_at: row.int(7)?,
        updated_at: row.int(8)?,
        started_at: row.optional_int(9)?,
        monitoring_at: row.optional_int(10)?,
        ended_at: row.optional_int(11)?,
        updates: Vec::new(),
    })
}

fn update_of(row: &impl Columns) -> Result<IncidentUpdate, StoreError> {
    Ok(IncidentUpdate {
        id: IncidentUpdateId::from_number(row.int(0)?),
        at: row.int(1)?,
        status: row.parsed(2, Progress::parse)?,
        message: row.text(3)?,
        components: row.parsed(4, |text| serde_json::from_str(text).ok())?,
    })
}

//! Programs.

use groundswell_types::{Currency, ProgramId, ProgramStatus, ProgramType, RetentionDays, TeamId};

use super::{Columns, Connection, damaged};
use crate::store::{ProgramChange, ProgramRecord, StoreError};

const ALL: &str = "
    SELECT id, name, kind, status, currency, created_at_ms, webhooks_version, team_id, retention_days
    FROM program
    ORDER BY created_at_ms, id";

const ONE: &str = "
    SELECT id, name, kind, status, currency, created_at_ms, webhooks_version, team_id, retention_days
    FROM program
    WHERE id = $1";

const INSERT: &str = "
    INSERT INTO program (id, name, kind, status, currency, created_at_ms, webhooks_version, team_id, retention_days)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const UPDATE: &str = "UPDATE program SET name = $2, status = $3, retention_days = $4 WHERE id = $1";

pub(in crate::store) async fn all(db: &mut impl Connection) -> Result<Vec<ProgramRecord>, StoreError> {
    db.read_each(ALL, program).await
}

pub(in crate::store) async fn find(
    db: &mut impl Connection,
    id: &ProgramId,
) -> Result<Option<ProgramRecord>, StoreError> {
    let rows = db.fetch(ONE, vec![id.as_str().into()]).await?;
    rows.first().map(program).transpose()
}

pub(in crate::store) async fn insert(
    db: &mut impl Connection,
    program: &ProgramRecord,
) -> Result<(), StoreError> {
    let values = [
        program.id.as_str().into(),
        program.name.as_str().into(),
        program.kind.as_str().into(),
        program.status.as_str().into(),
        program.currency.as_str().into(),
        program.created_at_ms.into(),
        program.webhooks_version.into(),
        program.team_id.as_str().into(),
        program.retention.map(RetentionDays::days).into(),
    ];
    db.execute(INSERT, values).await?;
    Ok(())
}

/// Refused when there is no such program.
pub(in crate::store) async fn update(
    db: &mut impl Connection,
    change: &ProgramChange,
) -> Result<(), StoreError> {
    let values = [
        change.id.as_str().into(),
        change.name.as_str().into(),
        change.status.as_str().into(),
        change.retention.map(RetentionDays::days).into(),
    ];
    let changed = db.execute(UPDATE, values).await?;
    if changed == 0 {
        return Err(StoreError::Rejected("there is no such program".into()));
    }
    Ok(())
}

fn program(row: &impl Columns) -> Result<ProgramRecord, StoreError> {
    Ok(ProgramRecord {
        id: row.parsed(0, |text| ProgramId::parse(text).ok())?,
        name: row.text(1)?,
        kind: row.parsed(2, ProgramType::parse)?,
        status: row.parsed(3, ProgramStatus::parse)?,
        currency: row.parsed(4, Currency::parse)?,
        created_at_ms: row.int(5)?,
        webhooks_version: row.int(6)?,
        team_id: row.parsed(7, |text| TeamId::parse(text).ok())?,
        retention: retention(row.optional_int(8)?)?,
    })
}

fn retention(days: Option<i64>) -> Result<Option<RetentionDays>, StoreError> {
    let retention = days.map(RetentionDays::try_from).transpose();
    retention.map_err(|_| damaged(format!("a program is kept for {days:?} days")))
}

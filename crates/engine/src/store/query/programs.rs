//! Programs.

use groundswell_types::{Currency, ProgramId, ProgramStatus, ProgramType, TeamId};

use super::{Columns, Connection};
use crate::store::{ProgramRecord, StoreError};

const ALL: &str = "
    SELECT id, name, kind, status, currency, created_at_ms, webhooks_version, team_id
    FROM program
    ORDER BY created_at_ms, id";

const INSERT: &str = "
    INSERT INTO program (id, name, kind, status, currency, created_at_ms, webhooks_version, team_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const UPDATE: &str = "UPDATE program SET name = $2, status = $3 WHERE id = $1";

pub(in crate::store) async fn all(db: &mut impl Connection) -> Result<Vec<ProgramRecord>, StoreError> {
    let rows = db.fetch(ALL, vec![]).await?;
    rows.iter().map(program).collect()
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
    ];
    db.execute(INSERT, values).await?;
    Ok(())
}

/// Refused when there is no such program.
pub(in crate::store) async fn update(
    db: &mut impl Connection,
    id: &ProgramId,
    name: &str,
    status: ProgramStatus,
) -> Result<(), StoreError> {
    let changed = db.execute(UPDATE, [id.as_str().into(), name.into(), status.as_str().into()]).await?;
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
    })
}

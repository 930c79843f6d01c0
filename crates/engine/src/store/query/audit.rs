//! The audit log. Nothing here changes a row.

use std::collections::BTreeMap;

use groundswell_types::{
    AuditAction, AuditActor, AuditActorKind, AuditFilter, AuditId, AuditOutcome, ProgramId, TeamId,
};

use super::deliveries::limit_of;
use super::{Columns, Connection, Value, damaged};
use crate::id::last_before;
use crate::store::{AuditRecord, AuditSearch, StoreError};

const INSERT: &str = "
    INSERT INTO audit_log
        (id, at_ms, team_id, program_id, actor_kind, actor_id, actor_name, address, action, target, details, outcome)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

const BEGIN_ONE: &str = "
    INSERT INTO audit_begun
        (id, at_ms, team_id, program_id, actor_kind, actor_id, actor_name, address, action, target, details)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

const DROP_ONE: &str = "DELETE FROM audit_begun WHERE id = $1";

const SETTLE: &str = "
    INSERT INTO audit_log
        (id, at_ms, team_id, program_id, actor_kind, actor_id, actor_name, address, action, target, details, outcome)
    SELECT id, at_ms, team_id, program_id, actor_kind, actor_id, actor_name, address, action, target, details, $2
    FROM audit_begun WHERE id < $1";

const DROP_SETTLED: &str = "DELETE FROM audit_begun WHERE id < $1";

/// Empty texts are for what is not asked for.
const OF_TEAM: &str = "
    SELECT id, at_ms, team_id, program_id, actor_kind, actor_id, actor_name, address, action, target, details, outcome
    FROM audit_log
    WHERE team_id = $1 AND id < $2 AND at_ms >= $3 AND at_ms < $4
        AND ($5 = '' OR action = $5) AND ($6 = '' OR actor_id = $6 OR actor_kind = $6) AND ($7 = '' OR program_id = $7)
    ORDER BY id DESC
    LIMIT $8";

const OF_ALL: &str = "
    SELECT id, at_ms, team_id, program_id, actor_kind, actor_id, actor_name, address, action, target, details, outcome
    FROM audit_log
    WHERE id < $1 AND at_ms >= $2 AND at_ms < $3
        AND ($4 = '' OR action = $4) AND ($5 = '' OR actor_id = $5 OR actor_kind = $5) AND ($6 = '' OR program_id = $6)
    ORDER BY id DESC
    LIMIT $7";

/// There is no index by time, and there need be none: what is younger is not read, by its id.
const FORGET: &str = "
    DELETE FROM audit_log
    WHERE id IN (SELECT id FROM audit_log WHERE at_ms < $1 AND id <= $2 ORDER BY id LIMIT $3)";

/// The same.
const FORGET_ERASURES: &str = "DELETE FROM erasure WHERE ended_at_ms < $1 AND id <= $2";

pub(in crate::store) async fn insert(
    db: &mut impl Connection,
    record: &AuditRecord,
) -> Result<(), StoreError> {
    let [id, at, team, program, kind, actor, name, address, action, target, details] = values(record)?;
    let outcome = record.outcome.as_str().into();
    let values = [id, at, team, program, kind, actor, name, address, action, target, details, outcome];
    db.execute(INSERT, values).await?;
    Ok(())
}

pub(in crate::store) async fn begin(
    db: &mut impl Connection,
    record: &AuditRecord,
) -> Result<(), StoreError> {
    db.execute(BEGIN_ONE, values(record)?).await?;
    Ok(())
}

/// Says whether it was there.
pub(in crate::store) async fn drop_begun(db: &mut impl Connection, id: AuditId) -> Result<bool, StoreError> {
    Ok(db.execute(DROP_ONE, [id.number().into()]).await? > 0)
}

pub(in crate::store) async fn settle(db: &mut impl Connection, before: AuditId) -> Result<(), StoreError> {
    db.execute(SETTLE, [before.number().into(), AuditOutcome::Unclear.as_str().into()]).await?;
    db.execute(DROP_SETTLED, [before.number().into()]).await?;
    Ok(())
}

pub(in crate::store) async fn find(
    db: &mut impl Connection,
    search: &AuditSearch,
) -> Result<Vec<AuditRecord>, StoreError> {
    let AuditFilter { action, actor, campaign_id, from, to } = &search.filter;
    let mut values = vec![
        search.before.map_or(i64::MAX, AuditId::number).into(),
        from.unwrap_or(i64::MIN).into(),
        to.unwrap_or(i64::MAX).into(),
        action.map_or("", AuditAction::as_str).into(),
        actor.as_deref().unwrap_or_default().into(),
        campaign_id.as_ref().map_or("", ProgramId::as_str).into(),
        limit_of(search.limit),
    ];
    let rows = match &search.team {
        Some(team) => {
            values.insert(0, team.as_str().into());
            db.fetch(OF_TEAM, values).await?
        }
        None => db.fetch(OF_ALL, values).await?,
    };
    rows.iter().map(record).collect()
}

pub(in crate::store) async fn forget(
    db: &mut impl Connection,
    before_ms: i64,
    limit: usize,
) -> Result<u64, StoreError> {
    let last = last_before(before_ms);
    db.execute(FORGET_ERASURES, [before_ms.into(), last.into()]).await?;
    db.execute(FORGET, [before_ms.into(), last.into(), limit_of(limit)]).await
}

fn values(record: &AuditRecord) -> Result<[Value; 11], StoreError> {
    let details = serde_json::to_string(&record.details)
        .map_err(|error| damaged(format!("details of the audit log cannot be stored: {error}")))?;
    Ok([
        record.id.number().into(),
        record.at_ms.into(),
        record.team_id.as_ref().map(TeamId::as_str).into(),
        record.program_id.as_ref().map(ProgramId::as_str).into(),
        record.actor.kind.as_str().into(),
        record.actor.id.as_deref().into(),
        record.actor.name.as_str().into(),
        record.address.as_deref().into(),
        record.action.as_str().into(),
        record.target.as_deref().into(),
        details.as_str().into(),
    ])
}

fn record(row: &impl Columns) -> Result<AuditRecord, StoreError> {
    Ok(AuditRecord {
        id: AuditId::from_number(row.int(0)?),
        at_ms: row.int(1)?,
        team_id: row.optional_parsed(2, |text| TeamId::parse(text).ok())?,
        program_id: row.optional_parsed(3, |text| ProgramId::parse(text).ok())?,
        actor: AuditActor {
            kind: row.parsed(4, AuditActorKind::parse)?,
            id: row.optional_text(5)?,
            name: row.text(6)?,
        },
        address: row.optional_text(7)?,
        action: row.parsed(8, AuditAction::parse)?,
        target: row.optional_text(9)?,
        details: row.parsed(10, |text| serde_json::from_str::<BTreeMap<String, String>>(text).ok())?,
        outcome: row.parsed(11, AuditOutcome::parse)?,
    })
}

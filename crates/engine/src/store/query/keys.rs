//! API keys. Nothing secret is kept, only SHA-256 hashes of it.

use groundswell_types::{ProgramId, RateLimit, Scopes, TeamId};

use super::{Columns, Connection};
use crate::store::{ApiKeyRecord, StoreError};

const INSERT_KEY: &str = "
    INSERT INTO api_key (id, name, key_hash, scopes, program_id, rate_limit, ends_with, created_at_ms, last_used_at_ms, team_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const KEYS: &str = "
    SELECT id, name, key_hash, scopes, program_id, rate_limit, ends_with, created_at_ms, last_used_at_ms,
        team_id
    FROM api_key ORDER BY created_at_ms, id";

const NOTE_USED: &str = "UPDATE api_key SET last_used_at_ms = $2 WHERE id = $1";

const DELETE_INVITATIONS_BY: &str = "DELETE FROM invitation WHERE made_by = $1";

const DELETE_KEY: &str = "DELETE FROM api_key WHERE id = $1";

pub(in crate::store) async fn insert(db: &mut impl Connection, key: &ApiKeyRecord) -> Result<(), StoreError> {
    let (scopes, rate_limit) = (key.scopes.to_string(), key.rate_limit.map(|limit| limit.to_string()));
    let values = [
        key.id.as_str().into(),
        key.name.as_str().into(),
        (&key.key_hash).into(),
        scopes.as_str().into(),
        key.program_id.as_ref().map(ProgramId::as_str).into(),
        rate_limit.as_deref().into(),
        key.ends_with.as_deref().into(),
        key.created_at_ms.into(),
        key.last_used_at_ms.into(),
        key.team_id.as_str().into(),
    ];
    db.execute(INSERT_KEY, values).await?;
    Ok(())
}

pub(in crate::store) async fn all(db: &mut impl Connection) -> Result<Vec<ApiKeyRecord>, StoreError> {
    let rows = db.fetch(KEYS, vec![]).await?;
    rows.iter().map(key).collect()
}

fn key(row: &impl Columns) -> Result<ApiKeyRecord, StoreError> {
    Ok(ApiKeyRecord {
        id: row.text(0)?,
        name: row.text(1)?,
        key_hash: row.hash(2)?,
        scopes: row.parsed(3, |text| Scopes::parse(text).ok())?,
        program_id: row.optional_parsed(4, |text| ProgramId::parse(text).ok())?,
        rate_limit: row.optional_parsed(5, |text| RateLimit::parse(text).ok())?,
        ends_with: row.optional_text(6)?,
        created_at_ms: row.int(7)?,
        last_used_at_ms: row.optional_int(8)?,
        team_id: row.parsed(9, |text| TeamId::parse(text).ok())?,
    })
}

pub(in crate::store) async fn note_used(
    db: &mut impl Connection,
    used: &[(&str, i64)],
) -> Result<(), StoreError> {
    for (id, at_ms) in used {
        db.execute(NOTE_USED, [(*id).into(), (*at_ms).into()]).await?;
    }
    Ok(())
}

/// Within the caller's transaction. Whether it was there.
pub(in crate::store) async fn delete(db: &mut impl Connection, id: &str) -> Result<bool, StoreError> {
    db.execute(DELETE_INVITATIONS_BY, [id.into()]).await?;
    Ok(db.execute(DELETE_KEY, [id.into()]).await? == 1)
}

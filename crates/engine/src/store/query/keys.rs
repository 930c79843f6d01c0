//! API keys, sign-in links and sessions. Nothing secret is kept, only SHA-256 hashes of it.

use groundswell_types::{ProgramId, RateLimit, Scopes};

use super::{Columns, Connection};
use crate::store::{ApiKeyRecord, SessionRecord, StoreError};

const INSERT_KEY: &str = "
    INSERT INTO api_key (id, name, key_hash, scopes, program_id, rate_limit, ends_with, created_at_ms, last_used_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const KEYS: &str = "
    SELECT id, name, key_hash, scopes, program_id, rate_limit, ends_with, created_at_ms, last_used_at_ms
    FROM api_key ORDER BY created_at_ms, id";

const NOTE_USED: &str = "UPDATE api_key SET last_used_at_ms = $2 WHERE id = $1";

const DELETE_KEY: &str = "DELETE FROM api_key WHERE id = $1";

const SAVE_LINK: &str = "
    INSERT INTO sign_in_link (token_hash, expires_at_ms) VALUES ($1, $2)
    ON CONFLICT (token_hash) DO UPDATE SET expires_at_ms = excluded.expires_at_ms";

const DELETE_LINK: &str = "DELETE FROM sign_in_link WHERE token_hash = $1";

/// Links are few and short-lived, so each use sweeps; nothing else has to.
const DELETE_EXPIRED_LINKS: &str = "DELETE FROM sign_in_link WHERE expires_at_ms <= $1";

const SAVE_SESSION: &str = "
    INSERT INTO session (token_hash, created_at_ms, expires_at_ms) VALUES ($1, $2, $3)
    ON CONFLICT (token_hash) DO UPDATE SET
        created_at_ms = excluded.created_at_ms,
        expires_at_ms = excluded.expires_at_ms";

const DELETE_EXPIRED_SESSIONS: &str = "DELETE FROM session WHERE expires_at_ms <= $1";

/// Outlives the session, because "has anybody ever signed in" does.
const REMEMBER_SESSION: &str = "
    INSERT INTO meta (name, value) VALUES ('has_sessions', 1)
    ON CONFLICT (name) DO NOTHING";

const SESSION: &str = "
    SELECT token_hash, created_at_ms, expires_at_ms FROM session
    WHERE token_hash = $1 AND expires_at_ms > $2";

const DELETE_SESSION: &str = "DELETE FROM session WHERE token_hash = $1";

const HAS_SESSIONS: &str = "SELECT value FROM meta WHERE name = 'has_sessions'";

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

/// Whether it was there.
pub(in crate::store) async fn delete(db: &mut impl Connection, id: &str) -> Result<bool, StoreError> {
    Ok(db.execute(DELETE_KEY, [id.into()]).await? == 1)
}

pub(in crate::store) async fn save_link(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    expires_at_ms: i64,
) -> Result<(), StoreError> {
    db.execute(SAVE_LINK, [token_hash.into(), expires_at_ms.into()]).await?;
    Ok(())
}

/// Whether there was one that had not expired.
pub(in crate::store) async fn use_link(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<bool, StoreError> {
    db.execute(DELETE_EXPIRED_LINKS, [now_ms.into()]).await?;
    Ok(db.execute(DELETE_LINK, [token_hash.into()]).await? == 1)
}

pub(in crate::store) async fn save_session(
    db: &mut impl Connection,
    session: &SessionRecord,
) -> Result<(), StoreError> {
    db.execute(DELETE_EXPIRED_SESSIONS, [session.created_at_ms.into()]).await?;
    let values = [(&session.token_hash).into(), session.created_at_ms.into(), session.expires_at_ms.into()];
    db.execute(SAVE_SESSION, values).await?;
    db.execute(REMEMBER_SESSION, []).await?;
    Ok(())
}

pub(in crate::store) async fn session(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<Option<SessionRecord>, StoreError> {
    let rows = db.fetch(SESSION, vec![token_hash.into(), now_ms.into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let session =
        SessionRecord { token_hash: row.hash(0)?, created_at_ms: row.int(1)?, expires_at_ms: row.int(2)? };
    Ok(Some(session))
}

pub(in crate::store) async fn delete_session(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
) -> Result<(), StoreError> {
    db.execute(DELETE_SESSION, [token_hash.into()]).await?;
    Ok(())
}

pub(in crate::store) async fn has_sessions(db: &mut impl Connection) -> Result<bool, StoreError> {
    Ok(!db.fetch(HAS_SESSIONS, vec![]).await?.is_empty())
}

//! Editor links and the sessions they have become. Nothing secret is kept but hashes.

use groundswell_types::{ProgramId, Theme};

use super::{Columns, Connection};
use crate::store::{EditorLinkRecord, EditorSessionStart, StoreError};

/// Links are short-lived, so each new one sweeps; nothing else has to.
const DELETE_EXPIRED: &str = "DELETE FROM editor_link WHERE expires_at_ms <= $1";

const SAVE: &str = "
    INSERT INTO editor_link
        (id, token_hash, is_used, program_id, api_key_id, label, theme, last_seen_at_ms, expires_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const SESSION: &str = "
    SELECT id, token_hash, is_used, program_id, api_key_id, label, theme, last_seen_at_ms, expires_at_ms
    FROM editor_link WHERE token_hash = $1 AND is_used = 1 AND expires_at_ms > $2";

const USE: &str = "
    UPDATE editor_link SET token_hash = $2, is_used = 1, last_seen_at_ms = $3, expires_at_ms = $4
    WHERE token_hash = $1 AND is_used = 0 AND expires_at_ms > $3";

const TOUCH: &str = "UPDATE editor_link SET last_seen_at_ms = $2 WHERE token_hash = $1 AND is_used = 1";

const DELETE_SESSION: &str = "DELETE FROM editor_link WHERE token_hash = $1 AND is_used = 1";

const DELETE: &str = "DELETE FROM editor_link WHERE program_id = $1 AND id = $2";

/// Within the caller's transaction.
pub(in crate::store) async fn save(
    db: &mut impl Connection,
    link: &EditorLinkRecord,
) -> Result<(), StoreError> {
    db.execute(DELETE_EXPIRED, [link.last_seen_at_ms.into()]).await?;
    let values = [
        link.id.as_str().into(),
        (&link.token_hash).into(),
        link.is_used.into(),
        link.program_id.as_str().into(),
        link.api_key_id.as_deref().into(),
        link.label.as_deref().into(),
        link.theme.as_str().into(),
        link.last_seen_at_ms.into(),
        link.expires_at_ms.into(),
    ];
    db.execute(SAVE, values).await?;
    Ok(())
}

pub(in crate::store) async fn session(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<Option<EditorLinkRecord>, StoreError> {
    let rows = db.fetch(SESSION, vec![token_hash.into(), now_ms.into()]).await?;
    rows.first().map(link_of).transpose()
}

/// Whether the link was there, unused and in time.
pub(in crate::store) async fn use_link(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    session: EditorSessionStart,
) -> Result<bool, StoreError> {
    let EditorSessionStart { token_hash: own, at_ms, expires_at_ms } = session;
    let values = [token_hash.into(), (&own).into(), at_ms.into(), expires_at_ms.into()];
    Ok(db.execute(USE, values).await? == 1)
}

pub(in crate::store) async fn touch(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
    now_ms: i64,
) -> Result<(), StoreError> {
    db.execute(TOUCH, [token_hash.into(), now_ms.into()]).await?;
    Ok(())
}

pub(in crate::store) async fn delete_session(
    db: &mut impl Connection,
    token_hash: &[u8; 32],
) -> Result<(), StoreError> {
    db.execute(DELETE_SESSION, [token_hash.into()]).await?;
    Ok(())
}

pub(in crate::store) async fn delete(
    db: &mut impl Connection,
    program: &ProgramId,
    id: &str,
) -> Result<bool, StoreError> {
    Ok(db.execute(DELETE, [program.as_str().into(), id.into()]).await? > 0)
}

fn link_of(row: &impl Columns) -> Result<EditorLinkRecord, StoreError> {
    Ok(EditorLinkRecord {
        id: row.text(0)?,
        token_hash: row.hash(1)?,
        is_used: row.flag(2)?,
        program_id: row.parsed(3, |text| ProgramId::parse(text).ok())?,
        api_key_id: row.optional_text(4)?,
        label: row.optional_text(5)?,
        theme: row.parsed(6, |text| Theme::parse(text).ok())?,
        last_seen_at_ms: row.int(7)?,
        expires_at_ms: row.int(8)?,
    })
}

//! What inboxes have got. On a connection apart from everything else; nothing here is in a transaction, since a request
//! too many or too few that is kept for a moment harms nobody.

use bytes::Bytes;
use groundswell_types::{EventKind, InboxRequest, InboxRequestId, ProgramId, SignatureCheck};
use serde::de::DeserializeOwned;

use super::deliveries::limit_of;
use super::{Columns, Connection, Value, damaged};
use crate::store::{INBOX_REQUESTS, InboxRequestRecord, StoreError};

const INSERT: &str = "
    INSERT INTO inbox_request
        (id, program_id, received_at_ms, method, is_own, webhook_id, kind, check_json, headers_json, body_bytes, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// The newest request that is too much, and with it all that are older.
const PRUNE: &str = "
    DELETE FROM inbox_request
    WHERE program_id = $1
        AND id <= (SELECT id FROM inbox_request WHERE program_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";

const OF_PROGRAM: &str = "
    SELECT id, received_at_ms, method, is_own, webhook_id, kind, check_json, body_bytes
    FROM inbox_request
    WHERE program_id = $1 AND received_at_ms >= $2
    ORDER BY id DESC
    LIMIT $3";

const FIND: &str = "
    SELECT id, received_at_ms, method, is_own, webhook_id, kind, check_json, body_bytes, headers_json, body
    FROM inbox_request
    WHERE id = $1 AND program_id = $2";

const CLEAR: &str = "DELETE FROM inbox_request WHERE program_id = $1";

const DELETE: &str = "DELETE FROM inbox_request WHERE id = $1 AND program_id = $2";

const FORGET: &str = "DELETE FROM inbox_request WHERE received_at_ms < $1";

pub(in crate::store) async fn insert(
    db: &mut impl Connection,
    request: &InboxRequestRecord,
) -> Result<(), StoreError> {
    let view = request.view();
    let values = [
        request.id.number().into(),
        request.program_id.as_str().into(),
        request.received_at_ms.into(),
        request.method.as_str().into(),
        request.is_own.into(),
        request.webhook_id.as_deref().into(),
        request.event.map(EventKind::name).into(),
        json(&request.check)?,
        json(&request.headers)?,
        view.body_bytes.into(),
        Value::Blob(request.body.to_vec()),
    ];
    db.execute(INSERT, values).await?;
    db.execute(PRUNE, [request.program_id.as_str().into(), limit_of(INBOX_REQUESTS)]).await?;
    Ok(())
}

/// Answers how many there were.
pub(in crate::store) async fn delete(
    db: &mut impl Connection,
    program: &ProgramId,
    id: InboxRequestId,
) -> Result<u64, StoreError> {
    db.execute(DELETE, [id.number().into(), program.as_str().into()]).await
}

pub(in crate::store) async fn of_program(
    db: &mut impl Connection,
    program: &ProgramId,
    since_ms: i64,
) -> Result<Vec<InboxRequest>, StoreError> {
    let values = vec![program.as_str().into(), since_ms.into(), limit_of(INBOX_REQUESTS)];
    let rows = db.fetch(OF_PROGRAM, values).await?;
    rows.iter().map(request).collect()
}

pub(in crate::store) async fn find(
    db: &mut impl Connection,
    program: &ProgramId,
    id: InboxRequestId,
) -> Result<Option<InboxRequestRecord>, StoreError> {
    let rows = db.fetch(FIND, vec![id.number().into(), program.as_str().into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let InboxRequest { id, received_at, method, is_own, webhook_id, event, body_bytes: _, signature } =
        request(row)?;
    Ok(Some(InboxRequestRecord {
        id,
        program_id: program.clone(),
        received_at_ms: received_at,
        method,
        is_own,
        webhook_id,
        event,
        check: signature,
        headers: read_json(row, 8)?,
        body: Bytes::from(row.blob(9)?),
    }))
}

pub(in crate::store) async fn clear(db: &mut impl Connection, program: &ProgramId) -> Result<(), StoreError> {
    db.execute(CLEAR, [program.as_str().into()]).await?;
    Ok(())
}

pub(in crate::store) async fn forget(db: &mut impl Connection, before_ms: i64) -> Result<(), StoreError> {
    db.execute(FORGET, [before_ms.into()]).await?;
    Ok(())
}

fn request(row: &impl Columns) -> Result<InboxRequest, StoreError> {
    Ok(InboxRequest {
        id: InboxRequestId::from_number(row.int(0)?),
        received_at: row.int(1)?,
        method: row.text(2)?,
        is_own: row.flag(3)?,
        webhook_id: row.optional_text(4)?,
        // A version that knows other events may have written it.
        event: row.optional_text(5)?.and_then(|name| EventKind::parse(&name)),
        signature: read_json::<SignatureCheck>(row, 6)?,
        body_bytes: row.int(7)?,
    })
}

fn json(value: &impl serde::Serialize) -> Result<Value, StoreError> {
    let text = serde_json::to_string(value).map_err(|error| StoreError::Rejected(error.into()))?;
    Ok(Value::Text(Some(text)))
}

fn read_json<T: DeserializeOwned>(row: &impl Columns, column: usize) -> Result<T, StoreError> {
    serde_json::from_str(&row.text(column)?).map_err(|error| damaged(error.to_string()))
}

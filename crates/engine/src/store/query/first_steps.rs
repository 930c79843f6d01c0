//! The addresses of inboxes, and the ends of checklists.

use groundswell_types::ProgramId;

use super::{Columns, Connection};
use crate::store::{InboxRecord, StoreError};

const INBOXES: &str = "SELECT program_id, token, made_at_ms FROM inbox";

const INBOX_AT: &str = "SELECT program_id, token, made_at_ms FROM inbox WHERE token = $1";

const SAVE_INBOX: &str = "
    INSERT INTO inbox (program_id, token, made_at_ms) VALUES ($1, $2, $3)
    ON CONFLICT (program_id) DO UPDATE SET token = excluded.token, made_at_ms = excluded.made_at_ms";

const HAS_ENDED: &str = "SELECT ended_at_ms FROM first_steps WHERE program_id = $1";

const END: &str = "
    INSERT INTO first_steps (program_id, ended_at_ms) VALUES ($1, $2)
    ON CONFLICT (program_id) DO NOTHING";

pub(in crate::store) async fn inboxes(db: &mut impl Connection) -> Result<Vec<InboxRecord>, StoreError> {
    let rows = db.fetch(INBOXES, vec![]).await?;
    rows.iter().map(inbox).collect()
}

pub(in crate::store) async fn inbox_at(
    db: &mut impl Connection,
    token: &str,
) -> Result<Option<InboxRecord>, StoreError> {
    let rows = db.fetch(INBOX_AT, vec![token.into()]).await?;
    rows.first().map(inbox).transpose()
}

fn inbox(row: &impl Columns) -> Result<InboxRecord, StoreError> {
    Ok(InboxRecord {
        program_id: row.parsed(0, |text| ProgramId::parse(text).ok())?,
        token: row.text(1)?,
        made_at_ms: row.int(2)?,
    })
}

pub(in crate::store) async fn save_inbox(
    db: &mut impl Connection,
    inbox: &InboxRecord,
) -> Result<(), StoreError> {
    let values = [inbox.program_id.as_str().into(), inbox.token.as_str().into(), inbox.made_at_ms.into()];
    db.execute(SAVE_INBOX, values).await?;
    Ok(())
}

pub(in crate::store) async fn has_ended(
    db: &mut impl Connection,
    program: &ProgramId,
) -> Result<bool, StoreError> {
    Ok(!db.fetch(HAS_ENDED, vec![program.as_str().into()]).await?.is_empty())
}

pub(in crate::store) async fn end(
    db: &mut impl Connection,
    program: &ProgramId,
    at_ms: i64,
) -> Result<(), StoreError> {
    db.execute(END, [program.as_str().into(), at_ms.into()]).await?;
    Ok(())
}

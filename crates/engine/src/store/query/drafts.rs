//! Drafts of a program's webhooks.

use groundswell_types::ProgramId;

use super::secrets::draft_place;
use super::{Columns, Connection};
use crate::store::vault::Vault;
use crate::store::{DraftRecord, StoreError};

const FIND: &str = "SELECT version, base_version, rows_json, saved_at_ms FROM draft WHERE program_id = $1";

/// A first version is saved only where there is no draft.
const INSERT: &str = "
    INSERT INTO draft (program_id, version, base_version, rows_json, saved_at_ms)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (program_id) DO NOTHING";

/// A later version is saved only over the one before it, so that two people cannot overwrite each other unseen.
const UPDATE: &str = "
    UPDATE draft SET version = $2, base_version = $3, rows_json = $4, saved_at_ms = $5
    WHERE program_id = $1 AND version = $2 - 1";

const DELETE: &str = "DELETE FROM draft WHERE program_id = $1";

pub(in crate::store) async fn find(
    db: &mut impl Connection,
    vault: &Vault,
    program: &ProgramId,
) -> Result<Option<DraftRecord>, StoreError> {
    let rows = db.fetch(FIND, vec![program.as_str().into()]).await?;
    rows.first().map(|row| draft(program, row, vault)).transpose()
}

fn draft(program: &ProgramId, row: &impl Columns, vault: &Vault) -> Result<DraftRecord, StoreError> {
    Ok(DraftRecord {
        program_id: program.clone(),
        version: row.int(0)?,
        base_version: row.int(1)?,
        rows_json: vault.open(draft_place(program), &row.text(2)?)?.to_string(),
        saved_at_ms: row.int(3)?,
    })
}

/// Whether it was saved.
pub(in crate::store) async fn save(
    db: &mut impl Connection,
    vault: &Vault,
    draft: &DraftRecord,
) -> Result<bool, StoreError> {
    let rows_json = vault.seal(draft_place(&draft.program_id), &draft.rows_json);
    let values = [
        draft.program_id.as_str().into(),
        draft.version.into(),
        draft.base_version.into(),
        rows_json.as_str().into(),
        draft.saved_at_ms.into(),
    ];
    let sql = if draft.version == 1 { INSERT } else { UPDATE };
    Ok(db.execute(sql, values).await? == 1)
}

pub(in crate::store) async fn delete(
    db: &mut impl Connection,
    program: &ProgramId,
) -> Result<(), StoreError> {
    db.execute(DELETE, [program.as_str().into()]).await?;
    Ok(())
}

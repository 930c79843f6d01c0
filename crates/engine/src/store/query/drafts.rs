//! Drafts of a program's webhooks.

use groundswell_types::ProgramId;

use super::secrets::draft_place;
use super::{Columns, Connection};
use crate::store::vault::Vault;
use crate::store::{DraftRecord, StoreError};

const FIND: &str = "SELECT version, base_version, rows_json, saved_at_ms FROM draft WHERE program_id = $1";

/// A draft is begun only where there is none.
const INSERT: &str = "
    INSERT INTO draft (program_id, version, base_version, rows_json, saved_at_ms)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (program_id) DO NOTHING";

/// A draft is saved only over the one that it was made from, so that two people cannot overwrite each other unseen.
const UPDATE: &str = "
    UPDATE draft SET version = $2, base_version = $3, rows_json = $4, saved_at_ms = $5
    WHERE program_id = $1 AND version = $6";

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
    over: Option<i64>,
) -> Result<bool, StoreError> {
    let rows_json = vault.seal(draft_place(&draft.program_id), &draft.rows_json);
    let values = [
        draft.program_id.as_str().into(),
        draft.version.into(),
        draft.base_version.into(),
        rows_json.as_str().into(),
        draft.saved_at_ms.into(),
    ];
    let saved = match over {
        None => db.execute(INSERT, values).await?,
        Some(over) => {
            let [program, version, base, rows, at] = values;
            db.execute(UPDATE, [program, version, base, rows, at, over.into()]).await?
        }
    };
    Ok(saved == 1)
}

pub(in crate::store) async fn delete(
    db: &mut impl Connection,
    program: &ProgramId,
) -> Result<(), StoreError> {
    db.execute(DELETE, [program.as_str().into()]).await?;
    Ok(())
}

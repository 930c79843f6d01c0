//! Test deliveries.

use groundswell_types::{ProgramId, TestId};

use super::deliveries::limit_of;
use super::{Columns, Connection};
use crate::store::{StoreError, TestRecord};

const INSERT: &str = "
    INSERT INTO test_delivery (id, program_id, started_at_ms, view_json)
    VALUES ($1, $2, $3, $4)";

const FIND: &str = "SELECT started_at_ms, view_json FROM test_delivery WHERE id = $1 AND program_id = $2";

const NEWEST: &str = "
    SELECT id, started_at_ms, view_json FROM test_delivery WHERE program_id = $1 ORDER BY id DESC LIMIT $2";

pub(in crate::store) async fn insert(db: &mut impl Connection, test: &TestRecord) -> Result<(), StoreError> {
    let values = [
        test.id.number().into(),
        test.program_id.as_str().into(),
        test.started_at_ms.into(),
        test.view_json.as_str().into(),
    ];
    db.execute(INSERT, values).await?;
    Ok(())
}

pub(in crate::store) async fn find(
    db: &mut impl Connection,
    program: &ProgramId,
    id: TestId,
) -> Result<Option<TestRecord>, StoreError> {
    let rows = db.fetch(FIND, vec![id.number().into(), program.as_str().into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (started_at_ms, view_json) = (row.int(0)?, row.text(1)?);
    Ok(Some(TestRecord { id, program_id: program.clone(), started_at_ms, view_json }))
}

pub(in crate::store) async fn newest(
    db: &mut impl Connection,
    program: &ProgramId,
    limit: usize,
) -> Result<Vec<TestRecord>, StoreError> {
    let rows = db.fetch(NEWEST, vec![program.as_str().into(), limit_of(limit)]).await?;
    rows.iter().map(|row| test(program, row)).collect()
}

fn test(program: &ProgramId, row: &impl Columns) -> Result<TestRecord, StoreError> {
    Ok(TestRecord {
        id: TestId::from_number(row.int(0)?),
        program_id: program.clone(),
        started_at_ms: row.int(1)?,
        view_json: row.text(2)?,
    })
}

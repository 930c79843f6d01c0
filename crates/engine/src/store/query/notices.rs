//! Notices to owners, and the starts of the process.

use groundswell_types::{NoticeId, NoticeKind, ProgramId};

use super::deliveries::limit_of;
use super::{Columns, Connection};
use crate::store::{BootRecord, EndpointId, NoticeRecord, StoreError};

pub(in crate::store) const INSERT: &str =
    "INSERT INTO notice (id, program_id, endpoint_id, kind, at_ms, since_ms) VALUES ($1, $2, $3, $4, $5, $6)";

const OF_PROGRAM: &str = "
    SELECT id, program_id, endpoint_id, kind, at_ms, since_ms
    FROM notice
    WHERE program_id = $1 AND id > $2
    ORDER BY id
    LIMIT $3";

const LAST_OF_ENDPOINT: &str = "
    SELECT at_ms FROM notice WHERE endpoint_id = $1 AND kind = $2 ORDER BY at_ms DESC LIMIT 1";

const INSERT_BOOT: &str = "
    INSERT INTO boot (at_ms, is_clean, has_ended)
    SELECT $1, CASE WHEN EXISTS (SELECT 1 FROM boot WHERE has_ended = 0) THEN 0 ELSE 1 END, 0
    WHERE 1 = 1
    ON CONFLICT (at_ms) DO NOTHING";

const END_OTHER_BOOTS: &str = "UPDATE boot SET has_ended = 1 WHERE at_ms < $1 AND has_ended = 0";

const END_BOOTS: &str = "UPDATE boot SET has_ended = 1 WHERE has_ended = 0";

const FORGET_BOOTS: &str = "DELETE FROM boot WHERE at_ms < $1 AND has_ended = 1";

const BOOTS: &str = "SELECT at_ms, is_clean FROM boot ORDER BY at_ms";

pub(in crate::store) async fn insert(
    db: &mut impl Connection,
    notices: &[NoticeRecord],
) -> Result<(), StoreError> {
    for notice in notices {
        let values = [
            notice.id.number().into(),
            notice.program_id.as_str().into(),
            notice.endpoint_id.0.into(),
            notice.kind.as_str().into(),
            notice.at_ms.into(),
            notice.since_ms.into(),
        ];
        db.execute(INSERT, values).await?;
    }
    Ok(())
}

pub(in crate::store) async fn of_program(
    db: &mut impl Connection,
    program: &ProgramId,
    after: Option<NoticeId>,
    limit: usize,
) -> Result<Vec<NoticeRecord>, StoreError> {
    let after = after.map_or(i64::MIN, NoticeId::number);
    let rows = db.fetch(OF_PROGRAM, vec![program.as_str().into(), after.into(), limit_of(limit)]).await?;
    rows.iter().map(notice).collect()
}

pub(in crate::store) async fn last_at_ms(
    db: &mut impl Connection,
    endpoint: EndpointId,
    kind: NoticeKind,
) -> Result<Option<i64>, StoreError> {
    let rows = db.fetch(LAST_OF_ENDPOINT, vec![endpoint.0.into(), kind.as_str().into()]).await?;
    rows.first().map(|row| row.int(0)).transpose()
}

pub(super) fn notice(row: &impl Columns) -> Result<NoticeRecord, StoreError> {
    Ok(NoticeRecord {
        id: NoticeId::from_number(row.int(0)?),
        program_id: row.parsed(1, |text| ProgramId::parse(text).ok())?,
        endpoint_id: EndpointId(row.int(2)?),
        kind: row.parsed(3, NoticeKind::parse)?,
        at_ms: row.int(4)?,
        since_ms: row.int(5)?,
    })
}

/// Notes a start; forgets those before `forget_before_ms`.
pub(in crate::store) async fn begin_boot(
    db: &mut impl Connection,
    at_ms: i64,
    forget_before_ms: i64,
) -> Result<(), StoreError> {
    db.execute(INSERT_BOOT, [at_ms.into()]).await?;
    db.execute(END_OTHER_BOOTS, [at_ms.into()]).await?;
    db.execute(FORGET_BOOTS, [forget_before_ms.into()]).await?;
    Ok(())
}

pub(in crate::store) async fn end_boot(db: &mut impl Connection) -> Result<(), StoreError> {
    db.execute(END_BOOTS, []).await?;
    Ok(())
}

pub(in crate::store) async fn boots(db: &mut impl Connection) -> Result<Vec<BootRecord>, StoreError> {
    let rows = db.fetch(BOOTS, vec![]).await?;
    rows.iter().map(|row| Ok(BootRecord { at_ms: row.int(0)?, is_clean: row.flag(1)? })).collect()
}

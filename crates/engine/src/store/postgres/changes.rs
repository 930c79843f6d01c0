//! What of the settings was changed, for nodes that did not change it themselves.

use groundswell_types::{EventId, ProgramId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::error::{self, READ_LIMIT, WRITE_LIMIT, within};
use super::statement::statement;
use crate::store::query::damaged;
use crate::store::{Changed, Changes, SettingsVersion, StoreError};

/// More are read again as a whole.
const AT_MOST: usize = 1_000;

/// The version's row is locked until the transaction has ended, so one version follows the other.
const NOTE: &str = "
    WITH next AS (UPDATE settings_version SET version = version + 1 WHERE id = 1 RETURNING version)
    INSERT INTO settings_change (version, kind, subject, at_ms)
    SELECT version, $1, $2, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) FROM next";

/// After a day.
const FORGET: &str = "
    DELETE FROM settings_change
    WHERE at_ms < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) - 86400000";

/// One row with nothing but the version when there is none behind `$1`.
const SINCE: &str = "
    SELECT settings_version.version, settings_change.version, kind, subject
    FROM settings_version
    LEFT JOIN settings_change ON settings_change.version > $1
    WHERE settings_version.id = 1
    ORDER BY settings_change.version
    LIMIT $2";

/// Notes a change within the transaction that makes it: its last statement, or others who change settings wait.
pub(super) async fn note(db: &mut PgConnection, change: &Changed) -> Result<(), StoreError> {
    let (kind, subject) = columns(change);
    within(WRITE_LIMIT, statement(db, FORGET).execute(&mut *db)).await.map_err(error::of_write)?;
    let query = statement(db, NOTE).bind(kind).bind(subject);
    within(WRITE_LIMIT, query.execute(db)).await.map(drop).map_err(error::of_write)
}

/// [`crate::store::ClusterStore::changes`].
pub(super) async fn since(db: &mut PgConnection, since: SettingsVersion) -> Result<Changes, StoreError> {
    let limit = i64::try_from(AT_MOST + 1).unwrap_or(i64::MAX);
    let query = statement(db, SINCE).bind(since.0).bind(limit);
    let rows = within(READ_LIMIT, query.fetch_all(db)).await.map_err(error::of_read)?;
    let Some(first) = rows.first() else {
        return Err(damaged("there is no version of the settings".to_owned()));
    };
    let version: i64 = first.try_get(0).map_err(error::of_read)?;
    let rows: Vec<(i64, Changed)> =
        rows.iter().filter_map(|row| change(row).transpose()).collect::<Result<_, _>>()?;
    let is_whole = rows.iter().map(|(version, _)| *version).eq(since.0.saturating_add(1)..=version);
    if since.0 > version || !is_whole {
        return Ok(Changes::Everything(SettingsVersion(version)));
    }
    let mut changes: Vec<Changed> = rows.into_iter().map(|(_, change)| change).collect();
    changes.dedup();
    Ok(Changes::Known(SettingsVersion(version), changes))
}

fn columns(change: &Changed) -> (&'static str, String) {
    match change {
        Changed::Program(program) => ("program", program.as_str().to_owned()),
        Changed::ApiKeys => ("api-keys", String::new()),
        Changed::Erased(events) => {
            let ids: Vec<String> = events.iter().map(|event| event.number().to_string()).collect();
            ("erased", ids.join(","))
        }
    }
}

/// A change and its version; none of the row that says that there is none.
fn change(row: &PgRow) -> Result<Option<(i64, Changed)>, StoreError> {
    let Some(version) = row.try_get::<Option<i64>, _>(1).map_err(error::of_read)? else { return Ok(None) };
    let (kind, subject): (String, String) =
        (row.try_get(2).map_err(error::of_read)?, row.try_get(3).map_err(error::of_read)?);
    let event = |id: &str| id.parse().map(EventId::from_number).ok();
    let change = match kind.as_str() {
        "program" => ProgramId::parse(&subject).ok().map(Changed::Program),
        "api-keys" => Some(Changed::ApiKeys),
        "erased" => subject.split(',').map(event).collect::<Option<_>>().map(Changed::Erased),
        _ => None,
    };
    let change = change.ok_or_else(|| damaged(format!("`{subject}` is nothing to change as `{kind}`")))?;
    Ok(Some((version, change)))
}

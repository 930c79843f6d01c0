//! Values for statements, and the one query over endpoints that SQLite answers in its own way.

use std::sync::Arc;

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, SqliteConnection};

use crate::store::list::{List, Marks};
use crate::store::query::{Columns as _, Connection as _};
use crate::store::{EndpointId, StoreError};

/// The values of a statement, in order.
#[derive(Default)]
pub(super) struct Values(SqliteArguments);

impl Values {
    fn add<'v, T>(&mut self, value: T)
    where
        T: sqlx::Encode<'v, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.0.add(value).expect("numbers, texts and blobs always encode");
    }

    pub(super) fn optional_int(&mut self, value: Option<i64>) -> &mut Self {
        self.add(value);
        self
    }

    pub(super) fn into_arguments(self) -> SqliteArguments {
        self.0
    }

    pub(super) fn optional_text(&mut self, value: Option<Arc<str>>) -> &mut Self {
        self.add(value);
        self
    }

    pub(super) fn blob(&mut self, value: Vec<u8>) -> &mut Self {
        self.add(value);
        self
    }
}

/// One index seek per endpoint; grouping would read every row of each.
static EARLIEST_DUE: List = List::new(
    "
    WITH wanted (endpoint_id) AS (VALUES ",
    1,
    ")
    SELECT endpoint_id, due_at_ms FROM (
        SELECT endpoint_id, (
            SELECT due_at_ms FROM pending
            WHERE pending.endpoint_id = wanted.endpoint_id AND due_at_ms < 9223372036854775807
            ORDER BY due_at_ms
            LIMIT 1
        ) AS due_at_ms
        FROM wanted
    )
    WHERE due_at_ms IS NOT NULL",
    Marks::Anonymous,
);

pub(super) async fn earliest_due(
    connection: &mut SqliteConnection,
    endpoints: &[EndpointId],
) -> Result<Vec<(EndpointId, i64)>, StoreError> {
    let mut found = Vec::new();
    for (statement, values) in EARLIEST_DUE.padded(&[], endpoints, |id| [id.0]) {
        for row in &connection.fetch_list(statement, values).await? {
            found.push((EndpointId(row.int(0)?), row.int(1)?));
        }
    }
    Ok(found)
}

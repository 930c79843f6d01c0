//! Binding rows of values to the statements of [`List`], and the hot path's one such query.

use std::sync::Arc;

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, SqliteConnection};

use super::error;
use crate::store::list::{List, Marks, SIZES};
use crate::store::query::Columns as _;
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

    pub(super) fn int(&mut self, value: i64) -> &mut Self {
        self.add(value);
        self
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

impl List {
    /// Runs a query over all of `items`; the last chunk is padded with NULL, which equals nothing.
    pub(super) async fn fetch<T>(
        &self,
        connection: &mut SqliteConnection,
        items: &[T],
        bind: impl Fn(&mut Values, &T),
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let mut rows = Vec::new();
        for chunk in items.chunks(SIZES[0]) {
            let place = Self::fitting(chunk.len());
            let mut values = self.bind(chunk, &bind);
            for _ in 0..(SIZES[place] - chunk.len()) * self.columns() {
                values.optional_int(None);
            }
            let query = sqlx::query_with(self.text(place), values.0);
            rows.append(&mut query.fetch_all(&mut *connection).await.map_err(error::of_read)?);
        }
        Ok(rows)
    }

    fn bind<T>(&self, items: &[T], bind: &impl Fn(&mut Values, &T)) -> Values {
        let mut values = Values::default();
        values.0.reserve(items.len() * self.columns(), 0);
        for item in items {
            bind(&mut values, item);
        }
        values
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
    let rows = EARLIEST_DUE.fetch(connection, endpoints, |values, id| _ = values.int(id.0)).await?;
    rows.iter().map(|row| Ok((EndpointId(row.int(0)?), row.int(1)?))).collect()
}

//! Binding rows of values to the statements of [`List`].

use std::sync::Arc;

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, SqliteConnection};

use super::error;
use crate::store::StoreError;
use crate::store::list::{List, SIZES};

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

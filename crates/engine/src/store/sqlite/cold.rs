//! The cold path on an SQLite connection.

use futures::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::error;
use super::rows::Values;
use crate::store::StoreError;
use crate::store::list::ListText;
use crate::store::query::{Columns, Connection, Value};

impl Connection for SqliteConnection {
    type Row = SqliteRow;

    async fn execute<const N: usize>(
        &mut self,
        sql: &'static str,
        values: [Value; N],
    ) -> Result<u64, StoreError> {
        let query = sqlx::query_with(sql, bind(values).into_arguments());
        let done = sqlx::Executor::execute(self, query).await.map_err(error::of_write)?;
        Ok(done.rows_affected())
    }

    async fn fetch(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<SqliteRow>, StoreError> {
        let query = sqlx::query_with(sql, bind(values).into_arguments());
        query.fetch_all(self).await.map_err(error::of_read)
    }

    async fn read_each<T: Send>(
        &mut self,
        sql: &'static str,
        read: impl Fn(&SqliteRow) -> Result<T, StoreError> + Send,
    ) -> Result<Vec<T>, StoreError> {
        let (mut rows, mut all) = (sqlx::query(sql).fetch(self), Vec::new());
        while let Some(row) = rows.try_next().await.map_err(error::of_read)? {
            all.push(read(&row)?);
        }
        Ok(all)
    }

    async fn execute_list(&mut self, sql: ListText, values: Vec<Value>) -> Result<u64, StoreError> {
        let query = sqlx::query_with(sql, bind(values).into_arguments());
        let done = sqlx::Executor::execute(self, query).await.map_err(error::of_write)?;
        Ok(done.rows_affected())
    }

    async fn fetch_list(&mut self, sql: ListText, values: Vec<Value>) -> Result<Vec<SqliteRow>, StoreError> {
        let query = sqlx::query_with(sql, bind(values).into_arguments());
        query.fetch_all(self).await.map_err(error::of_read)
    }
}

fn bind(values: impl IntoIterator<Item = Value>) -> Values {
    let mut bound = Values::default();
    for value in values {
        match value {
            Value::Int(number) => bound.optional_int(number),
            Value::Text(text) => bound.optional_text(text.map(Into::into)),
            Value::Blob(bytes) => bound.blob(bytes),
        };
    }
    bound
}

impl Columns for SqliteRow {
    fn optional_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.try_get(column).map_err(error::of_read)
    }

    fn optional_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        self.try_get(column).map_err(error::of_read)
    }

    fn blob(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        self.try_get(column).map_err(error::of_read)
    }
}

//! The cold path on a PostgreSQL connection.

use futures::TryStreamExt as _;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments, Executor, PgConnection, Row};

use super::error::{self, READ_LIMIT, WRITE_LIMIT, within};
use super::statement::{may_be_kept, statement};
use crate::store::StoreError;
use crate::store::list::ListText;
use crate::store::query::{Columns, Connection, Value};

impl Connection for PgConnection {
    type Row = PgRow;

    async fn execute<const N: usize>(
        &mut self,
        sql: &'static str,
        values: [Value; N],
    ) -> Result<u64, StoreError> {
        let query = sqlx::query_with(sql, bind(values)).persistent(may_be_kept(self));
        let done = within(WRITE_LIMIT, Executor::execute(self, query)).await.map_err(error::of_write)?;
        Ok(done.rows_affected())
    }

    async fn fetch(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<PgRow>, StoreError> {
        let query = sqlx::query_with(sql, bind(values)).persistent(may_be_kept(self));
        within(READ_LIMIT, query.fetch_all(self)).await.map_err(error::of_read)
    }

    async fn read_each<T: Send>(
        &mut self,
        sql: &'static str,
        read: impl Fn(&PgRow) -> Result<T, StoreError> + Send,
    ) -> Result<Vec<T>, StoreError> {
        let (mut rows, mut all) = (statement(self, sql).fetch(self), Vec::new());
        while let Some(row) = within(READ_LIMIT, rows.try_next()).await.map_err(error::of_read)? {
            all.push(read(&row)?);
        }
        Ok(all)
    }

    async fn execute_list(&mut self, sql: ListText, values: Vec<Value>) -> Result<u64, StoreError> {
        let query = sqlx::query_with(sql, bind(values)).persistent(may_be_kept(self));
        let done = within(WRITE_LIMIT, Executor::execute(self, query)).await.map_err(error::of_write)?;
        Ok(done.rows_affected())
    }

    async fn fetch_list(&mut self, sql: ListText, values: Vec<Value>) -> Result<Vec<PgRow>, StoreError> {
        let query = sqlx::query_with(sql, bind(values)).persistent(may_be_kept(self));
        within(READ_LIMIT, query.fetch_all(self)).await.map_err(error::of_read)
    }
}

fn bind(values: impl IntoIterator<Item = Value>) -> PgArguments {
    let mut bound = PgArguments::default();
    for value in values {
        let added = match value {
            Value::Int(number) => bound.add(number),
            Value::Text(text) => bound.add(text),
            Value::Blob(bytes) => bound.add(bytes),
        };
        added.expect("numbers, texts and blobs always encode");
    }
    bound
}

impl Columns for PgRow {
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

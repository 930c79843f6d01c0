//! The cold path: one SQL text for every database. Placeholders are `$1`, integers are 64-bit, times are bound; nothing
//! that only one database understands. What differs between databases is behind [`Connection`] and [`Columns`].

pub(super) mod addresses;
pub(super) mod attempts;
pub(super) mod audit;
pub(super) mod deliveries;
pub(super) mod drafts;
pub(super) mod editor_links;
pub(super) mod erasure;
pub(super) mod first_steps;
pub(super) mod health;
pub(super) mod hours;
pub(super) mod inbox;
pub(super) mod incidents;
pub(super) mod inspection;
pub(super) mod joining;
pub(super) mod keys;
pub(super) mod moves;
pub(super) mod notices;
pub(super) mod people;
pub(super) mod programs;
pub(super) mod resends;
pub(super) mod retention;
pub(super) mod search;
pub(super) mod secrets;
pub(super) mod sessions;
pub(super) mod telling;
pub(super) mod tests;
pub(super) mod webhooks;

use std::future::Future;

use super::StoreError;
use super::list::ListText;

/// A value to bind.
#[derive(Debug)]
pub(super) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    /// Databases do not agree on booleans; 0 and 1 are the same everywhere.
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<&[u8; 32]> for Value {
    fn from(value: &[u8; 32]) -> Self {
        Self::Blob(value.to_vec())
    }
}

/// A connection, perhaps within a transaction.
pub(super) trait Connection: Send {
    /// A row of an answer.
    type Row: Columns + Send;

    /// Runs a statement; answers how many rows it changed.
    fn execute<const N: usize>(
        &mut self,
        sql: &'static str,
        values: [Value; N],
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Runs a query and reads all rows.
    fn fetch(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> impl Future<Output = Result<Vec<Self::Row>, StoreError>> + Send;

    /// Runs a query and reads each row as it comes, for answers without bound: a row takes several times the room of
    /// what is made of it.
    fn read_each<T: Send>(
        &mut self,
        sql: &'static str,
        read: impl Fn(&Self::Row) -> Result<T, StoreError> + Send,
    ) -> impl Future<Output = Result<Vec<T>, StoreError>> + Send;

    /// Runs a statement over a list; answers how many rows it changed.
    fn execute_list(
        &mut self,
        sql: ListText,
        values: Vec<Value>,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The same for a query over a list.
    fn fetch_list(
        &mut self,
        sql: ListText,
        values: Vec<Value>,
    ) -> impl Future<Output = Result<Vec<Self::Row>, StoreError>> + Send;
}

/// The columns of a row, from 0. What has another type than asked for is damaged.
pub(super) trait Columns {
    fn optional_int(&self, column: usize) -> Result<Option<i64>, StoreError>;
    fn optional_text(&self, column: usize) -> Result<Option<String>, StoreError>;
    fn blob(&self, column: usize) -> Result<Vec<u8>, StoreError>;

    fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.optional_int(column)?.ok_or_else(|| damaged(format!("column {column} of a row is empty")))
    }

    fn text(&self, column: usize) -> Result<String, StoreError> {
        self.optional_text(column)?.ok_or_else(|| damaged(format!("column {column} of a row is empty")))
    }

    fn flag(&self, column: usize) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    fn hash(&self, column: usize) -> Result<[u8; 32], StoreError> {
        let blob = self.blob(column)?;
        blob.try_into().map_err(|_| damaged(format!("column {column} of a row is no SHA-256")))
    }

    /// A column that holds one of a few words, or an id.
    fn parsed<T>(&self, column: usize, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        let text = self.text(column)?;
        parse(&text).ok_or_else(|| damaged(format!("`{text}` is no {}", std::any::type_name::<T>())))
    }

    /// The same, when there is something.
    fn optional_parsed<T>(
        &self,
        column: usize,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        if self.optional_text(column)?.is_none() { Ok(None) } else { self.parsed(column, parse).map(Some) }
    }
}

pub(super) fn damaged(message: String) -> StoreError {
    StoreError::Damaged(message)
}

//! Rows on their way from one database to the other, and what they add up to.

use std::borrow::Cow;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::plan::{Kind, Table};
use crate::store::StoreError;

/// So many rows go over at once.
const ROWS: usize = 2_000;

/// Or so many bytes of texts and blobs, but for a row that alone has more: they are in memory three times at most.
const BYTES: usize = 4 << 20;

/// A value as a driver has read it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) enum Cell<'a> {
    Null,
    Int(i64),
    Text(Cow<'a, str>),
    Blob(&'a [u8]),
}

/// The values of a column, in the order of the rows.
#[derive(Debug)]
pub(in crate::store) enum Values {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Blobs(Vec<Option<Vec<u8>>>),
}

/// Rows that follow each other by the table's key.
#[derive(Debug)]
pub(in crate::store) struct Batch {
    pub(in crate::store) columns: Vec<Values>,
    pub(in crate::store) rows: usize,
    /// Whether there are none behind these.
    pub(in crate::store) is_last: bool,
    bytes: usize,
}

/// A row's place among the others of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Key(pub(in crate::store) Vec<KeyPart>);

/// A column of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum KeyPart {
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

/// How many rows there are, and what is in them: equal for two databases only if every value is.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Checksum {
    rows: u64,
    hash: Sha256,
}

impl Values {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Ints(Vec::new()),
            Kind::Text => Self::Texts(Vec::new()),
            Kind::Blob => Self::Blobs(Vec::new()),
        }
    }

    /// False if the value is of another type than the column.
    fn push(&mut self, cell: Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Ints(values), Cell::Null) => values.push(None),
            (Self::Texts(values), Cell::Null) => values.push(None),
            (Self::Blobs(values), Cell::Null) => values.push(None),
            (Self::Ints(values), Cell::Int(number)) => values.push(Some(number)),
            (Self::Texts(values), Cell::Text(text)) => values.push(Some(text.into_owned())),
            (Self::Blobs(values), Cell::Blob(bytes)) => values.push(Some(bytes.to_vec())),
            _ => return false,
        }
        true
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        match self {
            Self::Ints(values) => values[row].map_or(Cell::Null, Cell::Int),
            Self::Texts(values) => {
                values[row].as_deref().map_or(Cell::Null, |text| Cell::Text(Cow::Borrowed(text)))
            }
            Self::Blobs(values) => values[row].as_deref().map_or(Cell::Null, Cell::Blob),
        }
    }
}

impl Batch {
    /// One without rows.
    pub(in crate::store) fn of(table: &Table) -> Self {
        let columns = table.columns.iter().map(|column| Values::of(column.kind)).collect();
        Self { columns, rows: 0, is_last: false, bytes: 0 }
    }

    /// Takes the next row.
    pub(in crate::store) fn push(&mut self, table: &Table, cells: Vec<Cell<'_>>) -> Result<(), StoreError> {
        for ((values, cell), column) in self.columns.iter_mut().zip(cells).zip(&table.columns) {
            self.bytes += match &cell {
                Cell::Text(text) => text.len(),
                Cell::Blob(bytes) => bytes.len(),
                Cell::Null | Cell::Int(_) => 0,
            };
            if !values.push(cell) {
                return Err(mistyped(table, &column.name));
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Whether the next row is for another batch.
    pub(in crate::store) fn is_full(&self) -> bool {
        self.rows >= ROWS || self.bytes >= BYTES
    }

    /// The key of the last row.
    pub(in crate::store) fn last_key(&self, table: &Table) -> Result<Option<Key>, StoreError> {
        let Some(row) = self.rows.checked_sub(1) else { return Ok(None) };
        Key::of(table, |column| self.columns[column].cell(row)).map(Some)
    }

    /// Counts the rows in.
    pub(in crate::store) fn add_to(&self, checksum: &mut Checksum) {
        for row in 0..self.rows {
            checksum.add_row(self.columns.iter().map(|values| values.cell(row)));
        }
    }
}

impl Key {
    /// The key of a row, given by its columns.
    pub(in crate::store) fn of<'a>(
        table: &Table,
        cell: impl Fn(usize) -> Cell<'a>,
    ) -> Result<Self, StoreError> {
        let part = |column: &usize| match cell(*column) {
            Cell::Int(number) => Ok(KeyPart::Int(number)),
            Cell::Text(text) => Ok(KeyPart::Text(text.into_owned())),
            Cell::Blob(bytes) => Ok(KeyPart::Blob(bytes.to_vec())),
            Cell::Null => Err(mistyped(table, &table.columns[*column].name)),
        };
        table.key.iter().map(part).collect::<Result<_, _>>().map(Self)
    }

    /// As the target keeps it.
    pub(super) fn to_json(&self) -> Value {
        let part = |part: &KeyPart| match part {
            KeyPart::Int(number) => json!({ "int": number }),
            KeyPart::Text(text) => json!({ "text": text }),
            KeyPart::Blob(bytes) => json!({ "blob": bytes }),
        };
        self.0.iter().map(part).collect()
    }

    pub(super) fn from_json(json: &Value) -> Option<Self> {
        let part = |part: &Value| {
            let (kind, value) = part.as_object()?.iter().next()?;
            match kind.as_str() {
                "int" => value.as_i64().map(KeyPart::Int),
                "text" => value.as_str().map(|text| KeyPart::Text(text.to_owned())),
                "blob" => serde_json::from_value(value.clone()).ok().map(KeyPart::Blob),
                _ => None,
            }
        };
        json.as_array()?.iter().map(part).collect::<Option<_>>().map(Self)
    }
}

impl Checksum {
    /// Counts a row in. A value's type and length come before it, so that no two rows are alike in what is hashed.
    pub(in crate::store) fn add_row<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) {
        self.rows += 1;
        for cell in cells {
            let (kind, bytes): (u8, &[u8]) = match &cell {
                Cell::Null => (0, &[]),
                Cell::Int(number) => (1, &number.to_be_bytes()),
                Cell::Text(text) => (2, text.as_bytes()),
                Cell::Blob(bytes) => (3, bytes),
            };
            self.hash.update([kind]);
            self.hash.update(bytes.len().to_be_bytes());
            self.hash.update(bytes);
        }
    }

    pub(in crate::store) const fn rows(&self) -> u64 {
        self.rows
    }

    /// In hexadecimal.
    pub(in crate::store) fn text(&self) -> String {
        let hash: [u8; 32] = self.hash.clone().finalize().into();
        hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }
}

fn mistyped(table: &Table, column: &str) -> StoreError {
    StoreError::Damaged(format!("a row of the table {} has no value of its type in {column}", table.name))
}

#[cfg(test)]
mod tests {
    use super::super::plan::Column;
    use super::*;

    fn table() -> Table {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let columns = vec![column("a", Kind::Int), column("b", Kind::Text), column("c", Kind::Blob)];
        Table { name: "t".to_owned(), columns, key: vec![1, 0, 2] }
    }

    fn row<'a>(number: i64, text: &'a str, bytes: &'a [u8]) -> Vec<Cell<'a>> {
        vec![Cell::Int(number), Cell::Text(text.into()), Cell::Blob(bytes)]
    }

    fn sum(rows: Vec<Vec<Cell<'_>>>) -> String {
        let (table, mut sum) = (table(), Checksum::default());
        let mut batch = Batch::of(&table);
        for row in rows {
            batch.push(&table, row).expect("its types");
        }
        batch.add_to(&mut sum);
        format!("{} {}", sum.rows(), sum.text())
    }

    #[test]
    fn a_checksum_tells_every_change_of_a_value_a_type_or_an_order() {
        let one = || row(1, "ab", b"c");
        let all = [
            sum(vec![one()]),
            sum(vec![one(), one()]),
            sum(vec![row(2, "ab", b"c")]),
            sum(vec![row(1, "a", b"bc")]),
            sum(vec![vec![Cell::Null, Cell::Text("ab".into()), Cell::Blob(b"c")]]),
            sum(vec![vec![Cell::Int(1), Cell::Null, Cell::Blob(b"c")]]),
            sum(vec![row(1, "", b"c")]),
            sum(vec![one(), row(2, "ab", b"c")]),
            sum(vec![row(2, "ab", b"c"), one()]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at} is another one's");
        }
        assert_eq!(sum(vec![one()]), all[0]);
    }

    #[test]
    fn a_key_is_kept_and_read_as_it_is() {
        let (table, mut batch) = (table(), Batch::of(&table()));
        assert_eq!(batch.last_key(&table).expect("no row"), None);
        batch.push(&table, row(i64::MAX, "ü\"\n", &[0, 255])).expect("its types");
        let key = batch.last_key(&table).expect("a key").expect("of a row");
        assert_eq!(key.0.first(), Some(&KeyPart::Text("ü\"\n".to_owned())), "in the order of the key");
        let text = key.to_json().to_string();
        assert_eq!(Key::from_json(&serde_json::from_str(&text).expect("JSON")), Some(key));
    }

    #[test]
    fn a_batch_is_full_by_rows_or_by_bytes_and_takes_no_other_types() {
        let (table, mut batch) = (table(), Batch::of(&table()));
        let large = vec![0; BYTES];
        batch.push(&table, row(1, "", &large)).expect("its types");
        assert!(batch.is_full());
        let mut batch = Batch::of(&table);
        for number in 0..ROWS {
            assert!(!batch.is_full(), "{number}");
            batch.push(&table, row(0, "", b"")).expect("its types");
        }
        assert!(batch.is_full());
        let wrong = vec![Cell::Text("1".into()), Cell::Null, Cell::Null];
        assert!(batch.push(&table, wrong).expect_err("is a text").to_string().contains("in a"));
    }
}

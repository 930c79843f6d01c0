//! Statements over many rows. A statement costs the same hop to the driver's thread whether it carries one row or
//! hundreds, so rows go together; and only in a few fixed sizes, so that the statement cache knows the text.

use std::sync::{Arc, OnceLock};

use sqlx::AssertSqlSafe;

use super::query::Value;

/// The numbers of rows a statement is prepared for, largest first. The largest times the widest row stays below SQLite's 32,766 parameters.
pub(super) const SIZES: [usize; 10] = [512, 256, 128, 64, 32, 16, 8, 4, 2, 1];

/// How placeholders are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Marks {
    /// `?`: SQLite only, and there cheaper to bind than numbers.
    Anonymous,
    /// `$n` and on: portable.
    From(usize),
}

/// The text of a statement with a list in it.
pub(super) type ListText = AssertSqlSafe<Arc<str>>;

/// A statement with a list of rows in its middle: `(?, ?), (?, ?)`.
#[derive(Debug)]
pub(super) struct List {
    before: &'static str,
    columns: usize,
    after: &'static str,
    marks: Marks,
    texts: [OnceLock<Arc<str>>; SIZES.len()],
}

impl List {
    pub(super) const fn new(before: &'static str, columns: usize, after: &'static str, marks: Marks) -> Self {
        Self { before, columns, after, marks, texts: [const { OnceLock::new() }; SIZES.len()] }
    }

    /// The statements for all of `rows`, each with its values: the `leading` ones, then those of its rows, filled up with
    /// nulls to the smallest size that they fit into. For lists in which a row of nulls finds nothing.
    pub(super) fn padded<T, const N: usize>(
        &'static self,
        leading: &[i64],
        rows: &[T],
        numbers: impl Fn(&T) -> [i64; N],
    ) -> impl Iterator<Item = (ListText, Vec<Value>)> {
        rows.chunks(SIZES[0]).map(move |chunk| {
            let place = SIZES.iter().rposition(|size| *size >= chunk.len()).unwrap_or(0);
            let padding = std::iter::repeat_n([None; N], SIZES[place] - chunk.len());
            let listed = chunk.iter().map(|row| numbers(row).map(Some)).chain(padding).flatten();
            let values = leading.iter().copied().map(Some).chain(listed).map(Value::from).collect();
            (self.text(place), values)
        })
    }

    /// The statement for the size at `place`. Only constants of this program are in it.
    pub(super) fn text(&self, place: usize) -> ListText {
        AssertSqlSafe(Arc::clone(self.texts[place].get_or_init(|| self.write(SIZES[place]).into())))
    }

    fn write(&self, rows: usize) -> String {
        let mut text = self.before.to_owned();
        for row in 0..rows {
            text.push_str(if row == 0 { "(" } else { ",(" });
            for column in 0..self.columns {
                text.push_str(if column == 0 { "" } else { "," });
                match self.marks {
                    Marks::Anonymous => text.push('?'),
                    Marks::From(first) => {
                        text.push('$');
                        text.push_str(&(first + row * self.columns + column).to_string());
                    }
                }
            }
            text.push(')');
        }
        text.push_str(self.after);
        text
    }
}

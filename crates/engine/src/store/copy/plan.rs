//! Which tables go over, with which columns, and in which order: read from the two databases, so that a table or a column of
//! a new migration goes over without anybody thinking of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::StoreError;

/// What belongs to one kind of database, and stays there: who has the database, and what of it, what its migrations were, and how far a copy
/// is. In SQLite nobody emits events. What inboxes have got SQLite keeps in another file, and nothing of it is older than a day.
const NOT_COPIED: [&str; 11] = [
    "_sqlx_migrations",
    "emitted",
    "inbox_request",
    "lease",
    "node",
    "node_commit",
    "rejected_event",
    "settings_change",
    "settings_version",
    "shard_lease",
    "unfinished_copy",
];

/// What numbers SQLite's attempts is for SQLite alone.
const OF_ONE_DATABASE: [(&str, &str); 1] = [("attempt", "id")];

/// A column's type. There are no others, and every database has these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Kind {
    Int,
    Text,
    Blob,
}

/// A table that goes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Table {
    pub(in crate::store) name: String,
    pub(in crate::store) columns: Vec<Column>,
    /// Which of the columns tell a row from every other, in the order in which rows are read.
    pub(in crate::store) key: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Column {
    pub(in crate::store) name: String,
    pub(in crate::store) kind: Kind,
}

/// A database's tables, as it says itself.
#[derive(Debug, Default)]
pub(in crate::store) struct Catalogue {
    pub(in crate::store) tables: BTreeMap<String, Vec<Found>>,
    /// Of each foreign key the table that has it and the one that must have the row.
    pub(in crate::store) references: Vec<(String, String)>,
}

/// A column of a table.
#[derive(Debug)]
pub(in crate::store) struct Found {
    pub(in crate::store) name: String,
    /// None for one that no table of ours has.
    pub(in crate::store) kind: Option<Kind>,
    /// Its place in the primary key, from 1.
    pub(in crate::store) key_place: Option<i64>,
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan {
    /// Each behind those that it refers to.
    pub(super) tables: Vec<Table>,
    /// Tables of the source that are none of ours.
    pub(super) strange: Vec<String>,
}

/// Puts the two together.
pub(super) fn plan(source: &Catalogue, target: &Catalogue) -> Result<Plan, StoreError> {
    let mut tables = Vec::new();
    let mut strange = Vec::new();
    for (name, columns) in &source.tables {
        match target.tables.get(name) {
            _ if NOT_COPIED.contains(&&**name) => {}
            Some(theirs) => tables.push(table(name, columns, theirs)?),
            None => strange.push(name.clone()),
        }
    }
    Ok(Plan { tables: in_order(tables, &target.references)?, strange })
}

/// By the target's key: SQLite's of attempts is the column that stays.
fn table(name: &str, source: &[Found], target: &[Found]) -> Result<Table, StoreError> {
    let differs = || {
        StoreError::Unusable(format!(
            "the table {name} is not the same in the two databases; both must be Groundswell's"
        ))
    };
    let columns_of = |columns: &[Found]| {
        let ours = columns.iter().filter(|column| !OF_ONE_DATABASE.contains(&(name, &column.name)));
        let column = |column: &Found| Some(Column { name: column.name.clone(), kind: column.kind? });
        ours.map(column).collect::<Option<Vec<_>>>().ok_or_else(differs)
    };
    let columns = columns_of(target)?;
    let as_set = |columns: &[Column]| columns.iter().cloned().collect::<BTreeSet<_>>();
    if as_set(&columns) != as_set(&columns_of(source)?) {
        return Err(differs());
    }
    let mut key: Vec<&Found> = target.iter().filter(|column| column.key_place.is_some()).collect();
    key.sort_by_key(|column| column.key_place);
    let place = |part: &&Found| columns.iter().position(|column| column.name == part.name);
    let key: Vec<usize> = key.iter().filter_map(place).collect();
    if key.is_empty() {
        return Err(differs());
    }
    Ok(Table { name: name.to_owned(), columns, key })
}

/// Each table behind those that it refers to.
fn in_order(mut left: Vec<Table>, references: &[(String, String)]) -> Result<Vec<Table>, StoreError> {
    let mut ordered: Vec<Table> = Vec::new();
    while !left.is_empty() {
        let waits = |table: &Table, left: &[Table]| {
            references.iter().any(|(from, to)| {
                from == &table.name && to != from && left.iter().any(|other| &other.name == to)
            })
        };
        let (later, now): (Vec<_>, Vec<_>) = left.iter().cloned().partition(|table| waits(table, &left));
        if now.is_empty() {
            let names: Vec<&str> = later.iter().map(|table| &*table.name).collect();
            let names = names.join(", ");
            return Err(StoreError::Unusable(format!("the tables {names} refer to each other in a circle")));
        }
        ordered.extend(now);
        left = later;
    }
    Ok(ordered)
}

impl Table {
    /// Reads rows in the order of the key: the first ones, or those behind one. The last parameter is how many. `collation`
    /// stands behind texts where a database would not compare their bytes otherwise.
    pub(in crate::store) fn page(&self, is_first: bool, collation: &str) -> String {
        let all: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        let key: Vec<String> = self
            .key
            .iter()
            .map(|at| match self.columns[*at].kind {
                Kind::Text => format!("{}{collation}", all[*at]),
                Kind::Int | Kind::Blob => all[*at].clone(),
            })
            .collect();
        let behind: Vec<String> = (1..=key.len()).map(|number| format!("${number}")).collect();
        let (filter, limit) = if is_first {
            (String::new(), 1)
        } else {
            (format!(" WHERE ({}) > ({})", key.join(", "), behind.join(", ")), key.len() + 1)
        };
        format!(
            "SELECT {} FROM {}{filter} ORDER BY {} LIMIT ${limit}",
            all.join(", "),
            quoted(&self.name),
            key.join(", ")
        )
    }
}

/// A name as SQL has it, whatever words SQL has.
pub(in crate::store) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, kind: Kind, key_place: Option<i64>) -> Found {
        Found { name: name.to_owned(), kind: Some(kind), key_place }
    }

    fn catalogue(tables: &[&str], references: &[(&str, &str)]) -> Catalogue {
        let columns = || vec![found("id", Kind::Int, Some(1)), found("text", Kind::Text, None)];
        let owned = |(from, to): &(&str, &str)| ((*from).to_owned(), (*to).to_owned());
        Catalogue {
            tables: tables.iter().map(|name| ((*name).to_owned(), columns())).collect(),
            references: references.iter().map(owned).collect(),
        }
    }

    fn names(plan: &Plan) -> Vec<&str> {
        plan.tables.iter().map(|table| &*table.name).collect()
    }

    #[test]
    fn tables_go_over_behind_those_that_they_refer_to() {
        let tables = ["a", "b", "c", "lease", "ballast"];
        let references = [("a", "b"), ("b", "c"), ("a", "a")];
        let plan = plan(&catalogue(&tables, &[]), &catalogue(&tables[..4], &references)).expect("a plan");
        assert_eq!(names(&plan), ["c", "b", "a"]);
        assert_eq!(plan.strange, ["ballast"], "what is none of ours is told");
    }

    #[test]
    fn what_cannot_be_copied_is_refused() {
        let one = catalogue(&["a", "b"], &[]);
        let said = plan(&one, &catalogue(&["a", "b"], &[("a", "b"), ("b", "a")])).expect_err("a circle");
        assert!(said.to_string().contains("a, b refer to each other"), "{said}");
        for column in [found("more", Kind::Int, None), Found { kind: None, ..found("more", Kind::Int, None) }]
        {
            let mut other = catalogue(&["a", "b"], &[]);
            other.tables.get_mut("b").expect("is there").push(column);
            let said = plan(&one, &other).expect_err("another table").to_string();
            assert!(said.contains("the table b is not the same"), "{said}");
        }
    }

    #[test]
    fn rows_are_read_by_the_bytes_of_their_key() {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let columns = vec![column("key", Kind::Text), column("n", Kind::Int)];
        let table = Table { name: "t".to_owned(), columns, key: vec![1, 0] };
        assert_eq!(
            table.page(true, " COLLATE \"C\""),
            "SELECT \"key\", \"n\" FROM \"t\" ORDER BY \"n\", \"key\" COLLATE \"C\" LIMIT $1"
        );
        assert_eq!(
            table.page(false, ""),
            "SELECT \"key\", \"n\" FROM \"t\" WHERE (\"n\", \"key\") > ($1, $2) ORDER BY \"n\", \"key\" LIMIT $3"
        );
    }
}

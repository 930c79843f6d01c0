//! Every statement there is, found in the source so that none can be forgotten. For the tests of each database.

use std::path::Path;

use super::list::{List, Marks, SIZES};

pub(super) struct Statement {
    /// `file: NAME`
    pub name: String,
    pub text: String,
    /// Whether it has a list of rows in it; then all of its values are numbers.
    pub is_list: bool,
}

/// All statements in the sources below `store`, but for those of the other database; lists in every size.
pub(super) fn in_sources_but(other: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    visit(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store")), other, &mut found);
    found
}

fn visit(directory: &Path, other: &str, found: &mut Vec<Statement>) {
    for entry in std::fs::read_dir(directory).expect("the directory is there") {
        let path = entry.expect("is readable").path();
        let name = path.file_name().expect("has a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" && name != other {
            visit(&path, other, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && (name != "tests.rs" || directory.ends_with("query"))
        {
            let text = std::fs::read_to_string(&path).expect("is text");
            let text =
                text.replace("pub(super) const ", "const ").replace("pub(in crate::store) const ", "const ");
            for declaration in text.split("\nconst ").flat_map(|part| part.split("\nstatic ")).skip(1) {
                read(&name, declaration, found);
            }
        }
    }
}

/// The statements of what follows `const` or `static`.
fn read(file: &str, declaration: &str, found: &mut Vec<Statement>) {
    let (constant, value) = declaration.split_once(": ").unwrap_or_default();
    let mut literals = value.split('"');
    let mut add = |text: String, is_list: bool| {
        found.push(Statement { name: format!("{file}: {constant}"), text, is_list });
    };
    if let Some(value) = value.strip_prefix("&str =") {
        let text = literals.nth(1).unwrap_or_default().trim();
        let is_statement = text.split_whitespace().next().is_some_and(|word| {
            ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN", "COMMIT", "ROLLBACK", "PRAGMA"]
                .contains(&word)
        });
        assert!(!is_statement || value.trim_start().starts_with('"'), "{constant} must be a plain literal");
        if is_statement {
            add(text.to_owned(), false);
        }
    } else if value.split_whitespace().collect::<String>().starts_with("List=List::new(") {
        let before = literals.nth(1).expect("a list has a text before it");
        let columns = literals.next().expect("a list has columns").trim_matches([' ', ',', '\n']);
        let after = literals.next().expect("a list has a text after it");
        let marks = literals.next().and_then(|rest| rest.split_once("Marks::From(")?.1.split_once(')'));
        let marks =
            marks.map_or(Marks::Anonymous, |(first, _)| Marks::From(first.parse().expect("a number")));
        let leak = |text: &str| -> &'static str { String::leak(text.to_owned()) };
        let list = List::new(leak(before), columns.parse().expect("a number"), leak(after), marks);
        for place in 0..SIZES.len() {
            add(list.text(place).0.trim().to_owned(), true);
        }
    }
}

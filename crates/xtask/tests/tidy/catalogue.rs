//! The texts of the pages: all of them in `catalogue/`, and all that is there on a page.

use groundswell_catalogue::Catalogue;

use crate::assert_none;
use crate::source::{Source, Tree};

/// What shows texts.
fn is_app(source: &&Source) -> bool {
    source.name.starts_with("crates/app/src/") && source.is_rust()
}

/// A missing text does not compile; one too many would stay for ever.
#[test]
fn every_text_of_the_catalogue_is_shown() {
    let tree = Tree::read();
    let catalogue = match Catalogue::read(&tree.root.join("catalogue")) {
        Ok(catalogue) => catalogue,
        Err(error) => panic!("{error}"),
    };
    let lines: Vec<&String> = tree.sources.iter().filter(is_app).flat_map(|source| &source.lines).collect();
    let is_used = |method: &String| {
        let call = format!("{method}(");
        lines.iter().any(|line| {
            line.match_indices(&call)
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    let unused: Vec<_> = catalogue.methods().filter(|method| !is_used(method)).collect();
    assert_none("no page shows these texts of catalogue/; remove them in every language:", &unused);
}

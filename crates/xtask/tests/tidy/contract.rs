//! The delivery contract, sentence by sentence, against the tests that show it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::source::Tree;

/// Sentences and what stands below each.
fn table(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut sentence = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(entry) = line.strip_prefix("    ") {
            rows.entry(sentence.clone()).or_default().push(entry.to_owned());
        } else {
            line.clone_into(&mut sentence);
            rows.entry(sentence.clone()).or_default();
        }
    }
    rows
}

/// A sentence ends with a full stop before a space and the beginning of another one.
fn sentences(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let line = line.strip_prefix("- ").unwrap_or(line);
        let mut rest = line;
        let mut from = 0;
        while let Some(at) = rest[from..].find(". ").map(|at| from + at) {
            let begins = rest[at + 2..].chars().next();
            if begins.is_some_and(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "`*".contains(c)) {
                all.push(rest[..=at].to_owned());
                rest = &rest[at + 2..];
                from = 0;
            } else {
                from = at + 2;
            }
        }
        all.push(rest.to_owned());
    }
    all
}

#[test]
fn every_sentence_of_the_contract_names_its_tests() {
    let tree = Tree::read();
    let read = |path: &str| fs::read_to_string(tree.root.join(path)).expect("the file is there");
    let sentences = sentences(&read("crates/app/docs/delivery-contract.md"));
    let table = table(&read("crates/xtask/tests/tidy/contract.txt"));
    let tests: BTreeSet<String> = tree.functions();
    let mut offences = Vec::new();
    for sentence in &sentences {
        if table.get(sentence).is_none_or(Vec::is_empty) {
            offences.push(format!("no row: {sentence}"));
        }
    }
    for (sentence, entries) in &table {
        if !sentences.contains(sentence) {
            offences.push(format!("not in the contract: {sentence}"));
        }
        let names =
            entries.iter().filter(|entry| !entry.starts_with("- ") && !entry.starts_with("UNSHOWN: "));
        offences
            .extend(names.filter(|name| !tests.contains(*name)).map(|name| format!("no such test: {name}")));
    }
    super::assert_none("crates/xtask/tests/tidy/contract.txt must cover the contract:", &offences);
}

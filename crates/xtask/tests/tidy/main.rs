//! House rules that no compiler checks, as a plain test: the starred invariants of ARCHITECTURE.md, and that
//! every crate takes the workspace's lints. A message names the file and line and what to do instead.
//!
//! `source.rs` reads the tree and knows what is code; `rules.rs` says what is allowed where.

mod catalogue;
mod contract;
mod literal;
mod locks;
mod rules;
mod source;

use std::collections::BTreeSet;
use std::fs;

use self::source::{Source, Tree};

/// The longest source file; aim at 400 lines.
const FILE_LINES: usize = 500;
/// The longest function, signature and braces included; aim at 60 lines.
const FUNCTION_LINES: usize = 80;
/// Crates with a table of lints of their own: the workspace's, with what this says of unsafe code. A crate cannot lift a
/// `forbid` for a single module, and SQLite's VFS is a C interface.
const OWN_LINTS: [(&str, &str); 1] = [("crates/faults/Cargo.toml", "deny")];
/// What groundswell-types may depend on: small, without I/O, and good for wasm32.
const TYPES_DEPENDENCIES: [&str; 10] =
    ["base64", "hmac", "ryu-js", "schemars", "serde", "serde_json", "sha2", "subtle", "thiserror", "url"];

fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}\n  {}\n", offences.join("\n  "));
}

#[test]
fn sqlx_is_named_only_in_the_store() {
    let offences = Tree::read().offences(&rules::SQLX);
    assert_none("only crates/engine/src/store may know sqlx; give the store a method instead:", &offences);
}

#[test]
fn no_field_has_an_alias() {
    let offences = Tree::read().offences(&rules::ALIAS);
    assert_none("crates/app/src/codec/read.rs knows a field by one name; give it one:", &offences);
}

#[test]
fn only_the_clock_calls_now() {
    let offences = Tree::read().offences(&rules::NOW);
    assert_none("take the time from crates/engine/src/clock.rs, so that tests can set it:", &offences);
}

#[test]
fn only_the_configuration_reads_the_environment() {
    let offences = Tree::read().offences(&rules::ENVIRONMENT);
    assert_none("read it in crates/server/src/config.rs and pass it on:", &offences);
}

/// What the server may do with the engine itself: see whether it runs and how, let somebody in, serve who is known by an address
/// of their own, and pass on what another node says.
const OPEN_USE_CASES: &[&str] = &[
    "accept_as_new",
    "access_changed",
    "acting",
    "admit_to_inbox",
    "answered",
    "api_key",
    "api_keys_revoked",
    "breakers",
    "days_ahead",
    "has_inbox",
    "health",
    "has_other_nodes",
    "hear",
    "incident",
    "invited",
    "is_alive",
    "is_leading",
    "is_ready",
    "is_telling",
    "join",
    "lead_is_over",
    "leader",
    "leave",
    "link_holder",
    "link_holder_of_open_page",
    "meters",
    "now_ms",
    "person",
    "person_of_open_page",
    "queue_depth",
    "receive_in_inbox",
    "send_sign_in_link",
    "shards",
    "shown_incidents",
    "sign_in",
    "sign_in_and_join",
    "sign_in_with_password",
    "sign_in_with_subject",
    "sign_out",
    "slots",
    "subscribe",
    "subscription",
    "system_status",
    "under_way_here",
    "use_editor_link",
];

#[test]
fn the_server_reaches_use_cases_for_somebody() {
    let mut offences = Vec::new();
    let tree = Tree::read();
    for source in tree.sources.iter().filter(|source| source.name.starts_with("crates/server/src/")) {
        for (number, line) in source.lines[..source.first_test_line()].iter().enumerate() {
            let calls = line.split("state.engine.").skip(1).filter_map(|rest| rest.split_once('('));
            if calls.into_iter().any(|(name, _)| !OPEN_USE_CASES.contains(&name)) {
                offences.push(format!("{}:{}: {}", source.name, number + 1, line.trim()));
            }
        }
    }
    assert_none("call it through engine::acting, which asks who may:", &offences);
}

#[test]
fn types_stays_within_its_dependencies() {
    let manifest = Tree::read().manifest("crates/types/Cargo.toml");
    let mut offences = Vec::new();
    for table in ["dependencies", "build-dependencies", "target"] {
        let Some(entries) = manifest.get(table).and_then(toml::Value::as_table) else { continue };
        let unknown = entries.keys().filter(|name| !TYPES_DEPENDENCIES.contains(&name.as_str()));
        offences.extend(unknown.map(|name| format!("crates/types/Cargo.toml: [{table}] {name}")));
    }
    assert_none("whoever uses groundswell-types pays for this too; put it into another crate:", &offences);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let tree = Tree::read();
    let mut offences = Vec::new();
    let workspace = &tree.manifest("Cargo.toml")["workspace"]["lints"];
    for entry in fs::read_dir(tree.root.join("crates")).expect("the workspace has crates") {
        let manifest = entry.expect("crates is readable").path().join("Cargo.toml");
        if !manifest.is_file() {
            continue;
        }
        let name = tree.name(&manifest);
        let lints = tree.manifest(&name).get("lints").cloned();
        let wanted = match OWN_LINTS.iter().find(|(own, _)| *own == name) {
            Some((_, of_unsafe_code)) => {
                let mut wanted = workspace.clone();
                wanted["rust"]["unsafe_code"] = toml::Value::from(*of_unsafe_code);
                wanted
            }
            None => toml::toml! { workspace = true }.into(),
        };
        if lints != Some(wanted) {
            offences.push(name);
        }
    }
    assert_none("add `[lints]` with `workspace = true`, or keep to OWN_LINTS:", &offences);
}

#[test]
fn unsafe_code_stays_where_sqlite_calls_us() {
    let offences = Tree::read().offences(&rules::UNSAFE);
    assert_none("only crates/faults/src/vfs.rs may have unsafe code:", &offences);
}

/// Until a second database is there, SQLite's folder has nothing to agree with.
#[test]
fn both_databases_have_the_same_migrations() {
    let tree = Tree::read();
    let names = |database: &str| -> BTreeSet<String> {
        let Ok(entries) = fs::read_dir(tree.root.join("migrations").join(database)) else {
            return BTreeSet::new();
        };
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(!sqlite.is_empty(), "migrations/sqlite is empty");
    if tree.root.join("migrations/postgres").exists() {
        let alone: Vec<_> = sqlite.symmetric_difference(&postgres).cloned().collect();
        assert_none("these are in one of migrations/sqlite and migrations/postgres only:", &alone);
    }
}

#[test]
fn no_file_is_too_long() {
    let tree = Tree::read();
    let long = |source: &&Source| source.lines.len() > FILE_LINES && !source.excuses_its_length();
    let describe = |source: &Source| format!("{}: {} lines", source.name, source.lines.len());
    let offences: Vec<_> = tree.sources.iter().filter(long).map(describe).collect();
    assert_none(
        &format!("split these, or say why not in a line `//! Long because: …` (limit {FILE_LINES}):"),
        &offences,
    );
}

#[test]
fn no_function_is_too_long() {
    let tree = Tree::read();
    let mut offences = Vec::new();
    for source in tree.sources.iter().filter(|source| source.is_rust()) {
        for function in source.functions() {
            if function.lines > FUNCTION_LINES && !source.excuses_function(&function) {
                offences.push(format!("{}:{}: {} lines", source.name, function.first + 1, function.lines));
            }
        }
    }
    assert_none(
        &format!("split these, or say why not in a line `// Long because: …` (limit {FUNCTION_LINES}):"),
        &offences,
    );
}

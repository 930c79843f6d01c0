//! What engines that speak PostgreSQL's language lack, or do otherwise, stays out of statements and migrations.
//!
//! None of them can be installed where the tests run, so nothing here says that Groundswell works on one. It keeps the way
//! open, and short. Where each rule comes from, as read in November 2026:
//!
//! - YugabyteDB: "Unsupported PostgreSQL features" in `docs/content/stable/develop/postgresql-compatibility.md` of
//!   yugabyte/yugabyte-db, with the numbers of its issues.
//! - CockroachDB: `postgresql-compatibility.md`, its include `sql/unsupported-postgres-features.md`, and "Known limitations" of
//!   v25.4 in cockroachdb/docs; issues of cockroachdb/cockroach.
//! - Citus: "SQL Support and Workarounds" and "Triggers on Distributed Tables" at docs.citusdata.com.
//! - A connection pooler in transaction mode, as `PgBouncer`'s "Features" names what breaks there.

use std::fs;
use std::path::Path;

/// What may not be written, and why. Case counts: SQL's words are upper-case here, functions and names are not.
const FORBIDDEN: [(&str, &str); 27] = [
    ("pg_advisory", "no-op in CockroachDB, of one node in Citus, of a session behind a pooler"),
    ("pg_try_advisory", "as pg_advisory"),
    ("LISTEN ", "YugabyteDB 1872, CockroachDB 41522, poolers"),
    ("NOTIFY ", "as LISTEN"),
    ("pg_notify", "as LISTEN"),
    ("SKIP LOCKED", "Citus: within one shard only; and it hides work from whoever counts it"),
    ("FOR KEY SHARE", "Citus: within one shard only; CockroachDB takes it for FOR SHARE"),
    ("FOR NO KEY UPDATE", "as FOR KEY SHARE"),
    ("CLUSTER ", "of PostgreSQL's own heap: YugabyteDB and CockroachDB keep rows in trees"),
    ("LOCK TABLE", "YugabyteDB 5384, CockroachDB has none"),
    ("pg_terminate_backend", "ends a session of the node that is asked, if any; poolers own the sessions"),
    ("TEMP TABLE", "of a session: poolers; DDL in YugabyteDB and CockroachDB"),
    ("TEMPORARY", "as TEMP TABLE"),
    ("set_config(", "of a session unless its last argument is true: poolers"),
    ("nextval", "numbers have gaps and no order where nodes keep some in reserve"),
    ("SERIAL", "as nextval"),
    ("IDENTITY", "as nextval"),
    ("CREATE SEQUENCE", "as nextval"),
    ("DEFERRABLE", "YugabyteDB 1709, CockroachDB has none"),
    ("CREATE TRIGGER", "Citus has none on distributed tables"),
    ("REFERENCING", "YugabyteDB 1668, CockroachDB 135655"),
    ("UNLOGGED", "YugabyteDB 1129"),
    ("INHERITS", "YugabyteDB 5956, CockroachDB has none"),
    ("EXCLUDE USING", "YugabyteDB 3944, CockroachDB has none"),
    ("MERGE INTO", "CockroachDB has none; in Citus between some kinds of tables only"),
    ("txid_current", "YugabyteDB 15638: it has clocks in the place of transaction ids"),
    ("PARTITION", "CockroachDB has partitions of its own, made and dropped otherwise"),
];

/// What is written all the same: where, what, and why it may be.
const EXCEPTIONS: [(&str, &str, &str); 15] = [
    (
        "0001_initial.sql",
        "PARTITION",
        "days that go at once leave nothing to be vacuumed; elsewhere, plain tables do",
    ),
    ("partitions.rs", "PARTITION", "as 0001"),
    ("0001_initial.sql", "CREATE TRIGGER", "the highest id outlives its row, whoever deletes that"),
    (
        "0001_initial.sql",
        "REFERENCING",
        "once for each statement; one for each row would run for every event that retention deletes",
    ),
    (
        "0012_audit_and_privacy.sql",
        "CREATE TRIGGER",
        "the audit log is guarded against its own server; nothing reads it hot",
    ),
    ("0018_audit_log_keeps_rows.sql", "CREATE TRIGGER", "as 0012"),
    (
        "0020_transactional_emit.sql",
        "IDENTITY",
        "gaps and order do not matter: rows are read until there are none",
    ),
    ("0022_commits_by_number.sql", "set_config(", "of the transaction: its last argument is true"),
    (
        "partitions.rs",
        "LOCK TABLE",
        "nodes make a day's partitions one after the other; two at once would only be told that they are there",
    ),
    (
        "fence.rs",
        "FOR KEY SHARE",
        "of leases, a small table that Citus keeps whole; taken for FOR SHARE, renewals wait a little",
    ),
    ("cluster.rs", "FOR KEY SHARE", "as fence.rs"),
    ("compact.rs", "CLUSTER ", "only gives room back; where it is refused, all goes on without"),
    ("node.rs", "FOR KEY SHARE", "of one's own row, as fence.rs"),
    ("cluster.rs", "FOR NO KEY UPDATE", "as fence.rs"),
    ("copying.rs", "PARTITION", "the name of a list of tables"),
];

/// The name and text of every source below `store` that goes to PostgreSQL, and of every migration, without comments.
fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    visit(&root.join("src/store"), ("rs", "//"), &mut texts);
    visit(&root.join("../../migrations/postgres"), ("sql", "--"), &mut texts);
    texts
}

fn visit(directory: &Path, (extension, comment): (&str, &str), texts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).expect("is readable") {
        let path = entry.expect("is readable").path();
        let name = path.file_name().expect("has a name").to_string_lossy().into_owned();
        if path.is_dir() && !["sqlite", "memory", "tests"].contains(&&*name) {
            visit(&path, (extension, comment), texts);
        } else if path.extension().is_some_and(|found| found == extension) && name != "tests.rs" {
            let text = fs::read_to_string(&path).expect("is text");
            let lines = text.lines().filter(|line| !line.trim_start().starts_with(comment));
            let lines = lines.map(|line| line.split_once(" -- ").map_or(line, |(code, _)| code));
            texts.push((name, lines.collect::<Vec<_>>().join("\n")));
        }
    }
}

fn is_migration(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "sql")
}

/// What is said in a text that is forbidden.
fn found(text: &str) -> Vec<&'static str> {
    let mut found: Vec<_> =
        FORBIDDEN.iter().filter(|(words, _)| text.contains(words)).map(|(words, _)| *words).collect();
    // Of a session; `UPDATE … SET` begins no statement, and what is LOCAL ends with its transaction.
    let begins_with_set = |line: &str| {
        let statement = line.trim_start().trim_start_matches('"');
        statement
            .strip_prefix("SET ")
            .is_some_and(|rest| !rest.starts_with("LOCAL ") && rest.ends_with([';', '"']))
    };
    if text.lines().any(begins_with_set) {
        found.push("SET");
    }
    found
}

#[test]
fn nothing_is_said_that_compatible_engines_lack() {
    let mut unused: Vec<_> = EXCEPTIONS.iter().filter(|(file, ..)| is_migration(file)).collect();
    let texts = texts();
    assert!(texts.len() > 60, "they are not found any more");
    for (name, text) in &texts {
        for words in found(text) {
            let is_excepted = |(file, what, _): &&(&str, &str, &str)| *file == *name && *what == words;
            let why = FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == words).map(|(_, why)| *why);
            assert!(EXCEPTIONS.iter().any(|one| is_excepted(&one)), "{name} says {words}: {why:?}");
            unused.retain(|one| !is_excepted(one));
        }
    }
    assert_eq!(unused, Vec::<&(&str, &str, &str)>::new(), "exceptions that nothing needs");
}

#[test]
fn what_is_forbidden_is_noticed() {
    for (words, _) in FORBIDDEN {
        assert_eq!(found(&format!("const ONE: &str = \"SELECT {words}\";")), [words]);
    }
    assert_eq!(found("SET lock_timeout = 0;"), ["SET"]);
    assert_eq!(found("    \"SET lock_timeout = 0\""), ["SET"]);
    assert!(found("SET LOCAL lock_timeout = 0;\nUPDATE one\nSET two = 3\nWHERE four = 5;").is_empty());
}

/// The schema `groundswell` stands first in the search path of a role of that name, so from 0020 on a migration that makes a
/// table has to say where.
#[test]
fn a_migration_that_makes_a_table_says_where() {
    let migrations = texts().into_iter().filter(|(name, _)| is_migration(name) && &**name > "0020_z");
    for (name, text) in migrations {
        let says_where = text.contains("SET LOCAL search_path") || text.contains("set_config('search_path'");
        assert!(
            !text.contains("CREATE TABLE") || says_where,
            "{name} makes a table wherever the search path says"
        );
    }
}

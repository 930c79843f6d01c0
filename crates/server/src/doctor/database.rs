//! The database: its version, its settings, its key.

use groundswell_engine::store::StoreError;
use groundswell_engine::store::inspection::Inspection;
use groundswell_engine::store::vault::KeyFileError;

use super::Finding;
use super::network::Server;
use crate::config::{Config, Database, SecretsKeySource};
use crate::secrets::missing;

/// A session that was made for a connection is not older than it by so much.
const POOLED_MS: i64 = 1_000;

/// What there is to say about a database that was looked at, while a server runs where the settings say or not.
pub fn examine(config: &Config, looked: &Result<Inspection, StoreError>, server: Server) -> Vec<Finding> {
    let database = &config.database;
    match looked {
        Ok(inspection) if server == Server::Answers && inspection.applied.is_empty() => {
            vec![not_the_servers(database)]
        }
        Ok(inspection) => {
            let mut findings = vec![version(inspection, database)];
            findings.extend(settings(inspection, database));
            findings.extend(of_server(inspection));
            // The next start makes what is missing.
            if server == Server::Answers {
                findings.extend(inspection.days_ahead.map(partitions));
            }
            findings.push(secrets_key(&config.secrets, inspection.secrets_key.as_deref()));
            findings
        }
        Err(error) => vec![Finding::fail(
            "database",
            error.to_string(),
            "Check GROUNDSWELL_DATABASE_URL, and whether this user may read the database; a setting that it refuses is to be \
             changed in the database's own configuration.",
        )],
    }
}

/// The server has made its tables before it answered.
fn not_the_servers(database: &Database) -> Finding {
    Finding::fail(
        "database",
        format!("a server runs here, but not on this database: {} is empty", database.shown()),
        "Give doctor the server's settings: the same file with --config, the same variables, and for an SQLite file without a \
         directory the same working directory. /docs/operating#settings says how.",
    )
}

fn version(inspection: &Inspection, database: &Database) -> Finding {
    const NAME: &str = "database";
    let shown = database.shown();
    let newest = inspection.applied.iter().max();
    if let Some(source) = &inspection.unfinished_copy_of {
        return Finding::fail(
            NAME,
            format!("{shown} is an unfinished copy of {source}"),
            "Finish it: `groundswell copy --from` that file `--to` this database. /docs/operating#move-to-postgresql says how.",
        );
    }
    match (inspection.newer, newest, inspection.missing.len()) {
        (Some(newer), _, _) => Finding::fail(
            NAME,
            format!("{shown} was last used by a newer version of Groundswell (its schema is {newer:04})"),
            "Use that version, or restore a backup made before it.",
        ),
        (None, None, _) => Finding::ok(NAME, format!("{shown} is empty; the first start makes the tables")),
        (None, Some(newest), 0) => Finding::ok(NAME, format!("{shown} is up to date at {newest:04}")),
        (None, Some(newest), missing) => Finding::warn(
            NAME,
            format!("{shown} is at {newest:04}; {missing} migrations are to be made"),
            "Make a backup; `groundswell migrate`, or the next start, makes them.",
        ),
    }
}

/// Opening sets what is needed, or refuses; what is shown here is how the database stands now.
fn settings(inspection: &Inspection, database: &Database) -> Option<Finding> {
    const NAME: &str = "settings";
    if inspection.settings.is_empty() {
        return None;
    }
    let shown: Vec<String> =
        inspection.settings.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let said = shown.join(", ");
    let is_other = |wanted: &str, value: &str| {
        inspection.settings.iter().any(|(name, found)| *name == wanted && found != value)
    };
    let has_tables = !inspection.applied.is_empty();
    let may_lose = matches!(database, Database::Sqlite(_))
        && (is_other("synchronous", "2") || (has_tables && is_other("journal_mode", "wal")));
    Some(if may_lose {
        Finding::warn(
            NAME,
            format!("{said}; synchronous 2 (FULL) and journal_mode wal keep what was accepted"),
            "The next start sets them, and says so if SQLite refuses, as on some network file systems.",
        )
    } else {
        Finding::ok(NAME, said)
    })
}

/// What PostgreSQL's configuration, and what is before it, may do to it.
fn of_server(inspection: &Inspection) -> Vec<Finding> {
    let is = |wanted: &str, value: &str| {
        inspection.settings.iter().any(|(name, found)| *name == wanted && found == value)
    };
    let mut findings = Vec::new();
    if is("full_page_writes", "off") {
        findings.push(Finding::warn(
            "full_page_writes",
            "PostgreSQL's full_page_writes is off: a power cut in the middle of a page's writing damages it",
            "Switch it on (`ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf()`), unless the file system writes \
             pages whole, as ZFS does.",
        ));
    }
    if is("autovacuum", "off") {
        findings.push(Finding::warn(
            "autovacuum",
            "PostgreSQL's autovacuum is off: the queue's table grows with every delivery, and the server stops at last",
            "Switch it on (`ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf()`).",
        ));
    }
    if inspection.session_is_older_by_ms.is_some_and(|ms| ms > POOLED_MS) {
        findings.push(Finding::warn(
            "pooler",
            "the session is older than the connection: there is a pooler before PostgreSQL",
            "If it pools by transaction, add statement-cache-capacity=0 to the database's URL: prepared statements belong to a \
             session.",
        ));
    }
    findings
}

/// Events and attempts of a day without a partition are refused until it is made.
fn partitions(days_ahead: i64) -> Finding {
    const NAME: &str = "partitions";
    const ADVICE: &str = "A running server makes them within half a minute, and its log says why it cannot: look for `partitions of \
        the next day`. Mostly the role may not create tables any more, or a table has their name.";
    match days_ahead {
        ..0 => Finding::fail(NAME, "events and attempts of today have no partition", ADVICE),
        0 => Finding::warn(NAME, "events and attempts have no partition for tomorrow (UTC)", ADVICE),
        _ => Finding::ok(NAME, "events and attempts have partitions for today and tomorrow"),
    }
}

/// Whether the database's secrets can be read with the key there is.
fn secrets_key(source: &SecretsKeySource, known: Option<&str>) -> Finding {
    const NAME: &str = "secrets key";
    const ADVICE: &str = "Name the right file in GROUNDSWELL_SECRETS_KEY_FILE; the backup of the key has it.";
    match (source.read(), source, known) {
        (Ok(key), _, None) => {
            Finding::ok(NAME, format!("{} is there; the next start encrypts with it", key.id()))
        }
        (Ok(key), _, Some(known)) if key.id().to_string() == known => {
            Finding::ok(NAME, format!("{known} is there, and the database's secrets are encrypted with it"))
        }
        (Ok(key), _, Some(known)) => Finding::fail(
            NAME,
            format!(
                "the database's secrets are encrypted with the key {known}, and the one given is {}",
                key.id()
            ),
            ADVICE,
        ),
        (Err(KeyFileError::Missing(_)), SecretsKeySource::Own(path), None) => {
            Finding::ok(NAME, format!("the first start makes one in {}", path.display()))
        }
        (Err(KeyFileError::Missing(path)), _, Some(known)) => {
            Finding::fail(NAME, missing(&path, known), ADVICE)
        }
        (Err(error), _, _) => Finding::fail(NAME, error.to_string(), ADVICE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_database_is_told_by_its_version() {
        let database = Database::Sqlite("g.db".into());
        let level = |inspection: Inspection| version(&inspection, &database).level;
        let applied = vec![1, 2];
        assert_eq!(level(Inspection::default()), Level::Ok);
        assert_eq!(level(Inspection { applied: applied.clone(), ..Inspection::default() }), Level::Ok);
        let missing = vec![(3, "new".to_owned())];
        assert_eq!(
            level(Inspection { applied: applied.clone(), missing, ..Inspection::default() }),
            Level::Warn
        );
        assert_eq!(level(Inspection { applied, newer: Some(99), ..Inspection::default() }), Level::Fail);
    }

    #[test]
    fn a_session_that_is_older_than_its_connection_is_a_poolers() {
        let names = |older_ms| {
            let inspection = Inspection { session_is_older_by_ms: older_ms, ..Inspection::default() };
            of_server(&inspection).iter().map(|finding| finding.name).collect::<Vec<_>>()
        };
        assert_eq!((names(None), names(Some(5)), names(Some(60_000))), (vec![], vec![], vec!["pooler"]));
    }

    #[test]
    fn missing_partitions_are_pointed_out_before_it_hurts() {
        assert_eq!(
            [1, 7, 0, -1].map(|days| partitions(days).level),
            [Level::Ok, Level::Ok, Level::Warn, Level::Fail]
        );
    }

    #[test]
    fn settings_that_lose_data_are_pointed_out() {
        let database = Database::Sqlite("g.db".into());
        let level = |journal: &str| {
            let settings = vec![("journal_mode", journal.to_owned()), ("synchronous", "2".to_owned())];
            let inspection = Inspection { applied: vec![1], settings, ..Inspection::default() };
            settings_level(&inspection, &database)
        };
        assert_eq!((level("wal"), level("delete")), (Some(Level::Ok), Some(Level::Warn)));
    }

    fn settings_level(inspection: &Inspection, database: &Database) -> Option<Level> {
        settings(inspection, database).map(|finding| finding.level)
    }
}

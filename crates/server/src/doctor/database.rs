//! Where everything is stored: room, rights, version, settings.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use groundswell_engine::store::inspection::Inspection;
use groundswell_engine::store::vault::KeyFileError;

use super::Finding;
use crate::config::{Config, Database, SecretsKeySource};
use crate::migrate::look;
use crate::secrets::missing;

/// Less free room is soon none.
const LITTLE_BYTES: u64 = 1 << 30;

/// With less, the next few thousand events fill the disk.
const TOO_LITTLE_BYTES: u64 = 100 << 20;

/// What there is to say about the database and the disk it is on.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let database = &config.database;
    let mut findings = Vec::new();
    if let Database::Sqlite(path) = database {
        let directory = existing_directory(path);
        findings.push(writable(path, &directory));
        findings.push(room(&directory));
    }
    match look(database).await {
        Ok(inspection) => {
            findings.push(version(&inspection, database));
            findings.extend(settings(&inspection, database));
            findings.push(secrets_key(&config.secrets, inspection.secrets_key.as_deref()));
        }
        Err(error) => findings.push(Finding::fail(
            "database",
            error.to_string(),
            "Check GROUNDSWELL_DATABASE_URL, and whether this user may read the database.",
        )),
    }
    findings
}

/// The directory of the database, or the nearest one above it that is there.
fn existing_directory(path: &Path) -> PathBuf {
    let own = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let existing = own.ancestors().find(|one| one.is_dir());
    existing.filter(|one| !one.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// SQLite makes files beside the database, so the directory counts as much as the file.
fn writable(path: &Path, directory: &Path) -> Finding {
    const NAME: &str = "directory";
    let probe = directory.join(format!(".groundswell-doctor-{}", std::process::id()));
    let made = OpenOptions::new().write(true).create_new(true).open(&probe);
    let tried = made.and_then(|_| std::fs::remove_file(&probe));
    let tried = tried.and_then(|()| {
        if path.exists() { OpenOptions::new().append(true).open(path).map(drop) } else { Ok(()) }
    });
    match tried {
        Ok(()) => Finding::ok(NAME, format!("{} can be written to", directory.display())),
        Err(error) => Finding::fail(
            NAME,
            format!("the database in {} cannot be written: {error}", directory.display()),
            "Run as the user who owns the directory and the files in it, or change their owner.",
        ),
    }
}

fn room(directory: &Path) -> Finding {
    const NAME: &str = "disk";
    let room = match rustix::fs::statvfs(directory) {
        Ok(room) => room.f_bavail.saturating_mul(room.f_frsize),
        Err(error) => {
            let said = format!("how much room there is in {} cannot be read: {error}", directory.display());
            return Finding::warn(NAME, said, "Look with `df`.");
        }
    };
    let said = format!("{} free in {}", size(room), directory.display());
    let advice =
        "Make room. A full disk refuses new events with 507; a shorter GROUNDSWELL_RETENTION_MS keeps less.";
    match room {
        ..TOO_LITTLE_BYTES => Finding::fail(NAME, said, advice),
        TOO_LITTLE_BYTES..LITTLE_BYTES => Finding::warn(NAME, said, advice),
        _ => Finding::ok(NAME, said),
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 { format!("{} GiB", bytes >> 30) } else { format!("{} MiB", bytes >> 20) }
}

fn version(inspection: &Inspection, database: &Database) -> Finding {
    const NAME: &str = "database";
    let shown = database.shown();
    let newest = inspection.applied.iter().max();
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

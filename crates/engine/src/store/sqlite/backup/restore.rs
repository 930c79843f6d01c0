//! A copy put where a server will open it.
//!
//! Ids must not be made twice: a receiver that knows the id of an event throws a second event of that id away. What was
//! accepted after the copy was made is not in it, so the copy is told that the highest id is the one of this moment, and
//! of the database that it replaces if there is one: whatever the clock does afterwards, ids go on above it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use groundswell_types::EventId;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::unfinished::Unfinished;
use super::{
    BUSY_TIMEOUT, Existing, Inventory, OF_UNFINISHED, Step, Watch, check, copy, is_same, open_source,
    with_suffix,
};
use crate::store::calendar::utc;
use crate::store::sqlite::lock::Lock;
use crate::store::sqlite::open;
use crate::store::{StoreError, directory};

const RAISE_HIGHEST: &str = "
    INSERT INTO meta (name, value) VALUES ('highest_event_id', ?1)
    ON CONFLICT (name) DO UPDATE SET value = MAX(value, excluded.value)";

const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// What belongs to a database beside its own file. Its lock stays: it is held. So does its key.
const BESIDE: [&str; 6] = ["-wal", "-shm", "-journal", ".inbox", ".inbox-wal", ".inbox-shm"];

/// What is put where.
#[derive(Debug, Clone, Copy)]
pub struct RestoreOrder<'a> {
    /// The copy.
    pub backup: &'a Path,
    /// Where the server will open it.
    pub target: &'a Path,
    /// What to do with a database that is there.
    pub existing: Existing,
    /// Unix milliseconds.
    pub now_ms: i64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What is in it now.
    pub inventory: Inventory,
    /// What the database that was there is called now.
    pub set_aside: Option<PathBuf>,
    /// Whether that one could still say which ids it had made; true if there was none.
    pub knows_replaced_ids: bool,
}

/// Puts a copy that was checked in its place, and checks it there. The lock of the database is held meanwhile, so no
/// server opens either.
pub fn restore(
    order: RestoreOrder<'_>,
    checked: &Inventory,
    watch: Watch<'_>,
) -> Result<Restored, StoreError> {
    let Watch { tell, abandon } = watch;
    let RestoreOrder { backup, target, existing, now_ms } = order;
    if is_same(backup, target) {
        return Err(StoreError::Unusable(format!("{} is that database already", backup.display())));
    }
    open::create_directory(target)?;
    let lock = Lock::take(target, now_ms)?;
    // Root restores what the server will open as another user.
    lock.give_to_owner(target)?;
    let is_there = target.exists() || with_suffix(target, "-wal").exists();
    if is_there && existing == Existing::Refuse {
        return Err(StoreError::Unusable(format!(
            "there is a database at {} already; restore to another path with --database-url, or say --replace, which sets \
             it aside",
            target.display()
        )));
    }
    let unfinished = Unfinished::beside(target, abandon)?;
    unfinished.give_to_owner()?;
    copy(&open_source(backup)?, backup, &unfinished, tell)?;
    let replaced = if is_there { highest_of_closed(target)? } else { Replaced::Knows(None) };
    let made = [checked.highest_event_id, replaced.highest()].into_iter().flatten();
    raise_highest(unfinished.path(), made.fold(crate::id::first_at(now_ms), EventId::max))?;
    unfinished.sync()?;
    tell(Step::Checking);
    let inventory = check(unfinished.path())?;
    let comparable = |one: &Inventory| Inventory { highest_event_id: None, bytes: 0, ..one.clone() };
    if comparable(&inventory) != comparable(checked) {
        return Err(StoreError::Damaged(format!("{} changed while it was read", backup.display())));
    }
    let set_aside = unfinished
        .finish(target, || if is_there { set_aside(target, now_ms).map(Some) } else { Ok(None) })?;
    let knows_replaced_ids = matches!(replaced, Replaced::Knows(_));
    Ok(Restored { inventory, set_aside, knows_replaced_ids })
}

/// What a database that is about to be replaced says of the ids that it has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replaced {
    /// The highest.
    Knows(Option<EventId>),
    /// It is damaged.
    Damaged,
}

impl Replaced {
    fn highest(self) -> Option<EventId> {
        match self {
            Self::Knows(highest) => highest,
            Self::Damaged => None,
        }
    }
}

/// The highest id of a database that is about to be replaced, closed with everything in one file. One that is damaged
/// does not know. A later version's does: going back to the version before it replaces it by the backup from then.
///
/// Refuses one that another program has open. It would go on with the log under the old name, which is the new one's then.
fn highest_of_closed(path: &Path) -> Result<Replaced, StoreError> {
    let in_use = || {
        StoreError::Unusable(format!(
            "another program reads the database {}; stop that program first",
            path.display()
        ))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = || -> rusqlite::Result<_> {
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        // Whoever reads what is in the log keeps it from being emptied, which is no error but a row.
        let is_read: bool = db.query_row(EMPTY_LOG, [], |row| row.get(0))?;
        let highest = check::highest_event_id(&db)?;
        db.close().map_err(|(_, error)| error)?;
        Ok((is_read, highest))
    };
    match read() {
        Err(error) if is_locked(&error) => Err(in_use()),
        Err(_) => Ok(Replaced::Damaged),
        // The last one who closes a database removes its log.
        Ok(_) if with_suffix(path, "-wal").exists() => Err(in_use()),
        Ok((true, _)) => Err(in_use()),
        Ok((false, highest)) => Ok(Replaced::Knows(highest)),
    }
}

/// Whether somebody else keeps the database to themselves.
fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn raise_highest(path: &Path, highest: EventId) -> Result<(), StoreError> {
    let failed =
        |error: rusqlite::Error| StoreError::Unusable(format!("cannot write {}: {error}", path.display()));
    let db = Connection::open_with_flags(path, OF_UNFINISHED).map_err(failed)?;
    db.execute(RAISE_HIGHEST, [highest.number()]).map_err(failed)?;
    db.close().map_err(|(_, error)| failed(error))
}

/// Gives a database another name, so that nothing that was in it is lost. Its own file keeps the old name as well until
/// the new one takes it: a start in between finds one of the two, never none. A log would be taken for the new one's, so
/// it goes first; there is none unless the database is damaged.
fn set_aside(target: &Path, now_ms: i64) -> Result<PathBuf, StoreError> {
    let aside = with_suffix(target, &format!(".replaced-{}", utc(now_ms).replace(':', "-")));
    let failed = |error: io::Error| {
        StoreError::Unusable(format!(
            "cannot set the database {} aside as {}: {error}",
            target.display(),
            aside.display()
        ))
    };
    if aside.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    for suffix in BESIDE {
        match fs::rename(with_suffix(target, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    match fs::hard_link(target, &aside) {
        // Some file systems have no second names.
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            fs::rename(target, &aside).map_err(failed)?;
        }
        _ => {}
    }
    directory::sync_of(target).map_err(failed)?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::super::Abandon;
    use super::*;

    #[test]
    fn a_database_that_another_program_has_open_is_not_replaced() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("g.db");
        let other = Connection::open(&path).expect("a new database");
        let made = "PRAGMA journal_mode = WAL;
            CREATE TABLE event (id INTEGER PRIMARY KEY);
            CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER);
            INSERT INTO event VALUES (7)";
        other.execute_batch(made).expect("SQL");
        let refused = || highest_of_closed(&path).expect_err("it is open").to_string();
        assert!(refused().contains("another program reads the database "), "{}", refused());
        other.execute_batch("BEGIN; SELECT * FROM event").expect("SQL");
        assert!(refused().contains("stop that program first"), "{}", refused());
        other.execute_batch("COMMIT").expect("SQL");
        other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; INSERT INTO event VALUES (6)").expect("SQL");
        assert!(refused().contains("stop that program first"), "{}", refused());
        other.close().expect("nothing is under way");
        let known = Replaced::Knows(Some(EventId::from_number(7)));
        assert_eq!(highest_of_closed(&path).expect("nobody has it open"), known);
        fs::write(&path, "no database").expect("it can be written");
        assert_eq!(highest_of_closed(&path).expect("nobody has it open"), Replaced::Damaged);
    }
    #[test]
    fn a_link_put_in_the_place_of_a_copy_is_not_written_through() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (target, other) = (directory.path().join("g.db"), directory.path().join("other.db"));
        let made = "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER)";
        Connection::open(&other).and_then(|db| db.execute_batch(made)).expect("a new database");
        let before = fs::read(&other).expect("is there");
        let unfinished = Unfinished::beside(&target, &Abandon::default()).expect("it can be written");
        fs::remove_file(unfinished.path()).expect("is there");
        std::os::unix::fs::symlink(&other, unfinished.path()).expect("a link");
        raise_highest(unfinished.path(), EventId::from_number(7)).expect_err("it is a link");
        let source = open_source(&other).expect("a database");
        copy(&source, &other, &unfinished, &mut |_| ()).expect_err("it is a link");
        assert_eq!(fs::read(&other).expect("is there"), before);
    }
}

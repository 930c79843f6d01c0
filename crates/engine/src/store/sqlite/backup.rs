//! A database copied into one file while it is in use, and such a file put back.
//!
//! The pages are copied through SQLite's backup interface within one read transaction: the copy is the database at the
//! moment the copying began, however much is committed meanwhile, and nobody who writes waits for it. (Without that
//! transaction SQLite begins anew after each commit of another process, and under load never comes to an end.) `VACUUM
//! INTO` would do the same in one call, but builds every index anew and cannot be slowed down. A copy appears under its
//! name only once it is on the disk and was read back whole.

mod check;
mod restore;
mod unfinished;

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use groundswell_types::EventId;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use self::unfinished::Unfinished;
use crate::store::StoreError;

pub(super) use self::check::identity;
pub use self::check::{check, check_secrets};
pub use self::restore::{RestoreOrder, Restored, restore};
pub use self::unfinished::{Abandon, GivenUp};

/// Copied at once; in between progress is told.
const STEP_PAGES: i32 = 256;

/// What was copied is synced so often. Were it left to the end, the server's own syncs would wait for all of it.
const SYNC_BYTES: u64 = 8 << 20;

/// How long a lock is waited for: only the recovery of a log after a crash holds one that keeps readers out.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const BEGIN: &str = "BEGIN";

/// Whoever may write in the directory could put a link in its place, through which root would write elsewhere.
const OF_UNFINISHED: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE
    .union(OpenFlags::SQLITE_OPEN_NO_MUTEX)
    .union(OpenFlags::SQLITE_OPEN_NOFOLLOW);

const PAGE_BYTES: &str = "PRAGMA page_size";

/// The copy is synced by us, and of no use before it is whole.
const OF_A_COPY: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF";

/// The copied header asks for a write-ahead log beside the file. A backup is one file.
const IN_ONE_FILE: &str = "PRAGMA journal_mode = DELETE";

/// What to do with a file of the wanted name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and nothing is done.
    Refuse,
    /// It makes room.
    Replace,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many bytes are copied.
    Copying {
        /// Of these.
        total_bytes: u64,
        /// Copied so far.
        done_bytes: u64,
    },
    /// What was copied is read back.
    Checking,
}

/// Who looks on while it is copied.
pub struct Watch<'a> {
    /// Is told how far it is.
    pub tell: &'a mut dyn FnMut(Step),
    /// Gives it up.
    pub abandon: &'a Abandon,
}

/// What is in a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The newest migration that was made.
    pub schema: i64,
    /// The highest event id ever stored.
    pub highest_event_id: Option<EventId>,
    /// What the key is called that its secrets are sealed with.
    pub secrets_key: Option<String>,
    /// Programs.
    pub programs: i64,
    /// Webhooks that are not deleted.
    pub webhooks: i64,
    /// Events.
    pub events: i64,
    /// Attempts in the log.
    pub attempts: i64,
    /// Deliveries that have not ended, parked ones included.
    pub waiting: i64,
    /// The length of the file.
    pub bytes: u64,
}

impl Inventory {
    /// When the newest event was accepted, Unix milliseconds.
    pub fn newest_event_at_ms(&self) -> Option<i64> {
        self.highest_event_id.map(crate::id::made_at_ms)
    }
}

/// Copies the database at `database` into `file`, reads the copy back, and says what is in it.
///
/// The server may run. Answers [`StoreError::Unusable`] with a sentence for the person who asked.
pub fn back_up(
    database: &Path,
    file: &Path,
    existing: Existing,
    watch: Watch<'_>,
) -> Result<Inventory, StoreError> {
    let Watch { tell, abandon } = watch;
    refuse(database, file, existing)?;
    let source = open_source(database)?;
    let wanted = identity(&source, database)?;
    let unfinished = Unfinished::beside(file, abandon)?;
    copy(&source, database, &unfinished, tell)?;
    drop(source);
    tell(Step::Checking);
    let inventory = check(unfinished.path())?;
    if wanted != inventory.identity() {
        return Err(StoreError::Damaged(format!("the copy of {} is another database", database.display())));
    }
    unfinished.finish(file, || refuse(database, file, existing))?;
    Ok(inventory)
}

/// Refuses names that are taken.
fn refuse(database: &Path, file: &Path, existing: Existing) -> Result<(), StoreError> {
    if !database.exists() {
        return Err(StoreError::Unusable(format!("there is no database at {}", database.display())));
    }
    let said = if is_same(database, file) {
        "is the database itself; a backup needs a name of its own".to_owned()
    } else if with_suffix(file, "-wal").exists() {
        "is a database that is in use, or was not closed; choose another name".to_owned()
    } else if existing == Existing::Refuse && file.exists() {
        "is there already; choose another name, or say --overwrite".to_owned()
    } else {
        return Ok(());
    };
    Err(StoreError::Unusable(format!("{} {said}", file.display())))
}

fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    identity(one).is_some_and(|found| Some(found) == identity(other))
}

/// Whether this is the name of an open file.
fn is_of(file: &File, path: &Path) -> bool {
    let identity = |found: &Metadata| (found.dev(), found.ino());
    file.metadata().is_ok_and(|open| {
        std::fs::symlink_metadata(path).is_ok_and(|named| identity(&open) == identity(&named))
    })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens a file that is only read, and keeps its state from here on.
pub(super) fn open_source(path: &Path) -> Result<Connection, StoreError> {
    let unreadable = |error: rusqlite::Error| {
        StoreError::Unusable(format!("cannot read the database {}: {error}", path.display()))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(path, flags).map_err(unreadable)?;
    source.busy_timeout(BUSY_TIMEOUT).map_err(unreadable)?;
    source.execute_batch(BEGIN).map_err(unreadable)?;
    Ok(source)
}

/// Copies all pages of an open source, as it was when it was first read.
fn copy(
    source: &Connection,
    database: &Path,
    unfinished: &Unfinished,
    tell: &mut dyn FnMut(Step),
) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| {
        let said = format!(
            "cannot copy the database {} to {}: {error}",
            database.display(),
            unfinished.path().display()
        );
        StoreError::Unusable(said)
    };
    let page_bytes: i64 = source.query_row(PAGE_BYTES, [], |row| row.get(0)).map_err(failed)?;
    let page_bytes = page_bytes.unsigned_abs();
    let mut copy = Connection::open_with_flags(unfinished.path(), OF_UNFINISHED).map_err(failed)?;
    copy.execute_batch(OF_A_COPY).map_err(failed)?;
    {
        let backup = Backup::new(source, &mut copy).map_err(failed)?;
        let mut unsynced_bytes = 0;
        let mut is_first = true;
        loop {
            let step = backup.step(STEP_PAGES).map_err(failed)?;
            let progress = backup.progress();
            let pages = |count: i32| u64::from(count.unsigned_abs()) * page_bytes;
            let total_bytes = pages(progress.pagecount);
            if std::mem::take(&mut is_first) {
                unfinished.needs(total_bytes)?;
            }
            tell(Step::Copying { total_bytes, done_bytes: total_bytes - pages(progress.remaining) });
            unsynced_bytes += pages(STEP_PAGES);
            if unsynced_bytes >= SYNC_BYTES {
                unfinished.sync()?;
                unsynced_bytes = 0;
            }
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                _ => return Err(StoreError::Unusable(format!("{} is locked", database.display()))),
            }
        }
    }
    copy.query_row(IN_ONE_FILE, [], |_| Ok(())).map_err(failed)?;
    copy.close().map_err(|(_, error)| failed(error))?;
    unfinished.sync()
}

//! The record of what SQLite does to the files of one directory, and the faults it is given.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::vfs;

/// Something done to a file or to the directory. Files are numbered as they are created; a name that is deleted and
/// created again is another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    Create {
        name: String,
        file: usize,
    },
    Write {
        file: usize,
        offset: usize,
        bytes: Vec<u8>,
    },
    /// Cuts a file off, or extends it with zeros.
    Resize {
        file: usize,
        bytes: usize,
    },
    /// What was done to the file's content before is on the disk, unless a sync failed in between.
    Sync {
        file: usize,
    },
    /// What was done to the file's content before may be on the disk or not, for ever: Linux forgets after a failed
    /// fsync what it could not write, and the next one succeeds.
    FailedSync {
        file: usize,
    },
    Delete {
        name: String,
    },
    /// What was created and deleted before is so on the disk.
    SyncDirectory,
}

/// A watched directory.
#[derive(Debug)]
pub struct Disk {
    purpose: Purpose,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Record,
    /// Nothing is recorded, and nothing synced: what is opened here is looked at and thrown away.
    Scratch,
}

#[derive(Debug, Default)]
struct State {
    operations: Vec<Operation>,
    files: HashMap<String, usize>,
    next_file: usize,
    /// So many more syncs succeed; none when all do.
    good_syncs: Option<usize>,
    is_full: bool,
}

static DISKS: LazyLock<Mutex<HashMap<PathBuf, Arc<Disk>>>> = LazyLock::new(Mutex::default);

impl Disk {
    /// Records from now on what SQLite does in `directory`, and nothing below it. Comes before anything there is
    /// opened.
    pub fn watch(directory: &Path) -> Arc<Self> {
        Self::add(directory, Purpose::Record)
    }

    /// Lets databases in `directory` be opened without a single real fsync.
    pub fn scratch(directory: &Path) -> Arc<Self> {
        Self::add(directory, Purpose::Scratch)
    }

    fn add(directory: &Path, purpose: Purpose) -> Arc<Self> {
        vfs::install();
        // SQLite asks for files by their real path.
        let directory = directory.canonicalize().expect("the directory exists");
        let disk = Arc::new(Self { purpose, state: Mutex::default() });
        disks().insert(directory, Arc::clone(&disk));
        disk
    }

    /// The disk that a file is on, if its directory is watched.
    pub(crate) fn of(path: &Path) -> Option<Arc<Self>> {
        disks().get(path.parent()?).cloned()
    }

    /// How much has been recorded: what is acknowledged now must survive every power cut from here on.
    pub fn position(&self) -> usize {
        self.state().operations.len()
    }

    /// Everything recorded so far.
    pub fn record(&self) -> Vec<Operation> {
        self.state().operations.clone()
    }

    /// After so many more fsyncs every one fails.
    pub fn fail_syncs_after(&self, good: usize) {
        self.state().good_syncs = Some(good);
    }

    /// From now on fsyncs succeed again.
    pub fn mend(&self) {
        self.state().good_syncs = None;
    }

    /// From now on there is no room for a file to grow, or there is again. What a file has, it can overwrite.
    pub fn fill(&self, is_full: bool) {
        self.state().is_full = is_full;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, operation: Operation) {
        if self.purpose == Purpose::Record {
            self.state().operations.push(operation);
        }
    }

    /// The number of the file of that name, which is new if it is not known.
    pub(crate) fn open(&self, name: &str) -> usize {
        let mut state = self.state();
        if let Some(file) = state.files.get(name) {
            return *file;
        }
        let file = state.next_file;
        state.next_file += 1;
        state.files.insert(name.to_owned(), file);
        drop(state);
        self.note(Operation::Create { name: name.to_owned(), file });
        file
    }

    pub(crate) fn wrote(&self, file: usize, offset: usize, bytes: &[u8]) {
        self.note(Operation::Write { file, offset, bytes: bytes.to_vec() });
    }

    pub(crate) fn resized(&self, file: usize, bytes: usize) {
        self.note(Operation::Resize { file, bytes });
    }

    /// Whether the sync succeeds.
    pub(crate) fn sync(&self, file: usize) -> bool {
        let left = self.state().good_syncs;
        let fails = left == Some(0);
        self.state().good_syncs = left.map(|left| left.saturating_sub(1));
        self.note(if fails { Operation::FailedSync { file } } else { Operation::Sync { file } });
        !fails
    }

    pub(crate) fn synced_directory(&self) {
        self.note(Operation::SyncDirectory);
    }

    pub(crate) fn deleted(&self, name: &str) {
        let known = self.state().files.remove(name);
        if known.is_some() {
            self.note(Operation::Delete { name: name.to_owned() });
        }
    }

    /// Whether a file of `size` bytes may become one of `wanted`.
    pub(crate) fn has_room(&self, size: usize, wanted: usize) -> bool {
        wanted <= size || !self.state().is_full
    }
}

fn disks() -> MutexGuard<'static, HashMap<PathBuf, Arc<Disk>>> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner)
}

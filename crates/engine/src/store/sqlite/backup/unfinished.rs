//! A file that is not there yet: written under another name beside it, for this user alone.

use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::with_suffix;
use crate::store::sqlite::lock::private;
use crate::store::{StoreError, directory};

/// Kept free beyond what the copy takes.
const SPARE_BYTES: u64 = 16 << 20;

/// By which another thread gives a copy up, at any time: a process that is told to stop cannot wait for the end of a check,
/// and would leave its half of a database behind.
#[derive(Debug, Clone, Default)]
pub struct Abandon(Arc<Mutex<Option<PathBuf>>>);

impl Abandon {
    /// Removes what is not finished. Nothing gets its name afterwards.
    pub fn now(&self) {
        if let Some(path) = self.unfinished().take() {
            remove(&path);
        }
    }

    fn unfinished(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removed when it is dropped before it is finished.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
    /// Open until the end: closing it would give up the locks that SQLite has on the file.
    file: File,
    abandon: Abandon,
}

impl Unfinished {
    /// Begins one. What a process that was killed has left of the same name is begun anew.
    pub(super) fn beside(wanted: &Path, abandon: &Abandon) -> Result<Self, StoreError> {
        let path = with_suffix(wanted, ".unfinished");
        directory::make(wanted).map_err(|error| unwritable(&path, &error))?;
        let file = private(&path).map_err(|error| unwritable(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Unusable(format!(
                    "another process is writing {}; wait for it",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(&path, &error)),
        }
        // One that is there already may be anybody's to read.
        file.set_permissions(Permissions::from_mode(0o600))
            .and_then(|()| file.set_len(0))
            .map_err(|error| unwritable(&path, &error))?;
        *abandon.unfinished() = Some(path.clone());
        Ok(Self { path, file, abandon: abandon.clone() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses early what could not be finished.
    pub(super) fn needs(&self, bytes: u64) -> Result<(), StoreError> {
        let room = rustix::fs::fstatvfs(&self.file)
            .map_err(|error| unwritable(&self.path, &io::Error::from(error)))?;
        let free_bytes = room.f_bavail.saturating_mul(room.f_frsize);
        if free_bytes >= bytes.saturating_add(SPARE_BYTES) {
            return Ok(());
        }
        Err(StoreError::Unusable(format!(
            "the copy needs {} MiB, and where {} lies there are {} MiB free; make room, or choose another place",
            (bytes >> 20) + 1,
            self.path.display(),
            free_bytes >> 20
        )))
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_all().map_err(|error| unwritable(&self.path, &error))
    }

    /// Has the owner of its directory own it, if root has made it.
    pub(super) fn give_to_owner(&self) -> Result<(), StoreError> {
        directory::give_to_owner(&self.path, &self.file).map_err(|error| unwritable(&self.path, &error))
    }

    /// Gives it its name, on the disk when this returns.
    pub(super) fn finish(self, wanted: &Path) -> Result<(), StoreError> {
        self.sync()?;
        {
            let mut unfinished = self.abandon.unfinished();
            if unfinished.is_none() {
                return Err(StoreError::Unusable(format!("{} was given up", self.path.display())));
            }
            std::fs::rename(&self.path, wanted).map_err(|error| unwritable(wanted, &error))?;
            *unfinished = None;
        }
        directory::sync_of(wanted).map_err(|error| unwritable(wanted, &error))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.abandon.now();
    }
}

fn remove(path: &Path) {
    // The next one of this name begins it anew in any case.
    let _ = std::fs::remove_file(path);
}

fn unwritable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unusable(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_refused_before_it_is_written() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let wanted = directory.path().join("g.backup");
        let unfinished = Unfinished::beside(&wanted, &Abandon::default()).expect("it can be written");
        unfinished.needs(1).expect("there is room for a byte");
        let said = unfinished.needs(1 << 60).expect_err("no disk has so much").to_string();
        assert!(said.contains("the copy needs 1099511627777 MiB") && said.contains("make room"), "{said}");
        drop(unfinished);
        assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
    }

    #[test]
    fn what_was_given_up_is_gone_and_never_gets_its_name() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let wanted = directory.path().join("g.backup");
        let abandon = Abandon::default();
        let unfinished = Unfinished::beside(&wanted, &abandon).expect("it can be written");
        abandon.now();
        unfinished.finish(&wanted).expect_err("it is gone");
        let finished = Unfinished::beside(&wanted, &abandon).expect("it can be written");
        finished.finish(&wanted).expect("finishes");
        abandon.now();
        assert!(wanted.exists(), "what is finished stays");
        assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 1);
    }

    #[test]
    fn two_that_write_the_same_file_do_not_mix() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let wanted = directory.path().join("g.backup");
        let first = Unfinished::beside(&wanted, &Abandon::default()).expect("it can be written");
        let said =
            Unfinished::beside(&wanted, &Abandon::default()).expect_err("is being written").to_string();
        assert!(said.contains("another process is writing "), "{said}");
        first.finish(&wanted).expect("finishes");
        Unfinished::beside(&wanted, &Abandon::default()).expect("is free again");
    }
}

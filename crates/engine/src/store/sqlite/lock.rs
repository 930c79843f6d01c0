//! The lock file beside the database: one process per file. SQLite itself would let a second one in, and both would
//! deliver everything.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::store::calendar::utc;
use crate::store::{StoreError, directory};

/// Held until dropped. The file stays: removing it would let two processes lock two files of one name.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is just being started has its descriptors until it runs, and
        // with this one the lock.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock, or says who holds it.
    pub(super) fn take(database: &Path, opened_at_ms: i64) -> Result<Self, StoreError> {
        let path = path(database);
        let unusable = |error| unusable(&path, &error);
        let mut file = private_alone(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(database, &mut file)),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let holder = format!("process {} since {}\n", std::process::id(), utc(opened_at_ms));
        file.set_len(0).and_then(|()| file.write_all(holder.as_bytes())).map_err(unusable)?;
        Ok(Self { file })
    }

    /// Has the owner of the database's directory own the lock, if root has made it.
    pub(super) fn give_to_owner(&self, database: &Path) -> Result<(), StoreError> {
        let path = path(database);
        directory::give_to_owner(&path, &self.file).map_err(|error| unusable(&path, &error))
    }
}

fn unusable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unusable(format!("cannot use the lock file {}: {error}", path.display()))
}

fn path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Opens a file, creating it for this user alone.
pub(super) fn private(path: &Path) -> io::Result<File> {
    options_of_private().open(path)
}

fn options_of_private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}

/// The same of a file that nobody but us has reason to make. The directory may be a service's, and who opens the file root:
/// through a link of the service's, root would empty any file, and give it away.
pub(super) fn private_alone(path: &Path) -> io::Result<File> {
    let no_links = rustix::fs::OFlags::NOFOLLOW.bits();
    let refused = |why: &str| io::Error::other(format!("it {why}; remove it"));
    let file = options_of_private().custom_flags(no_links.cast_signed()).open(path).map_err(|error| {
        let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
        if is_link { refused("is a symbolic link") } else { error }
    })?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(refused("is no file"));
    }
    if found.nlink() > 1 {
        return Err(refused("has another name as well"));
    }
    Ok(file)
}

fn taken(database: &Path, file: &mut File) -> StoreError {
    let mut holder = String::new();
    // What cannot be read is left out of the message; the lock is what counts.
    let _ = file.rewind().and_then(|()| file.take(200).read_to_string(&mut holder));
    let holder = if holder.trim().is_empty() { "another process" } else { holder.trim() };
    StoreError::Unusable(format!(
        "the database {} is in use by {holder}; stop that process first, or use another file",
        database.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_dropped_is_free_though_a_new_process_still_has_its_descriptor() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database = directory.path().join("groundswell.db");
        let lock = Lock::take(&database, 0).expect("is free");
        let inherited = lock.file.try_clone().expect("another descriptor");
        Lock::take(&database, 0).expect_err("is held");
        drop(lock);
        Lock::take(&database, 0).expect("is free again");
        drop(inherited);
    }

    #[test]
    fn a_lock_is_never_another_file() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let database = directory.path().join("groundswell.db");
        let other = directory.path().join("other");
        std::fs::write(&other, "of somebody else").expect("it can be written");
        let refused = || Lock::take(&database, 0).expect_err("is refused").to_string();
        let lock = path(&database);
        std::os::unix::fs::symlink(&other, &lock).expect("a link");
        let said = refused();
        assert!(said.contains("groundswell.db.lock: it is a symbolic link; remove it"), "{said}");
        std::fs::remove_file(&lock).expect("is there");
        std::fs::hard_link(&other, &lock).expect("a second name");
        let said = refused();
        assert!(said.contains("groundswell.db.lock: it has another name as well; remove it"), "{said}");
        assert_eq!(std::fs::read(&other).expect("is there"), b"of somebody else");
    }
}

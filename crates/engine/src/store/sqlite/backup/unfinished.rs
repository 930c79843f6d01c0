//! A file that is not there yet: written under another name beside it, for this user alone.

use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{is_of, with_suffix};
use crate::store::sqlite::lock::private_alone;
use crate::store::{StoreError, directory};

/// Kept free beyond what the copy takes.
const SPARE_BYTES: u64 = 16 << 20;

/// By which another thread gives a copy up, at any time: a process that is told to stop cannot wait for the end of a check,
/// and would leave its half of a database behind.
#[derive(Debug, Clone, Default)]
pub struct Abandon(Arc<Mutex<Option<PathBuf>>>);

/// While this is held, whoever copies can neither begin, finish nor fail: it waits.
#[derive(Debug)]
#[must_use]
pub struct GivenUp<'a> {
    _unfinished: MutexGuard<'a, Option<PathBuf>>,
}

impl Abandon {
    /// Removes what is not finished. Nothing gets its name afterwards.
    pub fn now(&self) -> GivenUp<'_> {
        let mut unfinished = self.unfinished();
        if let Some(path) = unfinished.take() {
            remove(&path);
        }
        GivenUp { _unfinished: unfinished }
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
        let named = with_suffix(wanted, ".unfinished");
        directory::make(wanted).map_err(|error| unwritable(&named, &error))?;
        // Without links, so that SQLite can be told to follow none.
        let path = directory::real(&named).map_err(|error| unwritable(&named, &error))?;
        // Held from before there is a file until it is known that it is to be removed.
        let mut unfinished = abandon.unfinished();
        let file = Self::locked(&path)?;
        *unfinished = Some(path.clone());
        drop(unfinished);
        let begun = Self { path, file, abandon: abandon.clone() };
        // One that is there already may be anybody's to read.
        begun
            .file
            .set_permissions(Permissions::from_mode(0o600))
            .and_then(|()| begun.file.set_len(0))
            .map_err(|error| unwritable(&begun.path, &error))?;
        Ok(begun)
    }

    fn locked(path: &Path) -> Result<File, StoreError> {
        loop {
            let file = private_alone(path).map_err(|error| unwritable(path, &error))?;
            if let Some(locked) = lock(file, path)? {
                return Ok(locked);
            }
        }
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

    /// Makes room and gives it its name, on the disk when this returns. In between it cannot be given up: there would be
    /// neither what made room nor what takes its place.
    pub(super) fn finish<T>(
        self,
        wanted: &Path,
        make_room: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.sync()?;
        let made = {
            let mut unfinished = self.abandon.unfinished();
            if unfinished.is_none() {
                return Err(StoreError::Unusable(format!("{} was given up", self.path.display())));
            }
            let made = make_room()?;
            std::fs::rename(&self.path, wanted).map_err(|error| unwritable(wanted, &error))?;
            *unfinished = None;
            made
        };
        directory::sync_of(wanted).map_err(|error| unwritable(wanted, &error))?;
        Ok(made)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        drop(self.abandon.now());
    }
}

/// Locks an open file. None if it does not have this name any more: whoever had the lock before may have given it its other
/// one, and a finished copy would be written over.
fn lock(file: File, path: &Path) -> Result<Option<File>, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(is_of(&file, path).then_some(file)),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::Unusable(format!("another process is writing {}; wait for it", path.display())))
        }
        Err(TryLockError::Error(error)) => Err(unwritable(path, &error)),
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
        drop(abandon.now());
        unfinished.finish(&wanted, || Ok(())).expect_err("it is gone");
        let finished = Unfinished::beside(&wanted, &abandon).expect("it can be written");
        finished.finish(&wanted, || Ok(())).expect("finishes");
        drop(abandon.now());
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
        first.finish(&wanted, || Ok(())).expect("finishes");
        Unfinished::beside(&wanted, &Abandon::default()).expect("is free again");
    }
    #[test]
    fn while_it_is_given_up_nobody_begins_finishes_or_fails() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let wanted = directory.path().join("g.backup");
        let abandon = Abandon::default();
        let unfinished = Unfinished::beside(&wanted, &abandon).expect("it can be written");
        let given_up = abandon.now();
        std::thread::scope(|scope| {
            let failing = scope.spawn(move || drop(unfinished));
            let beginning = scope.spawn(|| Unfinished::beside(&wanted, &abandon).map(drop));
            for _ in 0..1000 {
                std::thread::yield_now();
            }
            assert!(!failing.is_finished() && !beginning.is_finished(), "they wait");
            assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
            drop(given_up);
        });
    }

    #[test]
    fn a_file_that_has_got_its_name_meanwhile_is_not_written_over() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let wanted = directory.path().join("g.backup");
        let first = Unfinished::beside(&wanted, &Abandon::default()).expect("it can be written");
        let path = first.path().to_owned();
        let opened_by_second = private_alone(&path).expect("it is there");
        first.finish(&wanted, || Ok(())).expect("finishes");
        assert!(lock(opened_by_second, &path).expect("nobody has its lock").is_none());
        let second = Unfinished::beside(&wanted, &Abandon::default()).expect("another file is begun");
        let opened = private_alone(second.path()).expect("it is there");
        lock(opened, second.path()).expect_err("the second has its lock");
    }

    #[test]
    fn what_is_not_a_file_of_its_own_is_not_written_through() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (wanted, other) = (directory.path().join("g.backup"), directory.path().join("other"));
        std::fs::write(&other, "of somebody else").expect("it can be written");
        let name = directory.path().join("g.backup.unfinished");
        std::os::unix::fs::symlink(&other, &name).expect("a link");
        let begin = || Unfinished::beside(&wanted, &Abandon::default()).expect_err("is refused").to_string();
        let said = begin();
        assert!(said.contains("g.backup.unfinished: it is a symbolic link; remove it"), "{said}");
        std::fs::remove_file(&name).expect("is there");
        std::fs::hard_link(&other, &name).expect("a second name");
        let said = begin();
        assert!(said.contains("g.backup.unfinished: it has another name as well; remove it"), "{said}");
        assert_eq!(std::fs::read(&other).expect("is there"), b"of somebody else");
    }
}

//! The file that a key is kept in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{InvalidKey, SecretsKey};
use crate::store::directory;

/// More than this is no key.
const MAX_BYTES: u64 = 1024;

/// Why there is no key from a file, with the remedy.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// There is no such file.
    #[error("the secrets key file {} is not there", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("cannot read the secrets key file {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others than its owner may read or change it.
    #[error(
        "the secrets key file {0} may be read by others than its owner (mode {mode:04o}); run `chmod 600 {0}`",
        .path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// The bits of its mode.
        mode: u32,
    },
    /// There is something else in it.
    #[error("the secrets key file {} has no key in it: {why}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: InvalidKey,
    },
    /// It cannot be made.
    #[error("cannot make the secrets key file {}: {error}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Reads the key that is in a file. Refuses a file that others may read.
pub fn read_key_file(path: &Path) -> Result<SecretsKey, KeyFileError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
        _ => KeyFileError::Unreadable { path: path.to_owned(), error },
    };
    let file = File::open(path).map_err(unreadable)?;
    // Of the file that was opened, so that nobody can put another one in its place meanwhile.
    #[cfg(unix)]
    if let Some(mode) = exposed_mode(&file.metadata().map_err(unreadable)?) {
        return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    SecretsKey::parse(&text).map_err(|why| KeyFileError::Invalid { path: path.to_owned(), why })
}

/// The mode of a file with a secret in it that others than its owner may read or change. None if nobody may but those who
/// are to: its owner, and of a file of root's whoever reads it by its group, since that is how systemd and Kubernetes
/// hand a secret to a service that is not root.
#[cfg(unix)]
pub fn exposed_mode(metadata: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let reader = rustix::process::geteuid();
    let is_handed_over = metadata.uid() == 0 && !reader.is_root();
    exposing_bits(metadata.mode() & 0o7777, if is_handed_over { Hands::OfRoot } else { Hands::Own })
}

/// Whose hands a file with a secret is in.
#[cfg(unix)]
#[derive(Clone, Copy)]
enum Hands {
    Own,
    /// Root's, while somebody else reads it.
    OfRoot,
}

#[cfg(unix)]
const fn exposing_bits(mode: u32, hands: Hands) -> Option<u32> {
    let allowed = match hands {
        Hands::Own => 0o7700,
        Hands::OfRoot => 0o7740,
    };
    if mode & !allowed == 0 { None } else { Some(mode) }
}

/// Makes a file with a new key in it, for this user alone, unless there is one already; reads it in either case. The
/// file appears whole and is on the disk before anything is sealed with its key.
pub fn make_key_file(path: &Path) -> Result<SecretsKey, KeyFileError> {
    let key = SecretsKey::random();
    let unwritable = |error: io::Error| KeyFileError::Unwritable { path: path.to_owned(), error };
    directory::make(path).map_err(unwritable)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.new", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let written = write(&unfinished, &key).and_then(|()| match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    // It may be there in part when writing it has failed.
    let removed = fs::remove_file(&unfinished);
    written.and(removed).and_then(|()| directory::sync_of(path)).map_err(unwritable)?;
    read_key_file(path)
}

fn write(path: &Path, key: &SecretsKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key.text().as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_its_owners_alone_and_is_made_once() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("new/and/g.db.key");
        let made = make_key_file(&path).expect("makes it");
        assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
        let again = make_key_file(&path).expect("reads it");
        assert_eq!(made.id(), again.id());
        let names: Vec<_> = fs::read_dir(path.parent().expect("has one")).expect("readable").collect();
        assert_eq!(names.len(), 1, "nothing is left behind: {names:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("g.db.key");
        make_key_file(&path).expect("makes it");
        for mode in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("is ours");
            let said = read_key_file(&path).expect_err("is refused").to_string();
            assert!(said.contains(&format!("{mode:04o}")) && said.contains("chmod 600 /"), "{said}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("is ours");
        read_key_file(&path).expect("its owner alone may read it");
    }

    #[cfg(unix)]
    #[test]
    fn of_a_file_of_roots_the_group_may_read_it_and_nobody_may_change_it() {
        for (mode, by_root, by_owner) in
            [(0o600, true, true), (0o400, true, true), (0o440, true, false), (0o640, true, false)]
        {
            assert_eq!(exposing_bits(mode, Hands::OfRoot).is_none(), by_root, "{mode:04o}");
            assert_eq!(exposing_bits(mode, Hands::Own).is_none(), by_owner, "{mode:04o}");
        }
        for mode in [0o444, 0o460, 0o644, 0o601, 0o660] {
            assert_eq!(exposing_bits(mode, Hands::OfRoot), Some(mode));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("key");
        assert!(matches!(read_key_file(&path), Err(KeyFileError::Missing(_))));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).and_then(|mut file| file.write_all(b"hunter2")).expect("writes");
        let said = read_key_file(&path).expect_err("is no key").to_string();
        assert!(said.contains("openssl rand -base64 32") && !said.contains("hunter2"), "{said}");
    }
}

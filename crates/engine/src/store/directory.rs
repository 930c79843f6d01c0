//! Directories that files of the store lie in.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

/// Makes the directory of a file if it is not there. What is in it its owner syncs; a new directory's own name is synced
/// here, or a power cut could take it with everything in it.
pub(super) fn make(file: &Path) -> io::Result<()> {
    let Some(directory) = parent(file) else { return Ok(()) };
    let missing: Vec<&Path> = directory.ancestors().take_while(|one| !one.exists()).collect();
    std::fs::create_dir_all(directory)?;
    for made in missing {
        File::open(of(made))?.sync_all()?;
    }
    Ok(())
}

/// The same file by the real name of its directory, which must be there.
pub(super) fn real(file: &Path) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    Ok(of(file).canonicalize()?.join(name))
}

/// Syncs the names in the directory of a file.
pub(super) fn sync_of(file: &Path) -> io::Result<()> {
    File::open(of(file))?.sync_all()
}

/// Gives a file that root has made to whoever owns its directory: a server that runs as that user could not open it
/// otherwise. SQLite does the same with what it makes beside a database.
pub(super) fn give_to_owner(path: &Path, file: &File) -> io::Result<()> {
    let (directory, made) = (of(path).metadata()?, file.metadata()?);
    if made.uid() == 0 && directory.uid() != 0 {
        fchown(file, Some(directory.uid()), Some(directory.gid()))?;
    }
    Ok(())
}

fn of(file: &Path) -> &Path {
    parent(file).unwrap_or(Path::new("."))
}

fn parent(path: &Path) -> Option<&Path> {
    path.parent().filter(|parent| !parent.as_os_str().is_empty())
}

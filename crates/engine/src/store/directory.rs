//! Directories that files of the store lie in.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes the directory of a file if it is not there. What is in it its owner syncs; a new directory's own name is synced
/// here, or a power cut could take it with everything in it.
pub(super) fn make(file: &Path) -> io::Result<()> {
    let Some(directory) = parent(file) else { return Ok(()) };
    let missing: Vec<&Path> = directory.ancestors().take_while(|one| !one.exists()).collect();
    std::fs::create_dir_all(directory)?;
    for made in missing {
        File::open(parent(made).unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Syncs the names in the directory of a file.
pub(super) fn sync_of(file: &Path) -> io::Result<()> {
    File::open(parent(file).unwrap_or(Path::new(".")))?.sync_all()
}

fn parent(path: &Path) -> Option<&Path> {
    path.parent().filter(|parent| !parent.as_os_str().is_empty())
}

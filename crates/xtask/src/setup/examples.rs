//! What the examples take from npm. Each example names it in files of its own, as somebody who copies it needs them, so
//! they are looked for rather than listed. What they take from PyPI is locked together (`python.rs`): they name ranges.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// The directories with a `package-lock.json`.
pub fn node_packages(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let locks = files_named(&workspace.examples(), "package-lock.json")?;
    Ok(locks.iter().filter_map(|lock| lock.parent()).map(Path::to_path_buf).collect())
}

/// All files of that name below `directory`, sorted, without those that came from npm.
fn files_named(directory: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut unread = vec![directory.to_path_buf()];
    while let Some(directory) = unread.pop() {
        let entries =
            fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
        for entry in entries {
            let path = entry?.path();
            let is_named = |name: &str| path.file_name() == Some(OsStr::new(name));
            if path.is_dir() {
                if !is_named("node_modules") {
                    unread.push(path);
                }
            } else if is_named(name) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

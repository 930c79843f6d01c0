//! What earlier runs found out or finished, so that an unchanged step is skipped in milliseconds.
//! One small file per subject under the target directory: `cargo clean` forgets everything.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::workspace::Workspace;

/// One remembered fact.
pub struct Stamp {
    path: PathBuf,
}

impl Stamp {
    /// The stamp of that name; it may not exist yet.
    pub fn of(workspace: &Workspace, name: &str) -> Self {
        Self { path: workspace.cache().join(format!("{name}.json")) }
    }

    /// What was remembered. A missing or unreadable stamp is no error: the step runs again.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&fs::read(&self.path).ok()?).ok()
    }

    /// Remembers `fact` for the next run.
    pub fn write<T: Serialize>(&self, fact: &T) -> Result<()> {
        let directory = self.path.parent().context("a stamp lies in a directory")?;
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let text = serde_json::to_vec_pretty(fact)?;
        fs::write(&self.path, text).with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Forgets it, before a step begins that must run again if it is interrupted.
    pub fn forget(&self) {
        // A stamp that is not there is forgotten already.
        let _ = fs::remove_file(&self.path);
    }
}

/// Tells whether any of `files` was touched, from names, sizes and times; contents are not read.
pub fn fingerprint(files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for file in files {
        let metadata = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        hash.update(format!("{}\0{}\0{}\n", file.display(), metadata.len(), modified.as_nanos()));
    }
    Ok(hex(&hash.finalize()))
}

/// The first 16 hexadecimal digits of the contents' SHA-256: what a cached file's name carries.
pub fn content_hash(contents: &[u8]) -> String {
    hex(&Sha256::digest(contents)[..8])
}

/// All files below `directory`, sorted; none if it does not exist.
pub fn files_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut unread = vec![directory.to_path_buf()];
    while let Some(directory) = unread.pop() {
        if !directory.exists() {
            continue;
        }
        let entries =
            fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() { unread.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

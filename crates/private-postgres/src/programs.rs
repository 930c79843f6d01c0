//! Where PostgreSQL's programs are, and as whom they run.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian keeps the programs of each version in a directory of its own; others have them where all programs are.
const DEBIAN: &str = "/usr/lib/postgresql";
const ELSEWHERE: [&str; 4] =
    ["/usr/local/bin", "/usr/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql/bin"];

/// The server refuses to run as root; then it runs as one of these.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// PostgreSQL's programs.
#[derive(Debug)]
pub struct Programs {
    directory: PathBuf,
    user: Option<User>,
}

#[derive(Debug, Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

impl Programs {
    /// Finds the newest that are there.
    pub fn find() -> Option<Self> {
        let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
            })
            .collect();
        versions.sort_unstable();
        let of_debian = versions.into_iter().rev().map(|(_, path)| path);
        let mut places = of_debian.chain(ELSEWHERE.iter().map(PathBuf::from));
        let directory =
            places.find(|place| ["initdb", "pg_ctl", "psql"].iter().all(|name| place.join(name).exists()));
        let user = rustix::process::geteuid().is_root().then(unprivileged);
        directory.map(|directory| Self { directory, user })
    }

    /// Where a program is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        self.command_of(self.path(name))
    }

    /// Any program, run as the server's user.
    pub(crate) fn command_of(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        // What is set for people's own databases must not reach these.
        for name in
            ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGOPTIONS", "PGSSLMODE", "PGDATA"]
        {
            command.env_remove(name);
        }
        if let Some(User { id, group }) = self.user {
            command.uid(id).gid(group);
        }
        command
    }

    /// Makes the server's user the owner of a directory.
    pub(crate) fn give(&self, directory: &Path) {
        if let Some(User { id, group }) = self.user {
            chown(directory, Some(id), Some(group)).expect("root may");
        }
    }
}

fn unprivileged() -> User {
    let accounts = fs::read_to_string("/etc/passwd").expect("there is a list of users");
    let find = |name: &&str| {
        let mut fields =
            accounts.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(*name))?;
        Some(User { id: fields.nth(2)?.parse().ok()?, group: fields.next()?.parse().ok()? })
    };
    USERS
        .iter()
        .find_map(find)
        .expect("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

//! What an SQLite database lies on: rights, room, kind, and how long it takes to write something for good.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use groundswell_engine::clock::Stopwatch;

use super::Finding;

/// Less free room is soon none.
const LITTLE_BYTES: u64 = 1 << 30;

/// With less, the next few thousand events fill the disk.
const TOO_LITTLE_BYTES: u64 = 100 << 20;

/// So often something is written for good, to see how long that takes.
const SYNCS: usize = 15;

/// Each commit waits for one, and with it every producer.
const SLOW_SYNC_MS: u128 = 50;

/// What there is to say about the place of a database file.
pub fn examine(path: &Path) -> Vec<Finding> {
    let directory = existing_directory(path);
    let mut findings = vec![writable(path, &directory), room(&directory)];
    findings.extend(kind(&directory));
    findings.extend(syncing(&directory));
    findings
}

/// The directory of the database, or the nearest one above it that is there.
fn existing_directory(path: &Path) -> PathBuf {
    let own = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let existing = own.ancestors().find(|one| one.is_dir());
    existing.filter(|one| !one.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// SQLite makes files beside the database, so the directory counts as much as the file.
fn writable(path: &Path, directory: &Path) -> Finding {
    const NAME: &str = "directory";
    let probe = directory.join(format!(".groundswell-doctor-{}", std::process::id()));
    let made = OpenOptions::new().write(true).create_new(true).open(&probe);
    let tried = made.and_then(|_| std::fs::remove_file(&probe));
    let tried = tried.and_then(|()| {
        if path.exists() { OpenOptions::new().append(true).open(path).map(drop) } else { Ok(()) }
    });
    match tried {
        Ok(()) => Finding::ok(NAME, format!("{} can be written to", directory.display())),
        Err(error) => Finding::fail(
            NAME,
            format!("the database in {} cannot be written: {error}", directory.display()),
            "Run as the user who owns the directory and the files in it, or change their owner.",
        ),
    }
}

fn room(directory: &Path) -> Finding {
    const NAME: &str = "disk";
    let room = match rustix::fs::statvfs(directory) {
        Ok(room) => room.f_bavail.saturating_mul(room.f_frsize),
        Err(error) => {
            let said = format!("how much room there is in {} cannot be read: {error}", directory.display());
            return Finding::warn(NAME, said, "Look with `df`.");
        }
    };
    room_of(room, directory)
}

fn room_of(room: u64, directory: &Path) -> Finding {
    const NAME: &str = "disk";
    let said = format!("{} free in {}", size(room), directory.display());
    let advice =
        "Make room. A full disk refuses new events with 507; a shorter GROUNDSWELL_RETENTION_MS keeps less.";
    match room {
        ..TOO_LITTLE_BYTES => Finding::fail(NAME, said, advice),
        TOO_LITTLE_BYTES..LITTLE_BYTES => Finding::warn(NAME, said, advice),
        _ => Finding::ok(NAME, said),
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 { format!("{} GiB", bytes >> 30) } else { format!("{} MiB", bytes >> 20) }
}

/// How long a commit waits for the disk.
fn syncing(directory: &Path) -> Option<Finding> {
    const NAME: &str = "sync";
    // A directory that cannot be written to has been told of.
    let probe = Probe::make(directory).ok()?;
    let mut times: Vec<u128> = (0..SYNCS).filter_map(|_| probe.sync_micros().ok()).collect();
    times.sort_unstable();
    let (usual, slowest) = (*times.get(times.len() / 2)?, *times.last()?);
    let millis = |micros: u128| format!("{}.{} ms", micros / 1000, micros / 100 % 10);
    let said = format!("the disk writes for good in {}, at most {}", millis(usual), millis(slowest));
    Some(if usual / 1000 >= SLOW_SYNC_MS {
        Finding::warn(
            NAME,
            said,
            "Every commit, and whoever posts, waits that long. Put the database on a local SSD; look what else writes to this \
             disk (`iostat -x 1`).",
        )
    } else {
        Finding::ok(NAME, said)
    })
}

/// A file that is gone when it is dropped.
struct Probe {
    path: PathBuf,
    file: File,
}

impl Probe {
    fn make(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!(".groundswell-doctor-{}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { path, file })
    }

    /// Microseconds until a page more is on the disk.
    fn sync_micros(&self) -> io::Result<u128> {
        let watch = Stopwatch::start();
        (&self.file).write_all(&[0; 4096])?;
        self.file.sync_data()?;
        Ok(watch.elapsed().as_micros())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What kind of file system it is, where the system says so.
#[cfg(target_os = "linux")]
fn kind(directory: &Path) -> Option<Finding> {
    let found = rustix::fs::statfs(directory).ok()?;
    // Its width differs between machines; the numbers fit in 32 bits.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number is 32 bits wide")]
    let number = found.f_type as u32;
    Some(told(FileSystem::of(number), directory))
}

#[cfg(not(target_os = "linux"))]
fn kind(_: &Path) -> Option<Finding> {
    None
}

/// As far as it matters to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux says what it is"))]
enum FileSystem {
    Local,
    Network(&'static str),
    Memory,
    /// What a container has written goes with it.
    Layered,
    /// Whatever a program makes of it.
    Fuse,
}

#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux says what it is"))]
impl FileSystem {
    /// By the number that `statfs` gives (`linux/magic.h`).
    const fn of(number: u32) -> Self {
        match number {
            0x6969 => Self::Network("NFS"),
            0x517B | 0xFF53_4D42 | 0xFE53_4D42 => Self::Network("SMB"),
            0x00C3_6400 => Self::Network("Ceph"),
            0x5346_414F | 0x6B41_4653 => Self::Network("AFS"),
            0x0102_1997 => Self::Network("9P"),
            0x0BD0_0BD0 => Self::Network("Lustre"),
            0x4750_4653 => Self::Network("GPFS"),
            0x0102_1994 | 0x8584_58F6 => Self::Memory,
            0x794C_7630 => Self::Layered,
            0x6573_5546 => Self::Fuse,
            _ => Self::Local,
        }
    }
}

#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux says what it is"))]
fn told(kind: FileSystem, directory: &Path) -> Finding {
    const NAME: &str = "file system";
    let shown = directory.display();
    match kind {
        FileSystem::Local => Finding::ok(NAME, format!("{shown} is on a local file system")),
        FileSystem::Network(name) => Finding::fail(
            NAME,
            format!(
                "{shown} is on a network file system ({name}), where locks and shared memory cannot be relied on"
            ),
            "Put the database on a local disk or a block device, or use PostgreSQL.",
        ),
        FileSystem::Memory => Finding::warn(
            NAME,
            format!("{shown} is in memory: a restart of the machine loses everything"),
            "Put the database on a disk.",
        ),
        FileSystem::Layered => Finding::warn(
            NAME,
            format!("{shown} is in a container's own layer, which goes with the container"),
            "Mount a volume for the database (`--volume groundswell:/var/lib/groundswell`).",
        ),
        FileSystem::Fuse => Finding::warn(
            NAME,
            format!(
                "{shown} is on a file system that a program makes (FUSE); it may not keep what was synced"
            ),
            "Make sure that it does and that it can share memory between processes, or put the database on a local disk.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_network_file_system_is_refused_and_memory_is_pointed_out() {
        let level = |number| told(FileSystem::of(number), Path::new("/data")).level;
        let ext4 = 0xEF53;
        assert_eq!(level(ext4), Level::Ok);
        assert_eq!([0x6969, 0xFE53_4D42, 0x00C3_6400].map(level), [Level::Fail; 3]);
        assert_eq!([0x0102_1994, 0x794C_7630, 0x6573_5546].map(level), [Level::Warn; 3]);
    }

    #[test]
    fn little_room_is_pointed_out_before_there_is_none() {
        let level = |bytes| room_of(bytes, Path::new("/data")).level;
        assert_eq!(
            (level(1 << 40), level(500 << 20), level(50 << 20)),
            (Level::Ok, Level::Warn, Level::Fail)
        );
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_a_failure() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        // A directory in the place of the file is refused to everybody, root included.
        let path = directory.path().join("g.db");
        std::fs::create_dir(&path).expect("a directory");
        assert_eq!(writable(&path, directory.path()).level, Level::Fail);
    }

    #[test]
    fn how_long_a_sync_takes_is_measured_and_nothing_stays_behind() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let found = syncing(directory.path()).expect("it can be written to");
        assert!(found.said.starts_with("the disk writes for good in "), "{}", found.said);
        assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
    }
}

//! What a power cut may leave on the disk.
//!
//! At any point of a record, everything up to a file's last sync is there. What was done to it since is there or not,
//! each write on its own and each of its 512-byte sectors on its own; creations and deletions likewise since the
//! directory's last sync. Bytes beside those written are never touched, which SQLite takes for granted of today's disks
//! (<https://www.sqlite.org/psow.html>).
//!
//! Writes may reach the disk in any order. Drawing what arrives, not in which order, covers that: of two writes to one
//! sector only the one that arrives last is seen, as if the other had not arrived.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use rand::Rng;
use rand::seq::IndexedRandom as _;

use crate::disk::Operation;

/// Disks write this many bytes whole or not at all.
const SECTOR: usize = 512;

/// How much of what is not synced has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    Nothing,
    Everything,
    /// For each file something else: nothing, everything, or any part.
    Any,
}

/// Whether the record's syncs mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syncs {
    Count,
    /// SQLite with `synchronous=OFF` does all the same, but never syncs.
    Ignored,
}

/// Goes through a record and draws crash states.
#[derive(Debug)]
pub struct Crashes<'a> {
    operations: &'a [Operation],
    syncs: Syncs,
    position: usize,
    files: Vec<File<'a>>,
    /// What the directory has for certain.
    names: BTreeMap<&'a str, usize>,
    /// What may have become of a name since: each creation and deletion, in order.
    changes: BTreeMap<&'a str, Vec<Option<usize>>>,
}

#[derive(Debug, Default)]
struct File<'a> {
    settled: Vec<u8>,
    later: Vec<(&'a Operation, Fate)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unsynced,
    /// Unsynced when a sync failed: a later one does not help.
    InDoubt,
    /// Synced, but after something that is in doubt.
    Certain,
}

/// The files of a directory after a power cut.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CrashState {
    pub files: BTreeMap<String, Vec<u8>>,
}

impl<'a> Crashes<'a> {
    /// Begins before the first operation.
    pub fn of(operations: &'a [Operation]) -> Self {
        Self {
            operations,
            syncs: Syncs::Count,
            position: 0,
            files: Vec::new(),
            names: BTreeMap::new(),
            changes: BTreeMap::new(),
        }
    }

    /// The same as if SQLite had run with `synchronous=OFF`.
    pub fn without_syncs(operations: &'a [Operation]) -> Self {
        Self { syncs: Syncs::Ignored, ..Self::of(operations) }
    }

    /// Goes on until `position` operations have been done; never back.
    pub fn advance_to(&mut self, position: usize) {
        assert!(self.position <= position, "a record is gone through once");
        while self.position < position {
            self.step(&self.operations[self.position]);
            self.position += 1;
        }
    }

    fn step(&mut self, operation: &'a Operation) {
        match operation {
            Operation::Create { name, file } => {
                assert_eq!(*file, self.files.len(), "files are numbered as they are created");
                self.files.push(File::default());
                self.changes.entry(name).or_default().push(Some(*file));
            }
            Operation::Delete { name } => self.changes.entry(name).or_default().push(None),
            Operation::Write { file, .. } | Operation::Resize { file, .. } => {
                self.files[*file].later.push((operation, Fate::Unsynced));
            }
            Operation::FailedSync { file } => self.files[*file].decide(Fate::InDoubt),
            Operation::Sync { .. } | Operation::SyncDirectory if self.syncs == Syncs::Ignored => {}
            Operation::Sync { file } => {
                self.files[*file].decide(Fate::Certain);
                self.files[*file].settle();
            }
            Operation::SyncDirectory => {
                for (name, states) in std::mem::take(&mut self.changes) {
                    match states.last() {
                        Some(Some(file)) => _ = self.names.insert(name, *file),
                        _ => _ = self.names.remove(name),
                    }
                }
            }
        }
    }

    /// What may be there if the power is cut now.
    pub fn draw(&self, draw: Draw, rng: &mut impl Rng) -> CrashState {
        let mut names = self.names.clone();
        for (name, states) in &self.changes {
            // As many of its changes as have arrived; the first state is the certain one.
            let arrived = match draw {
                Draw::Nothing => 0,
                Draw::Everything => states.len(),
                Draw::Any => rng.random_range(0..=states.len()),
            };
            match arrived.checked_sub(1).map(|last| states[last]) {
                None => {}
                Some(Some(file)) => _ = names.insert(name, file),
                Some(None) => _ = names.remove(name),
            }
        }
        let files = names.into_iter().map(|(name, file)| (name.to_owned(), self.files[file].draw(draw, rng)));
        CrashState { files: files.collect() }
    }
}

impl File<'_> {
    fn decide(&mut self, fate: Fate) {
        for (_, undecided) in self.later.iter_mut().filter(|(_, fate)| *fate == Fate::Unsynced) {
            *undecided = fate;
        }
    }

    fn settle(&mut self) {
        let certain = self.later.iter().take_while(|(_, fate)| *fate == Fate::Certain).count();
        for (operation, _) in self.later.drain(..certain) {
            apply(&mut self.settled, operation, |_| true);
        }
    }

    fn draw(&self, draw: Draw, rng: &mut impl Rng) -> Vec<u8> {
        let chance = match draw {
            Draw::Nothing => 0.0,
            Draw::Everything => 1.0,
            Draw::Any => *[0.0, 0.1, 0.5, 0.9, 0.99, 1.0].choose(rng).expect("not empty"),
        };
        let mut content = self.settled.clone();
        for (operation, fate) in &self.later {
            if *fate == Fate::Certain {
                apply(&mut content, operation, |_| true);
            } else if chance > 0.0 {
                // Whole writes go missing more often than sectors of one.
                let is_torn = chance < 1.0 && rng.random_bool(0.3);
                let arrives = rng.random_bool(chance);
                apply(&mut content, operation, |_| if is_torn { rng.random_bool(chance) } else { arrives });
            }
        }
        content
    }
}

/// Does what of an operation arrives; `arrives` is asked for each sector.
fn apply(content: &mut Vec<u8>, operation: &Operation, mut arrives: impl FnMut(usize) -> bool) {
    match operation {
        Operation::Write { offset, bytes, .. } => {
            let end = offset + bytes.len();
            for sector in offset / SECTOR..end.div_ceil(SECTOR) {
                let (from, to) = ((sector * SECTOR).max(*offset), ((sector + 1) * SECTOR).min(end));
                if arrives(sector) {
                    if content.len() < to {
                        content.resize(to, 0);
                    }
                    content[from..to].copy_from_slice(&bytes[from - offset..to - offset]);
                }
            }
        }
        Operation::Resize { bytes, .. } if arrives(0) => content.resize(*bytes, 0),
        _ => {}
    }
}

impl CrashState {
    /// Writes the files into a directory, in place of what is there.
    pub fn write_to(&self, directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            fs::remove_file(entry?.path())?;
        }
        for (name, content) in &self.files {
            fs::write(directory.join(name), content)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;
    use rand::rngs::SmallRng;

    use super::*;

    fn create(name: &str, file: usize) -> Operation {
        Operation::Create { name: name.to_owned(), file }
    }

    fn write(file: usize, offset: usize, byte: u8, count: usize) -> Operation {
        Operation::Write { file, offset, bytes: vec![byte; count] }
    }

    /// Everything that may be found of `name` after all of `operations`.
    fn outcomes(operations: &[Operation], name: &str) -> BTreeSet<Option<Vec<u8>>> {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut crashes = Crashes::of(operations);
        crashes.advance_to(operations.len());
        let draws = [Draw::Nothing, Draw::Everything].into_iter().chain(std::iter::repeat_n(Draw::Any, 2000));
        draws.map(|draw| crashes.draw(draw, &mut rng).files.remove(name)).collect()
    }

    #[test]
    fn what_was_synced_is_there_whole() {
        let operations =
            [create("db", 0), write(0, 0, 1, 2000), Operation::Sync { file: 0 }, Operation::SyncDirectory];
        assert_eq!(outcomes(&operations, "db"), BTreeSet::from([Some(vec![1; 2000])]));
    }

    #[test]
    fn without_a_sync_of_the_directory_a_new_file_may_be_missing() {
        let operations = [create("db", 0), write(0, 0, 1, 10), Operation::Sync { file: 0 }];
        assert_eq!(outcomes(&operations, "db"), BTreeSet::from([None, Some(vec![1; 10])]));
    }

    #[test]
    fn an_unsynced_write_arrives_by_sectors_and_touches_nothing_beside_it() {
        let operations = [
            create("db", 0),
            write(0, 0, 1, 1536),
            Operation::Sync { file: 0 },
            Operation::SyncDirectory,
            write(0, 500, 2, 600),
        ];
        let content = |sectors: [bool; 3]| {
            let mut content = vec![1; 1536];
            for (range, _) in
                [500..512, 512..1024, 1024..1100].into_iter().zip(sectors).filter(|(_, arrived)| *arrived)
            {
                content[range].fill(2);
            }
            Some(content)
        };
        let all = (0..8).map(|bits| content([bits & 1 > 0, bits & 2 > 0, bits & 4 > 0])).collect();
        assert_eq!(outcomes(&operations, "db"), all);
    }

    #[test]
    fn later_writes_may_arrive_before_earlier_ones() {
        let operations =
            [create("db", 0), Operation::SyncDirectory, write(0, 0, 1, 512), write(0, 512, 2, 512)];
        let found = outcomes(&operations, "db");
        assert!(found.contains(&Some([vec![0; 512], vec![2; 512]].concat())), "only the second");
        assert!(found.contains(&Some(vec![1; 512])), "only the first");
    }

    #[test]
    fn after_a_failed_sync_the_next_one_does_not_help() {
        let operations = [
            create("db", 0),
            Operation::SyncDirectory,
            write(0, 0, 1, 512),
            Operation::FailedSync { file: 0 },
            write(0, 512, 2, 512),
            Operation::Sync { file: 0 },
        ];
        let second = [vec![0; 512], vec![2; 512]].concat();
        let both = [vec![1; 512], vec![2; 512]].concat();
        assert_eq!(outcomes(&operations, "db"), BTreeSet::from([Some(second), Some(both)]));
    }

    #[test]
    fn a_deletion_may_not_have_happened_and_a_new_file_of_the_name_is_another_one() {
        let operations = [
            create("wal", 0),
            write(0, 0, 1, 10),
            Operation::Sync { file: 0 },
            Operation::SyncDirectory,
            Operation::Delete { name: "wal".to_owned() },
            create("wal", 1),
            write(1, 0, 2, 5),
            Operation::Sync { file: 1 },
        ];
        let all = BTreeSet::from([Some(vec![1; 10]), None, Some(vec![2; 5])]);
        assert_eq!(outcomes(&operations, "wal"), all);
    }

    #[test]
    fn a_cut_may_not_have_happened() {
        let operations = [
            create("wal", 0),
            write(0, 0, 1, 10),
            Operation::Sync { file: 0 },
            Operation::SyncDirectory,
            Operation::Resize { file: 0, bytes: 4 },
        ];
        assert_eq!(outcomes(&operations, "wal"), BTreeSet::from([Some(vec![1; 10]), Some(vec![1; 4])]));
    }
}

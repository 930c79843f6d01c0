//! Power cuts: whatever a disk may have kept, everything acknowledged is there and nothing is half there.
//!
//! A random workload goes through the real store, while all that SQLite writes and syncs is recorded. From the record
//! crash states are drawn, each is opened by the real store, and what is found must be what was acknowledged by then, or
//! that and the one transaction that was under way: row by row over all tables. That the test can fail is shown by the
//! same record without its syncs, and by acknowledgements that come before the sync.

mod judge;
mod ledger;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use groundswell_faults::{Crashes, Disk, Draw, Operation};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tempfile::TempDir;
use tokio::runtime;

use judge::{Verdict, judge};
use ledger::Milestone;

const SEED: u64 = 7;

/// A workload's record, and what had been acknowledged at which place of it.
struct Run {
    record: Vec<Operation>,
    milestones: Vec<Milestone>,
}

impl Run {
    async fn new(steps: usize) -> Self {
        let directory = TempDir::new().expect("there is a temporary directory");
        let disk = Disk::watch(directory.path());
        let milestones = workload::run(directory.path(), &disk, steps, SEED).await;
        Self { record: disk.record(), milestones }
    }

    /// The states that the database may be in once the first `position` operations are recorded.
    fn allowed(&self, position: usize) -> &[Milestone] {
        let acknowledged = self.milestones.partition_point(|milestone| milestone.position <= position);
        &self.milestones[acknowledged - 1..self.milestones.len().min(acknowledged + 1)]
    }

    fn syncs(&self) -> impl Iterator<Item = usize> {
        let is_sync =
            |operation: &Operation| matches!(operation, Operation::Sync { .. } | Operation::SyncDirectory);
        (0..self.record.len()).filter(move |at| is_sync(&self.record[*at]))
    }

    /// Just before each sync most is at stake, so more is drawn there; then right after it, and `random` places
    /// anywhere. In order, each with how it is drawn.
    fn places(&self, drawn_before_syncs: usize, random: usize) -> Vec<(usize, Draw)> {
        let mut rng = SmallRng::seed_from_u64(SEED);
        let mut places = Vec::new();
        for at in self.syncs() {
            places.extend([(at, Draw::Nothing), (at, Draw::Everything), (at + 1, Draw::Any)]);
            places.extend(std::iter::repeat_n((at, Draw::Any), drawn_before_syncs));
        }
        places.extend((0..random).map(|_| (rng.random_range(0..=self.record.len()), Draw::Any)));
        places.sort_by_key(|(at, _)| *at);
        places
    }
}

/// What became of the crash states that were looked at.
#[derive(Debug, Default)]
struct Tally {
    states: usize,
    intact: usize,
    lost: usize,
    /// The first of it.
    loss: Option<String>,
    /// Anything else that must not be, by what it is.
    wrong: BTreeMap<String, usize>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.states += other.states;
        self.intact += other.intact;
        self.lost += other.lost;
        self.loss = self.loss.take().or(other.loss);
        for (what, times) in other.wrong {
            *self.wrong.entry(what).or_default() += times;
        }
    }

    fn note(&mut self, at: usize, verdict: Verdict) {
        self.states += 1;
        match verdict {
            Verdict::Intact => self.intact += 1,
            Verdict::Lost(what) => {
                self.lost += 1;
                self.loss.get_or_insert(format!("after {at}: {what}"));
            }
            Verdict::Damaged(what) => *self.wrong.entry(format!("after {at}: {what}")).or_default() += 1,
        }
    }
}

/// Draws a state at each of `places` and judges those that differ, until `enough` says so.
async fn go_through(
    run: &Run,
    mut crashes: Crashes<'_>,
    places: &[(usize, Draw)],
    enough: impl Fn(&Tally) -> bool,
) -> Tally {
    let mut rng = SmallRng::seed_from_u64(SEED + 1);
    let mut tally = Tally::default();
    let (mut seen, mut last) = (BTreeSet::new(), 0);
    for &(at, draw) in places {
        crashes.advance_to(at);
        let state = crashes.draw(draw, &mut rng);
        let allowed = run.allowed(at);
        let first = allowed[0].position;
        if first != last {
            (last, seen) = (first, BTreeSet::new());
        }
        if seen.contains(&state) {
            continue;
        }
        // One of its own: a database that could not be opened is closed in the background, with its files by name.
        let directory = TempDir::new().expect("there is a temporary directory");
        let _scratch = Disk::scratch(directory.path());
        state.write_to(directory.path()).expect("the state is written");
        seen.insert(state);
        if rng.random_bool(0.3) {
            // After a power cut anything may stand there; it is shared memory, and of a process that is gone.
            let garbage = std::iter::repeat_with(|| rng.random()).take(32 * 1024).collect::<Vec<u8>>();
            std::fs::write(directory.path().join("groundswell.db-shm"), garbage).expect("is written");
        }
        tally.note(at, judge(directory.path(), allowed).await);
        if enough(&tally) {
            break;
        }
    }
    tally
}

/// As [`go_through`] until something is lost, each half of the places by a thread of its own: always two, so that what is drawn
/// does not depend on the machine.
fn in_halves(run: &Run, places: &[(usize, Draw)]) -> Tally {
    let look =
        |part| async move { go_through(run, Crashes::of(&run.record), part, |tally| tally.lost > 0).await };
    let (first, second) = places.split_at(places.len() / 2);
    thread::scope(|scope| {
        let halves = [first, second].map(|part| {
            scope.spawn(move || {
                let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(look(part))
            })
        });
        let mut tally = Tally::default();
        for half in halves {
            tally.add(half.join().expect("no panic"));
        }
        tally
    })
}

#[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
fn say(text: &str) {
    eprintln!("{text}");
}

#[tokio::test]
async fn no_power_cut_loses_or_undoes_what_was_acknowledged() {
    let run = Run::new(300).await;
    let places = run.places(6, 1500);
    let tally = in_halves(&run, &places);
    say(&format!(
        "power cuts: {} writes and syncs, {} acknowledged transactions, {} different crash states, seed {SEED}: {} \
         intact, {} lost something, wrong: {:?}",
        run.record.len(),
        run.milestones.len() - 1,
        tally.states,
        tally.intact,
        tally.lost,
        tally.wrong
    ));
    assert!(tally.states > 2000, "only {} states", tally.states);
    assert_eq!((tally.lost, tally.intact), (0, tally.states), "{tally:#?}");
}

/// The proof that the test above can fail. The store refuses to run with `synchronous=OFF`; but what that does is to
/// never sync, and the record without its syncs is just that.
#[tokio::test]
async fn with_synchronous_off_power_cuts_lose_acknowledged_events() {
    let run = Run::new(60).await;
    let places = run.places(1, 100);
    let tally =
        go_through(&run, Crashes::without_syncs(&run.record), &places, |tally| tally.lost >= 20).await;
    assert!(tally.lost >= 20, "{tally:#?}");
}

/// Another such proof: an acknowledgement that does not wait for its sync.
#[tokio::test]
async fn an_acknowledgement_before_its_sync_is_found_out() {
    let mut run = Run::new(60).await;
    let syncs: Vec<usize> = run.syncs().collect();
    for milestone in &mut run.milestones[1..] {
        let before = syncs.partition_point(|at| *at < milestone.position);
        milestone.position = syncs[before - 1];
    }
    let places = run.places(3, 0);
    let tally = go_through(&run, Crashes::of(&run.record), &places, |tally| tally.lost >= 20).await;
    assert!(tally.lost >= 20, "{tally:#?}");
    assert!(tally.wrong.is_empty(), "the database itself is sound: {tally:#?}");
}

/// And one for the copying of the log: its fsync of the database comes before the log is begun anew.
#[tokio::test]
async fn a_checkpoint_that_does_not_sync_the_database_is_found_out() {
    const DATABASE: usize = 0;
    let mut run = Run::new(60).await;
    let named = Operation::Create { name: "groundswell.db".to_owned(), file: DATABASE };
    assert!(run.record.contains(&named));
    let places = run.places(3, 0);
    let nothing = Operation::Write { file: DATABASE, offset: 0, bytes: Vec::new() };
    for operation in run.record.iter_mut().filter(|one| **one == Operation::Sync { file: DATABASE }) {
        *operation = nothing.clone();
    }
    let is_found = |tally: &Tally| tally.lost + tally.wrong.len() >= 20;
    let tally = go_through(&run, Crashes::of(&run.record), &places, is_found).await;
    assert!(is_found(&tally), "{tally:#?}");
}

//! Who is told that something about a program changed, so that open pages need not ask again and again.
//!
//! What changed is counted by kind, and a watch sees the counts: however much happens between two looks, it is one thing
//! to tell. So nothing queues up for a page that is slow, and nothing is allocated for an event. What nobody watches costs
//! a commit one look at a number.
//!
//! A list of programs is told of those in it alone: not even that something happens in another team is anybody's to know.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use groundswell_types::{Change, ProgramId, TeamId};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::access::{Actor, Who};
use crate::delivery::scheduler::FlowId;
use crate::engine::Engine;
use crate::error::EngineError;

/// A watch is told at most so often, however much happens.
const PACE: Duration = Duration::from_millis(500);

/// How often each kind of thing changed, in the order of [`Change::ALL`].
type Counts = [u64; Change::ALL.len()];

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Topic {
    /// By whoever runs the server.
    AllPrograms,
    Team(TeamId),
    Program(FlowId),
    /// By somebody who has no programs.
    Nothing,
}

#[derive(Debug, Default)]
struct Feed {
    counts: watch::Sender<Counts>,
    watches: usize,
}

/// The feeds somebody watches, and which team each program is of.
#[derive(Debug, Default)]
struct Feeds {
    all: Feed,
    teams: HashMap<TeamId, Feed>,
    programs: HashMap<FlowId, Feed>,
    teams_of_programs: HashMap<FlowId, TeamId>,
}

impl Feeds {
    /// Those in which something about that program is told.
    fn about(&self, flow: FlowId) -> impl Iterator<Item = &Feed> {
        let team = self.teams_of_programs.get(&flow).and_then(|team| self.teams.get(team));
        [Some(&self.all), team, self.programs.get(&flow)].into_iter().flatten()
    }

    fn begin(&mut self, topic: &Topic) -> watch::Receiver<Counts> {
        let feed = match topic {
            Topic::AllPrograms => &mut self.all,
            Topic::Team(team) => self.teams.entry(team.clone()).or_default(),
            Topic::Program(flow) => self.programs.entry(*flow).or_default(),
            // Nobody keeps its other end, so it never says anything.
            Topic::Nothing => return watch::Sender::default().subscribe(),
        };
        feed.watches += 1;
        feed.counts.subscribe()
    }

    fn end(&mut self, topic: &Topic) {
        fn leave<Key: Eq + Hash>(feeds: &mut HashMap<Key, Feed>, key: &Key) {
            let Some(feed) = feeds.get_mut(key) else { return };
            feed.watches -= 1;
            if feed.watches == 0 {
                feeds.remove(key);
            }
        }
        match topic {
            Topic::AllPrograms => self.all.watches -= 1,
            Topic::Team(team) => leave(&mut self.teams, team),
            Topic::Program(flow) => leave(&mut self.programs, flow),
            Topic::Nothing => {}
        }
    }
}

/// Whom to tell.
#[derive(Debug, Default)]
pub struct Changes {
    /// So that nobody takes the lock when there is no watch.
    watches: AtomicUsize,
    feeds: Mutex<Feeds>,
}

impl Changes {
    /// Notes whose a program is, before anything about it is told. It stays with its team.
    pub(crate) fn know(&self, flow: FlowId, team: &TeamId) {
        self.lock().teams_of_programs.entry(flow).or_insert_with(|| team.clone());
    }

    /// Tells whoever watches. Called after the commit that changed something; when nobody watches, `changed` is not even
    /// looked at.
    pub(crate) fn tell(&self, changed: impl IntoIterator<Item = (FlowId, Change)>) {
        if self.watches.load(Ordering::SeqCst) == 0 {
            return;
        }
        let feeds = self.lock();
        let mut last = None;
        for (flow, change) in changed {
            // Most of a commit is about the same program.
            if last == Some((flow, change)) {
                continue;
            }
            last = Some((flow, change));
            for feed in feeds.about(flow) {
                feed.counts.send_modify(|counts| counts[change as usize] += 1);
            }
        }
    }

    fn watch(self: &Arc<Self>, topic: Topic) -> ChangeWatch {
        let counts = self.lock().begin(&topic);
        self.watches.fetch_add(1, Ordering::SeqCst);
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let seen = *counts.borrow();
        ChangeWatch { changes: Arc::clone(self), topic, counts, seen, pace }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Feeds> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who wants to know.
#[derive(Debug)]
pub struct ChangeWatch {
    changes: Arc<Changes>,
    topic: Topic,
    counts: watch::Receiver<Counts>,
    seen: Counts,
    pace: Interval,
}

impl ChangeWatch {
    /// Waits until something changed since the watch began or was last told; says what, each kind once. At most about
    /// twice a second. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Vec<Change> {
        loop {
            self.pace.tick().await;
            if self.counts.changed().await.is_err() {
                // A feed stays for as long as this watch does, so this one watches nothing.
                return std::future::pending().await;
            }
            let counts = *self.counts.borrow_and_update();
            let is_new = |change: &Change| counts[*change as usize] != self.seen[*change as usize];
            let changed: Vec<Change> = Change::ALL.iter().copied().filter(is_new).collect();
            self.seen = counts;
            if !changed.is_empty() {
                return changed;
            }
        }
    }
}

impl ChangeWatch {
    /// Whether the other one hears of the same programs, be they more by now.
    pub fn is_like(&self, other: &Self) -> bool {
        self.topic == other.topic
    }
}

impl Drop for ChangeWatch {
    fn drop(&mut self) {
        self.changes.watches.fetch_sub(1, Ordering::SeqCst);
        self.changes.lock().end(&self.topic);
    }
}

impl Engine {
    /// Watches one program.
    pub fn watch(&self, program: &ProgramId) -> Result<ChangeWatch, EngineError> {
        Ok(self.changes.watch(Topic::Program(self.program_entry(program)?.flow)))
    }

    /// Watches the programs in the lists of somebody, as [`Actor::lists`] has them, those included that are made later.
    pub(crate) fn watch_listed(&self, actor: &Actor) -> Result<ChangeWatch, EngineError> {
        actor.check_lists()?;
        if let Some(program) = actor.program() {
            return self.watch(program);
        }
        Ok(self.changes.watch(match &actor.who {
            Who::Operator => Topic::AllPrograms,
            Who::Key(key) => Topic::Team(key.team.clone()),
            Who::Person(person) => person.team.clone().map_or(Topic::Nothing, Topic::Team),
            Who::Link(_) => Topic::Nothing,
        }))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const FIRST: FlowId = FlowId(1);
    const SECOND: FlowId = FlowId(2);

    #[tokio::test(start_paused = true)]
    async fn a_watch_hears_what_changed_once_however_often_and_of_its_program_alone() {
        let changes = Arc::new(Changes::default());
        let mut first = changes.watch(Topic::Program(FIRST));
        let mut all = changes.watch(Topic::AllPrograms);
        changes.tell([(FIRST, Change::Deliveries), (SECOND, Change::Draft)]);
        changes.tell([(FIRST, Change::Webhooks), (FIRST, Change::Deliveries)]);
        assert_eq!(first.next().await, [Change::Webhooks, Change::Deliveries]);
        assert_eq!(all.next().await, [Change::Webhooks, Change::Draft, Change::Deliveries]);
        changes.tell([(SECOND, Change::Draft)]);
        assert_eq!(all.next().await, [Change::Draft]);
        assert_eq!(first.next().now_or_never(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_is_told_about_twice_a_second_when_things_happen_all_the_time() {
        let changes = Arc::new(Changes::default());
        let mut watch = changes.watch(Topic::Program(FIRST));
        let busy = tokio::spawn({
            let changes = Arc::clone(&changes);
            async move {
                for _ in 0..10_000 {
                    changes.tell([(FIRST, Change::Deliveries)]);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        });
        let mut told = 0;
        while !busy.is_finished() {
            if tokio::time::timeout(PACE * 2, watch.next()).await.is_ok() {
                told += 1;
            }
        }
        assert!((18..=23).contains(&told), "told {told} times in ten seconds");
    }

    #[tokio::test]
    async fn what_nobody_watches_is_not_even_looked_at() {
        let changes = Arc::new(Changes::default());
        drop(changes.watch(Topic::Program(FIRST)));
        drop(changes.watch(Topic::Team(TeamId::first())));
        changes.tell(std::iter::from_fn(|| -> Option<(FlowId, Change)> { panic!("looked at") }));
        let feeds = changes.lock();
        assert!(feeds.programs.is_empty() && feeds.teams.is_empty(), "a feed that nobody watches is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_loses_nothing() {
        let changes = Arc::new(Changes::default());
        let mut watch = changes.watch(Topic::AllPrograms);
        assert_eq!(watch.next().now_or_never(), None);
        changes.tell([(FIRST, Change::Inbox)]);
        assert_eq!(watch.next().await, [Change::Inbox]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_team_hears_of_its_own_programs_alone_and_of_those_that_are_made_later() {
        let changes = Arc::new(Changes::default());
        let [own, others] = ["team_own", "team_others"].map(|id| TeamId::parse(id).expect("an id"));
        changes.know(FIRST, &own);
        changes.know(SECOND, &others);
        let mut team = changes.watch(Topic::Team(own.clone()));
        let mut nobody = changes.watch(Topic::Nothing);
        changes.tell([(SECOND, Change::Draft), (FlowId(3), Change::Inbox), (FIRST, Change::Webhooks)]);
        assert_eq!(team.next().await, [Change::Webhooks]);
        changes.tell([(SECOND, Change::Program)]);
        assert!(tokio::time::timeout(PACE * 4, team.next()).await.is_err(), "told of another team's program");
        changes.know(FlowId(3), &own);
        changes.tell([(FlowId(3), Change::Program)]);
        assert_eq!(team.next().await, [Change::Program]);
        assert!(tokio::time::timeout(PACE * 4, nobody.next()).await.is_err(), "told though there is nothing");
    }
}

//! Who is told that something about a program changed, so that open pages need not ask again and again.
//!
//! What changed is counted by kind, and a watch sees the counts: however much happens between two looks, it is one thing
//! to tell. So nothing queues up for a page that is slow, and nothing is allocated for an event. What nobody watches costs
//! a commit one look at a number.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use groundswell_types::{Change, ProgramId};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::delivery::scheduler::FlowId;
use crate::engine::Engine;
use crate::error::EngineError;

/// A watch is told at most so often, however much happens.
const PACE: Duration = Duration::from_millis(500);

/// How often each kind of thing changed, in the order of [`Change::ALL`].
type Counts = [u64; Change::ALL.len()];

/// What is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Topic {
    AllPrograms,
    Program(FlowId),
}

#[derive(Debug)]
struct Feed {
    counts: watch::Sender<Counts>,
    watches: usize,
}

/// The feeds somebody watches.
#[derive(Debug, Default)]
pub struct Changes {
    /// So that nobody takes the lock when there is no watch.
    watches: AtomicUsize,
    feeds: Mutex<HashMap<Topic, Feed>>,
}

impl Changes {
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
            for topic in [Topic::AllPrograms, Topic::Program(flow)] {
                if let Some(feed) = feeds.get(&topic) {
                    feed.counts.send_modify(|counts| counts[change as usize] += 1);
                }
            }
        }
    }

    fn watch(self: &Arc<Self>, topic: Topic) -> ChangeWatch {
        let counts = {
            let mut feeds = self.lock();
            let feed = feeds
                .entry(topic)
                .or_insert_with(|| Feed { counts: watch::Sender::new(Counts::default()), watches: 0 });
            feed.watches += 1;
            self.watches.fetch_add(1, Ordering::SeqCst);
            feed.counts.subscribe()
        };
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let seen = *counts.borrow();
        ChangeWatch { changes: Arc::clone(self), topic, counts, seen, pace }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Topic, Feed>> {
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
                // The feed stays for as long as this watch does.
                return std::future::pending().await;
            }
            let counts = *self.counts.borrow_and_update();
            let is_new = |change: &Change| counts[*change as usize] != self.seen[*change as usize];
            let changed: Vec<Change> = Change::ALL.into_iter().filter(is_new).collect();
            self.seen = counts;
            if !changed.is_empty() {
                return changed;
            }
        }
    }
}

impl Drop for ChangeWatch {
    fn drop(&mut self) {
        let mut feeds = self.changes.lock();
        self.changes.watches.fetch_sub(1, Ordering::SeqCst);
        if let Some(feed) = feeds.get_mut(&self.topic) {
            feed.watches -= 1;
            if feed.watches == 0 {
                feeds.remove(&self.topic);
            }
        }
    }
}

impl Engine {
    /// Watches one program.
    pub fn watch(&self, program: &ProgramId) -> Result<ChangeWatch, EngineError> {
        Ok(self.changes.watch(Topic::Program(self.program_entry(program)?.flow)))
    }

    /// Watches all programs together.
    pub fn watch_all(&self) -> ChangeWatch {
        self.changes.watch(Topic::AllPrograms)
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
        changes.tell(std::iter::from_fn(|| -> Option<(FlowId, Change)> { panic!("looked at") }));
        assert!(changes.lock().is_empty(), "a feed that nobody watches is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_loses_nothing() {
        let changes = Arc::new(Changes::default());
        let mut watch = changes.watch(Topic::AllPrograms);
        assert_eq!(watch.next().now_or_never(), None);
        changes.tell([(FIRST, Change::Inbox)]);
        assert_eq!(watch.next().await, [Change::Inbox]);
    }
}

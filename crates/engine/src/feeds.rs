//! A program's events as they are accepted, for those who follow it.
//!
//! One writer gives ids in the order of its commits, and one commit ends before the next begins. So whoever has seen an
//! event has seen every earlier one that there will ever be, and "behind this id" leaves nothing out. Where several nodes accept,
//! that is so up to what all of them have settled, and nothing is told that is higher: see `settled`.
//!
//! The ids of a followed program's new events are remembered here, and read from the store by those who follow; the events
//! of others are not looked at. Whoever begins further back, or falls further behind than is remembered, looks through the
//! store step by step until it is there. What nobody follows costs a commit one look at a number.

mod follower;
mod settled;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use groundswell_types::{EventId, ProgramId};
use tokio::sync::{Notify, Semaphore, watch};

pub use self::follower::{FollowedEvent, Follower};
pub(crate) use self::settled::run;
use crate::clock::Stopwatch;

/// Ids of a program that are remembered.
const REMEMBERED: usize = 4096;

/// Followers that look through the store at the same time.
const LOOKING: usize = 4;

/// The feeds somebody follows.
#[derive(Debug)]
pub struct Feeds {
    /// So that nobody takes the lock when nobody follows.
    followers: AtomicUsize,
    /// The newest id whose commit has ended, followed or not. Ids are given before the commit, so the newest that was
    /// given may be of an event that is still to come.
    committed_to: AtomicI64,
    /// Looking through the store reads the events of all programs; only so many do at a time.
    looking: Arc<Semaphore>,
    /// Where several nodes accept: there may be something to tell.
    news: Notify,
    /// Held while it is looked for that.
    telling: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

impl Default for Feeds {
    fn default() -> Self {
        Self {
            followers: AtomicUsize::new(0),
            committed_to: AtomicI64::new(0),
            looking: Arc::new(Semaphore::new(LOOKING)),
            news: Notify::new(),
            telling: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
    }
}

#[derive(Debug)]
struct State {
    feeds: HashMap<ProgramId, Feed>,
    /// Of every program that is followed, everything up to here was told.
    told_to: EventId,
    /// Nobody has followed since, and nothing was told.
    is_behind: bool,
    /// Since it was last tried to go on without nodes that are not heard of.
    retired: Option<Stopwatch>,
}

impl Default for State {
    fn default() -> Self {
        Self { feeds: HashMap::new(), told_to: EventId::from_number(0), is_behind: true, retired: None }
    }
}

#[derive(Debug)]
struct Feed {
    /// Ascending; the program's events since somebody follows it. Some were not stored after all.
    recent: VecDeque<EventId>,
    /// The highest id that has no room any more.
    forgotten_to: Option<EventId>,
    /// There is something that nobody was woken for.
    has_news: bool,
    news: watch::Sender<()>,
    followers: usize,
}

/// What is remembered behind an id.
#[derive(Debug, PartialEq, Eq)]
enum Recent {
    /// These come next.
    Ids(Vec<EventId>),
    /// Nothing up to this id.
    NothingTo(EventId),
    /// Not everything.
    Forgotten,
}

impl Feeds {
    /// Everything up to `newest` was committed before the process began.
    pub(crate) fn new(newest: EventId) -> Self {
        Self { committed_to: AtomicI64::new(newest.number()), ..Self::default() }
    }

    /// Tells those who follow. Called after a commit, with what it accepted, in order; when nobody follows, only its last one
    /// is looked at.
    pub(crate) fn tell<'a>(
        &self,
        accepted: impl DoubleEndedIterator<Item = (&'a ProgramId, EventId)> + Clone,
    ) {
        let Some((_, newest)) = accepted.clone().next_back() else { return };
        // Before it is asked who follows: who begins to afterwards begins behind this commit.
        self.committed_to.store(newest.number(), Ordering::SeqCst);
        if self.followers.load(Ordering::SeqCst) == 0 {
            return;
        }
        self.remember(accepted);
    }

    fn remember<'a>(&self, accepted: impl Iterator<Item = (&'a ProgramId, EventId)>) {
        let mut state = self.lock();
        let State { feeds, told_to, .. } = &mut *state;
        for (program, id) in accepted {
            *told_to = id;
            if let Some(feed) = feeds.get_mut(program) {
                if feed.recent.len() == REMEMBERED {
                    feed.forgotten_to = feed.recent.pop_front();
                }
                feed.recent.push_back(id);
                feed.has_news = true;
            }
        }
        for feed in feeds.values_mut() {
            if std::mem::take(&mut feed.has_news) {
                feed.news.send_replace(());
            }
        }
    }

    /// Whether anybody follows a program.
    pub(crate) fn is_followed(&self) -> bool {
        self.followers.load(Ordering::SeqCst) > 0
    }

    /// The newest id whose commit has ended.
    fn committed_to(&self) -> EventId {
        EventId::from_number(self.committed_to.load(Ordering::SeqCst))
    }

    /// From here on every event of the program is told: one that is not has been committed before.
    fn follow(self: &Arc<Self>, program: &ProgramId) -> Following {
        let mut state = self.lock();
        let feed = state.feeds.entry(program.clone()).or_insert_with(|| Feed {
            recent: VecDeque::new(),
            forgotten_to: None,
            has_news: false,
            news: watch::Sender::new(()),
            followers: 0,
        });
        feed.followers += 1;
        self.followers.fetch_add(1, Ordering::SeqCst);
        Following { feeds: Arc::clone(self), program: program.clone(), news: feed.news.subscribe() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who is told.
#[derive(Debug)]
struct Following {
    feeds: Arc<Feeds>,
    program: ProgramId,
    news: watch::Receiver<()>,
}

impl Following {
    /// What is remembered behind `reached`, at most `limit` ids. Whatever is told later wakes [`Self::news`].
    fn recent(&mut self, reached: EventId, limit: usize) -> Recent {
        self.news.borrow_and_update();
        let state = self.feeds.lock();
        let Some(feed) = state.feeds.get(&self.program) else { return Recent::Forgotten };
        if feed.forgotten_to.is_some_and(|forgotten| forgotten > reached) {
            return Recent::Forgotten;
        }
        let from = feed.recent.partition_point(|id| *id <= reached);
        let ids: Vec<EventId> = feed.recent.range(from..).take(limit).copied().collect();
        if ids.is_empty() { Recent::NothingTo(state.told_to.max(reached)) } else { Recent::Ids(ids) }
    }

    /// Waits until something was told since the last [`Self::recent`]. Nothing is lost when the wait is given up.
    async fn news(&mut self) {
        if self.news.changed().await.is_err() {
            // The feed stays for as long as somebody follows.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut state = self.feeds.lock();
        self.feeds.followers.fetch_sub(1, Ordering::SeqCst);
        if let Some(feed) = state.feeds.get_mut(&self.program) {
            feed.followers -= 1;
            if feed.followers == 0 {
                state.feeds.remove(&self.program);
            }
        }
        state.is_behind |= state.feeds.is_empty();
    }
}

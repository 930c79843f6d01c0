//! The leases of one node. Pure: answers of the database and time in, actions out; no I/O, no clock.
//!
//! Time is the node's own and monotonic, in milliseconds from anywhere; it must go on while the machine sleeps
//! (`CLOCK_BOOTTIME`). It is only ever compared with itself: when a lease or a node is over is for the database to say.
//!
//! **Invariant.** An epoch is begun at most once, and what has stopped is not begun again but in a later epoch: so in
//! one epoch no delivery is taken up twice. A lease that the database gives this node and that it does not hold (its
//! acquisition was thought to have failed, or its deadline passed) is therefore released, and taken anew if it is to be
//! had.
//!
//! **Invariant.** A lease's deadline here lies before its expiry there: it is counted from before the renewal was sent,
//! and ends early by what two clocks may drift apart meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use super::placement::Placement;
use super::shard::Shard;
use super::table::{Asked, Epoch, Lease, LeaseRow, NodeId, NodeRow, Presence, Snapshot};

/// How long things take, in milliseconds. Equal on all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timing {
    /// A lease lasts so long unless it is renewed, and a node counts as living.
    pub ttl_ms: i64,
    /// Leases are renewed so often.
    pub renewal_ms: i64,
    /// How often the table is looked at while a shard is on its way from one living node to another.
    pub look_ms: i64,
    /// After what was not answered, and at least between two looks that no hint asks for.
    pub retry_ms: i64,
    /// After a silence of the database, a node waits for the others to be heard again before it takes what is theirs.
    pub settling_ms: i64,
    /// What the clocks of node and database may run apart in the time of a lease.
    pub drift_ms: i64,
}

impl Timing {
    /// Everything else in proportion to the time of a lease, which is 60 milliseconds at least.
    pub const fn of(ttl_ms: i64) -> Self {
        Self {
            ttl_ms,
            renewal_ms: ttl_ms / 3,
            look_ms: ttl_ms / 30,
            retry_ms: ttl_ms / 60,
            settling_ms: ttl_ms / 15,
            drift_ms: ttl_ms / 50,
        }
    }
}

/// 15 seconds: renewed every 5, and clocks may run apart by 2 %, where they do by 0.05 % at most.
impl Default for Timing {
    fn default() -> Self {
        Self::of(15_000)
    }
}

/// What a node wants done. The first three are for the database, one at a time: each must be answered once, and within
/// a sixth of the time of a lease, if only by saying that there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Answered by [`Leases::renewed`].
    Renew(Asked),
    /// Answered by [`Leases::acquired`].
    Acquire(Asked),
    /// Answered by [`Leases::released`].
    Release(Asked),
    /// Read what waits for the shard and deliver it, under this epoch.
    Begin(Lease),
    /// Begin no attempt in this shard any more; when all attempts are over and their outcomes committed, say
    /// [`Leases::drained`].
    Drain(Lease),
    /// Forget the shard at once. Attempts that are under way may go on; their outcomes are still written, and the
    /// fence tells what they are good for.
    Stop(Lease, StopReason),
    /// Tell this node to look ([`Leases::hinted`]), as there are shards for it to take now or soon. It may be lost.
    Hint(NodeId),
    /// Everything is given up, and the process may end. Nothing more comes.
    Left,
}

/// Why a shard was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// It could not be renewed in time.
    Deadline,
    /// An outcome found that the shard was taken.
    Fenced,
    /// The table says so.
    Lost,
}

/// The state machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Leases {
    me: NodeId,
    timing: Timing,
    held: BTreeMap<Shard, Held>,
    /// What is still this node's in the database and no longer served.
    to_release: BTreeSet<Lease>,
    /// What this node may take, as it was seen last.
    to_acquire: Vec<Lease>,
    /// Given away and not yet seen with its new owner. The next one follows only then.
    moving: Option<Shard>,
    placement: Arc<Placement>,
    course: Course,
    /// Waits for the answer to a statement.
    is_asking: bool,
    /// When the last answer came.
    heard_ms: Option<i64>,
    /// Nothing is taken before.
    settled_ms: i64,
    renew_at_ms: i64,
    look_at_ms: i64,
    /// Nothing is asked before.
    ask_at_ms: i64,
    actions: Vec<Action>,
}

/// From start to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Course {
    Staying,
    Leaving,
    /// And the others have been told to look.
    Announced,
    Left,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Held {
    epoch: Epoch,
    deadline_ms: i64,
    is_draining: bool,
}

/// An answer that is being read.
struct Seen<'a> {
    asked: &'a Asked,
    /// Nodes but this one.
    living: BTreeSet<NodeId>,
    now_ms: i64,
}

impl Leases {
    /// The node they are of.
    pub const fn node(&self) -> NodeId {
        self.me
    }

    /// A node that holds nothing and wants its share.
    pub fn new(me: NodeId, timing: Timing, now_ms: i64) -> Self {
        Self {
            me,
            timing,
            held: BTreeMap::new(),
            to_release: BTreeSet::new(),
            to_acquire: Vec::new(),
            moving: None,
            placement: Arc::new(Placement::over(&BTreeSet::new())),
            course: Course::Staying,
            is_asking: false,
            heard_ms: None,
            settled_ms: now_ms,
            renew_at_ms: now_ms,
            look_at_ms: i64::MAX,
            ask_at_ms: now_ms,
            actions: Vec::new(),
        }
    }

    /// The epoch under which an attempt in this shard may begin now. Ask right before it begins: after a pause of the
    /// process nothing else may have noticed yet that the time is over.
    pub fn lease(&self, shard: Shard, now_ms: i64) -> Option<Epoch> {
        let held = self.held.get(&shard)?;
        (!held.is_draining && now_ms < held.deadline_ms).then_some(held.epoch)
    }

    /// Who ought to deliver to a shard, as far as is known here: where hints of new events are sent.
    pub fn expected_owner(&self, shard: Shard) -> Option<NodeId> {
        self.placement.owner(shard)
    }

    /// What is held, including what is being drained.
    pub fn held(&self) -> impl Iterator<Item = Lease> {
        self.held.iter().map(|(shard, held)| Lease { shard: *shard, epoch: held.epoch })
    }

    /// The node is to give up everything, so that others can go on at once. While the database does not answer there
    /// is no end to this; a process that ends without [`Action::Left`] leaves leases that run out.
    pub fn leave(&mut self, now_ms: i64) {
        if self.course != Course::Staying {
            return;
        }
        self.course = Course::Leaving;
        self.to_acquire.clear();
        let shards: Vec<Shard> = self.held.keys().copied().collect();
        for shard in shards {
            self.drain(shard);
        }
        // Others are to know before there is anything to take.
        self.renew_at_ms = now_ms;
    }

    /// Nothing is under way any more in a shard that was to be drained, and every outcome is committed.
    pub fn drained(&mut self, lease: Lease) {
        if self.held.get(&lease.shard).is_some_and(|held| held.is_draining && held.epoch == lease.epoch) {
            self.held.remove(&lease.shard);
            self.to_release.insert(lease);
        }
    }

    /// An outcome found its epoch stale.
    pub fn fenced(&mut self, lease: Lease, now_ms: i64) {
        if self.held.get(&lease.shard).is_some_and(|held| held.epoch == lease.epoch) {
            self.stop(lease.shard, StopReason::Fenced);
            self.look_at_ms = now_ms;
        }
    }

    /// Somebody says that there is something to take.
    pub fn hinted(&mut self, now_ms: i64) {
        self.look_at_ms = self.look_at_ms.min(now_ms);
    }

    /// The answer to [`Action::Renew`]; `None` if there was none: it may or may not have been executed, or may be yet.
    pub fn renewed(&mut self, asked: &Asked, snapshot: Option<&Snapshot>, now_ms: i64) {
        self.is_asking = false;
        let Some(snapshot) = snapshot else {
            self.ask_at_ms = now_ms + self.timing.retry_ms;
            self.renew_at_ms = now_ms;
            return;
        };
        self.place(snapshot);
        if self.course == Course::Leaving && asked.presence == Presence::Leaving {
            self.course = Course::Announced;
            self.actions.extend(self.placement.nodes().map(Action::Hint));
        }
        self.settle_down(snapshot, now_ms);
        self.to_release.clear();
        self.to_acquire.clear();
        self.look_at_ms = i64::MAX;
        let mut seen = Seen { asked, living: BTreeSet::new(), now_ms };
        let me = self.me;
        for node in snapshot.nodes.iter().filter(|node| node.id != me && node.remaining_ms > 0) {
            seen.living.insert(node.id);
            self.look_by(now_ms + node.remaining_ms.max(self.timing.retry_ms));
        }
        for row in &snapshot.leases {
            self.see(row, &seen);
        }
        self.move_one();
        if self.moving.is_some() {
            self.look_by(now_ms + self.timing.look_ms);
        }
        if !self.to_acquire.is_empty() && now_ms < self.settled_ms {
            self.to_acquire.clear();
            self.look_by(self.settled_ms);
        }
    }

    /// The answer to [`Action::Acquire`]: what was taken, or `None` as with [`Leases::renewed`].
    pub fn acquired(&mut self, asked: &Asked, taken: Option<&[Lease]>, now_ms: i64) {
        self.is_asking = false;
        let Some(taken) = taken else {
            self.ask_at_ms = now_ms + self.timing.retry_ms;
            self.look_at_ms = now_ms;
            return;
        };
        let deadline_ms = self.deadline_ms(asked);
        for lease in taken {
            if self.course != Course::Staying || deadline_ms <= now_ms {
                self.to_release.insert(*lease);
            } else {
                let held = Held { epoch: lease.epoch, deadline_ms, is_draining: false };
                self.held.insert(lease.shard, held);
                self.actions.push(Action::Begin(*lease));
            }
        }
        if taken.len() < asked.leases.len() {
            self.look_by(now_ms + self.timing.look_ms);
        }
    }

    /// The answer to [`Action::Release`]: whether it was done.
    pub fn released(&mut self, asked: &Asked, done: Option<()>, now_ms: i64) {
        self.is_asking = false;
        if done.is_none() {
            self.ask_at_ms = now_ms + self.timing.retry_ms;
            return;
        }
        let mut takers = BTreeSet::new();
        for lease in &asked.leases {
            self.to_release.remove(lease);
            takers.extend(self.placement.owner(lease.shard));
        }
        // It may be this node itself, if the lease was one that it did not know of.
        if takers.remove(&self.me) {
            self.look_at_ms = now_ms;
        }
        self.actions.extend(takers.into_iter().map(Action::Hint));
    }

    /// Everything to be done now. To be called after every input, and at [`Leases::next_wake_ms`].
    pub fn poll(&mut self, now_ms: i64) -> Vec<Action> {
        let lapsed = self.held.iter().filter(|(_, held)| held.deadline_ms <= now_ms);
        let lapsed: Vec<Shard> = lapsed.map(|(shard, _)| *shard).collect();
        for shard in lapsed {
            self.stop(shard, StopReason::Deadline);
        }
        if !self.is_asking && self.course != Course::Left && now_ms >= self.ask_at_ms {
            self.ask(now_ms);
        }
        mem::take(&mut self.actions)
    }

    /// When [`Leases::poll`] is to be called next, if nothing else happens.
    pub fn next_wake_ms(&self) -> Option<i64> {
        let deadline = self.held.values().map(|held| held.deadline_ms).min();
        let is_urgent = !(self.to_release.is_empty() && self.to_acquire.is_empty())
            || (self.course != Course::Staying && self.held.is_empty());
        let due_ms = if is_urgent { i64::MIN } else { self.renew_at_ms.min(self.look_at_ms) };
        let can_ask = !self.is_asking && self.course != Course::Left;
        let ask = can_ask.then(|| due_ms.max(self.ask_at_ms));
        deadline.into_iter().chain(ask).min()
    }

    /// Asks for what is most urgent.
    fn ask(&mut self, now_ms: i64) {
        let action = if now_ms >= self.renew_at_ms {
            self.renew_at_ms = now_ms + self.timing.renewal_ms;
            Action::Renew(self.asked(self.held().collect(), now_ms))
        } else if !self.to_release.is_empty() {
            Action::Release(self.asked(self.to_release.iter().copied().collect(), now_ms))
        } else if !self.to_acquire.is_empty() {
            let seen = mem::take(&mut self.to_acquire);
            Action::Acquire(self.asked(seen, now_ms))
        } else if self.course != Course::Staying && self.held.is_empty() {
            self.course = Course::Left;
            self.actions.push(Action::Left);
            return;
        } else if now_ms >= self.look_at_ms {
            self.look_at_ms = i64::MAX;
            Action::Renew(self.asked(Vec::new(), now_ms))
        } else {
            return;
        };
        self.is_asking = true;
        self.actions.push(action);
    }

    fn asked(&self, leases: Vec<Lease>, now_ms: i64) -> Asked {
        let presence = if self.course == Course::Staying { Presence::Staying } else { Presence::Leaving };
        Asked { node: self.me, presence, leases, ttl_ms: self.timing.ttl_ms, sent_ms: now_ms }
    }

    const fn deadline_ms(&self, asked: &Asked) -> i64 {
        asked.sent_ms + self.timing.ttl_ms - self.timing.drift_ms
    }

    /// Places the shards over the nodes that live.
    fn place(&mut self, snapshot: &Snapshot) {
        let available = snapshot.nodes.iter().filter(|node| node.is_available());
        let nodes: BTreeSet<NodeId> = available.map(|node| node.id).collect();
        if !self.placement.is_over(&nodes) {
            self.placement = Arc::new(Placement::over(&nodes));
        }
    }

    /// Where nobody holds anything although there were others, they may be as far from the database as this node was
    /// until now: whoever is back first would take everything.
    fn settle_down(&mut self, snapshot: &Snapshot, now_ms: i64) {
        let was_silent = self.heard_ms.is_none_or(|heard_ms| now_ms - heard_ms >= self.timing.ttl_ms);
        let is_missing = |node: &NodeRow| node.presence == Presence::Staying && node.remaining_ms <= 0;
        if was_silent
            && snapshot.leases.iter().all(LeaseRow::is_over)
            && snapshot.nodes.iter().any(is_missing)
        {
            self.settled_ms = now_ms + self.timing.settling_ms;
        }
        self.heard_ms = Some(now_ms);
    }

    /// What a row means for this node.
    fn see(&mut self, row: &LeaseRow, seen: &Seen<'_>) {
        let shard = row.lease.shard;
        let is_mine = row.owner == Some(self.me) && !row.is_over();
        let has_other_owner = row.owner != Some(self.me) && !row.is_over();
        let is_wanted = self.course == Course::Staying && self.placement.owner(shard) == Some(self.me);
        let deadline_ms = self.deadline_ms(seen.asked);
        match self.held.get_mut(&shard) {
            Some(held) if is_mine && held.epoch == row.lease.epoch => {
                if seen.asked.leases.binary_search(&row.lease).is_ok() {
                    held.deadline_ms = held.deadline_ms.max(deadline_ms);
                }
                return;
            }
            Some(_) => self.stop(shard, StopReason::Lost),
            None if is_mine => {
                self.to_release.insert(row.lease);
                return;
            }
            None => {}
        }
        if has_other_owner || is_wanted {
            self.moving.take_if(|moving| *moving == shard);
        }
        if row.is_over() && is_wanted {
            self.to_acquire.push(row.lease);
        } else if has_other_owner {
            let owner_gives = is_wanted && row.owner.is_some_and(|owner| seen.living.contains(&owner));
            let wait_ms = if owner_gives { self.timing.look_ms } else { row.remaining_ms };
            self.look_by(seen.now_ms + wait_ms.max(self.timing.retry_ms));
        }
    }

    /// Begins to give away a shard that ought to be another's, unless one is on its way.
    fn move_one(&mut self) {
        if self.course != Course::Staying || self.moving.is_some() {
            return;
        }
        let ought_to_be_mine =
            |shard: &Shard| self.placement.owner(*shard).is_none_or(|owner| owner == self.me);
        if let Some(shard) = self.held.keys().copied().find(|shard| !ought_to_be_mine(shard)) {
            self.moving = Some(shard);
            self.drain(shard);
        }
    }

    fn drain(&mut self, shard: Shard) {
        if let Some(held) = self.held.get_mut(&shard)
            && !held.is_draining
        {
            held.is_draining = true;
            self.actions.push(Action::Drain(Lease { shard, epoch: held.epoch }));
        }
    }

    fn stop(&mut self, shard: Shard, reason: StopReason) {
        if let Some(held) = self.held.remove(&shard) {
            self.actions.push(Action::Stop(Lease { shard, epoch: held.epoch }, reason));
        }
    }

    fn look_by(&mut self, at_ms: i64) {
        self.look_at_ms = self.look_at_ms.min(at_ms);
    }
}

#[cfg(test)]
mod tests;

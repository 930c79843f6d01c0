//! Everything there is in one moment: a database, nodes, and what is on its way between them.

mod database;

use std::collections::{BTreeMap, BTreeSet};

use groundswell_engine::cluster::{
    Action, Asked, Epoch, Fence, Lease, LeaseTable, Leases, NodeId, Shard, Snapshot, Timing,
};

/// Three ticks to a lease, each of which it is renewed in; a clock may lose one of them.
pub const TIMING: Timing =
    Timing { ttl_ms: 3, renewal_ms: 1, look_ms: 1, retry_ms: 1, settling_ms: 1, drift_ms: 1 };

/// All rows are read every so many ticks, whatever the cursor says.
const RECONCILE_TICKS: i64 = 3;

/// A way to build it wrong, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// No statement compares epochs.
    NoEpochCheck,
    /// Whoever takes a shard leaves its epoch as it is.
    EpochStays,
    /// Expiry is computed and compared with the clock of the node that asks.
    OwnClock,
    /// A lease's deadline is counted from the answer.
    DeadlineFromAnswer,
    /// An attempt begins without a look at the deadline.
    NoDeadline,
    /// Outcomes that set another due time are not fenced.
    RescheduleWithoutFence,
    /// They are written whether or not the delivery still waits.
    RescheduleWithoutRow,
    /// What waits is only read behind the last id that was seen.
    CursorWithoutReconcile,
}

/// What must not happen, and is noted when it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Two attempts at the same turn of a delivery have both set it due again, or ended it.
    DecidedTwice,
    /// An attempt under an epoch that was not the shard's any more has done either.
    DecidedByStale,
    /// A delivery that was over waits again.
    Revived,
    /// A shard's epoch is not greater than at its last acquisition.
    EpochDidNotGrow,
}

/// What must be possible, or the model would say nothing. Only noted where [`World::watches`] says so, as a state with a
/// note is another one than the same without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sight {
    /// A stale success has ended a delivery.
    StaleSuccess,
    /// A stale outcome was kept out.
    Fenced,
    /// A node that lives and stays has given a shard away.
    HandedOver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Success,
    /// Failed, and due again.
    Retry,
    /// Failed for good.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Life {
    NotAccepted,
    /// `turn`: how many attempts have set it due again.
    Waiting {
        turn: u8,
    },
    Delivered,
    Ended,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub delivery: usize,
    pub turn: u8,
    pub lease: Lease,
    /// Its outcome is committed, and the node has not heard yet.
    pub unheard: Option<(Outcome, Fence)>,
}

/// What a node knows of a shard that it serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Memory {
    epoch: Epoch,
    /// Deliveries that wait, and their turn.
    waiting: BTreeMap<usize, u8>,
    /// The highest id that was seen.
    cursor: Option<usize>,
    is_draining: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Up,
    Paused,
    Down,
}

/// A statement that a node waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Statement {
    pub asked: Action,
    pub answer: Option<Answer>,
    pub is_delayed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer {
    Renewed(Snapshot),
    Acquired(Vec<Lease>),
    Released,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    pub status: Status,
    pub starts_left: u8,
    pub is_leaving: bool,
    pub has_drifted: bool,
    pub local_ms: i64,
    pub leases: Leases,
    memory: BTreeMap<Shard, Memory>,
    pub attempts: Vec<Attempt>,
    pub statement: Option<Statement>,
}

impl Node {
    /// What it asked is not on a way that takes its time, or has been for so long that it has to end.
    pub fn is_urgent(&self) -> bool {
        self.statement.as_ref().is_some_and(|statement| !statement.is_delayed || self.is_overdue())
    }

    /// Whether a tick has gone by since it asked.
    pub fn is_overdue(&self) -> bool {
        self.asked().is_some_and(|asked| asked.sent_ms < self.local_ms)
    }

    /// What it asked changes nothing but how long something lasts.
    pub fn only_renews(&self) -> bool {
        matches!(self.statement, Some(Statement { asked: Action::Renew(_), .. }))
    }

    fn asked(&self) -> Option<&Asked> {
        match &self.statement.as_ref()?.asked {
            Action::Renew(asked) | Action::Acquire(asked) | Action::Release(asked) => Some(asked),
            Action::Begin(_) | Action::Drain(_) | Action::Stop(..) | Action::Hint(_) | Action::Left => None,
        }
    }
}

/// One state of the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub flaw: Option<Flaw>,
    /// The database's clock.
    pub now_ms: i64,
    pub table: LeaseTable,
    pub deliveries: Vec<Life>,
    pub nodes: Vec<Node>,
    pub disturbances_left: u8,
    /// Statements on their way that no node waits for.
    pub late: Vec<(usize, Action)>,
    /// Attempts of nodes that are down, whose outcome may be on its way.
    pub strays: Vec<Attempt>,
    pub faults: BTreeSet<Fault>,
    pub watches: bool,
    pub seen: BTreeSet<Sight>,
    /// Turns of deliveries that an outcome has set due again or ended.
    decided: BTreeSet<(usize, u8)>,
    /// The latest epoch of each shard that something was written under.
    pub written: BTreeMap<Shard, Epoch>,
    acquired: BTreeMap<Shard, Epoch>,
}

impl World {
    /// No node runs.
    pub fn new(flaw: Option<Flaw>, shards: usize, deliveries: usize) -> Self {
        let shards = SHARDS.into_iter().take(shards);
        let node = |slot, starts_left| Node {
            status: Status::Down,
            starts_left,
            is_leaving: false,
            has_drifted: false,
            local_ms: 0,
            leases: Leases::new(id(slot, starts_left), TIMING, 0),
            memory: BTreeMap::new(),
            attempts: Vec::new(),
            statement: None,
        };
        Self {
            flaw,
            now_ms: 0,
            table: LeaseTable::new(shards),
            deliveries: vec![Life::NotAccepted; deliveries],
            nodes: vec![node(0, 2), node(1, 1)],
            disturbances_left: 0,
            late: Vec::new(),
            strays: Vec::new(),
            faults: BTreeSet::new(),
            watches: false,
            seen: BTreeSet::new(),
            decided: BTreeSet::new(),
            written: BTreeMap::new(),
            acquired: BTreeMap::new(),
        }
    }

    /// The shard of a delivery: they are dealt out in turn.
    fn shard_of(&self, delivery: usize) -> Shard {
        SHARDS[delivery % self.table.read(0).leases.len()]
    }

    /// The first node may start twice, the second one once.
    pub fn start(&mut self, slot: usize) {
        let node = &mut self.nodes[slot];
        node.starts_left -= 1;
        node.status = Status::Up;
        node.is_leaving = false;
        node.local_ms = self.now_ms + OFFSETS_MS[slot];
        node.leases = Leases::new(id(slot, node.starts_left), TIMING, node.local_ms);
        self.drive(slot);
    }

    pub fn crash(&mut self, slot: usize) {
        let node = &mut self.nodes[slot];
        node.status = Status::Down;
        node.memory.clear();
        self.strays.append(&mut node.attempts);
        self.strays.retain(|attempt| attempt.unheard.is_none());
        if let Some(Statement { asked, answer: None, .. }) = node.statement.take() {
            self.late.push((slot, asked));
        }
    }

    pub fn leave(&mut self, slot: usize) {
        let node = &mut self.nodes[slot];
        node.is_leaving = true;
        node.leases.leave(node.local_ms);
        self.drive(slot);
    }

    /// A tick of all clocks.
    pub fn tick(&mut self) {
        self.now_ms += 1;
        for node in &mut self.nodes {
            node.local_ms += 1;
        }
    }

    /// What nodes do by themselves once time has passed.
    pub fn after_tick(&mut self) {
        for slot in 0..self.nodes.len() {
            if self.nodes[slot].status == Status::Up {
                self.read_at(slot);
                self.drive(slot);
            }
        }
    }

    /// Forgets what is on its way and could not change anything.
    pub fn tidy(&mut self) {
        let deliveries = &self.deliveries;
        self.strays.retain(|attempt| matches!(deliveries[attempt.delivery], Life::Waiting { .. }));
        self.strays.sort_by_key(|attempt| (attempt.delivery, attempt.turn, attempt.lease));
    }

    /// Whether a node serves a delivery's shard, so that a hint of it changes anything.
    pub fn heeds(&self, slot: usize, delivery: usize) -> bool {
        let node = &self.nodes[slot];
        node.status == Status::Up && node.memory.contains_key(&self.shard_of(delivery))
    }

    /// A node reads what waits in its shards.
    pub fn read_at(&mut self, slot: usize) {
        let reconciles =
            self.now_ms % RECONCILE_TICKS == 0 && self.flaw != Some(Flaw::CursorWithoutReconcile);
        let shards: Vec<Shard> = self.nodes[slot].memory.keys().copied().collect();
        for shard in shards {
            self.read(slot, shard, reconciles);
        }
    }

    fn read(&mut self, slot: usize, shard: Shard, everything: bool) {
        let rows: Vec<(usize, u8)> = (0..self.deliveries.len())
            .filter(|delivery| self.shard_of(*delivery) == shard)
            .filter_map(|delivery| match self.deliveries[delivery] {
                Life::Waiting { turn } => Some((delivery, turn)),
                Life::NotAccepted | Life::Delivered | Life::Ended => None,
            })
            .collect();
        let node = &mut self.nodes[slot];
        let Some(memory) = node.memory.get_mut(&shard) else { return };
        let lease = Lease { shard, epoch: memory.epoch };
        for (delivery, turn) in rows {
            let is_new = everything || memory.cursor.is_none_or(|cursor| delivery > cursor);
            let is_under_way = |attempt: &Attempt| attempt.delivery == delivery && attempt.lease == lease;
            if is_new && !node.attempts.iter().any(is_under_way) {
                memory.waiting.insert(delivery, turn);
            }
            memory.cursor = memory.cursor.max(Some(delivery));
        }
    }

    /// The epoch under which a node would begin an attempt now.
    pub fn serves(&self, slot: usize, shard: Shard) -> Option<Epoch> {
        let node = &self.nodes[slot];
        if node.status == Status::Down {
            return None;
        }
        let memory = node.memory.get(&shard).filter(|memory| !memory.is_draining)?;
        if self.flaw == Some(Flaw::NoDeadline) {
            return Some(memory.epoch);
        }
        node.leases.lease(shard, node.local_ms).filter(|epoch| *epoch == memory.epoch)
    }

    /// A node does everything that needs nobody else.
    pub fn drive(&mut self, slot: usize) {
        loop {
            // First, as nobody can say which of its tasks goes on first when a process does.
            self.begin_attempts(slot);
            let node = &mut self.nodes[slot];
            let actions = node.leases.poll(node.local_ms);
            let is_quiet = actions.is_empty();
            for action in actions {
                self.act(slot, action);
            }
            if !self.finish_draining(slot) && is_quiet {
                return;
            }
        }
    }

    fn act(&mut self, slot: usize, action: Action) {
        let node = &mut self.nodes[slot];
        match action {
            Action::Renew(_) | Action::Acquire(_) | Action::Release(_) => {
                node.statement = Some(Statement { asked: action, answer: None, is_delayed: false });
            }
            Action::Begin(Lease { shard, epoch }) => {
                let memory = Memory { epoch, waiting: BTreeMap::new(), cursor: None, is_draining: false };
                node.memory.insert(shard, memory);
                self.read(slot, shard, true);
            }
            Action::Drain(lease) => {
                if let Some(memory) = node.memory.get_mut(&lease.shard) {
                    memory.is_draining = true;
                }
            }
            Action::Stop(lease, _) => {
                node.memory.remove(&lease.shard);
            }
            Action::Left => {
                node.status = Status::Down;
                self.table.forget(id(slot, node.starts_left));
                self.strays.append(&mut node.attempts);
            }
            // Nothing depends on them.
            Action::Hint(_) => {}
        }
    }

    fn begin_attempts(&mut self, slot: usize) {
        let shards: Vec<Shard> = self.nodes[slot].memory.keys().copied().collect();
        for shard in shards {
            let Some(epoch) = self.serves(slot, shard) else { continue };
            let node = &mut self.nodes[slot];
            let Some(memory) = node.memory.get_mut(&shard) else { continue };
            let lease = Lease { shard, epoch };
            for (delivery, turn) in std::mem::take(&mut memory.waiting) {
                node.attempts.push(Attempt { delivery, turn, lease, unheard: None });
            }
        }
    }

    /// Whether a shard that was to be drained is.
    fn finish_draining(&mut self, slot: usize) -> bool {
        let node = &mut self.nodes[slot];
        let attempts = &node.attempts;
        let is_drained = |(shard, memory): &(&Shard, &Memory)| {
            let lease = Lease { shard: **shard, epoch: memory.epoch };
            memory.is_draining && !attempts.iter().any(|attempt| attempt.lease == lease)
        };
        let Some((shard, memory)) = node.memory.iter().find(is_drained) else { return false };
        let lease = Lease { shard: *shard, epoch: memory.epoch };
        node.memory.remove(&lease.shard);
        node.leases.drained(lease);
        if !node.is_leaving {
            self.note(Sight::HandedOver);
        }
        true
    }

    fn note(&mut self, sight: Sight) {
        if self.watches {
            self.seen.insert(sight);
        }
    }

    /// The answer to a node's statement, if it is there, arrives.
    pub fn receive(&mut self, slot: usize) {
        let node = &mut self.nodes[slot];
        let Some(Statement { mut asked, answer, .. }) = node.statement.take() else { return };
        let local_ms = node.local_ms;
        if self.flaw == Some(Flaw::DeadlineFromAnswer)
            && let Action::Renew(asked) | Action::Acquire(asked) = &mut asked
        {
            asked.sent_ms = local_ms;
        }
        match (&asked, answer) {
            (Action::Renew(asked), Some(Answer::Renewed(snapshot))) => {
                node.leases.renewed(asked, Some(&snapshot), local_ms);
            }
            (Action::Renew(asked), _) => node.leases.renewed(asked, None, local_ms),
            (Action::Acquire(asked), Some(Answer::Acquired(taken))) => {
                node.leases.acquired(asked, Some(&taken), local_ms);
            }
            (Action::Acquire(asked), _) => node.leases.acquired(asked, None, local_ms),
            (Action::Release(asked), answer) => {
                node.leases.released(asked, answer.map(drop), local_ms);
            }
            _ => unreachable!("is not for the database"),
        }
        self.drive(slot);
    }

    /// A node learns what became of an outcome.
    pub fn hear(&mut self, slot: usize, index: usize, (outcome, fence): (Outcome, Fence)) {
        let node = &mut self.nodes[slot];
        let attempt = node.attempts.remove(index);
        let Lease { shard, epoch } = attempt.lease;
        if fence == Fence::Stale {
            node.leases.fenced(attempt.lease, node.local_ms);
        } else if outcome == Outcome::Retry
            && let Some(memory) = node.memory.get_mut(&shard).filter(|memory| memory.epoch == epoch)
        {
            memory.waiting.insert(attempt.delivery, attempt.turn + 1);
        }
        self.drive(slot);
    }
}

/// The second node ought to have the first of these, and the first node the second.
const SHARDS: [Shard; 2] = [Shard::new(7), Shard::new(0)];

/// What the nodes' monotonic clocks show when the database's shows 0.
const OFFSETS_MS: [i64; 2] = [1_000, -1_000];

const FIRST_IDS: [i64; 2] = [1, 11];

/// Each start has a number of its own.
fn id(slot: usize, starts_left: u8) -> NodeId {
    NodeId::new(FIRST_IDS[slot] + i64::from(starts_left))
}

#[cfg(test)]
mod tests {
    use groundswell_engine::cluster::Placement;

    use super::*;

    #[test]
    fn each_node_ought_to_have_one_of_the_shards() {
        for starts_left in [0, 1] {
            let nodes = [id(0, starts_left), id(1, 0)];
            let placement = Placement::over(&nodes.into());
            assert_eq!(SHARDS.map(|shard| placement.owner(shard)), [Some(nodes[1]), Some(nodes[0])]);
        }
    }
}

//! Nodes, a database and the way between them, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use super::super::*;
use crate::cluster::{Fence, LeaseTable};

/// Something that happens.
enum Event {
    /// A statement has arrived at the database.
    Execute(NodeId, Action),
    /// What it answered has arrived at the node.
    Renewed(NodeId, Asked, Snapshot),
    Acquired(NodeId, Asked, Vec<Lease>),
    Released(NodeId, Asked),
    Drained(NodeId, Lease),
    Hinted(NodeId),
    Wake(NodeId),
}

/// A node's clock shows another time than the database's, and runs at another speed.
#[derive(Clone, Copy, Default)]
pub struct Skew {
    pub offset_ms: i64,
    pub parts_per_million: i64,
}

pub struct Node {
    pub leases: Leases,
    skew: Skew,
    /// When it is driven next if nothing else happens.
    wake_ms: Option<i64>,
}

/// All of it.
pub struct World {
    pub now_ms: i64,
    pub table: LeaseTable,
    pub nodes: BTreeMap<NodeId, Node>,
    /// From node to database, and back.
    pub latency_ms: i64,
    /// Until the last outcome of a shard that is drained is committed.
    pub drain_ms: i64,
    /// Nothing gets to the database, or from it.
    pub is_cut: bool,
    /// Hints get lost.
    pub loses_hints: bool,
    /// Since when nobody serves a shard.
    pub unserved: BTreeMap<Shard, i64>,
    /// The longest time a shard was not served.
    pub longest_gap_ms: i64,
    /// Shards on their way from a living node, now and at most.
    moving: BTreeSet<Shard>,
    pub most_moving: usize,
    /// When shards were taken, and how many by that statement.
    pub acquisitions: Vec<(i64, usize)>,
    pub statements: u64,
    pub stops: Vec<(NodeId, Lease, StopReason)>,
    pub left: Vec<NodeId>,
    queue: BTreeMap<(i64, u64), Event>,
    number: u64,
}

impl World {
    pub fn new() -> Self {
        Self {
            now_ms: 1_000_000,
            table: LeaseTable::new(Shard::all()),
            nodes: BTreeMap::new(),
            latency_ms: 1,
            drain_ms: 100,
            is_cut: false,
            loses_hints: false,
            unserved: Shard::all().map(|shard| (shard, 1_000_000)).collect(),
            longest_gap_ms: 0,
            moving: BTreeSet::new(),
            most_moving: 0,
            acquisitions: Vec::new(),
            statements: 0,
            stops: Vec::new(),
            left: Vec::new(),
            queue: BTreeMap::new(),
            number: 0,
        }
    }

    pub fn start(&mut self, id: i64, skew: Skew) -> NodeId {
        let id = NodeId::new(id);
        let leases = Leases::new(id, Timing::default(), self.local_ms(skew));
        self.nodes.insert(id, Node { leases, skew, wake_ms: None });
        self.drive(id);
        id
    }

    /// A process is killed.
    pub fn kill(&mut self, id: NodeId) {
        let node = self.nodes.remove(&id).expect("runs");
        for lease in node.leases.held() {
            self.unserved.entry(lease.shard).or_insert(self.now_ms);
        }
    }

    pub fn leave(&mut self, id: NodeId) {
        let now_ms = self.local_ms(self.nodes[&id].skew);
        self.node(id).leases.leave(now_ms);
        self.drive(id);
    }

    /// Lets time go by.
    pub fn run(&mut self, duration_ms: i64) {
        let until_ms = self.now_ms + duration_ms;
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until_ms) {
            let ((at_ms, _), event) = entry.remove_entry();
            self.now_ms = at_ms;
            self.happen(event);
        }
        self.now_ms = until_ms;
    }

    /// How many shards each node may deliver to now. No two may to the same.
    pub fn loads(&self) -> BTreeMap<NodeId, usize> {
        let mut loads: BTreeMap<NodeId, usize> = self.nodes.keys().map(|id| (*id, 0)).collect();
        for shard in Shard::all() {
            let servers = self.servers(shard);
            assert!(servers.len() <= 1, "{shard} is served by {servers:?}");
            for id in servers {
                *loads.get_mut(&id).expect("runs") += 1;
            }
        }
        loads
    }

    /// The epoch in which a node may deliver to a shard now.
    pub fn lease(&self, id: NodeId, shard: Shard) -> Option<Epoch> {
        let node = &self.nodes[&id];
        node.leases.lease(shard, self.local_ms(node.skew))
    }

    /// The process stands still, and goes on at once when it is driven; what was on its way to it has arrived.
    pub fn pause(&mut self, id: NodeId, duration_ms: i64) {
        let mut paused = self.nodes.remove(&id).expect("runs");
        self.run(duration_ms);
        let now_ms = self.local_ms(paused.skew);
        let served: Vec<Shard> =
            Shard::all().filter(|shard| paused.leases.lease(*shard, now_ms).is_some()).collect();
        assert!(served.iter().all(|shard| self.servers(*shard).is_empty()), "{served:?}");
        // The answer to what it asked last has been lost with its connection.
        if paused.leases.is_asking {
            let asked = paused.leases.asked(Vec::new(), now_ms);
            paused.leases.renewed(&asked, None, now_ms);
        }
        self.nodes.insert(id, paused);
        self.drive(id);
    }

    fn servers(&self, shard: Shard) -> Vec<NodeId> {
        self.nodes.keys().copied().filter(|id| self.lease(*id, shard).is_some()).collect()
    }

    fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.get_mut(&id).expect("runs")
    }

    const fn local_ms(&self, skew: Skew) -> i64 {
        self.now_ms + skew.offset_ms + self.now_ms * skew.parts_per_million / 1_000_000
    }

    fn later(&mut self, after_ms: i64, event: Event) {
        self.number += 1;
        self.queue.insert((self.now_ms + after_ms, self.number), event);
    }

    fn happen(&mut self, event: Event) {
        let id = match event {
            Event::Execute(id, action) => return self.execute(id, action),
            Event::Renewed(id, ..)
            | Event::Acquired(id, ..)
            | Event::Released(id, ..)
            | Event::Drained(id, _)
            | Event::Hinted(id)
            | Event::Wake(id) => id,
        };
        let Some(skew) = self.nodes.get(&id).map(|node| node.skew) else { return };
        let now_ms = self.local_ms(skew);
        let leases = &mut self.node(id).leases;
        match event {
            Event::Renewed(_, asked, snapshot) => leases.renewed(&asked, Some(&snapshot), now_ms),
            Event::Acquired(_, asked, taken) => leases.acquired(&asked, Some(&taken), now_ms),
            Event::Released(_, asked) => leases.released(&asked, Some(()), now_ms),
            Event::Drained(_, lease) => leases.drained(lease),
            Event::Hinted(_) => leases.hinted(now_ms),
            Event::Wake(_) | Event::Execute(..) => {}
        }
        self.drive(id);
    }

    /// At the database, whose clock is the world's.
    fn execute(&mut self, id: NodeId, action: Action) {
        self.statements += 1;
        let answer = match action {
            Action::Renew(asked) => {
                let snapshot = self.table.renew(&asked, self.now_ms);
                Event::Renewed(id, asked, snapshot)
            }
            Action::Acquire(asked) => {
                let taken = self.table.acquire(&asked, self.now_ms);
                self.acquisitions.push((self.now_ms, taken.len()));
                Event::Acquired(id, asked, taken)
            }
            Action::Release(asked) => {
                self.table.release(&asked);
                Event::Released(id, asked)
            }
            other => unreachable!("{other:?} is not for the database"),
        };
        self.later(self.latency_ms, answer);
    }

    fn drive(&mut self, id: NodeId) {
        let now_ms = self.local_ms(self.nodes[&id].skew);
        for action in self.node(id).leases.poll(now_ms) {
            self.act(id, action);
        }
        let world_ms = self.now_ms;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let Some(wake_ms) = node.leases.next_wake_ms() else { return };
        // A millisecond more, as a clock may run slower than the world's.
        let after_ms = (wake_ms - now_ms).max(0) + 1;
        if node.wake_ms.is_none_or(|at_ms| at_ms <= world_ms || world_ms + after_ms < at_ms) {
            node.wake_ms = Some(world_ms + after_ms);
            self.later(after_ms, Event::Wake(id));
        }
    }

    fn act(&mut self, id: NodeId, action: Action) {
        match action {
            Action::Renew(asked) if self.is_cut => self.fail(id, |leases, now_ms| {
                leases.renewed(&asked, None, now_ms);
            }),
            Action::Acquire(asked) if self.is_cut => self.fail(id, |leases, now_ms| {
                leases.acquired(&asked, None, now_ms);
            }),
            Action::Release(asked) if self.is_cut => self.fail(id, |leases, now_ms| {
                leases.released(&asked, None, now_ms);
            }),
            Action::Renew(_) | Action::Acquire(_) | Action::Release(_) => {
                self.later(self.latency_ms, Event::Execute(id, action));
            }
            Action::Begin(lease) => {
                assert_eq!(self.table.fence(lease), Fence::Current);
                assert_eq!(self.servers(lease.shard), [id], "{}", lease.shard);
                if let Some(since_ms) = self.unserved.remove(&lease.shard) {
                    self.longest_gap_ms = self.longest_gap_ms.max(self.now_ms - since_ms);
                }
                self.moving.remove(&lease.shard);
            }
            Action::Drain(lease) => {
                self.unserved.insert(lease.shard, self.now_ms);
                self.moving.insert(lease.shard);
                self.most_moving = self.most_moving.max(self.moving.len());
                self.later(self.drain_ms, Event::Drained(id, lease));
            }
            Action::Stop(lease, reason) => {
                self.unserved.entry(lease.shard).or_insert(self.now_ms);
                self.stops.push((id, lease, reason));
            }
            Action::Hint(taker) if !self.loses_hints => self.later(self.latency_ms, Event::Hinted(taker)),
            Action::Hint(_) => {}
            Action::Left => {
                self.table.forget(id);
                self.nodes.remove(&id);
                self.left.push(id);
            }
        }
    }

    fn fail(&mut self, id: NodeId, answer: impl FnOnce(&mut Leases, i64)) {
        let now_ms = self.local_ms(self.nodes[&id].skew);
        answer(&mut self.node(id).leases, now_ms);
    }

    /// Forgets what was measured.
    pub fn measure_anew(&mut self) {
        self.longest_gap_ms = 0;
        self.most_moving = 0;
        self.statements = 0;
        mem::take(&mut self.acquisitions);
    }
}

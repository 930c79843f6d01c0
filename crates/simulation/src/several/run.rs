//! One run: nodes in turns, what happens to them, and what is looked at in the end.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::FutureExt as _;
use groundswell_engine::Engine;
use groundswell_engine::clock::Clock;
use groundswell_engine::store::Store as _;
use groundswell_engine::store::memory::Memory;
use rand::Rng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

use super::node::{Node, NodeParts};
use super::plan::{Act, Several};
use super::words::{Post, Words};
use crate::ledger::{Ledger, Shared};
use crate::producer::Submission;
use crate::run::{Run, has_drained, note_log, note_what_is_left};
use crate::store::line::{Late, Line};
use crate::trace::{End, Fact, NodeFact};
use crate::world::World;
use crate::{owner, producer};

/// The longest turn of a node, milliseconds; by so much at most the clock of one is behind another's.
pub(super) const TURN_MS: i64 = 40;

/// There are no more nodes at once.
const MOST_NODES: usize = 4;

/// A node that crashes alone must have been there for so long, milliseconds.
const SETTLED_MS: i64 = 5_000;

/// What is asked of owners is given up after this.
const PATIENCE: Duration = Duration::from_mins(1);
const PATIENCE_MS: i64 = 60_000;

/// All there is.
struct Cluster {
    several: Several,
    base: Arc<World>,
    /// A handle of nobody's.
    memory: Memory,
    database: Clock,
    late: Arc<Late>,
    post: Arc<Post>,
    ledger: Arc<Shared>,
    nodes: Vec<Node>,
    numbers: u32,
    now_ms: i64,
    /// When something last happened to a node.
    disturbed_ms: i64,
    /// Nothing happens to nodes until then.
    quiet_until_ms: i64,
    /// Cuts that are mended then, by node.
    cuts: Vec<(i64, u32)>,
    /// Whether things go wrong.
    is_chaos: bool,
}

/// Runs a plan.
pub fn run(several: Several) -> Run {
    let plan = several.plan.clone();
    let base = Arc::new(World::new(plan.clone()));
    let mut cluster = Cluster {
        database: base.engine_clock(),
        base,
        memory: Memory::new(),
        late: Arc::default(),
        post: Arc::default(),
        ledger: Arc::new(Mutex::new(Ledger::new(&plan))),
        nodes: Vec::new(),
        numbers: 0,
        now_ms: 0,
        disturbed_ms: 0,
        quiet_until_ms: 0,
        cuts: Vec::new(),
        is_chaos: false,
        several,
    };
    cluster.set_up();
    cluster.go_wrong();
    cluster.drain();
    cluster.be_well();
    cluster.end();
    note_what_is_left(&cluster.base, &cluster.memory);
    let trace = cluster.base.take_trace();
    Run { plan, trace, points: 0 }
}

impl Cluster {
    /// Some milliseconds for everybody.
    fn turn(&mut self) {
        self.now_ms += self.base.draw(|rng| rng.random_range(1..=TURN_MS));
        self.base.set_time(self.now_ms);
        let now_ms = self.now_ms;
        for (_, number) in self.cuts.extract_if(.., |(until_ms, _)| *until_ms <= now_ms) {
            if let Some(node) = self.nodes.iter().find(|node| node.number == number) {
                node.line.set_whole(true);
                self.base.note_of(number, Fact::OfNodes(NodeFact::Reaches(true)));
            }
        }
        if self.is_chaos && now_ms >= self.quiet_until_ms {
            self.base.set_calm(false);
        }
        self.late.execute(&self.base);
        for letter in self.post.take(now_ms) {
            if let Some(node) = self.nodes.iter().find(|node| Node::id(node.number) == letter.to) {
                node.hear(letter);
            }
        }
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        self.base.draw(|rng| order.shuffle(rng));
        for at in order {
            self.nodes[at].run_until(now_ms);
        }
        let ended = self.nodes.extract_if(.., |node| node.end().is_some());
        for node in ended.collect::<Vec<_>>() {
            let end = node.end().unwrap_or(End::Crash);
            self.base.note_of(node.number, Fact::Ended(end));
            self.disturbed_ms = now_ms;
            node.crash();
        }
    }

    /// Turns until something is so; says whether it is within that time.
    fn turn_until(&mut self, most_ms: i64, is_so: impl Fn(&Self) -> bool) -> bool {
        let until_ms = self.now_ms + most_ms;
        while self.now_ms < until_ms {
            if is_so(self) {
                return true;
            }
            self.turn();
        }
        is_so(self)
    }

    fn join(&mut self) {
        self.numbers += 1;
        let number = self.numbers;
        let (post, plan) = (Arc::clone(&self.post), self.several.words);
        let most_ms = self.several.clocks_off_ms;
        let parts = NodeParts {
            number,
            base: &self.base,
            off_ms: self.base.draw(|rng| rng.random_range(-most_ms..=most_ms)),
            line: Arc::new(Line::new(number, &self.database, &self.late)),
            memory: self.memory.joined(Node::id(number), &Node::address(number), &self.database),
            words: Box::new(move |world| Words { world, post, plan }),
        };
        self.base.note_of(number, Fact::Began);
        self.nodes.push(Node::start(parts));
        self.disturbed_ms = self.now_ms;
    }

    fn set_up(&mut self) {
        for _ in 0..self.several.nodes {
            self.join();
        }
        // Until shards are where they belong, the one that leads may be another soon.
        self.turn_until(SETTLED_MS, |_| false);
        for _ in 0..10 {
            self.turn_until(60_000, |cluster| cluster.leader().is_some());
            if self.has_leader_do(|world, engine, ledger| async move {
                owner::set_up(&world, &engine, &ledger).await.is_ok()
            }) {
                return;
            }
        }
        unreachable!("nothing is wrong yet, and there are no programs");
    }

    /// Has the node that leads do something; whether it has succeeded.
    fn has_leader_do<F: Future<Output = bool> + Send + 'static>(
        &mut self,
        work: impl FnOnce(Arc<World>, Arc<Engine>, Arc<Shared>) -> F,
    ) -> bool {
        let (result, ledger) = (Arc::new(OnceLock::new()), Arc::clone(&self.ledger));
        let told = Arc::clone(&result);
        let Some(leader) = self.leader() else { return false };
        leader.spawn(|world, engine| {
            let work = work(world, engine, ledger);
            async move { _ = told.set(work.await) }
        });
        self.turn_until(PATIENCE_MS, |_| result.get().is_some());
        result.get().copied().unwrap_or_default()
    }

    fn leader(&self) -> Option<&Node> {
        self.nodes.iter().find(|node| node.leads())
    }

    fn any(&self) -> Option<usize> {
        (!self.nodes.is_empty()).then(|| self.base.draw(|rng| rng.random_range(0..self.nodes.len())))
    }

    /// Things happen until they stop going wrong.
    fn go_wrong(&mut self) {
        self.is_chaos = true;
        self.base.set_calm(false);
        let began_ms = self.now_ms;
        let acts = self.several.acts.clone();
        for (at_ms, act) in acts {
            self.turn_until(began_ms + at_ms - self.now_ms, |_| false);
            match act {
                Act::Burst => self.burst(),
                Act::Change => self.change(),
                // A node is started again, if there are none.
                _ if self.now_ms < self.quiet_until_ms => {}
                _ => self.disturb(act),
            }
            self.submit_again();
        }
        self.turn_until(began_ms + self.several.plan.chaos_ms - self.now_ms, |_| false);
    }

    fn burst(&self) {
        for one in producer::burst(&self.base, &self.ledger) {
            self.submit(one);
        }
    }

    /// Some of what has a key and no answer, at any node: also what was accepted, and what waits at another one still.
    fn submit_again(&self) {
        for one in producer::unanswered(&self.ledger, 10) {
            self.submit(one);
        }
    }

    fn submit(&self, one: Submission) {
        let Some(at) = self.any() else { return };
        let ledger = Arc::clone(&self.ledger);
        self.nodes[at].spawn(|world, engine| async move {
            producer::submit(&world, &engine, &ledger, &one).await;
        });
    }

    /// At any that holds itself for the one that leads.
    fn change(&self) {
        let leaders: Vec<&Node> = self.nodes.iter().filter(|node| node.leads()).collect();
        let Some(leader) = self.base.draw(|rng| leaders.choose(rng).copied()) else { return };
        let ledger = Arc::clone(&self.ledger);
        leader.spawn(|world, engine| async move {
            let change = owner::change_something(&world, &engine, &ledger);
            let _ = tokio::time::timeout(PATIENCE, change).await;
        });
    }

    fn disturb(&mut self, act: Act) {
        if act == Act::Join || self.nodes.len() < 2 {
            if self.nodes.len() < MOST_NODES {
                self.join();
            }
            return;
        }
        let Some(at) = self.any() else { return };
        let number = self.nodes[at].number;
        match act {
            Act::Crash => self.crash(at, false),
            Act::CrashAlone => {
                let is_alone = self.can_crash_alone();
                self.crash(at, is_alone);
            }
            Act::Cut(for_ms) => {
                self.nodes[at].line.set_whole(false);
                self.cuts.push((self.now_ms + for_ms, number));
                self.base.note_of(number, Fact::OfNodes(NodeFact::Reaches(false)));
            }
            Act::Stop(for_ms) => {
                self.nodes[at].stopped_until_ms = Some(self.now_ms + for_ms);
                self.base.note_of(number, Fact::OfNodes(NodeFact::Stops(for_ms)));
            }
            Act::Leave => self.nodes[at].leave(),
            Act::Burst | Act::Change | Act::Join => {}
        }
        self.disturbed_ms = self.now_ms;
    }

    /// Whether nothing but the crash will be wrong: everybody who stays is well, and was for a while.
    fn can_crash_alone(&self) -> bool {
        let is_well = |node: &Node| {
            node.line.is_whole()
                && node.stopped_until_ms.is_none()
                && !node.is_leaving()
                && node.engine().is_some()
        };
        self.now_ms - self.disturbed_ms > self.several.plan.config.lease_ms + SETTLED_MS
            && self.nodes.iter().all(is_well)
            && self.late.is_empty()
    }

    fn crash(&mut self, at: usize, is_alone: bool) {
        let node = self.nodes.remove(at);
        if is_alone {
            self.base.set_calm(true);
            self.quiet_until_ms = self.now_ms + self.several.plan.config.lease_ms + SETTLED_MS;
            self.base.note_of(node.number, Fact::OfNodes(NodeFact::CrashesAlone));
        }
        self.base.note_of(node.number, Fact::Ended(End::Crash));
        node.crash();
    }

    /// Faults end, everything heals, and what is due must drain.
    fn drain(&mut self) {
        /// Requests that nobody answers are over by then.
        const LEAST_MS: i64 = 20_000;
        self.is_chaos = false;
        self.base.set_calm(true);
        for node in &mut self.nodes {
            node.line.set_whole(true);
            node.stopped_until_ms = node.stopped_until_ms.map(|until_ms| until_ms.min(self.now_ms));
        }
        self.cuts.clear();
        self.late.lose_all();
        self.base.note_of(0, Fact::OfNodes(NodeFact::Calm));
        let (begins_ms, drain_ms) = (self.now_ms, self.several.drain_ms());
        while self.now_ms < begins_ms + drain_ms {
            // One that has failed may be about to end.
            if self.nodes.iter().all(Node::is_leaving) {
                self.join();
            }
            self.turn_until(1_000, |_| false);
            let is_over = producer::unanswered(&self.ledger, 1).is_empty() && self.has_drained();
            if is_over && self.now_ms > begins_ms + LEAST_MS {
                break;
            }
            self.submit_again();
        }
    }

    fn has_drained(&self) -> bool {
        let gone = self.memory.pending_without_webhook().now_or_never();
        gone.is_some_and(|gone| gone.is_ok_and(|gone| gone.is_empty()))
            && has_drained(&self.memory).now_or_never().unwrap_or(false)
    }

    /// Nothing has been wrong for a while: what is accepted anywhere is sent at once.
    fn be_well(&mut self) {
        /// Those that nobody was told of are found once a minute.
        const MOST_MS: i64 = 65_000;
        self.base.note_of(0, Fact::OfNodes(NodeFact::Well));
        for _ in 0..8 {
            self.burst();
            self.turn_until(500, |_| false);
        }
        self.turn_until(4_000, |_| false);
        self.turn_until(MOST_MS, Self::has_drained);
    }

    /// The log is looked at, and everybody stops in order.
    fn end(&mut self) {
        let is_noted = self.has_leader_do(|world, engine, ledger| async move {
            note_log(&world, &engine, &ledger).await.is_ok()
        });
        if !is_noted {
            self.base.note_of(0, Fact::OfNodes(NodeFact::Unreadable));
        }
        self.nodes.iter().for_each(Node::leave);
        self.turn_until(60_000, |cluster| cluster.nodes.is_empty());
        while let Some(node) = self.nodes.pop() {
            self.base.note_of(node.number, Fact::Ended(End::Crash));
            node.crash();
        }
    }
}

//! What may happen next, and what must always be so.

use groundswell_engine::cluster::{Fence, Lease};
use stateright::{Model, Property};

use crate::recovery::recovers;
use crate::world::{Fault, Flaw, Life, Outcome, Sight, Statement, Status, World};

/// (a) No turn of a delivery is decided (set due again, or ended) by two attempts.
pub const DECIDED_ONCE: &str = "no turn of a delivery is decided twice";
/// (a) And none by an attempt under an epoch that was over when it did.
pub const DECIDED_BY_CURRENT: &str = "only the current epoch decides";
/// And what a stale success has ended is not set due again by an attempt that fails later.
pub const OVER_IS_OVER: &str = "no delivery that is over waits again";
/// (b) Whatever was accepted comes to an end once nothing is disturbed any more.
pub const NOTHING_FORGOTTEN: &str = "no accepted event is forgotten";
/// (c) Every acquisition has a greater epoch than the one before.
pub const EPOCHS_GROW: &str = "epochs grow";
/// (d) Nobody would begin an attempt under an epoch once something was written under a newer one.
pub const SUCCESSOR_WRITES: &str = "nobody serves once a newer epoch has written";
/// And more than (d): nor once the shard is acquired by somebody else.
pub const ONE_SERVER: &str = "nobody serves once a newer epoch is acquired";
/// What must be possible, or the model would say nothing.
pub const SEEN: [&str; 4] = [
    "a stale outcome is fenced",
    "a stale success ends a delivery",
    "a shard is handed over by a living node",
    "everything is delivered",
];

/// How far it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// One or two.
    pub shards: usize,
    pub deliveries: usize,
    /// The time at which the database's clock stops, in ticks.
    pub horizon_ms: i64,
    /// The last tick in which an event is accepted.
    pub accept_until_ms: i64,
    pub disturbances: u8,
    /// Whether the clock of a process stands still with it, as in a virtual machine that is suspended.
    pub clocks: Clocks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clocks {
    /// They go on, and run apart no more than leases allow for.
    GoOn,
    /// They stand still with the process.
    StandStill,
}

/// The model.
#[derive(Debug, Clone, Copy)]
pub struct LeaseModel {
    pub bounds: Bounds,
    pub flaw: Option<Flaw>,
    /// Whether to find what must be possible ([`SEEN`]).
    pub watches: bool,
}

/// What may happen. Numbers are of nodes, deliveries, and attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// All clocks go on, but for one.
    Tick(Option<usize>),
    Start(usize),
    Crash(usize),
    Leave(usize),
    Pause(usize),
    Resume(usize),
    /// An event is accepted; the hint gets to a node, or to none.
    Accept(usize, Option<usize>),
    /// A statement is executed, unless it was, and its answer arrives.
    Exchange(usize),
    /// A statement, or its answer, will take its time.
    Delay(usize),
    Execute(usize),
    /// The node gives up waiting.
    GiveUp(usize),
    /// What a node has given up is executed after all.
    ExecuteLate(usize),
    /// An attempt is over, its outcome committed.
    Finish(usize, usize, Outcome),
    /// But the node does not hear of that.
    FinishUnheard(usize, usize, Outcome),
    /// The node asks again, and hears.
    Hear(usize, usize),
    /// The outcome of a node that is down.
    FinishStray(usize, Outcome),
}

impl Model for LeaseModel {
    type State = World;
    type Action = Step;

    /// Both nodes start, or one of them.
    fn init_states(&self) -> Vec<World> {
        let mut world = World::new(self.flaw, self.bounds.shards, self.bounds.deliveries);
        world.watches = self.watches;
        world.disturbances_left = self.bounds.disturbances;
        world.start(0);
        let mut both = world.clone();
        both.start(1);
        vec![world, both]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.now_ms >= self.bounds.horizon_ms {
            return;
        }
        if Self::of_urgent_statements(world, steps) {
            return;
        }
        Self::of_time(world, steps);
        for (slot, node) in world.nodes.iter().enumerate() {
            match node.status {
                Status::Down if node.starts_left > 0 => steps.push(Step::Start(slot)),
                Status::Paused => steps.push(Step::Resume(slot)),
                Status::Up if world.disturbances_left > 0 && !node.is_leaving => {
                    steps.push(Step::Leave(slot));
                }
                Status::Up | Status::Down => {}
            }
            Self::of_node(world, slot, steps);
            Self::of_attempts(world, slot, steps);
        }
        for (delivery, life) in world.deliveries.iter().enumerate() {
            if *life == Life::NotAccepted && world.now_ms <= self.bounds.accept_until_ms {
                let hinted = (0..world.nodes.len()).filter(|slot| world.heeds(*slot, delivery)).map(Some);
                steps.extend(hinted.chain([None]).map(|hinted| Step::Accept(delivery, hinted)));
            }
        }
        steps.extend((0..world.late.len()).map(Step::ExecuteLate));
        for (index, attempt) in world.strays.iter().enumerate() {
            steps.extend(outcomes(attempt.turn).map(|outcome| Step::FinishStray(index, outcome)));
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        if is_disturbance(world, step) {
            next.disturbances_left -= 1;
        }
        self.take(&mut next, step);
        next.tidy();
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(DECIDED_ONCE, |_, world| lacks(world, Fault::DecidedTwice)),
            Property::always(DECIDED_BY_CURRENT, |_, world| lacks(world, Fault::DecidedByStale)),
            Property::always(OVER_IS_OVER, |_, world| lacks(world, Fault::Revived)),
            // A state that cannot be recovered from leads by ticks alone to one at the horizon.
            Property::always(NOTHING_FORGOTTEN, |model: &Self, world: &World| {
                world.now_ms < model.bounds.horizon_ms || recovers(world)
            }),
            Property::always(EPOCHS_GROW, |_, world| lacks(world, Fault::EpochDidNotGrow)),
            Property::always(SUCCESSOR_WRITES, |_, world: &World| {
                let is_written =
                    |lease: Lease| world.written.get(&lease.shard).is_some_and(|epoch| *epoch > lease.epoch);
                !serving(world).any(is_written)
            }),
            Property::always(ONE_SERVER, |_, world| {
                serving(world).all(|lease| world.table.fence(lease) == Fence::Current)
            }),
        ];
        if self.watches {
            properties.extend([
                Property::sometimes(SEEN[0], |_, world: &World| world.seen.contains(&Sight::Fenced)),
                Property::sometimes(SEEN[1], |_, world: &World| world.seen.contains(&Sight::StaleSuccess)),
                Property::sometimes(SEEN[2], |_, world: &World| world.seen.contains(&Sight::HandedOver)),
                Property::sometimes(SEEN[3], |_, world: &World| {
                    world.deliveries.iter().all(|life| *life == Life::Delivered)
                }),
            ]);
        }
        properties
    }
}

impl LeaseModel {
    /// Statements that are not delayed, or have been for long enough that the node gives up waiting, come first in a
    /// tick, in any order, and whatever disturbs them. What else could happen between them may as well happen before the
    /// tick.
    fn of_urgent_statements(world: &World, steps: &mut Vec<Step>) -> bool {
        let urgent = |slot: &usize| is_up(world, *slot) && world.nodes[*slot].is_urgent();
        for slot in (0..world.nodes.len()).filter(urgent) {
            steps.push(Step::Exchange(slot));
            if world.nodes[slot].is_overdue() {
                steps.push(Step::GiveUp(slot));
            } else if world.disturbances_left > 0 {
                steps.extend([Step::Delay(slot), Step::Pause(slot)]);
                if !world.nodes[slot].only_renews() {
                    steps.push(Step::Crash(slot));
                }
            }
        }
        !steps.is_empty()
    }

    /// Time goes by, for one of the nodes perhaps slower: a fast clock only gives up leases earlier.
    fn of_time(world: &World, steps: &mut Vec<Step>) {
        steps.push(Step::Tick(None));
        if world.disturbances_left > 0 {
            let slots = (0..world.nodes.len()).filter(|slot| !world.nodes[*slot].has_drifted);
            steps.extend(slots.map(|slot| Step::Tick(Some(slot))));
        }
    }

    /// What may become of a process, and of the statement that it waits for although it takes its time.
    fn of_node(world: &World, slot: usize, steps: &mut Vec<Step>) {
        let node = &world.nodes[slot];
        let is_up = node.status == Status::Up;
        if is_up && world.disturbances_left > 0 {
            steps.extend([Step::Pause(slot), Step::Crash(slot)]);
        }
        let Some(statement) = &node.statement else { return };
        // While a process stands still, the world goes on.
        if statement.answer.is_none() {
            steps.push(Step::Execute(slot));
        }
        if is_up {
            let arrives = if statement.answer.is_some() { Step::Exchange(slot) } else { Step::GiveUp(slot) };
            steps.push(arrives);
        }
    }

    fn of_attempts(world: &World, slot: usize, steps: &mut Vec<Step>) {
        let node = &world.nodes[slot];
        for (index, attempt) in node.attempts.iter().enumerate() {
            let is_paused = node.status == Status::Paused;
            if attempt.unheard.is_some() {
                if !is_paused {
                    steps.push(Step::Hear(slot, index));
                }
                continue;
            }
            if !is_paused {
                steps.extend(outcomes(attempt.turn).map(|it| Step::Finish(slot, index, it)));
            }
            if is_paused || world.disturbances_left > 0 {
                steps.extend(outcomes(attempt.turn).map(|it| Step::FinishUnheard(slot, index, it)));
            }
        }
    }

    fn take(&self, next: &mut World, step: Step) {
        match step {
            Step::Tick(drift) => {
                let before: Vec<i64> = next.nodes.iter().map(|node| node.local_ms).collect();
                next.tick();
                for (node, before_ms) in next.nodes.iter_mut().zip(before) {
                    if node.status == Status::Paused && self.bounds.clocks == Clocks::StandStill {
                        node.local_ms = before_ms;
                    }
                }
                if let Some(slot) = drift {
                    next.nodes[slot].local_ms -= 1;
                    next.nodes[slot].has_drifted = true;
                }
                next.after_tick();
            }
            Step::Start(slot) => next.start(slot),
            Step::Crash(slot) => next.crash(slot),
            Step::Leave(slot) => next.leave(slot),
            Step::Pause(slot) => next.nodes[slot].status = Status::Paused,
            Step::Resume(slot) => {
                next.nodes[slot].status = Status::Up;
                next.read_at(slot);
                next.drive(slot);
            }
            Step::Accept(delivery, hinted) => {
                next.deliveries[delivery] = Life::Waiting { turn: 0 };
                if let Some(slot) = hinted.filter(|slot| next.nodes[*slot].status == Status::Up) {
                    next.read_at(slot);
                    next.drive(slot);
                }
            }
            Step::Exchange(slot) => {
                execute(next, slot);
                next.receive(slot);
            }
            Step::Delay(slot) => {
                if let Some(statement) = &mut next.nodes[slot].statement {
                    statement.is_delayed = true;
                }
            }
            Step::Execute(slot) => execute(next, slot),
            Step::GiveUp(slot) => give_up(next, slot),
            Step::ExecuteLate(index) => {
                let (slot, action) = next.late.remove(index);
                next.execute(slot, &action);
            }
            Step::Finish(..) | Step::FinishUnheard(..) | Step::Hear(..) | Step::FinishStray(..) => {
                finish(next, step);
            }
        }
    }
}

fn finish(next: &mut World, step: Step) {
    match step {
        Step::Finish(slot, index, outcome) => {
            let attempt = next.nodes[slot].attempts[index].clone();
            let fence = next.commit(&attempt, outcome);
            next.hear(slot, index, (outcome, fence));
        }
        Step::FinishUnheard(slot, index, outcome) => {
            let attempt = next.nodes[slot].attempts[index].clone();
            let fence = next.commit(&attempt, outcome);
            next.nodes[slot].attempts[index].unheard = Some((outcome, fence));
        }
        Step::Hear(slot, index) => {
            if let Some(heard) = next.nodes[slot].attempts[index].unheard {
                next.hear(slot, index, heard);
            }
        }
        Step::FinishStray(index, outcome) => {
            let attempt = next.strays.remove(index);
            next.commit(&attempt, outcome);
        }
        _ => unreachable!("is not of an attempt"),
    }
}

fn execute(next: &mut World, slot: usize) {
    let Some(Statement { asked, answer: None, .. }) = next.nodes[slot].statement.clone() else { return };
    let answer = next.execute(slot, &asked);
    if let Some(statement) = &mut next.nodes[slot].statement {
        statement.answer = Some(answer);
    }
}

fn give_up(next: &mut World, slot: usize) {
    let Some(statement) = &mut next.nodes[slot].statement else { return };
    if statement.answer.take().is_none() {
        let asked = statement.asked.clone();
        next.late.push((slot, asked));
    }
    next.receive(slot);
}

/// How an attempt may end: the first one may set the delivery due again, the second one end it.
fn outcomes(turn: u8) -> [Outcome; 2] {
    [Outcome::Success, if turn == 0 { Outcome::Retry } else { Outcome::End }]
}

fn is_disturbance(world: &World, step: Step) -> bool {
    match step {
        Step::Tick(drift) => drift.is_some(),
        Step::Crash(_) | Step::Leave(_) | Step::Pause(_) | Step::Delay(_) => true,
        Step::FinishUnheard(slot, ..) => is_up(world, slot),
        _ => false,
    }
}

fn is_up(world: &World, slot: usize) -> bool {
    world.nodes[slot].status == Status::Up
}

fn lacks(world: &World, fault: Fault) -> bool {
    !world.faults.contains(&fault)
}

/// What nodes would begin attempts under now.
fn serving(world: &World) -> impl Iterator<Item = Lease> {
    let shards = world.table.read(0).leases.into_iter().map(|row| row.lease.shard);
    shards.flat_map(move |shard| {
        let epochs = (0..world.nodes.len()).filter_map(move |slot| world.serves(slot, shard));
        epochs.map(move |epoch| Lease { shard, epoch })
    })
}

//! The way from one node of several to the database that they share: it is cut, and statements about leases are lost on it,
//! come late, or are answered too late.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use groundswell_engine::clock::Clock;
use groundswell_engine::cluster::{Asked, Lease, Snapshot};
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{ClusterStore, StoreError};
use tokio::sync::Notify;

use crate::trace::{Fact, NodeFact};
use crate::world::{World, locked};

/// One node's way.
pub(crate) struct Line {
    /// The node's, as in the trace.
    number: u32,
    is_whole: AtomicBool,
    /// Wakes those who wait in the order they came, which a watch channel does not.
    is_mended: Notify,
    /// Whether the last statement found it cut.
    is_away: AtomicBool,
    /// The database's clock.
    database: Clock,
    late: Arc<Late>,
}

impl Line {
    pub(crate) fn new(number: u32, database: &Clock, late: &Arc<Late>) -> Self {
        Self {
            number,
            is_whole: AtomicBool::new(true),
            is_mended: Notify::new(),
            is_away: AtomicBool::new(false),
            database: database.clone(),
            late: Arc::clone(late),
        }
    }

    pub(crate) fn set_whole(&self, is_whole: bool) {
        self.is_whole.store(is_whole, Ordering::Relaxed);
        if is_whole {
            self.is_mended.notify_waiters();
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole.load(Ordering::Relaxed)
    }

    pub(super) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    /// Whether it is whole, or is within that time.
    pub(super) async fn is_whole_within(&self, patience: Duration) -> bool {
        let until_whole = async {
            while !self.is_whole() {
                self.is_mended.notified().await;
            }
        };
        let is_mended = tokio::time::timeout(patience, until_whole).await.is_ok();
        self.is_away.store(!is_mended, Ordering::Relaxed);
        is_mended
    }

    /// Something reaches the database, whose clock never goes back.
    pub(super) fn tick(&self, now_ms: i64) {
        self.database.set(self.database.now_ms().max(now_ms));
    }

    /// A statement is executed so late that nobody waits for it any more.
    pub(super) fn execute_later(
        self: &Arc<Self>,
        memory: &Arc<Memory>,
        (at_ms, statement): (i64, Statement),
    ) {
        let late = LateStatement { at_ms, line: Arc::clone(self), memory: Arc::clone(memory), statement };
        locked(&self.late.0).push(late);
    }
}

/// A statement about leases.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    Renew(Asked),
    Acquire(Asked),
    Release(Asked),
}

/// Its answer.
#[derive(Debug)]
pub(super) enum Answer {
    Renewed(Snapshot),
    Acquired(Vec<Lease>),
    Released,
}

impl Statement {
    /// Executes it; returns with the answer what happened.
    pub(super) async fn execute(&self, memory: &Memory) -> Result<(Answer, NodeFact), StoreError> {
        Ok(match self {
            Self::Renew(asked) => {
                let snapshot = memory.renew(asked).await?;
                // The rows are in the order of the shards.
                let is_renewed = |lease: &&Lease| {
                    let at = snapshot.leases.binary_search_by_key(&lease.shard, |row| row.lease.shard);
                    at.is_ok_and(|at| {
                        let row = &snapshot.leases[at];
                        row.lease == **lease
                            && row.owner == Some(asked.node)
                            && row.remaining_ms == asked.ttl_ms
                    })
                };
                let renewed = asked.leases.iter().filter(is_renewed).copied().collect();
                (Answer::Renewed(snapshot), NodeFact::Renewed(renewed, asked.ttl_ms))
            }
            Self::Acquire(asked) => {
                let taken = memory.acquire(asked).await?;
                (Answer::Acquired(taken.clone()), NodeFact::Took(taken, asked.ttl_ms))
            }
            Self::Release(asked) => {
                memory.release(asked).await?;
                (Answer::Released, NodeFact::Released(asked.leases.clone()))
            }
        })
    }
}

/// Statements on their way for so long that whoever asked for them has given up, or has ended.
#[derive(Default)]
pub(crate) struct Late(Mutex<Vec<LateStatement>>);

struct LateStatement {
    at_ms: i64,
    line: Arc<Line>,
    memory: Arc<Memory>,
    statement: Statement,
}

impl Late {
    /// Executes those whose time has come. What stands before a cut waits until that is mended.
    pub(crate) fn execute(&self, world: &World) {
        let now_ms = world.now_ms();
        let due: Vec<LateStatement> =
            locked(&self.0).extract_if(.., |one| one.at_ms <= now_ms && one.line.is_whole()).collect();
        for LateStatement { line, memory, statement, .. } in due {
            line.tick(world.true_ms());
            if let Some(Ok((_, fact))) = statement.execute(&memory).now_or_never() {
                world.note_of(line.number, Fact::OfNodes(fact));
            }
        }
    }

    /// None of those on their way comes any more.
    pub(crate) fn lose_all(&self) {
        locked(&self.0).clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        locked(&self.0).is_empty()
    }
}

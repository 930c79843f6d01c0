//! Work of the writer that comes last: resends, notices, what retention removes, what is erased.

use std::time::Duration;

use tokio::sync::oneshot;

use super::{Writer, WriterHandle};
use crate::clock::Stopwatch;
use crate::cluster::Shard;
use crate::delivery::scheduler::Item;
use crate::error::EngineError;
use crate::store::{
    Batch, EndpointId, EraseStep, Forget, Move, PARKED_DUE_MS, Pending, PendingKey, ResendBatch,
    ResendJobRecord, ResendRecord,
};

/// While there is always something else, upkeep has its turn after so many commits.
const SHARE: u32 = 4;

/// Resends that are to be made, with their job's new state.
#[derive(Debug, Clone)]
pub struct NewResends {
    pub resends: Vec<ResendRecord>,
    pub expires_at_ms: i64,
    pub job: Option<ResendJobRecord>,
}

/// What a step of retention came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgotten {
    /// Rows that went.
    pub rows: u64,
    /// So long nothing else was written.
    pub writing: Duration,
}

/// Work that comes last.
pub(super) enum Upkeep {
    Resend(NewResends, oneshot::Sender<Result<usize, EngineError>>),
    Forget(Forget, oneshot::Sender<Result<Forgotten, EngineError>>),
    Count(oneshot::Sender<Result<bool, EngineError>>),
    Erase(Box<EraseStep>, oneshot::Sender<Result<(), EngineError>>),
    Note(Batch, oneshot::Sender<Result<(), EngineError>>),
    CatchUp(oneshot::Sender<Result<(), EngineError>>),
    Resume(Vec<(EndpointId, Move)>, oneshot::Sender<()>),
    Forsake(Vec<Shard>, oneshot::Sender<()>),
}

impl WriterHandle {
    /// Commits resends, those of deleted webhooks left out; returns how many there were.
    pub async fn resend(&self, resends: NewResends) -> Result<usize, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.upkeep.send(Upkeep::Resend(resends, reply)).await.map_err(|_| EngineError::Stopping)?;
        answer.await.map_err(|_| EngineError::Stopping)?
    }

    /// Reads what other nodes have changed. Settings are those of the database at the time of the call, or newer.
    pub async fn catch_up(&self) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        self.upkeep.send(Upkeep::CatchUp(reply)).await.map_err(|_| EngineError::Stopping)?;
        answer.await.map_err(|_| EngineError::Stopping)?
    }

    /// Makes moves that somebody else has begun. Returns once they stand in line.
    pub async fn resume(&self, moves: Vec<(EndpointId, Move)>) {
        if moves.is_empty() {
            return;
        }
        let (reply, answer) = oneshot::channel();
        // When the writer is gone the engine has stopped.
        if self.upkeep.send(Upkeep::Resume(moves, reply)).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// Makes no move any more at the endpoints of shards that are not this node's.
    pub async fn forsake(&self, shards: Vec<Shard>) {
        let (reply, answer) = oneshot::channel();
        if self.upkeep.send(Upkeep::Forsake(shards, reply)).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// Commits notices.
    pub async fn note(&self, batch: Batch) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        self.upkeep.send(Upkeep::Note(batch, reply)).await.map_err(|_| EngineError::Stopping)?;
        answer.await.map_err(|_| EngineError::Stopping)?
    }

    /// Makes a step of an erasure.
    pub async fn erase(&self, step: EraseStep) -> Result<(), EngineError> {
        let (reply, answer) = oneshot::channel();
        self.upkeep.send(Upkeep::Erase(Box::new(step), reply)).await.map_err(|_| EngineError::Stopping)?;
        answer.await.map_err(|_| EngineError::Stopping)?
    }

    /// Removes what retention says.
    pub async fn forget(&self, forget: Forget) -> Result<Forgotten, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.upkeep.send(Upkeep::Forget(forget, reply)).await.map_err(|_| EngineError::Stopping)?;
        answer.await.map_err(|_| EngineError::Stopping)?
    }
}

impl Writer {
    /// Counts and notes a write that failed, of all that does not go the way of events and outcomes.
    pub(super) fn failed(&self, error: crate::store::StoreError) -> EngineError {
        self.meters.failed_commits.of(&error).add(1);
        self.note(error)
    }

    /// Something else was written, and may have been all the time: upkeep that waits has its turn now and then.
    pub(super) async fn keep_up_now_and_then(&mut self) {
        self.turns_since_upkeep = self.turns_since_upkeep.saturating_add(1);
        if self.turns_since_upkeep >= SHARE
            && let Ok(work) = self.upkeep.try_recv()
        {
            self.keep_up(work).await;
        }
    }

    pub(super) async fn keep_up(&mut self, work: Upkeep) {
        self.turns_since_upkeep = 0;
        // Whoever asked may be gone; it is done all the same.
        match work {
            Upkeep::Resend(resends, reply) => _ = reply.send(self.resend(resends).await),
            Upkeep::Forget(forget, reply) => {
                let watch = Stopwatch::start();
                let result = self.store.forget(&forget).await.map_err(|error| self.failed(error));
                let result = result.map(|rows| Forgotten { rows, writing: watch.elapsed() });
                self.tell_of_moved(forget.parked.iter().map(|key| key.endpoint_id));
                _ = reply.send(result);
            }
            Upkeep::Erase(step, reply) => {
                _ = reply.send(self.store.erase(&step).await.map_err(|error| self.failed(error)));
            }
            Upkeep::CatchUp(reply) => _ = reply.send(self.catch_up().await),
            Upkeep::Resume(moves, reply) => {
                for (endpoint, kind) in moves {
                    self.begin(endpoint, kind);
                }
                _ = reply.send(());
            }
            Upkeep::Forsake(shards, reply) => {
                self.moves.forsake(|id| shards.contains(&Shard::of(id)) && !self.nodes.served.has(id));
                _ = reply.send(());
            }
            Upkeep::Count(reply) => _ = reply.send(self.write_counts().await),
            Upkeep::Note(batch, reply) => {
                let result = self.store.commit(&batch).await.map_err(|error| self.failed(error));
                self.tell_of_deliveries(&batch);
                _ = reply.send(result.map(drop));
            }
        }
    }

    async fn resend(&mut self, new: NewResends) -> Result<usize, EngineError> {
        let NewResends { mut resends, expires_at_ms, job } = new;
        resends.retain(|resend| {
            self.directory.endpoint(resend.endpoint_id).is_some() && !self.erased.has(resend.event_id)
        });
        let mut pending = Vec::with_capacity(resends.len());
        let mut items = Vec::new();
        for resend in &resends {
            let Some(endpoint) = self.directory.endpoint(resend.endpoint_id) else { continue };
            let is_enabled = endpoint.record.is_enabled;
            let due_at_ms = if is_enabled { resend.accepted_at_ms } else { PARKED_DUE_MS };
            let key = PendingKey { endpoint_id: resend.endpoint_id, due_at_ms, delivery_id: resend.id };
            let row = Pending { key, attempts: 0, accepted_at_ms: resend.accepted_at_ms, expires_at_ms };
            pending.push(row);
            items.extend(is_enabled.then_some((Item::stored(row), endpoint.flow)));
        }
        let batch = ResendBatch { resends, pending, job };
        self.store.resend(&batch).await.map_err(|error| self.failed(error))?;
        self.hand_on(items).await;
        self.tell_of_resends(&batch);
        Ok(batch.resends.len())
    }
}

//! Somebody who follows a program's events, and how far.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use groundswell_types::{EventId, EventKind, ProgramId, ProgramStatus};

use super::{Following, Recent};
use crate::clock::Stopwatch;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::EventRecord;

/// Events that are read at once.
const BATCH: usize = 64;

/// Events of all programs that are looked at in one step of catching up.
const STEP: usize = 256;

/// Large bodies are read one by one until they have so much together.
const BATCH_BYTES: usize = 1024 * 1024;

/// An event of a followed program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedEvent {
    pub id: EventId,
    pub kind: EventKind,
    /// When it happened, Unix milliseconds.
    pub created_at_ms: i64,
    /// The bytes a webhook gets.
    pub body: Bytes,
}

/// Follows one program.
pub struct Follower {
    engine: Arc<Engine>,
    following: Following,
    /// Only these kinds; all when it is empty.
    kinds: Vec<EventKind>,
    reached: EventId,
    /// What comes next is remembered; else it is looked for in the store.
    has_caught_up: bool,
}

impl Engine {
    /// Follows a program's events of some kinds, or of all: those behind `after`, or those that are accepted from now on.
    ///
    /// Where several nodes accept, those "from now on" may be of a moment before.
    pub async fn follow(
        self: &Arc<Self>,
        program: &ProgramId,
        after: Option<EventId>,
        kinds: Vec<EventKind>,
    ) -> Result<Follower, EngineError> {
        if self.program_entry(program)?.record.status == ProgramStatus::Deleted {
            return Err(EngineError::NotFound("program"));
        }
        let following = self.feeds.follow(program);
        // Asked after it is told of everything: what is committed later has a higher one.
        let newest = match self.store.cluster() {
            None => self.feeds.committed_to(),
            Some(cluster) => {
                self.feeds.look(cluster).await?;
                self.feeds.told_to()
            }
        };
        // Behind an id that was never made there would be nothing for ever. Another node may have told of a newer one.
        let is_real = match after {
            Some(after) if after > newest && self.store.cluster().is_some() => {
                self.store.event(after).await?.is_some()
            }
            _ => false,
        };
        let reached = after.unwrap_or(newest);
        Ok(Follower {
            engine: Arc::clone(self),
            following,
            kinds,
            reached: if is_real { reached } else { reached.min(newest) },
            has_caught_up: after.is_none_or(|after| after >= newest),
        })
    }
}

impl Follower {
    /// Of what is up to this id nothing is to come any more: whoever follows behind it misses nothing.
    ///
    /// It moves on with the events of other programs, so whoever comes back to a quiet program need not look through them.
    pub fn reached(&mut self) -> EventId {
        if self.has_caught_up
            && let Recent::NothingTo(id) = self.following.recent(self.reached, 1)
        {
            self.reached = id;
        }
        self.reached
    }

    /// Whether there still is such a program.
    pub fn has_program(&self) -> bool {
        let entry = self.engine.directory.program(&self.following.program);
        entry.is_some_and(|entry| entry.record.status != ProgramStatus::Deleted)
    }

    /// Waits for the next events, oldest first. When the wait is given up nothing is lost.
    pub async fn next(&mut self) -> Result<Vec<FollowedEvent>, EngineError> {
        loop {
            let watch = Stopwatch::start();
            let events = if self.has_caught_up {
                match self.following.recent(self.reached, BATCH) {
                    Recent::Ids(ids) => self.read(&ids).await?,
                    Recent::NothingTo(id) => {
                        self.reached = id;
                        self.following.news().await;
                        continue;
                    }
                    Recent::Forgotten => {
                        self.has_caught_up = false;
                        continue;
                    }
                }
            } else {
                self.look().await?
            };
            if !events.is_empty() {
                return Ok(events);
            }
            // Looking through a large database leaves half of the time to others.
            if !self.has_caught_up {
                tokio::time::sleep(watch.elapsed()).await;
            }
        }
    }

    /// Reads what was remembered. What is not there was not stored, or is too old by now.
    async fn read(&mut self, ids: &[EventId]) -> Result<Vec<FollowedEvent>, EngineError> {
        let mut records = self.engine.store.events_by_id(ids).await?;
        records.sort_unstable_by_key(|record| record.id);
        let Some(last) = ids.last() else { return Ok(Vec::new()) };
        self.take(records, *last).await
    }

    /// Makes a step through the events of all programs.
    async fn look(&mut self) -> Result<Vec<FollowedEvent>, EngineError> {
        let turn = Arc::clone(&self.following.feeds.looking).acquire_owned().await;
        // Of what is above, something lower may still be committed. It is told of once it is settled.
        let told_to = self.engine.store.cluster().map(|_| self.following.feeds.told_to());
        let mut records = self.engine.store.oldest_events(self.reached, STEP).await?;
        // Everything that was committed when it began to follow has been looked at; the rest was told.
        let is_last =
            records.len() < STEP || records.last().map(|last| last.id) >= told_to && told_to.is_some();
        records.retain(|record| told_to.is_none_or(|told_to| record.id <= told_to));
        drop(turn);
        let Some(last) = records.last().map(|record| record.id) else {
            self.has_caught_up = true;
            return Ok(Vec::new());
        };
        let own = records.into_iter().filter(|record| record.program_id == self.following.program);
        let events = self.take(own.collect(), last).await?;
        self.has_caught_up = is_last && self.reached == last;
        Ok(events)
    }

    /// Adds their bodies to the wanted ones of these records, as far as there is room. `last` is reached with the last of
    /// them.
    async fn take(
        &mut self,
        records: Vec<EventRecord>,
        last: EventId,
    ) -> Result<Vec<FollowedEvent>, EngineError> {
        let is_wanted = |record: &EventRecord| self.kinds.is_empty() || self.kinds.contains(&record.kind);
        let wanted: Vec<EventRecord> = records.into_iter().filter(is_wanted).collect();
        let taken = &wanted[..wanted.len().min(BATCH)];
        let ids: Vec<EventId> = taken.iter().map(|record| record.id).collect();
        let mut small: HashMap<EventId, Bytes> =
            self.engine.store.small_bodies(&ids).await?.into_iter().collect();
        let (mut events, mut bytes, mut reached) = (Vec::with_capacity(taken.len()), 0, None);
        for record in taken {
            if bytes >= BATCH_BYTES {
                break;
            }
            reached = Some(record.id);
            let body = match small.remove(&record.id) {
                Some(body) => Some(body),
                None => self.engine.store.bodies(&[record.id]).await?.pop().map(|(_, body)| body),
            };
            let Some(body) = body else { continue };
            bytes += body.len();
            events.push(FollowedEvent {
                id: record.id,
                kind: record.kind,
                created_at_ms: record.occurred_at_ms,
                body,
            });
        }
        let is_all = wanted.last().map(|record| record.id) == reached;
        self.reached = if is_all { last } else { reached.unwrap_or(last) };
        Ok(events)
    }
}

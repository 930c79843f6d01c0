//! The erasing of participants' data in plain maps.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_types::{ErasureId, EventId, InboxRequestId, ProgramId};

use super::Memory;
use crate::store::{
    AttemptRecord, AuditStore as _, Changed, EraseStep, ErasureRecord, ErasureStore, EventRecord, StoreError,
};

#[derive(Debug, Default)]
pub(super) struct Erasures {
    jobs: BTreeMap<ErasureId, ErasureRecord>,
    pub(super) events: BTreeSet<EventId>,
    key: Option<[u8; 32]>,
}

impl Erasures {
    pub(super) fn forget(&mut self, before_ms: i64) {
        self.jobs.retain(|_, job| job.ended_at_ms.is_none_or(|at_ms| at_ms >= before_ms));
    }
}

/// As the statements say it.
const ANSWER_ERASED: &str = "What the receiver answered was erased.";

/// Forgets what the receiver answered.
pub(super) fn erase_answer(attempt: &mut AttemptRecord) {
    attempt.response_head = String::new();
    attempt.response_body = Bytes::new();
    attempt.is_response_truncated = false;
    if attempt.status_code.is_some() && !attempt.message.is_empty() {
        ANSWER_ERASED.clone_into(&mut attempt.message);
    }
}

#[async_trait]
impl ErasureStore for Memory {
    async fn events_in_order(
        &self,
        program: &ProgramId,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let state = self.state();
        let later = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        let events = state.events.range(later).map(|(_, event)| &event.record);
        Ok(events.filter(|event| event.program_id == *program).take(limit).cloned().collect())
    }

    async fn erasure_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        Ok(*self.state().erasures.key.get_or_insert(fresh))
    }

    async fn save_erasure(&self, job: &ErasureRecord) -> Result<(), StoreError> {
        let jobs = &mut self.state().erasures.jobs;
        if jobs.contains_key(&job.id) {
            return Err(StoreError::Rejected("the id is used".into()));
        }
        jobs.insert(job.id, job.clone());
        Ok(())
    }

    async fn erase(&self, step: &EraseStep) -> Result<(), StoreError> {
        {
            let state = &mut *self.state();
            self.check_lead(state)?;
            for (id, body) in &step.events {
                if let Some(event) = state.events.get_mut(id) {
                    event.body = body.clone();
                }
                state.erasures.events.insert(*id);
            }
            let mut attempts = 0;
            for attempt in state.attempts.values_mut() {
                if attempt.number > 0 && step.deliveries.contains(&attempt.delivery_id) {
                    attempts += 1;
                    erase_answer(attempt);
                }
            }
            let attempts = step.job.attempts + attempts;
            state.erasures.jobs.insert(step.job.id, ErasureRecord { attempts, ..step.job.clone() });
            if !step.events.is_empty() {
                state.note_change(|| Changed::Erased(step.events.iter().map(|(id, _)| *id).collect()));
            }
        }
        match &step.audit {
            Some(record) => self.record_audit(std::slice::from_ref(record)).await,
            None => Ok(()),
        }
    }

    async fn erasure(&self, id: ErasureId) -> Result<Option<ErasureRecord>, StoreError> {
        Ok(self.state().erasures.jobs.get(&id).cloned())
    }

    async fn erasures(&self, program: &ProgramId, limit: usize) -> Result<Vec<ErasureRecord>, StoreError> {
        let state = self.state();
        let jobs = state.erasures.jobs.values().rev().filter(|job| job.program_id == *program);
        Ok(jobs.take(limit).cloned().collect())
    }

    async fn running_erasures(&self) -> Result<Vec<ErasureRecord>, StoreError> {
        let state = self.state();
        Ok(state.erasures.jobs.values().filter(|job| job.ended_at_ms.is_none()).cloned().collect())
    }

    async fn erased(&self, events: &[EventId]) -> Result<Vec<EventId>, StoreError> {
        let state = self.state();
        let erased: BTreeSet<EventId> =
            events.iter().copied().filter(|id| state.erasures.events.contains(id)).collect();
        Ok(erased.into_iter().collect())
    }

    async fn delete_inbox_requests(
        &self,
        program: &ProgramId,
        requests: &[InboxRequestId],
    ) -> Result<u64, StoreError> {
        let all = &mut self.state().inbox_requests;
        let before = all.len();
        all.retain(|id, request| request.program_id != *program || !requests.contains(id));
        Ok((before - all.len()) as u64)
    }
}

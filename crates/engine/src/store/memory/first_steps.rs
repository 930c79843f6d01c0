//! First steps as plain maps.

use async_trait::async_trait;
use groundswell_types::{InboxRequest, InboxRequestId, ProgramId};

use super::Memory;
use super::state::State;
use crate::store::{
    FirstStepsStore, INBOX_REQUESTS, InboxRecord, InboxRequestRecord, StoreError, TestRecord,
};

impl State {
    fn newest_in_inbox(&self, program: &ProgramId) -> impl Iterator<Item = &InboxRequestRecord> {
        self.inbox_requests.values().rev().filter(move |request| request.program_id == *program)
    }
}

#[async_trait]
impl FirstStepsStore for Memory {
    async fn inboxes(&self) -> Result<Vec<InboxRecord>, StoreError> {
        Ok(self.state().inboxes.values().cloned().collect())
    }

    async fn inbox_at(&self, token: &str) -> Result<Option<InboxRecord>, StoreError> {
        Ok(self.state().inboxes.values().find(|inbox| inbox.token == token).cloned())
    }

    async fn save_inbox(&self, inbox: &InboxRecord) -> Result<(), StoreError> {
        self.state().inboxes.insert(inbox.program_id.clone(), inbox.clone());
        Ok(())
    }

    async fn save_inbox_request(&self, request: &InboxRequestRecord) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.inbox_requests.contains_key(&request.id) {
            return Err(StoreError::Rejected("the id is used".into()));
        }
        state.inbox_requests.insert(request.id, request.clone());
        let old: Vec<_> =
            state.newest_in_inbox(&request.program_id).skip(INBOX_REQUESTS).map(|old| old.id).collect();
        state.inbox_requests.retain(|id, _| !old.contains(id));
        Ok(())
    }

    async fn inbox_requests(
        &self,
        program: &ProgramId,
        since_ms: i64,
    ) -> Result<Vec<InboxRequest>, StoreError> {
        let state = self.state();
        let wanted = state.newest_in_inbox(program).filter(|request| request.received_at_ms >= since_ms);
        Ok(wanted.take(INBOX_REQUESTS).map(InboxRequestRecord::view).collect())
    }

    async fn inbox_request(
        &self,
        program: &ProgramId,
        id: InboxRequestId,
    ) -> Result<Option<InboxRequestRecord>, StoreError> {
        let request = self.state().inbox_requests.get(&id).cloned();
        Ok(request.filter(|request| request.program_id == *program))
    }

    async fn clear_inbox(&self, program: &ProgramId) -> Result<(), StoreError> {
        self.state().inbox_requests.retain(|_, request| request.program_id != *program);
        Ok(())
    }

    async fn forget_inbox_requests(&self, before_ms: i64) -> Result<(), StoreError> {
        self.state().inbox_requests.retain(|_, request| request.received_at_ms >= before_ms);
        Ok(())
    }

    async fn tests(&self, program: &ProgramId, limit: usize) -> Result<Vec<TestRecord>, StoreError> {
        let state = self.state();
        let newest = state.tests.values().rev().filter(|test| test.program_id == *program);
        Ok(newest.take(limit).cloned().collect())
    }

    async fn has_ended_first_steps(&self, program: &ProgramId) -> Result<bool, StoreError> {
        Ok(self.state().first_steps_ended.contains(program))
    }

    async fn end_first_steps(&self, program: &ProgramId, _: i64) -> Result<(), StoreError> {
        self.state().first_steps_ended.insert(program.clone());
        Ok(())
    }
}

//! Every call, and what it goes through.

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_engine::store::{
    Accepted, ApiKeyRecord, AttemptRecord, Backlog, Batch, BootRecord, ClusterStore, DeliverySearch,
    DraftRecord, EndpointId, EndpointRecord, EventRecord, EventSearch, EventsFound, Expired, Forget,
    HealthRecord, HourRecord, MoveStep, Moved, NoticeRecord, Pending, PendingKey, ProgramRecord,
    PublicationRecord, ResendBatch, ResendJobRecord, ResendRecord, SettingsChange, Standing, Store,
    StoreError, TestRecord, Unsuccessful,
};
use groundswell_types::{DeliveryId, EventId, NoticeId, NoticeKind, ProgramId, ResendJobId, TestId};

use super::Disk;

#[async_trait]
impl Store for Disk {
    async fn commit(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        self.commit_batch(batch).await
    }

    async fn pending(
        &self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        self.read(self.memory.pending(endpoint, after, limit)).await
    }

    async fn pending_without_webhook(&self) -> Result<Vec<EndpointId>, StoreError> {
        self.read(self.memory.pending_without_webhook()).await
    }

    async fn move_pending(&self, step: &MoveStep) -> Result<Moved, StoreError> {
        self.make_step(step).await
    }

    async fn bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        self.read(self.memory.bodies(events)).await
    }

    async fn small_bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        self.read(self.memory.small_bodies(events)).await
    }

    async fn earliest_due(&self, endpoints: &[EndpointId]) -> Result<Vec<(EndpointId, i64)>, StoreError> {
        if self.looks_at_nothing() {
            return Ok(Vec::new());
        }
        self.read(self.memory.earliest_due(endpoints)).await
    }

    async fn expired(&self, wanted: Expired) -> Result<Vec<Pending>, StoreError> {
        self.read(self.memory.expired(wanted)).await
    }

    async fn begin_boot(&self, at_ms: i64, forget_before_ms: i64) -> Result<(), StoreError> {
        self.write(self.memory.begin_boot(at_ms, forget_before_ms), |()| ()).await
    }

    async fn end_boot(&self) -> Result<(), StoreError> {
        self.write(self.memory.end_boot(), |()| ()).await
    }

    async fn find_events(&self, search: &EventSearch) -> Result<EventsFound, StoreError> {
        self.read(self.memory.find_events(search)).await
    }

    async fn events_by_id(&self, ids: &[EventId]) -> Result<Vec<EventRecord>, StoreError> {
        self.read(self.memory.events_by_id(ids)).await
    }

    async fn unsuccessful(
        &self,
        search: DeliverySearch,
        wanted: Unsuccessful,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        self.read(self.memory.unsuccessful(search, wanted)).await
    }

    async fn pending_deliveries(&self, search: DeliverySearch) -> Result<Vec<DeliveryId>, StoreError> {
        self.read(self.memory.pending_deliveries(search)).await
    }

    async fn endpoints_of(&self, program: &ProgramId) -> Result<Vec<EndpointId>, StoreError> {
        self.read(self.memory.endpoints_of(program)).await
    }

    async fn boots(&self) -> Result<Vec<BootRecord>, StoreError> {
        self.read(self.memory.boots()).await
    }

    async fn highest_event_id(&self) -> Result<Option<EventId>, StoreError> {
        self.read(self.memory.highest_event_id()).await
    }

    async fn programs(&self) -> Result<Vec<ProgramRecord>, StoreError> {
        self.read(self.memory.programs()).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointRecord>, StoreError> {
        self.read(self.memory.endpoints()).await
    }

    async fn health(&self) -> Result<Vec<(EndpointId, HealthRecord)>, StoreError> {
        self.read(self.memory.health()).await
    }

    async fn apply(&self, change: &SettingsChange) -> Result<(), StoreError> {
        self.apply_change(change).await
    }

    async fn draft(&self, program: &ProgramId) -> Result<Option<DraftRecord>, StoreError> {
        self.read(self.memory.draft(program)).await
    }

    async fn save_draft(&self, draft: &DraftRecord, over: Option<i64>) -> Result<bool, StoreError> {
        self.write(self.memory.save_draft(draft, over), |_| ()).await
    }

    async fn publications(
        &self,
        program: &ProgramId,
        newest: i64,
        limit: usize,
    ) -> Result<Vec<PublicationRecord>, StoreError> {
        self.read(self.memory.publications(program, newest, limit)).await
    }

    async fn delete_draft(&self, program: &ProgramId) -> Result<(), StoreError> {
        self.write(self.memory.delete_draft(program), |()| ()).await
    }

    async fn events(
        &self,
        program: &ProgramId,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        self.read(self.memory.events(program, before, limit)).await
    }

    async fn event(&self, id: EventId) -> Result<Option<EventRecord>, StoreError> {
        self.read(self.memory.event(id)).await
    }

    async fn attempts(&self, deliveries: &[DeliveryId]) -> Result<Vec<AttemptRecord>, StoreError> {
        self.read(self.memory.attempts(deliveries)).await
    }

    async fn attempts_in_full(&self, delivery: DeliveryId) -> Result<Vec<AttemptRecord>, StoreError> {
        self.read(self.memory.attempts_in_full(delivery)).await
    }

    async fn pending_at(&self, keys: &[PendingKey]) -> Result<Vec<Pending>, StoreError> {
        self.read(self.memory.pending_at(keys)).await
    }

    async fn backlog(&self, endpoints: &[EndpointId], cap: i64) -> Result<Vec<Backlog>, StoreError> {
        self.read(self.memory.backlog(endpoints, cap)).await
    }

    async fn endpoint_url(&self, endpoint: EndpointId) -> Result<Option<String>, StoreError> {
        self.memory.endpoint_url(endpoint).await
    }

    async fn notices(
        &self,
        program: &ProgramId,
        after: Option<NoticeId>,
        limit: usize,
    ) -> Result<Vec<NoticeRecord>, StoreError> {
        self.read(self.memory.notices(program, after, limit)).await
    }

    async fn last_notice_at_ms(
        &self,
        endpoint: EndpointId,
        kind: NoticeKind,
    ) -> Result<Option<i64>, StoreError> {
        self.read(self.memory.last_notice_at_ms(endpoint, kind)).await
    }

    async fn add_hours(&self, records: &[HourRecord]) -> Result<(), StoreError> {
        self.write(self.memory.add_hours(records), |()| ()).await
    }

    async fn hours(&self, endpoints: &[EndpointId], first_hour: i64) -> Result<Vec<HourRecord>, StoreError> {
        self.read(self.memory.hours(endpoints, first_hour)).await
    }

    async fn resend(&self, batch: &ResendBatch) -> Result<(), StoreError> {
        self.commit_resends(batch).await
    }

    async fn resends(
        &self,
        program: &ProgramId,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<ResendRecord>, StoreError> {
        self.read(self.memory.resends(program, before, limit)).await
    }

    async fn resends_of(&self, events: &[EventId]) -> Result<Vec<ResendRecord>, StoreError> {
        self.read(self.memory.resends_of(events)).await
    }

    async fn resends_by_id(&self, ids: &[DeliveryId]) -> Result<Vec<ResendRecord>, StoreError> {
        self.read(self.memory.resends_by_id(ids)).await
    }

    async fn resend_job(&self, id: ResendJobId) -> Result<Option<ResendJobRecord>, StoreError> {
        self.read(self.memory.resend_job(id)).await
    }

    async fn resend_jobs(
        &self,
        program: &ProgramId,
        limit: usize,
    ) -> Result<Vec<ResendJobRecord>, StoreError> {
        self.read(self.memory.resend_jobs(program, limit)).await
    }

    async fn running_resend_jobs(&self) -> Result<Vec<ResendJobRecord>, StoreError> {
        self.read(self.memory.running_resend_jobs()).await
    }

    async fn oldest_events(&self, after: EventId, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
        self.read(self.memory.oldest_events(after, limit)).await
    }

    async fn oldest_parked(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<Pending>, StoreError> {
        self.read(self.memory.oldest_parked(endpoint, limit)).await
    }

    async fn forget(&self, forget: &Forget) -> Result<u64, StoreError> {
        self.commit_forgetting(forget).await
    }

    async fn save_test(&self, test: &TestRecord) -> Result<(), StoreError> {
        self.write(self.memory.save_test(test), |()| ()).await
    }

    async fn test(&self, program: &ProgramId, id: TestId) -> Result<Option<TestRecord>, StoreError> {
        self.read(self.memory.test(program, id)).await
    }

    async fn save_api_key(&self, key: &ApiKeyRecord) -> Result<(), StoreError> {
        self.memory.save_api_key(key).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.memory.api_keys().await
    }

    async fn note_api_keys_used(&self, used: &[(&str, i64)]) -> Result<(), StoreError> {
        self.memory.note_api_keys_used(used).await
    }

    async fn delete_api_key(&self, id: &str) -> Result<bool, StoreError> {
        self.memory.delete_api_key(id).await
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.memory.checkpoint().await
    }

    fn cluster(&self) -> Option<&dyn ClusterStore> {
        self.memory.cluster().map(|_| self as &dyn ClusterStore)
    }

    fn standing(&self) -> Standing {
        if self.line.as_ref().is_some_and(|line| line.is_away()) { Standing::Away } else { Standing::Sure }
    }

    async fn close(&self) {
        self.memory.close().await;
    }
}

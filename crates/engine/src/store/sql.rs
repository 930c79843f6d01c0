//! The trait on an SQL database: the cold path is the same for each, the hot path is its own.

mod addresses;
mod audit;
mod database;
mod editor_links;
mod erasure;
mod first_steps;
mod health;
mod incidents;
mod joining;
mod people;
mod telling;

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId, NoticeId, NoticeKind, ProgramId, ResendJobId, TestId};

pub(super) use self::database::{Database, Transaction};
use super::query::{
    self, attempts, deliveries, drafts, hours, keys, moves, notices, programs, resends, retention, search,
    webhooks,
};
use super::{
    Accepted, ApiKeyRecord, AttemptRecord, Backlog, Batch, BootRecord, Changed, ClusterStore, DeliverySearch,
    DraftRecord, EndpointId, EndpointRecord, EventRecord, EventSearch, EventsFound, Expired, Forget,
    HealthRecord, HourRecord, MoveStep, Moved, NoticeRecord, Pending, PendingKey, ProgramRecord,
    PublicationRecord, ResendBatch, ResendJobRecord, ResendRecord, SettingsChange, Standing, Store,
    StoreError, TestRecord, Unsuccessful,
};

#[async_trait]
impl<D: Database> Store for D {
    async fn commit(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        self.commit_batch(batch).await
    }

    fn commits_in_place(&self) -> bool {
        D::COMMITS_IN_PLACE
    }

    async fn pending(
        &self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        self.queue(endpoint, after, limit).await
    }

    async fn bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        self.event_bodies(events).await
    }

    async fn small_bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        self.small_event_bodies(events).await
    }

    async fn earliest_due(&self, endpoints: &[EndpointId]) -> Result<Vec<(EndpointId, i64)>, StoreError> {
        self.first_due(endpoints).await
    }

    async fn expired(&self, wanted: Expired) -> Result<Vec<Pending>, StoreError> {
        deliveries::expired(&mut *Database::reader(self).await?, wanted).await
    }

    async fn begin_boot(&self, at_ms: i64, forget_before_ms: i64) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = notices::begin_boot(&mut *db, at_ms, forget_before_ms).await;
        db.finish(result).await
    }

    async fn end_boot(&self) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = notices::end_boot(&mut *db).await;
        db.finish(result).await
    }

    async fn boots(&self) -> Result<Vec<BootRecord>, StoreError> {
        notices::boots(&mut *Database::reader(self).await?).await
    }

    async fn highest_event_id(&self) -> Result<Option<EventId>, StoreError> {
        deliveries::highest_event_id(&mut *Database::reader(self).await?).await
    }

    async fn programs(&self) -> Result<Vec<ProgramRecord>, StoreError> {
        programs::all(&mut *Database::reader(self).await?).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointRecord>, StoreError> {
        webhooks::live(&mut *Database::reader(self).await?, self.vault()).await
    }

    async fn pending_without_webhook(&self) -> Result<Vec<EndpointId>, StoreError> {
        moves::without_webhook(&mut *Database::reader(self).await?).await
    }

    async fn health(&self) -> Result<Vec<(EndpointId, HealthRecord)>, StoreError> {
        webhooks::health(&mut *Database::reader(self).await?).await
    }

    async fn apply(&self, change: &SettingsChange) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = async {
            self.check_lead(&mut *db).await?;
            match change {
                SettingsChange::CreateProgram(program) => programs::insert(&mut *db, program).await?,
                SettingsChange::UpdateProgram(change) => programs::update(&mut *db, change).await?,
                SettingsChange::Webhooks(change) => webhooks::change(&mut *db, self.vault(), change).await?,
                SettingsChange::OldSecret(change) => {
                    webhooks::change_old_secret(&mut *db, self.vault(), change).await?;
                }
            }
            D::note_change(&mut *db, &Changed::Program(change.program().clone())).await
        };
        let result = result.await;
        db.finish(result).await
    }

    async fn move_pending(&self, step: &MoveStep) -> Result<Moved, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = moves::step(&mut *db, step).await;
        db.finish(result).await
    }

    async fn draft(&self, program: &ProgramId) -> Result<Option<DraftRecord>, StoreError> {
        drafts::find(&mut *Database::reader(self).await?, self.vault(), program).await
    }

    async fn save_draft(&self, draft: &DraftRecord, over: Option<i64>) -> Result<bool, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = drafts::save(&mut *db, self.vault(), draft, over).await;
        db.finish(result).await
    }

    async fn publications(
        &self,
        program: &ProgramId,
        newest: i64,
        limit: usize,
    ) -> Result<Vec<PublicationRecord>, StoreError> {
        webhooks::publications(&mut *Database::reader(self).await?, program, newest, limit).await
    }

    async fn delete_draft(&self, program: &ProgramId) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = drafts::delete(&mut *db, program).await;
        db.finish(result).await
    }

    async fn events(
        &self,
        program: &ProgramId,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        deliveries::events(&mut *Database::reader(self).await?, program, before, limit).await
    }

    async fn find_events(&self, search: &EventSearch) -> Result<EventsFound, StoreError> {
        search::events(&mut *Database::reader(self).await?, search, D::EVENTS_SAYING).await
    }

    async fn events_by_id(&self, ids: &[EventId]) -> Result<Vec<EventRecord>, StoreError> {
        search::events_by_id(&mut *Database::reader(self).await?, ids).await
    }

    async fn unsuccessful(
        &self,
        search: DeliverySearch,
        wanted: Unsuccessful,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        search::unsuccessful(&mut *Database::reader(self).await?, search, wanted).await
    }

    async fn pending_deliveries(&self, search: DeliverySearch) -> Result<Vec<DeliveryId>, StoreError> {
        search::pending(&mut *Database::reader(self).await?, search).await
    }

    async fn endpoints_of(&self, program: &ProgramId) -> Result<Vec<EndpointId>, StoreError> {
        search::endpoints_of(&mut *Database::reader(self).await?, program).await
    }

    async fn event(&self, id: EventId) -> Result<Option<EventRecord>, StoreError> {
        deliveries::event(&mut *Database::reader(self).await?, id).await
    }

    async fn attempts(&self, ids: &[DeliveryId]) -> Result<Vec<AttemptRecord>, StoreError> {
        attempts::in_brief(&mut *Database::reader(self).await?, ids).await
    }

    async fn attempts_in_full(&self, delivery: DeliveryId) -> Result<Vec<AttemptRecord>, StoreError> {
        attempts::in_full(&mut *Database::reader(self).await?, delivery).await
    }

    async fn pending_at(&self, keys: &[PendingKey]) -> Result<Vec<Pending>, StoreError> {
        deliveries::pending_at(&mut *Database::reader(self).await?, keys).await
    }

    async fn backlog(&self, endpoints: &[EndpointId], cap: i64) -> Result<Vec<Backlog>, StoreError> {
        deliveries::backlog(&mut *Database::reader(self).await?, endpoints, cap).await
    }

    async fn endpoint_url(&self, endpoint: EndpointId) -> Result<Option<String>, StoreError> {
        webhooks::url(&mut *Database::reader(self).await?, endpoint).await
    }

    async fn notices(
        &self,
        program: &ProgramId,
        after: Option<NoticeId>,
        limit: usize,
    ) -> Result<Vec<NoticeRecord>, StoreError> {
        notices::of_program(&mut *Database::reader(self).await?, program, after, limit).await
    }

    async fn last_notice_at_ms(
        &self,
        endpoint: EndpointId,
        kind: NoticeKind,
    ) -> Result<Option<i64>, StoreError> {
        notices::last_at_ms(&mut *Database::reader(self).await?, endpoint, kind).await
    }

    async fn add_hours(&self, records: &[HourRecord]) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = hours::add(&mut *db, records).await;
        db.finish(result).await
    }

    async fn hours(&self, endpoints: &[EndpointId], first_hour: i64) -> Result<Vec<HourRecord>, StoreError> {
        hours::since(&mut *Database::reader(self).await?, endpoints, first_hour).await
    }

    async fn resend(&self, batch: &ResendBatch) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = match self.check_lead(&mut *db).await {
            Ok(()) => resends::commit(&mut *db, batch).await,
            Err(error) => Err(error),
        };
        db.finish(result).await
    }

    async fn resends(
        &self,
        program: &ProgramId,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<ResendRecord>, StoreError> {
        resends::of_program(&mut *Database::reader(self).await?, program, before, limit).await
    }

    async fn resends_of(&self, events: &[EventId]) -> Result<Vec<ResendRecord>, StoreError> {
        resends::of_events(&mut *Database::reader(self).await?, events).await
    }

    async fn resends_by_id(&self, ids: &[DeliveryId]) -> Result<Vec<ResendRecord>, StoreError> {
        resends::by_id(&mut *Database::reader(self).await?, ids).await
    }

    async fn resend_job(&self, id: ResendJobId) -> Result<Option<ResendJobRecord>, StoreError> {
        resends::job_by_id(&mut *Database::reader(self).await?, id).await
    }

    async fn resend_jobs(
        &self,
        program: &ProgramId,
        limit: usize,
    ) -> Result<Vec<ResendJobRecord>, StoreError> {
        resends::jobs(&mut *Database::reader(self).await?, program, limit).await
    }

    async fn running_resend_jobs(&self) -> Result<Vec<ResendJobRecord>, StoreError> {
        resends::running_jobs(&mut *Database::reader(self).await?).await
    }

    async fn oldest_events(&self, after: EventId, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
        retention::oldest_events(&mut *Database::reader(self).await?, after, limit).await
    }

    async fn oldest_parked(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<Pending>, StoreError> {
        retention::oldest_parked(&mut *Database::reader(self).await?, endpoint, limit).await
    }

    async fn forget(&self, forget: &Forget) -> Result<u64, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = async {
            self.check_lead(&mut *db).await?;
            // Otherwise an erasure would not reach the pages that this frees, whose other rows were copied elsewhere.
            D::begin_overwriting(&mut *db).await?;
            let removed = retention::forget(&mut *db, forget).await;
            let ended = D::end_overwriting(&mut *db).await;
            removed.and_then(|removed| ended.map(|()| removed))
        };
        let result = result.await;
        let removed = db.finish(result).await?;
        self.has_forgotten(&forget.events).await;
        Ok(removed)
    }

    async fn save_test(&self, test: &TestRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = query::tests::insert(&mut *db, test).await;
        db.finish(result).await
    }

    async fn test(&self, program: &ProgramId, id: TestId) -> Result<Option<TestRecord>, StoreError> {
        query::tests::find(&mut *Database::reader(self).await?, program, id).await
    }

    async fn save_api_key(&self, key: &ApiKeyRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = match keys::insert(&mut *db, key).await {
            Ok(()) => D::note_change(&mut *db, &Changed::ApiKeys).await,
            Err(error) => Err(error),
        };
        db.finish(result).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        keys::all(&mut *Database::reader(self).await?).await
    }

    async fn note_api_keys_used(&self, used: &[(&str, i64)]) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = keys::note_used(&mut *db, used).await;
        db.finish(result).await
    }

    async fn delete_api_key(&self, id: &str) -> Result<bool, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = match keys::delete(&mut *db, id).await {
            Ok(true) => D::note_change(&mut *db, &Changed::ApiKeys).await.map(|()| true),
            other => other,
        };
        db.finish(result).await
    }

    async fn failed(&self) {
        self.broken().await;
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.copy_log().await
    }

    fn emits(&self) -> Option<&dyn super::EmitStore> {
        self.emits_here()
    }

    fn cluster(&self) -> Option<&dyn ClusterStore> {
        self.several()
    }

    fn standing(&self) -> Standing {
        self.standing_now()
    }

    fn days_ahead(&self) -> Option<i64> {
        self.days_ahead_now()
    }

    async fn lost(&self) -> StoreError {
        self.loss().await
    }

    async fn close(&self) {
        self.shut().await;
    }
}

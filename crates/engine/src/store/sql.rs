//! The trait on an SQL database: the cold path is the same for each, the hot path is its own.

mod addresses;
mod audit;
mod editor_links;
mod erasure;
mod first_steps;
mod health;
mod incidents;
mod joining;
mod people;
mod telling;

use std::future::Future;
use std::ops::DerefMut;

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId, NoticeId, NoticeKind, ProgramId, ResendJobId, TestId};

use super::query::{
    self, Connection, attempts, deliveries, drafts, hours, keys, moves, notices, programs, resends,
    retention, search, webhooks,
};
use super::vault::Vault;
use super::{
    Accepted, ApiKeyRecord, AttemptRecord, Backlog, Batch, BootRecord, DeliverySearch, DraftRecord,
    EndpointId, EndpointRecord, EventRecord, EventSearch, EventsFound, Expired, Forget, HealthRecord,
    HourRecord, MoveStep, Moved, NoticeRecord, Pending, PendingKey, ProgramRecord, PublicationRecord,
    ResendBatch, ResendJobRecord, ResendRecord, SettingsChange, Standing, Store, StoreError, TestRecord,
    Unsuccessful,
};

/// What each database does in its own way.
pub(super) trait Database: Send + Sync + 'static {
    type Connection: Connection;

    /// A connection that reads; it goes back when it is dropped.
    type Reader: DerefMut<Target = Self::Connection> + Send;

    type Transaction<'a>: Transaction<Target = Self::Connection> + Send
    where
        Self: 'a;

    /// A connection for what inboxes have got; others wait until it is dropped.
    type Inbox<'a>: DerefMut<Target = Self::Connection> + Send
    where
        Self: 'a;

    /// Finds events by what their body says; see [`query::search`].
    const EVENTS_SAYING: &'static str;

    /// What seals and opens what is secret.
    fn vault(&self) -> &Vault;

    fn reader(&self) -> impl Future<Output = Result<Self::Reader, StoreError>> + Send;

    /// Begins a transaction on the connection that writes.
    fn begin(&self) -> impl Future<Output = Result<Self::Transaction<'_>, StoreError>> + Send;

    /// The connection apart from everything else that reads and writes what inboxes have got.
    fn inbox(&self) -> impl Future<Output = Result<Self::Inbox<'_>, StoreError>> + Send;

    /// Whether any inbox has ever got anything.
    fn has_inbox(&self) -> bool {
        true
    }

    /// [`Store::commit`].
    fn commit_batch(&self, batch: &Batch) -> impl Future<Output = Result<Vec<Accepted>, StoreError>> + Send;

    /// [`Store::pending`].
    fn queue(
        &self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Pending>, StoreError>> + Send;

    /// [`Store::bodies`].
    fn event_bodies(
        &self,
        events: &[EventId],
    ) -> impl Future<Output = Result<Vec<(EventId, Bytes)>, StoreError>> + Send;

    /// [`Store::small_bodies`].
    fn small_event_bodies(
        &self,
        events: &[EventId],
    ) -> impl Future<Output = Result<Vec<(EventId, Bytes)>, StoreError>> + Send;

    /// [`Store::earliest_due`].
    fn first_due(
        &self,
        endpoints: &[EndpointId],
    ) -> impl Future<Output = Result<Vec<(EndpointId, i64)>, StoreError>> + Send;

    /// After [`Store::forget`] has removed these: what the database does about the room they took.
    fn has_forgotten(&self, _events: &[EventId]) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// From now on, within the transaction, what is replaced or deleted is overwritten where it stood.
    fn begin_overwriting(_: &mut Self::Connection) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// The end of [`Database::begin_overwriting`].
    fn end_overwriting(_: &mut Self::Connection) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// [`super::ErasureStore::scrub`].
    fn scrub_files(&self) -> impl Future<Output = Result<bool, StoreError>> + Send {
        std::future::ready(Ok(true))
    }

    /// [`Store::failed`].
    fn broken(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// [`Store::checkpoint`].
    fn copy_log(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// [`Store::emits`].
    fn emits_here(&self) -> Option<&dyn super::EmitStore> {
        None
    }

    /// [`Store::standing`].
    fn standing_now(&self) -> Standing {
        Standing::Sure
    }

    /// [`Store::lost`].
    fn loss(&self) -> impl Future<Output = StoreError> + Send {
        std::future::pending()
    }

    /// [`Store::close`].
    fn shut(&self) -> impl Future<Output = ()> + Send;
}

/// A write transaction; it is a connection meanwhile. Dropped without [`Transaction::finish`] it is rolled back before
/// the next one begins.
pub(super) trait Transaction: DerefMut {
    /// Commits what has succeeded, rolls back what has not.
    fn finish<T: Send>(
        self,
        result: Result<T, StoreError>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send;
}

#[async_trait]
impl<D: Database> Store for D {
    async fn commit(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        self.commit_batch(batch).await
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
        let result = match change {
            SettingsChange::CreateProgram(program) => programs::insert(&mut *db, program).await,
            SettingsChange::UpdateProgram(change) => programs::update(&mut *db, change).await,
            SettingsChange::Webhooks(change) => webhooks::change(&mut *db, self.vault(), change).await,
            SettingsChange::OldSecret(change) => {
                webhooks::change_old_secret(&mut *db, self.vault(), change).await
            }
        };
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

    async fn save_draft(&self, draft: &DraftRecord) -> Result<bool, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = drafts::save(&mut *db, self.vault(), draft).await;
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
        let result = resends::commit(&mut *db, batch).await;
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
        let result = retention::forget(&mut *db, forget).await;
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
        let result = keys::insert(&mut *db, key).await;
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
        let result = keys::delete(&mut *db, id).await;
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

    fn standing(&self) -> Standing {
        self.standing_now()
    }

    async fn lost(&self) -> StoreError {
        self.loss().await
    }

    async fn close(&self) {
        self.shut().await;
    }
}

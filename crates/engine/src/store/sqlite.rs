//! SQLite: one file, one process, one connection that writes and a few that read.

mod cold;
mod error;
mod hot;
mod lock;
mod open;
mod rows;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_types::{DeliveryId, EventId, NoticeId, ProgramId, ResendJobId, TestId};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqlitePool;

use self::lock::Lock;
use self::writer::Writer;
use super::query::{
    self, attempts, deliveries, drafts, keys, notices, programs, resends, retention, webhooks,
};
use super::{
    Accepted, ApiKeyRecord, AttemptRecord, Backlog, Batch, BootRecord, DraftRecord, EndpointId,
    EndpointRecord, EventRecord, Expired, Forget, HealthRecord, NoticeRecord, Pending, PendingKey,
    ProgramRecord, ResendBatch, ResendJobRecord, ResendRecord, SessionRecord, SettingsChange, Store,
    StoreError, TestRecord,
};

/// How to open a database.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Now, Unix milliseconds: what the lock file says since when the database is in use.
    pub opened_at_ms: i64,
    /// Connections that read; each has a thread.
    pub readers: u32,
    /// How long a lock of another connection is waited for.
    pub busy_timeout: Duration,
    /// The write-ahead log is copied into the database when it has grown by this many pages (of 4 KiB).
    pub checkpoint_pages: u32,
}

impl Options {
    /// What suits most machines.
    pub const fn new(opened_at_ms: i64) -> Self {
        Self { opened_at_ms, readers: 4, busy_timeout: Duration::from_secs(5), checkpoint_pages: 1500 }
    }
}

/// A store in an SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: SqlitePool,
    /// Given back when the database is closed.
    lock: Mutex<Option<Lock>>,
}

impl Sqlite {
    /// Opens the database at `path`, creating directory and file if need be and bringing the schema up to date.
    ///
    /// Answers [`StoreError::Unusable`] when another process has it, a newer version of this program wrote it, or
    /// SQLite does not take the settings that make a commit safe.
    pub async fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        open::create_directory(path)?;
        let lock = Lock::take(path, options.opened_at_ms)?;
        let connect = open::connect_options(path, options.busy_timeout);
        let writer = open::writer(path, &connect).await?;
        let readers = open::readers(&connect, options.readers).await?;
        let writer = Writer::new(writer, options.checkpoint_pages);
        Ok(Self { writer, readers, lock: Mutex::new(Some(lock)) })
    }

    async fn reader(&self) -> Result<PoolConnection<sqlx::Sqlite>, StoreError> {
        self.readers.acquire().await.map_err(error::of_read)
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn commit(&self, batch: &Batch) -> Result<Vec<Accepted>, StoreError> {
        let mut db = self.writer.begin().await?;
        let result = hot::commit(&mut db, batch).await;
        db.finish(result).await
    }

    async fn pending(
        &self,
        endpoint: EndpointId,
        after: Option<PendingKey>,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        hot::pending(&mut *self.reader().await?, endpoint, after, limit).await
    }

    async fn bodies(&self, events: &[EventId]) -> Result<Vec<(EventId, Bytes)>, StoreError> {
        hot::bodies(&mut *self.reader().await?, events).await
    }

    async fn earliest_due(&self, endpoints: &[EndpointId]) -> Result<Vec<(EndpointId, i64)>, StoreError> {
        hot::earliest_due(&mut *self.reader().await?, endpoints).await
    }

    async fn expired(&self, wanted: Expired) -> Result<Vec<Pending>, StoreError> {
        deliveries::expired(&mut *self.reader().await?, wanted).await
    }

    async fn begin_boot(&self, at_ms: i64, forget_before_ms: i64) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = notices::begin_boot(&mut *db, at_ms, forget_before_ms).await;
        db.finish(result).await
    }

    async fn end_boot(&self) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = notices::end_boot(&mut *db).await;
        db.finish(result).await
    }

    async fn boots(&self) -> Result<Vec<BootRecord>, StoreError> {
        notices::boots(&mut *self.reader().await?).await
    }

    async fn highest_event_id(&self) -> Result<Option<EventId>, StoreError> {
        deliveries::highest_event_id(&mut *self.reader().await?).await
    }

    async fn programs(&self) -> Result<Vec<ProgramRecord>, StoreError> {
        programs::all(&mut *self.reader().await?).await
    }

    async fn endpoints(&self) -> Result<Vec<EndpointRecord>, StoreError> {
        webhooks::live(&mut *self.reader().await?).await
    }

    async fn health(&self) -> Result<Vec<(EndpointId, HealthRecord)>, StoreError> {
        webhooks::health(&mut *self.reader().await?).await
    }

    async fn apply(&self, change: &SettingsChange) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = match change {
            SettingsChange::CreateProgram(program) => programs::insert(&mut *db, program).await,
            SettingsChange::UpdateProgram { id, name, status } => {
                programs::update(&mut *db, id, name, *status).await
            }
            SettingsChange::Webhooks(change) => webhooks::change(&mut *db, change).await,
        };
        db.finish(result).await
    }

    async fn draft(&self, program: &ProgramId) -> Result<Option<DraftRecord>, StoreError> {
        drafts::find(&mut *self.reader().await?, program).await
    }

    async fn save_draft(&self, draft: &DraftRecord) -> Result<bool, StoreError> {
        let mut db = self.writer.begin().await?;
        let result = drafts::save(&mut *db, draft).await;
        db.finish(result).await
    }

    async fn delete_draft(&self, program: &ProgramId) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = drafts::delete(&mut *db, program).await;
        db.finish(result).await
    }

    async fn events(
        &self,
        program: &ProgramId,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        deliveries::events(&mut *self.reader().await?, program, before, limit).await
    }

    async fn event(&self, id: EventId) -> Result<Option<EventRecord>, StoreError> {
        deliveries::event(&mut *self.reader().await?, id).await
    }

    async fn attempts(&self, ids: &[DeliveryId]) -> Result<Vec<AttemptRecord>, StoreError> {
        attempts::in_brief(&mut *self.reader().await?, ids).await
    }

    async fn attempts_in_full(&self, delivery: DeliveryId) -> Result<Vec<AttemptRecord>, StoreError> {
        attempts::in_full(&mut *self.reader().await?, delivery).await
    }

    async fn pending_at(&self, keys: &[PendingKey]) -> Result<Vec<Pending>, StoreError> {
        deliveries::pending_at(&mut *self.reader().await?, keys).await
    }

    async fn backlog(&self, endpoints: &[EndpointId], cap: i64) -> Result<Vec<Backlog>, StoreError> {
        deliveries::backlog(&mut *self.reader().await?, endpoints, cap).await
    }

    async fn endpoint_url(&self, endpoint: EndpointId) -> Result<Option<String>, StoreError> {
        webhooks::url(&mut *self.reader().await?, endpoint).await
    }

    async fn notices(
        &self,
        program: &ProgramId,
        after: Option<NoticeId>,
        limit: usize,
    ) -> Result<Vec<NoticeRecord>, StoreError> {
        notices::of_program(&mut *self.reader().await?, program, after, limit).await
    }

    async fn resend(&self, batch: &ResendBatch) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = resends::commit(&mut *db, batch).await;
        db.finish(result).await
    }

    async fn resends(
        &self,
        program: &ProgramId,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<ResendRecord>, StoreError> {
        resends::of_program(&mut *self.reader().await?, program, before, limit).await
    }

    async fn resends_of(&self, events: &[EventId]) -> Result<Vec<ResendRecord>, StoreError> {
        resends::of_events(&mut *self.reader().await?, events).await
    }

    async fn resends_by_id(&self, ids: &[DeliveryId]) -> Result<Vec<ResendRecord>, StoreError> {
        resends::by_id(&mut *self.reader().await?, ids).await
    }

    async fn resend_job(&self, id: ResendJobId) -> Result<Option<ResendJobRecord>, StoreError> {
        resends::job_by_id(&mut *self.reader().await?, id).await
    }

    async fn resend_jobs(
        &self,
        program: &ProgramId,
        limit: usize,
    ) -> Result<Vec<ResendJobRecord>, StoreError> {
        resends::jobs(&mut *self.reader().await?, program, limit).await
    }

    async fn running_resend_jobs(&self) -> Result<Vec<ResendJobRecord>, StoreError> {
        resends::running_jobs(&mut *self.reader().await?).await
    }

    async fn oldest_events(
        &self,
        after: EventId,
        accepted_before_ms: i64,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        retention::oldest_events(&mut *self.reader().await?, after, accepted_before_ms, limit).await
    }

    async fn oldest_parked(&self, endpoint: EndpointId, limit: usize) -> Result<Vec<Pending>, StoreError> {
        retention::oldest_parked(&mut *self.reader().await?, endpoint, limit).await
    }

    async fn forget(&self, forget: &Forget) -> Result<u64, StoreError> {
        let mut db = self.writer.begin().await?;
        let result = retention::forget(&mut *db, forget).await;
        db.finish(result).await
    }

    async fn save_test(&self, test: &TestRecord) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = query::tests::insert(&mut *db, test).await;
        db.finish(result).await
    }

    async fn test(&self, program: &ProgramId, id: TestId) -> Result<Option<TestRecord>, StoreError> {
        query::tests::find(&mut *self.reader().await?, program, id).await
    }

    async fn save_api_key(&self, key: &ApiKeyRecord) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = keys::insert(&mut *db, key).await;
        db.finish(result).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        keys::all(&mut *self.reader().await?).await
    }

    async fn delete_api_key(&self, id: &str) -> Result<bool, StoreError> {
        let mut db = self.writer.begin().await?;
        let result = keys::delete(&mut *db, id).await;
        db.finish(result).await
    }

    async fn save_sign_in_link(&self, token_hash: [u8; 32], expires_at_ms: i64) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = keys::save_link(&mut *db, &token_hash, expires_at_ms).await;
        db.finish(result).await
    }

    async fn use_sign_in_link(&self, token_hash: [u8; 32], now_ms: i64) -> Result<bool, StoreError> {
        let mut db = self.writer.begin().await?;
        let result = keys::use_link(&mut *db, &token_hash, now_ms).await;
        db.finish(result).await
    }

    async fn save_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = keys::save_session(&mut *db, session).await;
        db.finish(result).await
    }

    async fn session(&self, token_hash: [u8; 32], now_ms: i64) -> Result<Option<SessionRecord>, StoreError> {
        keys::session(&mut *self.reader().await?, &token_hash, now_ms).await
    }

    async fn delete_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        let mut db = self.writer.begin().await?;
        let result = keys::delete_session(&mut *db, &token_hash).await;
        db.finish(result).await
    }

    async fn has_sessions(&self) -> Result<bool, StoreError> {
        keys::has_sessions(&mut *self.reader().await?).await
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        self.writer.checkpoint().await
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

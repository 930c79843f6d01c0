//! The erasing of participants' data on an SQL database.

use async_trait::async_trait;
use groundswell_types::{ErasureId, EventId, InboxRequestId, ProgramId};

use super::{Database, Transaction as _};
use crate::store::query::{self, audit, erasure, inbox};
use crate::store::{Changed, EraseStep, ErasureRecord, ErasureStore, EventRecord, StoreError};

#[async_trait]
impl<D: Database> ErasureStore for D {
    async fn events_in_order(
        &self,
        program: &ProgramId,
        after: EventId,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        erasure::events_in_order(&mut *Database::reader(self).await?, program, after, limit).await
    }

    async fn erasure_key(&self, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let mut db = Database::begin(self).await?;
        let result = erasure::key(&mut *db, fresh).await;
        db.finish(result).await
    }

    async fn save_erasure(&self, job: &ErasureRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = erasure::save(&mut *db, job).await;
        db.finish(result).await
    }

    async fn erase(&self, step: &EraseStep) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = async {
            self.check_lead(&mut *db).await?;
            D::begin_overwriting(&mut *db).await?;
            let erased = erase(&mut *db, step).await;
            let ended = D::end_overwriting(&mut *db).await;
            erased.and(ended)?;
            let events: Vec<EventId> = step.events.iter().map(|(event, _)| *event).collect();
            if events.is_empty() {
                return Ok(());
            }
            D::note_change(&mut *db, &Changed::Erased(events)).await
        };
        let result = result.await;
        db.finish(result).await
    }

    async fn erasure(&self, id: ErasureId) -> Result<Option<ErasureRecord>, StoreError> {
        erasure::find(&mut *Database::reader(self).await?, id).await
    }

    async fn erasures(&self, program: &ProgramId, limit: usize) -> Result<Vec<ErasureRecord>, StoreError> {
        erasure::of_program(&mut *Database::reader(self).await?, program, limit).await
    }

    async fn running_erasures(&self) -> Result<Vec<ErasureRecord>, StoreError> {
        erasure::running(&mut *Database::reader(self).await?).await
    }

    async fn erased(&self, events: &[EventId]) -> Result<Vec<EventId>, StoreError> {
        erasure::erased(&mut *Database::reader(self).await?, events).await
    }

    async fn delete_inbox_requests(
        &self,
        program: &ProgramId,
        requests: &[InboxRequestId],
    ) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for request in requests {
            let mut db = self.inbox().await?;
            let result = inbox::delete(&mut *db, program, *request).await;
            deleted += db.finish(result).await?;
        }
        Ok(deleted)
    }

    async fn scrub(&self) -> Result<bool, StoreError> {
        Database::scrub_files(self).await
    }
}

async fn erase(db: &mut impl query::Connection, step: &EraseStep) -> Result<(), StoreError> {
    for (event, body) in &step.events {
        erasure::erase_body(db, *event, body).await?;
    }
    let attempts = erasure::erase_answers(db, &step.deliveries).await?;
    let job = ErasureRecord { attempts: step.job.attempts + attempts, ..step.job.clone() };
    erasure::update(db, &job).await?;
    match &step.audit {
        Some(record) => audit::insert(db, record).await,
        None => Ok(()),
    }
}

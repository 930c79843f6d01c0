//! Letters to people on an SQL database.

use async_trait::async_trait;
use groundswell_types::{Email, TeamId, UserId};

use super::{Database, Transaction as _};
use crate::store::query::telling;
use crate::store::{
    DigestRecord, EndpointId, LetterRecord, NoticeRecord, Posting, RecipientRecord, StoreError, TellingStore,
};

#[async_trait]
impl<D: Database> TellingStore for D {
    async fn recipients(&self, endpoint: EndpointId) -> Result<Vec<RecipientRecord>, StoreError> {
        telling::recipients(&mut *Database::reader(self).await?, endpoint).await
    }

    async fn recipient(&self, token: &str) -> Result<Option<RecipientRecord>, StoreError> {
        telling::recipient(&mut *Database::reader(self).await?, token).await
    }

    async fn refuse_letters(&self, email: &Email, at_ms: i64) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = telling::refuse(&mut *db, email, at_ms).await;
        db.finish(result).await
    }

    async fn allow_letters(&self, email: &Email) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = telling::allow(&mut *db, email).await;
        db.finish(result).await
    }

    async fn refuses_letters(&self, email: &Email) -> Result<bool, StoreError> {
        telling::refuses(&mut *Database::reader(self).await?, email).await
    }

    async fn save_language_of(&self, user: &UserId, language: &str) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = telling::save_language(&mut *db, user, language).await;
        db.finish(result).await
    }

    async fn language_of(&self, user: &UserId) -> Result<Option<String>, StoreError> {
        telling::language(&mut *Database::reader(self).await?, user).await
    }

    async fn untold_notices(&self, limit: usize) -> Result<Vec<NoticeRecord>, StoreError> {
        telling::untold(&mut *Database::reader(self).await?, limit).await
    }

    async fn told_notices(
        &self,
        team: &TeamId,
        since_ms: i64,
        limit: usize,
    ) -> Result<Vec<NoticeRecord>, StoreError> {
        telling::told(&mut *Database::reader(self).await?, (team, since_ms), limit).await
    }

    async fn post(&self, posting: &Posting) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = telling::post(&mut *db, posting).await;
        db.finish(result).await
    }

    async fn due_letters(&self, now_ms: i64, limit: usize) -> Result<Vec<LetterRecord>, StoreError> {
        telling::due(&mut *Database::reader(self).await?, now_ms, limit).await
    }

    async fn waiting_letters(&self, cap: i64) -> Result<i64, StoreError> {
        telling::waiting(&mut *Database::reader(self).await?, cap).await
    }

    async fn remove_letter(&self, id: i64) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = telling::remove_letter(&mut *db, id).await;
        db.finish(result).await
    }

    async fn put_letter_off(&self, id: i64, due_at_ms: i64) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = telling::put_off(&mut *db, id, due_at_ms).await;
        db.finish(result).await
    }

    async fn digests(&self) -> Result<Vec<DigestRecord>, StoreError> {
        telling::digests(&mut *Database::reader(self).await?).await
    }
}

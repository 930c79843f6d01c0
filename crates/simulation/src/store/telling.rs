//! Letters: nothing of the contract is about them, so they go to the memory as they are.

use async_trait::async_trait;
use groundswell_engine::store::{
    DigestRecord, EndpointId, LetterRecord, NoticeRecord, Posting, RecipientRecord, StoreError, TellingStore,
};
use groundswell_types::{Email, TeamId, UserId};

use super::Disk;

#[async_trait]
impl TellingStore for Disk {
    async fn recipients(&self, endpoint: EndpointId) -> Result<Vec<RecipientRecord>, StoreError> {
        self.memory.recipients(endpoint).await
    }

    async fn recipient(&self, token: &str) -> Result<Option<RecipientRecord>, StoreError> {
        self.memory.recipient(token).await
    }

    async fn refuse_letters(&self, email: &Email, at_ms: i64) -> Result<(), StoreError> {
        self.memory.refuse_letters(email, at_ms).await
    }

    async fn allow_letters(&self, email: &Email) -> Result<(), StoreError> {
        self.memory.allow_letters(email).await
    }

    async fn refuses_letters(&self, email: &Email) -> Result<bool, StoreError> {
        self.memory.refuses_letters(email).await
    }

    async fn save_language_of(&self, user: &UserId, language: &str) -> Result<(), StoreError> {
        self.memory.save_language_of(user, language).await
    }

    async fn language_of(&self, user: &UserId) -> Result<Option<String>, StoreError> {
        self.memory.language_of(user).await
    }

    async fn untold_notices(&self, limit: usize) -> Result<Vec<NoticeRecord>, StoreError> {
        self.memory.untold_notices(limit).await
    }

    async fn told_notices(
        &self,
        team: &TeamId,
        since_ms: i64,
        limit: usize,
    ) -> Result<Vec<NoticeRecord>, StoreError> {
        self.memory.told_notices(team, since_ms, limit).await
    }

    async fn post(&self, posting: &Posting) -> Result<(), StoreError> {
        self.memory.post(posting).await
    }

    async fn due_letters(&self, now_ms: i64, limit: usize) -> Result<Vec<LetterRecord>, StoreError> {
        self.memory.due_letters(now_ms, limit).await
    }

    async fn waiting_letters(&self, cap: i64) -> Result<i64, StoreError> {
        self.memory.waiting_letters(cap).await
    }

    async fn remove_letter(&self, id: i64) -> Result<(), StoreError> {
        self.memory.remove_letter(id).await
    }

    async fn put_letter_off(&self, id: i64, due_at_ms: i64) -> Result<(), StoreError> {
        self.memory.put_letter_off(id, due_at_ms).await
    }

    async fn digests(&self) -> Result<Vec<DigestRecord>, StoreError> {
        self.memory.digests().await
    }
}

//! Whose an e-mail address is, as the memory keeps it.

use async_trait::async_trait;
use groundswell_engine::store::{AddressRecord, AddressStore, StoreError};
use groundswell_types::{Email, UserId};

use super::Disk;

#[async_trait]
impl AddressStore for Disk {
    async fn address(&self, user: &UserId, email: &Email) -> Result<Option<AddressRecord>, StoreError> {
        self.memory.address(user, email).await
    }

    async fn address_of_link(&self, token: &str) -> Result<Option<AddressRecord>, StoreError> {
        self.memory.address_of_link(token).await
    }

    async fn save_address(&self, record: &AddressRecord) -> Result<(), StoreError> {
        self.memory.save_address(record).await
    }

    async fn forget_unanswered(&self, before_ms: i64) -> Result<(), StoreError> {
        self.memory.forget_unanswered(before_ms).await
    }
}

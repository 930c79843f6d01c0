//! Whose an e-mail address is, on an SQL database.

use async_trait::async_trait;
use groundswell_types::{Email, UserId};

use super::{Database, Transaction as _};
use crate::store::query::addresses;
use crate::store::{AddressRecord, AddressStore, StoreError};

#[async_trait]
impl<D: Database> AddressStore for D {
    async fn address(&self, user: &UserId, email: &Email) -> Result<Option<AddressRecord>, StoreError> {
        addresses::address(&mut *Database::reader(self).await?, user, email).await
    }

    async fn address_of_link(&self, token: &str) -> Result<Option<AddressRecord>, StoreError> {
        addresses::of_link(&mut *Database::reader(self).await?, token).await
    }

    async fn save_address(&self, record: &AddressRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = addresses::save(&mut *db, record).await;
        db.finish(result).await
    }

    async fn forget_unanswered(&self, before_ms: i64) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = addresses::forget_unanswered(&mut *db, before_ms).await;
        db.finish(result).await
    }
}

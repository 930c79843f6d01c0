//! Coming into a further team, on an SQL database.

use async_trait::async_trait;

use super::{Database, Transaction as _};
use crate::store::query::joining;
use crate::store::{Joining, JoiningStore, StoreError};

#[async_trait]
impl<D: Database> JoiningStore for D {
    async fn join_by_invitation(&self, joining: Joining<'_>) -> Result<bool, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = joining::join(&mut *db, joining).await;
        db.finish(result).await
    }
}

//! Coming into a further team, as the memory does it.

use async_trait::async_trait;
use groundswell_engine::store::{Joining, JoiningStore, StoreError};

use super::Disk;

#[async_trait]
impl JoiningStore for Disk {
    async fn join_by_invitation(&self, joining: Joining<'_>) -> Result<bool, StoreError> {
        self.memory.join_by_invitation(joining).await
    }
}

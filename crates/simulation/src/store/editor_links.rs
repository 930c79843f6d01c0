//! Editor links: nothing of the contract is about them, so they go to the memory as they are.

use async_trait::async_trait;
use groundswell_engine::store::{EditorLinkRecord, EditorLinkStore, EditorSessionStart, StoreError};
use groundswell_types::ProgramId;

use super::Disk;

#[async_trait]
impl EditorLinkStore for Disk {
    async fn save_editor_link(&self, link: &EditorLinkRecord) -> Result<(), StoreError> {
        self.memory.save_editor_link(link).await
    }

    async fn use_editor_link(
        &self,
        token_hash: [u8; 32],
        session: EditorSessionStart,
    ) -> Result<bool, StoreError> {
        self.memory.use_editor_link(token_hash, session).await
    }

    async fn editor_session(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<EditorLinkRecord>, StoreError> {
        self.memory.editor_session(token_hash, now_ms).await
    }

    async fn touch_editor_session(&self, token_hash: [u8; 32], now_ms: i64) -> Result<(), StoreError> {
        self.memory.touch_editor_session(token_hash, now_ms).await
    }

    async fn delete_editor_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        self.memory.delete_editor_session(token_hash).await
    }

    async fn delete_editor_link(&self, program: &ProgramId, id: &str) -> Result<bool, StoreError> {
        self.memory.delete_editor_link(program, id).await
    }
}

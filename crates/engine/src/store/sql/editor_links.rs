//! Editor links on an SQL database.

use async_trait::async_trait;
use groundswell_types::ProgramId;

use super::{Database, Transaction as _};
use crate::store::query::editor_links;
use crate::store::{EditorLinkRecord, EditorLinkStore, EditorSessionStart, StoreError};

#[async_trait]
impl<D: Database> EditorLinkStore for D {
    async fn save_editor_link(&self, link: &EditorLinkRecord) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = editor_links::save(&mut *db, link).await;
        db.finish(result).await
    }

    async fn use_editor_link(
        &self,
        token_hash: [u8; 32],
        session: EditorSessionStart,
    ) -> Result<bool, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = editor_links::use_link(&mut *db, &token_hash, session).await;
        db.finish(result).await
    }

    async fn editor_session(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<EditorLinkRecord>, StoreError> {
        editor_links::session(&mut *Database::reader(self).await?, &token_hash, now_ms).await
    }

    async fn touch_editor_session(&self, token_hash: [u8; 32], now_ms: i64) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = editor_links::touch(&mut *db, &token_hash, now_ms).await;
        db.finish(result).await
    }

    async fn delete_editor_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        let mut db = Database::begin(self).await?;
        let result = editor_links::delete_session(&mut *db, &token_hash).await;
        db.finish(result).await
    }

    async fn delete_editor_link(&self, program: &ProgramId, id: &str) -> Result<bool, StoreError> {
        let mut db = Database::begin(self).await?;
        let result = editor_links::delete(&mut *db, program, id).await;
        db.finish(result).await
    }
}

//! Editor links as a plain list.

use async_trait::async_trait;
use groundswell_types::ProgramId;

use super::Memory;
use crate::store::{EditorLinkRecord, EditorLinkStore, EditorSessionStart, StoreError};

impl Memory {
    fn editor_link(&self, wanted: impl Fn(&EditorLinkRecord) -> bool) -> Option<EditorLinkRecord> {
        self.state().editor_links.iter().find(|link| wanted(link)).cloned()
    }
}

#[async_trait]
impl EditorLinkStore for Memory {
    async fn save_editor_link(&self, link: &EditorLinkRecord) -> Result<(), StoreError> {
        let links = &mut self.state().editor_links;
        links.retain(|one| one.expires_at_ms > link.last_seen_at_ms);
        if links.iter().any(|one| one.id == link.id || one.token_hash == link.token_hash) {
            return Err(StoreError::Rejected("the id or the hash is used".into()));
        }
        links.push(link.clone());
        Ok(())
    }

    async fn use_editor_link(
        &self,
        token_hash: [u8; 32],
        session: EditorSessionStart,
    ) -> Result<bool, StoreError> {
        let links = &mut self.state().editor_links;
        let link = links
            .iter_mut()
            .find(|one| !one.is_used && one.token_hash == token_hash && one.expires_at_ms > session.at_ms);
        let Some(link) = link else { return Ok(false) };
        link.is_used = true;
        link.token_hash = session.token_hash;
        link.last_seen_at_ms = session.at_ms;
        link.expires_at_ms = session.expires_at_ms;
        Ok(true)
    }

    async fn editor_session(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<EditorLinkRecord>, StoreError> {
        Ok(self.editor_link(|one| one.is_used && one.token_hash == token_hash && one.expires_at_ms > now_ms))
    }

    async fn touch_editor_session(&self, token_hash: [u8; 32], now_ms: i64) -> Result<(), StoreError> {
        let links = &mut self.state().editor_links;
        if let Some(link) = links.iter_mut().find(|one| one.is_used && one.token_hash == token_hash) {
            link.last_seen_at_ms = now_ms;
        }
        Ok(())
    }

    async fn delete_editor_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError> {
        self.state().editor_links.retain(|one| !one.is_used || one.token_hash != token_hash);
        Ok(())
    }

    async fn delete_editor_link(&self, program: &ProgramId, id: &str) -> Result<bool, StoreError> {
        let links = &mut self.state().editor_links;
        let before = links.len();
        links.retain(|one| one.program_id != *program || one.id != id);
        Ok(links.len() < before)
    }
}

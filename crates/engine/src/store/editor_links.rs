//! Links that open one program's webhook settings, and the sessions they begin. Part of [`super::Store`].
//!
//! A link becomes its session: one row, whose hash is first that of the link's token and then that of the session's.

use async_trait::async_trait;
use groundswell_types::{ProgramId, Theme};

use super::StoreError;

/// A link, or the session it has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditorLinkRecord {
    pub id: String,
    /// Of the link's token; once it was used, of its session's.
    pub token_hash: [u8; 32],
    pub is_used: bool,
    pub program_id: ProgramId,
    /// The key that made it; `None` is the operator.
    pub api_key_id: Option<String>,
    /// Who it is for, in the words of who made it.
    pub label: Option<String>,
    pub theme: Theme,
    /// When it was made or used last.
    pub last_seen_at_ms: i64,
    pub expires_at_ms: i64,
}

/// What a link becomes that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditorSessionStart {
    /// Of the session's token.
    pub token_hash: [u8; 32],
    pub at_ms: i64,
    pub expires_at_ms: i64,
}

/// See the module. All of it may be called by anybody.
#[async_trait]
pub trait EditorLinkStore: Send + Sync + 'static {
    /// Keeps a new link, and removes what had expired when it was made.
    async fn save_editor_link(&self, link: &EditorLinkRecord) -> Result<(), StoreError>;

    /// Makes the link with this hash a session, at most once and not after its end; says whether it did.
    async fn use_editor_link(
        &self,
        token_hash: [u8; 32],
        session: EditorSessionStart,
    ) -> Result<bool, StoreError>;

    /// The session with this hash while it lasts.
    async fn editor_session(
        &self,
        token_hash: [u8; 32],
        now_ms: i64,
    ) -> Result<Option<EditorLinkRecord>, StoreError>;

    /// Notes that a session was used.
    async fn touch_editor_session(&self, token_hash: [u8; 32], now_ms: i64) -> Result<(), StoreError>;

    /// Removes a session.
    async fn delete_editor_session(&self, token_hash: [u8; 32]) -> Result<(), StoreError>;

    /// Removes a link of the program, or its session; says whether there was one.
    async fn delete_editor_link(&self, program: &ProgramId, id: &str) -> Result<bool, StoreError>;
}

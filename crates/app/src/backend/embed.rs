//! What pages inside of another product need from the server.

use async_trait::async_trait;
use groundswell_types::ProgramId;

use crate::failure::Failure;

/// An editor link that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The value of the `Set-Cookie` header that begins its session.
    pub set_cookie: String,
    /// The program whose webhooks may be set up.
    pub program: ProgramId,
}

/// See the module.
#[async_trait]
pub trait EmbedBackend: Send + Sync + 'static {
    /// Uses up the token of an editor link.
    async fn open_editor_link(&self, token: &str) -> Result<Opened, Failure>;
}

//! What System Status needs from the server.

use async_trait::async_trait;

use crate::failure::Failure;
use crate::plain::status::StatusView;

/// See the module.
#[async_trait]
pub trait StatusBackend: Send + Sync + 'static {
    /// How the server is, for everybody; with their own webhooks for whoever is signed in.
    async fn status(&self) -> Result<StatusView, Failure>;
}

//! System Status, for pages.

use async_trait::async_trait;
use groundswell_app::backend::status::StatusBackend;
use groundswell_app::failure::Failure;
use groundswell_app::plain::status::StatusView;

use super::PageBackend;

#[async_trait]
impl StatusBackend for PageBackend {
    async fn status(&self) -> Result<StatusView, Failure> {
        let own = match self.engine().await {
            Ok(acting) => Some(acting.webhooks_by_health().map_err(|error| self.failure(error))?),
            Err(Failure::SignedOut) => None,
            Err(failure) => return Err(failure),
        };
        let health = self.state.engine.health();
        Ok(StatusView { health: health.as_ref().clone(), incidents: Vec::new(), own })
    }
}

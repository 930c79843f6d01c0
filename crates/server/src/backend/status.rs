//! System Status, for pages.

use async_trait::async_trait;
use groundswell_app::backend::status::StatusBackend;
use groundswell_app::failure::Failure;
use groundswell_app::plain::status::StatusView;
use groundswell_types::{Health, Incident};

use super::PageBackend;

/// Incidents and maintenance that ended longer ago are on their own pages alone: two weeks.
const SHOWN_MS: i64 = 14 * 86_400_000;

#[async_trait]
impl StatusBackend for PageBackend {
    async fn status(&self) -> Result<StatusView, Failure> {
        let own = match self.engine().await {
            Ok(acting) => Some(acting.webhooks_by_health().map_err(|error| self.failure(error))?),
            Err(Failure::SignedOut) => None,
            Err(failure) => return Err(failure),
        };
        let status = self.state.engine.system_status();
        // As those who run the server say it, too.
        let components = status.components.iter().map(|state| (state.component, state.status)).collect();
        let health = Health { components, ..self.state.engine.health().as_ref().clone() };
        let since_ms = health.at.saturating_sub(SHOWN_MS);
        let is_shown = |incident: &&Incident| incident.ended_at.is_none_or(|ended_at| ended_at >= since_ms);
        let (open, ended): (Vec<_>, Vec<_>) =
            status.incidents.iter().filter(is_shown).partition(|incident| incident.ended_at.is_none());
        let incidents = open.into_iter().chain(ended).cloned().collect();
        Ok(StatusView { health, incidents, own })
    }
}

//! What receivers answered, for somebody: where only the operator's `egress.allow` leads, those who manage the team see the
//! answer and others only that there was one, so that a test is no window into the network.

use groundswell_types::{
    AuditAction, DeliveryDetail, DeliveryId, EventKind, ProgramId, TestId, TestView, WebhookId,
};

use super::Acting;
use crate::access::Permission;
use crate::audit::{Deed, Trace};
use crate::directory::ProgramEntry;
use crate::error::EngineError;

impl Acting {
    /// See [`crate::Engine::test_row`].
    pub async fn test_row(
        &self,
        program: &ProgramId,
        row_key: &str,
        event: Option<EventKind>,
    ) -> Result<TestView, EngineError> {
        let work = self.engine.test_row(program, row_key, event);
        self.tested(program, Trace::default().with("row", row_key), work).await
    }

    /// See [`crate::Engine::test_webhook`].
    pub async fn test_webhook(
        &self,
        program: &ProgramId,
        id: &WebhookId,
        event: Option<EventKind>,
    ) -> Result<TestView, EngineError> {
        self.tested(program, Trace::of(id), self.engine.test_webhook(program, id, event)).await
    }

    /// See [`crate::Engine::test_result`].
    pub async fn test_result(&self, program: &ProgramId, test: TestId) -> Result<TestView, EngineError> {
        let entry = self.must(program, Permission::SeeSettings)?;
        let view = self.engine.test_result(program, test).await?;
        Ok(if self.sees_all(&entry) { view } else { view.for_others() })
    }

    /// See [`crate::Engine::delivery`].
    pub async fn delivery(&self, program: &ProgramId, id: DeliveryId) -> Result<DeliveryDetail, EngineError> {
        let entry = self.must(program, Permission::SeeLog)?;
        let detail = self.engine.delivery(program, id).await?;
        Ok(if self.sees_all(&entry) { detail } else { detail.for_others() })
    }

    /// A test, recorded; `work` is begun only when the actor may.
    async fn tested(
        &self,
        program: &ProgramId,
        trace: Trace,
        work: impl Future<Output = Result<TestView, EngineError>> + Send,
    ) -> Result<TestView, EngineError> {
        let entry = self.must(program, Permission::EditWebhooks)?;
        let deed = Deed {
            action: AuditAction::TestSent,
            teams: vec![entry.record.team_id.clone()],
            program: Some(program.clone()),
            trace,
        };
        let view = self.engine.recorded(&self.actor, deed, work).await?;
        Ok(if self.sees_all(&entry) { view } else { view.for_others() })
    }

    fn sees_all(&self, entry: &ProgramEntry) -> bool {
        self.actor.manages(&entry.record)
    }
}

//! Use cases on the secret before the present one: ending it at once, noting that a receiver does without it, and
//! erasing it when its time is over.
//!
//! Which of two signatures a receiver checked is not to be seen from outside: a 2xx says that it liked one of them, or
//! checks none. So a request with both proves nothing, and a test is signed with the new secret alone: when that is
//! answered 2xx, the receiver does without the old one. The last time that happened is kept beside the old secret.

use groundswell_types::{ProgramId, Webhook, WebhookId};

use crate::drafts;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{EndpointId, EndpointRecord, OldSecret, OldSecretChange, SettingsChange};
use crate::test_deliveries::TestTarget;

impl Engine {
    /// Ends the old secret of a live webhook: no attempt that begins after this is signed with it. There may be none.
    pub async fn end_old_secret(&self, program: &ProgramId, id: &WebhookId) -> Result<Webhook, EngineError> {
        let entry = self.program_entry(program)?;
        let endpoint = entry.webhook(id).ok_or(EngineError::NotFound("webhook"))?;
        self.end(program, endpoint.record.id).await?;
        self.webhook(program, id)
    }

    /// The same for the live webhook of a row of the editor; its draft stays as it is.
    pub async fn end_old_secret_of_row(&self, program: &ProgramId, row_key: &str) -> Result<(), EngineError> {
        let entry = self.program_entry(program)?;
        let id = drafts::live_endpoint(row_key, &entry).ok_or(EngineError::NotFound("webhook"))?;
        self.end(program, id).await
    }

    async fn end(&self, program: &ProgramId, id: EndpointId) -> Result<(), EngineError> {
        self.change_old_secret(program, id, |_| None).await
    }

    /// Notes that a test was answered 2xx at a webhook that has an old secret, if it was sent as the webhook is.
    pub(crate) async fn note_accepted(
        &self,
        program: &ProgramId,
        target: TestTarget,
        at_ms: i64,
    ) -> Result<(), EngineError> {
        let Some(id) = target.live else { return Ok(()) };
        let is_so = move |record: &EndpointRecord| {
            record.url == target.url.as_str() && record.secret == target.secret
        };
        let has_two = |record: &EndpointRecord| record.valid_secrets(at_ms).count() == 2;
        if !self.directory.endpoint(id).is_some_and(|live| has_two(&live.record) && is_so(&live.record)) {
            return Ok(());
        }
        let note = move |record: &EndpointRecord| {
            let accepted = is_so(record).then_some(at_ms);
            let note = |old: &OldSecret| {
                let new_accepted_at_ms = accepted.or(old.new_accepted_at_ms);
                Box::new(OldSecret { new_accepted_at_ms, ..old.clone() })
            };
            record.old_secret.as_deref().map(note)
        };
        self.change_old_secret(program, id, note).await
    }

    /// Erases old secrets that have ended. Nothing has been signed with them since.
    pub(crate) async fn erase_ended_secrets(&self, now_ms: i64) -> Result<(), EngineError> {
        for id in self.directory.ended_secrets(now_ms) {
            let Some(endpoint) = self.directory.endpoint(id) else { continue };
            let program = &endpoint.record.program_id;
            let valid = move |record: &EndpointRecord| {
                record.old_secret.clone().filter(|old| now_ms < old.ends_at_ms)
            };
            let erased = self.change_old_secret(program, id, valid).await;
            match erased {
                // Deleted meanwhile, and its secrets with it.
                Err(EngineError::NotFound(_)) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Changes what a webhook's old secret is by then.
    async fn change_old_secret(
        &self,
        program: &ProgramId,
        id: EndpointId,
        becomes: impl FnOnce(&EndpointRecord) -> Option<Box<OldSecret>> + Send + Sync + 'static,
    ) -> Result<(), EngineError> {
        let program_id = program.clone();
        self.writer
            .change(program, move |directory| {
                let live = directory.endpoint(id).ok_or(EngineError::NotFound("webhook"))?;
                let old_secret = becomes(&live.record);
                Ok(SettingsChange::OldSecret(OldSecretChange { program_id, endpoint_id: id, old_secret }))
            })
            .await?;
        Ok(())
    }
}

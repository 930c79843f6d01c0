//! Forgetting what is older than it is kept, in small steps that leave most of the time to deliveries. What still waits
//! is never forgotten.

use std::sync::Arc;
use std::time::Duration;

use groundswell_types::{EventId, NoticeKind};
use tokio_util::sync::CancellationToken;

use crate::activity::hour_of;
use crate::clock::Stopwatch;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{Batch, EndpointId, Forget, NoticeRecord, PendingKey};

/// Rows, or events with all that is theirs, in one transaction: what is being delivered may have to wait for one such step.
const STEP: usize = 25;

/// After each step a rest of so many times as long as the step took.
const REST: u32 = 4;

/// An owner is warned so long before what is parked is cancelled: 7 days of 30.
const WARNING_SHARE: (i64, i64) = (7, 30);

/// Sweeps again and again until stopped.
pub(crate) async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    let pause_ms = (engine.config.retention_ms / 20).clamp(50, 60_000);
    let pause = Duration::from_millis(pause_ms.unsigned_abs());
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        if let Err(error) = engine.write_counts(&stop).await {
            tracing::warn!(%error, "what was counted was not written; the next try follows");
        }
        if let Err(error) = engine.write_used_keys().await {
            tracing::warn!(%error, "when API keys were used was not written; the next try follows");
        }
        if let Err(error) = engine.sweep_audit(&stop).await {
            tracing::warn!(%error, "the audit log was not put in order; the next try follows");
        }
        if let Err(error) = engine.sweep(&stop).await {
            tracing::warn!(%error, "what is too old was not all forgotten; the next sweep goes on");
        }
    }
}

impl Engine {
    async fn write_counts(&self, stop: &CancellationToken) -> Result<(), EngineError> {
        let mut watch = Stopwatch::start();
        while !stop.is_cancelled() && self.writer.write_counts().await? {
            rest(watch, stop).await;
            watch = Stopwatch::start();
        }
        Ok(())
    }

    async fn sweep_audit(&self, stop: &CancellationToken) -> Result<(), EngineError> {
        let mut watch = Stopwatch::start();
        while !stop.is_cancelled() && self.keep_audit(STEP).await? {
            rest(watch, stop).await;
            watch = Stopwatch::start();
        }
        Ok(())
    }

    async fn sweep(&self, stop: &CancellationToken) -> Result<(), EngineError> {
        let now_ms = self.clock.now_ms();
        let before_ms = now_ms.saturating_sub(self.config.retention_ms);
        for endpoint in self.directory.parked_before(before_ms) {
            self.cancel_parked(endpoint, before_ms, stop).await?;
        }
        self.warn_of_parked(now_ms).await?;
        self.erase_ended_secrets(now_ms).await?;
        self.forget_events(before_ms, stop).await?;
        self.forget_small(now_ms, before_ms, stop).await?;
        Ok(self.store.forget_inbox_requests(now_ms.saturating_sub(crate::inbox::KEPT_MS)).await?)
    }

    /// Cancels what has been parked for too long.
    async fn cancel_parked(
        &self,
        endpoint: EndpointId,
        before_ms: i64,
        stop: &CancellationToken,
    ) -> Result<(), EngineError> {
        while !stop.is_cancelled() {
            let watch = Stopwatch::start();
            let rows = self.store.oldest_parked(endpoint, STEP).await?;
            let old = rows.iter().filter(|row| row.accepted_at_ms < before_ms);
            let parked: Vec<PendingKey> = old.map(|row| row.key).collect();
            let is_last = parked.len() < STEP;
            if !parked.is_empty() {
                self.writer.forget(Forget { parked, ..Forget::default() }).await?;
            }
            if is_last {
                break;
            }
            rest(watch, stop).await;
        }
        Ok(())
    }

    /// Tells owners, once, that what is parked will be cancelled.
    async fn warn_of_parked(&self, now_ms: i64) -> Result<(), EngineError> {
        let ahead_ms = self.config.retention_ms / WARNING_SHARE.1 * WARNING_SHARE.0;
        let warn_before_ms = now_ms.saturating_sub(self.config.retention_ms - ahead_ms);
        for id in self.directory.parked_before(warn_before_ms) {
            let Some(endpoint) = self.directory.endpoint(id) else { continue };
            let Some(since_ms) = endpoint.record.parked_at_ms else { continue };
            let oldest = self.store.oldest_parked(id, 1).await?;
            if oldest.first().is_none_or(|row| row.accepted_at_ms >= warn_before_ms) {
                continue;
            }
            let told_at_ms = self.store.last_notice_at_ms(id, NoticeKind::ParkedExpiring).await?;
            if told_at_ms.is_none_or(|told_at_ms| told_at_ms <= since_ms) {
                let notice = NoticeRecord {
                    id: self.ids.notice(),
                    program_id: endpoint.record.program_id.clone(),
                    endpoint_id: id,
                    kind: NoticeKind::ParkedExpiring,
                    at_ms: now_ms,
                    since_ms,
                };
                self.writer.note(Batch { notices: vec![notice], ..Batch::default() }).await?;
            }
        }
        Ok(())
    }

    async fn forget_events(&self, before_ms: i64, stop: &CancellationToken) -> Result<(), EngineError> {
        let mut after = EventId::from_number(i64::MIN);
        while !stop.is_cancelled() {
            let watch = Stopwatch::start();
            let mut events = self.store.oldest_events(after, STEP).await?;
            let Some(last) = events.last() else { break };
            after = last.id;
            // A clock that went back leaves some young ones among the old; behind a step of young ones there is nothing
            // old, and reading on would mean to read everything that is stored, once a sweep.
            let is_short = events.len() < STEP;
            events.retain(|event| event.accepted_at_ms < before_ms);
            let is_last = is_short || events.is_empty();
            let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
            let (waiting, deliveries) = self.still_waiting(events).await?;
            let is_over = |id: &EventId| !waiting.contains(id);
            let events: Vec<EventId> = ids.into_iter().filter(is_over).collect();
            let deliveries =
                deliveries.into_iter().filter(|(event, _)| is_over(event)).map(|(_, id)| id).collect();
            if !events.is_empty() {
                self.writer.forget(Forget { events, deliveries, ..Forget::default() }).await?;
            }
            if is_last {
                break;
            }
            rest(watch, stop).await;
        }
        Ok(())
    }

    async fn forget_small(
        &self,
        now_ms: i64,
        before_ms: i64,
        stop: &CancellationToken,
    ) -> Result<(), EngineError> {
        let keys_before_ms = Some(now_ms.saturating_sub(crate::events::IDEMPOTENCY_MS));
        let hours_before = Some(hour_of(before_ms));
        let first = Forget {
            keys_before_ms,
            hours_before,
            tests_before_ms: Some(before_ms),
            notices_before_ms: Some(before_ms),
            limit: STEP,
            ..Forget::default()
        };
        let mut watch = Stopwatch::start();
        let mut removed = self.writer.forget(first).await?;
        while removed >= STEP as u64 && !stop.is_cancelled() {
            rest(watch, stop).await;
            watch = Stopwatch::start();
            let next = Forget { keys_before_ms, hours_before, limit: STEP, ..Forget::default() };
            removed = self.writer.forget(next).await?;
        }
        Ok(())
    }
}

async fn rest(watch: Stopwatch, stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = tokio::time::sleep(watch.elapsed() * REST) => {}
    }
}

#[cfg(test)]
mod tests {
    use groundswell_types::{Currency, NoticeKind, ProgramType};

    use super::*;
    use crate::clock::Clock;
    use crate::config::EngineConfig;
    use crate::engine::EngineParts;
    use crate::programs::NewProgram;
    use crate::store::memory::Memory;
    use crate::webhooks::WebhookInput;

    const DAY_MS: i64 = 86_400_000;
    const EVENT: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;

    #[tokio::test]
    async fn what_is_parked_goes_after_30_days_and_its_owner_is_told_7_days_before() {
        let clock = Clock::manual(1_800_000_000_000);
        let began_ms = clock.now_ms();
        let (store, config) = (Arc::new(Memory::new()), EngineConfig::default());
        let engine =
            Engine::start(EngineParts { store, config, clock: clock.clone() }).await.expect("starts");
        let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
        let program = engine.create_program(new).await.expect("created").id;
        let disabled = WebhookInput {
            payload_url: Some("https://example.com/".to_owned()),
            events: Some(vec![groundswell_types::EventKind::NewParticipantAdded]),
            is_enabled: Some(false),
            ..WebhookInput::default()
        };
        engine.create_webhook(&program, disabled).await.expect("created");
        engine.submit(&program, EVENT, None).await.expect("accepted");

        let endpoint = engine.directory.parked_before(i64::MAX)[0];
        let stop = CancellationToken::new();
        // Half an hour either side of each border.
        for (half_hours, notices, parked) in
            [(23 * 48 - 1, 0, 1), (23 * 48 + 1, 1, 1), (30 * 48 - 1, 1, 1), (30 * 48 + 1, 1, 0)]
        {
            clock.set(began_ms + half_hours * DAY_MS / 48);
            engine.sweep(&stop).await.expect("sweeps");
            let told = engine.notices(&program, None).await.expect("reads");
            assert_eq!(told.len(), notices, "after {half_hours} half hours: {told:?}");
            assert!(told.iter().all(|notice| notice.kind == NoticeKind::ParkedExpiring));
            let left = engine.store.oldest_parked(endpoint, 10).await.expect("reads");
            assert_eq!(left.len(), parked, "after {half_hours} half hours");
        }
        engine.shut_down().await;
    }
}

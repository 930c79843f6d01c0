//! Forgetting what is older than it is kept, in small steps that leave most of the time to deliveries. What still waits
//! is never forgotten.

mod own;

use std::sync::Arc;
use std::time::Duration;

use groundswell_types::{EventId, NoticeKind, ProgramId, RetentionDays};
use tokio_util::sync::CancellationToken;

use self::own::pause;
pub(crate) use self::own::run_beside;
use crate::activity::hour_of;
use crate::clock::Stopwatch;
use crate::delivery::writer::Forgotten;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{Batch, EndpointId, Forget, NoticeRecord, PendingKey, ProgramRecord};

/// Rows, or events with all that is theirs, in one transaction: what is being delivered may have to wait for one such step.
/// Five take a little longer than their fsync; twenty-five were seen in the 99th percentile of what is delivered (BENCHMARKS.md).
const STEP: usize = 5;

/// Of events so many, while more come than go in small steps.
const LARGEST_STEP: usize = 500;

/// After each step a rest of so many times as long as others could not write for it.
const REST: u32 = 4;

/// No step is to keep others from writing for longer, if a smaller one does not: a large event takes as long as many small ones.
const LONGEST_WRITE: Duration = Duration::from_millis(10);

/// An owner is warned so long before what is parked is cancelled: 7 days, and 7 of 30 of what is kept for less than 30.
const WARNING_MS: i64 = 7 * 86_400_000;
const WARNING_SHARE: (i64, i64) = (7, 30);

/// Sweeps again and again until stopped.
pub(crate) async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    let pause = pause(&engine);
    let mut pace = Pace::new(engine.meters().events_accepted.get());
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        engine.write_own(&stop).await;
        if let Err(error) = engine.sweep_audit(&stop).await {
            tracing::warn!(%error, "the audit log was not put in order; the next try follows");
        }
        if let Err(error) = engine.sweep(&mut pace, &stop).await {
            tracing::warn!(%error, "what is too old was not all forgotten; the next sweep goes on");
        }
    }
}

impl Engine {
    async fn sweep_audit(&self, stop: &CancellationToken) -> Result<(), EngineError> {
        let mut watch = Stopwatch::start();
        while !stop.is_cancelled() && self.keep_audit(STEP).await? {
            rest(watch, stop).await;
            watch = Stopwatch::start();
        }
        Ok(())
    }

    async fn sweep(&self, pace: &mut Pace, stop: &CancellationToken) -> Result<(), EngineError> {
        let now_ms = self.clock.now_ms();
        let programs = self.directory.programs();
        let retention = |record: &ProgramRecord| self.retention_ms(record.retention);
        let longest_ms = programs.iter().map(|program| retention(&program.record)).max();
        let longest_ms = longest_ms.unwrap_or(self.config.retention_ms);
        for (endpoint, since_ms) in self.directory.parked() {
            let before_ms = now_ms.saturating_sub(self.retention_of(endpoint));
            if since_ms < before_ms {
                self.cancel_parked(endpoint, before_ms, (pace, stop)).await?;
            }
        }
        self.warn_of_parked(now_ms).await?;
        self.erase_ended_secrets(now_ms).await?;
        self.forget_old_letters().await?;
        let before_ms = now_ms.saturating_sub(longest_ms);
        self.forget_events(None, before_ms, (pace, stop)).await?;
        self.forget_small(now_ms, before_ms, (pace, stop)).await?;
        self.forget_rejected(None, before_ms, stop).await?;
        // Those that keep theirs no longer than all are done with that. Others have their events looked for one program at a
        // time, where an index has them: among those of all programs they stand between younger ones.
        for program in programs.iter().filter(|program| retention(&program.record) < longest_ms) {
            let before_ms = now_ms.saturating_sub(retention(&program.record));
            let id = &program.record.id;
            self.forget_events(Some(id), before_ms, (pace, stop)).await?;
            let of_program = Some((id.clone(), before_ms));
            self.writer.forget(Forget { of_program, ..Forget::default() }).await?;
            self.forget_rejected(Some(id), before_ms, stop).await?;
        }
        Ok(self.store.forget_inbox_requests(now_ms.saturating_sub(crate::inbox::KEPT_MS)).await?)
    }

    fn retention_ms(&self, of_program: Option<RetentionDays>) -> i64 {
        of_program.map_or(self.config.retention_ms, RetentionDays::ms)
    }

    /// How long what is parked at an endpoint is kept.
    fn retention_of(&self, endpoint: EndpointId) -> i64 {
        let endpoint = self.directory.endpoint(endpoint);
        let program = endpoint.and_then(|endpoint| self.directory.program(&endpoint.record.program_id));
        self.retention_ms(program.and_then(|program| program.record.retention))
    }

    /// Cancels what has been parked for too long.
    async fn cancel_parked(
        &self,
        endpoint: EndpointId,
        before_ms: i64,
        (pace, stop): (&mut Pace, &CancellationToken),
    ) -> Result<(), EngineError> {
        while !stop.is_cancelled() {
            let watch = Stopwatch::start();
            pace.look(self.meters().events_accepted.get());
            let count = pace.step;
            let rows = self.store.oldest_parked(endpoint, count).await?;
            let old = rows.iter().filter(|row| row.accepted_at_ms < before_ms);
            let parked: Vec<PendingKey> = old.map(|row| row.key).collect();
            let is_last = parked.len() < count;
            let mut gone = Forgotten::default();
            if !parked.is_empty() {
                gone = self.writer.forget(Forget { parked, ..Forget::default() }).await?;
            }
            if is_last {
                break;
            }
            rest_for(pace.rest_after(watch.elapsed(), count, gone.writing), stop).await;
        }
        Ok(())
    }

    /// Tells owners, once, that what is parked will be cancelled.
    async fn warn_of_parked(&self, now_ms: i64) -> Result<(), EngineError> {
        for (id, since_ms) in self.directory.parked() {
            let retention_ms = self.retention_of(id);
            let ahead_ms = (retention_ms / WARNING_SHARE.1 * WARNING_SHARE.0).min(WARNING_MS);
            let warn_before_ms = now_ms.saturating_sub(retention_ms - ahead_ms);
            if since_ms >= warn_before_ms {
                continue;
            }
            let Some(endpoint) = self.directory.endpoint(id) else { continue };
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

    /// Of one program, or of all.
    async fn forget_events(
        &self,
        of: Option<&ProgramId>,
        before_ms: i64,
        (pace, stop): (&mut Pace, &CancellationToken),
    ) -> Result<(), EngineError> {
        let mut after = EventId::from_number(i64::MIN);
        while !stop.is_cancelled() {
            let watch = Stopwatch::start();
            pace.look(self.meters().events_accepted.get());
            let count = pace.step;
            let mut events = match of {
                Some(program) => self.store.events_in_order(program, after, count).await?,
                None => self.store.oldest_events(after, count).await?,
            };
            let Some(last) = events.last() else { break };
            after = last.id;
            // A clock that went back leaves some young ones among the old; behind a step of young ones there is nothing
            // old, and reading on would mean to read everything that is stored, once a sweep.
            let is_short = events.len() < count;
            events.retain(|event| event.accepted_at_ms < before_ms);
            let is_last = is_short || events.is_empty();
            let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
            let (waiting, deliveries) = self.still_waiting(events).await?;
            let is_over = |id: &EventId| !waiting.contains(id);
            let events: Vec<EventId> = ids.into_iter().filter(is_over).collect();
            let deliveries =
                deliveries.into_iter().filter(|(event, _)| is_over(event)).map(|(_, id)| id).collect();
            let (removed, mut gone) = (events.len(), Forgotten::default());
            if removed > 0 {
                gone = self.writer.forget(Forget { events, deliveries, ..Forget::default() }).await?;
            }
            if is_last {
                break;
            }
            rest_for(pace.rest_after(watch.elapsed(), removed, gone.writing), stop).await;
        }
        Ok(())
    }

    async fn forget_small(
        &self,
        now_ms: i64,
        before_ms: i64,
        (pace, stop): (&mut Pace, &CancellationToken),
    ) -> Result<(), EngineError> {
        let keys_before_ms = Some(now_ms.saturating_sub(crate::events::IDEMPOTENCY_MS));
        let hours_before = Some(hour_of(before_ms));
        let mut next = Forget {
            keys_before_ms,
            hours_before,
            tests_before_ms: Some(before_ms),
            notices_before_ms: Some(before_ms),
            ..Forget::default()
        };
        while !stop.is_cancelled() {
            let watch = Stopwatch::start();
            pace.look(self.meters().events_accepted.get());
            next.limit = pace.step;
            let gone = self.writer.forget(next).await?;
            if gone.rows < pace.step as u64 {
                break;
            }
            rest_for(pace.rest_after(watch.elapsed(), pace.step, gone.writing), stop).await;
            next = Forget { keys_before_ms, hours_before, ..Forget::default() };
        }
        Ok(())
    }
}

async fn rest(watch: Stopwatch, stop: &CancellationToken) {
    rest_for(watch.elapsed() * REST, stop).await;
}

async fn rest_for(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = tokio::time::sleep(time) => {}
    }
}

/// How fast events are forgotten: in small steps with long rests, as long as no more come than go like that. Else half as
/// many again as come, so that what is stored stops growing; deliveries have larger commits beside them then anyway.
#[derive(Debug)]
struct Pace {
    /// Events that had been accepted when it was looked last.
    accepted: u64,
    since: Stopwatch,
    /// Events that are to go in a second.
    per_second: u64,
    /// Events of the next step.
    step: usize,
}

impl Pace {
    fn new(accepted: u64) -> Self {
        Self { accepted, since: Stopwatch::start(), per_second: 0, step: STEP }
    }

    /// Sees how many have come, about once a second.
    fn look(&mut self, accepted: u64) {
        let elapsed_ms = self.since.elapsed_ms().unsigned_abs();
        if elapsed_ms >= 1_000 {
            let came = accepted.saturating_sub(self.accepted);
            self.per_second = came.saturating_mul(1_500) / elapsed_ms;
            (self.accepted, self.since) = (accepted, Stopwatch::start());
        }
    }

    /// The rest after a step that took so long in all, removed so many, and kept others from writing for so long of it. The next
    /// step is as large as it takes with usual rests, as far as that keeps nobody waiting; beyond that, rests are shorter.
    fn rest_after(&mut self, took: Duration, removed: usize, writing: Duration) -> Duration {
        if removed == 0 {
            // It has only read, and tells nothing of what writing takes. A dead webhook may have a million that wait.
            return took * REST;
        }
        let usual = writing * REST;
        let due = self.count_within(took + usual);
        let bearable = (removed as u128 * LONGEST_WRITE.as_nanos()).checked_div(writing.as_nanos());
        let bearable = bearable.and_then(|count| usize::try_from(count).ok()).unwrap_or(LARGEST_STEP);
        self.step = due.clamp(STEP, bearable.clamp(STEP, LARGEST_STEP));
        if due <= removed {
            return usual;
        }
        let removed = u64::try_from(removed).unwrap_or(u64::MAX);
        Duration::from_micros(removed.saturating_mul(1_000_000) / self.per_second.max(1)).saturating_sub(took)
    }

    /// Events that are to go within a time.
    fn count_within(&self, time: Duration) -> usize {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        usize::try_from(self.per_second.saturating_mul(micros) / 1_000_000).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use groundswell_types::{Currency, NoticeKind, ProgramType, RetentionDays};

    use super::*;
    use crate::clock::Clock;
    use crate::config::EngineConfig;
    use crate::engine::EngineParts;
    use crate::programs::{NewProgram, ProgramPatch};
    use crate::store::memory::Memory;
    use crate::webhooks::WebhookInput;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn as_many_go_as_come_and_half_as_many_again() {
        // Few come: small steps, long rests.
        let mut pace = Pace { per_second: 300, ..Pace::new(0) };
        let (took, writing) = (Duration::from_millis(5), Duration::from_millis(2));
        assert_eq!(pace.rest_after(took, STEP, writing), Duration::from_millis(8));
        assert_eq!(pace.step, STEP);
        // Each step takes a while to read and to get its turn, and writes for so many microseconds an event.
        for (per_second, waiting_ms, micros) in
            [(6_000, 4, 40), (16_000, 6, 20), (16_000, 2, 40), (12_000, 1, 60)]
        {
            let mut pace = Pace { per_second, ..Pace::new(0) };
            let (mut time, mut gone) = (Duration::ZERO, 0);
            for step in 0..200 {
                let writing = Duration::from_micros(500 + pace.step as u64 * micros);
                assert!(step < 9 || writing <= LONGEST_WRITE * 5 / 4, "{} keep others waiting", pace.step);
                let took = writing + Duration::from_millis(waiting_ms);
                let removed = pace.step;
                gone += removed;
                time += took + pace.rest_after(took, removed, writing);
            }
            let reached = gone as u128 * 1_000_000 / time.as_micros();
            assert!(reached >= u128::from(per_second) * 9 / 10, "{reached} of {per_second} a second");
        }
    }

    #[test]
    fn the_slower_the_disk_the_smaller_the_steps() {
        let mut pace = Pace { per_second: 10_000, step: LARGEST_STEP, ..Pace::new(0) };
        for _ in 0..9 {
            // Nearly everything that is written is written twice, and each event has deliveries with many attempts.
            let writing = Duration::from_millis(2) * u32::try_from(pace.step).expect("is small");
            pace.rest_after(writing * 2, pace.step, writing);
        }
        assert_eq!(pace.step, STEP);
    }

    #[test]
    fn what_only_reads_rests_as_well_and_says_nothing_of_what_writing_takes() {
        let took = Duration::from_millis(2);
        let mut pace = Pace { per_second: 10_000, ..Pace::new(0) };
        for _ in 0..200 {
            assert_eq!(pace.rest_after(took, 0, Duration::ZERO), took * REST);
            assert_eq!(pace.step, STEP);
        }
        // Of a whole step one event went, and took as long as forty will in a larger one.
        pace.step = LARGEST_STEP;
        pace.rest_after(took, 1, Duration::from_millis(2));
        assert_eq!(pace.step, STEP);
    }

    #[tokio::test(start_paused = true)]
    async fn how_many_come_is_looked_at_once_a_second() {
        let mut pace = Pace::new(1_000);
        pace.look(5_000);
        assert_eq!(pace.per_second, 0);
        tokio::time::advance(Duration::from_secs(2)).await;
        pace.look(5_000);
        assert_eq!(pace.per_second, 3_000);
        tokio::time::advance(Duration::from_secs(2)).await;
        pace.look(5_000);
        assert_eq!(pace.per_second, 0);
    }
    const EVENT: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;

    #[tokio::test]
    async fn counting_that_never_ends_keeps_nobody_from_forgetting() {
        let (store, config) = (Arc::new(Memory::new()), EngineConfig::default());
        let clock = Clock::manual(1_800_000_000_000);
        let engine = Engine::start(EngineParts { store, config, clock }).await.expect("starts");
        let attempt = crate::activity::tests::attempt(1, None, 1_800_000_000_000);
        let counting = async {
            loop {
                engine.tally.count(std::iter::once(&attempt));
                tokio::task::yield_now().await;
            }
        };
        let stop = CancellationToken::new();
        tokio::select! {
            biased;
            written = engine.write_counts(&stop) => written.expect("written"),
            () = counting => {}
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("it counts for ever"),
        }
        engine.shut_down().await;
    }

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

        let (endpoint, _) = engine.directory.parked()[0];
        let stop = CancellationToken::new();
        // Half an hour either side of each border.
        for (half_hours, notices, parked) in
            [(23 * 48 - 1, 0, 1), (23 * 48 + 1, 1, 1), (30 * 48 - 1, 1, 1), (30 * 48 + 1, 1, 0)]
        {
            clock.set(began_ms + half_hours * DAY_MS / 48);
            engine.sweep(&mut Pace::new(0), &stop).await.expect("sweeps");
            let told = engine.notices(&program, None).await.expect("reads");
            assert_eq!(told.len(), notices, "after {half_hours} half hours: {told:?}");
            assert!(told.iter().all(|notice| notice.kind == NoticeKind::ParkedExpiring));
            let left = engine.store.oldest_parked(endpoint, 10).await.expect("reads");
            assert_eq!(left.len(), parked, "after {half_hours} half hours");
        }
        engine.shut_down().await;
    }

    #[tokio::test]
    async fn each_program_keeps_its_events_for_as_long_as_it_says() {
        let clock = Clock::manual(1_800_000_000_000);
        let began_ms = clock.now_ms();
        let (store, config) =
            (Arc::new(Memory::new()), EngineConfig { retention_ms: 2 * DAY_MS, ..EngineConfig::default() });
        let engine =
            Engine::start(EngineParts { store, config, clock: clock.clone() }).await.expect("starts");
        let new = || NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
        let mut programs = Vec::new();
        for days in [Some(1), None, Some(5)] {
            let id = engine.create_program(new()).await.expect("created").id;
            let retention = Some(days.map(|days| RetentionDays::try_from(days).expect("is allowed")));
            let patch = ProgramPatch { retention, ..ProgramPatch::default() };
            let changed = engine.patch_program(&id, patch).await.expect("changed");
            assert_eq!(changed.retention_days.map(RetentionDays::days), days);
            programs.push(id);
        }
        // In the first program one is parked and goes with the others; elsewhere they went nowhere.
        let parked = WebhookInput {
            payload_url: Some("https://example.com/".to_owned()),
            events: Some(vec![groundswell_types::EventKind::NewParticipantAdded]),
            is_enabled: Some(false),
            ..WebhookInput::default()
        };
        engine.submit(&programs[0], EVENT, None).await.expect("accepted");
        engine.create_webhook(&programs[0], parked).await.expect("created");
        for id in [&programs[2], &programs[0], &programs[1], &programs[2], &programs[1]] {
            engine.submit(id, EVENT, None).await.expect("accepted");
        }
        let stop = CancellationToken::new();
        for (half_days, wanted) in
            [(1, [2, 2, 2]), (3, [0, 2, 2]), (5, [0, 0, 2]), (9, [0, 0, 2]), (11, [0, 0, 0])]
        {
            clock.set(began_ms + half_days * DAY_MS / 2);
            engine.sweep(&mut Pace::new(0), &stop).await.expect("sweeps");
            for (id, wanted) in programs.iter().zip(wanted) {
                let left = engine.store.events_in_order(id, EventId::from_number(0), 9).await.expect("reads");
                assert_eq!(left.len(), wanted, "after {half_days} half days");
            }
        }
        engine.shut_down().await;
    }
}

//! What is shown: each metric's name, help and value.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use groundswell_engine::Engine;
use groundswell_engine::meters::Meters;
use groundswell_engine::queue_depth::{Breakers, QueueDepth};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::process::{self, Process};
use super::put::Put;
use crate::http::AppState;
use crate::http_meters::CLASSES;

/// What waits is counted in the database, and whoever collects metrics waits 10 s at most, most often. A database that does
/// not answer may not take the other metrics along: they are what tells of it. The counting goes on, for the next one.
const COUNTING: Duration = Duration::from_secs(5);

/// Everything as it is now, but for what atomic counters say, which are read while it is written.
pub struct Collected {
    state: AppState,
    meters: Arc<Meters>,
    /// None when it cannot be counted.
    depth: Option<QueueDepth>,
    breakers: Breakers,
    process: Process,
    now_ms: i64,
}

impl fmt::Debug for Collected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Collected").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

impl Collected {
    /// Asks the database what waits, and the process for all else.
    pub async fn new(state: &AppState) -> Self {
        let engine = &state.engine;
        Self {
            meters: Arc::clone(engine.meters()),
            depth: counted(engine).await,
            breakers: engine.breakers(),
            process: Process::now(),
            now_ms: engine.now_ms(),
            state: state.clone(),
        }
    }
}

async fn counted(engine: &Arc<Engine>) -> Option<QueueDepth> {
    match tokio::time::timeout(COUNTING, engine.queue_depth()).await {
        Ok(Ok(depth)) => Some(depth),
        Ok(Err(error)) => {
            tracing::warn!(%error, "what waits cannot be counted for the metrics");
            None
        }
        Err(_) => {
            tracing::warn!(
                "what waits cannot be counted for the metrics: the database does not answer in time"
            );
            None
        }
    }
}

impl Collector for Collected {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut put = Put(encoder);
        self.accepting(&mut put)?;
        self.delivering(&mut put)?;
        self.waiting(&mut put)?;
        self.http(&mut put)?;
        self.server(&mut put)
    }
}

impl Collected {
    fn accepting(&self, put: &mut Put<'_>) -> fmt::Result {
        let meters = &self.meters;
        put.counter(
            ("events_accepted", "Events that were accepted and are on disk, without repetitions."),
            meters.events_accepted.get(),
        )?;
        put.counter(
            ("events_repeated", "Events that repeated an earlier one with the same idempotency key."),
            meters.events_repeated.get(),
        )?;
        put.counters(
            (
                "emitted_events_rejected",
                "Events emitted in SQL that were rejected, by whether there is such a program.",
            ),
            [
                ([("program", "known")], meters.emitted_rejected.get()),
                ([("program", "unknown")], meters.emitted_for_nobody.get()),
            ],
        )?;
        put.histogram(
            ("commit_duration_seconds", "What commits took, those that failed included."),
            &meters.commit_seconds.snapshot(),
        )?;
        put.histogram(
            ("commit_rows", "Accepted events and outcomes of attempts in a commit."),
            &meters.commit_rows.snapshot(),
        )?;
        put.counters(
            ("commits_failed", "Commits that failed, by cause."),
            meters.failed_commits.all().map(|(cause, count)| ([("cause", cause)], count)),
        )
    }

    fn delivering(&self, put: &mut Put<'_>) -> fmt::Result {
        let meters = &self.meters;
        put.counters(
            ("attempts", "Attempts to deliver, by how they ended."),
            meters.attempts.all().map(|(outcome, count)| ([("outcome", outcome)], count)),
        )?;
        put.histogram(
            ("attempt_duration_seconds", "What attempts took."),
            &meters.attempt_seconds.snapshot(),
        )?;
        put.histogram(
            (
                "first_attempt_delay_seconds",
                "From acceptance to the first attempt, without deliveries that had to wait for their receiver.",
            ),
            &meters.first_attempt_seconds.snapshot(),
        )?;
        put.counters(
            ("deliveries_ended", "Deliveries that came to their end."),
            [
                ([("end", "delivered")], meters.ended.delivered.get()),
                ([("end", "undeliverable")], meters.ended.undeliverable.get()),
            ],
        )?;
        put.gauge(
            ("slots_in_use", "Attempts under way, and those whose outcome has not been taken to be written."),
            number(meters.slots_in_use.get()),
        )?;
        put.gauge(("slots", "Attempts that may be under way at once."), count(self.state.engine.slots()))?;
        let Breakers { closed, open, paused, disabled } = self.breakers;
        put.gauges(
            ("webhooks", "Webhooks, by what their breaker lets through."),
            [("closed", closed), ("open", open), ("paused", paused), ("disabled", disabled)]
                .map(|(state, webhooks)| ([("breaker", state)], count(webhooks))),
        )
    }

    fn waiting(&self, put: &mut Put<'_>) -> fmt::Result {
        // What was counted before would look like a queue that stands still.
        if let Some(QueueDepth { waiting, held, parked }) = self.depth {
            put.gauges(
                (
                    "deliveries_pending",
                    "Deliveries that wait, by what for; counted every few seconds at most.",
                ),
                [("waiting", waiting), ("held", held), ("parked", parked)]
                    .map(|(state, deliveries)| ([("state", state)], number(deliveries))),
            )?;
        }
        let due_at_ms = self.meters.oldest_due_at_ms.get();
        let oldest_ms = if due_at_ms > 0 { self.now_ms.saturating_sub(due_at_ms).max(0) } else { 0 };
        put.gauge(
            (
                "oldest_due_age_seconds",
                "For how long the oldest delivery has been due that could go out; 0 when none is late.",
            ),
            number(oldest_ms) / 1_000.0,
        )?;
        let silent_ms = self.now_ms.saturating_sub(self.meters.delivering_at_ms.get()).max(0);
        put.gauge(
            (
                "delivery_heartbeat_age_seconds",
                "Since the task that delivers last came round, which it does every 15 s at least.",
            ),
            number(silent_ms) / 1_000.0,
        )
    }

    fn http(&self, put: &mut Put<'_>) -> fmt::Result {
        let routes = self.state.http_meters.all();
        let answers = routes.iter().flat_map(|(route, method, meters)| {
            let of_class = CLASSES.into_iter().zip(&meters.answers);
            let known =
                of_class.map(|(class, answers)| (class, answers.get())).filter(|(_, count)| *count > 0);
            known.map(move |(class, count)| {
                ([("route", route.as_ref()), ("method", *method), ("status", class)], count)
            })
        });
        put.counters(("http_requests", "Requests, by route, method and class of status."), answers)?;
        let seconds = routes.iter().map(|(route, method, meters)| {
            ([("route", route.as_ref()), ("method", *method)], meters.seconds.snapshot())
        });
        put.histograms(
            ("http_request_duration_seconds", "Until the answers to requests began, by route and method."),
            seconds,
        )
    }

    fn server(&self, put: &mut Put<'_>) -> fmt::Result {
        put.gauge(
            ("ready", "Whether events can be accepted and delivered: 1 or 0."),
            f64::from(u8::from(self.state.engine.is_ready())),
        )?;
        if let Some(days) = self.state.engine.days_ahead() {
            put.gauge(
                (
                    "partitions_ahead_days",
                    "Days to come that PostgreSQL has partitions for; 0 when only today has, -1 when not even that.",
                ),
                number(days),
            )?;
        }
        put.gauge(
            ("shards", "Shards whose webhooks this server delivers to, of 256 among all on one database."),
            count(self.state.engine.shards()),
        )?;
        put.gauge(
            ("leading", "Whether this server does what concerns a whole program or all servers: 1 or 0."),
            f64::from(u8::from(self.state.engine.is_leading())),
        )?;
        put.gauges(
            ("build_info", "What runs; always 1."),
            [([("version", env!("CARGO_PKG_VERSION")), ("database", self.state.database)], 1.0)],
        )?;
        put.gauge(
            ("start_time_seconds", "When the server was started, Unix time."),
            number(self.state.started.at_ms()) / 1_000.0,
        )?;
        process::put(put, &self.process)
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and nobody reads more digits of a gauge")]
pub(super) const fn number(value: i64) -> f64 {
    value as f64
}

pub(super) fn count(value: usize) -> f64 {
    number(i64::try_from(value).unwrap_or(i64::MAX))
}

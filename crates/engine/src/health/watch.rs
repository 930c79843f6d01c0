//! The task that looks at health.
//!
//! It takes samples whatever happens: what has to wait for the database is one piece of work at a time, beside it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use groundswell_types::{Component, ComponentStatus, Waiting};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::catch_up::{self, CatchUp};
use super::hysteresis::Hysteresis;
use super::past::Past;
use super::sampler::Sampler;
use super::signals::{BeatSignal, judge};
use super::waits;
use crate::clock::Stopwatch;
use crate::engine::Engine;
use crate::meters::HistogramSnapshot;
use crate::store::{Beat, HeartbeatRecord, StoreError, TroubleRecord};

/// Runs and troubles are remembered for so long.
const KEPT_MS: i64 = 400 * 86_400_000;

/// When no sample was taken for so long, the process did not run: it was stopped, or the machine slept. A clock that is set
/// forward looks the same. One that is set back by more was ahead.
const ASLEEP_MS: i64 = 30_000;

/// The last heartbeat of a process waits no longer for its turn.
const LAST_BEAT_WAIT: Duration = Duration::from_secs(5);

/// What is done beside sampling.
type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

enum Done {
    Beat(Box<Beaten>),
    Counted(Result<Waiting, StoreError>),
    Began(Result<CatchUp, StoreError>),
    Left(Result<i64, StoreError>),
}

/// What came of a heartbeat.
struct Beaten {
    beat: Beat,
    written: Result<(), StoreError>,
    /// Up to where of the meters it has.
    until: HistogramSnapshot,
    read: Result<Past, StoreError>,
}

/// Watches until stopped, then writes a last heartbeat.
pub(crate) async fn run(engine: Arc<Engine>, began: CatchUp, stop: CancellationToken) {
    let mut watch = Watch::new(engine, began);
    let mut ticks = tokio::time::interval(Duration::from_millis(watch.engine.config.health.sample_ms.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work: Option<Work> = None;
    loop {
        let working = async {
            match work.as_mut() {
                Some(work) => work.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            done = working => {
                work = None;
                watch.take(done);
            }
            _ = ticks.tick() => {
                watch.sample();
                if work.is_none() {
                    work = watch.next_work();
                }
            }
        }
    }
    if let Some(work) = work
        && let Ok(done) = tokio::time::timeout(LAST_BEAT_WAIT, work).await
    {
        watch.take(done);
    }
    watch.end().await;
}

/// A component's state, and the trouble it is in.
struct Part {
    component: Component,
    machine: Hysteresis,
    trouble: Option<TroubleRecord>,
}

struct Watch {
    engine: Arc<Engine>,
    sampler: Sampler,
    parts: Vec<Part>,
    heartbeat: HeartbeatRecord,
    /// How long that has gone on, whatever the clock says.
    ran: Stopwatch,
    /// Until when it is known to run, Unix milliseconds.
    sampled_at_ms: i64,
    /// Runs and troubles that have ended and are not written yet.
    ended: (Vec<HeartbeatRecord>, Vec<TroubleRecord>),
    /// What of the meters is written.
    waits_written: HistogramSnapshot,
    past: Past,
    catching_up: Option<CatchUp>,
    since_left: Option<Stopwatch>,
    /// Whether there was less left to catch up with than the time before.
    has_progressed: bool,
    /// What was due when it woke up is to be counted.
    has_woken: bool,
    beat: BeatSignal,
    since_beat: Option<Stopwatch>,
    /// Whether the one under way was answered, and only what is read with it is waited for.
    beat_answered: Arc<AtomicBool>,
    since_count: Option<Stopwatch>,
    waiting: Option<Waiting>,
}

impl Watch {
    fn new(engine: Arc<Engine>, began: CatchUp) -> Self {
        let now_ms = engine.now_ms();
        let patience = engine.config.health.patience;
        let part = |component: &Component| Part {
            component: *component,
            machine: Hysteresis::new(patience),
            trouble: None,
        };
        let heartbeat = HeartbeatRecord {
            id: engine.ids.health(),
            began_at_ms: began.by_ms,
            last_at_ms: now_ms.max(began.by_ms),
            waiting: began.waiting,
            caught_up_at_ms: None,
        };
        let waits_written = engine.monitor.waits_written().unwrap_or_else(|| {
            let nothing = engine.meters.first_attempt_seconds.snapshot();
            HistogramSnapshot { counts: vec![0; nothing.counts.len()], sum: 0.0, ..nothing }
        });
        Self {
            sampler: Sampler::new(&engine),
            parts: Component::ALL.iter().map(part).collect(),
            heartbeat,
            ran: Stopwatch::start(),
            sampled_at_ms: now_ms,
            ended: (Vec::new(), Vec::new()),
            waits_written,
            past: Past::default(),
            catching_up: Some(began).filter(|began| began.waiting > 0),
            since_left: None,
            has_progressed: false,
            has_woken: false,
            beat: BeatSignal::default(),
            since_beat: None,
            beat_answered: Arc::default(),
            since_count: None,
            waiting: None,
            engine,
        }
    }

    /// Looks once.
    fn sample(&mut self) {
        let now_ms = self.engine.now_ms();
        if now_ms < self.sampled_at_ms.saturating_sub(ASLEEP_MS) {
            self.set_back(now_ms);
        } else {
            self.notice_sleep(now_ms);
        }
        let is_under_way = self.beat.is_under_way && !self.beat_answered.load(Ordering::Relaxed);
        let since = self.since_beat.filter(|_| is_under_way);
        self.beat.under_way_ms = since.map_or(0, |since| since.elapsed_ms());
        let signals = self.sampler.sample(&self.engine, (self.beat, self.heartbeat.began_at_ms));
        let mut has_turned = false;
        for part in &mut self.parts {
            let seen = judge(part.component, &signals);
            let turn = part.machine.observe(seen, now_ms);
            if let Some(turn) = turn {
                has_turned = true;
                tracing::info!(component = %part.component, status = %turn.status, "a component's status has changed");
                if let Some(trouble) = part.trouble.take() {
                    let until_ms = turn.since_ms.max(trouble.began_at_ms);
                    self.ended.1.push(TroubleRecord { until_ms, ..trouble });
                }
                part.trouble = (turn.status != ComponentStatus::Operational).then(|| TroubleRecord {
                    id: self.engine.ids.health(),
                    component: part.component,
                    status: turn.status,
                    began_at_ms: turn.since_ms,
                    until_ms: now_ms,
                });
            }
            if let Some(trouble) = &mut part.trouble {
                trouble.until_ms = part.machine.better_since_ms().unwrap_or(now_ms).max(trouble.began_at_ms);
            }
        }
        self.sampled_at_ms = now_ms;
        self.heartbeat.last_at_ms = self.heartbeat.last_at_ms.max(now_ms);
        let is_unwritten = self.beat.under_way_ms.unsigned_abs() > self.engine.config.health.beat_ms;
        if has_turned || is_unwritten {
            self.remember();
        }
        self.show();
    }

    /// A process that was stopped notices it only when it goes on.
    fn notice_sleep(&mut self, now_ms: i64) {
        let awake_ms =
            i64::try_from(self.engine.config.health.sample_ms.saturating_mul(3)).unwrap_or(i64::MAX);
        if now_ms.saturating_sub(self.sampled_at_ms) <= ASLEEP_MS.max(awake_ms) {
            return;
        }
        let id = self.engine.ids.health();
        let woken = HeartbeatRecord {
            id,
            began_at_ms: now_ms,
            last_at_ms: now_ms,
            waiting: 0,
            caught_up_at_ms: None,
        };
        self.ended.0.push(std::mem::replace(&mut self.heartbeat, woken));
        self.ran = Stopwatch::start();
        for part in &mut self.parts {
            self.ended.1.extend(part.trouble.take());
            part.machine = Hysteresis::new(self.engine.config.health.patience);
        }
        (self.catching_up, self.has_woken) = (None, true);
    }

    /// The clock was ahead and was set back. What was noted meanwhile is yet to come, so it would count as downtime until it
    /// has: how long this process has run says when it began.
    fn set_back(&mut self, now_ms: i64) {
        tracing::warn!(ahead_ms = self.sampled_at_ms - now_ms, "the clock was set back");
        let heartbeat = &mut self.heartbeat;
        heartbeat.began_at_ms = heartbeat.began_at_ms.min(now_ms.saturating_sub(self.ran.elapsed_ms()));
        heartbeat.last_at_ms = now_ms;
        heartbeat.caught_up_at_ms = heartbeat.caught_up_at_ms.map(|at_ms| at_ms.min(now_ms));
        if let Some(catching_up) = &mut self.catching_up {
            catching_up.by_ms = heartbeat.began_at_ms;
        }
        for ended in &mut self.ended.0 {
            ended.began_at_ms = ended.began_at_ms.min(now_ms);
            ended.last_at_ms = ended.last_at_ms.min(now_ms);
        }
        let open = self.parts.iter_mut().filter_map(|part| part.trouble.as_mut());
        for trouble in self.ended.1.iter_mut().chain(open) {
            trouble.began_at_ms = trouble.began_at_ms.min(now_ms);
            trouble.until_ms = trouble.until_ms.min(now_ms);
        }
        for part in &mut self.parts {
            part.machine.set_back(now_ms);
        }
    }

    /// What is to be done next beside sampling, most urgent first.
    fn next_work(&mut self) -> Option<Work> {
        let policy = self.engine.config.health;
        let is_due = |since: Option<Stopwatch>, every_ms: u64| {
            since.is_none_or(|since| since.elapsed() >= Duration::from_millis(every_ms))
        };
        // One that failed is made again with the next sample.
        let beat_ms = if self.beat.has_failed { policy.sample_ms } else { policy.beat_ms };
        let engine = Arc::clone(&self.engine);
        if is_due(self.since_beat, beat_ms) {
            self.since_beat = Some(Stopwatch::start());
            self.beat.is_under_way = true;
            let answered = Arc::clone(&self.beat_answered);
            answered.store(false, Ordering::Relaxed);
            let (beat, until) = self.take_unwritten();
            return Some(Box::pin(async move { write(&engine, &answered, (beat, until)).await }));
        }
        if std::mem::take(&mut self.has_woken) {
            let by_ms = self.heartbeat.began_at_ms;
            return Some(Box::pin(async move {
                let ground = (engine.store.as_ref(), engine.directory.as_ref());
                Done::Began(CatchUp::count_all(ground, by_ms).await)
            }));
        }
        if is_due(self.since_count, policy.count_ms) {
            self.since_count = Some(Stopwatch::start());
            return Some(Box::pin(async move {
                Done::Counted(catch_up::backlog(engine.store.as_ref(), &engine.directory).await)
            }));
        }
        // What waits for a receiver that is slow can wait for long.
        let left_ms = if self.has_progressed { policy.sample_ms } else { policy.beat_ms };
        let catching_up = self.catching_up.clone().filter(|_| is_due(self.since_left, left_ms))?;
        self.since_left = Some(Stopwatch::start());
        Some(Box::pin(async move {
            let ground = (engine.store.as_ref(), engine.directory.as_ref());
            Done::Left(catching_up.count_left(ground, engine.now_ms()).await)
        }))
    }

    /// Takes what came of the work.
    fn take(&mut self, done: Done) {
        match done {
            Done::Beat(beaten) => {
                let Beaten { beat, written, until, read } = *beaten;
                self.beat = BeatSignal { has_failed: written.is_err(), ..BeatSignal::default() };
                match written {
                    Ok(()) => {
                        self.engine.monitor.note_waits_written(&until);
                        self.waits_written = until;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a heartbeat cannot be written");
                        self.keep(beat);
                    }
                }
                if let Some(past) = heeded(read) {
                    self.past = past;
                }
                // What is known goes on when the database cannot be read.
                self.remember();
            }
            Done::Counted(waiting) => self.waiting = heeded(waiting).or(self.waiting),
            Done::Began(began) => match heeded(began) {
                Some(began) => {
                    self.heartbeat.waiting = began.waiting;
                    self.catching_up = Some(began).filter(|began| began.waiting > 0);
                }
                None => self.has_woken = true,
            },
            Done::Left(left) => {
                let (left, known) = (heeded(left), self.catching_up.as_mut());
                if let (Some(left), Some(known)) = (left, known) {
                    self.has_progressed = left < known.left;
                    known.left = left;
                    if left == 0 {
                        self.heartbeat.caught_up_at_ms = Some(self.engine.now_ms());
                        self.catching_up = None;
                    }
                }
            }
        }
        self.show();
    }

    /// What the next heartbeat writes, and up to where of the meters.
    fn take_unwritten(&mut self) -> (Beat, HistogramSnapshot) {
        let now_ms = self.engine.now_ms();
        let until = self.engine.meters.first_attempt_seconds.snapshot();
        let (mut heartbeats, mut troubles) = std::mem::take(&mut self.ended);
        heartbeats.push(self.heartbeat);
        troubles.extend(self.parts.iter().filter_map(|part| part.trouble));
        let beat = Beat {
            heartbeats,
            troubles,
            waits: waits::records(&until.since(&self.waits_written), now_ms),
            forget_before_ms: now_ms.saturating_sub(KEPT_MS),
            forget_before_slot: waits::first_kept(now_ms),
        };
        (beat, until)
    }

    /// What could not be written is written with the next one, before what is known of the same by now.
    fn keep(&mut self, beat: Beat) {
        let (mut heartbeats, mut troubles) = (beat.heartbeats, beat.troubles);
        heartbeats.retain(|one| one.id != self.heartbeat.id);
        troubles
            .retain(|one| self.parts.iter().all(|part| part.trouble.is_none_or(|open| open.id != one.id)));
        heartbeats.append(&mut self.ended.0);
        troubles.append(&mut self.ended.1);
        self.ended = (heartbeats, troubles);
    }

    /// Adds what is known to what the store has, which may be older.
    fn remember(&mut self) {
        let open = self.parts.iter().filter_map(|part| part.trouble);
        let troubles = self.ended.1.iter().copied().chain(open);
        self.past.add(self.ended.0.iter().copied().chain([self.heartbeat]), troubles);
        self.past.reckon(self.engine.now_ms());
    }

    /// Lets everybody see.
    fn show(&mut self) {
        let components = self.parts.iter().map(|part| (part.component, part.machine.shown())).collect();
        let bounds = self.waits_written.bounds;
        let mut shown = self.past.shown(self.sampled_at_ms, bounds);
        (shown.components, shown.waiting) = (components, self.waiting);
        if let (Some(downtime), Some(catching_up)) = (&mut shown.last_downtime, &self.catching_up)
            && downtime.until == catching_up.by_ms
        {
            downtime.left = Some(catch_up::shown(catching_up.left));
        }
        self.engine.monitor.show(shown);
    }

    /// Writes the last heartbeat: from now on nothing is accepted.
    async fn end(mut self) {
        if self.engine.has_failed() {
            return;
        }
        self.heartbeat.last_at_ms = self.heartbeat.last_at_ms.max(self.engine.now_ms());
        let (beat, until) = self.take_unwritten();
        match tokio::time::timeout(LAST_BEAT_WAIT, self.engine.store.beat(&beat)).await {
            Ok(Ok(())) => self.engine.monitor.note_waits_written(&until),
            Ok(Err(error)) => tracing::warn!(%error, "the last heartbeat was not written"),
            Err(_) => tracing::warn!("the last heartbeat was not written in time"),
        }
    }
}

/// Writes a heartbeat, and reads what there is by now: others may have written, too.
async fn write(engine: &Engine, answered: &AtomicBool, (beat, until): (Beat, HistogramSnapshot)) -> Done {
    let written = engine.store.beat(&beat).await;
    answered.store(true, Ordering::Relaxed);
    let read = Past::read(engine.store.as_ref(), engine.now_ms()).await;
    Done::Beat(Box::new(Beaten { beat, written, until, read }))
}

/// What could not be read is read again soon.
fn heeded<T>(result: Result<T, StoreError>) -> Option<T> {
    result.inspect_err(|error| tracing::warn!(%error, "what is needed for System Status cannot be read")).ok()
}

//! What a seed stands for: how long things go wrong, who sends what to whom, how receivers behave and when, what the
//! store does, when the power goes.

use groundswell_engine::config::{BreakerPolicy, EngineConfig, RetryPolicy};
use groundswell_engine::health::HealthPolicy;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The longest jump of the engine's clock.
pub const MAX_JUMP_MS: i64 = 2 * HOUR_MS;

/// One run.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    /// So long things go wrong; then everything heals and must drain.
    pub chaos_ms: i64,
    /// Bursts of events.
    pub bursts: u32,
    /// Most events of a burst.
    pub burst_size: usize,
    /// Things that owners do.
    pub changes: u32,
    pub config: EngineConfig,
    pub hosts: Vec<Host>,
    /// The hosts of each program's webhooks.
    pub programs: Vec<Vec<usize>>,
    pub store: StorePlan,
    /// Before the last life, which ends in order.
    pub lives: Vec<LifePlan>,
    /// Whether the engine's clock jumps.
    pub has_jumps: bool,
    /// Whether the first program's receiver is always well and hardly used, and its waits are measured.
    pub is_fair: bool,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
}

/// How the store behaves while things go wrong. Probabilities are for each call.
#[derive(Debug, Clone)]
pub struct StorePlan {
    pub unavailable: f64,
    pub full: f64,
    pub fatal: f64,
    /// Of a read that is answered late, with what it saw early.
    pub slow: f64,
    /// Of a statement about leases that is lost, or executed without an answer, perhaps late.
    pub lost: f64,
    /// The usual longest wait for a commit.
    pub commit_ms: u64,
    /// The disk is full from then to then, milliseconds since the world began.
    pub outages: Vec<(i64, i64)>,
}

/// One life of the engine.
#[derive(Debug, Clone, Copy)]
pub struct LifePlan {
    /// The power is cut at the point with this number.
    pub points: u64,
    /// Or something happens after so long.
    pub length_ms: i64,
    pub is_stopped_in_order: bool,
    /// How long it takes until the next one.
    pub down_ms: i64,
}

/// What is broken on purpose, to see that the auditor notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sabotage {
    /// The store answers commits before it writes them.
    AnswersEarly,
    /// The store loses an outcome now and then.
    LosesOutcomes,
    /// The store parks nothing when a webhook is disabled.
    ParksNothing,
    /// The engine is told of a success that the receiver never gave.
    InventsSuccess,
    /// A request goes out twice.
    SendsTwice,
    /// Of several nodes: outcomes count whoever has the shard by now.
    FencesNothing,
    /// A node that cannot renew its leases goes on as if it had.
    RenewsByItself,
    /// Events are accepted by settings that another node has changed.
    AcceptsByOldSettings,
    /// A node that leads no more goes on changing settings.
    LeadsForEver,
    /// No node is told what others accepted, nor looks for it.
    LooksAtNothing,
    /// No node is told what others accepted, nor looks for it but once a minute. As it may be: this breaks no promise.
    LooksOnceAMinute,
}

/// A receiver's machine.
#[derive(Debug, Clone)]
pub struct Host {
    /// What it is like until when, milliseconds since the world began; after the last one it is well.
    pub phases: Vec<(i64, Behaviour)>,
}

/// What a receiver does with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Well,
    Slow,
    /// Takes the request and never answers.
    Hangs,
    /// No connection.
    Refuses,
    /// Closes the connection, before or after it read the request.
    Resets,
    Fails(u16),
    /// Says that it is asked too much, perhaps for how many seconds to wait.
    Overloaded {
        status: u16,
        retry_after_s: Option<i64>,
    },
    Gone,
    /// Sends a body that does not end.
    Endless,
    /// Any of the others, each time another one.
    Flaps,
}

impl Host {
    /// What it is like at that time.
    pub fn behaviour(&self, at_ms: i64) -> Behaviour {
        self.phases.iter().find(|(until_ms, _)| at_ms < *until_ms).map_or(Behaviour::Well, |(_, one)| *one)
    }
}

impl Behaviour {
    /// Any but the last.
    pub(crate) fn random(rng: &mut SmallRng) -> Self {
        const OVERLOAD: [u16; 4] = [429, 502, 503, 504];
        const FAILURES: [u16; 7] = [301, 400, 401, 404, 422, 500, 505];
        match rng.random_range(0..100) {
            0..25 => Self::Well,
            25..35 => Self::Slow,
            35..47 => Self::Hangs,
            47..55 => Self::Refuses,
            55..63 => Self::Resets,
            63..75 => Self::Fails(FAILURES[rng.random_range(0..FAILURES.len())]),
            75..93 => Self::Overloaded {
                status: OVERLOAD[rng.random_range(0..OVERLOAD.len())],
                retry_after_s: rng.random_bool(0.6).then(|| spread(rng, 1, 200_000)),
            },
            93..96 => Self::Gone,
            _ => Self::Endless,
        }
    }
}

/// Small numbers as often as large ones.
fn spread(rng: &mut SmallRng, low: i64, high: i64) -> i64 {
    let bits = |number: i64| i64::from(64 - number.leading_zeros());
    let width = rng.random_range(bits(low)..=bits(high));
    rng.random_range(low..=(1_i64 << width.clamp(1, 62)).clamp(low, high))
}

impl Plan {
    /// What this seed stands for.
    pub fn of(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let chaos_ms = match rng.random_range(0..100) {
            0..45 => rng.random_range(MINUTE_MS..HOUR_MS),
            45..80 => rng.random_range(HOUR_MS..DAY_MS),
            80..93 => rng.random_range(DAY_MS..3 * DAY_MS),
            _ => rng.random_range(6 * DAY_MS..9 * DAY_MS),
        };
        let is_fair = rng.random_bool(0.25);
        let mut hosts: Vec<Host> = (0..rng.random_range(2..7)).map(|_| host(&mut rng, chaos_ms)).collect();
        let mut programs: Vec<Vec<usize>> = (0..rng.random_range(1..4))
            .map(|_| (0..rng.random_range(1..4)).map(|_| rng.random_range(0..hosts.len())).collect())
            .collect();
        if is_fair {
            programs.insert(0, vec![hosts.len()]);
            hosts.push(Host { phases: Vec::new() });
        }
        Self {
            seed,
            chaos_ms,
            bursts: rng.random_range(5..25),
            burst_size: if rng.random_bool(0.1) { 60 } else { rng.random_range(1..8) },
            changes: if rng.random_bool(0.3) { 0 } else { rng.random_range(1..30) },
            config: config(&mut rng),
            hosts,
            programs,
            store: if is_fair { StorePlan::quick() } else { store(&mut rng, chaos_ms) },
            lives: lives(&mut rng, chaos_ms),
            has_jumps: !is_fair && rng.random_bool(0.2),
            is_fair,
            sabotage: None,
        }
    }

    /// A short run with one life, for the power to be cut at any of its points.
    pub fn small(seed: u64) -> Self {
        let mut plan = Self::of(seed);
        plan.chaos_ms = 20 * MINUTE_MS;
        plan.bursts = 3;
        plan.burst_size = 3;
        plan.changes = 4;
        plan.lives = Vec::new();
        plan.has_jumps = false;
        // Nothing but the cut ends the life, and nothing keeps it from beginning.
        plan.store.fatal = 0.0;
        plan.store.unavailable = 0.0;
        plan.store.outages = Vec::new();
        let rng = &mut SmallRng::seed_from_u64(seed);
        plan.hosts = plan.hosts.iter().map(|_| host(rng, plan.chaos_ms)).collect();
        plan
    }

    /// The same, broken on purpose.
    #[must_use]
    pub fn sabotaged(self, sabotage: Sabotage) -> Self {
        Self { sabotage: Some(sabotage), ..self }
    }

    /// From the end of the chaos on, everything must have drained within this: the longest pause a receiver can ask
    /// for is a day, the longest wait between attempts half a day and its jitter, and a clock that jumped back adds
    /// what it jumped.
    pub fn drain_ms(&self) -> i64 {
        let jumps_ms = if self.has_jumps { 4 * MAX_JUMP_MS } else { 0 };
        DAY_MS + HOUR_MS + jumps_ms
    }
}

fn host(rng: &mut SmallRng, chaos_ms: i64) -> Host {
    let mut phases = Vec::new();
    let mut until_ms = 0;
    while until_ms < chaos_ms && phases.len() < 8 {
        until_ms += spread(rng, SECOND_MS, chaos_ms);
        let behaviour = if rng.random_bool(0.15) { Behaviour::Flaps } else { Behaviour::random(rng) };
        phases.push((until_ms.min(chaos_ms), behaviour));
    }
    Host { phases }
}

fn config(rng: &mut SmallRng) -> EngineConfig {
    let mut config = EngineConfig {
        slots: rng.random_range(4..64),
        endpoint_slots: rng.random_range(1..64),
        // Days pass, and nobody looks.
        health: HealthPolicy {
            sample_ms: 20_000,
            beat_ms: 300_000,
            count_ms: 1_800_000,
            ..HealthPolicy::default()
        },
        ..EngineConfig::default()
    };
    if rng.random_bool(0.3) {
        config.retry = RetryPolicy { deadline_ms: spread(rng, MINUTE_MS, DAY_MS), ..config.retry };
    }
    if rng.random_bool(0.3) {
        let autodisable_ms = spread(rng, 10 * MINUTE_MS, 2 * DAY_MS);
        config.breaker = BreakerPolicy { autodisable_ms, ..config.breaker };
    }
    if rng.random_bool(0.2) {
        config.retention_ms = spread(rng, HOUR_MS, 5 * DAY_MS);
        // Else every sweep would go through all that still waits.
        config.retry.deadline_ms = config.retry.deadline_ms.min(config.retention_ms / 2);
    }
    config
}

impl StorePlan {
    /// A store that is well.
    pub const fn quick() -> Self {
        Self {
            unavailable: 0.0,
            full: 0.0,
            fatal: 0.0,
            slow: 0.0,
            lost: 0.0,
            commit_ms: 4,
            outages: Vec::new(),
        }
    }
}

fn store(rng: &mut SmallRng, chaos_ms: i64) -> StorePlan {
    let outage = |rng: &mut SmallRng| {
        let from_ms = rng.random_range(0..chaos_ms);
        (from_ms, from_ms + spread(rng, SECOND_MS, 30 * MINUTE_MS))
    };
    let outages = if rng.random_bool(0.3) {
        (0..rng.random_range(1..4)).map(|_| outage(rng)).collect()
    } else {
        Vec::new()
    };
    let mut probability = |most: f64| if rng.random_bool(0.5) { 0.0 } else { rng.random_range(0.0..most) };
    StorePlan {
        unavailable: probability(0.1),
        full: probability(0.1),
        fatal: probability(0.004),
        slow: probability(0.3),
        lost: 0.0,
        commit_ms: if rng.random_bool(0.2) { 2_000 } else { 20 },
        outages,
    }
}

fn lives(rng: &mut SmallRng, chaos_ms: i64) -> Vec<LifePlan> {
    let count = rng.random_range(0..8);
    let life = |_| LifePlan {
        points: if rng.random_bool(0.6) { spread(rng, 1, 4_000).unsigned_abs() } else { u64::MAX },
        length_ms: spread(rng, 1, chaos_ms),
        is_stopped_in_order: rng.random_bool(0.3),
        down_ms: if rng.random_bool(0.5) { 0 } else { spread(rng, 1, chaos_ms / 4) },
    };
    (0..count).map(life).collect()
}

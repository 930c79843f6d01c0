//! What a seed stands for where there are several nodes: besides everything of [`Plan`], what happens to nodes and to what
//! they say.

use groundswell_engine::config::{BreakerPolicy, EngineConfig, RetryPolicy, SendingConfig};
use groundswell_engine::health::HealthPolicy;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::plan::{Behaviour, Host, Plan, Sabotage, StorePlan};

const SECOND_MS: i64 = 1_000;

/// One run.
#[derive(Debug, Clone)]
pub struct Several {
    /// What there is with one node as well.
    pub plan: Plan,
    /// Nodes at the start.
    pub nodes: usize,
    pub words: WordsPlan,
    /// By so much at most machines' clocks are off when a process starts, milliseconds.
    pub clocks_off_ms: i64,
    /// What happens while things go wrong, by the time since they do, in milliseconds.
    pub acts: Vec<(i64, Act)>,
}

/// What becomes of words between nodes while things go wrong. Probabilities are for each word.
#[derive(Debug, Clone, Copy)]
pub struct WordsPlan {
    pub lost: f64,
    /// Heard, but whoever said it is not told.
    pub unanswered: f64,
    pub slow: f64,
    pub repeated: f64,
}

/// Something that happens. Which node it happens to is drawn when it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Producers send some events, each to any node.
    Burst,
    /// An owner does something at the node that leads.
    Change,
    Crash,
    /// A crash while nothing else is wrong: then it is measured how soon others go on.
    CrashAlone,
    /// A node cannot reach the database for so many milliseconds.
    Cut(i64),
    /// A process does nothing for so many milliseconds.
    Stop(i64),
    /// A node stops in order.
    Leave,
    Join,
}

impl Several {
    /// What this seed stands for.
    pub fn of(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed ^ 0x0050_de50);
        let rng = &mut rng;
        let chaos_ms = rng.random_range(30 * SECOND_MS..90 * SECOND_MS);
        let config = config(rng);
        let hosts: Vec<Host> = (0..rng.random_range(2..6)).map(|_| host(rng, chaos_ms)).collect();
        let programs = (0..rng.random_range(2..6))
            .map(|_| (0..rng.random_range(1..4)).map(|_| rng.random_range(0..hosts.len())).collect())
            .collect();
        let mut probability =
            |most: f64| if rng.random_bool(0.4) { 0.0 } else { rng.random_range(0.0..most) };
        let store = StorePlan {
            unavailable: probability(0.05),
            full: probability(0.02),
            fatal: probability(0.001),
            slow: probability(0.2),
            lost: probability(0.15),
            commit_ms: if probability(1.0) > 0.7 { 1_500 } else { 20 },
            outages: Vec::new(),
        };
        let words = WordsPlan {
            lost: probability(0.6),
            unanswered: probability(0.1),
            slow: probability(0.3),
            repeated: probability(0.2),
        };
        let acts = acts(rng, chaos_ms, config.lease_ms);
        let plan = Plan {
            seed,
            chaos_ms,
            bursts: 0,
            burst_size: rng.random_range(1..10),
            changes: 0,
            config,
            hosts,
            programs,
            store,
            lives: Vec::new(),
            has_jumps: false,
            is_fair: false,
            sabotage: None,
        };
        let clocks_off_ms = if rng.random_bool(0.3) { 420_000 } else { 0 };
        Self { plan, nodes: rng.random_range(2..=4), words, clocks_off_ms, acts }
    }

    /// The same, broken on purpose.
    #[must_use]
    pub fn sabotaged(self, sabotage: Sabotage) -> Self {
        Self { plan: self.plan.sabotaged(sabotage), ..self }
    }

    /// From the end of the chaos on, everything must have drained within this: what is left of a lease and its shards taken,
    /// the longest attempt, its outcome, the longest wait for the next one or for a probe, and a minute until it is looked
    /// for what nobody told of.
    pub fn drain_ms(&self) -> i64 {
        2 * self.plan.config.lease_ms + 2 * 15 * SECOND_MS + 30 * SECOND_MS + 60 * SECOND_MS
    }
}

fn config(rng: &mut SmallRng) -> EngineConfig {
    let lease_ms = [3_000, 3_000, 6_000, 15_000][rng.random_range(0..4)];
    EngineConfig {
        lease_ms,
        slots: rng.random_range(4..64),
        endpoint_slots: rng.random_range(1..32),
        retry: RetryPolicy {
            base_ms: rng.random_range(300..2_000),
            factor: 2.0,
            cap_ms: 10_000,
            deadline_ms: rng.random_range(20 * SECOND_MS..120 * SECOND_MS),
        },
        breaker: BreakerPolicy {
            failures: rng.random_range(3..12),
            probe_base_ms: 1_000,
            probe_cap_ms: 5_000,
            autodisable_ms: if rng.random_bool(0.2) { 40_000 } else { 7 * 86_400_000 },
        },
        sending: SendingConfig {
            total_timeout_ms: rng.random_range(2_000..15_000),
            ..SendingConfig::default()
        },
        health: HealthPolicy {
            sample_ms: 20_000,
            beat_ms: 60_000,
            count_ms: 60_000,
            ..HealthPolicy::default()
        },
        ..EngineConfig::default()
    }
}

fn host(rng: &mut SmallRng, chaos_ms: i64) -> Host {
    let mut phases = Vec::new();
    let mut until_ms = 0;
    while until_ms < 2 * chaos_ms {
        until_ms += rng.random_range(SECOND_MS..chaos_ms);
        let behaviour = match Behaviour::random(rng) {
            // Runs are short.
            Behaviour::Overloaded { status, retry_after_s } => {
                Behaviour::Overloaded { status, retry_after_s: retry_after_s.map(|after_s| after_s.min(8)) }
            }
            Behaviour::Gone if rng.random_bool(0.7) => Behaviour::Well,
            other if rng.random_bool(0.7) => other,
            _ => Behaviour::Well,
        };
        phases.push((until_ms, behaviour));
    }
    Host { phases }
}

fn acts(rng: &mut SmallRng, chaos_ms: i64, lease_ms: i64) -> Vec<(i64, Act)> {
    let mut acts = Vec::new();
    for _ in 0..rng.random_range(20..70) {
        acts.push((rng.random_range(0..chaos_ms), Act::Burst));
    }
    for _ in 0..rng.random_range(0..40) {
        acts.push((rng.random_range(0..chaos_ms), Act::Change));
    }
    for _ in 0..rng.random_range(4..14) {
        // Longer than a lease as often as shorter.
        let spell_ms = rng.random_range(100..2 * lease_ms + 5_000);
        let act = match rng.random_range(0..100) {
            0..15 => Act::Crash,
            15..23 => Act::CrashAlone,
            23..48 => Act::Cut(spell_ms),
            48..73 => Act::Stop(spell_ms),
            73..83 => Act::Leave,
            _ => Act::Join,
        };
        acts.push((rng.random_range(0..chaos_ms), act));
    }
    acts.sort_by_key(|(at_ms, _)| *at_ms);
    acts
}

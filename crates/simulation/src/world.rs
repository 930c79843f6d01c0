//! What engine, store, network, producers and owners of one run share: time, chance, power, and the trace.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use groundswell_engine::clock::Clock;
use groundswell_engine::store::EndpointId;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::plan::Plan;
use crate::power::Power;
use crate::trace::{Entry, Fact, Hook, RequestId};

/// 2026-01-01T00:00:00Z, where the engine's clock starts.
const START_MS: i64 = 1_767_225_600_000;

/// One run's world, as one process is in it.
pub(crate) struct World {
    pub(crate) plan: Plan,
    shared: Arc<Everywhere>,
    present: Mutex<Present>,
}

/// What is the same for all processes.
struct Everywhere {
    chance: Mutex<SmallRng>,
    trace: Mutex<Vec<Entry>>,
    next_request: AtomicU64,
    /// Whether nothing goes wrong.
    is_calm: AtomicBool,
    /// The endpoints of webhooks, as the store has them.
    endpoints: Mutex<BTreeMap<u32, EndpointId>>,
}

/// The present life of the engine, and its clocks: the world's own, and the one the engine reads, which jumps.
#[derive(Clone)]
struct Present {
    life: u32,
    power: Arc<Power>,
    world: Clock,
    engine: Clock,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let present = Present {
            life: 0,
            power: Arc::new(Power::until(u64::MAX)),
            world: Clock::manual(0),
            engine: Clock::manual(START_MS),
        };
        let shared = Everywhere {
            chance: Mutex::new(SmallRng::seed_from_u64(plan.seed ^ 0x5eed)),
            trace: Mutex::new(Vec::new()),
            next_request: AtomicU64::new(1),
            is_calm: AtomicBool::new(true),
            endpoints: Mutex::new(BTreeMap::new()),
        };
        Self { plan, shared: Arc::new(shared), present: Mutex::new(present) }
    }

    /// The same world for one node of several, from within its runtime, so many milliseconds after the world began. In
    /// the trace its number stands in the place of a life's. Its clock is off by so many milliseconds, until it is corrected.
    pub(crate) fn of_node(&self, number: u32, (at_ms, off_ms): (i64, i64)) -> Self {
        let present = Present {
            life: number,
            power: Arc::new(Power::until(u64::MAX)),
            world: Clock::of_timers(at_ms),
            engine: Clock::of_timers(START_MS + at_ms + off_ms),
        };
        Self { plan: self.plan.clone(), shared: Arc::clone(&self.shared), present: Mutex::new(present) }
    }

    /// It is so late for whoever is no node.
    pub(crate) fn set_time(&self, at_ms: i64) {
        let present = locked(&self.present);
        present.world.set(at_ms);
        present.engine.set(START_MS + at_ms);
    }

    /// Writes into the trace, at the time of whoever is no node, what happened to a node.
    pub(crate) fn note_of(&self, number: u32, fact: Fact) {
        let Present { world, engine, .. } = locked(&self.present).clone();
        let entry = Entry { at_ms: world.now_ms(), clock_ms: engine.now_ms(), life: number, fact };
        locked(&self.shared.trace).push(entry);
    }

    /// The clock that the engine reads.
    pub(crate) fn engine_clock(&self) -> Clock {
        locked(&self.present).engine.clone()
    }

    /// A life begins, within its runtime and `down_ms` after the one before ended. Returns the engine's clock.
    pub(crate) fn begin_life(&self, down_ms: i64, power: Power) -> Clock {
        let mut present = locked(&self.present);
        let world = Clock::of_timers(present.world.now_ms() + down_ms);
        let engine = Clock::of_timers(present.engine.now_ms() + down_ms);
        *present = Present { life: present.life + 1, power: Arc::new(power), world, engine: engine.clone() };
        drop(present);
        self.note(Fact::Began);
        engine
    }

    /// A life ends, within its runtime still: the clocks of its timers stop with it.
    pub(crate) fn end_life(&self) {
        let mut present = locked(&self.present);
        present.power.cut();
        present.world = Clock::manual(present.world.now_ms());
        present.engine = Clock::manual(present.engine.now_ms());
    }

    pub(crate) fn power(&self) -> Arc<Power> {
        Arc::clone(&locked(&self.present).power)
    }

    /// Milliseconds since the world began.
    pub(crate) fn now_ms(&self) -> i64 {
        locked(&self.present).world.now_ms()
    }

    /// What a clock says that is right, Unix milliseconds.
    pub(crate) fn true_ms(&self) -> i64 {
        START_MS + self.now_ms()
    }

    /// What the engine's clock says.
    pub(crate) fn clock_ms(&self) -> i64 {
        locked(&self.present).engine.now_ms()
    }

    /// Moves the engine's clock; timers go on as before.
    pub(crate) fn jump(&self, by_ms: i64) {
        let engine = locked(&self.present).engine.clone();
        engine.set(engine.now_ms() + by_ms);
    }

    /// Things go wrong from now on, or no longer.
    pub(crate) fn set_calm(&self, is_calm: bool) {
        self.shared.is_calm.store(is_calm, Ordering::Relaxed);
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.shared.is_calm.load(Ordering::Relaxed)
    }

    /// Writes into the trace what can be seen; when the power is out, nothing can.
    pub(crate) fn note(&self, fact: Fact) {
        if !self.power().is_out() {
            self.note_always(fact);
        }
    }

    /// Writes into the trace.
    pub(crate) fn note_always(&self, fact: Fact) {
        let Present { life, world, engine, .. } = locked(&self.present).clone();
        let entry = Entry { at_ms: world.now_ms(), clock_ms: engine.now_ms(), life, fact };
        locked(&self.shared.trace).push(entry);
    }

    /// All that happened.
    pub(crate) fn take_trace(&self) -> Vec<Entry> {
        std::mem::take(&mut *locked(&self.shared.trace))
    }

    pub(crate) fn next_request(&self) -> RequestId {
        self.shared.next_request.fetch_add(1, Ordering::Relaxed)
    }

    /// Draws from the run's one source of chance.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut SmallRng) -> T) -> T {
        draw(&mut locked(&self.shared.chance))
    }

    /// Whether something happens that happens with `probability`.
    pub(crate) fn happens(&self, probability: f64) -> bool {
        self.draw(|rng| rng.random_bool(probability))
    }

    /// Waits for so many milliseconds; for none, lets others go first now and then.
    pub(crate) async fn pause(&self, range_ms: RangeInclusive<u64>) {
        let wait_ms = self.draw(|rng| rng.random_range(range_ms));
        if wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        } else if self.happens(0.3) {
            tokio::task::yield_now().await;
        }
    }

    /// Remembers which endpoint a webhook is.
    pub(crate) fn name(&self, hook: Hook, endpoint: EndpointId) {
        locked(&self.shared.endpoints).insert(hook.number, endpoint);
    }

    /// The endpoints of all webhooks there ever were.
    pub(crate) fn endpoints(&self) -> Vec<EndpointId> {
        locked(&self.shared.endpoints).values().copied().collect()
    }

    /// The endpoint of a webhook.
    pub(crate) fn endpoint(&self, hook: u32) -> Option<EndpointId> {
        locked(&self.shared.endpoints).get(&hook).copied()
    }
}

/// The URL of a webhook at a host.
pub(crate) fn url_of(host: usize, hook: Hook) -> String {
    format!("https://host{host}.example/{}/{}", hook.number, hook.revision)
}

/// Host and webhook of a URL.
pub(crate) fn read_url(url: &str) -> Option<(usize, Hook)> {
    let rest = url.strip_prefix("https://host")?;
    let (host, path) = rest.split_once(".example/")?;
    let (number, revision) = path.split_once('/')?;
    Some((host.parse().ok()?, Hook { number: number.parse().ok()?, revision: revision.parse().ok()? }))
}

/// A header of its own that every webhook has; its value is the secret, too.
pub(crate) const OWN_HEADER: &str = "x-key";

/// The secret of a webhook.
pub(crate) fn secret_of(hook: Hook) -> String {
    format!("a secret of webhook {} number {}", hook.number, hook.revision)
}

//! One run: the lives of the engine, one after the other, and what is looked at in the end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use groundswell_engine::randomness::Randomness;
use groundswell_engine::store::Store as _;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::{Engine, EngineError, EngineParts, Outside};
use groundswell_types::editor::DeliveryQuery;
use rand::Rng;

use crate::ledger::{Ledger, Shared};
use crate::network::Network;
use crate::plan::{LifePlan, Plan};
use crate::power::Power;
use crate::store::Disk;
use crate::trace::{End, Entry, Fact, ShownAttempt};
use crate::world::{World, locked};
use crate::{owner, producer};

/// The process is given so long to stop in order.
const GRACE: Duration = Duration::from_secs(40);

/// A process that exited is started again after this.
const RESTART_MS: i64 = 30_000;

/// How a run went.
pub struct Run {
    pub plan: Plan,
    pub trace: Vec<Entry>,
    /// The most points a life passed at which the power could have been cut.
    pub points: u64,
}

/// What a life is for.
enum Life {
    SetUp,
    Chaos(LifePlan),
    Last,
}

struct Machine {
    world: Arc<World>,
    memory: Arc<Memory>,
    ledger: Shared,
}

/// Runs a plan.
pub fn run(plan: Plan) -> Run {
    let world = Arc::new(World::new(plan.clone()));
    let ledger = Mutex::new(Ledger::new(&plan));
    let machine = Machine { world, memory: Arc::new(Memory::new()), ledger };
    machine.live(&Life::SetUp, 0);
    machine.world.set_calm(false);
    let (mut down_ms, mut points) = (0, 0);
    for life in &plan.lives {
        if machine.world.now_ms() + down_ms >= plan.chaos_ms {
            break;
        }
        let end = machine.live(&Life::Chaos(*life), down_ms);
        points = points.max(machine.world.power().passed());
        down_ms = if end == End::Fatal { RESTART_MS } else { life.down_ms };
    }
    // A process that fails is started again, until it does not.
    for attempt in 1.. {
        assert!(attempt < 1_000, "seed {}: the engine does not start any more", plan.seed);
        let end = machine.live(&Life::Last, down_ms);
        if end == End::Stopped {
            break;
        }
        down_ms = RESTART_MS;
    }
    note_what_is_left(&machine.world, &machine.memory);
    let Machine { world, .. } = machine;
    let world = Arc::into_inner(world).expect("the engine is gone, so nobody else has the world");
    Run { plan, trace: world.take_trace(), points }
}

impl Machine {
    /// One life, in a runtime of its own: when that is dropped, nothing of the engine is left.
    fn live(&self, life: &Life, down_ms: i64) -> End {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without I/O needs nothing");
        let end = runtime.block_on(async {
            let points = if let Life::Chaos(plan) = life { plan.points } else { u64::MAX };
            let clock = self.world.begin_life(down_ms, Power::until(points));
            let power = self.world.power();
            let end = tokio::select! {
                biased;
                () = power.gone() => End::Crash,
                end = self.work(life, clock) => end,
            };
            self.world.end_life();
            end
        });
        drop(runtime);
        self.world.note_always(Fact::Ended(end));
        end
    }

    async fn work(&self, life: &Life, clock: groundswell_engine::clock::Clock) -> End {
        let parts = EngineParts {
            store: Arc::new(Disk::alone(Arc::clone(&self.memory), Arc::clone(&self.world))),
            config: self.world.plan.config.clone(),
            clock,
        };
        let outside = Outside {
            transport: Arc::new(Network { world: Arc::clone(&self.world) }),
            randomness: Randomness::seeded(self.world.draw(Rng::random)),
        };
        let Ok(engine) = Engine::start_in(parts, outside).await else { return End::Fatal };
        let work = async {
            match life {
                Life::SetUp => {
                    owner::set_up(&self.world, &engine, &self.ledger).await.expect("nothing goes wrong yet");
                }
                Life::Chaos(plan) => {
                    let work = async { self.go_wrong(&engine).await };
                    let length = Duration::from_millis(plan.length_ms.unsigned_abs());
                    let _ = tokio::time::timeout(length, work).await;
                    if !plan.is_stopped_in_order {
                        self.world.power().cut();
                        std::future::pending::<()>().await;
                    }
                }
                Life::Last => self.finish(&engine).await,
            }
        };
        tokio::select! {
            biased;
            () = engine.failed() => {
                // The process notices, stops what it can, and exits.
                self.world.pause(0..=20).await;
                let _ = tokio::time::timeout(GRACE, engine.shut_down()).await;
                return End::Fatal;
            }
            () = work => {}
        }
        match tokio::time::timeout(GRACE, engine.shut_down()).await {
            Ok(()) if engine.failed().now_or_never().is_some() => End::Fatal,
            Ok(()) => End::Stopped,
            Err(_) => End::Crash,
        }
    }

    /// Producers and owners are busy until faults end.
    async fn go_wrong(&self, engine: &Arc<Engine>) {
        let left_ms = (self.world.plan.chaos_ms - self.world.now_ms()).max(0);
        tokio::join!(
            producer::produce(&self.world, engine, &self.ledger),
            owner::manage(&self.world, engine, &self.ledger),
            tokio::time::sleep(Duration::from_millis(left_ms.unsigned_abs())),
        );
    }

    /// Faults end, everything heals, and what is due must drain.
    async fn finish(&self, engine: &Arc<Engine>) {
        const LOOK: Duration = Duration::from_mins(10);
        self.go_wrong(engine).await;
        self.world.set_calm(true);
        producer::insist(&self.world, engine, &self.ledger).await;
        let until_ms = self.world.now_ms() + self.world.plan.drain_ms();
        while self.world.now_ms() < until_ms && !has_drained(&self.memory).await {
            tokio::time::sleep(LOOK).await;
        }
        note_log(&self.world, engine, &self.ledger).await.expect("nothing goes wrong any more");
    }
}

/// Whether nothing waits any more.
pub(crate) async fn has_drained(memory: &Memory) -> bool {
    let endpoints = memory.endpoints().await.unwrap_or_default();
    for endpoint in endpoints {
        let rows = memory.pending(endpoint.id, None, 1).await;
        if rows.is_ok_and(|rows| !rows.is_empty()) {
            return false;
        }
    }
    memory.running_resend_jobs().await.is_ok_and(|jobs| jobs.is_empty())
}

/// What the log shows, of every delivery there is.
pub(crate) async fn note_log(world: &World, engine: &Engine, ledger: &Shared) -> Result<(), EngineError> {
    let programs: Vec<_> = locked(ledger).programs.iter().filter_map(|one| one.id.clone()).collect();
    for program in programs {
        let mut query = DeliveryQuery { limit: Some(100), ..DeliveryQuery::default() };
        loop {
            let page = engine.deliveries(&program, &query).await?;
            for view in page.deliveries {
                let detail = engine.delivery(&program, view.id).await?;
                let attempts = detail.attempt_log.iter().map(|attempt| ShownAttempt {
                    number: attempt.number,
                    started_at_ms: attempt.started_at,
                    possibly_sent_before: attempt.possibly_sent_before,
                });
                let (delivery, state, attempts) = (view.id, view.state, attempts.collect());
                world.note(Fact::Shown { delivery, state, attempts });
            }
            query.next_id = page.next_id;
            if query.next_id.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// What is still pending on disk.
pub(crate) fn note_what_is_left(world: &World, memory: &Memory) {
    for endpoint in world.endpoints() {
        let waiting = memory.pending(endpoint, None, usize::MAX);
        let parked = memory.oldest_parked(endpoint, usize::MAX);
        for rows in [waiting.now_or_never(), parked.now_or_never()] {
            let rows = rows.expect("the maps answer at once").expect("nothing goes wrong with maps");
            for row in rows {
                world.note_always(Fact::Left(row));
            }
        }
    }
}

//! One node: a process of its own, as far as a runtime of its own is one.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use groundswell_engine::cluster::NodeId;
use groundswell_engine::nodes::{NotHeard, Word};
use groundswell_engine::randomness::Randomness;
use groundswell_engine::store::{ClusterStore, Store as _};
use groundswell_engine::{Engine, EngineParts, Outside};
use rand::Rng;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::words::{Letter, Words};
use crate::network::Network;
use crate::store::Disk;
use crate::store::line::Line;
use crate::trace::End;
use crate::world::{World, locked};

/// The process is given so long to stop in order.
const GRACE: Duration = Duration::from_secs(40);

/// Between the wish to stop and giving up shards, as in the server.
const LEAD_GRACE: Duration = Duration::from_millis(500);

/// A node.
pub(super) struct Node {
    /// Dropped first: then nothing of the process is left.
    runtime: Runtime,
    pub(super) number: u32,
    pub(super) line: Arc<Line>,
    world: Arc<World>,
    process: Arc<Process>,
    /// It does nothing until then.
    pub(super) stopped_until_ms: Option<i64>,
}

/// What is known of the process from outside.
#[derive(Default)]
struct Process {
    engine: OnceLock<Arc<Engine>>,
    end: Mutex<Option<End>>,
    leaves: CancellationToken,
}

/// What a node is started with.
pub(super) struct NodeParts<'a> {
    pub(super) number: u32,
    pub(super) base: &'a World,
    /// By so many milliseconds its clock is off until the database tells the time.
    pub(super) off_ms: i64,
    pub(super) line: Arc<Line>,
    pub(super) memory: groundswell_engine::store::memory::Memory,
    pub(super) words: Box<dyn FnOnce(Arc<World>) -> Words>,
}

impl Node {
    /// Starts a process.
    pub(super) fn start(parts: NodeParts<'_>) -> Self {
        let NodeParts { number, base, off_ms, line, memory, words } = parts;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without I/O needs nothing");
        let now_ms = base.now_ms();
        let world = Arc::new(runtime.block_on(async { base.of_node(number, (now_ms, off_ms)) }));
        let process = Arc::new(Process::default());
        let disk = Disk::of_node(Arc::new(memory), Arc::clone(&world), Arc::clone(&line));
        let life = live(Arc::new(disk), words(Arc::clone(&world)), Arc::clone(&process));
        runtime.spawn(life);
        Self { runtime, number, line, world, process, stopped_until_ms: None }
    }

    /// Which one it is.
    pub(super) fn id(number: u32) -> NodeId {
        NodeId::new(i64::from(number))
    }

    /// Where others speak to it.
    pub(super) fn address(number: u32) -> String {
        format!("http://10.0.0.{number}")
    }

    pub(super) fn engine(&self) -> Option<&Arc<Engine>> {
        self.process.engine.get()
    }

    pub(super) fn leads(&self) -> bool {
        self.engine().is_some_and(|engine| engine.is_leading())
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.process.leaves.is_cancelled()
    }

    /// Tells it to stop in order.
    pub(super) fn leave(&self) {
        self.process.leaves.cancel();
    }

    /// How the process has ended, if it has.
    pub(super) fn end(&self) -> Option<End> {
        *locked(&self.process.end)
    }

    /// Runs it until that time, milliseconds since the world began. One that was stopped goes on with its clock leaping.
    pub(super) fn run_until(&mut self, at_ms: i64) {
        if self.stopped_until_ms.is_some_and(|until_ms| at_ms < until_ms) {
            return;
        }
        let was_stopped = self.stopped_until_ms.take().is_some();
        let world = &self.world;
        self.runtime.block_on(async {
            let rest = || Duration::from_millis((at_ms - world.now_ms()).max(0).unsigned_abs());
            if was_stopped {
                tokio::time::advance(rest()).await;
            }
            tokio::time::sleep(rest()).await;
        });
    }

    /// It hears something, if it is there already.
    pub(super) fn hear(&self, letter: Letter) {
        let Some(engine) = self.engine().cloned() else { return };
        self.runtime.spawn(async move {
            let Letter { word, reply, .. } = letter;
            let heard = match word {
                Word::UnderWay(deliveries) => Ok(engine.under_way_here(&deliveries)),
                word => engine.hear(word).await.map(|()| Vec::new()),
            };
            if let Some(reply) = reply {
                let _ = reply.send(heard.map_err(|error| NotHeard(error.to_string())));
            }
        });
    }

    /// Has its process do something.
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        work: impl FnOnce(Arc<World>, Arc<Engine>) -> F,
    ) -> bool {
        let Some(engine) = self.engine() else { return false };
        self.runtime.spawn(work(Arc::clone(&self.world), Arc::clone(engine)));
        true
    }

    /// Nothing of it can be seen any more.
    pub(super) fn crash(self) {
        self.world.power().cut();
    }
}

/// A process, as the server has it: where it is, the engine, the way to others, and the end.
async fn live(disk: Arc<Disk>, words: Words, process: Arc<Process>) {
    let world = Arc::clone(&words.world);
    let end = life(disk, words, &process).await;
    if !world.power().is_out() {
        *locked(&process.end) = Some(end);
    }
}

async fn life(disk: Arc<Disk>, words: Words, process: &Process) -> End {
    let world = Arc::clone(&words.world);
    let address = Node::address(u32::try_from(disk.node().number()).unwrap_or_default());
    if disk.be_at(&address).await.is_err() {
        disk.close().await;
        return End::Fatal;
    }
    let parts = EngineParts { store: disk, config: world.plan.config.clone(), clock: world.engine_clock() };
    let outside = Outside {
        transport: Arc::new(Network { world: Arc::clone(&world) }),
        randomness: Randomness::seeded(world.draw(Rng::random)),
    };
    let Ok(engine) = Engine::start_in(parts, outside).await else { return End::Fatal };
    engine.set_peers(Arc::new(words));
    let _ = process.engine.set(Arc::clone(&engine));
    let end = tokio::select! {
        biased;
        () = engine.failed() => End::Fatal,
        () = process.leaves.cancelled() => End::Stopped,
    };
    if end == End::Stopped {
        tokio::time::sleep(LEAD_GRACE).await;
        engine.leave();
        // Open requests end meanwhile.
        world.pause(0..=3_000).await;
    }
    match tokio::time::timeout(GRACE, engine.shut_down()).await {
        Ok(()) => end,
        Err(_) => End::Crash,
    }
}

//! The engine as a whole: what starts together, stops together, and what use cases work with.

mod delivering;
mod ground;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use groundswell_types::Secret;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::delivering::{Common, Delivery, DeliveryParts, OtherNodes, Stops};
pub(crate) use self::ground::begin_boot;
use self::ground::{Ground, unfinished_moves};
use crate::access::Access;
use crate::activity::Tally;
use crate::api_keys::ApiKeys;
use crate::changes::Changes;
use crate::clock::Clock;
use crate::cluster::Timing;
use crate::config::EngineConfig;
use crate::delivery::destinations::Destinations;
use crate::delivery::erased::Erased;
use crate::delivery::guard::Guard;
use crate::delivery::sender::{Sender, SetupError};
use crate::delivery::transport::Transport;
use crate::delivery::under_way::UnderWay;
use crate::delivery::writer::{WriterHandle, Written};
use crate::directory::Directory;
use crate::error::EngineError;
use crate::feeds::{self, Feeds};
use crate::health::{CatchUp, Monitor};
use crate::id::{self, IdGenerator};
use crate::inbox::Inboxes;
use crate::inbox::transport::InboxTransport;
use crate::incidents::Incidents;
use crate::leading;
use crate::meters::Meters;
use crate::nodes::{Nodes, Told, look};
use crate::queue_depth::Counted;
use crate::randomness::Randomness;
use crate::store::{BootRecord, Standing, Store, StoreError};
use crate::telling::Telling;
use crate::test_deliveries::TestLimit;
use crate::traces::Traces;

/// The engine. Its use cases are in the modules named for what they are about.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) ids: Arc<IdGenerator>,
    pub(crate) clock: Clock,
    pub(crate) config: EngineConfig,
    pub(crate) destinations: Destinations,
    pub(crate) inboxes: Arc<Inboxes>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) writer: WriterHandle,
    pub(crate) under_way: Arc<UnderWay>,
    pub(crate) erased: Arc<Erased>,
    pub(crate) changes: Arc<Changes>,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) monitor: Monitor,
    pub(crate) traces: Arc<Traces>,
    pub(crate) counted: Counted,
    pub(crate) access: Access,
    pub(crate) api_keys: Arc<ApiKeys>,
    pub(crate) nodes: Arc<Nodes>,
    /// Endpoints that other nodes have committed something for.
    pub(crate) told: mpsc::Sender<Told>,
    /// Whether it has read what it needs to lead.
    pub(crate) is_leading: watch::Sender<bool>,
    pub(crate) incidents: Incidents,
    pub(crate) test_limit: TestLimit,
    pub(crate) telling: Telling,
    /// The starts of the process, this one included, oldest first.
    pub(crate) boots: RwLock<Arc<[BootRecord]>>,
    pub(crate) jobs: Jobs,
    /// Cancelled with `fatal`, too: nothing more is sent when no outcome can be written any more.
    pub(crate) stop: CancellationToken,
    /// Cancelled with `stop`, or before: other nodes go on with everything.
    pub(crate) leaving: CancellationToken,
    writer_stop: CancellationToken,
    fatal: CancellationToken,
    tasks: std::sync::Mutex<Option<Tasks>>,
}

/// By what background jobs are woken and kept in step.
#[derive(Default)]
pub(crate) struct Jobs {
    pub resends_wanted: Notify,
    pub erasures_wanted: Notify,
    /// Held while a resend job makes a step, so that stopping it comes before or after.
    pub resend_steps: tokio::sync::Mutex<()>,
}

/// Once everything is written, giving up what is left takes a question to the database or two.
const LEAVE_LIMIT: Duration = Duration::from_secs(3);

struct Tasks {
    runtime: JoinHandle<()>,
    writer: JoinHandle<Written>,
    /// Ends when everything is given up, and that ends when everything is written.
    driver: Option<JoinHandle<()>>,
    /// What works with the engine as a whole, by name. Each ends by itself when the engine stops.
    upkeep: Vec<(&'static str, JoinHandle<()>)>,
}

impl Tasks {
    fn of_delivery(runtime: JoinHandle<()>, writer: JoinHandle<Written>) -> std::sync::Mutex<Option<Self>> {
        std::sync::Mutex::new(Some(Self { runtime, writer, driver: None, upkeep: Vec::new() }))
    }
}

/// What an engine is started with.
pub struct EngineParts {
    pub store: Arc<dyn Store>,
    pub config: EngineConfig,
    pub clock: Clock,
}

/// What the engine does not decide itself, besides time: how requests travel, and chance.
pub struct Outside {
    pub transport: Arc<dyn Transport>,
    pub randomness: Randomness,
}

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Sender(#[from] SetupError),
}

impl Engine {
    /// Reads settings and what is due from the store, and starts writing and delivering over HTTP.
    pub async fn start(parts: EngineParts) -> Result<Arc<Self>, StartError> {
        let sender = Sender::new(Guard::from(&parts.config), parts.config.sending)?;
        let outside = Outside { transport: Arc::new(sender), randomness: Randomness::system() };
        Self::start_in(parts, outside).await
    }

    /// Reads settings and what is due from the store, and starts writing and delivering in the world given.
    pub async fn start_in(parts: EngineParts, outside: Outside) -> Result<Arc<Self>, StartError> {
        let (EngineParts { store, config, clock }, Outside { transport, randomness }) = (parts, outside);
        let (nodes, inputs) = Nodes::at(&store, clock.uptime(), Timing::of(config.lease_ms));
        let nodes = Arc::new(nodes);
        let ground = Ground::read((&store, &nodes), &config, &clock, &randomness).await?;
        let transport = InboxTransport::around(transport, &ground.inboxes);
        let common = Common::default();
        let (writer_stop, fatal) = (CancellationToken::new(), CancellationToken::new());
        let stop = fatal.child_token();
        let leaving = stop.child_token();
        let unfinished = unfinished_moves(store.as_ref(), &ground.directory).await?;
        let parts = DeliveryParts {
            store: &store,
            config: &config,
            clock: &clock,
            ground: &ground,
            common: &common,
            nodes: &nodes,
            transport: &transport,
            randomness,
            stops: Stops {
                fatal: fatal.clone(),
                stop: stop.clone(),
                leaving: leaving.clone(),
                writer: writer_stop.clone(),
            },
        };
        let Delivery { handle, writer, runtime, others, told } = Delivery::new(parts, inputs, unfinished);
        let Ground {
            directory, ids, changes, inboxes, api_keys, feeds, boots, due, began, incidents, ..
        } = ground;
        let Common { under_way, tally, erased, meters, traces } = common;
        Ok(Self {
            tasks: Tasks::of_delivery(tokio::spawn(runtime.run(due)), writer.start()),
            store,
            directory,
            ids,
            monitor: Monitor::new(clock.now_ms()),
            clock,
            destinations: Destinations::new(&config, Arc::clone(&inboxes)),
            config,
            inboxes,
            transport,
            writer: handle,
            under_way,
            erased,
            changes,
            feeds,
            tally,
            meters,
            traces,
            counted: Counted::default(),
            access: Access::default(),
            api_keys,
            nodes,
            told,
            is_leading: watch::Sender::new(false),
            incidents,
            test_limit: TestLimit::default(),
            telling: Telling::default(),
            boots: RwLock::new(boots.into()),
            jobs: Jobs::default(),
            stop,
            leaving,
            writer_stop,
            fatal,
        }
        .with_upkeep(began, others))
    }

    /// Starts what works with the engine as a whole.
    fn with_upkeep(self, began: CatchUp, others: Option<OtherNodes>) -> Arc<Self> {
        let engine = Arc::new(self);
        let stop = engine.stop.clone();
        let mut tasks = engine.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = tasks.as_mut() {
            let loss = heed_loss(Arc::clone(&engine.store), engine.fatal.clone(), stop.clone());
            let leading = leading::run(Arc::clone(&engine), began, stop);
            tasks.upkeep = vec![("loss", tokio::spawn(loss)), ("leading", tokio::spawn(leading))];
            if let Some(OtherNodes { driver, look_parts }) = others {
                tasks.upkeep.push(("look", tokio::spawn(look(look_parts))));
                let (feeds, store) = (Arc::clone(&engine.feeds), Arc::clone(&engine.store));
                let following = feeds::run(feeds, store, engine.stop.clone());
                tasks.upkeep.push(("following", tokio::spawn(following)));
                tasks.driver = Some(tokio::spawn(driver.run()));
            }
        }
        drop(tasks);
        engine
    }

    /// Stops delivering, waits for the attempts under way, writes everything, closes the store.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Tasks { runtime, writer, driver, upkeep }) = tasks {
            // Who waits for this may give it up: the writer has a thread, and ends with its process or when it is told to.
            let _ends_writer = self.writer_stop.clone().drop_guard();
            report_panic("delivery", runtime.await);
            for (name, task) in upkeep {
                report_panic(name, task.await);
            }
            self.access.doorkeeper.finish().await;
            if let Err(error) = self.write_used_keys().await {
                tracing::warn!(%error, "when API keys were last used was not written");
            }
            self.writer_stop.cancel();
            let written = writer.await;
            let is_complete = matches!(written, Ok(Written::Everything));
            report_panic("writer", written);
            if let Some(driver) = driver
                && tokio::time::timeout(LEAVE_LIMIT, driver).await.is_err()
            {
                tracing::warn!(
                    "shards could not be given up; other nodes take them once their leases are over"
                );
            }
            // What was sent and not written must be shown as possibly sent before, as after a crash.
            if !is_complete {
                tracing::warn!("outcomes of attempts could not be written; they repeat after the next start");
            } else if self.store.cluster().is_none()
                && let Err(error) = self.store.end_boot().await
            {
                tracing::warn!(%error, "the end of the process was not noted");
            }
            self.store.close().await;
        }
    }

    /// Resolves when the store can no longer be trusted: the process must exit and recover by starting again.
    pub async fn failed(&self) {
        self.fatal.cancelled().await;
    }

    /// Whether events can be accepted and delivered.
    pub fn is_ready(&self) -> bool {
        let is_running = |tasks: &Tasks| !tasks.runtime.is_finished() && !tasks.writer.is_finished();
        !self.fatal.is_cancelled()
            && !self.stop.is_cancelled()
            && self.store.standing() == Standing::Sure
            && self.tasks.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(is_running)
    }

    /// See [`Store::days_ahead`].
    pub fn days_ahead(&self) -> Option<i64> {
        self.store.days_ahead()
    }

    /// What is counted and measured, since the start.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// Whether the task that writes runs, and the one that delivers.
    pub(crate) fn tasks_run(&self) -> (bool, bool) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks
            .as_ref()
            .map_or((false, false), |tasks| (!tasks.writer.is_finished(), !tasks.runtime.is_finished()))
    }

    /// Whether the store can no longer be trusted.
    pub(crate) fn has_failed(&self) -> bool {
        self.fatal.is_cancelled()
    }

    /// Where the way of single events is told, if somebody wants it.
    pub fn traces(&self) -> &Arc<Traces> {
        &self.traces
    }

    /// The time as the engine sees it, Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The starts of the process that are remembered, oldest first.
    pub(crate) fn boots(&self) -> Arc<[BootRecord]> {
        Arc::clone(&self.boots.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A new secret in the `whsec_…` form.
    pub fn generate_secret(&self) -> Secret {
        Secret::from_random(&id::random_bytes())
    }

    pub(crate) fn program_entry(
        &self,
        id: &groundswell_types::ProgramId,
    ) -> Result<Arc<crate::directory::ProgramEntry>, EngineError> {
        self.directory.program(id).ok_or(EngineError::NotFound("program"))
    }
}

/// Whoever drops it without [`Engine::shut_down`] is not to wait for the writer's thread for ever, as a runtime does that ends.
impl Drop for Engine {
    fn drop(&mut self) {
        self.writer_stop.cancel();
    }
}

/// Stops everything once the database is lost to this process.
async fn heed_loss(store: Arc<dyn Store>, fatal: CancellationToken, stop: CancellationToken) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        error = store.lost() => {
            tracing::error!(%error, "the database is lost to this process; stopping");
            fatal.cancel();
        }
    }
}

pub(crate) fn report_panic<T>(task: &str, result: Result<T, tokio::task::JoinError>) {
    if let Err(error) = result {
        tracing::error!(%error, "the {task} task ended early");
    }
}

//! The engine as a whole: what starts together, stops together, and what use cases work with.

use std::sync::Arc;

use groundswell_types::{AuditId, Secret};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::activity::Tally;
use crate::api_keys::ApiKeys;
use crate::changes::Changes;
use crate::clock::Clock;
use crate::config::EngineConfig;
use crate::delivery::destinations::Destinations;
use crate::delivery::erased::Erased;
use crate::delivery::guard::Guard;
use crate::delivery::runtime::{AttemptContext, Runtime, RuntimeParts};
use crate::delivery::scheduler::{Limits, Scheduler};
use crate::delivery::sender::{Sender, SetupError};
use crate::delivery::transport::Transport;
use crate::delivery::under_way::UnderWay;
use crate::delivery::writer::{Writer, WriterHandle, WriterParts, Written, writer};
use crate::directory::Directory;
use crate::error::EngineError;
use crate::feeds::Feeds;
use crate::health::{self, CatchUp, Monitor};
use crate::id::{self, IdGenerator};
use crate::inbox::transport::InboxTransport;
use crate::inbox::{InboxParts, Inboxes};
use crate::incidents::Incidents;
use crate::meters::Meters;
use crate::queue_depth::Counted;
use crate::randomness::Randomness;
use crate::store::{BootRecord, EndpointId, Move, Standing, Store, StoreError};
use crate::telling::Telling;
use crate::test_deliveries::TestLimit;
use crate::traces::Traces;
use crate::{emitted, erasures, incidents, resends, retention};

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
    pub(crate) api_keys: ApiKeys,
    pub(crate) incidents: Incidents,
    pub(crate) test_limit: TestLimit,
    pub(crate) telling: Telling,
    /// The starts of the process, this one included, oldest first.
    pub(crate) boots: Vec<BootRecord>,
    pub(crate) jobs: Jobs,
    /// Cancelled with `fatal`, too: nothing more is sent when no outcome can be written any more.
    pub(crate) stop: CancellationToken,
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

/// So many messages to the runtime wait before the writer does.
const RUNTIME_INBOX: usize = 8192;

/// Starts of the process are remembered for longer than attempts are.
const BOOTS_KEPT_MS: i64 = 400 * 86_400_000;

struct Tasks {
    runtime: JoinHandle<()>,
    writer: JoinHandle<Written>,
    /// What works with the engine as a whole, by name. Each ends by itself when the engine stops.
    upkeep: Vec<(&'static str, JoinHandle<()>)>,
}

impl Tasks {
    fn of_delivery(runtime: JoinHandle<()>, writer: JoinHandle<Written>) -> std::sync::Mutex<Option<Self>> {
        std::sync::Mutex::new(Some(Self { runtime, writer, upkeep: Vec::new() }))
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
        let Ground { directory, ids, changes, inboxes, api_keys, feeds, boots, due, began, incidents } =
            Ground::read(&store, &config, &clock, &randomness).await?;
        let transport = InboxTransport::around(transport, &inboxes);
        let (under_way, tally, erased, meters, traces) = <(Arc<UnderWay>, _, _, Arc<Meters>, _)>::default();
        let (writer_stop, fatal) = (CancellationToken::new(), CancellationToken::new());
        let stop = fatal.child_token();
        let (outbox, inbox) = mpsc::channel(RUNTIME_INBOX);
        let (handle, writer): (WriterHandle, Writer) = writer(WriterParts {
            store: Arc::clone(&store),
            directory: Arc::clone(&directory),
            ids: Arc::clone(&ids),
            breaker: config.breaker,
            runtime: outbox.clone(),
            changes: Arc::clone(&changes),
            feeds: Arc::clone(&feeds),
            tally: Arc::clone(&tally),
            meters: Arc::clone(&meters),
            traces: Arc::clone(&traces),
            erased: Arc::clone(&erased),
            unfinished: unfinished_moves(store.as_ref(), &directory).await?,
            fatal: fatal.clone(),
            is_winding_down: stop.clone(),
            stop: writer_stop.clone(),
        });
        let runtime = Runtime::new(RuntimeParts {
            scheduler: Scheduler::new(limits(&config)),
            clock: clock.clone(),
            store: Arc::clone(&store),
            context: AttemptContext {
                transport: Arc::clone(&transport),
                directory: Arc::clone(&directory),
                writer: handle.clone(),
                clock: clock.clone(),
                randomness,
                retry: config.retry,
                under_way: Arc::clone(&under_way),
                erased: Arc::clone(&erased),
                changes: Arc::clone(&changes),
                meters: Arc::clone(&meters),
                traces: Arc::clone(&traces),
            },
            inbox,
            outbox,
            stop: stop.clone(),
        });
        Ok(Self {
            tasks: Tasks::of_delivery(tokio::spawn(runtime.run(due)), tokio::spawn(writer.run())),
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
            incidents,
            test_limit: TestLimit::default(),
            telling: Telling::default(),
            boots,
            jobs: Jobs::default(),
            stop,
            writer_stop,
            fatal,
        }
        .with_upkeep(began))
    }

    /// Starts what works with the engine as a whole.
    fn with_upkeep(self, began: CatchUp) -> Arc<Self> {
        let engine = Arc::new(self);
        let stop = engine.stop.clone();
        let mut tasks = engine.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(tasks) = tasks.as_mut() {
            let loss = heed_loss(Arc::clone(&engine.store), engine.fatal.clone(), stop.clone());
            let whole = || Arc::clone(&engine);
            tasks.upkeep = vec![
                ("loss", tokio::spawn(loss)),
                ("resends", tokio::spawn(resends::run(whole(), stop.clone()))),
                ("erasures", tokio::spawn(erasures::run(whole(), stop.clone()))),
                ("retention", tokio::spawn(retention::run(whole(), stop.clone()))),
                ("health", tokio::spawn(health::run(whole(), began, stop.clone()))),
                ("emitted", tokio::spawn(emitted::run(whole(), || std::future::ready(true), stop.clone()))),
                ("incidents", tokio::spawn(incidents::run(whole(), stop))),
            ];
        }
        drop(tasks);
        engine
    }

    /// Owns a task that tells people, unless the engine stops already.
    pub(crate) fn keep_telling<T: Future<Output = ()> + Send + 'static>(
        &self,
        task: impl FnOnce(CancellationToken) -> T,
    ) {
        let mut tasks = self.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(tasks) = tasks.as_mut() {
            tasks.upkeep.push(("telling", tokio::spawn(task(self.stop.clone()))));
        }
    }

    /// Stops delivering, waits for the attempts under way, writes everything, closes the store.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        let tasks = self.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(Tasks { runtime, writer, upkeep }) = tasks {
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
            // What was sent and not written must be shown as possibly sent before, as after a crash.
            if !is_complete {
                tracing::warn!("outcomes of attempts could not be written; they repeat after the next start");
            } else if let Err(error) = self.store.end_boot().await {
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
            && self
                .tasks
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .as_ref()
                .is_some_and(is_running)
    }

    /// What is counted and measured, since the start.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// Whether the task that writes runs, and the one that delivers.
    pub(crate) fn tasks_run(&self) -> (bool, bool) {
        let tasks = self.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
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

/// What is read first, and everything else is built on.
struct Ground {
    directory: Arc<Directory>,
    ids: Arc<IdGenerator>,
    changes: Arc<Changes>,
    inboxes: Arc<Inboxes>,
    api_keys: ApiKeys,
    feeds: Arc<Feeds>,
    boots: Vec<BootRecord>,
    /// When the first of what waits at each endpoint is due.
    due: Vec<(EndpointId, i64)>,
    began: CatchUp,
    incidents: Incidents,
}

impl Ground {
    async fn read(
        store: &Arc<dyn Store>,
        config: &EngineConfig,
        clock: &Clock,
        randomness: &Randomness,
    ) -> Result<Self, StoreError> {
        let directory = Arc::new(Directory::load(store.as_ref()).await?);
        let highest = store.highest_event_id().await?;
        let ids = Arc::new(IdGenerator::new(clock.clone(), randomness.clone(), highest));
        let changes = Arc::new(Changes::default());
        for program in directory.programs() {
            changes.know(program.flow, &program.record.team_id);
        }
        let inboxes = Inboxes::load(InboxParts {
            store: Arc::clone(store),
            directory: Arc::clone(&directory),
            ids: Arc::clone(&ids),
            clock: clock.clone(),
            changes: Arc::clone(&changes),
            public_url: config.public_url.clone(),
        });
        let inboxes = Arc::new(inboxes.await?);
        let api_keys = ApiKeys::load(store.as_ref()).await?;
        let feeds = Arc::new(Feeds::new(ids.latest_event()));
        let now_ms = clock.now_ms();
        let boots = begin_boot(store.as_ref(), now_ms).await?;
        let due = store.earliest_due(&directory.enabled_endpoints()).await?;
        let began = CatchUp::count((store.as_ref(), &directory), &due, now_ms).await?;
        let incidents = Incidents::load(store.as_ref()).await?;
        Ok(Self { directory, ids, changes, inboxes, api_keys, feeds, boots, due, began, incidents })
    }
}

const fn limits(config: &EngineConfig) -> Limits {
    Limits {
        slots: config.slots,
        endpoint_slots: config.endpoint_slots,
        deadline_ms: config.retry.deadline_ms,
    }
}

/// Notes the start of the process; returns all starts that are remembered, oldest first.
async fn begin_boot(store: &dyn Store, now_ms: i64) -> Result<Vec<BootRecord>, StoreError> {
    store.begin_boot(now_ms, now_ms.saturating_sub(BOOTS_KEPT_MS)).await?;
    // Nobody comes back to what was begun before.
    store.settle_audit(AuditId::from_number(i64::MAX)).await?;
    store.boots().await
}

/// Stops everything once the database is lost to this process.
async fn heed_loss(store: Arc<dyn Store>, fatal: CancellationToken, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        error = store.lost() => {
            tracing::error!(%error, "the database is lost to this process; stopping");
            fatal.cancel();
        }
    }
}

/// What was being moved when the process ended. A disabled webhook has nothing that is due, and a deleted one nothing at
/// all; what was being released or discarded is parked still, and what was to go out before its retry waits for that.
async fn unfinished_moves(
    store: &dyn Store,
    directory: &Directory,
) -> Result<Vec<(EndpointId, Move)>, StoreError> {
    let ownerless = store.pending_without_webhook().await?;
    let unparked = store.earliest_due(&directory.disabled_endpoints()).await?;
    let deletes = ownerless.into_iter().map(|id| (id, Move::Delete));
    Ok(deletes.chain(unparked.into_iter().map(|(id, _)| (id, Move::Park))).collect())
}

fn report_panic<T>(task: &str, result: Result<T, tokio::task::JoinError>) {
    if let Err(error) = result {
        tracing::error!(%error, "the {task} task ended early");
    }
}

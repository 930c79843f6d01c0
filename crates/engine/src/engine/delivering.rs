//! What writes and delivers, put together but not begun.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::ground::Ground;
use crate::activity::Tally;
use crate::clock::Clock;
use crate::cluster::Timing;
use crate::config::EngineConfig;
use crate::delivery::erased::Erased;
use crate::delivery::runtime::{AttemptContext, Message, Runtime, RuntimeParts};
use crate::delivery::scheduler::{Limits, Scheduler};
use crate::delivery::transport::Transport;
use crate::delivery::under_way::UnderWay;
use crate::delivery::writer::{Writer, WriterHandle, WriterParts, writer};
use crate::meters::Meters;
use crate::nodes::{Driver, DriverParts, Inputs, LookParts, Nodes, Told};
use crate::randomness::Randomness;
use crate::store::{EndpointId, Move, Store};
use crate::traces::Traces;

/// So many messages to the runtime wait before the writer does.
const RUNTIME_INBOX: usize = 8192;

/// So many hints of other nodes wait; those that find no room are not taken.
const TOLD_WAITING: usize = 1_024;

/// What begins empty, and several work with.
#[derive(Default)]
pub(super) struct Common {
    pub(super) under_way: Arc<UnderWay>,
    pub(super) tally: Arc<Tally>,
    pub(super) erased: Arc<Erased>,
    pub(super) meters: Arc<Meters>,
    pub(super) traces: Arc<Traces>,
}

/// By what everything ends.
pub(super) struct Stops {
    pub(super) fatal: CancellationToken,
    pub(super) stop: CancellationToken,
    /// Other nodes go on with everything; `stop` may follow.
    pub(super) leaving: CancellationToken,
    pub(super) writer: CancellationToken,
}

/// What it is made of.
pub(super) struct DeliveryParts<'a> {
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) config: &'a EngineConfig,
    pub(super) clock: &'a Clock,
    pub(super) ground: &'a Ground,
    pub(super) common: &'a Common,
    pub(super) nodes: &'a Arc<Nodes>,
    pub(super) transport: &'a Arc<dyn Transport>,
    pub(super) randomness: Randomness,
    pub(super) stops: Stops,
}

/// What there is with several nodes.
pub(super) struct OtherNodes {
    pub(super) driver: Driver,
    pub(super) look_parts: LookParts,
}

/// See the module.
pub(super) struct Delivery {
    pub(super) handle: WriterHandle,
    pub(super) writer: Writer,
    pub(super) runtime: Runtime,
    pub(super) others: Option<OtherNodes>,
    /// Hears of endpoints that other nodes have committed something for.
    pub(super) told: mpsc::Sender<Told>,
}

impl Delivery {
    pub(super) fn new(
        parts: DeliveryParts<'_>,
        inputs: Option<Inputs>,
        unfinished: Vec<(EndpointId, Move)>,
    ) -> Self {
        let (outbox, inbox) = mpsc::channel(RUNTIME_INBOX);
        let (told, hears) = mpsc::channel(TOLD_WAITING);
        let (handle, writer) = writer(parts.writer(outbox.clone(), unfinished));
        let others = inputs.map(|inputs| parts.others((&handle, &outbox), inputs, hears));
        let runtime = Runtime::new(parts.runtime(&handle, (inbox, outbox)));
        Self { handle, writer, runtime, others, told }
    }
}

impl DeliveryParts<'_> {
    fn writer(&self, runtime: mpsc::Sender<Message>, unfinished: Vec<(EndpointId, Move)>) -> WriterParts {
        let (ground, common) = (self.ground, self.common);
        WriterParts {
            store: Arc::clone(self.store),
            directory: Arc::clone(&ground.directory),
            ids: Arc::clone(&ground.ids),
            breaker: self.config.breaker,
            runtime,
            changes: Arc::clone(&ground.changes),
            feeds: Arc::clone(&ground.feeds),
            tally: Arc::clone(&common.tally),
            meters: Arc::clone(&common.meters),
            traces: Arc::clone(&common.traces),
            erased: Arc::clone(&common.erased),
            nodes: Arc::clone(self.nodes),
            api_keys: Arc::clone(&ground.api_keys),
            version: ground.version,
            unfinished,
            fatal: self.stops.fatal.clone(),
            is_winding_down: self.stops.stop.clone(),
            stop: self.stops.writer.clone(),
        }
    }

    fn others(
        &self,
        (writer, runtime): (&WriterHandle, &mpsc::Sender<Message>),
        inputs: Inputs,
        told: mpsc::Receiver<Told>,
    ) -> OtherNodes {
        let driver = Driver::new(DriverParts {
            nodes: Arc::clone(self.nodes),
            store: Arc::clone(self.store),
            directory: Arc::clone(&self.ground.directory),
            writer: writer.clone(),
            runtime: runtime.clone(),
            timing: Timing::of(self.config.lease_ms),
            clock: self.clock.clone(),
            inputs,
            stop: self.stops.leaving.clone(),
        });
        let look_parts = LookParts {
            nodes: Arc::clone(self.nodes),
            store: Arc::clone(self.store),
            directory: Arc::clone(&self.ground.directory),
            writer: writer.clone(),
            runtime: runtime.clone(),
            clock: self.clock.clone(),
            told,
            stop: self.stops.stop.clone(),
        };
        OtherNodes { driver, look_parts }
    }

    fn runtime(
        self,
        writer: &WriterHandle,
        (inbox, outbox): (mpsc::Receiver<Message>, mpsc::Sender<Message>),
    ) -> RuntimeParts {
        let (ground, common) = (self.ground, self.common);
        RuntimeParts {
            scheduler: Scheduler::new(limits(self.config)),
            clock: self.clock.clone(),
            store: Arc::clone(self.store),
            context: AttemptContext {
                transport: Arc::clone(self.transport),
                directory: Arc::clone(&ground.directory),
                writer: writer.clone(),
                clock: self.clock.clone(),
                randomness: self.randomness,
                retry: self.config.retry,
                under_way: Arc::clone(&common.under_way),
                erased: Arc::clone(&common.erased),
                changes: Arc::clone(&ground.changes),
                meters: Arc::clone(&common.meters),
                traces: Arc::clone(&common.traces),
                nodes: Arc::clone(self.nodes),
            },
            inbox,
            outbox,
            stop: self.stops.stop,
        }
    }
}

const fn limits(config: &EngineConfig) -> Limits {
    Limits {
        slots: config.slots,
        endpoint_slots: config.endpoint_slots,
        deadline_ms: config.retry.deadline_ms,
    }
}

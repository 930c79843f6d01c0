//! What is read from the store at the start.

use std::sync::Arc;

use groundswell_types::AuditId;

use crate::api_keys::ApiKeys;
use crate::changes::Changes;
use crate::clock::Clock;
use crate::config::EngineConfig;
use crate::directory::Directory;
use crate::feeds::Feeds;
use crate::health::CatchUp;
use crate::id::IdGenerator;
use crate::inbox::{InboxParts, Inboxes};
use crate::incidents::Incidents;
use crate::nodes::{Nodes, time};
use crate::randomness::Randomness;
use crate::store::{BootRecord, EndpointId, Move, SettingsVersion, Store, StoreError};

/// Starts of the process are remembered for longer than attempts are.
const BOOTS_KEPT_MS: i64 = 400 * 86_400_000;

/// What is read first, and everything else is built on.
pub(super) struct Ground {
    pub(super) directory: Arc<Directory>,
    pub(super) ids: Arc<IdGenerator>,
    pub(super) changes: Arc<Changes>,
    pub(super) inboxes: Arc<Inboxes>,
    pub(super) api_keys: Arc<ApiKeys>,
    pub(super) version: SettingsVersion,
    pub(super) feeds: Arc<Feeds>,
    pub(super) boots: Vec<BootRecord>,
    /// When the first of what waits at each endpoint is due.
    pub(super) due: Vec<(EndpointId, i64)>,
    pub(super) began: CatchUp,
    pub(super) incidents: Incidents,
}

impl Ground {
    pub(super) async fn read(
        (store, nodes): (&Arc<dyn Store>, &Arc<Nodes>),
        config: &EngineConfig,
        clock: &Clock,
        randomness: &Randomness,
    ) -> Result<Self, StoreError> {
        let version = match store.cluster() {
            Some(cluster) => {
                time::keep(clock, cluster).await?;
                // Before all else is read: what is changed from here on is read once more.
                cluster.changes(SettingsVersion(-1)).await?.version()
            }
            None => SettingsVersion::default(),
        };
        let directory = Arc::new(Directory::load(store.as_ref()).await?);
        let highest = store.highest_event_id().await?;
        let ids = IdGenerator::new(clock.clone(), randomness.clone(), highest);
        let ids = Arc::new(match store.cluster() {
            Some(cluster) => {
                ids.raise(cluster.enter().await?);
                ids.of_node(cluster.number())
            }
            None => ids,
        });
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
            nodes: Arc::clone(nodes),
            public_url: config.public_url.clone(),
        });
        let inboxes = Arc::new(inboxes.await?);
        let api_keys = Arc::new(ApiKeys::load(store.as_ref()).await?);
        let feeds = Arc::new(Feeds::new(ids.latest_event()));
        let now_ms = clock.now_ms();
        // Of several nodes the one that leads notes it.
        let boots = if store.cluster().is_some() {
            store.boots().await?
        } else {
            // Nobody else lives, and so nobody comes back to what was begun before. Among several nodes it may be under
            // way at another one: there it is left to [`Engine::keep_audit`].
            store.settle_audit(AuditId::from_number(i64::MAX)).await?;
            begin_boot(store.as_ref(), now_ms).await?
        };
        // Where there are several nodes, shards are read when they are taken.
        let due = match store.cluster() {
            Some(_) => Vec::new(),
            None => store.earliest_due(&directory.enabled_endpoints()).await?,
        };
        let began = CatchUp::count((store.as_ref(), &directory), &due, now_ms).await?;
        let incidents = Incidents::load(store.as_ref()).await?;
        Ok(Self { directory, ids, changes, inboxes, api_keys, version, feeds, boots, due, began, incidents })
    }
}

/// Notes the start of the process, or that another one ended in the middle of things; returns all starts that are remembered, oldest first.
pub(crate) async fn begin_boot(store: &dyn Store, now_ms: i64) -> Result<Vec<BootRecord>, StoreError> {
    store.begin_boot(now_ms, now_ms.saturating_sub(BOOTS_KEPT_MS)).await?;
    store.boots().await
}

/// What was being moved when the process ended. A disabled webhook has nothing that is due, and a deleted one nothing at
/// all; what was being released or discarded is parked still, and what was to go out before its retry waits for that.
pub(super) async fn unfinished_moves(
    store: &dyn Store,
    directory: &Directory,
) -> Result<Vec<(EndpointId, Move)>, StoreError> {
    if store.cluster().is_some() {
        return Ok(Vec::new());
    }
    let ownerless = store.pending_without_webhook().await?;
    let unparked = store.earliest_due(&directory.disabled_endpoints()).await?;
    let deletes = ownerless.into_iter().map(|id| (id, Move::Delete));
    Ok(deletes.chain(unparked.into_iter().map(|(id, _)| (id, Move::Park))).collect())
}

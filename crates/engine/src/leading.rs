//! What only one process does for all: what concerns a whole program or the whole server. Alone it is this one; of several it
//! is the one that leads, for as long as it does.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use groundswell_types::{Change, DeliveryId, ProgramId};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cluster::NodeId;
use crate::engine::{Engine, begin_boot, report_panic};
use crate::error::EngineError;
use crate::health::{self, CatchUp};
use crate::nodes::{KeyUse, Peers, Told, Word};
use crate::store::{ClusterStore, EndpointId, EndpointRecord, NodeAddress};
use crate::{emitted, erasures, incidents, resends, retention, telling};

/// After what could not be read.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// A webhook that was to be disabled so long ago is not disabled any more: if it still is as it was, its next attempt says so
/// again. More than clocks of two nodes may differ by.
const DISABLING_LIMIT_MS: i64 = 10 * 60 * 1_000;

type Task = (&'static str, JoinHandle<()>);

/// Does it whenever it is this process's to do, until stopped. `began`: what was due at the start.
pub(crate) async fn run(engine: Arc<Engine>, began: CatchUp, stop: CancellationToken) {
    // Of the time until it leads again another node tells.
    let mut first = Some(began);
    let mut lead = engine.nodes.lead();
    while !stop.is_cancelled() {
        lead.borrow_and_update();
        if !engine.nodes.leads() {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                _ = lead.changed() => {}
                () = retention::run_beside(&engine, &stop) => {}
            }
            continue;
        }
        engine.nodes.set_lead_quiet(false);
        if let Err(error) = engine.begin_leading().await {
            tracing::warn!(%error, "this node leads, and cannot read yet what it needs for that");
            engine.nodes.set_lead_quiet(true);
            tokio::time::sleep(RETRY_WAIT).await;
            continue;
        }
        let over = stop.child_token();
        let began = first.take().unwrap_or_else(|| CatchUp::nothing(engine.now_ms()));
        let tasks = begin(&engine, began, &over);
        engine.is_leading.send_replace(true);
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            _ = lead.changed() => {}
        }
        engine.is_leading.send_replace(false);
        over.cancel();
        for (name, task) in tasks {
            report_panic(name, task.await);
        }
        if engine.leaving.is_cancelled() {
            engine.end_leading().await;
        }
        engine.nodes.set_lead_quiet(true);
    }
}

fn begin(engine: &Arc<Engine>, began: CatchUp, over: &CancellationToken) -> Vec<Task> {
    let whole = || Arc::clone(engine);
    vec![
        ("resends", tokio::spawn(resends::run(whole(), over.clone()))),
        ("erasures", tokio::spawn(erasures::run(whole(), over.clone()))),
        ("retention", tokio::spawn(retention::run(whole(), over.clone()))),
        ("health", tokio::spawn(health::run(whole(), began, over.clone()))),
        ("incidents", tokio::spawn(incidents::run(whole(), over.clone()))),
        ("emitted", tokio::spawn(emitted::run(whole(), over.clone()))),
        ("vanished", tokio::spawn(note_vanished(whole(), over.clone()))),
        ("telling", tokio::spawn(telling::run(whole(), over.clone()))),
    ]
}

/// Notes whenever a node has vanished.
async fn note_vanished(engine: Arc<Engine>, over: CancellationToken) {
    let mut vanished = engine.nodes.vanished();
    // Those of before were noted when this node began to lead.
    vanished.mark_unchanged();
    loop {
        tokio::select! {
            biased;
            () = over.cancelled() => return,
            changed = vanished.changed() => if changed.is_err() { return },
        }
        if let Err(error) = engine.note_boot().await {
            tracing::warn!(%error, "that a node has vanished was not noted");
        }
    }
}

impl Engine {
    /// Whether this process does what concerns a whole program or the whole server. Where it does not, whoever is asked for
    /// that passes the request on to [`Engine::leader`].
    pub fn is_leading(&self) -> bool {
        !self.nodes.served.is_shared() || *self.is_leading.borrow()
    }

    /// Returns as soon as this process does not lead, which may be at once; never where it is the only one.
    pub async fn lead_is_over(&self) {
        if !self.nodes.served.is_shared() {
            return std::future::pending().await;
        }
        // It fails when there is no engine any more.
        let _ = self.is_leading.subscribe().wait_for(|is_leading| !is_leading).await;
    }

    /// The node that leads, as far as is known; `None` while there is none, or this is it.
    pub fn leader(&self) -> tokio::sync::watch::Receiver<Option<NodeAddress>> {
        self.nodes.leader()
    }

    /// Whether a node lives.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn is_alive(&self, node: NodeId) -> Result<bool, EngineError> {
        self.nodes.lives(&self.store, node).await
    }

    /// Others are to lead and deliver from now on: this process is about to stop. It finishes what it is at.
    pub fn leave(&self) {
        self.leaving.cancel();
    }

    /// Whether other nodes are known of.
    pub fn has_other_nodes(&self) -> bool {
        self.nodes.has_others()
    }

    /// How many shards it delivers to.
    pub fn shards(&self) -> usize {
        self.nodes.served.shards()
    }

    /// Has it looked soon who leads.
    pub fn look_again(&self) {
        self.nodes.look_again();
    }

    /// Tells other nodes how much of keys' limits was used here; some may not hear it. Nothing happens where there are none.
    pub fn say_used(&self, used: impl FnOnce() -> Vec<KeyUse>) {
        if self.nodes.has_others() {
            let used = used();
            if !used.is_empty() {
                self.nodes.say_used(used);
            }
        }
    }

    /// Which of these deliveries have an attempt under way here, and after how many others.
    pub fn under_way_here(&self, deliveries: &[DeliveryId]) -> Vec<(DeliveryId, i64)> {
        self.under_way.among(deliveries).into_iter().collect()
    }

    /// From now on others can be spoken to.
    pub fn set_peers(&self, peers: Arc<dyn Peers>) {
        self.nodes.set_peers(peers);
    }

    /// A node begins to lead, or one has vanished in the middle of things: what was tried before may have been sent.
    async fn note_boot(&self) -> Result<(), EngineError> {
        let boots = begin_boot(self.store.as_ref(), self.clock.now_ms()).await?;
        *self.boots.write().unwrap_or_else(PoisonError::into_inner) = boots.into();
        Ok(())
    }

    /// The next one to lead finds everything in order.
    async fn end_leading(&self) {
        if self.store.cluster().is_some()
            && let Err(error) = self.store.end_boot().await
        {
            tracing::warn!(%error, "the end of the process was not noted");
        }
    }

    /// Reads what another node may have changed since this one last looked.
    pub(crate) async fn begin_leading(&self) -> Result<(), EngineError> {
        let Some(cluster) = self.store.cluster() else { return Ok(()) };
        self.writer.catch_up().await?;
        self.api_keys.read_again(self.store.as_ref()).await?;
        self.inboxes.read_again().await?;
        self.incidents.read_again(self.store.as_ref()).await?;
        self.read_health(cluster, self.directory.all_endpoints()).await?;
        self.note_boot().await
    }

    /// Hears what another node says.
    pub async fn hear(&self, word: Word) -> Result<(), EngineError> {
        match word {
            Word::Look => self.nodes.look_again(),
            Word::Waiting(endpoints) => {
                // What is not taken is found by looking.
                self.told.try_send(Told::Waiting(endpoints)).map_err(|_| EngineError::Overloaded)?;
            }
            Word::Late(due) => self.told.try_send(Told::Late(due)).map_err(|_| EngineError::Overloaded)?,
            Word::Settings => self.writer.catch_up().await?,
            Word::Erasing(events, deliveries) => self.stop_sending(events, &deliveries).await?,
            Word::News(news) => self.hear_news(news).await?,
            Word::Disable(endpoint, kind, at_ms) => {
                let live = self.directory.endpoint(endpoint).ok_or(EngineError::NotFound("webhook"))?;
                self.must_lead()?;
                if is_stale(&live.record, at_ms, self.clock.now_ms()) {
                    return Ok(());
                }
                self.writer.disable(&live.record.program_id, (endpoint, kind, at_ms)).await?;
            }
            Word::Move(endpoint, kind) => {
                if !self.nodes.served.has(endpoint) {
                    return Err(EngineError::Away);
                }
                self.writer.resume(vec![(endpoint, kind)]).await;
            }
            // Whoever counts requests has heard it, or has answered.
            Word::Used(..) | Word::UnderWay(_) => {}
        }
        Ok(())
    }

    /// Something has happened to programs at another node: how their webhooks are doing is read again, and pages are told.
    async fn hear_news(&self, news: Vec<(ProgramId, Change)>) -> Result<(), EngineError> {
        let Some(cluster) = self.store.cluster() else { return Ok(()) };
        let programs: Vec<_> =
            news.iter().filter_map(|(id, change)| Some((self.directory.program(id)?, *change))).collect();
        let endpoints = programs.iter().flat_map(|(entry, _)| &entry.endpoints).map(|one| one.record.id);
        self.read_health(cluster, endpoints.collect()).await?;
        self.changes.tell(programs.iter().map(|(entry, change)| (entry.flow, *change)));
        Ok(())
    }

    /// Reads how those of these webhooks are doing that other nodes deliver to, which nobody else writes here.
    async fn read_health(
        &self,
        cluster: &dyn ClusterStore,
        mut endpoints: Vec<EndpointId>,
    ) -> Result<(), EngineError> {
        endpoints.retain(|id| !self.nodes.served.has(*id));
        endpoints.sort_unstable();
        endpoints.dedup();
        let health = cluster.health_of(&endpoints).await?;
        self.directory.set_health(&health);
        Ok(())
    }

    fn must_lead(&self) -> Result<(), EngineError> {
        if self.is_leading() { Ok(()) } else { Err(EngineError::Away) }
    }
}

/// Whether a webhook was disabled since it was found that it ought to be, and is enabled again; or that was long ago.
fn is_stale(webhook: &EndpointRecord, found_ms: i64, now_ms: i64) -> bool {
    webhook.parked_at_ms.is_some_and(|disabled_ms| disabled_ms >= found_ms)
        || found_ms < now_ms - DISABLING_LIMIT_MS
}

#[cfg(test)]
mod tests {
    use groundswell_types::{WebhookHeaders, WebhookId};

    use super::*;
    use crate::store::EndpointId;

    fn webhook(parked_at_ms: Option<i64>) -> EndpointRecord {
        EndpointRecord {
            id: EndpointId(1),
            program_id: ProgramId::parse("p1").expect("an id"),
            public_id: WebhookId::parse("primary").expect("an id"),
            url: String::new(),
            events: Vec::new(),
            is_enabled: true,
            auto_disabled: false,
            secret: None,
            created_at_ms: 0,
            parked_at_ms,
            timeout: None,
            headers: WebhookHeaders::default(),
            old_secret: None,
            name: None,
        }
    }

    #[test]
    fn a_webhook_that_was_disabled_meanwhile_is_not_disabled_by_what_was_found_before() {
        const FOUND_MS: i64 = 1_000_000;
        assert!(!is_stale(&webhook(None), FOUND_MS, FOUND_MS + 2_000));
        assert!(!is_stale(&webhook(Some(FOUND_MS - 1)), FOUND_MS, FOUND_MS + 2_000));
        assert!(is_stale(&webhook(Some(FOUND_MS)), FOUND_MS, FOUND_MS + 2_000), "it is enabled again");
        assert!(!is_stale(&webhook(None), FOUND_MS, FOUND_MS - 60_000), "its node's clock is ahead");
        assert!(is_stale(&webhook(None), FOUND_MS, FOUND_MS + DISABLING_LIMIT_MS + 1));
    }
}

//! Telling those who follow where several nodes accept.
//!
//! Each node says with its commits up to where its events are settled: what it commits later has higher ids. Up to the lowest of
//! these everything is there that ever will be, whoever accepted it, so that is told, in the order of ids, and nothing above it. It
//! is read from the database, before the events are; so an id that was told by one node is a place to go on behind at any other.
//! A node that has nothing to commit says it all the same, four times a second; without one whose time is over the others go on,
//! and should it come back, it cannot commit what has a lower id (`ClusterStore::retire`).

use std::sync::Arc;
use std::time::Duration;

use groundswell_types::EventId;
use tokio_util::sync::CancellationToken;

use super::Feeds;
use crate::clock::Stopwatch;
use crate::store::{ClusterStore, Store, StoreError};

/// How often it is looked what other nodes have accepted while somebody follows.
const EVERY: Duration = Duration::from_millis(250);

/// How often it is tried to go on without nodes that are not heard of.
const RETIRE_EVERY: Duration = Duration::from_secs(1);

/// Events of all programs that are told of at once.
const AT_ONCE: usize = 1_000;

/// Tells for as long as somebody follows, until stopped.
pub(crate) async fn run(feeds: Arc<Feeds>, store: Arc<dyn Store>, stop: CancellationToken) {
    let Some(cluster) = store.cluster() else { return };
    let mut is_away = false;
    loop {
        let is_followed = feeds.is_followed();
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = feeds.news.notified() => {}
            () = tokio::time::sleep(EVERY), if is_followed => {}
        }
        if !feeds.is_followed() {
            continue;
        }
        let looked = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            looked = feeds.look(cluster) => looked,
        };
        match looked {
            Ok(()) => is_away = false,
            Err(error) => {
                if !std::mem::replace(&mut is_away, true) {
                    tracing::warn!(%error, "those who follow programs are told nothing until the database answers");
                }
                tokio::time::sleep(EVERY).await;
            }
        }
    }
}

impl Feeds {
    /// There may be something to tell: something was committed, or settled.
    pub(crate) fn wake(&self) {
        if self.is_followed() {
            self.news.notify_one();
        }
    }

    /// Tells everything that is settled and was not told yet. Where nobody has followed for a while it begins at what is
    /// the newest by now.
    pub(super) async fn look(&self, cluster: &dyn ClusterStore) -> Result<(), StoreError> {
        let _turn = self.telling.lock().await;
        let Some(settled) = cluster.settled().await? else { return Ok(()) };
        if !settled.silent.is_empty() && self.may_retire() {
            tracing::warn!(nodes = ?settled.silent, "those who follow programs are told without waiting for nodes that are not heard of");
            if let Err(error) = cluster.retire(&settled.silent).await {
                tracing::info!(%error, "they are waited for until that can be written");
            }
        }
        let (is_behind, mut told_to) = self.place();
        if is_behind {
            let newest = cluster.newest_up_to(settled.to).await?;
            let mut state = self.lock();
            state.told_to = state.told_to.max(newest);
            state.is_behind = false;
            return Ok(());
        }
        loop {
            let events = cluster.accepted_between(told_to, settled.to, AT_ONCE).await?;
            let Some((last, _)) = events.last() else { return Ok(()) };
            told_to = *last;
            self.remember(events.iter().map(|(id, program)| (program, *id)));
            if events.len() < AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Not with each commit, of which there may be hundreds a second.
    fn may_retire(&self) -> bool {
        let mut state = self.lock();
        let may = state.retired.as_ref().is_none_or(|since| since.elapsed() >= RETIRE_EVERY);
        if may {
            state.retired = Some(Stopwatch::start());
        }
        may
    }

    /// Of everything up to there it was told.
    pub(super) fn told_to(&self) -> EventId {
        self.lock().told_to
    }

    fn place(&self) -> (bool, EventId) {
        let state = self.lock();
        (state.is_behind, state.told_to)
    }
}

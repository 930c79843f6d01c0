//! Telling other nodes at once of what was committed for their endpoints. While one is being told, what is new gathers.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use groundswell_types::{Change, ProgramId};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Nodes, Word};
use crate::cluster::NodeId;
use crate::store::EndpointId;

/// So many endpoints are told of at once; the others next.
pub(super) const AT_ONCE: usize = 2_000;

/// Pages are told of news so often at most.
const NEWS_EVERY: Duration = Duration::from_millis(250);

/// So much news is kept while the node that leads does not hear it. A page that is never told of something shows it once its program
/// changes again, or its stream is opened again.
const NEWS_KEPT: usize = 10_000;

/// What is to be told, by node.
#[derive(Debug, Default)]
pub(super) struct Hints {
    gathered: Mutex<BTreeMap<NodeId, BTreeSet<EndpointId>>>,
    are_there: Notify,
    /// For the node that leads.
    news: Mutex<HashSet<(ProgramId, Change)>>,
}

impl Hints {
    /// What people may be looking at at the node that leads.
    pub(super) fn add_news<'a>(&self, news: impl Iterator<Item = (&'a ProgramId, Change)>) {
        let mut gathered = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        for (program, change) in news {
            // Most of a commit is about the same program.
            if !gathered.contains(&(program.clone(), change)) {
                gathered.insert((program.clone(), change));
            }
        }
    }

    fn take_news(&self) -> Vec<(ProgramId, Change)> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }

    /// What was not heard is said again, as far as there is room.
    fn put_back(&self, news: Vec<(ProgramId, Change)>) {
        let mut gathered = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let room = NEWS_KEPT.saturating_sub(gathered.len());
        gathered.extend(news.into_iter().take(room));
    }

    pub(super) fn add(&self, hints: impl IntoIterator<Item = (NodeId, EndpointId)>) {
        let mut gathered = self.lock();
        for (node, endpoint) in hints {
            gathered.entry(node).or_default().insert(endpoint);
        }
        drop(gathered);
        self.are_there.notify_one();
    }

    /// For the nodes that are not being told just now.
    fn take(&self, busy: &BTreeSet<NodeId>) -> Vec<(NodeId, Vec<EndpointId>)> {
        let mut gathered = self.lock();
        let free: Vec<NodeId> = gathered.keys().filter(|node| !busy.contains(node)).copied().collect();
        let mut taken = Vec::with_capacity(free.len());
        for node in free {
            let Some(mut endpoints) = gathered.remove(&node) else { continue };
            if let Some(first_left) = endpoints.iter().nth(AT_ONCE).copied() {
                gathered.insert(node, endpoints.split_off(&first_left));
            }
            taken.push((node, endpoints.into_iter().collect()));
        }
        taken
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeId, BTreeSet<EndpointId>>> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells, until stopped. What is not heard is found by those it is for.
pub(super) async fn run(nodes: Arc<Nodes>, stop: CancellationToken) {
    let mut told = tokio::task::JoinSet::new();
    let mut busy = BTreeSet::new();
    let mut telling = None;
    let mut news = tokio::time::interval(NEWS_EVERY);
    news.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(node) = told.join_next(), if !told.is_empty() => {
                if let Ok(node) = node {
                    busy.remove(&node);
                }
            }
            () = nodes.hints.are_there.notified() => {}
            _ = news.tick() => if telling.as_ref().is_none_or(JoinHandle::is_finished) {
                telling = tell_news(&nodes);
            },
        }
        for (node, endpoints) in nodes.hints.take(&busy) {
            busy.insert(node);
            let nodes = Arc::clone(&nodes);
            told.spawn(async move {
                if let Err(error) = nodes.say(Some(node), &Word::Waiting(endpoints)).await {
                    tracing::debug!(%error, %node, "a node was not told what waits for it");
                }
                node
            });
        }
    }
}

fn tell_news(nodes: &Arc<Nodes>) -> Option<JoinHandle<()>> {
    let news = nodes.hints.take_news();
    if news.is_empty() || nodes.leads() {
        return None;
    }
    let own = Arc::clone(nodes);
    Some(nodes.tasks.spawn(async move {
        let word = Word::News(news);
        if let Err(error) = own.say_to_leader(&word).await {
            tracing::debug!(%error, "the node that leads was not told what pages may show");
            if let Word::News(news) = word {
                own.hints.put_back(news);
            }
        }
    }))
}

//! Programs and live webhooks in memory, for the hot path. The writer task changes it right after the commit that
//! changed the store; everybody else reads.

mod health;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use groundswell_types::{EventKind, PayloadUrl, ProgramId, WebhookId};
use url::Url;

use self::health::KeptHealth;

use crate::delivery::breaker::Gate;
use crate::delivery::own_headers::OwnHeaders;
use crate::delivery::scheduler::FlowId;
use crate::store::{
    EndpointId, EndpointRecord, HealthRecord, OldSecretChange, ProgramChange, ProgramRecord, SettingsChange,
    Store, StoreError, WebhooksChange,
};

/// A live webhook, ready to be sent to.
#[derive(Debug)]
pub struct Endpoint {
    pub record: EndpointRecord,
    /// The URL as it is requested; none when what is stored is no longer accepted.
    pub url: Option<Url>,
    /// Its own headers as they are sent.
    pub headers: OwnHeaders,
    /// Its program's number, for fairness.
    pub flow: FlowId,
}

/// A server may have a hundred thousand. With the counts of an [`Arc`] it fits into the 384 bytes that the allocator has for it.
const _: () = assert!(size_of::<Endpoint>() <= 384 - 2 * size_of::<usize>());

/// A program with its live webhooks, oldest first.
#[derive(Debug, Clone)]
pub struct ProgramEntry {
    pub record: ProgramRecord,
    /// A number of its own, for as long as the process runs.
    pub flow: FlowId,
    pub endpoints: Vec<Arc<Endpoint>>,
}

impl ProgramEntry {
    /// The live webhook with this public id.
    pub fn webhook(&self, id: &WebhookId) -> Option<&Arc<Endpoint>> {
        self.endpoints.iter().find(|endpoint| endpoint.record.public_id == *id)
    }

    /// The webhooks that get an event.
    pub fn subscribed(&self, kind: EventKind) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.endpoints.iter().filter(move |endpoint| endpoint.record.events.contains(&kind))
    }
}

/// All programs.
#[derive(Debug, Default)]
pub struct Directory {
    programs: RwLock<HashMap<ProgramId, Arc<ProgramEntry>>>,
    endpoints: RwLock<HashMap<EndpointId, Arc<Endpoint>>>,
    /// Of endpoints that were tried.
    health: RwLock<HashMap<EndpointId, Box<KeptHealth>>>,
    next_flow: AtomicU32,
}

impl Directory {
    /// Reads everything from the store.
    pub async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let directory = Self::default();
        for record in store.programs().await? {
            directory.add(record);
        }
        let mut of_program: HashMap<FlowId, (Arc<ProgramEntry>, Vec<Arc<Endpoint>>)> = HashMap::new();
        for record in store.endpoints().await? {
            if let Some(entry) = directory.program(&record.program_id) {
                let endpoint = directory.admit(record, entry.flow);
                of_program.entry(entry.flow).or_insert_with(|| (entry, Vec::new())).1.push(endpoint);
            }
        }
        for (entry, endpoints) in of_program.into_values() {
            directory.put(ProgramEntry { endpoints, ..ProgramEntry::clone(&entry) });
        }
        directory.set_health(&store.health().await?);
        Ok(directory)
    }

    /// One program.
    pub fn program(&self, id: &ProgramId) -> Option<Arc<ProgramEntry>> {
        self.programs.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All programs, newest first.
    pub fn programs(&self) -> Vec<Arc<ProgramEntry>> {
        let mut all: Vec<_> =
            self.programs.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        all.sort_by(|a, b| {
            (b.record.created_at_ms, b.record.id.as_str())
                .cmp(&(a.record.created_at_ms, a.record.id.as_str()))
        });
        all
    }

    /// One live webhook.
    pub fn endpoint(&self, id: EndpointId) -> Option<Arc<Endpoint>> {
        self.endpoints.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// The enabled webhooks of all programs, sorted.
    pub fn enabled_endpoints(&self) -> Vec<EndpointId> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let enabled = endpoints.iter().filter(|(_, endpoint)| endpoint.record.is_enabled);
        sorted(enabled.map(|(id, _)| *id))
    }

    /// All webhooks.
    pub fn all_endpoints(&self) -> Vec<EndpointId> {
        self.programs()
            .iter()
            .flat_map(|entry| entry.endpoints.iter().map(|one| one.record.id).collect::<Vec<_>>())
            .collect()
    }

    /// The disabled webhooks of all programs, sorted.
    pub fn disabled_endpoints(&self) -> Vec<EndpointId> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let disabled = endpoints.iter().filter(|(_, endpoint)| !endpoint.record.is_enabled);
        sorted(disabled.map(|(id, _)| *id))
    }

    /// How a webhook has been doing.
    pub fn health(&self, id: EndpointId) -> HealthRecord {
        self.health
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .map_or_else(HealthRecord::default, |health| health.record())
    }

    /// Webhooks that were disabled, and when last, Unix milliseconds; sorted.
    pub fn parked(&self) -> Vec<(EndpointId, i64)> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let parked = endpoints.iter().filter_map(|(id, one)| Some((*id, one.record.parked_at_ms?)));
        let mut parked: Vec<_> = parked.collect();
        parked.sort_unstable();
        parked
    }

    /// Webhooks whose old secret has ended by this time, Unix milliseconds; sorted.
    pub fn ended_secrets(&self, now_ms: i64) -> Vec<EndpointId> {
        let endpoints = self.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        let has_ended =
            |one: &Endpoint| one.record.old_secret.as_ref().is_some_and(|old| old.ends_at_ms <= now_ms);
        sorted(endpoints.iter().filter(|(_, one)| has_ended(one)).map(|(id, _)| *id))
    }

    /// The endpoints that are held or paused, and how; sorted.
    pub fn gates(&self) -> Vec<(EndpointId, Gate)> {
        let health = self.health.read().unwrap_or_else(PoisonError::into_inner);
        let gates = health.iter().map(|(id, health)| (*id, health.record().gate()));
        let mut gates: Vec<_> = gates.filter(|(_, gate)| *gate != Gate::default()).collect();
        gates.sort_unstable_by_key(|(id, _)| *id);
        gates
    }

    /// Notes how webhooks have been doing. Called by the writer alone.
    pub(crate) fn set_health(&self, changes: &[(EndpointId, HealthRecord)]) {
        if !changes.is_empty() {
            let mut all = self.health.write().unwrap_or_else(PoisonError::into_inner);
            for (id, health) in changes {
                let kept = KeptHealth::of(health);
                match all.get_mut(id) {
                    Some(place) => **place = kept,
                    None => _ = all.insert(*id, Box::new(kept)),
                }
            }
        }
    }

    /// Takes over a committed change. Called by the writer alone.
    pub(crate) fn take_over(&self, change: &SettingsChange) {
        match change {
            SettingsChange::CreateProgram(record) => {
                self.add(record.clone());
            }
            SettingsChange::UpdateProgram(ProgramChange { id, name, status, retention }) => {
                if let Some(entry) = self.program(id) {
                    let record = ProgramRecord {
                        name: name.clone(),
                        status: *status,
                        retention: *retention,
                        ..entry.record.clone()
                    };
                    self.put(ProgramEntry { record, ..ProgramEntry::clone(&entry) });
                }
            }
            SettingsChange::Webhooks(change) => self.take_over_webhooks(change),
            SettingsChange::OldSecret(change) => self.take_over_old_secret(change),
        }
    }

    /// Takes over a program with its webhooks as another node has left them. Called by the writer alone.
    pub(crate) fn replace(&self, record: ProgramRecord, endpoints: Vec<EndpointRecord>) -> FlowId {
        let before = self.program(&record.id);
        let flow = before
            .as_ref()
            .map_or_else(|| FlowId(self.next_flow.fetch_add(1, Ordering::Relaxed)), |entry| entry.flow);
        let endpoints: Vec<_> = endpoints.into_iter().map(|one| self.admit(one, flow)).collect();
        {
            let mut all = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
            let mut health = self.health.write().unwrap_or_else(PoisonError::into_inner);
            for gone in before.iter().flat_map(|entry| &entry.endpoints) {
                let id = gone.record.id;
                if !endpoints.iter().any(|one| one.record.id == id) {
                    all.remove(&id);
                    health.remove(&id);
                }
            }
        }
        self.put(ProgramEntry { record, flow, endpoints });
        flow
    }

    fn take_over_webhooks(&self, change: &WebhooksChange) {
        let Some(entry) = self.program(&change.program_id) else { return };
        let mut endpoints = entry.endpoints.clone();
        endpoints.retain(|endpoint| !change.deletes.contains(&endpoint.record.id));
        for record in &change.upserts {
            let admitted = self.admit(record.clone(), entry.flow);
            match endpoints.iter_mut().find(|endpoint| endpoint.record.id == record.id) {
                Some(place) => *place = admitted,
                None => endpoints.push(admitted),
            }
        }
        {
            let mut all = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
            let mut health = self.health.write().unwrap_or_else(PoisonError::into_inner);
            for id in &change.deletes {
                all.remove(id);
                health.remove(id);
            }
        }
        let record = ProgramRecord { webhooks_version: change.version, ..entry.record.clone() };
        self.put(ProgramEntry { record, endpoints, flow: entry.flow });
    }

    fn take_over_old_secret(&self, change: &OldSecretChange) {
        let Some(entry) = self.program(&change.program_id) else { return };
        let mut endpoints = entry.endpoints.clone();
        if let Some(place) = endpoints.iter_mut().find(|endpoint| endpoint.record.id == change.endpoint_id) {
            let record = EndpointRecord { old_secret: change.old_secret.clone(), ..place.record.clone() };
            *place = self.admit(record, entry.flow);
        }
        self.put(ProgramEntry { endpoints, ..ProgramEntry::clone(&entry) });
    }

    fn add(&self, record: ProgramRecord) {
        let flow = FlowId(self.next_flow.fetch_add(1, Ordering::Relaxed));
        self.put(ProgramEntry { record, flow, endpoints: Vec::new() });
    }

    fn admit(&self, record: EndpointRecord, flow: FlowId) -> Arc<Endpoint> {
        let url = PayloadUrl::parse(&record.url).ok().map(|url| url.url().clone());
        let headers = OwnHeaders::from(&record.headers);
        let endpoint = Arc::new(Endpoint { record, url, headers, flow });
        let mut all = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(endpoint.record.id, Arc::clone(&endpoint));
        endpoint
    }

    fn put(&self, entry: ProgramEntry) {
        let mut programs = self.programs.write().unwrap_or_else(PoisonError::into_inner);
        programs.insert(entry.record.id.clone(), Arc::new(entry));
    }
}

/// What is done for many webhooks is done in an order that does not change from one start to the next.
fn sorted(ids: impl Iterator<Item = EndpointId>) -> Vec<EndpointId> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids
}

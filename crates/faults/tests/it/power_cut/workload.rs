//! Random transactions of every kind on the real store, with checkpoints and restarts between them.

use std::path::Path;

use bytes::Bytes;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::store::{
    Accept, After, AttemptRecord, Batch, DraftRecord, EndpointId, EndpointRecord, Forget, HealthRecord,
    Idempotency, Move, MoveStep, Outcome, PARKED_DUE_MS, Pending, PendingKey, ProgramRecord, SettingsChange,
    Store, Target, WebhooksChange,
};
use groundswell_faults::Disk;
use groundswell_types::editor::ChangedBy;
use groundswell_types::{
    Currency, DeliveryId, EventId, EventKind, FailureClass, ProgramId, ProgramStatus, ProgramType, Secret,
    WebhookHeaders, WebhookId,
};
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::judge::{difference, digest};
use super::ledger::{Ledger, Milestone};

const ENDPOINTS: [i64; 3] = [1, 2, 3];

/// Small, so that the log is copied and begun anew again and again.
const CHECKPOINT_PAGES: u32 = 30;

pub fn database(directory: &Path) -> std::path::PathBuf {
    directory.join("groundswell.db")
}

pub async fn open(directory: &Path) -> Result<Sqlite, groundswell_engine::store::StoreError> {
    let options = Options { readers: 1, checkpoint_pages: CHECKPOINT_PAGES, ..crate::options() };
    Sqlite::open(&database(directory), options).await
}

/// Does so many things, and returns what was acknowledged when.
pub async fn run(directory: &Path, disk: &Disk, steps: usize, seed: u64) -> Vec<Milestone> {
    let store = open(directory).await.expect("the database opens");
    let empty =
        Milestone { position: 0, digest: digest(directory).expect("reads"), ledger: Ledger::default() };
    let mut workload = Workload {
        directory,
        disk,
        store,
        rng: SmallRng::seed_from_u64(seed),
        ledger: Ledger::default(),
        parked: [false; ENDPOINTS.len()],
        now_ms: 1_000_000,
        webhooks_version: 0,
        draft_version: 0,
        milestones: vec![empty],
    };
    workload.set_up().await;
    for _ in 0..steps {
        workload.step().await;
    }
    workload.store.close().await;
    workload.milestones
}

struct Workload<'a> {
    directory: &'a Path,
    disk: &'a Disk,
    store: Sqlite,
    rng: SmallRng,
    ledger: Ledger,
    parked: [bool; ENDPOINTS.len()],
    now_ms: i64,
    webhooks_version: i64,
    draft_version: i64,
    milestones: Vec<Milestone>,
}

impl Workload<'_> {
    /// What was just done is acknowledged. The store's own answers are held against the ledger here; a crash state need
    /// only be the same row by row.
    async fn acknowledge(&mut self) {
        let position = self.disk.position();
        assert_eq!(difference(&self.store, &self.ledger).await, None);
        let digest = digest(self.directory).expect("the database is read");
        self.milestones.push(Milestone { position, digest, ledger: self.ledger.clone() });
    }

    async fn set_up(&mut self) {
        let program = ProgramRecord {
            id: program(),
            team_id: groundswell_types::TeamId::first(),
            name: "Pied Piper".to_owned(),
            kind: ProgramType::Referral,
            status: ProgramStatus::InProgress,
            currency: Currency::default(),
            created_at_ms: self.now_ms,
            webhooks_version: 0,
            retention: None,
        };
        self.store.apply(&SettingsChange::CreateProgram(program)).await.expect("commits");
        self.acknowledge().await;
        let upserts = (0..ENDPOINTS.len()).map(|place| self.webhook(place)).collect();
        self.change(|change| change.upserts = upserts).await;
    }

    async fn step(&mut self) {
        self.now_ms += self.rng.random_range(1..500);
        match self.rng.random_range(0..100) {
            0..66 => self.commit().await,
            66..73 => self.move_rows().await,
            73..83 => self.forget().await,
            83..88 => self.save_draft().await,
            88..94 => self.store.checkpoint().await.expect("copies"),
            _ => {
                self.store.close().await;
                self.store = open(self.directory).await.expect("opens again");
            }
        }
    }

    /// One transaction of the hot path: events, outcomes, health.
    async fn commit(&mut self) {
        let ledger = self.ledger.clone();
        let accepts: Vec<Accept> = (0..self.rng.random_range(0..5)).map(|_| self.accept()).collect();
        let outcomes: Vec<Outcome> =
            (0..self.rng.random_range(0..8)).filter_map(|_| self.outcome()).collect();
        let health = HealthRecord { last_success_at_ms: Some(self.now_ms), ..HealthRecord::default() };
        let batch =
            Batch { accepts, outcomes, health: vec![(EndpointId(ENDPOINTS[0]), health)], ..Batch::default() };
        // Ended or moved by an outcome above; events come on top of what was there.
        let after = std::mem::replace(&mut self.ledger, ledger);
        self.store.commit(&batch).await.expect("commits");
        self.ledger = after;
        self.acknowledge().await;
    }

    fn accept(&mut self) -> Accept {
        let number = self.now_ms * 100 + i64::try_from(self.ledger.bodies.len() % 100).expect("small");
        let last = self.ledger.bodies.keys().next_back().map_or(0, |id| id.number());
        let event_id = EventId::from_number(number.max(last + 1));
        // Some go over several pages.
        let most = if self.rng.random_bool(0.05) { 12_000 } else { 400 };
        let fill = self.rng.random();
        let body = Bytes::from(vec![fill; self.rng.random_range(10..most)]);
        let targets: Vec<Target> = ENDPOINTS
            .iter()
            .zip(self.parked)
            .filter(|_| self.rng.random_bool(0.6))
            .map(|(id, is_parked)| Target { endpoint_id: EndpointId(*id), is_parked })
            .collect();
        let accept = Accept {
            event_id,
            program_id: program(),
            kind: EventKind::NewParticipantAdded,
            occurred_at_ms: self.now_ms,
            accepted_at_ms: self.now_ms,
            expires_at_ms: self.now_ms + 1_000_000,
            body: body.clone(),
            targets,
            idempotency: self.rng.random_bool(0.3).then(|| Idempotency {
                key: format!("key of {event_id}"),
                content_hash: [fill; 32],
                valid_since_ms: 0,
            }),
        };
        self.ledger.bodies.insert(event_id, body);
        for (slot, target) in (0..).zip(&accept.targets) {
            let id = DeliveryId::new(event_id, slot);
            let due_at_ms = if target.is_parked { PARKED_DUE_MS } else { self.now_ms };
            let key = PendingKey { endpoint_id: target.endpoint_id, due_at_ms, delivery_id: id };
            let row = Pending {
                key,
                attempts: 0,
                accepted_at_ms: self.now_ms,
                expires_at_ms: accept.expires_at_ms,
            };
            self.ledger.waiting.insert(id, row);
        }
        if let Some(idempotency) = &accept.idempotency {
            self.ledger.keys.insert(idempotency.key.clone(), accept.clone());
        }
        accept
    }

    /// An attempt of something that waits, other than what this transaction has touched.
    fn outcome(&mut self) -> Option<Outcome> {
        let now_ms = self.now_ms;
        let is_due = |row: &&Pending| row.key.due_at_ms < now_ms;
        let pending = *self.ledger.waiting.values().filter(is_due).choose(&mut self.rng)?;
        let after = match self.rng.random_range(0..10) {
            0..6 => After::Delivered,
            6..9 => After::Retry(now_ms + self.rng.random_range(0..2_000)),
            _ => After::Undeliverable,
        };
        let id = pending.key.delivery_id;
        self.ledger.waiting.remove(&id);
        let number = pending.attempts + 1;
        let insert = match after {
            After::Retry(due_at_ms) => {
                let key = PendingKey { due_at_ms, ..pending.key };
                let row = Pending { key, attempts: number, ..pending };
                self.ledger.waiting.insert(id, row);
                Some(row)
            }
            _ => None,
        };
        self.ledger.attempts.insert(id, number);
        let is_success = after == After::Delivered;
        let attempt = AttemptRecord {
            delivery_id: id,
            endpoint_id: pending.key.endpoint_id,
            number,
            started_at_ms: now_ms,
            duration_ms: 12,
            failure: (!is_success).then_some(FailureClass::Status),
            status_code: Some(if is_success { 200 } else { 500 }),
            message: String::new(),
            response_head: "content-type: text/plain\n".to_owned(),
            response_body: Bytes::from(vec![b'r'; self.rng.random_range(0..300)]),
            is_response_truncated: false,
            is_response_restricted: false,
            after,
        };
        Some(Outcome { attempt, remove: vec![pending.key], insert })
    }

    /// Disables a webhook, or enables it and lets out or discards what was parked; its rows go in a transaction of their own.
    async fn move_rows(&mut self) {
        let place = self.rng.random_range(0..ENDPOINTS.len());
        let id = EndpointId(ENDPOINTS[place]);
        self.parked[place] = !self.parked[place];
        let webhook = self.webhook(place);
        let expires_at_ms = self.now_ms + 2_000_000;
        let is_discarded = self.rng.random_bool(0.2);
        self.change(|change| change.upserts = vec![webhook]).await;
        let of_endpoint = |row: &Pending| row.key.endpoint_id == id;
        let before = DeliveryId::from_number(i64::MAX);
        let kind = if self.parked[place] {
            for row in self.ledger.waiting.values_mut().filter(|row| of_endpoint(row)) {
                row.key.due_at_ms = PARKED_DUE_MS;
            }
            Move::Park
        } else if is_discarded {
            self.ledger.waiting.retain(|_, row| !of_endpoint(row));
            Move::Discard { before }
        } else {
            for row in self.ledger.waiting.values_mut().filter(|row| of_endpoint(row)) {
                row.key.due_at_ms = row.accepted_at_ms;
                row.expires_at_ms = expires_at_ms;
            }
            Move::Release { before, expires_at_ms }
        };
        let step = MoveStep { endpoint_id: id, kind, after: None, limit: 100_000 };
        let moved = self.store.move_pending(&step).await.expect("commits");
        assert_eq!(moved.next, None, "one step is enough");
        self.acknowledge().await;
    }

    async fn change(&mut self, fill: impl FnOnce(&mut WebhooksChange)) {
        self.webhooks_version += 1;
        let mut change = WebhooksChange {
            program_id: program(),
            version: self.webhooks_version,
            upserts: Vec::new(),
            deletes: Vec::new(),
            notices: Vec::new(),
            clears_draft: false,
            by: ChangedBy::Rest,
            at_ms: self.now_ms,
        };
        fill(&mut change);
        self.store.apply(&SettingsChange::Webhooks(change)).await.expect("commits");
        self.acknowledge().await;
    }

    /// Retention: the oldest events of which nothing waits.
    async fn forget(&mut self) {
        let waits: std::collections::BTreeSet<EventId> =
            self.ledger.waiting.keys().map(|id| id.event()).collect();
        let over = self.ledger.bodies.keys().filter(|id| !waits.contains(id));
        let events: Vec<EventId> = over.take(self.rng.random_range(1..40)).copied().collect();
        let is_gone = |id: &DeliveryId| events.binary_search(&id.event()).is_ok();
        let deliveries = self.ledger.attempts.keys().filter(|id| is_gone(id)).copied().collect();
        self.ledger.bodies.retain(|id, _| events.binary_search(id).is_err());
        self.ledger.attempts.retain(|id, _| !is_gone(id));
        let forget = Forget { events, deliveries, ..Forget::default() };
        self.store.forget(&forget).await.expect("commits");
        self.acknowledge().await;
    }

    async fn save_draft(&mut self) {
        let over = (self.draft_version > 0).then_some(self.draft_version);
        self.draft_version += 1;
        let draft = DraftRecord {
            program_id: program(),
            version: self.draft_version,
            base_version: self.webhooks_version,
            rows_json: format!("[{}]", self.now_ms),
            saved_at_ms: self.now_ms,
        };
        assert!(self.store.save_draft(&draft, over).await.expect("commits"));
        self.acknowledge().await;
    }

    fn webhook(&self, place: usize) -> EndpointRecord {
        EndpointRecord {
            id: EndpointId(ENDPOINTS[place]),
            program_id: program(),
            public_id: WebhookId::parse(&format!("wh_{place}")).expect("a valid id"),
            url: format!("https://example.com/{place}/{}", self.webhooks_version),
            events: vec![EventKind::NewParticipantAdded],
            is_enabled: !self.parked[place],
            auto_disabled: false,
            secret: Some(Secret::parse("hunter2").expect("a valid secret")),
            timeout: None,
            headers: WebhookHeaders::NONE,
            old_secret: None,
            name: None,
            created_at_ms: 1,
            parked_at_ms: self.parked[place].then_some(self.now_ms),
        }
    }
}

fn program() -> ProgramId {
    ProgramId::parse("program1").expect("a valid id")
}

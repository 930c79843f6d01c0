//! The whole engine on a disk that remembers: producers that submit, a receiver that answers, and power cuts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use groundswell_engine::clock::Clock;
use groundswell_engine::config::{BreakerPolicy, EngineConfig, RetryPolicy};
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::store::{After, Store};
use groundswell_engine::webhooks::WebhookInput;
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_faults::{Crashes, Disk, Draw};
use groundswell_types::{Currency, DeliveryId, EventId, EventKind, ProgramId, ProgramType, WebhookId};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rusqlite::Connection;
use tempfile::TempDir;

/// Long enough for a busy machine; nothing that works takes this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver that fails every fourth time, and what it has taken.
#[derive(Clone, Default)]
pub struct Receiver(Arc<Mutex<(usize, BTreeSet<String>)>>);

impl Receiver {
    /// Serves until the test ends; returns the URL.
    pub async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let app = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/")
    }

    pub async fn wait_for(&self, ids: &BTreeSet<String>) {
        let has_all = async || {
            while !self.0.lock().unwrap_or_else(PoisonError::into_inner).1.is_superset(ids) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, has_all()).await.expect("everything accepted arrives");
    }
}

async fn answer(State(receiver): State<Receiver>, headers: HeaderMap) -> StatusCode {
    let id = headers["webhook-id"].to_str().expect("plain text").to_owned();
    let mut state = receiver.0.lock().unwrap_or_else(PoisonError::into_inner);
    state.0 += 1;
    if state.0.is_multiple_of(4) {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    state.1.insert(id);
    StatusCode::OK
}

pub fn database(directory: &Path) -> std::path::PathBuf {
    directory.join("groundswell.db")
}

/// Starts the engine; it copies its log often.
pub async fn start(directory: &Path) -> (Arc<Engine>, Arc<Sqlite>) {
    let options = Options { readers: 2, checkpoint_pages: 30, ..crate::options() };
    let store = Arc::new(Sqlite::open(&database(directory), options).await.expect("the database opens"));
    let config = EngineConfig {
        retry: RetryPolicy { base_ms: 20, factor: 1.5, cap_ms: 100, ..RetryPolicy::default() },
        breaker: BreakerPolicy { failures: 1_000_000, ..BreakerPolicy::default() },
        egress_allow: vec!["127.0.0.0/8".parse().expect("a network")],
        ..EngineConfig::default()
    };
    let parts = EngineParts { store: Arc::<Sqlite>::clone(&store), config, clock: Clock::system() };
    (Engine::start(parts).await.expect("the engine starts"), store)
}

pub async fn set_up(engine: &Engine, url: &str) -> (ProgramId, WebhookId) {
    let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    let program = engine.create_program(new).await.expect("is created").id;
    let input = WebhookInput {
        payload_url: Some(url.to_owned()),
        events: Some(vec![EventKind::NewParticipantAdded]),
        ..WebhookInput::default()
    };
    let webhook = engine.create_webhook(&program, input).await.expect("is created").id;
    (program, webhook)
}

/// An event as it was acknowledged.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// How much was recorded by then.
    pub position: usize,
    pub id: EventId,
    pub number: usize,
}

/// Submits event `number`; every third has an idempotency key.
pub async fn submit(
    engine: &Engine,
    disk: &Disk,
    program: &ProgramId,
    number: usize,
) -> Result<Acknowledged, EngineError> {
    let text = text(number);
    let receipt = engine.submit(program, text.as_bytes(), key(number).as_deref()).await?;
    Ok(Acknowledged { position: disk.position(), id: receipt.id, number })
}

fn text(number: usize) -> String {
    let filling = "x".repeat(number * 37 % 900);
    format!(r#"{{"event":"NEW_PARTICIPANT_ADDED","data":{{"id":"p{number}","name":"{filling}"}}}}"#)
}

fn key(number: usize) -> Option<String> {
    number.is_multiple_of(3).then(|| format!("key {number}"))
}

/// Everything that was submitted and delivered in one life of the engine.
struct Run {
    record: Vec<groundswell_faults::Operation>,
    acknowledged: Vec<Acknowledged>,
    bodies: BTreeMap<EventId, bytes::Bytes>,
    /// By when so many of the first events were known to be delivered.
    settled: Vec<(usize, usize)>,
    program: ProgramId,
}

const WAVES: usize = 5;
const WAVE: usize = 40;

impl Run {
    async fn new(url: &str, receiver: &Receiver) -> Self {
        let directory = TempDir::new().expect("there is a temporary directory");
        let disk = Disk::watch(directory.path());
        let (engine, store) = start(directory.path()).await;
        let (program, webhook) = set_up(&engine, url).await;
        let (mut acknowledged, mut settled) = (Vec::new(), Vec::new());
        for wave in 0..WAVES {
            let submitting = (0..WAVE).map(|number| {
                let (engine, disk, program) = (Arc::clone(&engine), Arc::clone(&disk), program.clone());
                // In steps, so that they come in many commits.
                let wait = Duration::from_millis(number as u64 / 4 * 5);
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    submit(&engine, &disk, &program, wave * WAVE + number).await.expect("is accepted")
                })
            });
            for one in submitting.collect::<Vec<_>>() {
                acknowledged.push(one.await.expect("no panic"));
            }
            let ids = acknowledged.iter().map(|one| one.id.to_string()).collect();
            receiver.wait_for(&ids).await;
            let events: Vec<EventId> = acknowledged.iter().map(|one| one.id).collect();
            wait_until_settled(&store, &events).await;
            settled.push((disk.position(), acknowledged.len()));
            // A change of settings between the waves; the URL leads to the same place.
            let input = WebhookInput { payload_url: Some(format!("{url}{wave}")), ..WebhookInput::default() };
            engine.patch_webhook(&program, &webhook, input).await.expect("is changed");
        }
        let ids: Vec<EventId> = acknowledged.iter().map(|one| one.id).collect();
        let bodies = store.bodies(&ids).await.expect("bodies are read").into_iter().collect();
        engine.shut_down().await;
        Self { record: disk.record(), acknowledged, bodies, settled, program }
    }
}

/// Whether each of the events' deliveries has ended, and how, if all have.
async fn endings(store: &Sqlite, events: &[EventId]) -> Option<Vec<After>> {
    let ids: Vec<DeliveryId> = events.iter().map(|id| DeliveryId::new(*id, 0)).collect();
    let mut last = BTreeMap::new();
    for some in ids.chunks(512) {
        let attempts = store.attempts(some).await.expect("attempts are read");
        last.extend(attempts.into_iter().map(|attempt| (attempt.delivery_id, attempt.after)));
    }
    let is_final = |after: &After| !matches!(after, After::Retry(_));
    ids.iter().map(|id| last.get(id).copied().filter(is_final)).collect()
}

async fn wait_until_settled(store: &Sqlite, events: &[EventId]) {
    let settled = async || {
        while endings(store, events).await.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled()).await.expect("everything is delivered by the log as well");
}

/// What must be there after a power cut.
pub struct Expected<'a> {
    pub acknowledged: &'a [Acknowledged],
    pub bodies: &'a BTreeMap<EventId, bytes::Bytes>,
    /// So many of the acknowledged events were known to be delivered.
    pub settled: usize,
}

/// What is wrong with what a power cut left: each event must be there, and wait or have ended.
pub async fn fault(directory: &Path, expected: &Expected<'_>) -> Option<String> {
    let options = Options { readers: 1, ..crate::options() };
    let store = match Sqlite::open(&database(directory), options).await {
        Ok(store) => store,
        Err(error) => return Some(error.to_string()),
    };
    let fault = fault_in(directory, &store, expected).await;
    store.close().await;
    fault
}

async fn fault_in(directory: &Path, store: &Sqlite, expected: &Expected<'_>) -> Option<String> {
    let Expected { acknowledged, bodies, settled } = *expected;
    let db = Connection::open(database(directory)).expect("opens");
    let check: String =
        db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("the database is checked");
    if check != "ok" {
        return Some(check);
    }
    let ids: Vec<EventId> = acknowledged.iter().map(|one| one.id).collect();
    let found: BTreeMap<EventId, bytes::Bytes> =
        store.bodies(&ids).await.expect("bodies are read").into_iter().collect();
    if let Some(id) = ids.iter().find(|id| found.get(id) != bodies.get(id)) {
        return Some(format!("event {id} is not what it was"));
    }
    let mut waiting = BTreeSet::new();
    for endpoint in store.endpoints().await.expect("webhooks are read") {
        let rows = store.pending(endpoint.id, None, 10_000).await.expect("pending rows are read");
        waiting.extend(rows.into_iter().map(|row| row.key.delivery_id));
    }
    for (place, id) in ids.iter().enumerate() {
        let delivery = DeliveryId::new(*id, 0);
        let ending = endings(store, &[*id]).await;
        if ending.is_some() == waiting.contains(&delivery) {
            return Some(format!("{delivery} neither waits nor has ended, or both"));
        }
        if place < settled && ending.is_none() {
            return Some(format!("the outcome of {delivery} is undone"));
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_power_cut_the_engine_has_and_delivers_what_it_acknowledged() {
    const STATES: usize = 250;
    const RESTARTS: usize = 8;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let run = Run::new(&url, &receiver).await;
    let mut rng = SmallRng::seed_from_u64(11);
    let mut places: Vec<usize> = (0..STATES).map(|_| rng.random_range(0..=run.record.len())).collect();
    places.sort_unstable();
    let again: BTreeSet<usize> = places[STATES / 10..].choose_multiple(&mut rng, RESTARTS).copied().collect();
    let directory = TempDir::new().expect("there is a temporary directory");
    let _scratch = Disk::scratch(directory.path());
    let mut crashes = Crashes::of(&run.record);
    for at in places {
        crashes.advance_to(at);
        let state = crashes.draw(Draw::Any, &mut rng);
        state.write_to(directory.path()).expect("the state is written");
        let acknowledged: Vec<Acknowledged> =
            run.acknowledged.iter().filter(|one| one.position <= at).cloned().collect();
        let settled = run.settled.iter().filter(|(position, _)| *position <= at).map(|(_, count)| *count);
        let expected = Expected {
            acknowledged: &acknowledged,
            bodies: &run.bodies,
            settled: settled.max().unwrap_or(0),
        };
        assert_eq!(fault(directory.path(), &expected).await, None, "after {at} of {}", run.record.len());
        if again.contains(&at) && !acknowledged.is_empty() {
            state.write_to(directory.path()).expect("the state is written");
            deliver_all(directory.path(), &run.program, &acknowledged).await;
        }
    }
}

/// Starts the engine on what is there: it knows every key, and delivers whatever waits.
async fn deliver_all(directory: &Path, program: &ProgramId, acknowledged: &[Acknowledged]) {
    let (engine, store) = start(directory).await;
    for one in acknowledged {
        if let Some(key) = key(one.number) {
            let receipt = engine.submit(program, text(one.number).as_bytes(), Some(&key)).await;
            let receipt = receipt.expect("is accepted");
            assert_eq!((receipt.id, receipt.is_duplicate), (one.id, true), "{key}");
        }
    }
    let ids: Vec<EventId> = acknowledged.iter().map(|one| one.id).collect();
    wait_until_settled(&store, &ids).await;
    let endings = endings(&store, &ids).await.expect("all have ended");
    assert!(endings.iter().all(|after| *after == After::Delivered), "{endings:?}");
    engine.shut_down().await;
}

//! The secret before the present one, over time: it ends to the moment and is erased, with a clock that is moved by hand
//! and a store that is looked into; and the editor's way to it.

use std::sync::Arc;

use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::Store;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::webhooks::{SecretInput, WebhookInput};
use groundswell_engine::{Engine, EngineParts};
use groundswell_types::editor::{SecretChange, SecretEdit};
use groundswell_types::{Currency, EventKind, ProgramId, ProgramType, Secret, SecretOverlap, WebhookId};
use tokio::sync::mpsc;

use crate::receiver::receiver;

const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;

struct Fixture {
    store: Arc<Memory>,
    clock: Clock,
    engine: Arc<Engine>,
    program: ProgramId,
    webhook: WebhookId,
    heads: mpsc::Receiver<String>,
}

fn secret(text: &str) -> Secret {
    Secret::parse(text).expect("a valid secret")
}

async fn start(store: &Arc<Memory>, clock: &Clock) -> Arc<Engine> {
    let egress_allow = vec!["127.0.0.0/8".parse().expect("a network")];
    // Swept every 50 ms, without anything getting old.
    let config = EngineConfig { egress_allow, retention_ms: 1_000, ..EngineConfig::default() };
    let store = Arc::clone(store) as Arc<dyn Store>;
    Engine::start(EngineParts { store, config, clock: clock.clone() }).await.expect("starts")
}

impl Fixture {
    async fn new() -> Self {
        let (store, clock) = (Arc::new(Memory::new()), Clock::manual(NOW_MS));
        let engine = start(&store, &clock).await;
        let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
        let program = engine.create_program(new).await.expect("created").id;
        let (url, heads) = receiver().await;
        let input = WebhookInput {
            payload_url: Some(url),
            events: Some(vec![EventKind::NewParticipantAdded]),
            secret: Some(SecretInput::Set(secret("old"), SecretOverlap::None)),
            ..WebhookInput::default()
        };
        let webhook = engine.create_webhook(&program, input).await.expect("created").id;
        Self { store, clock, engine, program, webhook, heads }
    }

    async fn replace(&self, overlap: SecretOverlap) {
        let secret = Some(SecretInput::Set(secret("new"), overlap));
        let input = WebhookInput { secret, ..WebhookInput::default() };
        self.engine.patch_webhook(&self.program, &self.webhook, input).await.expect("changed");
    }

    /// With how many secrets the next attempt is signed.
    async fn signatures(&mut self) -> usize {
        let event = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;
        self.engine.submit(&self.program, event, None).await.expect("accepted");
        let head = self.heads.recv().await.expect("it arrives");
        let count = |name: &str, part: &str| {
            let line = head.lines().find(|line| line.starts_with(name)).expect("signed");
            line.matches(part).count()
        };
        let product = count("growsurf-signature: ts=", ",v=");
        assert_eq!(count("webhook-signature: ", "v1,"), product, "{head}");
        product
    }

    async fn has_old_secret_stored(&self) -> bool {
        self.store.endpoints().await.expect("reads")[0].old_secret.is_some()
    }
}

#[tokio::test]
async fn an_old_secret_ends_to_the_moment_and_is_erased() {
    let mut fixture = Fixture::new().await;
    fixture.replace(SecretOverlap::Hour).await;
    assert_eq!(fixture.signatures().await, 2);
    fixture.clock.set(NOW_MS + HOUR_MS - 1);
    assert_eq!(fixture.signatures().await, 2);
    assert!(fixture.has_old_secret_stored().await);

    // A restart in between changes nothing.
    fixture.engine.shut_down().await;
    fixture.engine = start(&fixture.store, &fixture.clock).await;
    assert_eq!(fixture.signatures().await, 2);
    fixture.clock.set(NOW_MS + HOUR_MS);
    assert_eq!(fixture.signatures().await, 1, "whether it is erased yet or not");
    let shown = fixture.engine.webhook(&fixture.program, &fixture.webhook).expect("is there");
    assert_eq!(shown.old_secret_ends_at, None);
    while fixture.has_old_secret_stored().await {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.signatures().await, 1);
    fixture.engine.shut_down().await;
}

#[tokio::test]
async fn a_secret_is_replaced_with_an_overlap_by_publishing_and_ended_without_touching_the_draft() {
    let mut fixture = Fixture::new().await;
    let (engine, program) = (Arc::clone(&fixture.engine), fixture.program.clone());
    let row = engine.panel(&program).await.expect("reads").rows[0].row.clone();
    let key = row.key.clone();
    let with_overlap = |overlap| {
        let mut row = row.clone();
        row.secret_overlap = overlap;
        vec![row]
    };
    let saved = engine.save_draft(&program, 0, with_overlap(Some(SecretOverlap::Day))).await.expect("saved");
    assert_eq!(saved.changes, [] as [&str; 0], "alone it changes nothing");
    let change = SecretChange::Set("new".to_owned());
    let edit = SecretEdit { row_key: key.clone(), change, draft_version: saved.version };
    engine.change_secret(&program, edit).await.expect("saved");
    // As an editor saves it that knows nothing of overlaps.
    let saved = engine.save_draft(&program, saved.version + 1, with_overlap(None)).await.expect("saved");
    let url = &row.url;
    assert_eq!(
        saved.changes,
        [format!("Replace the secret of {url}; the old one stays valid for 24 hours.")]
    );
    // Its time begins when the new one is live.
    fixture.clock.set(NOW_MS + 5);
    engine.publish(&program, saved.version).await.expect("published");
    assert_eq!(fixture.signatures().await, 2);
    let live = engine.panel(&program).await.expect("reads").rows[0].live.clone().expect("is live");
    assert_eq!(live.old_secret.expect("is valid").ends_at, NOW_MS + 5 + 24 * HOUR_MS);
    let row = engine.panel(&program).await.expect("reads").rows[0].row.clone();
    assert_eq!(row.secret_overlap, Some(SecretOverlap::None), "that is for the next time");

    // Tested as it is, and with another URL, which says nothing of the live one.
    let elsewhere = vec![{
        let mut row = row.clone();
        row.url.push_str("other");
        row
    }];
    let accepted = async |engine: &Engine| {
        let live = engine.panel(&program).await.expect("reads").rows[0].live.clone().expect("is live");
        live.old_secret.and_then(|old| old.new_accepted_at)
    };
    let saved = engine.save_draft(&program, 0, elsewhere).await.expect("saved");
    assert!(engine.test_row(&program, &key, None).await.expect("tested").success);
    assert_eq!(accepted(&engine).await, None);
    let saved = engine.save_draft(&program, saved.version, vec![row]).await.expect("saved");
    assert!(engine.test_row(&program, &key, None).await.expect("tested").success);
    assert_eq!(accepted(&engine).await, Some(NOW_MS + 5));
    for _ in 0..2 {
        fixture.heads.recv().await.expect("both arrived");
    }

    engine.end_old_secret_of_row(&program, &key).await.expect("ended");
    assert_eq!(fixture.signatures().await, 1);
    assert!(!fixture.has_old_secret_stored().await);
    let panel = engine.panel(&program).await.expect("reads");
    assert_eq!((panel.draft_version, panel.conflicts), (saved.version, Vec::new()));
    engine.end_old_secret_of_row(&program, &key).await.expect("there is none any more, which is no failure");
    engine.publish(&program, saved.version).await.expect("published");
    engine.shut_down().await;
}

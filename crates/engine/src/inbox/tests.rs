//! The inbox in a running engine: what is delivered to it, by whom, and what the checks say.

mod nodes;

use groundswell_types::editor::{DeliveryQuery, FirstStep, SecretChange, SecretEdit};
use groundswell_types::{
    Currency, DeliveryState, ProgramType, SchemeCheck, Secret, SecretOverlap, WebhookId,
};

use super::*;
use crate::config::EngineConfig;
use crate::engine::{Engine, EngineParts};
use crate::programs::NewProgram;
use crate::store::FirstStepsStore as _;
use crate::store::memory::Memory;
use crate::webhooks::{SecretInput, WebhookInput};
use groundswell_types::signature::sign;

const EVENT: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;
const NOW: i64 = 1_800_000_000_000;

/// One byte more than an inbox takes.
static LONG: [u8; MAX_BODY_BYTES + 1] = [b'x'; MAX_BODY_BYTES + 1];

struct World {
    store: Arc<Memory>,
    clock: Clock,
    engine: Arc<Engine>,
    program: ProgramId,
}

async fn start(store: Arc<Memory>, clock: Clock) -> Arc<Engine> {
    // Nothing but public addresses may be reached, and this is none.
    let public_url = Url::parse("http://127.0.0.1:1").ok();
    let config = EngineConfig { public_url, ..EngineConfig::default() };
    Engine::start(EngineParts { store, config, clock }).await.expect("starts")
}

impl World {
    async fn new() -> Self {
        let (store, clock) = (Arc::new(Memory::new()), Clock::manual(NOW));
        let engine = start(Arc::clone(&store), clock.clone()).await;
        let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
        let program = engine.create_program(new).await.expect("created").id;
        Self { store, clock, engine, program }
    }

    async fn url(&self) -> String {
        self.engine.inbox(&self.program).await.expect("an inbox").url
    }

    async fn webhook(&self, url: &str, secret: Option<&str>) -> Result<(), crate::EngineError> {
        let secret = secret.map(|text| Secret::parse(text).expect("a valid secret"));
        let secret = secret.map(|secret| SecretInput::Set(secret, SecretOverlap::None));
        let input = WebhookInput {
            payload_url: Some(url.to_owned()),
            events: Some(vec![EventKind::NewParticipantAdded]),
            secret,
            ..WebhookInput::default()
        };
        self.engine.create_webhook(&self.program, input).await.map(drop)
    }

    /// What the inbox has, newest first, once it has `count` requests.
    async fn requests(&self, count: usize) -> Vec<groundswell_types::InboxRequest> {
        for _ in 0..10_000 {
            let requests = self.engine.inbox(&self.program).await.expect("an inbox").requests;
            if requests.len() >= count {
                return requests;
            }
            tokio::task::yield_now().await;
        }
        panic!("{count} requests do not come");
    }

    async fn post(&self, headers: &[(&str, &str)], body: &'static [u8]) -> Result<(), NotTaken> {
        let url = self.url().await;
        let (_, token) = url.rsplit_once('/').expect("a path");
        let program = self.engine.admit_to_inbox(token)?;
        let headers = headers
            .iter()
            .map(|&(name, value)| HeaderView { name: name.to_owned(), value: value.to_owned() })
            .collect();
        let body = Bytes::from_static(body);
        let arrived = Arrived { method: "PUT".to_owned(), headers, body, from: Origin::Network };
        self.engine.receive_in_inbox(&program, arrived).await
    }
}

#[tokio::test]
async fn an_event_is_delivered_to_the_inbox_without_the_network() {
    let world = World::new().await;
    world.webhook(&world.url().await, Some("hunter2")).await.expect("the address can be saved");
    let refused = world.webhook("http://127.0.0.1:1/inbox/other", None).await;
    assert!(matches!(refused, Err(crate::EngineError::Invalid(_))), "{refused:?}");
    world.engine.submit(&world.program, EVENT, None).await.expect("accepted");
    let [request] = &world.requests(1).await[..] else { panic!("one request") };
    assert_eq!(
        (request.signature.product, request.signature.standard),
        (SchemeCheck::Verified, SchemeCheck::Verified)
    );
    assert_eq!(request.event, Some(EventKind::NewParticipantAdded));
    assert!(request.is_own && request.method == "POST");
    let detail = world.engine.inbox_request(&world.program, request.id).await.expect("is there");
    assert!(detail.is_text && detail.body.contains("NEW_PARTICIPANT_ADDED"), "{detail:?}");
    assert!(!format!("{detail:?}").contains("hunter2"));
    world.engine.shut_down().await;
    let page = world.engine.deliveries(&world.program, &DeliveryQuery::default()).await.expect("reads");
    assert_eq!(page.deliveries[0].state, DeliveryState::Delivered);
    assert_eq!(page.deliveries[0].last_status_code, Some(200));
}

#[tokio::test]
async fn a_test_of_a_draft_is_checked_with_the_secret_in_the_draft() {
    let world = World::new().await;
    let key = world.engine.add_inbox_webhook(&world.program).await.expect("added");
    assert_eq!(world.engine.add_inbox_webhook(&world.program).await.expect("is there"), key);
    let test = async || world.engine.test_row(&world.program, &key, None).await.expect("is sent");
    assert!(test().await.success);
    assert_eq!(world.requests(1).await[0].signature.product, SchemeCheck::NoSecret);
    let draft_version = world.engine.panel(&world.program).await.expect("reads").draft_version;
    let edit =
        SecretEdit { row_key: key.clone(), change: SecretChange::Set("one".to_owned()), draft_version };
    world.engine.change_secret(&world.program, edit).await.expect("saved");
    test().await;
    assert!(world.requests(2).await[0].signature.is_verified());
    let steps = world.engine.first_steps(&world.program).await.expect("reads").expect("not published");
    assert_eq!(steps.done, [FirstStep::AddUrl, FirstStep::ChooseEvents, FirstStep::Test, FirstStep::Verify]);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn what_comes_from_elsewhere_is_kept_checked_and_masked() {
    let world = World::new().await;
    let authorized = [("Authorization", "Bearer abc"), ("X-Mine", "1")];
    world.post(&authorized, b"\xff").await.expect("taken");
    let [request] = &world.requests(1).await[..] else { panic!("one request") };
    assert_eq!(request.signature.standard, SchemeCheck::NoWebhook);
    assert!(!request.is_own && request.event.is_none());
    let detail = world.engine.inbox_request(&world.program, request.id).await.expect("is there");
    let values: Vec<&str> = detail.headers.iter().map(|header| header.value.as_str()).collect();
    assert_eq!(values, [MASK, "1"]);
    assert!(!detail.is_text);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn a_changed_body_is_told_from_a_wrong_secret() {
    let world = World::new().await;
    world.webhook(&world.url().await, Some("one")).await.expect("added");
    let event = world.engine.submit(&world.program, EVENT, None).await.expect("accepted").id.to_string();
    let own = world.requests(1).await.remove(0);
    let own = world.engine.inbox_request(&world.program, own.id).await.expect("is there");
    let value = |name| check::header(&own.headers, name).unwrap_or_default();
    let signature = value("growsurf-signature");
    world.post(&[("webhook-id", &event), ("growsurf-signature", signature)], b"{}").await.expect("taken");
    assert_eq!(world.requests(2).await[0].signature.product, SchemeCheck::BodyChanged);
    let forged = format!("ts={NOW},v={}", "0".repeat(64));
    let body = Bytes::from(own.body.clone());
    let headers = [("webhook-id", event.as_str()), ("growsurf-signature", forged.as_str())];
    let headers = headers.map(|(name, value)| HeaderView { name: name.to_owned(), value: value.to_owned() });
    let arrived =
        Arrived { method: "POST".to_owned(), headers: headers.to_vec(), body, from: Origin::Network };
    world.engine.receive_in_inbox(&world.program, arrived).await.expect("taken");
    assert_eq!(world.requests(3).await[0].signature.product, SchemeCheck::WrongSecret);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn an_old_secret_is_right_for_as_long_as_it_is_valid() {
    let world = World::new().await;
    world.webhook(&world.url().await, Some("old")).await.expect("added");
    let old = Secret::parse("old").expect("a valid secret");
    let secret = Some(SecretInput::Set(Secret::parse("new").expect("a valid secret"), SecretOverlap::Hour));
    let id = WebhookId::parse("primary").expect("a valid id");
    let input = WebhookInput { secret, ..WebhookInput::default() };
    world.engine.patch_webhook(&world.program, &id, input).await.expect("replaced");
    let post_signed = async |now_ms: i64| {
        world.clock.set(now_ms);
        let headers = sign(&[&old], "evt_1", now_ms, b"{}");
        let product = headers.product.expect("signed");
        world.post(&[("webhook-id", "evt_1"), ("growsurf-signature", &product)], b"{}").await.expect("taken");
    };
    post_signed(NOW + 3_599_999).await;
    assert_eq!(world.requests(1).await[0].signature.product, SchemeCheck::Verified);
    post_signed(NOW + 3_600_000).await;
    assert_eq!(world.requests(2).await[0].signature.product, SchemeCheck::Mismatch);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn an_inbox_is_kept_for_a_day_and_takes_its_share_only() {
    let world = World::new().await;
    let mut taken = 0;
    while world.post(&[], b"{}").await.is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 50);
    assert!(matches!(world.post(&[], b"{}").await, Err(NotTaken::TooMany)));
    world.clock.set(NOW + KEPT_MS);
    assert!(matches!(world.post(&[], &LONG).await, Err(NotTaken::TooLarge)));
    world.post(&[], &LONG[1..]).await.expect("is not too long");
    assert_eq!(world.requests(1).await.len(), 51);
    let first = world.requests(1).await.pop().expect("is there");
    world.clock.set(NOW + KEPT_MS + 1);
    assert_eq!(world.requests(1).await.len(), 1);
    let gone = world.engine.inbox_request(&world.program, first.id).await;
    assert!(matches!(gone, Err(crate::EngineError::NotFound(_))));
    world.engine.clear_inbox(&world.program).await.expect("cleared");
    assert_eq!(world.requests(0).await.len(), 0);
    world.engine.shut_down().await;
}

#[tokio::test]
async fn an_address_survives_a_restart_and_can_be_replaced() {
    let world = World::new().await;
    let first = world.url().await;
    world.engine.shut_down().await;
    let again = start(Arc::clone(&world.store), world.clock.clone()).await;
    assert_eq!(again.inbox(&world.program).await.expect("an inbox").url, first);
    let second = again.replace_inbox_address(&world.program).await.expect("replaced");
    assert_ne!(first, second);
    let token = |url: &str| url.rsplit_once('/').map(|(_, token)| token.to_owned()).unwrap_or_default();
    assert!(matches!(again.admit_to_inbox(&token(&first)), Err(NotTaken::Unknown)));
    assert!(again.has_inbox(&token(&second)) && !again.has_inbox(&token(&first)));
    again.shut_down().await;
}

#[tokio::test]
async fn a_checklist_ends_with_its_last_step() {
    let world = World::new().await;
    let steps = async || world.engine.first_steps(&world.program).await.expect("reads");
    assert_eq!(steps().await.expect("is there").done, []);
    world.webhook(&world.url().await, None).await.expect("added");
    let published = [FirstStep::AddUrl, FirstStep::ChooseEvents, FirstStep::Publish];
    assert_eq!(steps().await.expect("is there").done, published);
    world.engine.submit(&world.program, EVENT, None).await.expect("accepted");
    world.requests(1).await;
    world.engine.shut_down().await;
    assert_eq!(steps().await, None, "a delivery has succeeded");
    let webhook = world.engine.webhooks(&world.program).expect("reads").remove(0);
    assert!(world.store.has_ended_first_steps(&world.program).await.expect("reads"), "{webhook:?}");
}

//! What tests and the log tell of places that only the operator lets the server reach, and how many tests there may be.

use std::sync::Arc;

use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::webhooks::WebhookInput;
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::editor::{DeliveryQuery, DraftRow, SecretDraft};
use groundswell_types::{
    Currency, DeliveryDetail, EventKind, FailureClass, ProgramId, ProgramType, ResponseView, TestView,
    WebhookId,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const EVENT: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1","email":"a@example.com"}}"#;

/// What somebody would look for in the operator's network.
const ANSWER: &str = "HTTP/1.1 302 Found\r\nlocation: http://inside.example/planted\r\nx-token: planted\r\n\
                      content-length: 7\r\nconnection: close\r\n\r\nplanted";

struct Fixture {
    engine: Arc<Engine>,
    clock: Clock,
    program: ProgramId,
    webhook: WebhookId,
}

impl Fixture {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut request = vec![0; 16 * 1024];
                let _ = connection.read(&mut request).await;
                let _ = connection.write_all(ANSWER.as_bytes()).await;
            }
        });
        let egress_allow = vec!["127.0.0.0/8".parse().expect("a rule")];
        let config = EngineConfig { egress_allow, ..EngineConfig::default() };
        let clock = Clock::manual(1_800_000_000_000);
        let parts = EngineParts { store: Arc::new(Memory::new()), config, clock: clock.clone() };
        let engine = Engine::start(parts).await.expect("starts");
        let program = create_program(&engine).await;
        let input = WebhookInput {
            payload_url: Some(url),
            events: Some(vec![EventKind::NewParticipantAdded]),
            ..WebhookInput::default()
        };
        let webhook = engine.create_webhook(&program, input).await.expect("created").id;
        Self { engine, clock, program, webhook }
    }

    async fn test(&self) -> Result<TestView, EngineError> {
        self.engine.test_webhook(&self.program, &self.webhook, None).await
    }

    /// The delivery once it was tried.
    async fn delivery(&self) -> DeliveryDetail {
        for _ in 0..10_000 {
            let page = self.engine.deliveries(&self.program, &DeliveryQuery::default()).await.expect("reads");
            if let Some(delivery) = page.deliveries.iter().find(|delivery| delivery.attempts > 0) {
                return self.engine.delivery(&self.program, delivery.id).await.expect("reads");
            }
            tokio::task::yield_now().await;
        }
        panic!("no attempt is made");
    }
}

async fn create_program(engine: &Engine) -> ProgramId {
    let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    engine.create_program(new).await.expect("created").id
}

fn assert_in_full(response: Option<&ResponseView>, message: &str) {
    let response = response.expect("an answer");
    assert!(response.restricted && !response.withheld, "{response:?}");
    assert_eq!((response.status_code, response.body.as_str()), (302, "planted"));
    assert!(message.contains("to http://inside.example/planted with 302"), "{message}");
}

fn assert_withheld(response: Option<&ResponseView>, json: &str) {
    let response = response.expect("an answer");
    assert!(response.restricted && response.withheld && response.withheld_reason.is_some(), "{response:?}");
    assert_eq!((response.status_code, response.headers.len()), (302, 0));
    assert!(!json.contains("planted"), "{json}");
}

#[tokio::test]
async fn a_test_shows_others_only_that_it_was_answered() {
    let fixture = Fixture::new().await;
    let live = fixture.test().await.expect("sent");
    let kept = fixture.engine.test_result(&fixture.program, live.id).await.expect("is kept");
    assert_eq!(live, kept);
    for test in [live, kept] {
        assert_in_full(test.response.as_ref(), &test.message);
        let others = test.clone().for_others();
        assert_withheld(others.response.as_ref(), &serde_json::to_string(&others).expect("JSON"));
        assert_eq!((others.duration_ms, others.failure), (test.duration_ms, Some(FailureClass::Redirect)));
    }
    fixture.engine.shut_down().await;
}

#[tokio::test]
async fn an_attempt_shows_others_only_that_it_was_answered() {
    let fixture = Fixture::new().await;
    fixture.engine.submit(&fixture.program, EVENT, None).await.expect("accepted");
    let detail = fixture.delivery().await;
    let attempt = &detail.attempt_log[0];
    assert_in_full(attempt.response.as_ref(), &attempt.message);
    let others = detail.clone().for_others();
    let attempt = &others.attempt_log[0];
    assert_withheld(attempt.response.as_ref(), &serde_json::to_string(&others).expect("JSON"));
    assert_eq!(others.delivery, detail.delivery);
    fixture.engine.shut_down().await;
}

#[tokio::test]
async fn a_program_can_send_twenty_tests_a_minute_however_it_asks() {
    let fixture = Fixture::new().await;
    let Fixture { engine, clock, program, .. } = &fixture;
    let row = DraftRow { url: "http://127.0.0.1:2/".to_owned(), ..row() };
    engine.save_draft(program, 0, vec![row]).await.expect("saved");
    for number in 0..20 {
        if number % 2 == 0 {
            fixture.test().await.expect("sent");
        } else {
            engine.test_row(program, "new-1", None).await.expect("sent");
        }
        clock.set(clock.now_ms() + 1_000);
    }
    // The first of them was 20 s ago.
    for refused in [fixture.test().await, engine.test_row(program, "new-1", None).await] {
        assert!(matches!(refused, Err(EngineError::TooManyTests { wait_ms: 40_000 })), "{refused:?}");
    }
    let other = create_program(engine).await;
    let refused = engine.test_webhook(&other, &fixture.webhook, None).await;
    assert!(matches!(refused, Err(EngineError::NotFound(_))), "what is not sent is not counted: {refused:?}");
    clock.set(clock.now_ms() + 39_999);
    assert!(fixture.test().await.is_err());
    clock.set(clock.now_ms() + 1);
    assert!(fixture.test().await.is_ok());
    assert!(fixture.test().await.is_err(), "the next one is a second later");
    engine.shut_down().await;
}

fn row() -> DraftRow {
    DraftRow {
        key: "new-1".to_owned(),
        url: String::new(),
        is_enabled: true,
        events: Vec::new(),
        secret: SecretDraft::None,
        name: None,
        secret_overlap: None,
        timeout: String::new(),
        headers: None,
    }
}

//! Events whose bodies are too large to wait in memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::delivery::sender::{Exchanged, Outgoing};
use groundswell_engine::delivery::transport::Transport;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::randomness::Randomness;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::webhooks::WebhookInput;
use groundswell_engine::{Engine, EngineParts, Outside};
use groundswell_types::{Currency, EventKind, ProgramId, ProgramType};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::health::answer;

/// Larger than what waits in memory.
const LARGE: usize = 20 * 1024;

/// Receivers of which those at `hangs.example` take 15 seconds to say nothing; the others say what they got.
struct Receivers(mpsc::UnboundedSender<usize>);

#[async_trait]
impl Transport for Receivers {
    async fn send(&self, outgoing: Outgoing<'_>) -> Exchanged {
        let hangs = outgoing.url.host_str() == Some("hangs.example");
        let (status, duration_ms) = if hangs { (504, 15_000) } else { (200, 5) };
        let exchanged = answer(status, duration_ms).await;
        if !hangs {
            self.0.send(outgoing.body.len()).expect("the test goes on");
        }
        exchanged
    }
}

async fn program(engine: &Arc<Engine>, urls: &[&str]) -> ProgramId {
    let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    let id = engine.create_program(new).await.expect("created").id;
    for url in urls {
        let webhook = WebhookInput {
            payload_url: Some((*url).to_owned()),
            events: Some(vec![EventKind::NewParticipantAdded]),
            is_enabled: Some(true),
            ..WebhookInput::default()
        };
        engine.create_webhook(&id, webhook).await.expect("created");
    }
    id
}

fn event() -> Vec<u8> {
    let note = "x".repeat(LARGE);
    format!(r#"{{"event":"NEW_PARTICIPANT_ADDED","data":{{"id":"p1","note":"{note}"}}}}"#).into_bytes()
}

#[tokio::test(start_paused = true)]
async fn receivers_that_hang_do_not_keep_large_events_from_others() {
    let (arrived_in, mut arrived) = mpsc::unbounded_channel();
    let parts = EngineParts {
        store: Arc::new(Memory::new()),
        config: EngineConfig::default(),
        clock: Clock::of_timers(1_800_000_000_000),
    };
    let outside = Outside { transport: Arc::new(Receivers(arrived_in)), randomness: Randomness::seeded(1) };
    let engine = Engine::start_in(parts, outside).await.expect("starts");
    let hanging = ["https://hangs.example/1", "https://hangs.example/2", "https://hangs.example/3"];
    let hanging = program(&engine, &hanging).await;
    let healthy = program(&engine, &["https://works.example/"]).await;
    for _ in 0..40 {
        engine.submit(&hanging, &event(), None).await.expect("accepted");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    engine.submit(&healthy, &event(), None).await.expect("accepted");
    let bytes = timeout(Duration::from_secs(1), arrived.recv()).await.expect("it need not wait");
    assert!(bytes.is_some_and(|bytes| bytes > LARGE));
}

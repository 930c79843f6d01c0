//! What the engine does while its database is away, or may belong to another process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::delivery::outcome::Exchange;
use groundswell_engine::delivery::sender::{Exchanged, Outgoing};
use groundswell_engine::delivery::transport::Transport;
use groundswell_engine::randomness::Randomness;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{Standing, WebhooksChange};
use groundswell_engine::{Engine, EngineError, EngineParts, Outside};

use crate::store::make::{self, ACCEPTED_AT_MS};

/// Counts requests and answers each with 200.
#[derive(Default)]
struct Receiver(AtomicUsize);

impl Receiver {
    fn requests(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Transport for Receiver {
    async fn send(&self, _outgoing: Outgoing<'_>) -> Exchanged {
        self.0.fetch_add(1, Ordering::SeqCst);
        Exchanged {
            exchange: Exchange::Answer { status: 200, location: None, content_type: None },
            status: Some(200),
            head: String::new(),
            body: Bytes::new(),
            is_truncated: false,
            is_restricted: false,
            retry_after: None,
            duration_ms: 1,
        }
    }
}

async fn submit(engine: &Engine) -> Result<(), EngineError> {
    let event = r#"{ "event": "NEW_PARTICIPANT_ADDED", "data": { "id": "p1", "email": "p1@example.com" } }"#;
    engine.submit(&make::program(1), event.as_bytes(), None).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_the_database_may_be_another_processs_and_nothing_accepted_while_it_is_away() {
    let store = Arc::new(Memory::new());
    make::create_program(store.as_ref(), 1).await;
    let upserts = vec![make::endpoint_record(10, "primary")];
    make::apply(store.as_ref(), WebhooksChange { upserts, ..make::change(1) }).await;
    make::accept_all(store.as_ref(), [1], &[10]).await;
    store.stand(Standing::Doubtful);

    let receiver = Arc::new(Receiver::default());
    let parts = EngineParts {
        store: Arc::clone(&store) as _,
        config: EngineConfig::default(),
        clock: Clock::of_timers(ACCEPTED_AT_MS),
    };
    let outside = Outside { transport: Arc::clone(&receiver) as _, randomness: Randomness::seeded(1) };
    let engine = Engine::start_in(parts, outside).await.expect("starts");
    let wait = async || tokio::time::sleep(Duration::from_secs(1)).await;
    wait().await;
    assert_eq!(receiver.requests(), 0);
    assert!(matches!(submit(&engine).await, Err(EngineError::Away)));
    assert!(!engine.is_ready());

    // Away it is still ours: what is known goes on.
    store.stand(Standing::Away);
    wait().await;
    assert_eq!(receiver.requests(), 1);
    assert!(matches!(submit(&engine).await, Err(EngineError::Away)));

    store.stand(Standing::Sure);
    submit(&engine).await.expect("is accepted");
    wait().await;
    assert_eq!(receiver.requests(), 2);
    assert!(engine.is_ready());
    engine.shut_down().await;
}

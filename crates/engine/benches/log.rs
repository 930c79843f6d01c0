//! How long the server takes for a page of the log with 100,000 deliveries in it, for each kind of filter, from the
//! first page to the last. No page may take more than 100 ms, or this fails.
//! `cargo bench --package groundswell-engine --bench log`.
#![expect(clippy::print_stdout, reason = "what a benchmark makes is text for whoever started it")]

use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use groundswell_engine::clock::{Clock, Stopwatch};
use groundswell_engine::config::EngineConfig;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::store::vault::{SecretsKey, Vault};
use groundswell_engine::store::{
    Accept, After, AttemptRecord, Batch, EndpointId, EndpointRecord, Outcome, Pending, PendingKey,
    ProgramRecord, SettingsChange, Store, Target, WebhooksChange,
};
use groundswell_engine::{Engine, EngineParts};
use groundswell_types::editor::{ChangedBy, DeliveryQuery};
use groundswell_types::{
    Currency, DeliveryFilter, DeliveryId, DeliveryState, EventId, EventKind, FailureClass, ProgramId,
    ProgramStatus, ProgramType, StatusRange, WebhookHeaders, WebhookId,
};

const EVENTS: i64 = 100_000;
const AT_MOST_MS: f64 = 100.0;

/// The events are a second apart, and the last one is now. The webhook is off, so that nothing is sent.
const NOW_MS: i64 = 1_800_000_000_000;
const ENDPOINT: EndpointId = EndpointId(7);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // On the disk of the target directory: the temporary directory may be in memory.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary directory");
        let store = Sqlite::open(
            &directory.path().join("log.db"),
            Options::new(NOW_MS, Vault::new(&SecretsKey::random())),
        )
        .await
        .expect("opens");
        fill(&store).await;
        let parts = EngineParts {
            store: Arc::new(store),
            config: EngineConfig::default(),
            clock: Clock::manual(NOW_MS),
        };
        let engine = Engine::start(parts).await.expect("starts");
        let mut is_fast = true;
        for (name, filter) in filters() {
            is_fast &= measure(&engine, name, filter).await;
        }
        engine.shut_down().await;
        if is_fast { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    })
}

fn filters() -> Vec<(&'static str, DeliveryFilter)> {
    let none = DeliveryFilter::default;
    let state = |state| DeliveryFilter { state: Some(state), ..none() };
    let status = |text: &str| DeliveryFilter { status: StatusRange::parse(text).ok(), ..none() };
    let text = |text: &str| DeliveryFilter { text: Some(text.to_owned()), ..none() };
    vec![
        ("all", none()),
        ("delivered", state(DeliveryState::Delivered)),
        ("undeliverable (1 in 100)", state(DeliveryState::Undeliverable)),
        ("parked (1 in 1,000)", state(DeliveryState::Parked)),
        ("cancelled (none)", state(DeliveryState::Cancelled)),
        ("status 5xx", status("5xx")),
        ("status 404 (3 in all)", status("404")),
        ("status 201 (none)", status("201")),
        ("an event (3 in all)", DeliveryFilter { event: Some(EventKind::CampaignEnded), ..none() }),
        ("a webhook", DeliveryFilter { webhook_id: WebhookId::parse("primary").ok(), ..none() }),
        (
            "an hour of long ago",
            DeliveryFilter {
                since: Some(NOW_MS - EVENTS * 1_000),
                until: Some(NOW_MS - EVENTS * 1_000 + 3_600_000),
                ..none()
            },
        ),
        ("an e-mail address (the oldest)", text("Participant-1@example.com")),
        ("an e-mail address (none)", text("nobody@example.com")),
        (
            "undeliverable, an e-mail address",
            DeliveryFilter {
                text: Some("participant-100@example.com".to_owned()),
                ..state(DeliveryState::Undeliverable)
            },
        ),
        ("an event's id", text(&event(17).to_string())),
    ]
}

/// Goes through all pages; says whether each was fast.
async fn measure(engine: &Engine, name: &str, filter: DeliveryFilter) -> bool {
    let program = program();
    let mut times_ms = Vec::new();
    let mut found = 0;
    let mut next_id = None;
    loop {
        let query = DeliveryQuery { filter: filter.clone(), next_id, ..DeliveryQuery::default() };
        let watch = Stopwatch::start();
        let page = engine.deliveries(&program, &query).await.expect("reads");
        times_ms.push(watch.elapsed().as_secs_f64() * 1000.0);
        found += page.deliveries.len();
        let Some(next) = page.next_id else { break };
        next_id = Some(next);
    }
    let pages = times_ms.len();
    times_ms.sort_by(f64::total_cmp);
    let (median, longest) = (times_ms[pages / 2], times_ms[pages - 1]);
    println!("{name:36} {found:6} found, {pages:4} pages, median {median:5.1} ms, longest {longest:5.1} ms");
    longest <= AT_MOST_MS
}

fn program() -> ProgramId {
    ProgramId::parse("program1").expect("valid")
}

/// When the event with that number was accepted.
const fn at_ms(number: i64) -> i64 {
    NOW_MS - (EVENTS - number) * 1_000
}

/// As the engine makes ids: the milliseconds since 2024 above 19 bits.
const fn event(number: i64) -> EventId {
    EventId::from_number((at_ms(number) - 1_704_067_200_000) << 19)
}

async fn fill(store: &Sqlite) {
    let record = ProgramRecord {
        id: program(),
        team_id: groundswell_types::TeamId::first(),
        name: "A large program".to_owned(),
        kind: ProgramType::Referral,
        status: ProgramStatus::InProgress,
        currency: Currency::default(),
        created_at_ms: 0,
        webhooks_version: 0,
        retention: None,
    };
    store.apply(&SettingsChange::CreateProgram(record)).await.expect("applies");
    let endpoint = EndpointRecord {
        id: ENDPOINT,
        program_id: program(),
        public_id: WebhookId::parse("primary").expect("valid"),
        url: "https://example.com/hook".to_owned(),
        events: EventKind::ALL.to_vec(),
        is_enabled: false,
        auto_disabled: false,
        secret: None,
        created_at_ms: 0,
        parked_at_ms: Some(NOW_MS),
        timeout: None,
        headers: WebhookHeaders::default(),
        old_secret: None,
        name: None,
    };
    let change = WebhooksChange {
        program_id: program(),
        version: 1,
        upserts: vec![endpoint],
        deletes: Vec::new(),
        notices: Vec::new(),
        clears_draft: false,
        by: ChangedBy::Rest,
        at_ms: 0,
    };
    store.apply(&SettingsChange::Webhooks(change)).await.expect("applies");
    for first in (1..=EVENTS).step_by(1_000) {
        let numbers = first..first + 1_000;
        let accepts = numbers.clone().map(accept).collect();
        let outcomes = numbers.flat_map(outcomes).collect();
        let (accepted, ended) =
            (Batch { accepts, ..Batch::default() }, Batch { outcomes, ..Batch::default() });
        store.commit(&accepted).await.expect("commits");
        store.commit(&ended).await.expect("commits");
    }
    store.checkpoint().await.expect("copies the log");
}

fn accept(number: i64) -> Accept {
    let kind = if number % 30_000 == 5 { EventKind::CampaignEnded } else { EventKind::NewParticipantAdded };
    let body = format!(
        r#"{{"event":"{kind}","createdAt":{},"data":{{"id":"p{number}","email":"participant-{number}@example.com","notes":"{}"}}}}"#,
        at_ms(number),
        "lorem ipsum ".repeat(75)
    );
    Accept {
        event_id: event(number),
        program_id: program(),
        kind,
        occurred_at_ms: at_ms(number),
        accepted_at_ms: at_ms(number),
        expires_at_ms: NOW_MS + 432_000_000,
        body: Bytes::from(body),
        targets: vec![Target { endpoint_id: ENDPOINT, is_parked: number % 1_000 == 1 }],
        idempotency: None,
    }
}

/// One in a thousand waits, one in a hundred fails twice and for good, the others are delivered.
fn outcomes(number: i64) -> Vec<Outcome> {
    if number % 1_000 == 1 {
        return Vec::new();
    }
    let delivery_id = DeliveryId::new(event(number), 0);
    let key = PendingKey { endpoint_id: ENDPOINT, due_at_ms: at_ms(number), delivery_id };
    let attempt = |number: i64, after: After, status_code: u16| AttemptRecord {
        delivery_id,
        endpoint_id: ENDPOINT,
        number,
        started_at_ms: key.due_at_ms + number,
        duration_ms: 12,
        failure: (after != After::Delivered).then_some(FailureClass::Status),
        status_code: Some(status_code),
        message: "The receiver answered.".to_owned(),
        response_head: "content-type: application/json".to_owned(),
        response_body: Bytes::from_static(br#"{"ok":true}"#),
        is_response_truncated: false,
        is_response_restricted: false,
        after,
    };
    if number % 100 != 0 {
        let attempt = attempt(1, After::Delivered, 200);
        return vec![Outcome { attempt, remove: vec![key], insert: None }];
    }
    let due_at_ms = key.due_at_ms + 5_000;
    let again = Pending {
        key: PendingKey { due_at_ms, ..key },
        attempts: 1,
        accepted_at_ms: key.due_at_ms,
        expires_at_ms: NOW_MS + 432_000_000,
    };
    let last = if number % 30_000 == 0 { 404 } else { 503 };
    vec![
        Outcome { attempt: attempt(1, After::Retry(due_at_ms), 500), remove: vec![key], insert: Some(again) },
        Outcome { attempt: attempt(2, After::Undeliverable, last), remove: vec![again.key], insert: None },
    ]
}

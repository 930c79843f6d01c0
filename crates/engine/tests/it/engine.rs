//! The engine as a whole, on the in-memory store and a clock that is moved by hand.

use std::sync::Arc;

use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{DraftRecord, ProgramRecord, SettingsChange, Store};
use groundswell_engine::webhooks::WebhookInput;
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::editor::{DraftRow, SecretDraft};
use groundswell_types::{Currency, ProgramId, ProgramStatus, ProgramType, WebhookTimeout};

const NOW_MS: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 86_400_000;
const EVENT: &[u8] = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;

/// A program in each status; its id is the status.
async fn store_with_every_status() -> Arc<Memory> {
    let store = Arc::new(Memory::new());
    for status in ProgramStatus::ALL {
        let record = ProgramRecord {
            id: id_of(status),
            team_id: groundswell_types::TeamId::first(),
            name: String::new(),
            kind: ProgramType::Referral,
            status,
            currency: Currency::default(),
            created_at_ms: 0,
            webhooks_version: 0,
            retention: None,
        };
        store.apply(&SettingsChange::CreateProgram(record)).await.expect("applies");
    }
    store
}

fn id_of(status: ProgramStatus) -> ProgramId {
    ProgramId::parse(&status.as_str().to_ascii_lowercase().replace('_', "")).expect("valid")
}

async fn start(store: &Arc<Memory>, clock: &Clock) -> Arc<Engine> {
    let store = Arc::clone(store) as Arc<dyn Store>;
    Engine::start(EngineParts { store, config: EngineConfig::default(), clock: clock.clone() })
        .await
        .expect("starts")
}

#[tokio::test]
async fn a_program_accepts_events_in_every_status_but_deleted() {
    let store = store_with_every_status().await;
    let engine = start(&store, &Clock::manual(NOW_MS)).await;
    for status in ProgramStatus::ALL {
        let result = engine.submit(&id_of(status), EVENT, None).await;
        if status == ProgramStatus::Deleted {
            assert!(matches!(result, Err(EngineError::NotAccepted(_))), "{result:?}");
        } else {
            result.unwrap_or_else(|error| panic!("{status:?}: {error}"));
        }
    }
    engine.shut_down().await;
}

#[tokio::test]
async fn a_key_is_remembered_for_seven_days_and_no_longer() {
    let store = store_with_every_status().await;
    let clock = Clock::manual(NOW_MS);
    let engine = start(&store, &clock).await;
    let program = id_of(ProgramStatus::InProgress);
    let first = engine.submit(&program, EVENT, Some("key")).await.expect("accepted");
    clock.set(NOW_MS + 7 * DAY_MS);
    let repeat = engine.submit(&program, EVENT, Some("key")).await.expect("accepted");
    assert!(repeat.is_duplicate && repeat.id == first.id, "{repeat:?}");
    clock.set(NOW_MS + 7 * DAY_MS + 1);
    let later = engine.submit(&program, EVENT, Some("key")).await.expect("accepted");
    assert!(!later.is_duplicate && later.id != first.id, "{later:?}");
    engine.shut_down().await;
}

#[tokio::test]
async fn a_timeout_is_drafted_reviewed_and_published() {
    let engine = start(&store_with_every_status().await, &Clock::manual(NOW_MS)).await;
    let program = id_of(ProgramStatus::InProgress);
    let row = |key: &str, timeout: &str| DraftRow {
        key: key.to_owned(),
        url: "https://example.com/".to_owned(),
        is_enabled: true,
        events: Vec::new(),
        secret: SecretDraft::None,
        name: None,
        secret_overlap: None,
        timeout: timeout.to_owned(),
        headers: None,
    };
    let saved = engine.save_draft(&program, 0, vec![row("new-1", "45")]).await.expect("a draft may be wrong");
    let problem = &saved.problems[0][0];
    assert_eq!(problem.pointer, "/timeout");
    assert_eq!(problem.message, "must be a whole number of seconds from 1 to 30");
    let refused = engine.publish(&program, saved.version).await.expect_err("is wrong");
    let EngineError::Invalid(problems) = refused else { panic!("{refused}") };
    assert_eq!(problems[0].pointer, "/rows/0/timeout");
    engine.test_row(&program, "new-1", None).await.expect_err("is not sent with another one either");

    let saved = engine.save_draft(&program, saved.version, vec![row("new-1", " 20 ")]).await.expect("saved");
    engine.publish(&program, saved.version).await.expect("published");
    let live = || engine.webhooks(&program).expect("reads")[0].timeout_seconds.map(WebhookTimeout::seconds);
    assert_eq!(live(), Some(20));

    let shown = engine.panel(&program).await.expect("reads").rows[0].row.clone();
    assert_eq!(shown.timeout, "20");
    let usual = DraftRow { timeout: String::new(), ..shown };
    let saved = engine.save_draft(&program, 0, vec![usual]).await.expect("saved");
    assert_eq!(saved.changes, ["Give https://example.com/ the usual time to answer."]);
    engine.publish(&program, saved.version).await.expect("published");
    assert_eq!(live(), None);
    engine.shut_down().await;
}

#[tokio::test]
async fn a_name_is_drafted_reviewed_and_published() {
    let engine = start(&store_with_every_status().await, &Clock::manual(NOW_MS)).await;
    let program = id_of(ProgramStatus::InProgress);
    let url = "https://example.com/";
    let input = WebhookInput { payload_url: Some(url.to_owned()), ..WebhookInput::default() };
    engine.create_webhook(&program, input).await.expect("created");
    let row = engine.panel(&program).await.expect("reads").rows[0].row.clone();
    assert_eq!(row.name.as_deref(), Some(""));
    let named = |name: Option<&str>| vec![DraftRow { name: name.map(str::to_owned), ..row.clone() }];
    let live = || engine.webhooks(&program).expect("reads")[0].name.as_ref().map(ToString::to_string);

    let saved = engine.save_draft(&program, 0, named(Some("a\nb"))).await.expect("a draft may be wrong");
    assert_eq!(saved.problems[0][0].pointer, "/name");
    engine.publish(&program, saved.version).await.expect_err("is wrong");
    let saved = engine.save_draft(&program, saved.version, named(Some(" CRM "))).await.expect("saved");
    // As an editor saves it that knows nothing of names.
    let saved = engine.save_draft(&program, saved.version, named(None)).await.expect("saved");
    assert_eq!(saved.changes, ["Call https://example.com/ “CRM”."]);
    engine.publish(&program, saved.version).await.expect("published");
    assert_eq!(live().as_deref(), Some("CRM"));
    let saved = engine.save_draft(&program, 0, named(Some("CRM"))).await.expect("saved");
    assert_eq!(saved.changes, [] as [&str; 0]);
    let saved = engine.save_draft(&program, saved.version, named(Some(""))).await.expect("saved");
    assert_eq!(saved.changes, ["No longer call https://example.com/ “CRM”."]);
    engine.publish(&program, saved.version).await.expect("published");
    assert_eq!(live(), None);
    engine.shut_down().await;
}

#[tokio::test]
async fn a_draft_from_before_there_were_timeouts_is_read() {
    let store = store_with_every_status().await;
    let program = id_of(ProgramStatus::Draft);
    let rows_json =
        r#"[{"key":"new-1","url":"https://example.com/","is_enabled":true,"events":[],"secret":"Kept"}]"#;
    let draft = DraftRecord {
        program_id: program.clone(),
        version: 1,
        base_version: 0,
        rows_json: rows_json.to_owned(),
        saved_at_ms: NOW_MS,
    };
    assert!(store.save_draft(&draft, None).await.expect("saves"));
    let engine = start(&store, &Clock::manual(NOW_MS)).await;
    let panel = engine.panel(&program).await.expect("reads");
    assert_eq!((panel.rows.len(), panel.rows[0].row.timeout.as_str()), (1, ""));
    engine.publish(&program, 1).await.expect("published");
    engine.shut_down().await;
}

//! The audit log: whatever somebody changes leaves exactly one entry, and nobody but owners sees it.

mod broken_off;
mod details;
mod every_action;
mod nodes;
mod own_deeds;

use std::sync::Arc;

use groundswell_engine::access::{Actor, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::programs::{NewProgram, ProgramPatch};
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::{AuditSearch, AuditStore as _};
use groundswell_engine::webhooks::WebhookInput;
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::{
    AuditAction, AuditActorKind, AuditEntry, AuditFilter, AuditOutcome, Currency, EventKind, NewApiKey,
    ProgramId, ProgramType, RetentionDays, Scope, Scopes,
};

const BEGAN_MS: i64 = 1_800_000_000_000;

async fn start(store: &Arc<Memory>, clock: &Clock) -> Arc<Engine> {
    let config = EngineConfig::default();
    let parts = EngineParts { store: Arc::clone(store) as _, config, clock: clock.clone() };
    Engine::start(parts).await.expect("starts")
}

fn operator(engine: &Arc<Engine>) -> Acting {
    let address = Some("192.0.2.7".parse().expect("is an address"));
    engine.acting(Arc::new(Actor { who: Who::Operator, address }))
}

async fn with_key(engine: &Arc<Engine>, acting: &Acting, new: NewApiKey) -> Acting {
    let made = acting.create_api_key(new).await.expect("made");
    let hash = groundswell_engine::access::hash_token(&made.key);
    let known = engine.api_key(&hash).expect("is known");
    engine.acting(Arc::new(Actor { who: Who::Key(known), address: None }))
}

fn key(scopes: impl IntoIterator<Item = Scope>, program: Option<&ProgramId>) -> NewApiKey {
    NewApiKey {
        name: "A key".to_owned(),
        scopes: Scopes::from_iter(scopes),
        campaign_id: program.cloned(),
        rate_limit: None,
    }
}

fn program() -> NewProgram {
    NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() }
}

fn webhook() -> WebhookInput {
    WebhookInput {
        payload_url: Some("https://example.com/hooks?secret=s3cret".to_owned()),
        events: Some(vec![EventKind::NewParticipantAdded]),
        is_enabled: Some(false),
        ..WebhookInput::default()
    }
}

async fn log(acting: &Acting) -> Vec<AuditEntry> {
    acting.audit_log(AuditFilter::default(), None, 100).await.expect("reads")
}

#[tokio::test]
async fn whatever_is_changed_leaves_one_entry_that_says_by_whom_and_from_where() {
    let engine = start(&Arc::new(Memory::new()), &Clock::manual(BEGAN_MS)).await;
    let acting = operator(&engine);
    let id = acting.create_program(program(), None).await.expect("created").id;
    let webhook = acting.create_webhook(&id, webhook()).await.expect("created").id;
    let patch = WebhookInput { is_enabled: Some(true), ..WebhookInput::default() };
    acting.patch_webhook(&id, &webhook, patch).await.expect("changed");
    acting.delete_webhook(&id, &webhook).await.expect("deleted");
    let patch = ProgramPatch { name: Some("Other".to_owned()), ..ProgramPatch::default() };
    acting.patch_program(&id, patch).await.expect("changed");

    let entries = log(&acting).await;
    let actions: Vec<_> = entries.iter().rev().map(|entry| entry.action).collect();
    let wanted = [
        AuditAction::ProgramCreated,
        AuditAction::WebhookCreated,
        AuditAction::WebhookChanged,
        AuditAction::WebhookDeleted,
        AuditAction::ProgramChanged,
    ];
    assert_eq!(actions, wanted);
    for entry in &entries {
        assert_eq!(entry.actor.kind, AuditActorKind::Operator);
        assert_eq!(entry.address.as_deref(), Some("192.0.2.7"));
        assert_eq!(entry.campaign_id.as_ref(), Some(&id));
        assert_eq!((entry.at, entry.outcome), (BEGAN_MS, AuditOutcome::Done));
    }
    assert_eq!(entries[2].details["changed"], "enabled");
    assert_eq!(entries[2].target.as_deref(), Some(webhook.as_str()));
    let text = serde_json::to_string(&entries).expect("is JSON");
    assert!(!text.contains("s3cret"), "{text}");
    engine.shut_down().await;
}

#[tokio::test]
async fn how_long_data_is_kept_takes_whoever_may_erase_it_and_the_log_says_what_it_was() {
    let engine = start(&Arc::new(Memory::new()), &Clock::manual(BEGAN_MS)).await;
    let acting = operator(&engine);
    let id = acting.create_program(program(), None).await.expect("created").id;
    let keep = |days: Option<i64>| ProgramPatch {
        name: Some("Other".to_owned()),
        retention: Some(days.map(|days| RetentionDays::try_from(days).expect("so many are allowed"))),
        ..ProgramPatch::default()
    };
    acting.patch_program(&id, keep(Some(30))).await.expect("changed");
    let (webhooks, admin) = (key([Scope::Webhooks], None), key([Scope::Admin], Some(&id)));
    let webhooks = with_key(&engine, &acting, webhooks).await;
    let admin = with_key(&engine, &acting, admin).await;
    for days in [Some(1), None] {
        let refused = webhooks.patch_program(&id, keep(days)).await;
        assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{refused:?}");
    }
    webhooks.patch_program(&id, keep(Some(30))).await.expect("it is as it was");
    let program = admin.patch_program(&id, keep(None)).await.expect("changed");
    assert_eq!(program.retention_days, None);

    let said = |entry: AuditEntry| {
        let of = |name: &str| entry.details.get(name).cloned().unwrap_or_default();
        (of("retentionDaysBefore"), of("retentionDays"))
    };
    let changes = log(&acting).await.into_iter().filter(|entry| entry.action == AuditAction::ProgramChanged);
    let said: Vec<_> = changes.map(said).collect();
    let pair = |before: &str, now: &str| (before.to_owned(), now.to_owned());
    assert_eq!(said, [pair("30", "default"), pair("", ""), pair("default", "30")], "newest first");
    engine.shut_down().await;
}

#[tokio::test]
async fn what_was_refused_or_only_looked_at_leaves_no_entry() {
    let engine = start(&Arc::new(Memory::new()), &Clock::manual(BEGAN_MS)).await;
    let acting = operator(&engine);
    let id = acting.create_program(program(), None).await.expect("created").id;
    let before = log(&acting).await.len();
    let wrong = WebhookInput { payload_url: Some("nonsense".to_owned()), ..webhook() };
    acting.create_webhook(&id, wrong).await.expect_err("no URL");
    acting
        .delete_webhook(&id, &groundswell_types::WebhookId::parse("wh_none").expect("is an id"))
        .await
        .expect_err("none");
    acting.panel(&id).await.expect("reads");
    acting.webhooks(&id).expect("reads");
    let event = br#"{"event":"NEW_PARTICIPANT_ADDED","data":{"id":"p1"}}"#;
    acting.submit(&id, event, None).await.expect("accepted");
    assert_eq!(log(&acting).await.len(), before);
    engine.shut_down().await;
}

#[tokio::test]
async fn nobody_but_owners_sees_the_log_and_a_key_of_one_program_its_own() {
    let engine = start(&Arc::new(Memory::new()), &Clock::manual(BEGAN_MS)).await;
    let acting = operator(&engine);
    let (first, second) = (
        acting.create_program(program(), None).await.expect("created").id,
        acting.create_program(program(), None).await.expect("created").id,
    );
    let admin = with_key(&engine, &acting, key([Scope::Admin], None)).await;
    let of_first = with_key(&engine, &acting, key([Scope::Admin], Some(&first))).await;
    let editor = with_key(&engine, &acting, key([Scope::Read, Scope::Webhooks, Scope::Events], None)).await;
    editor.create_webhook(&second, webhook()).await.expect("created");
    let refused = editor.audit_log(AuditFilter::default(), None, 10).await;
    assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{refused:?}");
    let refused = editor.record_audit_export("csv").await;
    assert!(matches!(refused, Err(EngineError::Forbidden(_))), "{refused:?}");

    assert_eq!(log(&admin).await.len(), 6);
    let by_key = log(&admin).await.remove(0);
    assert_eq!((by_key.actor.kind, by_key.actor.name.as_str()), (AuditActorKind::Key, "A key"));
    let own = log(&of_first).await;
    assert_eq!(own.len(), 2);
    assert!(own.iter().all(|entry| entry.campaign_id.as_ref() == Some(&first)));
    let elsewhere = AuditFilter { campaign_id: Some(second), ..AuditFilter::default() };
    let refused = of_first.audit_log(elsewhere, None, 10).await;
    assert!(matches!(refused, Err(EngineError::NotFound(_))), "{refused:?}");
    engine.shut_down().await;
}

#[tokio::test]
async fn what_was_begun_when_the_process_ended_is_in_the_log_as_unclear() {
    let (store, clock) = (Arc::new(Memory::new()), Clock::manual(BEGAN_MS));
    let engine = start(&store, &clock).await;
    let acting = operator(&engine);
    acting.create_program(program(), None).await.expect("created");
    let all = AuditSearch { limit: 10, ..AuditSearch::default() };
    let mut record = store.audit_log(&all).await.expect("reads").remove(0);
    record.id = groundswell_types::AuditId::from_number(record.id.number() + 1);
    store.begin_audit(&[record.clone()]).await.expect("writes");
    engine.shut_down().await;

    let engine = start(&store, &clock).await;
    let outcomes: Vec<_> = log(&operator(&engine)).await.iter().map(|entry| entry.outcome).collect();
    assert_eq!(outcomes, [AuditOutcome::Unclear, AuditOutcome::Done]);
    engine.shut_down().await;
}

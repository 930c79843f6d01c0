//! Editor links: who may make them, what they open, and how that ends.

use std::sync::Arc;

use groundswell_engine::access::{
    Actor, Came, EDITOR_IDLE_MS, EDITOR_LINK_MS, EDITOR_SESSION_MS, NewEditorLink, Who, hash_token,
};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::programs::{NewProgram, ProgramPatch};
use groundswell_engine::store::Store;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::editor::{DeliveryQuery, Seen};
use groundswell_types::{
    AuditAction, AuditActorKind, AuditFilter, Currency, NewApiKey, ProgramId, ProgramType, Scope, TeamId,
    Theme,
};

const NOW_MS: i64 = 1_800_000_000_000;

async fn start() -> (Arc<Engine>, Clock) {
    let clock = Clock::manual(NOW_MS);
    let store = Arc::new(Memory::new()) as Arc<dyn Store>;
    let parts = EngineParts { store, config: EngineConfig::default(), clock: clock.clone() };
    (Engine::start(parts).await.expect("starts"), clock)
}

async fn program(engine: &Engine) -> ProgramId {
    let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    engine.create_program(new).await.expect("a program").id
}

fn acting(engine: &Arc<Engine>, who: Who) -> Acting {
    engine.acting(Arc::new(Actor { who, address: None }))
}

/// Whoever has a key with these scopes; the key's id.
async fn key(engine: &Arc<Engine>, scopes: &[Scope], program: Option<&ProgramId>) -> (Acting, String) {
    let new = NewApiKey {
        name: "Host".to_owned(),
        scopes: scopes.iter().copied().collect(),
        campaign_id: program.cloned(),
        rate_limit: None,
    };
    let made = engine.create_api_key(TeamId::first(), new).await.expect("a key");
    let known = engine.api_key(&hash_token(&made.key)).expect("it is known");
    (acting(engine, Who::Key(known)), made.view.id)
}

async fn link(host: &Acting, program: &ProgramId) -> String {
    host.create_editor_link(program, NewEditorLink::default()).await.expect("a link").token
}

#[expect(clippy::needless_pass_by_value, reason = "it is asked of what a call has just answered")]
fn is_refused<T>(outcome: Result<T, EngineError>) -> bool {
    matches!(outcome, Err(EngineError::Refused(_)))
}

#[tokio::test]
async fn a_link_opens_once_and_within_five_minutes() {
    let (engine, clock) = start().await;
    let (host, program) = (acting(&engine, Who::Operator), program(&engine).await);
    let label = Some("  Ada of Acme ".to_owned());
    let new = NewEditorLink { theme: Theme::Dark, label };
    let made = host.create_editor_link(&program, new).await.expect("a link");
    assert_eq!(made.expires_at_ms, NOW_MS + EDITOR_LINK_MS);

    let (session, holder) = engine.use_editor_link(&made.token, Came::default()).await.expect("it opens");
    assert_eq!((holder.program.clone(), holder.theme), (program.clone(), Theme::Dark));
    assert_eq!((holder.id.clone(), holder.label.as_deref()), (made.id, Some("Ada of Acme")));
    assert_eq!(engine.link_holder(&session).await.expect("answers"), Some(holder.as_ref().clone()));
    assert_ne!(session, made.token);
    assert!(is_refused(engine.use_editor_link(&made.token, Came::default()).await), "it was used");
    assert!(is_refused(engine.use_editor_link(&session, Came::default()).await), "a session opens nothing");
    assert_eq!(engine.link_holder(&made.token).await.expect("answers"), None, "a token is no session");

    let late = link(&host, &program).await;
    clock.set(clock.now_ms() + EDITOR_LINK_MS);
    assert!(is_refused(engine.use_editor_link(&late, Came::default()).await));
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_when_it_is_old() {
    let (engine, clock) = start().await;
    let (host, program) = (acting(&engine, Who::Operator), program(&engine).await);
    let open = async || {
        let token = link(&host, &program).await;
        engine.use_editor_link(&token, Came::default()).await.expect("it opens").0
    };
    let lasts = async |session: &str| engine.link_holder(session).await.expect("answers").is_some();

    let idle = open().await;
    clock.set(clock.now_ms() + EDITOR_IDLE_MS);
    assert!(lasts(&idle).await, "and that is a use of it");
    clock.set(clock.now_ms() + EDITOR_IDLE_MS + 1);
    assert!(!lasts(&idle).await);

    let open_page = open().await;
    clock.set(clock.now_ms() + EDITOR_IDLE_MS);
    assert!(engine.link_holder_of_open_page(&open_page).await.expect("answers").is_some());
    clock.set(clock.now_ms() + 1);
    assert!(!lasts(&open_page).await, "what a page does by itself is no use of it");

    let busy = open().await;
    for _ in 1..EDITOR_SESSION_MS / EDITOR_IDLE_MS {
        clock.set(clock.now_ms() + EDITOR_IDLE_MS);
        assert!(lasts(&busy).await);
    }
    clock.set(clock.now_ms() + EDITOR_IDLE_MS);
    assert!(!lasts(&busy).await, "it is twelve hours old");
}

#[tokio::test]
async fn a_link_and_its_session_end_with_the_key_that_made_it() {
    let (engine, _) = start().await;
    let program = program(&engine).await;
    let (host, id) = key(&engine, &[Scope::Webhooks], None).await;
    let (unused, token) = (link(&host, &program).await, link(&host, &program).await);
    let (session, holder) = engine.use_editor_link(&token, Came::default()).await.expect("it opens");
    assert_eq!(holder.api_key_id.as_ref(), Some(&id));

    let mut told = engine.access_changed();
    told.mark_unchanged();
    acting(&engine, Who::Operator).delete_api_key(&id).await.expect("it is revoked");
    assert!(told.has_changed().expect("the engine runs"), "open streams are to ask again");
    assert_eq!(engine.link_holder(&session).await.expect("answers"), None);
    assert!(is_refused(engine.use_editor_link(&unused, Came::default()).await));
}

#[tokio::test]
async fn a_link_and_its_session_end_when_their_maker_says_so() {
    let (engine, _) = start().await;
    let (one, other) = (program(&engine).await, program(&engine).await);
    let (host, _) = key(&engine, &[Scope::Webhooks], None).await;
    let made = host.create_editor_link(&one, NewEditorLink::default()).await.expect("a link");
    let (session, _) = engine.use_editor_link(&made.token, Came::default()).await.expect("it opens");
    let elsewhere = host.delete_editor_link(&other, &made.id).await;
    assert!(matches!(elsewhere, Err(EngineError::NotFound(_))), "{elsewhere:?}");
    host.delete_editor_link(&one, &made.id).await.expect("it ends");
    assert_eq!(engine.link_holder(&session).await.expect("answers"), None);

    let unused = host.create_editor_link(&one, NewEditorLink::default()).await.expect("a link");
    host.delete_editor_link(&one, &unused.id).await.expect("it ends");
    assert!(is_refused(engine.use_editor_link(&unused.token, Came::default()).await));
}

#[tokio::test]
async fn a_new_session_takes_the_place_of_the_one_in_the_same_frame() {
    let (engine, _) = start().await;
    let (host, program) = (acting(&engine, Who::Operator), program(&engine).await);
    let (first, second) = (link(&host, &program).await, link(&host, &program).await);
    let (before, _) = engine.use_editor_link(&first, Came::default()).await.expect("it opens");
    let (after, _) = engine
        .use_editor_link(&second, Came { session: Some(before.clone()), ..Came::default() })
        .await
        .expect("it opens");
    assert_eq!(engine.link_holder(&before).await.expect("answers"), None);
    assert!(engine.link_holder(&after).await.expect("answers").is_some());
}

#[tokio::test]
async fn links_are_made_by_who_may_change_webhooks() {
    let (engine, _) = start().await;
    let (own, other) = (program(&engine).await, program(&engine).await);
    let make = async |host: &Acting, program| {
        host.create_editor_link(program, NewEditorLink::default()).await.map(drop)
    };
    for scopes in [&[Scope::Read][..], &[Scope::Events]] {
        let (host, _) = key(&engine, scopes, None).await;
        assert!(matches!(make(&host, &own).await, Err(EngineError::Forbidden(_))), "{scopes:?}");
    }
    let (host, _) = key(&engine, &[Scope::Webhooks], Some(&own)).await;
    make(&host, &own).await.expect("its own program");
    assert!(matches!(make(&host, &other).await, Err(EngineError::NotFound(_))));
    for label in ["x".repeat(101), "a\nb".to_owned()] {
        let new = NewEditorLink { label: Some(label), ..NewEditorLink::default() };
        assert!(matches!(host.create_editor_link(&own, new).await, Err(EngineError::Invalid(_))));
    }
}

#[tokio::test]
async fn whoever_comes_by_a_link_sets_up_webhooks_of_one_program_and_nothing_else() {
    let (engine, _) = start().await;
    let (own, other) = (program(&engine).await, program(&engine).await);
    let token = link(&acting(&engine, Who::Operator), &own).await;
    let (_, holder) = engine.use_editor_link(&token, Came::default()).await.expect("it opens");
    let holder = acting(&engine, Who::Link(holder));

    holder.panel(&own).await.expect("the panel");
    holder.history(&own, None).await.expect("the history");
    let seen = Seen { draft_version: 0, live_version: None };
    holder.save_draft(&own, seen, Vec::new()).await.expect("a draft");
    holder.discard_draft(&own).await.expect("no draft");
    holder.watch(&own).expect("changes");

    macro_rules! forbidden {
        ($($call:expr),+ $(,)?) => {
            $({
                let outcome = $call.map(drop);
                assert!(matches!(outcome, Err(EngineError::Forbidden(_))), "{}: {outcome:?}", stringify!($call));
            })+
        };
    }
    forbidden!(
        holder.deliveries(&own, &DeliveryQuery::default()).await,
        holder.resend_jobs(&own).await,
        holder.inbox(&own).await,
        holder.clear_inbox(&own).await,
        holder.add_inbox_webhook(&own).await,
        holder.end_first_steps(&own).await,
        holder.submit(&own, b"{}", None).await,
        holder.follow(&own, None, Vec::new()).await,
        holder.patch_program(&own, ProgramPatch::default()).await,
        holder.create_editor_link(&own, NewEditorLink::default()).await,
        holder.delete_editor_link(&own, "edl_1").await,
        holder.api_keys().await,
        holder.delete_api_key("key_1").await,
        holder.create_sign_in_link(None).await,
        holder.program_summaries().await,
    );
    let others = holder.panel(&other).await.map(drop);
    assert!(matches!(others, Err(EngineError::NotFound("program"))), "{others:?}");
    assert!(holder.programs().is_empty());
}

#[tokio::test]
async fn the_audit_log_says_who_made_a_link_who_used_it_and_what_they_did() {
    let (engine, _) = start().await;
    let program = program(&engine).await;
    let (host, key) = key(&engine, &[Scope::Webhooks], None).await;
    let new = NewEditorLink { label: Some("Ada of Acme".to_owned()), ..NewEditorLink::default() };
    let made = host.create_editor_link(&program, new).await.expect("a link");
    let (_, holder) = engine.use_editor_link(&made.token, Came::default()).await.expect("it opens");
    acting(&engine, Who::Link(holder)).discard_draft(&program).await.expect("no draft");
    host.delete_editor_link(&program, &made.id).await.expect("it ends");

    let operator = acting(&engine, Who::Operator);
    let log = operator.audit_log(AuditFilter::default(), None, 10).await.expect("entries");
    let told: Vec<_> = log
        .iter()
        .rev()
        .map(|one| (one.action, one.actor.kind, one.actor.id.as_deref(), one.actor.name.as_str()))
        .collect();
    let (host, link) = ((Some(key.as_str()), "Host"), (Some(made.id.as_str()), "Ada of Acme"));
    assert_eq!(
        told,
        [
            (AuditAction::LinkCreated, AuditActorKind::Key, host.0, host.1),
            (AuditAction::LinkUsed, AuditActorKind::Link, link.0, link.1),
            (AuditAction::DraftDiscarded, AuditActorKind::Link, link.0, link.1),
            (AuditAction::SessionEnded, AuditActorKind::Key, host.0, host.1),
        ]
    );
    assert!(!format!("{log:?}").contains(&made.token));
}

//! Drafts over time: what REST changes while they are edited, what was live before, and the way back.

use std::sync::Arc;

use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::Store;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::webhooks::{SecretInput, WebhookInput};
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::editor::{
    ChangedBy, DraftRow, FieldValue, HeaderState, SecretChange, SecretDraft, SecretEdit, Seen, Side,
};
use groundswell_types::{
    Currency, EventKind, ProgramId, ProgramType, Secret, SecretOverlap, WebhookHeaders, WebhookId,
};

const NOW_MS: i64 = 1_800_000_000_000;
const URL: &str = "https://example.com/hook";

struct Fixture {
    clock: Clock,
    engine: Arc<Engine>,
    program: ProgramId,
    webhook: WebhookId,
}

fn url(url: &str) -> WebhookInput {
    WebhookInput { payload_url: Some(url.to_owned()), ..WebhookInput::default() }
}

impl Fixture {
    /// A program with one live webhook that has a secret and a header.
    async fn new() -> Self {
        let (store, clock) = (Arc::new(Memory::new()) as Arc<dyn Store>, Clock::manual(NOW_MS));
        let parts = EngineParts { store, config: EngineConfig::default(), clock: clock.clone() };
        let engine = Engine::start(parts).await.expect("starts");
        let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
        let program = engine.create_program(new).await.expect("created").id;
        let secret = Secret::parse("planted").expect("a valid secret");
        let input = WebhookInput {
            events: Some(vec![EventKind::NewParticipantAdded]),
            secret: Some(SecretInput::Set(secret, SecretOverlap::None)),
            headers: Some(WebhookHeaders::parse([("x-api-key", "planted")]).expect("valid")),
            ..url(URL)
        };
        let webhook = engine.create_webhook(&program, input).await.expect("created").id;
        Self { clock, engine, program, webhook }
    }

    async fn rows(&self) -> Vec<DraftRow> {
        let panel = self.engine.panel(&self.program).await.expect("reads");
        panel.rows.into_iter().map(|row| row.row).collect()
    }

    /// Saves what `change` makes of the rows as they are shown; returns the draft's number.
    async fn save(&self, change: impl FnOnce(&mut Vec<DraftRow>)) -> i64 {
        let panel = self.engine.panel(&self.program).await.expect("reads");
        let seen = Seen { draft_version: panel.draft_version, live_version: Some(panel.live_version) };
        let mut rows = panel.rows.into_iter().map(|row| row.row).collect();
        change(&mut rows);
        self.engine.save_draft(&self.program, seen, rows).await.expect("saved").version
    }

    async fn rest(&self, input: WebhookInput) {
        self.engine.patch_webhook(&self.program, &self.webhook, input).await.expect("changed");
    }

    fn live_url(&self) -> Option<String> {
        self.engine.webhook(&self.program, &self.webhook).expect("is there").payload_url
    }
}

fn is_conflict<T>(result: &Result<T, EngineError>) -> bool {
    matches!(result, Err(EngineError::Conflict(_)))
}

#[tokio::test]
async fn what_rest_changes_elsewhere_is_taken_into_the_draft_and_published_with_it() {
    let fixture = Fixture::new().await;
    let (engine, program) = (&fixture.engine, &fixture.program);
    fixture.save(|rows| rows[0].timeout = "20".to_owned()).await;
    fixture.rest(url("https://example.com/rest")).await;
    engine.create_webhook(program, url("https://example.com/second")).await.expect("created");

    let panel = engine.panel(program).await.expect("reads");
    assert_eq!(panel.conflicts, []);
    let shown: Vec<_> = panel.rows.iter().map(|row| (&*row.row.url, &*row.row.timeout)).collect();
    assert_eq!(shown, [("https://example.com/rest", "20"), ("https://example.com/second", "")]);
    assert_eq!(panel.changes, ["Give https://example.com/rest 20 s to answer."]);
    engine.publish(program, panel.draft_version).await.expect("published");
    let live = engine.webhooks(program).expect("reads");
    assert_eq!(live.len(), 2, "what REST added is not removed by a draft that did not know it");
    assert_eq!(live[0].payload_url.as_deref(), Some("https://example.com/rest"));
    assert_eq!(live[0].timeout_seconds.map(groundswell_types::WebhookTimeout::seconds), Some(20));
    assert_eq!(live[0].header_names, ["x-api-key"]);
    engine.shut_down().await;
}

#[tokio::test]
async fn what_both_changed_is_shown_with_both_values_and_published_only_when_it_is_decided() {
    for (side, wanted) in
        [(Side::Mine, "https://example.com/mine"), (Side::Theirs, "https://example.com/rest")]
    {
        let fixture = Fixture::new().await;
        let (engine, program) = (&fixture.engine, &fixture.program);
        let version = fixture.save(|rows| {
            rows[0].url = "https://example.com/mine".to_owned();
            rows[0].timeout = "20".to_owned();
        });
        let version = version.await;
        fixture.rest(url("https://example.com/rest")).await;
        let panel = engine.panel(program).await.expect("reads");
        let shown: Vec<_> =
            panel.conflicts.iter().map(|one| (one.mine.clone(), one.theirs.clone())).collect();
        let address = |url: &str| FieldValue::Url(url.to_owned());
        assert_eq!(shown, [(address("https://example.com/mine"), address("https://example.com/rest"))]);
        assert!(is_conflict(&engine.publish(program, version).await));
        // Saving something else decides nothing.
        let version = fixture.save(|rows| rows[0].timeout = "25".to_owned()).await;
        assert!(is_conflict(&engine.publish(program, version).await));
        assert_eq!(fixture.live_url().as_deref(), Some("https://example.com/rest"));

        let panel = engine.panel(program).await.expect("reads");
        let seen = Seen { draft_version: version, live_version: Some(panel.live_version) };
        let old = Seen { live_version: Some(panel.live_version - 1), ..seen };
        assert!(
            is_conflict(&engine.resolve_conflicts(program, old, side).await),
            "that is not what was seen"
        );
        let version = engine.resolve_conflicts(program, seen, side).await.expect("decided").version;
        assert_eq!(engine.panel(program).await.expect("reads").conflicts, []);
        engine.publish(program, version).await.expect("published");
        assert_eq!(fixture.live_url().as_deref(), Some(wanted));
        let live = engine.webhook(program, &fixture.webhook).expect("is there");
        assert_eq!(
            live.timeout_seconds.map(groundswell_types::WebhookTimeout::seconds),
            Some(25),
            "the rest of the draft stays"
        );
        engine.shut_down().await;
    }
}

#[tokio::test]
async fn what_became_live_after_a_page_was_read_is_not_overwritten_by_its_save() {
    let fixture = Fixture::new().await;
    let (engine, program) = (&fixture.engine, &fixture.program);
    let panel = engine.panel(program).await.expect("reads");
    let seen = Seen { draft_version: 0, live_version: Some(panel.live_version) };
    let mut rows = fixture.rows().await;
    fixture.rest(url("https://example.com/rest")).await;
    rows[0].timeout = "20".to_owned();
    let saved = engine.save_draft(program, seen, rows).await.expect("saved");
    assert_eq!(saved.changes, ["Give https://example.com/rest 20 s to answer."]);
    engine.publish(program, saved.version).await.expect("published");
    assert_eq!(fixture.live_url().as_deref(), Some("https://example.com/rest"));
    engine.shut_down().await;
}

#[tokio::test]
async fn a_page_of_a_draft_that_was_thrown_away_is_none_of_the_next() {
    let fixture = Fixture::new().await;
    let (engine, program) = (&fixture.engine, &fixture.program);
    let timeout =
        |seconds: &'static str| move |rows: &mut Vec<DraftRow>| rows[0].timeout = seconds.to_owned();
    let before = fixture.save(timeout("20")).await;
    engine.discard_draft(program).await.expect("thrown away");
    fixture.clock.set(NOW_MS + 1);
    let next = fixture.save(timeout("25")).await;
    assert_ne!(before, next);
    let rows = fixture.rows().await;
    assert!(is_conflict(&engine.save_draft(program, before, rows).await));
    assert!(is_conflict(&engine.publish(program, before).await));
    assert_eq!(fixture.rows().await[0].timeout, "25");
    engine.shut_down().await;
}

#[tokio::test]
async fn a_secret_is_changed_only_in_the_draft_that_was_seen() {
    let fixture = Fixture::new().await;
    let (engine, program) = (&fixture.engine, &fixture.program);
    let key = fixture.rows().await.remove(0).key;
    let edit = |draft_version| SecretEdit {
        row_key: key.clone(),
        change: SecretChange::Set("another".to_owned()),
        draft_version,
    };
    let first = engine.change_secret(program, edit(0)).await.expect("begins a draft").version;
    let by_somebody_else = fixture.save(|rows| rows[0].timeout = "20".to_owned()).await;
    for seen in [0, first] {
        assert!(is_conflict(&engine.change_secret(program, edit(seen)).await));
    }
    let saved = engine.change_secret(program, edit(by_somebody_else)).await.expect("saved");
    assert_eq!(fixture.rows().await[0].timeout, "20");
    engine.publish(program, saved.version).await.expect("published");
    engine.shut_down().await;
}

#[tokio::test]
async fn a_webhook_that_rest_removed_comes_back_only_as_a_new_one() {
    let fixture = Fixture::new().await;
    let (engine, program) = (&fixture.engine, &fixture.program);
    fixture.save(|rows| rows[0].timeout = "20".to_owned()).await;
    engine.delete_webhook(program, &fixture.webhook).await.expect("removed");
    let panel = engine.panel(program).await.expect("reads");
    assert_eq!(panel.conflicts[0].theirs, FieldValue::Removed);
    let seen = Seen { draft_version: panel.draft_version, live_version: Some(panel.live_version) };
    engine.resolve_conflicts(program, seen, Side::Mine).await.expect("decided");
    let rows = fixture.rows().await;
    assert_eq!((rows.len(), &*rows[0].url, &*rows[0].timeout), (1, URL, "20"));
    assert_eq!(rows[0].secret, SecretDraft::None, "its secret went with it");
    engine.shut_down().await;
}

#[tokio::test]
async fn history_tells_who_changed_what_and_when_without_secrets() {
    let fixture = Fixture::new().await;
    let (engine, program) = (&fixture.engine, &fixture.program);
    fixture.clock.set(NOW_MS + 1_000);
    let version = fixture.save(|rows| rows[0].is_enabled = false).await;
    engine.publish(program, version).await.expect("published");
    let version = fixture.save(Vec::clear).await;
    engine.publish(program, version).await.expect("published");

    let history = engine.history(program, None).await.expect("reads");
    let told: Vec<_> =
        history.versions.iter().map(|one| (one.by, one.at - NOW_MS, one.webhooks, one.is_live)).collect();
    let wanted = [
        (Some(ChangedBy::Editor), 1_000, 0, true),
        (Some(ChangedBy::Editor), 1_000, 1, false),
        (Some(ChangedBy::Rest), 0, 1, false),
    ];
    assert_eq!(told, wanted);
    let changes: Vec<_> = history.versions.iter().map(|one| one.changes.join(" ")).collect();
    let wanted = [
        format!("Remove {URL}; what waits for it is cancelled."),
        format!("Turn off {URL}; its deliveries are parked."),
        format!("Add {URL} with 1 event."),
    ];
    assert_eq!(changes, wanted);
    assert!(!format!("{history:?}").contains("planted"));
    assert_eq!(history.next_before, None);
    engine.shut_down().await;
}

#[tokio::test]
async fn history_is_paged_and_each_version_is_compared_with_the_one_before() {
    let fixture = Fixture::new().await;
    for number in 0..25 {
        fixture.rest(url(&format!("https://example.com/{number}"))).await;
    }
    let first = fixture.engine.history(&fixture.program, None).await.expect("reads");
    let rest = fixture.engine.history(&fixture.program, first.next_before).await.expect("reads");
    assert_eq!((first.versions.len(), rest.versions.len(), rest.next_before), (20, 6, None));
    let told = &first.versions[19].changes;
    assert_eq!(told, &["Change the URL https://example.com/4 to https://example.com/5."]);
    assert!(first.versions[0].is_live && !rest.versions.iter().any(|version| version.is_live));
    fixture.engine.shut_down().await;
}

#[tokio::test]
async fn a_restore_makes_a_draft_with_the_secrets_of_now() {
    let fixture = Fixture::new().await;
    let (engine, program) = (&fixture.engine, &fixture.program);
    let first = engine.history(program, None).await.expect("reads").versions[0].version;
    let fresh = SecretInput::Set(Secret::parse("fresh").expect("valid"), SecretOverlap::None);
    fixture
        .rest(WebhookInput { secret: Some(fresh), is_enabled: Some(false), ..url("https://example.com/new") })
        .await;
    engine.create_webhook(program, url("https://example.com/second")).await.expect("created");

    let saved = engine.restore(program, first, 0).await.expect("restored");
    let wanted = [
        format!("Change the URL https://example.com/new to {URL}."),
        "Turn on https://example.com/new.".to_owned(),
        "Remove https://example.com/second; what waits for it is cancelled.".to_owned(),
    ];
    assert_eq!(saved.changes, wanted);
    let rows = fixture.rows().await;
    assert_eq!(rows[0].secret, SecretDraft::Kept);
    assert_eq!(rows[0].headers.as_ref().expect("shown")[0].state, HeaderState::Kept);
    assert!(is_conflict(&engine.restore(program, first, 0).await), "there is a draft by now");
    assert!(matches!(engine.restore(program, 999, saved.version).await, Err(EngineError::NotFound(_))));
    engine.publish(program, saved.version).await.expect("published");
    assert_eq!(fixture.live_url().as_deref(), Some(URL));

    // What is gone comes back as a new one, without what was secret, and says what is missing.
    engine.delete_webhook(program, &fixture.webhook).await.expect("removed");
    let saved = engine.restore(program, first, 0).await.expect("restored");
    assert_eq!(saved.problems[0][0].pointer, "/headers/0/value");
    assert_eq!(fixture.rows().await[0].secret, SecretDraft::None);
    engine.shut_down().await;
}

#[tokio::test]
async fn enabling_acts_at_once_and_the_draft_goes_on() {
    let fixture = Fixture::new().await;
    let (engine, program) = (&fixture.engine, &fixture.program);
    fixture.rest(WebhookInput { is_enabled: Some(false), ..WebhookInput::default() }).await;
    let version = fixture.save(|rows| rows[0].timeout = "20".to_owned()).await;
    let key = fixture.rows().await[0].key.clone();
    engine.enable_row(program, &key).await.expect("enabled");
    assert!(engine.webhook(program, &fixture.webhook).expect("is there").is_enabled);
    assert!(fixture.rows().await[0].is_enabled, "the draft did not say otherwise");
    engine.publish(program, version).await.expect("published");
    assert!(engine.webhook(program, &fixture.webhook).expect("is there").is_enabled);
    engine.shut_down().await;
}

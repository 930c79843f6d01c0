//! Headers of a webhook's own in the editor: drafted, tested, reviewed, published; and their values stay inside.

use std::sync::Arc;

use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::webhooks::WebhookInput;
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::editor::{DraftRow, HeaderDraft, HeaderState, SecretDraft, TypedValue};
use groundswell_types::{Currency, InvalidHeader, ProgramId, ProgramType, WebhookHeaders};
use tokio::sync::mpsc;

use crate::receiver::receiver;

const PLANTED: &str = "Bearer planted-token";

struct Fixture {
    engine: Arc<Engine>,
    program: ProgramId,
    url: String,
    heads: mpsc::Receiver<String>,
}

impl Fixture {
    async fn new() -> Self {
        let egress_allow = vec!["127.0.0.0/8".parse().expect("a network")];
        let config = EngineConfig { egress_allow, ..EngineConfig::default() };
        let parts =
            EngineParts { store: Arc::new(Memory::new()), config, clock: Clock::manual(1_800_000_000_000) };
        let engine = Engine::start(parts).await.expect("starts");
        let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
        let program = engine.create_program(new).await.expect("created").id;
        let (url, heads) = receiver().await;
        Self { engine, program, url, heads }
    }

    fn row(&self, headers: Option<Vec<HeaderDraft>>) -> DraftRow {
        DraftRow {
            key: "new-1".to_owned(),
            url: self.url.clone(),
            is_enabled: true,
            events: Vec::new(),
            secret: SecretDraft::None,
            name: None,
            secret_overlap: None,
            timeout: String::new(),
            headers,
        }
    }

    /// What the editor shows of the only row, as the browser gets it; nothing planted is in it.
    async fn shown(&self) -> DraftRow {
        let panel = self.engine.panel(&self.program).await.expect("reads");
        let (json, debug) = (serde_json::to_string(&panel).expect("JSON"), format!("{panel:?}"));
        assert!(!json.contains("planted") && !debug.contains("planted"), "{json}");
        panel.rows[0].row.clone()
    }

    async fn publish(&self, version: i64) {
        self.engine.publish(&self.program, version).await.expect("published");
    }
}

fn typed(key: &str, name: &str, value: Option<&str>) -> HeaderDraft {
    let value = value.map(|value| TypedValue(value.to_owned()));
    HeaderDraft { key: key.to_owned(), name: name.to_owned(), value, state: HeaderState::Missing }
}

#[tokio::test]
async fn headers_are_drafted_tested_and_published_and_their_values_stay_inside() {
    let mut fixture = Fixture::new().await;
    let (engine, program) = (Arc::clone(&fixture.engine), fixture.program.clone());
    let first = fixture.row(Some(vec![typed("new-1", "Authorization", Some(PLANTED))]));
    assert!(!format!("{first:?}").contains("planted"));
    let saved = engine.save_draft(&program, 0, vec![first]).await.expect("saved");
    assert_eq!(saved.problems, [[]]);
    let shown = fixture.shown().await;
    let state = |row: &DraftRow| row.headers.as_ref().expect("shown")[0].state;
    assert_eq!(state(&shown), HeaderState::New);

    let test = engine.test_row(&program, "new-1", None).await.expect("tested");
    assert!(test.success, "{test:?}");
    let head = fixture.heads.recv().await.expect("it arrived");
    assert!(head.contains(&format!("authorization: {PLANTED}\r\n")), "{head}");
    let header = test.request.headers.iter().find(|header| header.name == "authorization");
    assert_eq!(header.expect("its name is shown").value, "<value of authorization>");
    let kept = engine.test_result(&program, test.id).await.expect("is logged");
    for view in [&test, &kept] {
        assert!(!serde_json::to_string(view).expect("JSON").contains("planted"));
    }

    // As an editor saves it that knows nothing of headers, and as one does that does.
    let saved = engine.save_draft(&program, saved.version, vec![fixture.row(None)]).await.expect("saved");
    let again = vec![DraftRow { key: "new-1".to_owned(), ..shown }];
    let saved = engine.save_draft(&program, saved.version, again).await.expect("saved");
    fixture.publish(saved.version).await;
    let names = || engine.webhooks(&program).expect("reads")[0].header_names.clone();
    assert_eq!(names(), ["authorization"]);

    // Live, it is named by its name; renamed, it has its value still.
    let mut shown = fixture.shown().await;
    assert_eq!(state(&shown), HeaderState::Kept);
    let saved = engine.save_draft(&program, 0, vec![shown.clone()]).await.expect("saved");
    assert_eq!(saved.changes, [] as [&str; 0]);
    shown.headers.as_mut().expect("shown")[0].name = "x-renamed".to_owned();
    let saved = engine.save_draft(&program, saved.version, vec![shown.clone()]).await.expect("saved");
    let url = &fixture.url;
    let wanted = [
        format!("Send {url} also the headers: x-renamed."),
        format!("No longer send {url} the headers: authorization."),
    ];
    assert_eq!(saved.changes, wanted);
    fixture.publish(saved.version).await;
    assert_eq!(names(), ["x-renamed"]);
    let id = engine.webhooks(&program).expect("reads")[0].id.clone();
    let event = Some(groundswell_types::EventKind::CampaignEnded);
    let test = engine.test_webhook(&program, &id, event).await.expect("tested");
    assert!(!serde_json::to_string(&test).expect("JSON").contains("planted"));
    let head = fixture.heads.recv().await.expect("it arrived");
    assert!(head.contains(&format!("x-renamed: {PLANTED}\r\n")), "{head}");
    fixture.shown().await;

    let none = DraftRow { headers: Some(Vec::new()), ..fixture.shown().await };
    let saved = engine.save_draft(&program, 0, vec![none]).await.expect("saved");
    fixture.publish(saved.version).await;
    assert_eq!(names(), [] as [&str; 0]);
    engine.shut_down().await;
}

#[tokio::test]
async fn values_that_are_live_do_not_go_to_another_host() {
    let fixture = Fixture::new().await;
    let (engine, program) = (&fixture.engine, &fixture.program);
    let first = fixture.row(Some(vec![typed("new-1", "authorization", Some(PLANTED))]));
    let saved = engine.save_draft(program, 0, vec![first]).await.expect("saved");
    fixture.publish(saved.version).await;

    let (elsewhere, mut heads) = receiver().await;
    let here = fixture.shown().await;
    let moved = DraftRow { url: elsewhere.clone(), ..here.clone() };
    let saved = engine.save_draft(program, 0, vec![moved.clone()]).await.expect("saved");
    let problem = &saved.problems[0][0];
    assert_eq!(
        (problem.pointer.as_str(), &problem.message),
        ("/headers/0/value", &InvalidHeader::OtherHost.to_string())
    );
    assert_eq!(fixture.shown().await.headers.expect("shown")[0].state, HeaderState::Missing);
    let refused = [
        engine.test_row(program, &moved.key, None).await.err(),
        engine.publish(program, saved.version).await.err(),
    ];
    assert!(refused.iter().all(|error| matches!(error, Some(EngineError::Invalid(_)))), "{refused:?}");

    // At the same host, under another path, it has its value still; elsewhere with one of its own.
    let deeper = DraftRow { url: format!("{}/path", here.url.trim_end_matches('/')), ..here.clone() };
    let saved = engine.save_draft(program, saved.version, vec![deeper]).await.expect("saved");
    assert_eq!(saved.problems, [[]]);
    let header = typed(&here.headers.as_ref().expect("shown")[0].key, "authorization", Some("another"));
    let own = DraftRow { headers: Some(vec![header]), ..moved };
    engine.save_draft(program, saved.version, vec![own]).await.expect("saved");
    assert!(engine.test_row(program, &here.key, None).await.expect("tested").success);
    assert!(heads.recv().await.expect("it arrived").contains("authorization: another\r\n"));

    // Over REST, too.
    let id = engine.webhooks(program).expect("reads")[0].id.clone();
    let patch =
        |headers| WebhookInput { payload_url: Some(elsewhere.clone()), headers, ..WebhookInput::default() };
    let refused = engine.patch_webhook(program, &id, patch(None)).await;
    assert!(
        matches!(&refused, Err(EngineError::Invalid(problems)) if problems[0].pointer == "/headers"),
        "{refused:?}"
    );
    let webhook =
        engine.patch_webhook(program, &id, patch(Some(WebhookHeaders::NONE))).await.expect("changed");
    assert_eq!(webhook.header_names, [] as [&str; 0]);
    engine.shut_down().await;
}

#[tokio::test]
async fn a_draft_with_wrong_headers_says_where_and_is_neither_sent_nor_published() {
    let fixture = Fixture::new().await;
    let (engine, program) = (&fixture.engine, &fixture.program);
    let wrong = vec![
        typed("new-1", "host", Some("planted")),
        typed("new-2", "x-a", Some("planted\r\n")),
        typed("new-3", "x-b", None),
    ];
    let saved =
        engine.save_draft(program, 0, vec![fixture.row(Some(wrong))]).await.expect("a draft may be wrong");
    let pointers: Vec<&str> = saved.problems[0].iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(pointers, ["/headers/0/name", "/headers/1/value", "/headers/2/value"]);
    assert!(!format!("{saved:?}").contains("planted"));
    fixture.shown().await;
    engine.test_row(program, "new-1", None).await.expect_err("is not sent without them either");
    let refused = engine.publish(program, saved.version).await.expect_err("is wrong");
    let EngineError::Invalid(problems) = refused else { panic!("{refused}") };
    assert_eq!(problems[0].pointer, "/rows/0/headers/0/name");
    engine.shut_down().await;
}

//! Erasing a participant's data: what goes, what stays, and that nothing is left in the files.

use std::path::Path;
use std::sync::Arc;

use groundswell_engine::access::{Actor, Who};
use groundswell_engine::acting::Acting;
use groundswell_engine::clock::Clock;
use groundswell_engine::config::EngineConfig;
use groundswell_engine::inbox::{Arrived, Origin};
use groundswell_engine::programs::NewProgram;
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::sqlite::{Options, Sqlite};
use groundswell_engine::store::{Accept, ErasureStore as _, Forget, Store};
use groundswell_engine::webhooks::WebhookInput;
use groundswell_engine::{Engine, EngineError, EngineParts};
use groundswell_types::editor::DeliveryQuery;
use groundswell_types::{
    AuditAction, AuditFilter, Currency, DeliveryState, DeliveryView, Erasure, ErasureState, EventId,
    EventKind, HeaderView, ProgramId, ProgramType, ResendSelection, ResendState, Subject, SubjectKind,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::store::make;

const BEGAN_MS: i64 = 1_800_000_000_000;
const EMAIL: &str = "ada.lovelace@example.com";

/// Answers 200 with what `answer` makes of a body.
async fn answering(answer: fn(&[u8]) -> &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.windows(4).any(|part| part == b"\r\n\r\n") || !request.ends_with(b"}") {
                connection.read_buf(&mut request).await.expect("reads");
            }
            let at = request.windows(4).position(|part| part == b"\r\n\r\n").expect("has a body") + 4;
            let body = answer(&request[at..]);
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            connection.write_all(&[head.as_bytes(), body].concat()).await.expect("writes");
        }
    });
    url
}

/// Repeats what it gets.
async fn echo() -> String {
    answering(|body| body).await
}

async fn start(store: Arc<dyn Store>, clock: &Clock) -> Arc<Engine> {
    let egress_allow = vec!["127.0.0.0/8".parse().expect("a network")];
    let public_url = "http://127.0.0.1:1".parse().ok();
    let config = EngineConfig { egress_allow, public_url, ..EngineConfig::default() };
    Engine::start(EngineParts { store, config, clock: clock.clone() }).await.expect("starts")
}

fn operator(engine: &Arc<Engine>) -> Acting {
    engine.acting(Arc::new(Actor { who: Who::Operator, address: None }))
}

async fn program(engine: &Engine) -> ProgramId {
    let new = NewProgram { kind: ProgramType::Referral, name: None, currency: Currency::default() };
    engine.create_program(new).await.expect("created").id
}

async fn webhook(engine: &Engine, program: &ProgramId, url: String, is_enabled: bool) {
    let input = WebhookInput {
        payload_url: Some(url),
        events: Some(vec![EventKind::NewParticipantAdded]),
        is_enabled: Some(is_enabled),
        ..WebhookInput::default()
    };
    engine.create_webhook(program, input).await.expect("created");
}

fn event(id: &str, email: &str, notes: &str) -> Vec<u8> {
    format!(
        r#"{{"event":"NEW_PARTICIPANT_ADDED","data":{{"id":"{id}","email":"{email}","notes":"{notes}"}}}}"#
    )
    .into_bytes()
}

fn subject(kind: SubjectKind, text: &str) -> Subject {
    Subject::parse(kind, text).expect("is one")
}

async fn done(acting: &Acting, program: &ProgramId, subject: Subject) -> Erasure {
    let begun = acting.begin_erasure(program, subject).await.expect("begins");
    loop {
        let erasure = acting.erasure(program, begun.id).await.expect("reads");
        if erasure.state == ErasureState::Done {
            return erasure;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

async fn deliveries(acting: &Acting, program: &ProgramId) -> Vec<DeliveryView> {
    acting.deliveries(program, &DeliveryQuery::default()).await.expect("reads").deliveries
}

async fn until_all_are(acting: &Acting, program: &ProgramId, state: DeliveryState) {
    while deliveries(acting, program).await.iter().any(|delivery| delivery.state != state) {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// The files below a directory that have a text in them.
fn files_with(directory: &Path, text: &str) -> Vec<String> {
    let files = std::fs::read_dir(directory).expect("reads").map(|file| file.expect("reads").path());
    let has = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).expect("reads");
        bytes.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text.as_bytes()))
    };
    files.filter(has).map(|path| path.display().to_string()).collect()
}

#[tokio::test]
async fn nothing_of_a_participant_is_left_in_the_database_or_beside_it() {
    let directory = tempfile::TempDir::new().expect("there is a temporary directory");
    let path = directory.path().join("groundswell.db");
    let store = Arc::new(Sqlite::open(&path, Options::new(0, crate::store::vault(1))).await.expect("opens"));
    let engine = start(store, &Clock::system()).await;
    let acting = operator(&engine);
    let id = program(&engine).await;
    webhook(&engine, &id, echo().await, true).await;
    // Small bodies, one in pages of its own, and others' events around them, so that pages are split and filled.
    for number in 0..60 {
        let (own, notes) =
            (number % 10 == 3, if number == 33 { "x".repeat(60_000) } else { "y".repeat(700) });
        let email = if own { EMAIL.to_owned() } else { format!("somebody{number}@example.com") };
        engine.submit(&id, &event(&format!("p{number}"), &email, &notes), None).await.expect("accepted");
    }
    until_all_are(&acting, &id, DeliveryState::Delivered).await;
    // Somebody looks for them in the log, and has what is found sent again: all but the one that is too large to be looked into.
    let found = ResendSelection { text: Some(EMAIL.to_owned()), ..ResendSelection::default() };
    let job = acting.begin_resends(&id, &found).await.expect("begun");
    while acting.resend_job(&id, job.id).await.expect("reads").state == ResendState::Running {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    until_all_are(&acting, &id, DeliveryState::Delivered).await;
    assert!(!files_with(directory.path(), EMAIL).is_empty(), "else the test would find nothing anyway");

    let erasure = done(&acting, &id, subject(SubjectKind::Email, "Ada.Lovelace@Example.com")).await;
    assert_eq!((erasure.events, erasure.attempts, erasure.cancelled), (6, 11, 0));
    // Whom it was about stood in the job until it ended, and that goes right after.
    while !files_with(directory.path(), EMAIL).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for delivery in deliveries(&acting, &id).await {
        let detail = acting.delivery(&id, delivery.id).await.expect("reads");
        let is_erased = detail.body.ends_with(r#","data":{"erased":true}}"#);
        let answer = detail.attempt_log[0].response.as_ref().expect("was answered").body.clone();
        assert_eq!(answer.is_empty(), is_erased, "what was answered goes with what was sent");
        assert!(is_erased || detail.body.contains("somebody"));
    }
    engine.shut_down().await;
    assert_eq!(files_with(directory.path(), EMAIL), Vec::<String>::new());
}

/// Pages that retention frees have copies of what stood beside it: the database moves rows together.
#[tokio::test]
async fn no_free_page_has_anything_of_a_participant_among_whose_events_others_were_forgotten() {
    let directory = tempfile::TempDir::new().expect("there is a temporary directory");
    let path = directory.path().join("groundswell.db");
    let store = Arc::new(Sqlite::open(&path, Options::new(0, crate::store::vault(1))).await.expect("opens"));
    let engine = start(Arc::clone(&store) as _, &Clock::system()).await;
    let acting = operator(&engine);
    let (id, other) = (program(&engine).await, program(&engine).await);
    for number in 0..1_500 {
        let (program, email) = if number % 9 == 4 { (&id, EMAIL) } else { (&other, "somebody@example.com") };
        let notes = format!("{}, as {email} says", "y".repeat(number % 1_200));
        engine.submit(program, &event(&format!("p{number}"), email, &notes), None).await.expect("accepted");
    }
    let mut events = store.oldest_events(EventId::from_number(0), 2_000).await.expect("reads");
    events.retain(|event| event.program_id == other);
    for some in events.chunks(100) {
        let events = some.iter().map(|event| event.id).collect();
        store.forget(&Forget { events, limit: 100, ..Forget::default() }).await.expect("forgets");
    }
    assert!(!files_with(directory.path(), EMAIL).is_empty(), "else the test would find nothing anyway");

    let erasure = done(&acting, &id, subject(SubjectKind::Email, EMAIL)).await;
    assert_eq!(erasure.events, 167);
    engine.shut_down().await;
    let free = free_pages(&path);
    assert!(free.len() > 50, "the test is about these");
    let has_it = |page: &&Vec<u8>| page.windows(EMAIL.len()).any(|part| part == EMAIL.as_bytes());
    assert_eq!(free.iter().filter(has_it).count(), 0);
}

/// The pages of a database that nothing uses, as the file's format has them listed (https://www.sqlite.org/fileformat2.html).
fn free_pages(database: &Path) -> Vec<Vec<u8>> {
    let file = std::fs::read(database).expect("reads");
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes")) as usize;
    let size = usize::from(u16::from_be_bytes([file[16], file[17]]));
    let (mut free, mut trunk) = (Vec::new(), number(32));
    while trunk > 0 {
        let at = (trunk - 1) * size;
        for leaf in 0..number(at + 4) {
            let page = (number(at + 8 + 4 * leaf) - 1) * size;
            free.push(file[page..page + size].to_vec());
        }
        trunk = number(at);
    }
    free
}

/// Where nobody listens.
async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("http://{}/", listener.local_addr().expect("an address"))
}

#[tokio::test]
async fn an_event_whose_receiver_answered_nothing_or_was_not_there_is_erased() {
    let directory = tempfile::TempDir::new().expect("there is a temporary directory");
    let path = directory.path().join("groundswell.db");
    let store = Arc::new(Sqlite::open(&path, Options::new(0, crate::store::vault(1))).await.expect("opens"));
    let engine = start(store, &Clock::system()).await;
    let acting = operator(&engine);
    for (url, state) in
        [(answering(|_| b"").await, DeliveryState::Delivered), (nowhere().await, DeliveryState::Retrying)]
    {
        let id = program(&engine).await;
        webhook(&engine, &id, url, true).await;
        engine.submit(&id, &event("p1", EMAIL, ""), None).await.expect("accepted");
        until_all_are(&acting, &id, state).await;
        let ended = tokio::time::timeout(
            std::time::Duration::from_secs(20),
            done(&acting, &id, subject(SubjectKind::Email, EMAIL)),
        );
        let erasure = ended.await.expect("comes to its end");
        assert_eq!((erasure.events, erasure.attempts), (1, 1));
    }
    while !files_with(directory.path(), EMAIL).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    engine.shut_down().await;
}

/// Posts to a program's inbox as anybody may.
async fn post(engine: &Engine, program: &ProgramId, header: (&str, &str), body: &str) {
    let header = HeaderView { name: header.0.to_owned(), value: header.1.to_owned() };
    let arrived = Arrived {
        method: "POST".to_owned(),
        headers: vec![header],
        body: body.to_owned().into(),
        from: Origin::Network,
    };
    engine.receive_in_inbox(program, arrived).await.expect("kept");
}

#[tokio::test]
async fn whatever_anybody_has_posted_about_a_participant_goes_from_the_inbox() {
    let directory = tempfile::TempDir::new().expect("there is a temporary directory");
    let path = directory.path().join("groundswell.db");
    let store = Arc::new(Sqlite::open(&path, Options::new(0, crate::store::vault(1))).await.expect("opens"));
    let engine = start(store, &Clock::system()).await;
    let acting = operator(&engine);
    let (id, other) = (program(&engine).await, program(&engine).await);
    let plain = ("content-type", "text/plain");
    let json = format!(r#"{{"customer":{{"id":"cus-7","contacts":["{EMAIL}"]}}}}"#);
    let form = "name=Ada&mail=ada.lovelace%40example.com&id=cus-7";
    for body in [&*json, form, &format!("From {EMAIL}, cus-7"), "[\"cus-7\"]", "somebody else"] {
        post(&engine, &id, plain, body).await;
    }
    post(&engine, &id, ("x-user", EMAIL), "{}").await;
    post(&engine, &other, plain, &json).await;

    let erasure = done(&acting, &id, subject(SubjectKind::Email, EMAIL)).await;
    assert_eq!((erasure.events, erasure.inbox_requests), (0, 4));
    let erasure = done(&acting, &id, subject(SubjectKind::ParticipantId, "cus-7")).await;
    assert_eq!(erasure.inbox_requests, 1, "the others went before");
    let left = acting.inbox(&id).await.expect("reads").requests;
    assert_eq!(left.iter().map(|request| request.body_bytes).collect::<Vec<_>>(), [13]);
    assert_eq!(acting.inbox(&other).await.expect("reads").requests.len(), 1);

    let erasure = done(&acting, &other, subject(SubjectKind::Email, EMAIL)).await;
    assert_eq!(erasure.inbox_requests, 1);
    for text in [EMAIL, "ada.lovelace%40example.com"] {
        while !files_with(directory.path(), text).is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    engine.shut_down().await;
}

#[tokio::test]
async fn what_waits_is_cancelled_with_the_reason_and_nothing_is_sent_again() {
    let (store, clock) = (Arc::new(Memory::new()), Clock::manual(BEGAN_MS));
    let engine = start(Arc::clone(&store) as _, &clock).await;
    let acting = operator(&engine);
    let id = program(&engine).await;
    webhook(&engine, &id, "https://example.com/".to_owned(), false).await;
    for (participant, email) in [("p1", EMAIL), ("p2", "b@example.com")] {
        engine.submit(&id, &event(participant, email, ""), None).await.expect("accepted");
    }
    let erasure = done(&acting, &id, subject(SubjectKind::ParticipantId, "p1")).await;
    assert_eq!((erasure.events, erasure.cancelled, erasure.ended_at), (1, 1, Some(BEGAN_MS)));

    let all = deliveries(&acting, &id).await;
    let states: Vec<_> = all.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Parked, DeliveryState::Cancelled]);
    let detail = acting.delivery(&id, all[1].id).await.expect("reads");
    assert_eq!(detail.reason.as_deref(), Some("The participant's data was erased before it was delivered."));
    let refused = acting.resend(&id, all[1].id).await;
    assert!(matches!(&refused, Err(EngineError::Refused(why)) if why.contains("was erased")), "{refused:?}");
    let everything = ResendSelection::default();
    assert_eq!(acting.count_resends(&id, &everything).await.expect("counts"), 0);

    // Both entries say who asked and what came of it, and neither says who it was.
    let entries = acting.audit_log(AuditFilter::default(), None, 9).await.expect("reads");
    let actions: Vec<_> = entries.iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [AuditAction::DataErased, AuditAction::ErasureBegun]);
    assert_eq!(entries[0].details["events"], "1");
    assert_eq!(entries[0].details["subjectHash"], entries[1].details["subjectHash"]);
    let text = format!("{entries:?}");
    assert!(!text.contains("p1\"") && !text.contains(EMAIL), "{text}");
    let again = done(&acting, &id, subject(SubjectKind::ParticipantId, "p1")).await;
    assert_eq!((again.events, &again.subject_hash), (0, &erasure.subject_hash));
    engine.shut_down().await;
}

#[tokio::test]
async fn an_erasure_that_was_begun_before_a_restart_is_finished_after_it() {
    let (store, clock) = (Arc::new(Memory::new()), Clock::manual(BEGAN_MS));
    let engine = start(Arc::clone(&store) as _, &clock).await;
    let id = program(&engine).await;
    for number in 0..300 {
        let email = if number % 3 == 0 { EMAIL } else { "b@example.com" };
        engine.submit(&id, &event(&format!("p{number}"), email, ""), None).await.expect("accepted");
    }
    let acting = operator(&engine);
    let begun = acting.begin_erasure(&id, subject(SubjectKind::Email, EMAIL)).await.expect("begins");
    engine.shut_down().await;
    let engine = start(store, &clock).await;
    let acting = operator(&engine);
    let ended = loop {
        let erasure = acting.erasure(&id, begun.id).await.expect("reads");
        if erasure.state == ErasureState::Done {
            break erasure;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(ended.events, 100);
    engine.shut_down().await;
}

/// What another node has accepted has ids by that node's clock.
#[tokio::test]
async fn what_was_accepted_by_a_clock_that_is_ahead_is_erased_too() {
    let store = Arc::new(Memory::new());
    let engine = start(Arc::clone(&store) as _, &Clock::manual(BEGAN_MS)).await;
    let acting = operator(&engine);
    let id = program(&engine).await;
    let early = engine.submit(&id, &event("p1", EMAIL, ""), None).await.expect("accepted").id;
    let ahead = EventId::from_number(early.number() + (1 << 40));
    let accept = Accept {
        event_id: ahead,
        program_id: id.clone(),
        body: event("p1", EMAIL, "").into(),
        ..make::accept(1, &[])
    };
    store.commit(&make::accepts([accept])).await.expect("commits");
    let erasure = done(&acting, &id, subject(SubjectKind::Email, EMAIL)).await;
    assert_eq!(erasure.events, 2);
    assert_eq!(store.erased(&[early, ahead]).await.expect("reads"), [early, ahead]);
    engine.shut_down().await;
}

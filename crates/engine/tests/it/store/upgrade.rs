//! Databases of earlier versions. `tests/samples` has one file per migration, written when that migration was the
//! newest one and kept since: each must open, and everything in it must be found.
//!
//! When the newest migration has no sample yet, the test writes it and fails, so that it is committed along.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use groundswell_engine::store::copy::{CopyOrder, copy};
use groundswell_engine::store::memory::Memory;
use groundswell_engine::store::postgres::{Options, Postgres};
use groundswell_engine::store::{
    Accepted, After, ApiKeyRecord, AttemptRecord, AuditSearch, Batch, DeviceRecord, DraftRecord,
    EditorLinkRecord, EditorSessionStart, EndpointRecord, HealthRecord, HourRecord, InvitationRecord,
    LinkMaker, MembershipRecord, Move, OldSecret, Outcome, Pending, Posting, SessionRecord, SignInLinkRecord,
    Store, Target, TeamRecord, TestRecord, UserRecord, WebhooksChange,
};
use groundswell_types::{
    Email, FailureClass, HourCount, RateLimit, Role, Scope, Scopes, Secret, TeamId, TestId, Theme, UserId,
};

use super::audit::audit_record;
use super::health;
use super::incidents::{incident, maintenance};
use super::make::{self, ACCEPTED_AT_MS};
use super::telling;
use super::{File, commit, open};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn every_migration_has_a_sample() {
    for migration in numbers(&Path::new(CRATE).join("../../migrations/sqlite")) {
        let sample = sample(&migration);
        if sample.exists() {
            continue;
        }
        let file = File::new();
        let store = file.open().await;
        fill(&store).await;
        fill_since(&store, &migration).await;
        store.close().await;
        std::fs::copy(file.path(), &sample).expect("the sample is kept");
        panic!("{} was missing and is written now: commit it", sample.display());
    }
}

#[tokio::test]
async fn a_database_of_every_earlier_version_opens_with_everything_in_it() {
    let samples = numbers(&Path::new(CRATE).join("tests/samples"));
    assert!(!samples.is_empty());
    for migration in samples {
        let oracle = Memory::new();
        fill(&oracle).await;
        fill_since(&oracle, &migration).await;
        let wanted = read(&oracle).await;
        let file = File::new();
        std::fs::copy(sample(&migration), file.path()).expect("the sample is copied");
        let store = open(&file.path()).await;
        assert_eq!(read(&store).await, wanted, "{migration}");
        for secret in ["hunter1", "hunter2", "s3cret"] {
            assert!(!file.has(secret), "{secret} is in the file of {migration}");
        }

        // And it works on: a key is still known, what was parked can go out.
        let repeat = make::accepts([make::keyed(make::accept(99, &[10]), "key-1", 1)]);
        let first = Accepted::Duplicate { event_id: make::event(1), deliveries: 2 };
        assert_eq!(commit(&store, repeat).await, [first], "{migration}");
        make::accept_all(&store, [100], &[10]).await;
        store.close().await;
    }
}

#[tokio::test]
async fn a_copy_in_postgresql_has_everything_that_the_file_had() {
    let newest = numbers(&Path::new(CRATE).join("tests/samples")).pop().expect("there is a sample");
    let oracle = Memory::new();
    fill(&oracle).await;
    fill_since(&oracle, &newest).await;
    let (file, server) = (File::new(), private_postgres::Server::shared());
    std::fs::copy(sample(&newest), file.path()).expect("the sample is copied");
    let url = server.url(&server.create(None));
    let vault = super::vault(1);
    let order = CopyOrder { source: &file.path(), target: &url, vault: &vault, now_ms: 0 };
    let copied = copy(order, &mut |_| ()).await.expect("copies");
    assert_eq!((copied.rows_of("event"), copied.rows_before, copied.strange), (6, 0, vec![]));

    let store = Postgres::open(&url, Options::new(0, vault)).await.expect("is a database like every other");
    super::database::lead(&store).await;
    assert_eq!(read(&store).await, read(&oracle).await);
    let repeat = make::accepts([make::keyed(make::accept(99, &[10]), "key-1", 1)]);
    let first = Accepted::Duplicate { event_id: make::event(1), deliveries: 2 };
    assert_eq!(commit(&store, repeat).await, [first]);
    store.close().await;
}

impl File {
    /// Whether a text is in the database's file or its log.
    fn has(&self, text: &str) -> bool {
        let paths = ["", "-wal"].map(|suffix| format!("{}{suffix}", self.path().display()));
        let mut files = paths.iter().map(|path| std::fs::read(path).expect("reads"));
        files.any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }
}

/// The numbers that files of a directory begin with, ascending.
fn numbers(directory: &Path) -> Vec<String> {
    let entries =
        std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let names = entries.map(|entry| entry.expect("is readable").file_name().to_string_lossy().into_owned());
    let mut numbers: Vec<_> =
        names.map(|name| name.chars().take_while(char::is_ascii_digit).collect::<String>()).collect();
    numbers.retain(|number| !number.is_empty());
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn sample(migration: &str) -> PathBuf {
    Path::new(CRATE).join(format!("tests/samples/{migration}.db"))
}

/// Something of everything. Samples that are kept were filled by it, so it never changes: what a later migration adds
/// goes into a function of its own.
pub async fn fill(store: &dyn Store) {
    make::create_program(store, 1).await;
    make::create_program(store, 2).await;
    let upserts = vec![
        make::endpoint_record(10, "primary"),
        EndpointRecord { is_enabled: false, auto_disabled: true, ..make::endpoint_record(20, "wh_2") },
        EndpointRecord { secret: None, ..make::endpoint_record(30, "wh_3") },
    ];
    make::apply(store, WebhooksChange { upserts, ..make::change(1) }).await;

    // Event 1 is delivered at once, 2 waits for a retry, 3 is undeliverable, 4 waits; at endpoint 20 all are parked.
    let accept = |number| {
        let mut accept = make::keyed(make::accept(number, &[10, 20]), &format!("key-{number}"), 1);
        accept.targets[1] = Target { endpoint_id: make::endpoint(20), is_parked: true };
        accept
    };
    commit(store, make::accepts((1..=4).map(accept))).await;
    make::accept_all(store, [5], &[]).await;
    make::accept_all(store, [6], &[30]).await;
    let queue = make::queue(store, 10).await;
    let failed = AttemptRecord {
        failure: Some(FailureClass::Timeout),
        status_code: None,
        message: "no answer in time".to_owned(),
        response_head: String::new(),
        response_body: Bytes::new(),
        ..make::attempt(&queue[2], After::Undeliverable)
    };
    let batch = Batch {
        outcomes: vec![
            make::delivered(&queue[0]),
            make::retried(&queue[1], ACCEPTED_AT_MS + 5000),
            Outcome { attempt: failed, remove: vec![queue[2].key], insert: None },
        ],
        health: vec![(make::endpoint(10), health()), (make::endpoint(20), HealthRecord::default())],
        ..Batch::default()
    };
    commit(store, batch).await;

    let deletes = vec![make::endpoint(30)];
    make::apply(store, WebhooksChange { deletes, ..make::change(2) }).await;
    make::move_in_steps(store, 30, Move::Delete, 100).await;
    store.save_draft(&draft(), None).await.expect("saves");
    store.save_test(&test()).await.expect("saves");
    store.save_api_key(&key(1)).await.expect("saves");
    let link = SignInLinkRecord {
        token_hash: [4; 32],
        user_id: UserId::first(),
        expires_at_ms: 9000,
        made_by: LinkMaker::Person,
    };
    store.save_sign_in_link(&link).await.expect("saves");
    // As the migration to people has one from before.
    let session = SessionRecord {
        token_hash: [5; 32],
        user_id: UserId::first(),
        team_id: None,
        created_at_ms: 10,
        last_seen_at_ms: 9000,
        expires_at_ms: 9000,
        address: None,
        api_key_id: None,
        user_agent: None,
    };
    store.save_session(&session).await.expect("saves");
}

/// What the migrations up to this one have added to what there can be.
async fn fill_since(store: &dyn Store, migration: &str) {
    if migration >= "0005" {
        make::create_program(store, 3).await;
        let upsert = EndpointRecord {
            program_id: make::program(3),
            headers: make::headers(&[("x-api-key", "s3cret"), ("authorization", "Bearer \"s3cret\"")]),
            name: Some(make::name("CRM")),
            old_secret: Some(Box::new(OldSecret { new_accepted_at_ms: Some(8), ..make::old_secret(9) })),
            ..make::endpoint_record(40, "primary")
        };
        let change =
            WebhooksChange { program_id: make::program(3), upserts: vec![upsert], ..make::change(1) };
        make::apply(store, change).await;
    }
    if migration >= "0008" {
        let count = HourCount { delivered: 7, failed: 2, undeliverable: 1 };
        let record = HourRecord { endpoint_id: make::endpoint(10), hour: 5, count };
        store.add_hours(&[record]).await.expect("writes");
    }
    if migration >= "0009" {
        let narrow = ApiKeyRecord {
            scopes: Scopes::from_iter([Scope::Events]),
            program_id: Some(make::program(1)),
            rate_limit: Some(RateLimit { second: 1, minute: 2, hour: 3 }),
            ends_with: Some("a1B2".to_owned()),
            last_used_at_ms: Some(9),
            ..key(2)
        };
        store.save_api_key(&narrow).await.expect("saves");
    }
    if migration >= "0010" {
        fill_with_people(store).await;
    }
    if migration >= "0012" {
        store.record_audit(&[audit_record(1)]).await.expect("writes");
    }
    if migration >= "0014" {
        store.beat(&health::beat(1)).await.expect("writes");
    }
    if migration >= "0013" {
        store.save_editor_link(&editor_link()).await.expect("saves");
        let start = EditorSessionStart { token_hash: [10; 32], at_ms: 15, expires_at_ms: 9000 };
        assert!(store.use_editor_link(editor_link().token_hash, start).await.expect("answers"));
    }
    if migration >= "0015" {
        store.add_incident(&incident(10)).await.expect("saves");
        store.add_incident(&maintenance(20)).await.expect("saves");
    }
    if migration >= "0016" {
        let posting = Posting {
            recipients: vec![telling::recipient(1, 10)],
            letters: vec![telling::letter(1)],
            ..Posting::default()
        };
        store.post(&posting).await.expect("posts");
    }
    if migration >= "0017" {
        store.save_address(&telling::address(1)).await.expect("saves");
    }
}

fn editor_link() -> EditorLinkRecord {
    EditorLinkRecord {
        id: "edl_1".to_owned(),
        token_hash: [9; 32],
        is_used: false,
        program_id: make::program(1),
        api_key_id: Some("key_1".to_owned()),
        label: Some("Ada of Acme".to_owned()),
        theme: Theme::Dark,
        last_seen_at_ms: 14,
        expires_at_ms: 9000,
    }
}

async fn fill_with_people(store: &dyn Store) {
    let team_id = TeamId::parse("team_2").expect("an id");
    store
        .save_team(&TeamRecord { id: team_id.clone(), name: "Others".to_owned(), created_at_ms: 5 })
        .await
        .expect("saves");
    let user = UserRecord {
        id: UserId::parse("usr_2").expect("an id"),
        name: "Ada".to_owned(),
        email: Some(Email::parse("ada@example.com").expect("an address")),
        password_hash: Some("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned()),
        oidc_subject: Some("https://id.example.com 2".to_owned()),
        created_at_ms: 6,
    };
    store.save_user(&user).await.expect("saves");
    let membership = MembershipRecord {
        team_id: team_id.clone(),
        user_id: user.id.clone(),
        role: Role::Editor,
        since_ms: 7,
    };
    store.add_member(&membership).await.expect("saves");
    let invitation = InvitationRecord {
        id: "inv_1".to_owned(),
        token_hash: [6; 32],
        team_id: team_id.clone(),
        email: Email::parse("grace@example.com").expect("an address"),
        role: Role::Viewer,
        invited_by: "Ada".to_owned(),
        made_by: None,
        created_at_ms: 8,
        expires_at_ms: 9000,
    };
    store.save_invitation(&invitation).await.expect("saves");
    let session = SessionRecord {
        token_hash: [7; 32],
        user_id: user.id.clone(),
        team_id: Some(team_id),
        created_at_ms: 10,
        last_seen_at_ms: 11,
        expires_at_ms: 9000,
        address: Some("203.0.113.7".to_owned()),
        user_agent: Some("Browser/1.0".to_owned()),
        api_key_id: None,
    };
    store.save_session(&session).await.expect("saves");
    let device =
        DeviceRecord { token_hash: [8; 32], user_id: user.id, created_at_ms: 10, expires_at_ms: 9000 };
    store.save_device(&device).await.expect("saves");
}

/// People, teams and what is theirs, as text.
async fn read_people(store: &dyn Store) -> Vec<String> {
    let teams = store.teams().await.expect("reads");
    let mut all = vec![format!("{teams:?}")];
    for team in teams {
        all.push(format!("{:?}", store.members(&team.id).await.expect("reads")));
        all.push(format!("{:?}", store.invitations(&team.id).await.expect("reads")));
    }
    all.push(format!("{:?}", store.session([7; 32], 20).await.expect("reads")));
    all.push(format!("{:?}", store.device([8; 32], 20).await.expect("reads")));
    all
}

fn key(number: u8) -> ApiKeyRecord {
    ApiKeyRecord {
        id: format!("key_{number}"),
        team_id: TeamId::first(),
        name: "CI".to_owned(),
        key_hash: [2 + number; 32],
        scopes: Scopes::USUAL,
        program_id: None,
        rate_limit: None,
        ends_with: None,
        created_at_ms: 7,
        last_used_at_ms: None,
    }
}

fn health() -> HealthRecord {
    HealthRecord {
        consecutive_failures: 2,
        last_failure_at_ms: Some(12),
        last_success_at_ms: Some(11),
        ..HealthRecord::default()
    }
}

fn draft() -> DraftRecord {
    DraftRecord {
        program_id: make::program(1),
        version: 1,
        base_version: 2,
        rows_json: "[{\"url\":\"https://example.com\"}]".to_owned(),
        saved_at_ms: 77,
    }
}

fn test() -> TestRecord {
    let id = TestId::from_number(8);
    TestRecord { id, program_id: make::program(1), started_at_ms: 9, view_json: "{\"id\":8}".to_owned() }
}

/// What [`fill`] has stored, as text; some of it is checked right here.
pub async fn read(store: &dyn Store) -> Vec<String> {
    assert_eq!(store.draft(&make::program(1)).await.expect("reads"), Some(draft()));
    assert_eq!(store.test(&make::program(1), test().id).await.expect("reads"), Some(test()));
    assert_eq!(store.health().await.expect("reads")[0], (make::endpoint(10), health()));
    assert!(store.has_sessions().await.expect("reads"));

    let endpoints = store.endpoints().await.expect("reads");
    // Debug output does not show them.
    let secrets: Vec<_> = endpoints
        .iter()
        .map(|one| {
            (
                one.secret.as_ref().map(Secret::expose),
                one.old_secret.as_ref().map(|old| old.secret.expose()),
                one.headers.expose().collect::<Vec<_>>(),
            )
        })
        .collect();
    let mut all = vec![
        format!("{secrets:?}"),
        format!("{:?}", store.highest_event_id().await.expect("reads")),
        format!("{:?}", store.programs().await.expect("reads")),
        format!("{endpoints:?}"),
        format!("{:?}", store.endpoint_url(make::endpoint(30)).await.expect("reads")),
        format!("{:?}", store.events(&make::program(1), None, 100).await.expect("reads")),
        format!("{:?}", store.event(make::event(5)).await.expect("reads")),
        format!("{:?}", store.bodies(&[make::event(2)]).await.expect("reads")),
        format!("{:?}", store.api_keys().await.expect("reads")),
        format!(
            "{:?}",
            store.audit_log(&AuditSearch { limit: 9, ..AuditSearch::default() }).await.expect("reads")
        ),
        format!("{:?}", store.session([5; 32], 20).await.expect("reads")),
        format!("{:?}", store.hours(&[make::endpoint(10)], 0).await.expect("reads")),
        format!("{:?}", store.backlog(&[10, 20, 30].map(make::endpoint), 100).await.expect("reads")),
    ];
    let queue: Vec<Pending> = make::queue(store, 10).await;
    assert_eq!(queue.iter().map(|pending| pending.attempts).collect::<Vec<_>>(), [0, 1]);
    all.push(format!("{queue:?}"));
    all.extend(read_people(store).await);
    all.push(format!("{:?}", store.editor_session([10; 32], 20).await.expect("reads")));
    all.push(format!("{:?}", store.heartbeats().await.expect("reads")));
    all.push(format!("{:?}", store.troubles().await.expect("reads")));
    all.push(format!("{:?}", store.waits(0).await.expect("reads")));
    all.push(format!("{:?}", store.open_incidents().await.expect("reads")));
    all.push(format!("{:?}", store.recipients(make::endpoint(10)).await.expect("reads")));
    all.push(format!("{:?}", store.due_letters(1000, 9).await.expect("reads")));
    all.push(format!("{:?}", store.address(&UserId::first(), &telling::email(1)).await.expect("reads")));
    for number in 1..=6 {
        all.push(format!("{:?}", store.attempts_in_full(make::delivery(number, 0)).await.expect("reads")));
    }
    all
}

//! Events emitted in SQL, up to where they are accepted or rejected.

use bytes::Bytes;
use groundswell_types::{EventId, ProgramId, RejectedEvent};
use private_postgres::Server;
use sqlx::{ConnectOptions as _, PgConnection};

use super::{Database, accepts, options};
use crate::events::MAX_EVENT_BYTES;
use crate::store::postgres::Postgres;
use crate::store::{
    Accept, Accepted, Batch, EmitStore, Emitted, EmittedId, EmittedRecord, Idempotency, RejectedSearch,
    Rejection, Store,
};

const TABLES: &str =
    "SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname IN ('public', 'groundswell') ORDER BY 1, 2";

async fn waiting(store: &Postgres) -> Vec<EmittedRecord> {
    store.emitted(EmittedId::default(), 100).await.expect("reads")
}

async fn rejected(store: &Postgres, program: Option<&str>) -> Vec<RejectedEvent> {
    store.rejected(RejectedSearch { program, before: None, limit: 100 }).await.expect("reads")
}

/// A connection of a role's own, which may not use ours.
async fn connect(database: &Database<'_>, role: &str) -> PgConnection {
    let options: sqlx::postgres::PgConnectOptions = database.url().parse().expect("a URL");
    options.username(role).connect().await.expect("connects")
}

async fn run(db: &mut PgConnection, sql: &'static str) -> Result<(), String> {
    sqlx::raw_sql(sql).execute(db).await.map(drop).map_err(|error| error.to_string())
}

/// Accepts with these event ids what was emitted as these.
fn taking(events: impl IntoIterator<Item = (i64, i64)>) -> Batch {
    let (events, ids): (Vec<_>, Vec<_>) = events.into_iter().unzip();
    Batch { emitted: ids.into_iter().map(|id| Some(EmittedId(id))).collect(), ..accepts(events) }
}

fn keyed(batch: Batch, key: &str, content: u8) -> Batch {
    let keyed = |accept: Accept| Accept {
        idempotency: Some(Idempotency {
            key: key.to_owned(),
            content_hash: [content; 32],
            valid_since_ms: 0,
        }),
        body: Bytes::from_static(br#"{"event":"CAMPAIGN_ENDED","createdAt":1,"data":{"id":"data"}}"#),
        ..accept
    };
    Batch { accepts: batch.accepts.into_iter().map(keyed).collect(), ..batch }
}

#[tokio::test]
async fn an_event_is_emitted_with_what_its_producer_does_or_not_at_all() {
    let database = Database::new();
    let store = database.open().await;
    database.sql("CREATE TABLE own (id BIGINT)");
    database.sql("BEGIN; INSERT INTO own VALUES (1); SELECT groundswell.emit('p', 'E', '{}'); ROLLBACK");
    assert_eq!(waiting(&store).await, []);
    let json = "jsonb_build_object('id', 'ü', 'n', 1.50)";
    database.sql(&format!(
        "BEGIN; INSERT INTO own VALUES (2); SELECT groundswell.emit('p', 'E', {json}, 'key');
         SELECT groundswell.emit('q', 'F', '{{\"id\" : 1.0}}'); COMMIT"
    ));
    assert_eq!(database.sql("SELECT id FROM own"), "2");
    let found = waiting(&store).await;
    let texts = |event: &EmittedRecord| {
        (event.program_id.clone(), event.event.clone(), event.data.clone(), event.idempotency_key.clone())
    };
    let row = |[program, event, data]: [&str; 3], key: Option<&str>| {
        (program.to_owned(), event.to_owned(), Some(data.to_owned()), key.map(str::to_owned))
    };
    assert_eq!(
        found.iter().map(texts).collect::<Vec<_>>(),
        [row(["p", "E", r#"{"n": 1.50, "id": "ü"}"#], Some("key")), row(["q", "F", r#"{"id" : 1.0}"#], None)]
    );
    let now_ms: i64 =
        database.sql("SELECT CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)").parse().expect("a number");
    assert!(found.iter().all(|event| (now_ms - 60_000..=now_ms + 60_000).contains(&event.created_at_ms)));
    store.close().await;
}

#[tokio::test]
async fn a_producer_needs_two_grants_and_gets_at_nothing_else() {
    const EMIT: &str = "SELECT groundswell.emit('p', 'E', '{}'::jsonb)";
    let server = Server::start();
    let database = Database::on(&server);
    let store = database.open().await;
    database.sql("CREATE ROLE producer LOGIN; CREATE ROLE stranger LOGIN");
    let mut stranger = connect(&database, "stranger").await;
    assert!(run(&mut stranger, EMIT).await.expect_err("is refused").contains("schema groundswell"));
    database.sql("GRANT USAGE ON SCHEMA groundswell TO producer, stranger");
    assert!(run(&mut stranger, EMIT).await.expect_err("is refused").contains("function emit"));
    database.sql("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA groundswell TO producer");

    let mut producer = connect(&database, "producer").await;
    run(&mut producer, EMIT).await.expect("may emit");
    run(&mut producer, "SELECT groundswell.emit('p', 'E', '{}')").await.expect("may emit");
    for sql in ["SELECT * FROM public.emitted", "DELETE FROM public.emitted", "SELECT * FROM public.event"] {
        assert!(
            run(&mut producer, sql).await.expect_err("is refused").contains("permission denied"),
            "{sql}"
        );
    }
    // What stands first in the producer's path is not what the function means.
    run(
        &mut producer,
        "CREATE TEMP TABLE emitted (id BIGINT DEFAULT 7, program_id TEXT, event TEXT, data TEXT,
             idempotency_key TEXT, created_at_ms BIGINT);
         SELECT groundswell.emit('p', 'E', '{}')",
    )
    .await
    .expect("may emit");
    assert_eq!(waiting(&store).await.len(), 3);
    store.close().await;
}

#[tokio::test]
async fn what_waits_ends_with_the_transaction_that_accepts_it_and_is_accepted_once() {
    let database = Database::new();
    let store = database.open().await;
    database.sql("SELECT groundswell.emit('program1', 'CAMPAIGN_ENDED', '{}') FROM generate_series(1, 4)");
    let answers = store.commit(&taking([(8, 1), (16, 2)])).await.expect("commits");
    assert_eq!(answers, [Accepted::New, Accepted::New]);
    // Another node has read them before, and one more that is still there; one comes over REST.
    let mut late = taking([(24, 1), (32, 3), (40, 2), (48, 0)]);
    late.emitted[3] = None;
    let answers = store.commit(&late).await.expect("commits");
    assert_eq!(answers, [Accepted::Taken, Accepted::New, Accepted::Taken, Accepted::New]);
    let stored = [8, 16, 24, 32, 40, 48].map(EventId::from_number);
    let stored = store.events_by_id(&stored).await.expect("reads");
    let mut stored: Vec<i64> = stored.iter().map(|event| event.id.number()).collect();
    stored.sort_unstable();
    assert_eq!(stored, [8, 16, 32, 48]);
    assert_eq!(waiting(&store).await.iter().map(|event| event.id.0).collect::<Vec<_>>(), [4]);

    // What is not committed waits on.
    assert!(store.commit(&taking([(8, 4)])).await.is_err(), "there is an event of that id");
    assert_eq!(waiting(&store).await.len(), 1);
    store.close().await;
}

#[tokio::test]
async fn a_key_that_was_used_with_other_content_is_rejected_in_the_same_transaction() {
    let database = Database::new();
    let store = database.open().await;
    database
        .sql("SELECT groundswell.emit('program1', 'CAMPAIGN_ENDED', '{}', 'k') FROM generate_series(1, 3)");
    let commit = async |batch| store.commit(&batch).await.expect("commits");
    assert_eq!(commit(keyed(taking([(8, 1)]), "k", 1)).await, [Accepted::New]);
    let repeated = commit(keyed(taking([(16, 2)]), "k", 1)).await;
    assert!(matches!(repeated[..], [Accepted::Duplicate { .. }]), "{repeated:?}");
    assert_eq!(commit(keyed(taking([(24, 3)]), "k", 2)).await, [Accepted::Conflict]);
    assert_eq!(waiting(&store).await, []);
    let rejected = rejected(&store, Some("program1")).await;
    let [one] = &rejected[..] else { panic!("{rejected:?}") };
    assert_eq!((one.id, one.data.as_deref(), one.data_bytes), (3, Some(r#"{"id":"data"}"#), 13));
    assert_eq!(one.idempotency_key.as_deref(), Some("k"));
    assert!(one.reason.contains("other content"), "{}", one.reason);
    store.close().await;
}

#[tokio::test]
async fn a_rejected_event_waits_no_longer_and_is_kept_with_its_reason_until_it_is_forgotten() {
    let database = Database::new();
    let store = database.open().await;
    database.sql("SELECT groundswell.emit('program' || n, 'E', '{}') FROM generate_series(1, 3) AS n");
    database.sql("SELECT groundswell.emit(REPEAT('p', 5000), REPEAT('e', 5000), REPEAT('d', 20000), REPEAT('k', 5000))");
    let reject = async |ids: &[i64], at_ms| {
        let reason = || "no".to_owned();
        let each =
            ids.iter().map(|id| Rejection { id: EmittedId(*id), reason: reason(), keeps_content: true });
        store.reject(&each.collect::<Vec<_>>(), at_ms).await.expect("commits")
    };
    assert_eq!(reject(&[1, 2], 100).await, 2);
    assert_eq!(reject(&[2, 3, 4], 200).await, 2, "one is rejected already");
    assert_eq!(waiting(&store).await, []);
    let ids = |events: Vec<RejectedEvent>| events.iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(ids(rejected(&store, None).await), [4, 3, 2, 1]);
    let of_one = rejected(&store, Some("program2")).await;
    assert_eq!((of_one[0].reason.as_str(), of_one[0].rejected_at), ("no", 100));
    let large = rejected(&store, None).await.remove(0);
    assert_eq!((large.campaign_id.len(), large.event.len(), large.data), (255, 255, None));
    assert_eq!((large.data_bytes, large.idempotency_key.map(|key| key.len())), (20_000, Some(255)));

    let program = ProgramId::parse("program1").expect("an id");
    assert_eq!(store.forget_rejected(Some(&program), 101, 10).await.expect("forgets"), 1);
    assert_eq!(store.forget_rejected(Some(&program), 101, 10).await.expect("forgets"), 0);
    assert_eq!(store.forget_rejected(None, 201, 2).await.expect("forgets"), 2);
    assert_eq!(store.erase_emitted(Emitted::Rejected, &[EmittedId(4)]).await.expect("erases"), 1);
    assert_eq!(rejected(&store, None).await, []);
    store.close().await;
}

#[tokio::test]
async fn what_is_read_at_once_is_bounded_and_what_is_too_large_is_not_read() {
    let database = Database::new();
    let store = database.open().await;
    let emit =
        |bytes: usize| database.sql(&format!("SELECT groundswell.emit('p', 'E', REPEAT('x', {bytes}))"));
    for bytes in [MAX_EVENT_BYTES + 1, 3_000_000, 2_000_000, 10] {
        emit(bytes);
    }
    let read = async |after| {
        let read = store.emitted(EmittedId(after), 100).await.expect("reads");
        read.into_iter().map(|event| (event.id.0, event.data.map(|data| data.len()))).collect::<Vec<_>>()
    };
    assert_eq!(read(0).await, [(1, None)]);
    assert_eq!(read(1).await, [(2, Some(3_000_000)), (3, Some(2_000_000))]);
    assert_eq!(read(3).await, [(4, Some(10))]);
    store.close().await;
}

/// The schema has the name that roles for Groundswell often have; then it stands before `public` in their search path.
#[tokio::test]
async fn a_role_called_groundswell_finds_its_tables_where_they_were() {
    let server = Server::start();
    let database = Database::on(&server);
    database.sql("CREATE ROLE groundswell LOGIN");
    database.sql(&format!("ALTER DATABASE {} OWNER TO groundswell", database.name));
    let url = database.url().replace("postgres@", "groundswell@");
    let open = async |at_ms| {
        let options = super::super::Options { opened_at_ms: at_ms, ..options() };
        Postgres::open(&url, options).await.expect("opens")
    };
    let store = open(0).await;
    store.commit(&accepts([8])).await.expect("commits");
    store.close().await;
    let store = open(40 * 86_400_000).await;
    assert!(store.event(EventId::from_number(8)).await.expect("reads").is_some());
    store
        .commit(&accepts([crate::id::first_of_day(20_513).expect("a day").number()]))
        .await
        .expect("commits");
    database.sql("SELECT groundswell.emit('p', 'E', '{}')");
    assert_eq!(waiting(&store).await.len(), 1);
    store.close().await;
    let tables = database.sql(TABLES);
    assert!(tables.contains("public|_sqlx_migrations") && tables.contains("public|event_2026"), "{tables}");
    assert!(!tables.contains("groundswell|"), "{tables}");
}

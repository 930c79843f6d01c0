//! Where secrets are, and where they are not.

use groundswell_types::editor::ChangedBy;
use groundswell_types::{Currency, ProgramId, ProgramStatus, ProgramType, Secret, WebhookHeaders, WebhookId};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row, SqliteConnection};

use super::{File, execute, options, vault};
use crate::store::sql::Database as _;
use crate::store::sqlite::{Options, Sqlite};
use crate::store::{
    DraftRecord, EndpointId, EndpointRecord, OldSecret, OldSecretChange, ProgramRecord, SettingsChange,
    Store, StoreError, WebhooksChange,
};

const SECRET: &str = "correct horse battery staple";
const OLD_SECRET: &str = "a battery of old horses";
const HEADER_VALUE: &str = "a key of somebody else's";
const HEADERS: &str = "[[\"x-api-key\",\"a key of somebody else's\"]]";
const DRAFTED: &str = "a secret that nobody has published";

/// What a draft had before it was saved again.
const GONE: &str = "a secret that was thought better of";

const ALL: [&str; 5] = [SECRET, OLD_SECRET, HEADER_VALUE, DRAFTED, GONE];

fn program() -> ProgramId {
    ProgramId::parse("program1").expect("a valid id")
}

fn change(version: i64, upserts: Vec<EndpointRecord>, deletes: Vec<EndpointId>) -> SettingsChange {
    SettingsChange::Webhooks(WebhooksChange {
        program_id: program(),
        version,
        upserts,
        deletes,
        notices: Vec::new(),
        clears_draft: false,
        by: ChangedBy::Rest,
        at_ms: 500,
    })
}

async fn publish(store: &Sqlite) {
    let program = ProgramRecord {
        id: program(),
        team_id: groundswell_types::TeamId::first(),
        name: String::new(),
        kind: ProgramType::Referral,
        status: ProgramStatus::Draft,
        currency: Currency::default(),
        created_at_ms: 1,
        webhooks_version: 0,
        retention: None,
    };
    let endpoint = EndpointRecord {
        id: EndpointId(10),
        program_id: program.id.clone(),
        public_id: WebhookId::parse("primary").expect("a valid id"),
        url: "https://example.com".to_owned(),
        events: Vec::new(),
        is_enabled: true,
        auto_disabled: false,
        secret: Some(Secret::parse(SECRET).expect("a valid secret")),
        created_at_ms: 1,
        parked_at_ms: None,
        timeout: None,
        headers: WebhookHeaders::parse([("X-Api-Key", HEADER_VALUE)]).expect("valid headers"),
        name: None,
        old_secret: Some(Box::new(OldSecret {
            secret: Secret::parse(OLD_SECRET).expect("a valid secret"),
            ends_at_ms: 5,
            new_accepted_at_ms: None,
        })),
    };
    store.apply(&SettingsChange::CreateProgram(program)).await.expect("applies");
    store.apply(&change(1, vec![endpoint], Vec::new())).await.expect("applies");
}

#[tokio::test]
async fn history_keeps_what_was_live_without_secrets() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    store.apply(&change(2, Vec::new(), vec![EndpointId(10)])).await.expect("applies");
    store.apply(&change(3, Vec::new(), Vec::new())).await.expect("applies");

    let mut db = store.reader().await.expect("reads");
    let rows = sqlx::query("SELECT version, at_ms, rows_json FROM publication ORDER BY version");
    let rows = rows.fetch_all(&mut *db).await.expect("reads");
    let history: Vec<(i64, i64, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let first = r#"{"by":"rest","webhooks":[{"endpointId":10,"id":"primary","payloadUrl":"https://example.com","events":[],"isEnabled":true,"autoDisabled":false,"hasSecret":true,"headerNames":["x-api-key"]}]}"#;
    // The third changed no webhook.
    assert_eq!(history, [(1, 500, first.to_owned()), (2, 500, r#"{"by":"rest","webhooks":[]}"#.to_owned())]);
}

#[tokio::test]
async fn a_removed_webhook_keeps_its_url_but_nothing_that_is_secret() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    let sealed = columns(&store).await;
    assert!(sealed.iter().all(|text| text.as_ref().is_some_and(|text| text.starts_with("1:"))), "{sealed:?}");
    store.apply(&change(2, Vec::new(), vec![EndpointId(10)])).await.expect("applies");
    assert_eq!(columns(&store).await, [None, None, None]);
    assert!(store.endpoint_url(EndpointId(10)).await.expect("reads").is_some());
}

/// `secret`, `old_secret` and `headers` as the file has them.
async fn columns(store: &Sqlite) -> [Option<String>; 3] {
    let mut db = store.reader().await.expect("reads");
    let row = sqlx::query("SELECT secret, old_secret, headers FROM endpoint");
    let row = row.fetch_one(&mut *db).await.expect("reads");
    [0, 1, 2].map(|column| row.get(column))
}

/// A copy of a secret has no worth either.
#[tokio::test]
async fn what_is_erased_is_not_left_behind_in_the_file() {
    for deletes in [Vec::new(), vec![EndpointId(10)]] {
        let file = File::new();
        let store = file.open().await;
        publish(&store).await;
        let [secret, old_secret, headers] = columns(&store).await.map(|text| text.expect("is there"));
        let erased = OldSecretChange { program_id: program(), endpoint_id: EndpointId(10), old_secret: None };
        let mut gone = vec![&old_secret];
        if deletes.is_empty() {
            store.apply(&SettingsChange::OldSecret(erased)).await.expect("applies");
        } else {
            store.apply(&change(2, Vec::new(), deletes)).await.expect("applies");
            gone.extend([&secret, &headers]);
        }
        store.checkpoint().await.expect("copies the log");
        store.close().await;
        for text in [&secret, &old_secret, &headers] {
            assert_eq!(file.has(text), !gone.contains(&text), "{text}, of which {gone:?} are gone");
        }
    }
}

fn draft(rows_json: String) -> DraftRecord {
    DraftRecord { program_id: program(), version: 1, base_version: 1, rows_json, saved_at_ms: 5 }
}

#[tokio::test]
async fn no_secret_is_in_the_file_or_its_log() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    store.save_draft(&draft(format!("[\"{DRAFTED}\"]")), None).await.expect("saves");
    // Once while all of it is in the log, once when none of it is.
    for _ in 0..2 {
        assert!(file.has("https://example.com"), "the test would find it");
        for secret in ALL {
            assert!(!file.has(secret), "{secret}");
        }
        store.checkpoint().await.expect("copies the log");
    }
}

/// Also what was there before: in free pages, and in unused parts of others.
#[tokio::test]
async fn a_database_of_an_earlier_version_keeps_nothing_plain() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    store.close().await;
    let mut db = plain(&file).await;
    let long = format!("{DRAFTED}{}{GONE}", "x".repeat(100_000));
    for (sql, texts) in [
        ("UPDATE endpoint SET secret = $1, old_secret = $2", vec![SECRET, OLD_SECRET]),
        ("INSERT INTO draft VALUES ($1, 1, 1, $2, 5)", vec!["program1", &long]),
        ("UPDATE draft SET rows_json = $1", vec![DRAFTED]),
        ("UPDATE endpoint SET headers = $1", vec![HEADERS]),
        ("DELETE FROM secrets_key", vec![]),
    ] {
        let query = texts.into_iter().fold(sqlx::query(sql), |query, text| query.bind(text.to_owned()));
        query.execute(&mut db).await.expect("is written");
    }
    db.close().await.expect("closes");
    std::fs::write(file.directory.path().join("groundswell.db.inbox"), HEADER_VALUE).expect("writes");
    for secret in ALL {
        assert!(file.has(secret), "the test would find {secret}");
    }

    let store = file.open().await;
    for secret in ALL {
        assert!(!file.has(secret), "{secret}");
    }
    let endpoint = store.endpoints().await.expect("reads").remove(0);
    assert_eq!(endpoint.secret.as_ref().map(Secret::expose), Some(SECRET));
    assert_eq!(endpoint.old_secret.map(|old| old.secret.expose().to_owned()).as_deref(), Some(OLD_SECRET));
    assert_eq!(endpoint.headers.expose().collect::<Vec<_>>(), [("x-api-key", HEADER_VALUE)]);
    let found = store.draft(&program()).await.expect("reads").expect("is there");
    assert_eq!(found.rows_json, DRAFTED);
}

#[tokio::test]
async fn leftovers_are_removed_by_the_next_start_if_this_one_does_not_come_to_it() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    store.close().await;
    let mut db = plain(&file).await;
    for sql in [
        "CREATE TABLE junk AS SELECT 'a secret of long ago' AS text",
        "DROP TABLE junk",
        "INSERT INTO meta (name, value) VALUES ('secrets_leftovers', 1)",
    ] {
        sqlx::query(sql).execute(&mut db).await.expect("is written");
    }
    db.close().await.expect("closes");
    assert!(file.has("a secret of long ago"));
    file.open().await.close().await;
    assert!(!file.has("a secret of long ago"));
    file.open().await.close().await;
}

#[tokio::test]
async fn another_key_is_refused_and_changes_nothing() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    let sealed = columns(&store).await;
    store.close().await;
    let other = Options { vault: vault(2), ..options() };
    let error = Sqlite::open(&file.path(), other).await.expect_err("is refused");
    assert!(matches!(error, StoreError::Unusable(_)), "{error:?}");
    let names = [vault(1), vault(2)].map(|vault| vault.key_id().to_string());
    assert!(names.iter().all(|name| error.to_string().contains(name)), "{error}");
    assert_eq!(columns(&file.open().await).await, sealed);
}

#[tokio::test]
async fn a_rotated_database_has_the_new_key_alone_and_nothing_of_the_old_one() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    store.save_draft(&draft(DRAFTED.to_owned()), None).await.expect("saves");
    let before = columns(&store).await.map(|text| text.expect("is there"));
    let in_use = Sqlite::rotate(&file.path(), options(), &vault(2)).await.expect_err("is in use");
    assert!(in_use.to_string().contains("is in use by"), "{in_use}");
    store.close().await;

    Sqlite::rotate(&file.path(), options(), &vault(2)).await.expect("rotates");
    for sealed in &before {
        assert!(!file.has(sealed), "{sealed}");
    }
    Sqlite::open(&file.path(), options()).await.expect_err("the old key is refused");
    Sqlite::rotate(&file.path(), options(), &vault(3)).await.expect_err("the old key is refused");
    let store = Sqlite::open(&file.path(), Options { vault: vault(2), ..options() }).await.expect("opens");
    let endpoint = store.endpoints().await.expect("reads").remove(0);
    assert_eq!(endpoint.secret.as_ref().map(Secret::expose), Some(SECRET));
    assert_eq!(store.draft(&program()).await.expect("reads"), Some(draft(DRAFTED.to_owned())));
}

/// Who can write to the database cannot make a webhook send what is another one's.
#[tokio::test]
async fn a_secret_that_was_put_somewhere_else_is_damage_and_not_shown() {
    let file = File::new();
    let store = file.open().await;
    publish(&store).await;
    execute(&store, "UPDATE endpoint SET old_secret = secret").await;
    let error = store.endpoints().await.expect_err("is in the wrong place");
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "stored data is damaged: endpoint.old_secret of 10 was changed, or belongs somewhere else"
    );
}

/// A connection that leaves behind what it replaces.
async fn plain(file: &File) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file.path()).pragma("secure_delete", "OFF");
    options.connect().await.expect("opens")
}

impl File {
    /// Whether a text is in anything that lies beside the database, or in it.
    fn has(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.directory.path()).expect("reads");
        let mut files = files.map(|file| std::fs::read(file.expect("reads").path()).expect("reads"));
        files.any(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }
}
